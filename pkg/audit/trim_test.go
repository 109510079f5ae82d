package audit

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
	"cofre/pkg/storage/storagetest"

	"github.com/minio/minio-go/v7"
)

func TestTrim(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		c := newClock()
		start := c.now()
		trail := fill(t, store, c, 10)
		rep, err := trail.Trim(t.Context(), start.Add(-time.Hour))
		if err != nil || rep != (TrimReport{}) {
			t.Fatalf("%+v, %v", rep, err)
		}
		sound(t, store, 10)
		rep, err = trail.Trim(t.Context(), start.Add(4*time.Hour))
		if err != nil || rep.Removed != 4 || rep.UpTo != 4 {
			t.Fatalf("%+v, %v", rep, err)
		}
		found := sound(t, store, 7)
		if found.First != 5 || found.Last != 11 || found.Trimmed != 4 {
			t.Errorf("%+v", found)
		}
		records := all(t, trail, contract.ListAuditParams{Action: trimAction})
		if len(records) != 1 || records[0].Detail["records"] != "4" || records[0].Actor != "cofre" {
			t.Error(show(records))
		}

		// Again, by another process, with the record of the first trim among what goes; never the newest.
		c.add(1000 * time.Hour)
		rep, err = New(store, Options{Now: c.now}).Trim(t.Context(), c.now())
		if err != nil || rep.Removed != 6 || rep.UpTo != 10 {
			t.Fatalf("%+v, %v", rep, err)
		}
		if found := sound(t, store, 2); found.First != 11 || found.Trimmed != 10 {
			t.Errorf("%+v", found)
		}
		fill(t, store, c, 3)
		sound(t, store, 5)

		// Exactly this beginning is accepted, and no other; and what does not hold is not trimmed.
		remove(t, store, 11)
		if found := verify(t, store); kinds(found) != "beginning 11-11" {
			t.Errorf("%+v", found)
		}
		if _, err := trail.Trim(t.Context(), c.now()); !fault.HasReason(err, fault.StructureDamaged) {
			t.Errorf("%v", err)
		}
	})
}

// TestTrimWithoutPointer: the head forgot the newest trim; it is found by reading.
func TestTrimWithoutPointer(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	c := newClock()
	start := c.now()
	trail := fill(t, store, c, 6)
	_, err := trail.Trim(t.Context(), start.Add(3*time.Hour))
	must(t, err)
	must(t, store.Delete(t.Context(), headKey))
	rep, err := New(store, Options{Now: c.now}).Trim(t.Context(), start.Add(5*time.Hour))
	if err != nil || rep.Removed != 2 || rep.UpTo != 5 {
		t.Fatalf("%+v, %v", rep, err)
	}
	sound(t, store, 3)
}

// TestTrimHoldsNobodyUp: removing thousands of records takes minutes; whoever has to write one meanwhile does not wait for it.
func TestTrimHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	c := newClock()
	fill(t, store, c, 6)
	removing, written := make(chan struct{}, 10), make(chan struct{})
	slow := slowDeletes{store, func() {
		removing <- struct{}{}
		<-written
	}}
	trail := New(slow, Options{Now: c.now})
	trimmed := make(chan error, 1)
	go func() {
		_, err := trail.Trim(t.Context(), c.now())
		trimmed <- err
	}()
	<-removing
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := trail.Append(ctx, did("x", "list")); err != nil {
		t.Errorf("while a trim removes records: %v", err)
	}
	close(written)
	must(t, <-trimmed)
	sound(t, store, 3) // the newest of before, the trim's and x's
}

// slowDeletes waits before it removes something.
type slowDeletes struct {
	storage.Store
	wait func()
}

func (s slowDeletes) Delete(ctx context.Context, key string) error {
	s.wait()
	return s.Store.Delete(ctx, key)
}

