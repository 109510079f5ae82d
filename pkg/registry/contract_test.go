package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// contents is everything in a bucket but the clock, and an index of nothing.
func contents(t testing.TB, store storage.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range keys(t, store) {
		if key != ClockKey {
			data, _, err := store.Get(context.Background(), key)
			must(t, err)
			if x, err := parseIndex(data); key != IndexKey || err != nil || len(x.Backups) > 0 {
				all[key] = string(data)
			}
		}
	}
	return all
}

// A refused reservation leaves nothing behind, in an empty bucket and in one with a past.
func TestRefusedReservationLeavesNothing(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		no := errors.New("no")
		refusals := map[string]func() error{
			"decide": func() error {
				_, err := New(store, Options{}).Reserve(ctx, record("new.dump"), nil, time.Minute, func(*Index, *Backup) error { return no })
				if !errors.Is(err, no) {
					t.Errorf("error is %v", err)
				}
				return err
			},
			"a name that leads outside": func() error {
				_, err := New(store, Options{}).Reserve(ctx, record("new.dump"), nil, time.Minute, func(_ *Index, b *Backup) error {
					b.Filepath = "files/../x.dump"
					return nil
				})
				return err
			},
			"a record that does": func() error {
				b := record("new.dump")
				b.Filepath = "/etc/new.dump"
				_, err := New(store, Options{}).Reserve(ctx, b, nil, time.Minute, agree)
				return err
			},
		}
		for past := range 2 {
			if past == 1 {
				before := lived(t, store)
				_, err := store.Put(ctx, "files/stray.dump", []byte("an object without a record"), storage.PutOptions{})
				must(t, err)
				for _, name := range []string{before.Backups[0].Filename, "running.dump", "stray.dump"} {
					refusals[name] = func() error {
						_, err := New(store, Options{}).Reserve(ctx, record(name), nil, time.Minute, agree)
						wantReason(t, err, fault.AlreadyExists)
						return err
					}
				}
			}
			was := contents(t, store)
			for name, refused := range refusals {
				if refused() == nil {
					t.Errorf("%s was not refused", name)
				}
				if is := contents(t, store); !equalJSON(is, was) {
					t.Errorf("after %s the bucket is\n%s\nand was\n%s", name, show(is), show(was))
				}
			}
		}
	})
}

// Limits are decided inside the compare-and-swap: they hold over any number of processes.
func TestLimitHolds(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = New(store, Options{}).Reserve(ctx, record(fmt.Sprintf("%d.dump", i)), nil, time.Minute, func(x *Index, b *Backup) error {
				if len(ids(x, InProgress)) >= 3 {
					return fault.New(fault.Validation, fault.LimitReached, "", "three are enough")
				}
				return nil
			})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wantReason(t, err, fault.LimitReached)
		}
	}
	x, err := New(store, Options{}).Load(ctx)
	must(t, err)
	if won != 3 || len(x.Backups) != 3 {
		t.Errorf("%d won, %d records", won, len(x.Backups))
	}
}

// While a reservation is decided, somebody rebuilds registry.json and finds its intent: the limits are decided
// all the same, and a refusal leaves nothing.
func TestRebuildDuringReserve(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		ctx := context.Background()
		store := storagetest.NewLocal(t)
		_, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
		asked, b := 0, record("b.dump")
		_, err = New(store, Options{}).Reserve(ctx, b, nil, time.Minute, func(x *Index, c *Backup) error {
			if asked++; asked == 1 {
				_, err := New(store, Options{}).Rebuild(ctx)
				must(t, err)
				must(t, New(store, Options{}).MarkCleanup(ctx, b.CreatedAt))
			}
			if refuse && asked == 2 {
				return errLost
			}
			c.Filename, c.Filepath = "c.dump", FilesPrefix+"c.dump"
			return nil
		})
		if (err != nil) != refuse || asked != 2 {
			t.Fatalf("asked %d times: %v", asked, err)
		}
		x, err := New(store, Options{}).Load(ctx)
		must(t, err)
		got := x.Find(b.ID)
		_, herr := store.Head(ctx, IntentKey(b.ID))
		if refuse && (got != nil || herr == nil) || !refuse && got.Filename != "c.dump" {
			t.Errorf("refuse %v: %+v", refuse, got)
		}
	}
}

