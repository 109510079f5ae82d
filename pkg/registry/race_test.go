package registry

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/local"
	"cofre/pkg/storage/storagetest"
)

// F8, I3: 32 writers with nothing in common but the bucket.
func TestNoUpdateIsLost(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		writers, updates := 32, 20
		if raceDetector { // it makes every attempt many times as long
			updates = 4
		}
		took := write(t, store, writers, updates, nil)
		t.Logf("%d writers × %d updates: %.2f s, slowest update %s, median %s", writers, updates, took.total.Seconds(), took.slowest, took.median)
	})
}

// The same while every third request is refused or its answer lost.
func TestNoUpdateIsLostOnABadConnection(t *testing.T) {
	place := storagetest.MinIOPlace(t)
	write(t, place.Store, 8, 10, func(n int, s storage.Store) storage.Store {
		calls := 0
		return storagetest.Faulty(s, func(op, key string) error {
			if op != "before put" && op != "after put" {
				return nil
			}
			if calls++; calls%3 == 0 {
				return errLost
			}
			return nil
		})
	})
}

type timing struct{ total, slowest, median time.Duration }

// write has writers add records, each a registry and, if wrap is given, a store of its own, and checks that all
// are there. An update that fails is done again: its effect may be there already.
func write(t *testing.T, store storage.Store, writers, updates int, wrap func(n int, s storage.Store) storage.Store) timing {
	t.Helper()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		want  []string
		times []time.Duration
	)
	start := time.Now()
	for w := range writers {
		s := store
		if wrap != nil {
			s = wrap(w, store)
		}
		r := New(s, Options{})
		wg.Go(func() {
			for range updates {
				b := record("x.dump")
				b.Status, b.Filename, b.Filepath = Failed, b.ID, FilesPrefix+b.ID
				from := time.Now()
				for {
					err := r.Update(context.Background(), func(x *Index) error { x.Upsert(b); return nil })
					if err == nil {
						break
					}
					if wrap == nil || !fault.HasReason(err, fault.StorageUnreachable) {
						t.Error(err)
						return
					}
				}
				mu.Lock()
				want, times = append(want, b.ID), append(times, time.Since(from))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took := timing{total: time.Since(start)}
	if len(times) > 0 {
		sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
		took.median, took.slowest = times[len(times)/2], times[len(times)-1]
	}
	x, err := New(store, Options{}).Load(context.Background())
	must(t, err)
	for _, id := range want {
		if x.Find(id) == nil {
			t.Errorf("the update of %s is lost", id)
		}
	}
	if len(want) != writers*updates || len(x.Backups) != len(want) {
		t.Errorf("%d updates, %d records, want %d", len(want), len(x.Backups), writers*updates)
	}
	return took
}

const (
	writerDirectory = "COFRE_TEST_REGISTRY_WRITER"
	writerUpdates   = 25
)

// beWriter is the work of a child process of TestProcessesRace: whole backups and updates over a directory.
func beWriter(dir string) error {
	ctx := context.Background()
	store, err := local.Open(local.Config{Directory: dir, Volatile: true})
	if err != nil {
		return err
	}
	r := New(store, Options{})
	for n := range writerUpdates {
		b := record(fmt.Sprintf("p%d-%d.dump", os.Getpid(), n))
		if _, err := makeBackup(ctx, r, b, b.ID); err != nil {
			return err
		}
		fmt.Println(b.ID)
	}
	return nil
}

// F8: processes over the same directory; a third one tidies up meanwhile.
func TestProcessesRace(t *testing.T) {
	dir := t.TempDir()
	store := storagetest.OpenLocal(t, local.Config{Directory: dir, Volatile: true})
	start := time.Now()
	var wg sync.WaitGroup
	outputs := make([][]byte, 3)
	for i := range outputs {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), writerDirectory+"="+dir)
			var err error
			if outputs[i], err = cmd.Output(); err != nil {
				if e, ok := err.(*exec.ExitError); ok {
					err = fmt.Errorf("%w: %s", err, e.Stderr)
				}
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for r := New(store, Options{}); ; {
		rep, err := r.Reconcile(context.Background())
		must(t, err)
		if len(rep.Failed)+len(rep.Completed)+len(rep.Problems) > 0 {
			t.Errorf("reconciling touched what was alive: %+v", rep)
		}
		select {
		case <-done:
		case <-time.After(100 * time.Millisecond):
			continue
		}
		break
	}
	t.Logf("%d processes × %d backups: %.2f s", len(outputs), writerUpdates, time.Since(start).Seconds())
	x := checkWorld(t, store)
	for _, out := range outputs {
		made := strings.Fields(string(out))
		if len(made) != writerUpdates {
			t.Errorf("made %d backups", len(made))
		}
		for _, id := range made {
			if b := x.Find(id); b == nil || b.Status != Success {
				t.Errorf("%s is %+v", id, b)
			}
		}
	}
}

// F1: a process killed at random moments in the middle of backups and removals.
func TestKilledProcesses(t *testing.T) {
	dir := t.TempDir()
	for n := range 20 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerDirectory+"="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // the first backup is done
			t.Fatal(err)
		}
		time.Sleep(rand.N(60 * time.Millisecond))
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		store, err := local.Open(local.Config{Directory: dir, Volatile: true})
		must(t, err)
		if rep, err := later(store).Reconcile(context.Background()); err != nil || len(rep.Problems) > 0 {
			t.Errorf("kill %d: %+v %v", n, rep, err)
		}
		x := checkWorld(t, store)
		for _, b := range x.Backups[1:] {
			clear(t, store, x, b.ID)
		}
	}
}

// F11, I8: an event that is delivered many times at once, and again later.
func TestClaimOnce(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		b, err := New(store, Options{}).Reserve(ctx, record("a.dump"), nil, time.Minute, agree)
		must(t, err)
		var (
			wg     sync.WaitGroup
			leases = make([]*Lease, 16)
			errs   = make([]error, 16)
		)
		for i := range leases {
			wg.Go(func() {
				leases[i], errs[i] = New(store, Options{}).Claim(ctx, b.ID, fmt.Sprint("runner", i))
			})
		}
		wg.Wait()
		var won *Lease
		for i, l := range leases {
			switch {
			case errs[i] != nil:
				wantReason(t, errs[i], fault.Busy)
				if l != nil {
					t.Error("a lease besides an error")
				}
			case won != nil:
				t.Fatal("two won")
			default:
				won = l
			}
		}
		if won == nil {
			t.Fatal("nobody won")
		}
		_, err = runBackup(ctx, won, "content")
		must(t, err)
		_, err = later(store).Claim(ctx, b.ID, "much later")
		wantReason(t, err, fault.AlreadyExists)
		_, err = New(store, Options{}).Reserve(ctx, b, nil, time.Minute, agree)
		wantReason(t, err, fault.AlreadyExists)
		checkWorld(t, store)
	})
}