// TestTrimDies: the process ends before or after any request of a trim. The chain holds at once, and the next trim does the rest.
func TestTrimDies(t *testing.T) {
	t.Parallel()
	c := newClock()
	start := c.now()
	store := storagetest.NewLocal(t)
	run := func(n int) int {
		wipe(t, store)
		c := &clock{t: start}
		fill(t, store, c, 6)
		hook, count := storagetest.DieAt(n)
		_, err := New(storagetest.Faulty(store, hook), Options{Now: c.now}).Trim(t.Context(), start.Add(4*time.Hour))
		if err != nil && !errors.Is(err, storagetest.ErrDied) {
			t.Fatal(err)
		}
		if rep := verify(t, store); !rep.OK {
			t.Fatalf("died at %d: %+v", n, rep)
		}
		fill(t, store, c, 1)
		_, err = New(store, Options{Now: c.now}).Trim(t.Context(), start.Add(4*time.Hour))
		must(t, err)
		rep := verify(t, store)
		if !rep.OK || rep.First != 5 || rep.Trimmed != 4 {
			t.Fatalf("died at %d, trimmed again: %+v", n, rep)
		}
		return count()
	}
	total := run(0)
	for n := 1; n <= total; n++ {
		run(n)
	}
}

// TestTrimMeetsDamage: evidence is not removed.
func TestTrimMeetsDamage(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	c := newClock()
	trail := fill(t, store, c, 6)
	put(t, store, keyOf(3), []byte("garbage"))
	if _, err := trail.Trim(t.Context(), c.now()); !fault.HasReason(err, fault.StructureDamaged) || fault.From(err).Hint == "" {
		t.Fatalf("%v", err)
	}
	if rep := verify(t, store); kinds(rep) != "changed 3" || rep.Count != 6 {
		t.Errorf("%+v", rep)
	}
}

// TestTrimMayNotDelete: records that these credentials may not remove stay, and the trim does not fail.
func TestTrimMayNotDelete(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	c := newClock()
	fill(t, store, c, 4)
	denied := storagetest.Faulty(store, func(op, key string) error {
		if op == "before delete" && strings.HasSuffix(key, "2.json") {
			return fault.New(fault.Permission, fault.AccessDenied, "", "locked")
		}
		return nil
	})
	rep, err := New(denied, Options{Now: c.now}).Trim(t.Context(), c.now())
	if err != nil || rep.Removed != 2 || rep.Kept != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if rep := verify(t, store); !rep.OK || rep.Count != 3 {
		t.Errorf("%+v", rep)
	}
	if rep, err := New(store, Options{Now: c.now}).Trim(t.Context(), c.now().Add(-time.Hour)); err != nil || rep.Removed < 1 {
		t.Errorf("%+v, %v", rep, err)
	}
	if rep := verify(t, store); !rep.OK {
		t.Errorf("%+v", rep)
	}
}

// TestObjectLock: in a bucket that can, records are locked for as long as they are to be kept; a trim leaves those alone.
func TestObjectLock(t *testing.T) {
	t.Parallel()
	server := testenv.MinIO(t)
	bucket := server.NewLockedBucket(t)
	store := storagetest.OpenMinIO(t, s3.Config{Bucket: bucket})
	witness := server.Client(t)
	c := &clock{t: time.Now()}
	old := New(store, Options{Now: c.now}) // not locked
	must(t, old.Append(t.Context(), did("x", "list")))
	locked := New(store, Options{Now: c.now, Retention: 30 * 24 * time.Hour})
	must(t, locked.Append(t.Context(), did("y", "list")))
	must(t, locked.Append(t.Context(), did("z", "list")))
	_, o, err := store.Get(t.Context(), keyOf(2))
	must(t, err)
	if d := time.Until(o.RetainUntil); d < 29*24*time.Hour || d > 31*24*time.Hour {
		t.Fatalf("retained until %s", o.RetainUntil)
	}
	if err := witness.RemoveObject(t.Context(), bucket, keyOf(2), minio.RemoveObjectOptions{VersionID: o.VersionID}); err == nil {
		t.Error("a locked record was removed")
	}
	rep, err := locked.Trim(t.Context(), c.now().Add(time.Hour))
	if err != nil || rep.Removed != 1 || rep.UpTo != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	sound(t, store, 3)
}
