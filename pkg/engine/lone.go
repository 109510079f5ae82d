package engine

import (
	"context"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/pgdump"
)

const (
	// loneTries is how often pg_dump is begun again that finds no connection, and lonePause how long that waits, longer each time: what
	// was given back is free a moment later.
	loneTries = 6
	lonePause = 50 * time.Millisecond
)

// lone is one pg_dump that does all the work: a reader over its output. Connections that were there when somebody looked may be
// gone when it connects. Then the session gives its own back, and pg_dump is begun again.
type lone struct {
	ctx   context.Context
	o     Options
	limit *limiter

	mu     sync.Mutex
	d      *pgdump.Dump
	closed bool

	begun bool // something was read
	tries int
}

// lone begins pg_dump.
func (o Options) lone(ctx context.Context) (*lone, error) {
	d, err := o.Client.Dump(ctx, o.Dump)
	if err != nil {
		return nil, err
	}
	return o.loneFrom(ctx, d), nil
}

// loneFrom goes on with a pg_dump of which nothing was read yet.
func (o Options) loneFrom(ctx context.Context, d *pgdump.Dump) *lone {
	return &lone{ctx: ctx, o: o, d: d, limit: newLimiter(o.BytesPerSecond, o.clock)}
}

// Read implements io.Reader, as pgdump.Dump does.
func (l *lone) Read(p []byte) (int, error) {
	for {
		n, err := l.now().Read(p)
		if n > 0 {
			l.begun = true
			if waited := l.limit.take(l.ctx, n); waited != nil {
				return n, pgdump.Canceled(waited)
			}
		}
		if l.begun || !fault.HasReason(err, fault.TooManyClients) || l.tries == loneTries || pause.For(l.ctx, lonePause<<l.tries) != nil {
			return n, err
		}
		if l.tries++; l.tries == 1 {
			if err := l.o.giveBack(l.ctx); err != nil {
				return 0, err
			}
		}
		if err := l.again(); err != nil {
			return 0, err
		}
	}
}

func (l *lone) now() *pgdump.Dump {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.d
}

// again begins anew, of the present state: what the session had frozen is gone.
func (l *lone) again() error {
	l.o.Log.Debug("pg_dump found no connection and is begun again", "try", l.tries)
	o := l.o.Dump
	o.Snapshot, o.Application = "", l.o.name("pg_dump")
	d, err := l.o.Client.Dump(l.ctx, o)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.d.Close()
	if l.d = d; l.closed {
		_ = d.Close()
	}
	return nil
}

// Close ends pg_dump.
func (l *lone) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.d.Close()
}

// giveBack closes the session, when what is to be known of the source has been asked. It may be called several times.
func (o *Options) giveBack(ctx context.Context) error {
	if o.Dump.Source != nil {
		return nil
	}
	known, err := o.Session.Dumped(ctx, o.Dump.Format == pgdump.Plain)
	if err != nil {
		return err
	}
	if o.HangUp != nil {
		o.HangUp(ctx)
	}
	o.Session.Close()
	o.Dump.Source, o.Dump.Session = &known, nil
	return nil
}
