package registry

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// wanted is a restore as the service reserves it.
func wanted() Restore {
	return Restore{ID: newID(), Backup: newID(), Target: "staging", Database: "shop_restored", Mode: RestoreNew, By: "ana", CreatedAt: time.Now()}
}

// beginRestore reserves and claims.
func beginRestore(t testing.TB, r *Registry) *RestoreLease {
	t.Helper()
	x, err := r.ReserveRestore(t.Context(), wanted(), time.Minute)
	must(t, err)
	l, err := r.ClaimRestore(t.Context(), x.ID, "runner", time.Now())
	must(t, err)
	return l
}

// A restore goes from reserved to running to its end, and each step is taken once.
func TestRestoreRecord(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, r, other := t.Context(), New(store, Options{}), New(store, Options{})
		x, err := r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		_, err = other.ReserveRestore(ctx, x, time.Minute)
		wantReason(t, err, fault.AlreadyExists)
		if got, err := other.Restore(ctx, x.ID); err != nil || got.State != RestoreReserved || got.By != "ana" || got.Database != "shop_restored" {
			t.Errorf("%+v, %v", got, err)
		}
		l, err := r.ClaimRestore(ctx, x.ID, "one", time.Now())
		must(t, err)
		_, err = other.ClaimRestore(ctx, x.ID, "two", time.Now())
		wantReason(t, err, fault.Busy)
		_, err = other.WithdrawRestore(ctx, x.ID, time.Now(), errors.New("x"))
		wantReason(t, err, fault.Busy)
		must(t, l.Update(ctx, func(x *Restore) { x.Phase, x.Read, x.Total = RestoreRestoring, 10, 100 }))
		if got, err := other.Restore(ctx, x.ID); err != nil || got.State != RestoreRunning || got.Read != 10 || got.Total != 100 || got.StartedAt.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		died, err := other.SettleRestores(ctx)
		if err != nil || len(died) != 0 {
			t.Errorf("one that is alive was given up: %+v, %v", died, err)
		}
		got, err := l.End(ctx, RestoreSucceeded, time.Now(), nil, func(x *Restore) { x.Restored = &Restored{Tool: "pg_restore 18.1", Duration: 5} })
		if err != nil || got.State != RestoreSucceeded || got.EndedAt.IsZero() || got.Error != nil {
			t.Errorf("%+v, %v", got, err)
		}
		if again, err := other.Restore(ctx, x.ID); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%+v, %v", again, err)
		}
		_, err = other.ClaimRestore(ctx, x.ID, "two", time.Now())
		wantReason(t, err, fault.AlreadyExists)
		_, err = other.CancelRestore(ctx, x.ID, "ben", time.Now())
		wantReason(t, err, fault.Busy)
		for _, id := range []string{newID(), "../x", ""} {
			_, err = other.Restore(ctx, id)
			wantReason(t, err, fault.NotFound)
			_, err = other.CancelRestore(ctx, id, "ben", time.Now())
			wantReason(t, err, fault.NotFound)
		}
	})
}

func TestRestoreCanceled(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, r, other := t.Context(), New(store, Options{}), New(store, Options{})
		x, err := r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		got, err := other.CancelRestore(ctx, x.ID, "ben", time.Now())
		if err != nil || got.State != RestoreCanceled || got.Error.Reason != fault.CanceledByUser || !strings.Contains(got.Error.Message, "ben") {
			t.Errorf("one that waits: %+v, %v", got, err)
		}
		_, err = r.ClaimRestore(ctx, x.ID, "one", time.Now())
		wantReason(t, err, fault.AlreadyExists)

		l := beginRestore(t, r)
		if c, err := l.Canceled(ctx); c != nil || err != nil {
			t.Fatalf("%+v, %v", c, err)
		}
		got, err = other.CancelRestore(ctx, l.Restore().ID, "ben", time.Now())
		if err != nil || got.State != RestoreRunning {
			t.Errorf("%+v, %v", got, err)
		}
		must(t, l.Update(ctx, func(x *Restore) { x.Read++ })) // the wish survives whatever the run writes
		// A cleanup that comes by takes no wish away that is still to be read, nor a reconcile.
		_, err = other.ForgetRestores(ctx, time.Now().Add(time.Hour))
		must(t, err)
		_, err = other.Reconcile(ctx)
		must(t, err)
		c, err := l.Canceled(ctx)
		if err != nil || c == nil || c.By != "ben" {
			t.Fatalf("%+v, %v", c, err)
		}
		got, err = l.End(ctx, RestoreCanceled, time.Now(), c.RestoreCause(), nil)
		if err != nil || got.State != RestoreCanceled || got.Error.Code != fault.Canceled {
			t.Errorf("%+v, %v", got, err)
		}
		absent(t, store, restoreCancelKey(got.ID))
	})
}

