package registry

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// begin reserves and claims.
func begin(t testing.TB, r *Registry, b Backup) *Lease {
	t.Helper()
	ctx := context.Background()
	b, err := r.Reserve(ctx, b, nil, time.Minute, agree)
	must(t, err)
	l, err := r.Claim(ctx, b.ID, "runner of "+b.ID)
	must(t, err)
	return l
}

func absent(t testing.TB, store storage.Store, key string) {
	t.Helper()
	if _, err := store.Head(context.Background(), key); !storage.IsNotFound(err) {
		t.Fatalf("%s should not be there: %v", key, err)
	}
}

// A writer sleeps between completing its upload and its commit, and is given up meanwhile.
func TestSleeperLoses(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		l := begin(t, New(store, Options{}), record("a.dump"))
		b, err := transfer(ctx, l, "content")
		must(t, err)
		rep, err := later(store).Reconcile(ctx)
		must(t, err)
		if len(rep.Failed) != 1 {
			t.Fatalf("%+v", rep)
		}
		absent(t, store, b.Filepath)
		err = commitBackup(ctx, l, b)
		if err == nil {
			t.Fatal("the sleeper committed")
		}
		wantReason(t, l.Commit(ctx, b), fault.Precondition)
		held, err := l.Fail(ctx, b, err)
		must(t, err)
		if held.Status != Failed || held.Error.Reason != fault.RunLost {
			t.Errorf("held is %+v", held.Error)
		}
		checkWorld(t, store)
	})
}

// Its upload becomes visible only after it was given up, as when the request was on its way: Fail removes the
// object, and so does the next cleanup when the writer dies before it can.
func TestLateCompletionIsSwept(t *testing.T) {
	for _, dies := range []bool{false, true} {
		ctx := context.Background()
		store := storagetest.NewLocal(t)
		l := begin(t, New(store, Options{}), record("a.dump"))
		_, err := later(store).Reconcile(ctx)
		must(t, err)
		b := l.Backup()
		_, err = store.Put(ctx, b.Filepath, []byte("late"), storage.PutOptions{Metadata: ObjectMetadata(b.ID)})
		must(t, err)
		_, err = store.Put(ctx, StatusKey(b.ID), []byte("{}"), storage.PutOptions{})
		must(t, err)
		if !dies {
			held, err := l.Fail(ctx, b, errLost)
			must(t, err)
			if held.Status != Failed {
				t.Errorf("held is %+v", held)
			}
			must(t, store.Delete(ctx, StatusKey(b.ID)))
		} else {
			rep, err := New(store, Options{}).Reconcile(ctx)
			must(t, err)
			if len(rep.Failed) != 1 || len(rep.Problems) > 0 {
				t.Errorf("%+v", rep)
			}
		}
		absent(t, store, b.Filepath)
		checkWorld(t, store)
	}
}

// A writer sleeps right after its manifest was written. Others complete, validate and remove the backup; when
// it wakes up it must not bring anything back.
func TestSleeperAfterCommit(t *testing.T) {
	for _, removed := range []bool{false, true} {
		ctx := context.Background()
		store := storagetest.NewLocal(t)
		b, slept := record("a.dump"), false
		r := New(storagetest.Faulty(store, func(op, key string) error {
			if op != "after put" || key != ManifestKey(b.ID) {
				return nil
			}
			slept = true
			rep, err := later(store).Reconcile(ctx)
			must(t, err)
			if len(rep.Completed) != 1 {
				t.Errorf("%+v", rep)
			}
			_, err = New(store, Options{}).SetVerification(ctx, b.ID, Verification{OK: false, Level: LevelFull}, 7)
			must(t, err)
			if removed {
				_, err := New(store, Options{}).Remove(ctx, b.ID, "ana")
				must(t, err)
			}
			return nil
		}), Options{})
		_, err := makeBackup(ctx, r, b, "content")
		must(t, err)
		if !slept {
			t.Fatal("did not sleep")
		}
		x := checkWorld(t, store)
		if got := x.Find(b.ID); removed != (got == nil) || !removed && got.Verification.OK {
			t.Errorf("removed %v, and then: %+v", removed, got)
		}
	}
}