// What Update promises.
func TestUpdateContract(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	lived(t, store)
	puts := 0
	r := New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before put" {
			puts++
		}
		return nil
	}), Options{})
	no := errors.New("no")
	if err := r.Update(ctx, func(x *Index) error { x.Backups = nil; return no }); !errors.Is(err, no) || puts > 0 {
		t.Errorf("%d writes, %v", puts, err)
	}
	if err := r.Update(ctx, func(x *Index) error { x.Upsert(x.Backups[1]); return nil }); err != nil || puts > 0 {
		t.Errorf("%d writes for no change, %v", puts, err)
	}
	asked := 0
	err := r.Update(ctx, func(x *Index) error {
		if asked++; asked < 4 {
			must(t, New(store, Options{}).MarkCleanup(ctx, time.Unix(int64(asked), 0)))
		}
		x.Settings.MaxBackups++
		return nil
	})
	x, lerr := r.Load(ctx)
	must(t, lerr)
	if err != nil || asked != 4 || puts != 4 || x.Settings.MaxBackups != 8 || x.LastCleanup.Unix() != 3 {
		t.Errorf("asked %d times, %d writes, %v, %+v", asked, puts, err, x.Settings)
	}
	// One that hangs does not keep another from giving up.
	entered, leave := make(chan bool, 2), make(chan bool) // asked of its own copy first, and then of what is stored
	hung := make(chan error)
	go func() { hung <- r.Update(ctx, func(*Index) error { entered <- true; <-leave; return no }) }()
	<-entered
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := r.MarkCleanup(short, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	close(leave)
	if err := <-hung; !errors.Is(err, no) {
		t.Error(err)
	}
}

func TestRemoveRefuses(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	r := New(store, Options{})
	before := lived(t, store)
	_, err := r.Remove(ctx, ids(before, InProgress)[0], "ana")
	wantReason(t, err, fault.Busy)
	for _, id := range []string{newID(), "", "../registry", strings.Repeat("x", 5000)} {
		_, err := r.Remove(ctx, id, "ana")
		wantReason(t, err, fault.NotFound)
		if len(err.Error()) > 200 {
			t.Errorf("error of %d bytes", len(err.Error()))
		}
	}
	if got, err := r.Load(ctx); err != nil || !equalJSON(got, before) {
		t.Errorf("%v %s", err, show(got))
	}
}

// A record that was edited to name another backup's file: that file stays.
func TestRemoveLeavesOthersObjects(t *testing.T) {
	for _, owned := range []bool{true, false} {
		ctx := context.Background()
		store := storagetest.NewLocal(t)
		r := New(store, Options{})
		mine, err := makeBackup(ctx, r, record("mine.dump"), "mine")
		must(t, err)
		other, err := makeBackup(ctx, r, record("other.dump"), "other")
		must(t, err)
		if !owned { // its metadata went lost, as when a bucket is copied by a tool
			must(t, store.Delete(ctx, other.Filepath))
			_, err := store.Put(ctx, other.Filepath, []byte("other"), storage.PutOptions{})
			must(t, err)
		}
		must(t, r.Update(ctx, func(x *Index) error {
			b := x.Find(mine.ID)
			b.Filename, b.Filepath = other.Filename, other.Filepath
			return nil
		}))
		_, err = r.Remove(ctx, mine.ID, "ana")
		must(t, err)
		if _, err := store.Head(ctx, other.Filepath); err != nil {
			t.Errorf("owned %v: %v", owned, err)
		}
		_, err = r.Remove(ctx, other.ID, "ana")
		must(t, err)
		absent(t, store, other.Filepath)
	}
}