// A run that is silent for longer than its lease is interrupted, and stops when it wakes up; one that nobody begins is failed.
func TestRestoreInterrupted(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, r := t.Context(), New(store, Options{})
		l := beginRestore(t, r)
		must(t, l.Update(ctx, func(x *Restore) { x.Phase = RestoreRestoring }))
		early := beginRestore(t, r)
		waiting, err := r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		got, err := later(store).Restore(ctx, l.Restore().ID) // whoever asks finds out
		if err != nil || got.State != RestoreInterrupted || got.Error.Reason != fault.RunLost || !got.HalfFilled ||
			!strings.Contains(got.Error.Message, `"shop_restored" of target staging`) || !strings.Contains(got.Error.Message, "cut off from the storage") || !strings.Contains(got.Error.Message, "may be half filled; it may also have finished") {
			t.Errorf("%+v (%+v), %v", got, got.Error, err)
		}
		died, err := later(store).SettleRestores(ctx)
		if err != nil || len(died) != 2 || died[0].ID != early.Restore().ID || !died[0].HalfFilled || died[1].ID != waiting.ID || died[1].State != RestoreFailed || died[1].Error.Reason != fault.Timeout {
			t.Errorf("%+v, %v", died, err)
		}
		wantReason(t, l.Update(ctx, func(x *Restore) { x.Read = 5 }), fault.Precondition)
		held, err := l.End(ctx, RestoreFailed, time.Now(), l.Update(ctx, func(*Restore) {}), nil) // stopped for that
		wantReason(t, err, fault.Precondition)
		if held.State != RestoreInterrupted || !held.HalfFilled {
			t.Errorf("a run that was stopped has the last word: %+v", held)
		}

		kept, err := r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		must(t, r.KeepRestore(ctx, kept.ID))
		if got, err := r.Restore(ctx, kept.ID); err != nil || got.State != RestoreReserved || got.Beat <= kept.Beat || got.LeaseMS != kept.LeaseMS {
			t.Errorf("one that waits on: %+v, %v", got, err)
		}
		if l, err := r.ClaimRestore(ctx, kept.ID, "one", time.Now()); err != nil || l.Restore().Token == kept.Token {
			t.Errorf("%+v, %v", l, err)
		}
		wantReason(t, r.KeepRestore(ctx, kept.ID), fault.Busy)
		wantReason(t, r.KeepRestore(ctx, waiting.ID), fault.AlreadyExists)
		wantReason(t, r.KeepRestore(ctx, newID()), fault.NotFound)

		late, err := r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		_, err = later(store).ClaimRestore(ctx, late.ID, "one", time.Now())
		wantReason(t, err, fault.Timeout)
		if got, err := r.Restore(ctx, late.ID); err != nil || got.State != RestoreFailed {
			t.Errorf("%+v, %v", got, err)
		}
		over, err := r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		if got, err := r.WithdrawRestore(ctx, over.ID, time.Now(), fault.New(fault.Canceled, "", "Ask again.", "the server is being stopped")); err != nil || got.State != RestoreFailed || got.Error.Code != fault.Canceled {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A run that was given up for dead and came to its end all the same says what became of it, unless somebody else has ended it.
func TestRestoreGivenUpAndDone(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := t.Context()
		type ending struct {
			state, was RestoreState
			half       bool
		}
		told := map[string][]ending{}
		ended := func(_ context.Context, x Restore, was RestoreState) {
			told[x.ID] = append(told[x.ID], ending{x.State, was, x.HalfFilled})
		}
		r, late := New(store, Options{RestoreEnded: ended}), New(store, Options{RestoreEnded: ended, Ahead: time.Hour})
		l := beginRestore(t, r)
		must(t, l.Update(ctx, func(x *Restore) { x.Phase, x.Read, x.Total = RestoreFinishing, 100, 100 }))
		id := l.Restore().ID
		died, err := late.SettleRestores(ctx)
		if err != nil || len(died) != 1 || !strings.Contains(died[0].Error.Message, "may also have finished") {
			t.Fatalf("%+v, %v", died, err)
		}
		got, err := l.End(ctx, RestoreSucceeded, time.Now(), nil, func(x *Restore) { x.HalfFilled, x.Restored = false, &Restored{Tool: "pg_restore 18.1"} })
		if err != nil || got.State != RestoreSucceeded || got.HalfFilled || got.Error != nil || got.Restored == nil {
			t.Errorf("%+v, %v", got, err)
		}
		if again, err := late.Restore(ctx, id); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%+v, %v", again, err)
		}
		if want := []ending{{RestoreInterrupted, RestoreRunning, true}, {RestoreSucceeded, RestoreInterrupted, false}}; !reflect.DeepEqual(told[id], want) {
			t.Errorf("told %+v", told[id])
		}

		l = beginRestore(t, r)
		x, o, err := r.restore(ctx, l.Restore().ID)
		must(t, err)
		_, err = r.holdRestore(x, o.ETag).End(ctx, RestoreCanceled, time.Now(), restoreCanceled("ben"), nil)
		must(t, err)
		got, err = l.End(ctx, RestoreSucceeded, time.Now(), nil, nil)
		wantReason(t, err, fault.Precondition)
		if got.State != RestoreCanceled || len(told[got.ID]) != 1 {
			t.Errorf("%+v, told %+v", got, told[got.ID])
		}

		// Whoever ends it tells of it, once.
		waiting, err := r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		_, err = r.WithdrawRestore(ctx, waiting.ID, time.Now(), errors.New("x"))
		must(t, err)
		waiting, err = r.ReserveRestore(ctx, wanted(), time.Minute)
		must(t, err)
		_, err = late.ClaimRestore(ctx, waiting.ID, "one", time.Now())
		wantReason(t, err, fault.Timeout)
		for _, found := range []*Registry{r, late, late} {
			_, err = found.SettleRestores(ctx)
			must(t, err)
			_, err = found.Restore(ctx, waiting.ID)
			must(t, err)
		}
		if len(told) != 4 || !reflect.DeepEqual(told[waiting.ID], []ending{{RestoreFailed, RestoreRunning, false}}) {
			t.Errorf("told %+v", told)
		}
	})
}

