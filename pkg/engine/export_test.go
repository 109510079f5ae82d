package engine

import (
	"context"
	"sync"
	"time"
)

// Snapshot is what the dump sees.
func (d *Dump) Snapshot() string { return d.r.frozen.Snapshot }

// Hesitate calls wait when pg_dump has begun and before it is known whether only its head is wanted.
func (o *Options) Hesitate(wait func()) { o.hesitate = wait }

// Stand lets time stand still for the dump's limit of bytes per second, and returns the longest wait that was asked for: what the
// bytes before took.
func (o *Options) Stand() (longest func() time.Duration) {
	var mu sync.Mutex
	var most time.Duration
	began := time.Now()
	o.clock = &clock{func() time.Time { return began }, func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		most = max(most, d)
		return context.Cause(ctx)
	}}
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return most
	}
}
