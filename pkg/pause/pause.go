// Package pause waits, and stops waiting when nobody needs it any more.
package pause

import (
	"context"
	"time"
)

// For waits for d. When ctx ends before, or has ended, it returns the cause.
func For(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil || d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