// A request with a key reserves one restore, also where its first delivery died before that was on record.
func TestReserveRestoreOnce(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, r := t.Context(), New(store, Options{})
		ask := func(x Restore) Restore {
			t.Helper()
			x.ID = newID()
			got, err := r.ReserveRestoreOnce(ctx, x, "key", time.Minute)
			must(t, err)
			return got
		}
		want := wanted()
		if _, made, err := r.RestoreAskedFor(ctx, want, "key"); made || err != nil {
			t.Fatal(made, err)
		}
		named := newID() // and nothing else of it
		_, err := r.putJSON(ctx, onceKey(want.By, "key"), once{1, named}, storage.Condition{IfAbsent: true})
		must(t, err)
		first := ask(want)
		if again := ask(want); first.ID != named || again.ID != named {
			t.Errorf("%s and %s, want %s", first.ID, again.ID, named)
		}
		if got, made, err := r.RestoreAskedFor(ctx, want, "key"); err != nil || !made || got.ID != named {
			t.Errorf("%+v, %v, %v", got, made, err)
		}
		other := want
		other.Part, other.ID = &ChosenPart{Tables: Patterns{"orders"}}, newID()
		_, err = r.ReserveRestoreOnce(ctx, other, "key", time.Minute)
		wantReason(t, err, fault.InvalidInput)
		_, _, err = r.RestoreAskedFor(ctx, other, "key")
		wantReason(t, err, fault.InvalidInput)
		_, err = store.Put(ctx, onceKey(want.By, "key"), []byte("{"), jsonOptions(storage.Condition{}))
		must(t, err)
		if got := ask(want); got.ID == named {
			t.Error("a damaged object leads to the restore")
		}
		_, err = r.WithdrawRestore(ctx, named, time.Now(), errors.New("x"))
		must(t, err)
		_, err = r.ForgetRestores(ctx, time.Now().Add(time.Hour))
		must(t, err)
		if _, made, err := r.RestoreAskedFor(ctx, want, "key"); err != nil || !made {
			t.Errorf("the key of one that waits was forgotten: %v, %v", made, err)
		}
	})
}

