package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// allGo lets everything go but what is named.
func allGo(but ...string) func(*Index) map[string]bool {
	return func(x *Index) map[string]bool {
		out := map[string]bool{}
		for _, b := range x.Backups {
			out[b.ID] = true
		}
		for _, id := range but {
			delete(out, id)
		}
		return out
	}
}

// many makes n backups with one write of the index.
func many(t testing.TB, store storage.Store, n int) (ids []string) {
	t.Helper()
	ctx, r := context.Background(), New(store, Options{})
	var made []Backup
	for i := range n {
		b := record(fmt.Sprintf("m%d_%s.dump", i, newID()))
		_, err := store.Put(ctx, b.Filepath, []byte("x"), storage.PutOptions{Metadata: ObjectMetadata(b.ID)})
		must(t, err)
		b.Status, b.Size, b.Checksum = Success, 1, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
		must(t, r.SetTags(ctx, b))
		_, err = r.settle(ctx, b, nil)
		must(t, err)
		made, ids = append(made, b), append(ids, b.ID)
	}
	must(t, r.Update(ctx, func(x *Index) error {
		for _, b := range made {
			x.Upsert(b)
		}
		return nil
	}))
	return ids
}

// removeAll removes without any failure, and gives how many went.
func removeAll(t testing.TB, r *Registry, ids []string, goes func(*Index) map[string]bool) (gone int) {
	t.Helper()
	must(t, r.RemoveAll(context.Background(), ids, "ana", goes, func(m Removal) {
		if must(t, m.Err); m.Gone {
			gone++
		}
	}))
	return gone
}

func TestRemoveAllWritesTheIndexSeldom(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ids := many(t, store, 251)
		var mu sync.Mutex
		writes := 0
		r := New(storagetest.Faulty(store, func(op, key string) error {
			mu.Lock()
			defer mu.Unlock()
			if op == "before put" && key == IndexKey {
				writes++
			}
			return nil
		}), Options{})
		gone := removeAll(t, r, ids, allGo(ids[7]))
		if writes > 5 || gone != 250 {
			t.Errorf("%d writes of the index, %d removed", writes, gone)
		}
		if x := checkWorld(t, store); len(x.Backups) != 1 || x.Backups[0].ID != ids[7] {
			t.Errorf("left: %s", show(x.Backups))
		}
	})
}

// A batch that dies anywhere: each backup is whole and listed, or gone; one that the decision keeps inside the
// compare-and-swap is never removed.
func TestDeathAtEveryStepOfRemoveAll(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	var ids []string
	dying(t, store, func(n int, r *Registry) error {
		ids = many(t, store, 3)
		asked := 0
		var failed error
		err := r.RemoveAll(ctx, ids, "ana", func(x *Index) map[string]bool {
			if asked++; asked == 1 {
				return allGo()(x)
			}
			return allGo(ids[1])(x)
		}, func(m Removal) {
			if m.Err != nil {
				failed = m.Err
			}
		})
		if err == nil {
			err = failed
		}
		if err == nil {
			must(t, later(store).RemoveAll(ctx, ids, "ana", allGo(), func(Removal) {}))
		}
		return err
	}, func(n int, where string) {
		x, err := New(store, Options{}).Load(ctx)
		must(t, err)
		y := &Index{} // of a rebuild in the middle
		must(t, New(store, Options{}).collect(ctx, y))
		for _, b := range append(x.Backups, y.Backups...) {
			checkObject(t, store, b)
		}
		_, err = later(store).Reconcile(ctx)
		must(t, err)
		x = checkWorld(t, store)
		if x.Find(ids[1]) == nil {
			t.Errorf("death at %q removed what stays", where)
		}
		for _, id := range ids {
			clear(t, store, x, id)
		}
	})
	checkWorld(t, store)
}

// A remover sleeps right after its batch left the index, and others finish it and use a name again: it touches nothing when it
// wakes up.
func TestSleeperInABatch(t *testing.T) {
	ctx := t.Context()
	store := storagetest.NewLocal(t)
	ids := many(t, store, 3)
	x, err := New(store, Options{}).Load(ctx)
	must(t, err)
	name := x.Find(ids[0]).Filename
	slept := false
	var again Backup
	r := New(storagetest.Faulty(store, func(op, key string) error {
		if op != "after put" || key != IndexKey || slept {
			return nil
		}
		slept = true
		rep, err := later(store).Reconcile(ctx)
		must(t, err)
		if len(rep.Removed) != 3 {
			t.Errorf("%+v", rep)
		}
		again, err = makeBackup(ctx, New(store, Options{}), record(name), "another")
		must(t, err)
		return nil
	}), Options{})
	gone := removeAll(t, r, ids, allGo())
	if x := checkWorld(t, store); !slept || gone != 3 || len(x.Backups) != 1 || x.Backups[0].ID != again.ID {
		t.Errorf("%d gone, left: %s", gone, show(x.Backups))
	}
}

