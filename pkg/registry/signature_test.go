package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// signing are options of a registry whose signatures are the signed bytes themselves.
func signing() Options {
	return Options{
		Sign: func(_ context.Context, m []byte) ([]byte, error) { return append([]byte("signed "), m...), nil },
		Check: func(m, sig []byte) error {
			if !bytes.Equal(sig, append([]byte("signed "), m...)) {
				return errors.New("not signed")
			}
			return nil
		},
	}
}

// A run that dies anywhere leaves no success without a signature, and no signature without its success.
func TestDeathAtEveryStepWithASignature(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	signed := 0
	for n := 1; ; n++ {
		hook, calls := storagetest.DieAt(n)
		b := record(fmt.Sprintf("n%d.dump", n))
		_, err := makeBackup(ctx, New(storagetest.Faulty(store, hook), signing()), b, "content")
		last := calls() < n
		if last {
			must(t, err)
		}
		rep, err := later(store).Reconcile(ctx)
		must(t, err)
		if len(rep.Problems) > 0 {
			t.Errorf("death %d: %v", n, rep.Problems)
		}
		r := New(store, signing())
		_, noSig := store.Head(ctx, SignatureKey(b.ID))
		m, err := r.manifest(ctx, b.ID)
		switch {
		case err == nil && m.Backup.Status == Success:
			signed++
			if got, err := r.Signed(ctx, b.ID); err != nil || got.Backup.Checksum != m.Backup.Checksum {
				t.Errorf("death %d: a success is not signed: %v", n, err)
			}
		case !storage.IsNotFound(noSig):
			t.Errorf("death %d: a signature without a success: %v", n, noSig)
		}
		if last {
			break
		}
	}
	if signed < 2 {
		t.Errorf("%d were successes", signed)
	}
}

// What Signed does not take, and why.
func TestSigned(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	r := New(store, signing())
	a, err := makeBackup(ctx, r, record("a.dump"), "a")
	must(t, err)
	b, err := makeBackup(ctx, r, record("b.dump"), "b")
	must(t, err)
	old, err := makeBackup(ctx, New(store, Options{}), record("old.dump"), "old")
	must(t, err)
	want := func(name, id string, reason fault.Reason) {
		t.Helper()
		if _, err := r.Signed(ctx, id); !fault.HasReason(err, reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	want("from before the key", old.ID, fault.SignatureMissing)
	want("unknown", record("x.dump").ID, fault.SignatureMissing)
	manifest, _, err := store.Get(ctx, ManifestKey(a.ID))
	must(t, err)
	sig, _, err := store.Get(ctx, SignatureKey(a.ID))
	must(t, err)
	for key, data := range map[string][]byte{ManifestKey(b.ID): manifest, SignatureKey(b.ID): sig} {
		_, err := store.Put(ctx, key, data, storage.PutOptions{})
		must(t, err)
	}
	want("another backup's, signed", b.ID, fault.SignatureWrong)
	_, err = store.Put(ctx, ManifestKey(a.ID), bytes.Replace(manifest, []byte(a.Checksum), []byte(strings.Repeat("0", 64)), 1), storage.PutOptions{})
	must(t, err)
	want("changed", a.ID, fault.SignatureWrong)
	must(t, store.Delete(ctx, ManifestKey(a.ID)))
	want("rebuilt from tags", a.ID, fault.SignatureMissing)
}

// A manifest that is replaced after its signature was looked at does not say where tables lie.
func TestLayoutOfASignedManifest(t *testing.T) {
	ctx := t.Context()
	store := storagetest.NewLocal(t)
	r := New(store, signing())
	l := begin(t, r, record("a.dump"))
	l.SetLayout(&Layout{HeadLength: 7})
	b, err := runBackup(ctx, l, "content")
	must(t, err)
	if _, err := r.Signed(ctx, b.ID); err != nil {
		t.Fatal(err)
	}
	if layout, err := r.Layout(ctx, b.ID); err != nil || layout == nil || layout.HeadLength != 7 {
		t.Fatalf("%+v, %v", layout, err)
	}
	good, _, err := store.Get(ctx, ManifestKey(b.ID))
	must(t, err)
	_, err = store.Put(ctx, ManifestKey(b.ID), bytes.Replace(good, []byte(`"headLength": 7`), []byte(`"headLength": 8`), 1), storage.PutOptions{})
	must(t, err)
	_, err = r.Layout(ctx, b.ID)
	wantReason(t, err, fault.SignatureWrong)
	must(t, store.Delete(ctx, SignatureKey(b.ID)))
	if layout, err := r.Layout(ctx, b.ID); err != nil || layout != nil {
		t.Errorf("without a signature: %+v, %v", layout, err)
	}
	if layout, err := New(store, Options{}).Layout(ctx, b.ID); err != nil || layout.HeadLength != 8 {
		t.Errorf("where none is asked for: %+v, %v", layout, err)
	}
}
