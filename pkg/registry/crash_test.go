package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// dying runs work again and again, each time dying one storage operation later, until it survives. After each
// death check is called.
func dying(t *testing.T, store storage.Store, work func(n int, r *Registry) error, check func(n int, where string)) {
	for n := 1; ; n++ {
		hook, calls := storagetest.DieAt(n)
		where := ""
		r := New(storagetest.Faulty(store, func(op, key string) error {
			err := hook(op, key)
			if err != nil && where == "" {
				where = op + " " + key
			}
			return err
		}), Options{})
		err := work(n, r)
		if calls() < n {
			must(t, err)
			t.Logf("died at each of %d points", n-1)
			return
		}
		check(n, where)
		if t.Failed() {
			return
		}
	}
}

// clear removes a backup, if it is there, so that looking at the world stays quick.
func clear(t *testing.T, store storage.Store, x *Index, id string) {
	t.Helper()
	if x.Find(id) != nil {
		_, err := New(store, Options{}).Remove(context.Background(), id, "ana")
		must(t, err)
	}
}

// F1, I1 to I3: a run that dies at any point is later found successful, whole, or failed, with nothing left.
func TestDeathAtEveryStepOfABackup(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		earlier, err := makeBackup(ctx, New(store, Options{}), record("earlier.dump"), "earlier")
		must(t, err)
		var id string
		outcomes := map[Status]int{}
		dying(t, store, func(n int, r *Registry) error {
			b := record(fmt.Sprintf("n%d.dump", n))
			id = b.ID
			_, err := makeBackup(ctx, r, b, strings.Repeat("x", n))
			return err
		}, func(n int, where string) {
			if rep, err := New(store, Options{}).Reconcile(ctx); err != nil || len(rep.Failed) > 0 && !strings.Contains(where, "intents/") {
				t.Errorf("death at %q: reconciled before its lease was over: %+v %v", where, rep, err)
			}
			rep, err := later(store).Reconcile(ctx)
			must(t, err)
			if len(rep.Problems)+len(rep.Running) > 0 {
				t.Errorf("death at %q: %+v", where, rep)
			}
			x := checkWorld(t, store)
			if b := x.Find(id); b != nil {
				outcomes[b.Status]++
			} else {
				outcomes["never there"]++
			}
			if e := x.Find(earlier.ID); e == nil || !equalJSON(*e, earlier) {
				t.Fatalf("death at %q changed an earlier backup: %+v", where, e)
			}
			clear(t, store, x, id)
		})
		checkWorld(t, store)
		if outcomes[Success] == 0 || outcomes[Failed] == 0 {
			t.Errorf("outcomes are %v", outcomes)
		}
		t.Logf("outcomes: %v", outcomes)
	})
}

// The process that tidies up dies as well, at every point, for runs that died in three different places.
func TestDeathAtEveryStepOfReconcile(t *testing.T) {
	for _, at := range []string{"before complete ", "after complete ", "after put " + ManifestsPrefix} {
		t.Run(strings.Fields(at)[1], func(t *testing.T) {
			ctx := context.Background()
			store := storagetest.NewLocal(t)
			var id string
			work := func(n int, r *Registry) error {
				b := record(fmt.Sprintf("n%d.dump", n))
				id = b.ID
				_, err := makeBackup(ctx, New(storagetest.Faulty(store, func(op, key string) error {
					if strings.HasPrefix(op+" "+key, at) {
						return storagetest.ErrDied
					}
					return nil
				}), Options{}), b, "content")
				if err == nil {
					t.Fatal("the run did not die")
				}
				r.ahead = later(store).ahead
				rep, err := r.Reconcile(ctx)
				if err == nil && len(rep.Problems) > 0 {
					err = errors.New(rep.Problems[0])
				}
				return err
			}
			dying(t, store, work, func(n int, where string) {
				third := New(store, Options{Ahead: 3 * later(store).ahead})
				_, err := third.Reconcile(ctx)
				must(t, err)
				x := checkWorld(t, store)
				if x.Find(id) == nil {
					t.Fatalf("death at %q lost a backup", where)
				}
				clear(t, store, x, id)
			})
			checkWorld(t, store)
		})
	}
}