// Several removals at once, and one that meets the intent of a run that died just before its end.
func TestRemoveTogether(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() { _, errs[i] = New(store, Options{}).Remove(ctx, b.ID, "ana") })
	}
	wg.Wait()
	if !slices.Contains(errs, nil) {
		t.Error("nobody removed it")
	}
	for _, err := range errs {
		if err != nil && !fault.HasReason(err, fault.Busy) && !fault.HasReason(err, fault.NotFound) {
			t.Error(err)
		}
	}
	checkWorld(t, store)

	c := record("c.dump")
	_, err = makeBackup(ctx, New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before delete" && key == IntentKey(c.ID) {
			return storagetest.ErrDied
		}
		return nil
	}), Options{}), c, "content")
	if !IsCommitted(err) {
		t.Fatalf("error is %v", err)
	}
	_, err = New(store, Options{}).Remove(ctx, c.ID, "ana")
	wantReason(t, err, fault.Busy)
	_, err = later(store).Remove(ctx, c.ID, "ana")
	must(t, err)
	if x := checkWorld(t, store); len(x.Backups) != 0 {
		t.Errorf("%s", show(x))
	}
}

func TestVerificationOfNothing(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	r := New(store, Options{})
	b, err := makeBackup(ctx, r, record("a.dump"), "content")
	must(t, err)
	was := contents(t, store)
	for _, id := range []string{newID(), "../../x", ""} {
		_, err := r.SetVerification(ctx, id, Verification{OK: true}, 0)
		wantReason(t, err, fault.NotFound)
	}
	if is := contents(t, store); !equalJSON(is, was) {
		t.Errorf("wrote %s", show(is))
	}
	// Removed while it was being validated.
	removing := New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before put" && key == VerificationKey(b.ID) {
			_, err := r.Remove(ctx, b.ID, "ana")
			must(t, err)
		}
		return nil
	}), Options{})
	_, err = removing.SetVerification(ctx, b.ID, Verification{OK: true}, 0)
	wantReason(t, err, fault.NotFound)
	checkWorld(t, store)
}

// A lease commits its own backup under its own name, nothing else.
func TestCommitOfAnother(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	l := begin(t, New(store, Options{}), record("a.dump"))
	for _, change := range []func(*Backup){
		func(b *Backup) { b.ID = newID() },
		func(b *Backup) { b.Filepath = "files/b.dump" },
		func(b *Backup) { b.Filename = "../b.dump" },
	} {
		b := l.Backup()
		change(&b)
		if err := l.Commit(ctx, b); !fault.HasCode(err, fault.Internal) {
			t.Errorf("error is %v", err)
		}
	}
	_, err := l.Fail(ctx, l.Backup(), errLost)
	must(t, err)
	checkWorld(t, store)
}

// Entries in progress without an intent: whoever edits the bucket by hand makes them.
func TestOrphansAreSettled(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	r := New(store, Options{})
	lost := begin(t, r, record("lost.dump"))
	_, err := transfer(ctx, lost, "never committed")
	must(t, err)
	done, err := makeBackup(ctx, r, record("done.dump"), "committed")
	must(t, err)
	must(t, store.Delete(ctx, IntentKey(lost.id)))
	must(t, r.Update(ctx, func(x *Index) error { x.Find(done.ID).Status = InProgress; return nil }))
	_, err = r.Claim(ctx, lost.id, "again")
	wantReason(t, err, fault.NotFound)
	rep, err := r.Reconcile(ctx)
	must(t, err)
	if !slices.Equal(rep.Failed, []string{lost.id}) || !slices.Equal(rep.Completed, []string{done.ID}) || len(rep.Problems) > 0 {
		t.Errorf("%+v", rep)
	}
	checkWorld(t, store)
}

