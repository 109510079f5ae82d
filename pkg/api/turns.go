package api

import (
	"context"
	"time"

	"cofre/pkg/fault"
)

// turns bound how many requests read at once what takes memory by what somebody has stored: a gigabyte or more, where that was meant to. The
// others wait.
type turns chan struct{}

func newTurns(n int) turns { return make(turns, n) }

// turnWait is how long a request waits for its turn. What is stored by cofre is read in milliseconds.
const turnWait = 10 * time.Second

// take makes a use case wait for its turn.
func (t turns) take(next handler) handler {
	return func(ctx context.Context, c *call) (answer, error) {
		waiting, cancel := context.WithTimeout(ctx, turnWait)
		defer cancel()
		select {
		case t <- struct{}{}:
		case <-waiting.Done():
			if err := ctx.Err(); err != nil {
				return answer{}, err
			}
			return answer{}, fault.New(fault.Validation, fault.LimitReached, "Try again shortly.", "others are looking into backups, which takes them long")
		}
		defer func() { <-t }()
		return next(ctx, c)
	}
}
