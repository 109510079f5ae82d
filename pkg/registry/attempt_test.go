package registry

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// attemptOf is what everybody sees of the last proof of a backup.
func attemptOf(t *testing.T, r *Registry, id string) ProofAttempt {
	t.Helper()
	a, err := r.LastAttempt(t.Context(), id)
	must(t, err)
	if a == nil {
		t.Fatal("there is no record of a proof")
	}
	return *a
}

// A proof that was reserved and that nobody has begun is settled, for whatever cause; one that runs, or has ended, is left as it is.
func TestProofSettled(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, r, other := t.Context(), New(store, Options{}), New(store, Options{})
		b, err := makeBackup(ctx, r, record("a.dump"), "content")
		must(t, err)
		cause := fault.New(fault.BackupCreation, fault.NotStarted, "Ask again.", "nobody began it")
		settled := func() ProofAttempt {
			t.Helper()
			a, err := other.SettleAttempt(ctx, b.ID, time.Now(), cause)
			must(t, err)
			if a == nil {
				t.Fatal("there is no record of a proof")
			}
			if held := attemptOf(t, r, b.ID); held.State != a.State || held.By != a.By {
				t.Errorf("settled as %+v, the record says %+v", a, held)
			}
			return *a
		}
		if a, err := other.SettleAttempt(ctx, b.ID, time.Now(), cause); a != nil || err != nil {
			t.Errorf("before anybody asked: %+v, %v", a, err)
		}
		_, err = r.ReserveAttempt(ctx, b.ID, "ana", time.Now(), time.Minute)
		must(t, err)
		l, err := other.BeginAttempt(ctx, b.ID, "local:cofre", time.Now(), true)
		must(t, err)
		must(t, l.Start(ctx, time.Now()))
		if a := settled(); a.State != ProofRunning || a.By != "ana" {
			t.Errorf("taken over: %+v", a)
		}
		must(t, l.End(ctx, time.Now(), ProofComparing, true, nil))
		if a := settled(); a.State != ProofProven || a.By != "ana" || a.Error != nil {
			t.Errorf("ended: %+v", a)
		}
		_, err = r.ReserveAttempt(ctx, b.ID, "ben", time.Now(), time.Minute)
		must(t, err)
		for range 2 {
			if a := settled(); a.State != ProofFailed || a.By != "ben" || a.Error == nil || a.Error.Reason != fault.NotStarted || a.EndedAt.IsZero() {
				t.Errorf("nobody took it over: %+v", a)
			}
		}
	})
}