// The whole run delivered twice at once, from the reservation on, under one id.
func TestReserveOnce(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	b := record("a.dump")
	var (
		wg   sync.WaitGroup
		errs = make([]error, 8)
	)
	for i := range errs {
		wg.Go(func() { _, errs[i] = makeBackup(ctx, New(store, Options{}), b, "content") })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !fault.HasReason(err, fault.AlreadyExists) {
			t.Error(err)
		}
	}
	if x := checkWorld(t, store); won != 1 || len(x.Backups) != 1 {
		t.Errorf("%d runs for one event, index %s", won, show(x.Backups))
	}
}

// F12: several processes tidy up the same remains at once.
func TestReconcileTogether(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		for n := range 8 {
			hook, _ := storagetest.DieAt(16 + 3*n)
			_, err := makeBackup(ctx, New(storagetest.Faulty(store, hook), Options{}), record(fmt.Sprintf("n%d.dump", n)), "content")
			if err == nil {
				t.Fatal("the run did not die")
			}
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if rep, err := later(store).Reconcile(ctx); err != nil || len(rep.Problems) > 0 {
					t.Errorf("%+v %v", rep, err)
				}
			})
		}
		wg.Wait()
		if x := checkWorld(t, store); len(x.Backups) != 8 {
			t.Errorf("%d backups", len(x.Backups))
		}
	})
}

// What a process wrote last is not what counts: a change that writes nothing, or is refused, is asked again with the present records.
func TestOwnWriteIsNotBelieved(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		mine, others := New(store, Options{}), New(store, Options{})
		b := record("x.dump")
		b.Status = Failed
		must(t, mine.MarkCleanup(ctx, time.Now()))
		must(t, others.Update(ctx, func(x *Index) error { x.Upsert(b); return nil }))
		must(t, mine.Update(ctx, func(x *Index) error {
			if x.Find(b.ID) == nil {
				return notFound(b.ID)
			}
			x.Remove(b.ID)
			return nil
		}))
		must(t, others.Update(ctx, func(x *Index) error { x.Upsert(b); return nil }))
		there := false
		must(t, mine.Update(ctx, func(x *Index) error { there = x.Find(b.ID) != nil; return errUnchanged }))
		if !there {
			t.Error("a record of another process was not seen")
		}
	})
}