// A run whose process was one of this machine is interrupted as soon as that is gone.
func TestRestoreOfADeadProcess(t *testing.T) {
	ctx, r := t.Context(), New(storagetest.NewLocal(t), Options{})
	child := exec.Command("sleep", "60")
	must(t, child.Start())
	p := *self()
	p.PID = child.Process.Pid
	p.Start, _, _ = startOf(p.PID)
	var ids []string
	for range 2 {
		l := beginRestore(t, r)
		must(t, l.Update(ctx, func(x *Restore) { x.Process = &p }))
		ids = append(ids, l.Restore().ID)
	}
	if got, err := r.Restore(ctx, ids[0]); err != nil || got.State != RestoreRunning {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, child.Process.Kill())
	_ = child.Wait()
	if got, err := r.Restore(ctx, ids[0]); err != nil || got.State != RestoreInterrupted || !strings.HasSuffix(got.Error.Message, "that database may be half filled") || strings.Contains(got.Error.Message, "cut off") {
		t.Errorf("%+v (%+v), %v", got, got.Error, err)
	}
	if got, err := r.CancelRestore(ctx, ids[1], "ben", time.Now()); err != nil || got.State != RestoreInterrupted {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRestoreList(t *testing.T) {
	ctx, store := t.Context(), storagetest.NewLocal(t)
	r := New(store, Options{})
	start := time.Now().Add(-90 * 24 * time.Hour).Truncate(time.Millisecond)
	put := func(i int) string {
		x := wanted()
		x.ID = ulid.MustNew(ulid.Timestamp(start.Add(time.Duration(i)*time.Minute)), strings.NewReader(strings.Repeat("x", 10))).String()
		x.Version, x.State, x.Token = 1, RestoreSucceeded, "t"
		data, err := encode(x)
		must(t, err)
		_, err = store.Put(ctx, RestoreKey(x.ID), data, jsonOptions(storage.Condition{IfAbsent: true}))
		must(t, err)
		return x.ID
	}
	var ids []string
	for i := range MaxRestores + 5 {
		ids = append(ids, put(i))
	}
	n := len(ids)
	_, err := store.Put(ctx, RestoreKey(ids[n-2]), []byte(`{"version":1}`), jsonOptions(storage.Condition{}))
	must(t, err)
	list, more, err := r.Restores(ctx, "", 3)
	if err != nil || !more || len(list) != 3 || list[0].ID != ids[n-1] || list[1].ID != ids[n-3] {
		t.Fatalf("%v, %v, %v", list, more, err)
	}
	list, more, err = r.Restores(ctx, list[2].ID, 2)
	if err != nil || !more || len(list) != 2 || list[0].ID != ids[n-5] {
		t.Errorf("%v, %v, %v", list, more, err)
	}
	if list, more, err = r.Restores(ctx, ids[7], 5); err != nil || more || len(list) != 2 || list[1].ID != ids[5] { // the newest MaxRestores
		t.Errorf("%v, %v, %v", list, more, err)
	}
	if list, more, err = r.Restores(ctx, ids[0], 5); err != nil || more || len(list) != 0 {
		t.Errorf("%v, %v, %v", list, more, err)
	}
	live := beginRestore(t, r)
	if n, err := r.ForgetRestores(ctx, time.Time{}); err != nil || n != 6 {
		t.Errorf("%d are forgotten, %v", n, err)
	}
	if n, err := r.ForgetRestores(ctx, start.Add(time.Duration(MaxRestores)*time.Minute)); err != nil || n != MaxRestores-6 {
		t.Errorf("%d are forgotten, %v", n, err)
	}
	if n, err := r.ForgetRestores(ctx, time.Now().Add(time.Hour)); err != nil || n != 5 {
		t.Errorf("%d are forgotten, %v", n, err)
	}
	if list, more, err = r.Restores(ctx, "", 10); err != nil || more || len(list) != 1 || list[0].ID != live.Restore().ID {
		t.Errorf("%v, %v, %v", list, more, err)
	}
}

// A note for nobody goes, and what is not cofre's stays.
func TestRestoreNotes(t *testing.T) {
	ctx, store := context.Background(), storagetest.NewLocal(t)
	note, strange := restoreCancelKey(newID()), RestoresPrefix+"a.cancel"
	for _, key := range []string{note, strange} {
		_, err := store.Put(ctx, key, []byte(`{}`), jsonOptions(storage.Condition{}))
		must(t, err)
	}
	_, err := New(store, Options{}).ForgetRestores(ctx, time.Time{})
	must(t, err)
	absent(t, store, note)
	if _, err := store.Head(ctx, strange); err != nil {
		t.Error(err)
	}
}

// FuzzRestore: whatever is in a record, it is refused or within its bounds, and reads again as the same.
func FuzzRestore(f *testing.F) {
	x := wanted()
	x.Version, x.State, x.Token = 1, RestoreReserved, "t"
	for _, change := range []func(*Restore){
		func(*Restore) {},
		func(x *Restore) { x.die(time.Now()) },
		func(x *Restore) { x.State, x.Phase, x.Read, x.Total = RestoreRunning, RestoreRestoring, 1<<62, -1 },
		func(x *Restore) {
			x.Restored = &Restored{Warnings: []string{strings.Repeat("x", 5000), "y"}, Statements: make([]string, 50), Failed: -1}
		},
		func(x *Restore) {
			x.Mode, x.Part, x.Globals = RestorePart, &ChosenPart{Tables: Patterns{"app.orders", strings.Repeat("x", 300)}, As: "y"}, true
			x.GlobalsMade = &MadeGlobals{Roles: make([]string, 50), There: -1}
		},
		func(x *Restore) { x.Mode = RestorePart },
		func(x *Restore) { x.State = "gone" },
		func(x *Restore) { x.Version = 9 },
	} {
		y := x
		change(&y)
		data, err := encode(y)
		must(f, err)
		f.Add(x.ID, data)
		f.Add(newID(), data)
	}
	f.Add(x.ID, []byte(fmt.Sprintf(`{"version":1,"id":%q}`, x.ID)))
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		x, err := parseRestore(id, data)
		if err != nil {
			if !isDamaged(err) && !fault.HasReason(err, fault.NewerVersion) {
				t.Errorf("error is %v", err)
			}
			return
		}
		if x.ID != id || x.check() != nil || x.Read < 0 || x.Read > x.Total || len(x.Notice) > fault.MaxText || lasting(x.LeaseMS) > 30*24*time.Hour {
			t.Errorf("accepted %+v", x)
		}
		if d := x.Restored; d != nil && (len(d.Warnings) > maxLines || len(d.Statements) > maxLines || d.Failed < 0 || d.Duration < 0) {
			t.Errorf("accepted %+v", d)
		}
		if p := x.Part; p != nil && p.check() != nil {
			t.Errorf("accepted %+v", p)
		}
		if g := x.GlobalsMade; g != nil && (len(g.Roles) > maxLines || g.There < 0) {
			t.Errorf("accepted %+v", g)
		}
		again, err := encode(x)
		must(t, err)
		y, err := parseRestore(id, again)
		if err != nil || !equalJSON(x, y) {
			t.Errorf("%v: %+v\n%+v", err, x, y)
		}
	})
}

