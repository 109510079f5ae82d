package backup_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// over is the service over another store.
func (w *world) over(store storage.Store, o registry.Options) *backup.Service {
	c := w.Service.Config
	c.Store, c.Registry = store, registry.New(store, o)
	return backup.New(c)
}

// The object that is looked at last is not the one that was written: its tags were taken for new contents of the same length or
// of another, or it is gone. Such a backup has failed, and nothing is left of it.
func TestTheLastLookFailsABackup(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	good := w.create(backup.Request{})
	content := w.object(good)
	for name, c := range map[string]struct {
		reason fault.Reason
		change func(key string) error
	}{
		"the same length": {fault.ChecksumMismatch, func(key string) error {
			_, err := w.Store.Put(context.Background(), key, bytes.Repeat([]byte("x"), len(content)), storage.PutOptions{})
			return err
		}},
		"tags": {fault.ChecksumMismatch, func(key string) error {
			_, err := w.Store.Put(context.Background(), key, []byte("<Tagging/>"), storage.PutOptions{})
			return err
		}},
		"gone": {fault.NotFound, func(key string) error { return w.Store.Delete(context.Background(), key) }},
	} {
		t.Run(name, func(t *testing.T) {
			changed := false
			service := w.over(storagetest.Faulty(w.Store, func(op, key string) error {
				if op != "after set-tags" || !strings.HasPrefix(key, registry.FilesPrefix) {
					return nil
				}
				changed = true
				return c.change(key)
			}), registry.Options{})
			b, err := service.Create(t.Context(), backup.Request{}, nil)
			if !changed || !fault.HasReason(err, c.reason) {
				t.Fatalf("changed: %v; %v", changed, err)
			}
			if got, err := w.Service.Info(t.Context(), b.ID); err != nil || got.Status != registry.Failed || got.Checksum != "" {
				t.Errorf("its record is %+v, %v", got, err)
			}
			// What came in its place bears no mark of this backup: it stays, and is no backup.
			if _, err := w.Store.Head(t.Context(), b.Filepath); err == nil {
				if err := w.Store.Delete(t.Context(), b.Filepath); err != nil {
					t.Error(err)
				}
			}
			w.nothingLeft()
		})
	}
	if v, err := w.Service.Validate(t.Context(), good.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
		t.Errorf("the backup before: %+v, %v", v, err)
	}
}

// signing are options of a registry whose signatures are the signed bytes themselves.
func signing() registry.Options {
	return registry.Options{
		Sign: func(_ context.Context, m []byte) ([]byte, error) { return m, nil },
		Check: func(m, sig []byte) error {
			if !bytes.Equal(m, sig) {
				return errors.New("not signed")
			}
			return nil
		},
	}
}

// Whoever may write to the storage puts another object in the place of a signed one, between the look at its SHA-256 and the reading
// of what is restored: found before anything is touched.
func TestReplacedAfterTheProof(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	b, err := w.over(w.Store, signing()).Create(t.Context(), backup.Request{Format: "plain", Compression: "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	content := w.object(b)
	evil := bytes.Replace(content, []byte("CREATE SCHEMA sales;"), []byte("CREATE SCHEMA evil; "), 1)
	if len(evil) != len(content) || bytes.Equal(evil, content) {
		t.Fatal("the script is not what this test thinks")
	}
	opened := 0
	service := w.over(storagetest.Faulty(w.Store, func(op, key string) error {
		if op != "before open" || key != b.Filepath {
			return nil
		}
		if opened++; opened == 1 {
			return nil
		}
		_, err := w.Store.Put(context.Background(), key, evil, storage.PutOptions{})
		return err
	}), signing())
	url := testenv.Postgres(t, 18).NewDatabase(t)
	_, err = service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: url})
	want(t, err, fault.Validation, fault.ChecksumMismatch)
	if !strings.Contains(err.Error(), "replaced after") {
		t.Error(err)
	}
	if opened < 2 || fingerprint(t, url).Tables != 0 {
		t.Errorf("opened %d times; the target has tables", opened)
	}
}

// A manifest may say of an archive whatever somebody wrote there: no table of contents is read that could fill the memory.
func TestLayoutThatCannotBe(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	b := w.create(backup.Request{})
	key := registry.ManifestKey(b.ID)
	manifest, _, err := w.Store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`"headLength": ?[0-9]+`)
	if !head.Match(manifest) {
		t.Fatalf("%s", manifest)
	}
	for _, n := range []string{"-1", "0", "1099511627776", "9223372036854775807"} {
		if _, err := w.Store.Put(t.Context(), key, head.ReplaceAll(manifest, []byte(`"headLength": `+n)), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: testenv.Postgres(t, 18).NewDatabase(t), Jobs: 2})
		want(t, err, fault.Validation, fault.StructureDamaged)
	}
}

// A service that cannot be tried out may have what is needed to settle what dead runs left.
func TestDoctorDoesWhatItCan(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	w.create(backup.Request{})
	dead, err := w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil {
		t.Fatal(err)
	}
	service := w.over(storagetest.Faulty(w.Store, func(op, key string) error {
		if op == "before probe" {
			return fault.Wrap(errors.New("no"), fault.Permission, fault.AccessDenied, "Grant it.", "the scratch object may not be written")
		}
		return nil
	}), registry.Options{Ahead: time.Hour})
	d := service.Doctor(t.Context())
	found := map[string]string{}
	for _, c := range d.Checks {
		found[c.Name] = c.Result + " " + c.Detail
	}
	if d.OK || !strings.HasPrefix(found["storage"], "failed ") || !strings.HasPrefix(found["registry"], "ok 1 good") || !strings.Contains(found["leftovers"], "1 marked failed") ||
		!strings.HasPrefix(found["database"], "ok ") || found["encryption"] == "" || found["signing"] == "" {
		t.Errorf("%v", found)
	}
	if b, err := w.Service.Info(t.Context(), dead.ID); err != nil || b.Status != registry.Failed {
		t.Errorf("the dead run's backup is %s, %v", b.Status, err)
	}
	w.nothingLeft()
}
