package registry

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// makeWith makes a backup as a run does; put writes what lies beside it, before the manifest, and notes that in the record.
func makeWith(ctx context.Context, r *Registry, b Backup, put func(*Lease, *Backup) error) (Backup, error) {
	b, err := r.Reserve(ctx, b, []byte("{}"), time.Minute, agree)
	if err != nil {
		return b, err
	}
	l, err := r.Claim(ctx, b.ID, newID())
	if err != nil {
		return b, err
	}
	done, err := transfer(ctx, l, "content")
	if err != nil {
		return b, err
	}
	if err := put(l, &done); err != nil {
		return b, err
	}
	return done, commitBackup(ctx, l, done)
}

// dieAtEveryStep lets runs die anywhere: none leaves a success without what is to lie beside it, which holds its prefix's name and the
// backup's id, or that without its success.
func dieAtEveryStep(t *testing.T, k beside, run func(context.Context, *Registry, Backup) (Backup, error), get func(*Registry, context.Context, Backup) ([]byte, error)) {
	t.Helper()
	what := k.prefix[:len(k.prefix)-1]
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	good := 0
	for n := 1; ; n++ {
		hook, calls := storagetest.DieAt(n)
		b := record(fmt.Sprintf("n%d.dump", n))
		_, err := run(ctx, New(storagetest.Faulty(store, hook), Options{}), b)
		last := calls() < n
		if last {
			must(t, err)
		}
		rep, err := later(store).Reconcile(ctx)
		must(t, err)
		if len(rep.Problems) > 0 {
			t.Errorf("death %d: %v", n, rep.Problems)
		}
		r := New(store, Options{})
		_, missing := store.Head(ctx, k.key(b))
		m, err := r.manifest(ctx, b.ID)
		switch {
		case err == nil && m.Backup.Status == Success:
			good++
			if got, err := get(r, ctx, m.Backup); err != nil || string(got) != what+" of "+b.ID {
				t.Errorf("death %d: a success has the %s %q (%v)", n, what, got, err)
			}
		case !storage.IsNotFound(missing):
			t.Errorf("death %d: %s without a success: %v", n, what, missing)
		}
		if last {
			break
		}
	}
	if good < 2 {
		t.Errorf("%d were successes", good)
	}
}