// A remover sleeps right before its batch leaves the index, and its intents are forgotten: it removes what it then takes out.
func TestSleeperBeforeABatch(t *testing.T) {
	ctx := t.Context()
	store := storagetest.NewLocal(t)
	ids := many(t, store, 3)
	slept := false
	r := New(storagetest.Faulty(store, func(op, key string) error {
		if op != "before put" || key != IndexKey || slept {
			return nil
		}
		slept = true
		rep, err := later(store).Reconcile(ctx)
		must(t, err)
		if len(rep.Removed) != 0 {
			t.Errorf("%+v", rep)
		}
		return nil
	}), Options{})
	gone := removeAll(t, r, ids, allGo())
	if x := checkWorld(t, store); !slept || gone != 3 || len(x.Backups) != 0 {
		t.Errorf("%d gone, left: %s", gone, show(x.Backups))
	}
}

// One that cannot be removed does not keep the others, and is finished later.
func TestOneOfABatchFails(t *testing.T) {
	ctx := t.Context()
	store := storagetest.NewLocal(t)
	ids := many(t, store, 20)
	r := New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before delete" && key == ManifestKey(ids[4]) {
			return errors.New("no")
		}
		return nil
	}), Options{})
	gone, failed := 0, ""
	must(t, r.RemoveAll(ctx, ids, "ana", allGo(), func(m Removal) {
		if m.Gone {
			gone++
		}
		if m.Err != nil {
			failed += m.Backup.ID
		}
	}))
	if gone != 19 || failed != ids[4] {
		t.Errorf("%d gone, failed: %s", gone, failed)
	}
	rep, err := later(store).Reconcile(ctx)
	must(t, err)
	if x := checkWorld(t, store); len(x.Backups) != 0 || !slices.Equal(rep.Removed, []string{ids[4]}) {
		t.Errorf("%+v, left: %s", rep, show(x.Backups))
	}
}

// Several remove the same at once, while backups are made: each goes once, and nothing else does.
func TestBatchesAtOnce(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := t.Context()
		ids := many(t, store, 60)
		var mu sync.Mutex
		gone := map[string]int{}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				err := New(store, Options{}).RemoveAll(ctx, ids, "ana", allGo(ids[9]), func(m Removal) {
					mu.Lock()
					defer mu.Unlock()
					if m.Gone {
						gone[m.Backup.ID]++
					}
					if m.Err != nil && !fault.HasReason(m.Err, fault.Busy) {
						t.Error(m.Err)
					}
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		var made Backup
		wg.Go(func() {
			var err error
			if made, err = makeBackup(ctx, New(store, Options{}), record("new.dump"), "new"); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		must(t, later(store).RemoveAll(ctx, ids, "ana", allGo(ids[9], made.ID), func(m Removal) {
			if must(t, m.Err); m.Gone {
				gone[m.Backup.ID]++
			}
		}))
		for id, n := range gone {
			if n != 1 {
				t.Errorf("%s went %d times", id, n)
			}
		}
		if x := checkWorld(t, store); len(gone) != 59 || len(x.Backups) != 2 || x.Find(ids[9]) == nil || x.Find(made.ID) == nil {
			t.Errorf("%d gone, left: %s", len(gone), show(x.Backups))
		}
	})
}

// Ctrl-C anywhere in a batch: what is not removed is whole or finished later.
func TestBatchIsCanceled(t *testing.T) {
	store := storagetest.NewLocal(t)
	for _, at := range []string{"before put " + IndexKey, "after put " + IndexKey, "before delete", "after delete"} {
		ids := many(t, store, 30)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("Ctrl-C")
		r := New(storagetest.Faulty(store, func(op, key string) error {
			if strings.HasPrefix(op+" "+key, at) {
				cancel(why)
			}
			return nil
		}), Options{})
		gone := map[string]bool{}
		if err := r.RemoveAll(ctx, ids, "ana", allGo(), func(m Removal) { gone[m.Backup.ID] = m.Gone }); !errors.Is(err, why) {
			t.Errorf("%s: %v", at, err)
		}
		x, err := New(store, Options{}).Load(t.Context())
		must(t, err)
		for _, b := range x.Backups {
			if checkObject(t, store, b); gone[b.ID] {
				t.Errorf("%s: %s is said to be gone", at, b.ID)
			}
		}
		_, err = later(store).Reconcile(t.Context())
		must(t, err)
		must(t, later(store).RemoveAll(t.Context(), ids, "ana", allGo(), func(m Removal) { must(t, m.Err) }))
		if x := checkWorld(t, store); len(x.Backups) != 0 {
			t.Errorf("%s, left: %s", at, show(x.Backups))
		}
	}
}
