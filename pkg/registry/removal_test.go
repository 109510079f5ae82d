package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// toldLater is a registry an hour from now, which notes the removals that it is told of.
func toldLater(store storage.Store, told *[]string) *Registry {
	return New(store, Options{Ahead: time.Hour, Finished: func(_ context.Context, b Backup, by string) error {
		*told = append(*told, by+" "+b.ID)
		return nil
	}})
}

func putIntent(t testing.TB, store storage.Store, key string, in Intent) {
	t.Helper()
	in.Version, in.Admitted, in.Token = recordVersion, true, "token"
	data, err := encode(in)
	must(t, err)
	_, err = store.Put(t.Context(), key, data, storage.PutOptions{})
	must(t, err)
}

// Whoever may write intents cannot have a backup removed by them: neither reconcile nor a rebuild acts on one that says so, both
// go on with the rest, and the backup can be removed by who may.
func TestForgedRemoval(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := t.Context()
		b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
		for _, undecided := range []bool{false, true} {
			putIntent(t, store, IntentKey(b.ID), Intent{Kind: kindRemove, By: "the owner", Backup: b, Undecided: undecided, Runner: "x", UploadID: "y"})
			var told []string
			r := toldLater(store, &told)
			rep, err := r.Reconcile(ctx)
			must(t, err)
			if len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0], IntentKey(b.ID)) || len(rep.Removed)+len(told) != 0 {
				t.Errorf("%+v, told %v", rep, told)
			}
			must(t, store.Delete(ctx, IndexKey))
			x, err := r.Load(ctx)
			must(t, err)
			if x.Find(b.ID) == nil {
				t.Error("a rebuild leaves it out")
			}
			checkObject(t, store, b)
		}
		var told []string
		_, err = toldLater(store, &told).Remove(ctx, b.ID, "ana")
		must(t, err)
		if _, err := store.Head(ctx, b.Filepath); !storage.IsNotFound(err) {
			t.Errorf("it was not removed: %v", err)
		}
	})
}

// An older version that was interrupted in the middle of a removal left its intent, and what it had not removed yet. Nothing is
// removed for it: the backup is listed again as far as there is a record of it, the removal by who may takes the intent along, and
// an intent of which nothing is left goes by itself, wherever a process dies meanwhile.
func TestRemovalOfAnOlderVersion(t *testing.T) {
	for done, step := range []string{"nothing", "index", "manifest", "object"} { // what was removed last
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				if step == "nothing" || step == "object" {
					n = 1000 // nothing is listed again
				}
				if leftByOlderVersion(t, done, n) {
					return
				}
			}
		})
	}
}

// leftByOlderVersion is one trial: reconcile dies at its nth step, and another one follows. over reports that it has fewer steps.
func leftByOlderVersion(t *testing.T, done, n int) (over bool) {
	ctx, store := t.Context(), storagetest.NewLocal(t)
	b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	putIntent(t, store, IntentKey(b.ID), Intent{Kind: kindRemove, Backup: b, Undecided: done == 0})
	if done >= 1 {
		must(t, New(store, Options{}).Update(ctx, func(x *Index) error { x.Remove(b.ID); return nil }))
	}
	if done >= 2 {
		must(t, store.Delete(ctx, ManifestKey(b.ID)))
	}
	if done >= 3 {
		must(t, store.Delete(ctx, b.Filepath))
	}
	hook, calls := storagetest.DieAt(n)
	_, err = later(storagetest.Faulty(store, hook)).Reconcile(ctx)
	if over = calls() < n; over {
		must(t, err)
	}
	var told []string
	r := toldLater(store, &told)
	rep, err := r.Reconcile(ctx)
	must(t, err)
	x, err := r.Load(ctx)
	must(t, err)
	listed := x.Find(b.ID) != nil
	if len(told)+len(rep.Removed) > 0 || listed != (done < 3) || len(rep.Problems) > 0 != (done < 3) {
		t.Fatalf("died at %d: listed %v, told %v, %+v", n, listed, told, rep)
	}
	if listed {
		checkObject(t, store, b)
		_, err = toldLater(store, &told).Remove(ctx, b.ID, "ana")
		must(t, err)
	}
	checkWorld(t, store) // no intent, no removal
	return over
}

// A backup that is removed by who may, at the moment when reconcile lists it again, stays removed.
func TestRelistedMeanwhile(t *testing.T) {
	for _, at := range []string{"before put", "after put"} {
		ctx := t.Context()
		store := storagetest.NewLocal(t)
		b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
		other, err := makeBackup(ctx, New(store, Options{}), record("b.dump"), "content")
		must(t, err)
		putIntent(t, store, IntentKey(b.ID), Intent{Kind: kindRemove, Backup: b})
		must(t, New(store, Options{}).Update(ctx, func(x *Index) error { x.Remove(b.ID); return nil }))
		once := false
		slow := storagetest.Faulty(store, func(op, key string) error {
			if op == at && key == IndexKey && !once {
				once = true
				must(t, New(store, Options{}).Update(ctx, func(x *Index) error { x.Upsert(b); return nil })) // another one's reconcile
				_, err := New(store, Options{}).Remove(ctx, b.ID, "ana")
				must(t, err)
			}
			return nil
		})
		_, err = later(slow).Reconcile(ctx)
		must(t, err)
		if x := checkWorld(t, store); !once || x.Find(b.ID) != nil || x.Find(other.ID) == nil {
			t.Errorf("%s: %v, it is listed: %s", at, once, show(x))
		}
	}
}

