package server

import (
	"context"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// tooLong is how a proof ends that took longer than it may.
var tooLong = fault.New(fault.Validation, fault.Timeout, "", "the proof took longer than 1h0m0s")

// Whose turn it is: nobody is held up by one source whose proofs take all the time, fail, or are due again at once.
func TestWhoseTurnItIs(t *testing.T) {
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	all := []due{{"blog", "b", at(-2 * time.Hour)}, {"shop", "s", at(-5 * time.Hour)}, {"wiki", "w", at(-time.Hour)}}
	known := turns{}
	pick := func(now time.Duration, want string) {
		t.Helper()
		if got, ok := known.pick(at(now), all); got.source != want || ok != (want != "") {
			t.Errorf("after %s it is the turn of %q, want %q", now, got.source, want)
		}
	}
	pick(0, "shop") // due for longest
	known.ended(at(time.Hour), "shop", time.Hour, tooLong)
	pick(time.Hour, "blog")
	known.ended(at(70*time.Minute), "blog", time.Minute, nil)
	pick(70*time.Minute, "wiki")
	if wait := known.ended(at(80*time.Minute), "wiki", time.Minute, context.Canceled); wait != firstProofRetry {
		t.Errorf("it waits for %s", wait)
	}
	pick(81*time.Minute, "blog") // is due again, the others wait
	known.ended(at(90*time.Minute), "blog", time.Minute, nil)
	pick(96*time.Minute, "wiki") // had no turn for longer than blog
	pick(3*time.Hour, "wiki")    // shop could, and is behind all others
	known.later(at(4*time.Hour), "wiki")
	known.later(at(4*time.Hour), "blog")
	pick(3*time.Hour, "shop")
	if wait := known.ended(at(4*time.Hour), "shop", time.Hour, tooLong); wait != 2*time.Hour {
		t.Errorf("it waits for %s", wait)
	}
	if wait := known.ended(at(10*time.Hour), "shop", 20*time.Hour, tooLong); wait != lastProofRetry {
		t.Errorf("it waits for %s", wait)
	}
	known.ended(at(30*time.Hour), "shop", time.Minute, nil) // it is as any other again
	known.ended(at(31*time.Hour), "wiki", time.Minute, nil)
	known.ended(at(32*time.Hour), "blog", time.Minute, nil)
	pick(32*time.Hour, "shop")
	all = nil
	pick(32*time.Hour, "")
}

// What took too long before the server was started again is known from its record; what failed for another reason may have been mended.
func TestTurnsAreRecalled(t *testing.T) {
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	failed := func(r fault.Reason) *registry.ProofAttempt {
		return &registry.ProofAttempt{State: registry.ProofFailed, StartedAt: start, EndedAt: start.Add(time.Hour), Error: &registry.Error{Code: fault.Validation, Reason: r, Message: "x"}}
	}
	known := turns{}
	for source, a := range map[string]*registry.ProofAttempt{"never": nil, "good": {State: registry.ProofProven}, "lacks": failed(fault.TargetLacks), "running": {State: registry.ProofRunning}} {
		if known.recall(source, a); len(known) > 0 {
			t.Fatalf("%s: known are %+v", source, known)
		}
	}
	known.recall("slow", failed(fault.Timeout))
	if got := known["slow"]; !got.slow || !got.next.Equal(start.Add(2*time.Hour)) {
		t.Errorf("known is %+v", got)
	}
	known.ended(start.Add(3*time.Hour), "slow", time.Minute, nil)
	if known.recall("slow", failed(fault.Timeout)); known["slow"].slow {
		t.Error("an older record counts more than what was seen here")
	}
}
