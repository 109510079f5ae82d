package entry

import (
	"context"
	"testing"
	"time"

	"cofre/pkg/fault"
)

func TestWithin(t *testing.T) {
	now := time.Now()
	for total, keep := range map[time.Duration]time.Duration{15 * time.Minute: 30 * time.Second, 90 * time.Second: 30 * time.Second, 3 * time.Second: time.Second} {
		ctx, cancel := context.WithDeadline(t.Context(), now.Add(total))
		defer cancel()
		work, stop := within(ctx, now)
		defer stop()
		if d, ok := work.Deadline(); !ok || !d.Equal(now.Add(total-keep)) {
			t.Errorf("of %s the work gets %s", total, d.Sub(now))
		}
	}
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(30*time.Millisecond))
	defer cancel()
	work, stop := within(ctx, now)
	defer stop()
	<-work.Done()
	if err := context.Cause(work); !fault.HasReason(err, fault.Timeout) || fault.From(err).Hint == "" {
		t.Errorf("the cause is %v", err)
	}
	if forever, stop := within(t.Context(), now); forever.Err() != nil {
		t.Error("a context without a deadline ended")
	} else {
		stop()
	}
}