// The record of a failure is removed while the writer still sleeps: without the tombstone in its way, the
// writer must not commit a backup whose object is gone.
func TestSleeperAfterItsTombstoneIsGone(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	l := begin(t, New(store, Options{}), record("a.dump"))
	b, err := transfer(ctx, l, "content")
	must(t, err)
	_, err = later(store).Reconcile(ctx)
	must(t, err)
	_, err = New(store, Options{}).Remove(ctx, b.ID, "ana")
	must(t, err)
	wantReason(t, l.Commit(ctx, b), fault.Precondition)
	held, err := l.Fail(ctx, b, errLost)
	must(t, err)
	if held.Status != Failed {
		t.Errorf("%+v", held)
	}
	checkWorld(t, store)
}

// Fail, while another process is just ending the same backup: it waits, and removes what is left.
func TestFailWaitsForTheOther(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	l := begin(t, New(store, Options{}), record("a.dump"))
	b, err := transfer(ctx, l, "content")
	must(t, err)
	other := New(store, Options{})
	in, o, err := other.intent(ctx, b.ID)
	must(t, err)
	in.Kind = kindEnd
	theirs, err := other.acquire(ctx, in, o.ETag)
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(700 * time.Millisecond)
		if err := theirs.finishDead(ctx, errLost, &Report{}); err != nil {
			t.Error(err)
		}
	})
	wantReason(t, l.Renew(ctx), fault.Precondition)
	_, err = l.Fail(ctx, b, errLost)
	must(t, err)
	wg.Wait()
	checkWorld(t, store)
}

// A failed backup's name is taken by a new one while the first one's remains are not quite settled: nothing of
// the new one is touched.
func TestNameTakenAgain(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		first := record("nightly.dump")
		dead := New(storagetest.Faulty(store, func(op, key string) error {
			if op == "before delete" && key == IntentKey(first.ID) {
				return storagetest.ErrDied
			}
			return nil
		}), Options{})
		l := begin(t, dead, first)
		_, _ = l.Fail(ctx, l.Backup(), errLost)
		l.r.store = store
		second := begin(t, New(store, Options{Lease: 24 * time.Hour}), record("nightly.dump"))
		up, err := store.StartUpload(ctx, second.Backup().Filepath, storage.UploadOptions{Metadata: ObjectMetadata(second.id)})
		must(t, err)
		must(t, second.SetUpload(ctx, up.ID()))
		rep, err := later(store).Reconcile(ctx)
		must(t, err)
		if len(rep.Problems) > 0 || len(rep.Running) != 1 || len(rep.Failed) != 1 || rep.Failed[0] != first.ID {
			t.Errorf("%+v", rep)
		}
		_, err = up.Write(ctx, strings.NewReader("second"))
		must(t, err)
		_, err = up.Complete(ctx)
		must(t, err)
		_, err = New(store, Options{}).Remove(ctx, first.ID, "ana")
		must(t, err)
		must(t, l.deleteObject(ctx))
		if _, err := store.Head(ctx, second.Backup().Filepath); err != nil {
			t.Fatalf("another backup's object was deleted: %v", err)
		}
		_, err = second.Fail(ctx, second.Backup(), errLost)
		must(t, err)
		checkWorld(t, store)
	})
}

// Two reservations in the same second: the second one gets another name, is never started, and its end leaves
// the first one's upload alone.
func TestNeverStartedHasNothingToSweep(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	r := New(store, Options{})
	first := begin(t, r, record("same.dump"))
	up, err := store.StartUpload(ctx, first.Backup().Filepath, storage.UploadOptions{Metadata: ObjectMetadata(first.id)})
	must(t, err)
	must(t, first.SetUpload(ctx, up.ID()))
	second, err := r.Reserve(ctx, record("same.dump"), nil, 0, func(x *Index, b *Backup) error {
		if !x.Taken(b.Filepath, b.ID) {
			t.Error("the name is free?")
		}
		b.Filename, b.Filepath = "same_2.dump", FilesPrefix+"same_2.dump"
		return nil
	})
	must(t, err)
	in, _, err := r.intent(ctx, second.ID)
	must(t, err)
	if in.Backup.Filename != "same_2.dump" {
		t.Errorf("the intent says %s, which is what a rebuild finds", in.Backup.Filename)
	}
	rep, err := New(store, Options{Ahead: DefaultLease / 2}).Reconcile(ctx)
	must(t, err)
	if len(rep.Failed) != 1 || rep.Failed[0] != second.ID || len(rep.Running) != 1 {
		t.Errorf("%+v", rep)
	}
	_, err = up.Write(ctx, strings.NewReader("first"))
	must(t, err)
	_, err = up.Complete(ctx)
	must(t, err)
	_, err = first.Fail(ctx, first.Backup(), errLost)
	must(t, err)
	checkWorld(t, store)
}

