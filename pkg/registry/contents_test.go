package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// containing makes a backup with contents, as a run does: they are written before the manifest.
func containing(ctx context.Context, r *Registry, b Backup) (Backup, error) {
	return makeWith(ctx, r, b, func(l *Lease, done *Backup) error {
		kept, err := l.PutContents(ctx, []byte("contents of "+b.ID))
		done.Contents = &kept
		return err
	})
}

// A run that dies anywhere leaves no success whose contents are not there, and no contents without their success.
func TestDeathAtEveryStepWithContents(t *testing.T) {
	dieAtEveryStep(t, contentsBeside, containing, (*Registry).GetContents)
}

// What is not what was written is refused, and goes with its backup.
func TestGetContents(t *testing.T) {
	ctx := context.Background()
	stores(t, func(t *testing.T, store storage.Store) {
		r := New(store, Options{})
		b, err := containing(ctx, r, record("a.dump"))
		must(t, err)
		old, err := makeBackup(ctx, r, record("old.dump"), "old")
		must(t, err)
		_, err = r.GetContents(ctx, old)
		wantReason(t, err, fault.ContentsMissing)
		failed := b
		failed.Contents = &Contents{Missing: "out of luck"}
		if _, err = r.GetContents(ctx, failed); !strings.Contains(fault.From(err).Message, "out of luck") {
			t.Errorf("why there is none is not said: %v", err)
		}
		_, err = store.Put(ctx, ContentsKey(b), []byte("contents of another"), storage.PutOptions{})
		must(t, err)
		_, err = r.GetContents(ctx, b)
		wantReason(t, err, fault.ChecksumMismatch)
		must(t, store.Delete(ctx, ContentsKey(b)))
		_, err = r.GetContents(ctx, b)
		wantReason(t, err, fault.ContentsMissing)
		_, err = store.Put(ctx, ContentsKey(b), []byte("contents of "+b.ID), storage.PutOptions{})
		must(t, err)
		// Nobody's: of no backup, and of one whose manifest is gone.
		stray := ContentsKey(Backup{ID: newID(), Encryption: "age"})
		_, err = store.Put(ctx, stray, []byte("x"), storage.PutOptions{})
		must(t, err)
		_, err = r.Reconcile(ctx)
		must(t, err)
		if _, err := store.Head(ctx, stray); !storage.IsNotFound(err) {
			t.Errorf("nobody's contents are left: %v", err)
		}
		if _, err := r.GetContents(ctx, b); err != nil {
			t.Errorf("a backup's contents were swept: %v", err)
		}
		_, err = r.Remove(ctx, b.ID, "")
		must(t, err)
		if _, err := store.Head(ctx, ContentsKey(b)); !storage.IsNotFound(err) {
			t.Errorf("contents outlive their backup: %v", err)
		}
	})
}

// What cannot have been written by cofre is not believed.
func TestContentsBelievable(t *testing.T) {
	sum := sha256.Sum256(nil)
	good := Contents{Size: 10, SHA256: hex.EncodeToString(sum[:]), Tables: 3, Rows: 4, Compared: newID(), Lost: 1, Warnings: []RowsLost{{"t", 10, 1, 90, false}}}
	if !good.believable() || !(Contents{Missing: "x"}).believable() {
		t.Error("what cofre writes is not believed")
	}
	for name, change := range map[string]func(*Contents){
		"no hash": func(c *Contents) { c.SHA256 = "" }, "half a hash": func(c *Contents) { c.SHA256 = c.SHA256[:32] }, "no hex": func(c *Contents) { c.SHA256 = strings.Repeat("x", 64) },
		"no size": func(c *Contents) { c.Size = 0 }, "too large": func(c *Contents) { c.Size = storage.MaxSmall + 1 }, "missing and there": func(c *Contents) { c.Missing = "x" },
		"rows below 0": func(c *Contents) { c.Rows = -1 }, "more than all lost": func(c *Contents) { c.Warnings[0].Percent = 101 }, "no id": func(c *Contents) { c.Compared = "../x" },
		"a thousand warnings": func(c *Contents) { c.Warnings = make([]RowsLost, 1000) },
	} {
		c := good
		c.Warnings = append([]RowsLost(nil), good.Warnings...)
		change(&c)
		if c.believable() {
			t.Errorf("%s: is believed", name)
		}
	}
	long := Contents{Missing: strings.Repeat("x", 1<<20), Warnings: []RowsLost{{Table: strings.Repeat("x", 1<<20)}}}.bounded()
	if n := len(long.Missing) + len(long.Warnings[0].Table); n > 4096 {
		t.Errorf("a record may hold %d bytes of it", n)
	}
}