// A backup that is known by its tags alone, since its manifest was lost, survives whatever an intent says of it.
func TestForgedIntentOfATaggedBackup(t *testing.T) {
	ctx := t.Context()
	for _, kind := range []string{kindCreate, kindEnd, kindRemove} {
		store := storagetest.NewLocal(t)
		b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
		must(t, store.Delete(ctx, ManifestKey(b.ID)))
		_, err = New(store, Options{}).Rebuild(ctx)
		must(t, err)
		running := b
		running.Status = InProgress
		putIntent(t, store, IntentKey(b.ID), Intent{Kind: kind, Backup: running, Runner: "x", UploadID: "y"})
		rep, err := later(store).Reconcile(ctx)
		must(t, err)
		x, err := New(store, Options{}).Load(ctx)
		must(t, err)
		if got := x.Find(b.ID); got == nil || got.Status != Success || len(rep.Failed) > 0 {
			t.Errorf("%s: it is %+v, %+v", kind, got, rep)
		}
		checkObject(t, store, b)
	}
}

// A removal whose process died is finished by reconcile, which tells who had asked, again and again until that is written down.
func TestFinishedRemovalsAreTold(t *testing.T) {
	ctx := t.Context()
	for n := 1; ; n++ {
		store := storagetest.NewLocal(t)
		b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
		hook, calls := storagetest.DieAt(n)
		_, err = New(storagetest.Faulty(store, hook), Options{}).Remove(ctx, b.ID, "ana")
		if calls() < n {
			must(t, err)
			break
		}
		_, herr := store.Head(ctx, RemovalKey(b.ID))
		began := herr == nil
		refuse := New(store, Options{Ahead: time.Hour, Finished: func(context.Context, Backup, string) error { return errors.New("the trail is away") }})
		rep, err := refuse.Reconcile(ctx)
		must(t, err)
		if _, err := store.Head(ctx, RemovalKey(b.ID)); began != (err == nil) || began != (len(rep.Problems) == 1) || len(rep.Removed) > 0 {
			t.Fatalf("died at %d: begun %v, then %v, %+v", n, began, err, rep)
		}
		var told []string
		rep, err = toldLater(store, &told).Reconcile(ctx)
		must(t, err)
		if want := fmt.Sprintf("[ana %s]", b.ID); began && (fmt.Sprint(told) != want || len(rep.Removed) != 1) || !began && len(told) > 0 {
			t.Fatalf("died at %d: told %v, want %s; %+v", n, told, want, rep)
		}
		x := checkWorld(t, store)
		if began && x.Find(b.ID) != nil {
			t.Fatalf("died at %d: it is still there", n)
		}
	}
}

// A removal and the end of a run exclude each other, although they stand in two places.
func TestRemovalAndRunExcludeEachOther(t *testing.T) {
	ctx := t.Context()
	store := storagetest.NewLocal(t)
	var told []string
	// The run is committed, and has not tidied up yet.
	b := record("a.dump")
	_, err := makeBackup(ctx, New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before delete" && key == IntentKey(b.ID) {
			return storagetest.ErrDied
		}
		return nil
	}), Options{}), b, "content")
	if !IsCommitted(err) {
		t.Fatal(err)
	}
	_, err = New(store, Options{}).Remove(ctx, b.ID, "ana")
	wantReason(t, err, fault.Busy)
	must(t, New(store, Options{}).RemoveAll(ctx, []string{b.ID}, "ana", func(*Index) map[string]bool { return map[string]bool{b.ID: true} }, func(m Removal) {
		wantReason(t, m.Err, fault.Busy)
	}))
	if got := keysUnder(t, store, RemovalsPrefix); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
	_, err = toldLater(store, &told).Remove(ctx, b.ID, "ana")
	must(t, err)
	checkWorld(t, store)
	// Reconcile ends no run of a backup that is being removed.
	c, err := makeBackup(ctx, New(store, Options{}), record("b.dump"), "content")
	must(t, err)
	putIntent(t, store, RemovalKey(c.ID), Intent{Kind: kindRemove, By: "ana", Backup: c, LeaseMS: 2 * time.Hour.Milliseconds()})
	must(t, New(store, Options{}).Update(ctx, func(x *Index) error { x.Find(c.ID).Status = InProgress; return nil }))
	rep, err := toldLater(store, &told).Reconcile(ctx)
	must(t, err)
	if len(rep.Completed)+len(rep.Failed)+len(rep.Removed) > 0 || len(keysUnder(t, store, IntentsPrefix)) > 0 {
		t.Errorf("%+v, intents %v", rep, keysUnder(t, store, IntentsPrefix))
	}
}

func keysUnder(t testing.TB, store storage.Store, prefix string) (out []string) {
	t.Helper()
	for o, err := range store.List(context.Background(), storage.ListOptions{Prefix: prefix}) {
		must(t, err)
		out = append(out, o.Key)
	}
	return out
}
