package server

import (
	"cmp"
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// due is a source of which a proof is due.
type due struct {
	source, backup string
	since          time.Time
}

// turns are what is known of the last scheduled proof of each source, by its name: whose turn it is goes by them, so that a source whose proofs
// take all the time there is, or fail, does not hold up those of the others.
type turns map[string]turn

// turn is the last proof of a source.
type turn struct {
	ended time.Time
	slow  bool          // it took longer than it may
	next  time.Time     // none is begun before
	wait  time.Duration // until then; longer after each failure
}

// Waits behind a proof that could not be made.
const (
	firstProofRetry = 15 * time.Minute
	lastProofRetry  = 12 * time.Hour
)

// pick returns the source whose turn it is, ok whether there is one: those whose last proof took too long are behind all others, and of the rest
// comes first who had no turn for longest, then who has waited for longest.
func (t turns) pick(now time.Time, all []due) (next due, ok bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(d due) bool { return t[d.source].next.After(now) })
	if len(all) == 0 {
		return next, false
	}
	return slices.MinFunc(all, func(a, b due) int {
		x, y := t[a.source], t[b.source]
		switch {
		case x.slow && !y.slow:
			return 1
		case y.slow && !x.slow:
			return -1
		}
		return cmp.Or(x.ended.Compare(y.ended), a.since.Compare(b.since), cmp.Compare(a.source, b.source))
	}), true
}

// ended notes how a proof ended that took so long, and returns how long the source waits for the next one. It waits for longer each time that one
// could not be made, and behind one that took too long for as long as that did: it has half of the time at most.
func (t turns) ended(now time.Time, source string, took time.Duration, err error) time.Duration {
	last := turn{ended: now}
	if err != nil {
		last.slow, last.wait = fault.HasReason(err, fault.Timeout), cmp.Or(2*t[source].wait, firstProofRetry)
		if last.slow {
			last.wait = max(last.wait, took)
		}
		last.wait = min(last.wait, lastProofRetry)
		last.next = now.Add(last.wait)
	}
	t[source] = last
	return last.wait
}

// recall notes what the record says of the last proof of a source's backup that another process began, nil where there is none. A source that is
// known here already stays as it is, and whoever has mended what a proof failed for need not wait.
func (t turns) recall(source string, a *registry.ProofAttempt) {
	if _, known := t[source]; known || a == nil || a.State != registry.ProofFailed || a.Error == nil || a.Error.Reason != fault.Timeout {
		return
	}
	t.ended(a.EndedAt, source, a.EndedAt.Sub(a.StartedAt), fault.New(a.Error.Code, a.Error.Reason, "", "%s", a.Error.Message))
}

// later lets a source wait until then, and counts as no failure.
func (t turns) later(until time.Time, source string) {
	last := t[source]
	last.next = until
	t[source] = last
}