// A removal that dies anywhere either did not begin or is finished later; what is listed has its object.
func TestDeathAtEveryStepOfRemove(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		earlier, err := makeBackup(ctx, New(store, Options{}), record("earlier.dump"), "earlier")
		must(t, err)
		var b Backup
		dying(t, store, func(n int, r *Registry) error {
			var err error
			b, err = makeBackup(ctx, New(store, Options{}), record("n.dump"), "content")
			must(t, err)
			_, err = New(store, Options{}).SetVerification(ctx, b.ID, Verification{OK: true, Level: LevelFull}, 99)
			must(t, err)
			_, err = r.Remove(ctx, b.ID, "ana")
			return err
		}, func(n int, where string) {
			x, err := New(store, Options{}).Load(ctx)
			must(t, err)
			if l := x.Find(b.ID); l != nil {
				checkObject(t, store, *l)
			}
			// A rebuild in the middle of a removal must not bring back what has lost its object.
			y := &Index{}
			must(t, New(store, Options{}).collect(ctx, y))
			if l := y.Find(b.ID); l != nil {
				checkObject(t, store, *l)
			}
			_, err = later(store).Reconcile(ctx)
			must(t, err)
			if x := checkWorld(t, store); x.Find(b.ID) != nil {
				_, err := New(store, Options{}).Remove(ctx, b.ID, "ana")
				must(t, err)
			}
			if e := checkWorld(t, store).Find(earlier.ID); e == nil {
				t.Fatalf("death at %q removed another backup", where)
			}
		})
		checkWorld(t, store)
	})
}

var errLost = fault.New(fault.FileSystem, fault.StorageUnreachable, "", "the answer was lost")

// F5, F7: an answer that is lost, or a refusal that passes, at any one operation. Either the backup is
// successful, or its failure is recorded; in both cases by the run itself, or by the next cleanup.
func TestOneFaultAnywhere(t *testing.T) {
	for _, when := range []string{"before ", "after "} {
		t.Run(when, func(t *testing.T) {
			ctx := context.Background()
			store := storagetest.NewLocal(t)
			_, err := makeBackup(ctx, New(store, Options{}), record("earlier.dump"), "earlier")
			must(t, err)
			for n, done := 1, false; !done; n++ {
				count, where := 0, ""
				r := New(storagetest.Faulty(store, func(op, key string) error {
					if !strings.HasPrefix(op, when) {
						return nil
					}
					if count++; count == n {
						where = op + " " + key
						return errLost
					}
					return nil
				}), Options{})
				b, err := makeBackup(ctx, r, record(fmt.Sprintf("n%d.dump", n)), "content")
				done = where == ""
				isPut := strings.HasPrefix(where, "after put ")
				if isPut && err != nil {
					t.Errorf("an answer lost %s: %v", where, err)
				}
				_, err = later(store).Reconcile(ctx)
				must(t, err)
				x := checkWorld(t, store)
				if isPut && x.Find(b.ID).Status != Success {
					t.Errorf("an answer lost %s: the backup is %+v", where, x.Find(b.ID))
				}
				clear(t, store, x, b.ID)
			}
		})
	}
}

// The same for the rest of what writes.
func TestLostAnswersElsewhere(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	once := func(target string) *Registry {
		lost := false
		return New(storagetest.Faulty(store, func(op, key string) error {
			if !lost && op+" "+key == "after put "+target {
				lost = true
				return errLost
			}
			return nil
		}), Options{})
	}
	for _, key := range []string{VerificationKey(b.ID), IndexKey} {
		got, err := once(key).SetVerification(ctx, b.ID, Verification{OK: true, Level: LevelFull, At: b.CreatedAt}, 77)
		must(t, err)
		if got.Verification.Level != LevelFull || got.UncompressedSize != 77 {
			t.Errorf("answer lost at %s: %+v", key, got)
		}
	}
	must(t, once(IndexKey).MarkCleanup(ctx, b.CreatedAt))
	for _, key := range []string{RemovalKey(b.ID), IndexKey} {
		if _, err := once(key).Remove(ctx, b.ID, "ana"); err != nil {
			t.Errorf("answer lost at %s: %v", key, err)
		}
		checkWorld(t, store)
		b, err = makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
	}
	must(t, store.Delete(ctx, IndexKey))
	x, err := once(IndexKey).Load(ctx)
	must(t, err)
	if len(x.Backups) != 1 {
		t.Errorf("rebuilt with a lost answer: %+v", x)
	}
	checkWorld(t, store)
}