// A reservation that nobody starts.
func TestClaimTooLate(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	b, err := New(store, Options{}).Reserve(ctx, record("a.dump"), nil, 15*time.Minute, agree)
	must(t, err)
	l, err := later(store).Claim(ctx, b.ID, "slow")
	wantReason(t, err, fault.Timeout)
	if l != nil {
		t.Error("a lease besides an error")
	}
	x := checkWorld(t, store)
	if got := x.Find(b.ID); got.Status != Failed || got.Error.Reason != fault.Timeout {
		t.Errorf("%+v", got)
	}
	_, err = later(store).Claim(ctx, b.ID, "slower")
	wantReason(t, err, fault.AlreadyExists)
	_, err = later(store).Claim(ctx, newID(), "x")
	wantReason(t, err, fault.NotFound)
	_, err = later(store).Claim(ctx, "../../registry", "x")
	wantReason(t, err, fault.NotFound)
}

// A run that is interrupted and delivered again under its own name starts anew, on clean ground.
func TestClaimAgain(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	l := begin(t, New(store, Options{}), record("a.dump"))
	b, err := transfer(ctx, l, "first try")
	must(t, err)
	_, err = New(store, Options{}).Claim(ctx, b.ID, "somebody else")
	wantReason(t, err, fault.Busy)
	again, err := New(store, Options{}).Claim(ctx, b.ID, "runner of "+b.ID)
	must(t, err)
	wantReason(t, l.Renew(ctx), fault.Precondition)
	wantReason(t, l.Sweep(ctx), fault.Precondition)
	_, err = runBackup(ctx, again, "second try")
	must(t, err)
	checkWorld(t, store)
	_, err = New(store, Options{}).Claim(ctx, b.ID, "runner of "+b.ID)
	wantReason(t, err, fault.AlreadyExists)
}

// A second attempt of the same run.
func TestSweepBetweenAttempts(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	l := begin(t, New(store, Options{}), record("a.dump"))
	_, err := transfer(ctx, l, "first attempt")
	must(t, err)
	_, err = store.StartUpload(ctx, l.Backup().Filepath, storage.UploadOptions{})
	must(t, err)
	must(t, l.Sweep(ctx))
	_, err = runBackup(ctx, l, "second attempt")
	must(t, err)
	checkWorld(t, store)
}

// In real time: a lease of a second is respected while it is renewed, and ends when it is not. The service's
// dates are hours off, both ways.
func TestLeaseInRealTime(t *testing.T) {
	for _, off := range []time.Duration{-3 * time.Hour, 0, 3 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			store := shifted{storagetest.NewMinIO(t), off}
			l := begin(t, New(store, Options{Lease: time.Second}), record("a.dump"))
			for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
				must(t, l.Renew(ctx))
				rep, err := New(store, Options{}).Reconcile(ctx)
				must(t, err)
				if len(rep.Running) != 1 || len(rep.Failed) > 0 {
					t.Fatalf("%+v", rep)
				}
				time.Sleep(l.Interval())
			}
			for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
				rep, err := New(store, Options{}).Reconcile(ctx)
				must(t, err)
				if len(rep.Failed) == 1 {
					break
				}
				if time.Since(start) > 10*time.Second {
					t.Fatalf("never given up: %+v", rep)
				}
			}
			wantReason(t, l.Renew(ctx), fault.Precondition)
			checkWorld(t, store)
		})
	}
}

// shifted is a service whose clock is off.
type shifted struct {
	storage.Store
	by time.Duration
}

func (s shifted) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	data, o, err := s.Store.Get(ctx, key)
	o.LastModified = o.LastModified.Add(s.by)
	return data, o, err
}

func (s shifted) Head(ctx context.Context, key string) (storage.Object, error) {
	o, err := s.Store.Head(ctx, key)
	o.LastModified = o.LastModified.Add(s.by)
	return o, err
}