// FuzzOnce: whatever says which restore was asked for leads to an id, or to none.
func FuzzOnce(f *testing.F) {
	id := newID()
	for _, data := range []string{`{"version":1,"id":"` + id + `"}`, `{"id":"../` + id + `"}`, `{"id":1}`, `[`, ``} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if id := parseOnce(data); id != "" && (!ValidID(id) || !strings.Contains(string(data), id)) && !strings.Contains(string(data), `\`) {
			t.Errorf("%q in %q", id, data)
		}
		if isOnceKey(RestoresPrefix+string(data)) && len(data) != 32+len(onceSuffix) {
			t.Errorf("%q is taken for one of our keys", data)
		}
	})
}

// A record that says to be live for a month, which anybody may write who may write to the storage, holds a database and a backup's proofs no
// longer than an hour.
func TestForgedLeases(t *testing.T) {
	written := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	x, a := Restore{State: RestoreRunning, Runner: "x", LeaseMS: 1 << 60}, ProofAttempt{State: ProofRunning, LeaseMS: 1 << 60}
	for after, gone := range map[time.Duration]bool{time.Minute: false, 2 * time.Hour: true} {
		if x.expired(written, written.Add(after)) != gone || a.expired(written, written.Add(after)) != gone {
			t.Errorf("after %s: a restore %v, a proof %v", after, x.expired(written, written.Add(after)), a.expired(written, written.Add(after)))
		}
	}
}