// A proof that was asked for is on record from then on, for every process: that it waits, which step it is at, and what came of it. While it
// lasts nobody else begins one; whoever wants one all the same takes its place in the record.
func TestProofAttempt(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, r, other := t.Context(), New(store, Options{}), New(store, Options{})
		b, err := makeBackup(ctx, r, record("a.dump"), "content")
		must(t, err)
		before := show(index(t, r).Find(b.ID))
		if a, err := other.LastAttempt(ctx, b.ID); a != nil || err != nil {
			t.Errorf("before anybody asked: %+v, %v", a, err)
		}
		l, err := r.BeginAttempt(ctx, b.ID, "ana", time.Now(), false)
		must(t, err)
		if a := attemptOf(t, other, b.ID); a.State != ProofWaiting || a.By != "ana" || a.AskedAt.IsZero() {
			t.Errorf("asked for: %+v", a)
		}
		_, err = other.BeginAttempt(ctx, b.ID, "ben", time.Now(), false)
		wantReason(t, err, fault.Busy)
		must(t, l.Start(ctx, time.Now()))
		must(t, l.Update(ctx, func(a *ProofAttempt) { a.Step = ProofRestoring }))
		if a := attemptOf(t, other, b.ID); a.State != ProofRunning || a.Step != ProofRestoring || a.StartedAt.IsZero() {
			t.Errorf("running: %+v", a)
		}
		cause := fault.New(fault.Validation, fault.Timeout, "Allow more time.", "%s", strings.Repeat("long ", 5000))
		must(t, l.End(ctx, time.Now(), ProofRestoring, false, cause))
		if a := attemptOf(t, other, b.ID); a.State != ProofFailed || a.Step != ProofRestoring || a.Error.Reason != fault.Timeout || a.Error.Hint != "Allow more time." || len(a.Error.Message) > fault.MaxText || a.EndedAt.IsZero() || a.Process != nil {
			t.Errorf("ended: %+v, %+v", a, a.Error)
		}
		if got := index(t, r).Find(b.ID); show(got) != before {
			t.Errorf("a proof that could not be made is a verdict: %s, and was %s", show(got), before)
		}

		first, err := r.BeginAttempt(ctx, b.ID, "ana", time.Now(), false)
		must(t, err)
		second, err := other.BeginAttempt(ctx, b.ID, "local:ben", time.Now(), true)
		must(t, err)
		wantReason(t, first.End(ctx, time.Now(), "", false, errors.New("x")), fault.Precondition)
		must(t, second.End(ctx, time.Now(), ProofComparing, true, nil))
		if a := attemptOf(t, r, b.ID); a.State != ProofProven || a.By != "local:ben" || a.Error != nil {
			t.Errorf("of two the second: %+v", a)
		}

		last, err := r.BeginAttempt(ctx, b.ID, "ana", time.Now(), false)
		must(t, err)
		_, err = other.Remove(ctx, b.ID, "ben")
		must(t, err)
		absent(t, store, ProofKey(b.ID))
		wantReason(t, last.Update(ctx, func(*ProofAttempt) {}), fault.Precondition)
		absent(t, store, ProofKey(b.ID))
		for _, id := range []string{newID(), "../x", ""} {
			if a, err := r.LastAttempt(ctx, id); a != nil || err != nil {
				t.Errorf("%q: %+v, %v", id, a, err)
			}
		}
	})
}

// Whoever looks sees that nobody makes a proof any more: its lease is over, or its process was one of this machine and is gone. Another one may
// be begun then, and the sleeper has nothing to say.
func TestProofAttemptDies(t *testing.T) {
	ctx, store := t.Context(), storagetest.NewLocal(t)
	r := New(store, Options{})
	id := newID()
	l, err := r.BeginAttempt(ctx, id, "ana", time.Now(), false)
	must(t, err)
	must(t, l.Start(ctx, time.Now()))
	if a := attemptOf(t, later(store), id); a.State != ProofFailed || a.Error.Reason != fault.RunLost || a.Error.Hint == "" || a.EndedAt.IsZero() {
		t.Errorf("an hour later: %+v, %+v", a, a.Error)
	}
	if a := attemptOf(t, r, id); a.State != ProofRunning {
		t.Errorf("whoever looked has changed it: %+v", a)
	}
	_, err = later(store).BeginAttempt(ctx, id, "ben", time.Now(), false)
	must(t, err)
	wantReason(t, l.End(ctx, time.Now(), "", true, nil), fault.Precondition)

	// One that was reserved is begun by another process, and is the same; one that nobody begins has failed.
	id = newID()
	_, err = r.ReserveAttempt(ctx, id, "ana", time.Now(), 15*time.Minute)
	must(t, err)
	_, err = r.BeginAttempt(ctx, id, "ben", time.Now(), false)
	wantReason(t, err, fault.Busy)
	if a := attemptOf(t, later(store), id); a.State != ProofFailed || a.Error.Reason != fault.NotStarted {
		t.Errorf("nobody began it: %+v, %+v", a, a.Error)
	}
	l, err = New(store, Options{Ahead: 10 * time.Minute}).BeginAttempt(ctx, id, "local:root", time.Now(), true)
	must(t, err)
	if a := attemptOf(t, r, id); a.State != ProofWaiting || a.By != "ana" || a.Reserved {
		t.Errorf("begun: %+v", a)
	}
	must(t, l.Start(ctx, time.Now()))
	must(t, l.End(ctx, time.Now(), "", true, nil))
	_, err = r.ReserveAttempt(ctx, id, "ana", time.Now(), 15*time.Minute)
	must(t, err)
	_, err = later(store).BeginAttempt(ctx, id, "local:root", time.Now(), true)
	must(t, err)
	if a := attemptOf(t, r, id); a.By != "local:root" {
		t.Errorf("too late to be the same: %+v", a)
	}

	child := exec.Command("sleep", "60")
	must(t, child.Start())
	p := *self()
	p.PID = child.Process.Pid
	p.Start, _, _ = startOf(p.PID)
	id = newID()
	l, err = r.BeginAttempt(ctx, id, "ana", time.Now(), false)
	must(t, err)
	must(t, l.Update(ctx, func(a *ProofAttempt) { a.Process = &p }))
	if a := attemptOf(t, r, id); a.State != ProofWaiting {
		t.Errorf("its process lives: %+v", a)
	}
	must(t, child.Process.Kill())
	_ = child.Wait()
	if a := attemptOf(t, r, id); a.State != ProofFailed || a.Error.Reason != fault.RunLost {
		t.Errorf("its process is gone: %+v", a)
	}
	_, err = r.BeginAttempt(ctx, id, "ana", time.Now(), false)
	must(t, err)
}