// A cleanup while a backup runs, and reads of all kinds, leave it alone.
func TestReconcileLeavesTheLivingAlone(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			if rep, err := New(store, Options{}).Reconcile(ctx); err != nil || len(rep.Failed)+len(rep.Problems)+len(rep.Completed) > 0 {
				t.Errorf("%+v %v", rep, err)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	r := New(store, Options{})
	for n := range 15 {
		_, err := makeBackup(ctx, r, record(fmt.Sprintf("%d.dump", n)), "content")
		must(t, err)
	}
	close(stop)
	<-done
	checkWorld(t, store)
}

// The index as a data structure, against a map.
func TestIndexOperations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var x Index
	model := map[string]Backup{}
	var known []string
	for range 3000 {
		id := fmt.Sprintf("0%025d", rng.IntN(60))
		b := Backup{ID: id, Size: rng.Int64N(3), Status: Success, Filepath: "files/" + id}
		_, there := model[id]
		switch rng.IntN(3) {
		case 0, 1:
			old := model[id]
			if x.Upsert(b) != (!there || old.Size != b.Size) {
				t.Fatal("Upsert tells something else")
			}
			model[id] = b
		default:
			if x.Remove(id) != there {
				t.Fatal("Remove tells something else")
			}
			delete(model, id)
		}
		known = append(known, id)
		got := x.Find(known[rng.IntN(len(known))])
		if len(x.Backups) != len(model) || got != nil && model[got.ID].Size != got.Size {
			t.Fatalf("%d records, want %d", len(x.Backups), len(model))
		}
		if !slices.IsSortedFunc(x.Backups, func(a, b Backup) int { return strings.Compare(a.ID, b.ID) }) {
			t.Fatal("not sorted")
		}
		_, there = model[id]
		if x.Taken("files/"+id, "") != there || x.Taken("files/"+id, id) {
			t.Fatal("Taken tells something else")
		}
	}
}

// The file is for people too: one backup a line, what is about all of them first.
func TestIndexIsReadable(t *testing.T) {
	x := &Index{Settings: Settings{MaxBackups: 3}}
	for _, name := range []string{"a<b>&c.dump", "b.dump"} {
		b := record(name)
		b.Status = Success
		b.complete()
		x.Upsert(b)
	}
	data, err := x.marshal()
	must(t, err)
	lines := strings.Split(string(data), "\n")
	if len(lines) != 10 || !strings.HasPrefix(lines[4], ` "backups": [`) || !strings.Contains(lines[5]+lines[6], "a<b>&c.dump") {
		t.Errorf("%s", data)
	}
	y, err := parseIndex(data)
	must(t, err)
	if !equalJSON(x, y) {
		t.Errorf("read back: %s", show(y))
	}
	empty, err := (&Index{}).marshal()
	must(t, err)
	if z, err := parseIndex(empty); err != nil || z.Backups == nil || !bytes.Contains(empty, []byte(`"version": 1`)) {
		t.Errorf("%v: %s", err, empty)
	}
}

func TestTagsFitTheirLimits(t *testing.T) {
	b := record("a.dump")
	b.Status, b.Checksum = Success, strings.Repeat("0", 64)
	b.Database, b.CreatedBy = strings.Repeat("é\n", 400), strings.Repeat("<&>", 200)
	tags := Tags(b)
	if len(tags) > 10 {
		t.Errorf("%d tags", len(tags))
	}
	for k, v := range tags {
		if len(k) > 128 || len(v) > 256 {
			t.Errorf("%s has %d bytes", k, len(v))
		}
	}
	store := storagetest.NewMinIO(t)
	ctx := context.Background()
	_, err := store.Put(ctx, b.Filepath, []byte("x"), storage.PutOptions{})
	must(t, err)
	must(t, New(store, Options{}).SetTags(ctx, b))
	got, err := store.Tags(ctx, b.Filepath)
	must(t, err)
	if diff := CheckTags(b, got); diff != "" {
		t.Error(diff)
	}
	for _, k := range []string{tagID, tagSHA256, tagSource, tagDatabase, tagCreatedAt} {
		changed := Tags(b)
		changed[k] += "x"
		if CheckTags(b, changed) == "" {
			t.Errorf("a changed %s is not noticed", k)
		}
	}
}

// A list costs one request, however many backups there are.
func TestLoadIsOneRequest(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewMinIO(t)
	data, err := large(3000).marshal()
	must(t, err)
	_, err = store.Put(ctx, IndexKey, data, storage.PutOptions{})
	must(t, err)
	var seen []string
	x, err := New(storagetest.Faulty(store, func(op, key string) error {
		if strings.HasPrefix(op, "before ") {
			seen = append(seen, op+" "+key)
		}
		return nil
	}), Options{}).Load(ctx)
	must(t, err)
	if len(seen) != 1 || len(x.Backups) != 3000 {
		t.Errorf("%d backups by %v", len(x.Backups), seen)
	}
}
