package engine

import (
	"context"
	"sync"
	"time"

	"cofre/pkg/pause"
)

// limiter bounds a rate, for several goroutines.
type limiter struct {
	clock
	rate int64 // bytes per second; 0 is none

	mu   sync.Mutex
	free time.Time // when the next bytes may come
}

// clock tells time, and lets it pass.
type clock struct {
	now  func() time.Time
	wait func(context.Context, time.Duration) error
}

func newLimiter(rate int64, c *clock) *limiter {
	if c == nil {
		c = &clock{time.Now, pause.For}
	}
	return &limiter{clock: *c, rate: rate}
}

// take waits until n more bytes may be read, or ctx ends.
func (l *limiter) take(ctx context.Context, n int) error {
	if l.rate <= 0 {
		return nil
	}
	l.mu.Lock()
	now := l.now()
	if l.free.Before(now) {
		l.free = now
	}
	wait := l.free.Sub(now)
	l.free = l.free.Add(time.Duration(int64(n) * int64(time.Second) / l.rate))
	l.mu.Unlock()
	return l.wait(ctx, wait)
}
