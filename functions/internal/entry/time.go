package entry

import (
	"context"
	"math"
	"time"

	"cofre/pkg/fault"
)

// Work ends before the function does, so that the upload can be aborted and the failure recorded: this long before, or
// a third of the time where a function has little.
const (
	margin      = 30 * time.Second
	marginShare = 3
)

// timeHint is what to do when a function's 15 minutes are too short.
const timeHint = "Large databases take the container engine, which has no such limit; or give the function more time and memory."

// within gives a context that ends in time for settling what was begun, with a cause that says so.
func within(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	keep := min(margin, deadline.Sub(now)/marginShare)
	return context.WithDeadlineCause(ctx, deadline.Add(-keep),
		fault.New(fault.BackupCreation, fault.Timeout, timeHint, "the function's time was up before the backup was finished"))
}

// remaining is how much time the work has, in a context of within.
func remaining(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return math.MaxInt64
}