// What lies there may be anybody's: what is no record is an error and no answer, does not keep a proof from being begun, and what belongs to no
// backup is swept. What a newer version wrote is left alone.
func TestForgedAttempts(t *testing.T) {
	ctx, store := t.Context(), storagetest.NewLocal(t)
	r := New(store, Options{})
	b, err := makeBackup(ctx, r, record("a.dump"), "content")
	must(t, err)
	put := func(id, text string) {
		t.Helper()
		_, err := store.Put(ctx, ProofKey(id), []byte(text), storage.PutOptions{})
		must(t, err)
	}
	good := `{"version":1,"backup":"` + b.ID + `","by":"ana","state":"running","token":"x","leaseMs":1000`
	for name, text := range map[string]string{
		"empty": "", "no JSON": "{", "an array": "[]", "long": strings.Repeat(" ", maxRecord) + good + "}", "no token": strings.Replace(good, `"token":"x"`, `"token":""`, 1) + "}",
		"of another backup": strings.Replace(good, b.ID, newID(), 1) + "}", "no state": strings.Replace(good, "running", "done", 1) + "}", "no step": good + `,"step":"<b>"}`,
		"failed for no reason": strings.Replace(good, "running", "failed", 1) + "}", "version 0": strings.Replace(good, `"version":1`, `"version":0`, 1) + "}", "huge": strings.Repeat("x", 40<<20),
	} {
		put(b.ID, text)
		if a, err := r.LastAttempt(ctx, b.ID); a != nil || !isDamaged(err) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		l, err := r.BeginAttempt(ctx, b.ID, "ana", time.Now(), false)
		if err != nil {
			t.Errorf("%s keeps proofs from being made: %v", name, err)
			continue
		}
		must(t, l.End(ctx, time.Now(), "", true, nil))
	}
	put(b.ID, strings.Replace(good, `"leaseMs":1000`, `"leaseMs":9223372036854775807`, 1)+"}")
	if a := attemptOf(t, New(store, Options{Ahead: 1000 * time.Hour}), b.ID); a.Live() {
		t.Errorf("a lease for ever: %+v", a)
	}
	put(b.ID, strings.Replace(good, `"version":1`, `"version":99`, 1)+"}")
	_, err = r.BeginAttempt(ctx, b.ID, "ana", time.Now(), true)
	wantReason(t, err, fault.NewerVersion)
	gone := newID()
	put(gone, strings.Replace(good, b.ID, gone, 1)+"}")
	_, err = r.Reconcile(ctx)
	must(t, err)
	absent(t, store, ProofKey(gone))
	if _, err := store.Head(ctx, ProofKey(b.ID)); err != nil {
		t.Errorf("the record of a backup that is there was swept: %v", err)
	}
}
