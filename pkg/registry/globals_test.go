package registry

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// withGlobals makes a backup with globals, as a run does: they are written before the manifest.
func withGlobals(ctx context.Context, r *Registry, b Backup) (Backup, error) {
	return makeWith(ctx, r, b, func(l *Lease, done *Backup) error {
		kept, err := l.PutGlobals(ctx, []byte("globals of "+b.ID))
		done.Globals = &kept
		return err
	})
}

// A run that dies anywhere leaves no success whose globals are not there, and no globals without their success.
func TestDeathAtEveryStepWithGlobals(t *testing.T) {
	dieAtEveryStep(t, globalsBeside, withGlobals, (*Registry).GetGlobals)
}

// What is not what was written is refused, and goes with its backup; so does what is nobody's.
func TestGetGlobals(t *testing.T) {
	ctx := context.Background()
	stores(t, func(t *testing.T, store storage.Store) {
		r := New(store, Options{})
		b, err := withGlobals(ctx, r, record("a.dump"))
		must(t, err)
		old, err := makeBackup(ctx, r, record("old.dump"), "old")
		must(t, err)
		_, err = r.GetGlobals(ctx, old)
		wantReason(t, err, fault.GlobalsMissing)
		failed := b
		failed.Globals = &Globals{Missing: "out of luck"}
		if _, err = r.GetGlobals(ctx, failed); !fault.HasReason(err, fault.GlobalsMissing) || !strings.Contains(fault.From(err).Message, "out of luck") {
			t.Errorf("why there are none is not said: %v", err)
		}
		for _, other := range []string{"globals of another", strings.Repeat("x", MaxGlobals+1)} {
			_, err = store.Put(ctx, GlobalsKey(b), []byte(other), storage.PutOptions{})
			must(t, err)
			_, err = r.GetGlobals(ctx, b)
			if !fault.HasReason(err, fault.ChecksumMismatch) && !fault.HasReason(err, fault.StructureDamaged) {
				t.Errorf("%d other bytes: %v", len(other), err)
			}
		}
		must(t, store.Delete(ctx, GlobalsKey(b)))
		_, err = r.GetGlobals(ctx, b)
		wantReason(t, err, fault.ObjectMissing)
		_, err = store.Put(ctx, GlobalsKey(b), []byte("globals of "+b.ID), storage.PutOptions{})
		must(t, err)
		strays := []string{GlobalsKey(Backup{ID: newID(), Encryption: "age"}), GlobalsKey(Backup{ID: newID()})}
		for _, key := range append(strays, GlobalsPrefix+"notes.sql") {
			_, err = store.Put(ctx, key, []byte("x"), storage.PutOptions{})
			must(t, err)
		}
		_, err = r.Reconcile(ctx)
		must(t, err)
		for _, key := range strays {
			if _, err := store.Head(ctx, key); !storage.IsNotFound(err) {
				t.Errorf("nobody's globals are left: %v", err)
			}
		}
		if _, err := store.Head(ctx, GlobalsPrefix+"notes.sql"); err != nil {
			t.Errorf("what is not cofre's was removed: %v", err)
		}
		if _, err := r.GetGlobals(ctx, b); err != nil {
			t.Errorf("a backup's globals were swept: %v", err)
		}
		// The record of them outlives the index.
		must(t, store.Delete(ctx, IndexKey))
		v, err := r.Read(ctx)
		must(t, err)
		if again, ok, err := v.Find(ctx, b.ID); err != nil || !ok || again.Globals == nil || !reflect.DeepEqual(again.Globals, b.Globals) {
			t.Errorf("rebuilt: %+v (%v)", again, err)
		}
		_, err = r.Remove(ctx, b.ID, "")
		must(t, err)
		if _, err := store.Head(ctx, GlobalsKey(b)); !storage.IsNotFound(err) {
			t.Errorf("globals outlive their backup: %v", err)
		}
	})
}

// What cannot have been written by cofre is not believed.
func TestGlobalsBelievable(t *testing.T) {
	good := Globals{Size: 10, SHA256: strings.Repeat("ab", 32), Passwords: true}
	if !good.believable() || !(Globals{Missing: "x"}).believable() {
		t.Error("what cofre writes is not believed")
	}
	for name, change := range map[string]func(*Globals){
		"no hash": func(g *Globals) { g.SHA256 = "" }, "half a hash": func(g *Globals) { g.SHA256 = g.SHA256[:32] }, "no hex": func(g *Globals) { g.SHA256 = strings.Repeat("x", 64) },
		"no size": func(g *Globals) { g.Size = 0 }, "too large": func(g *Globals) { g.Size = MaxGlobals + 1 }, "missing and there": func(g *Globals) { g.Missing = "x" },
	} {
		g := good
		change(&g)
		b := Backup{ID: newID(), Status: Success, Attempt: 1, Globals: &g}
		if b.doubt(); b.Globals != nil {
			t.Errorf("%s: is believed", name)
		}
	}
}
