package app

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/secret"
	"cofre/pkg/source"
)

// pings tell watchers of jobs of backups, beside them: nothing waits for a ping but Wait.
type pings struct {
	of  map[string]channel.Ping // by source
	log *slog.Logger

	work sync.WaitGroup
	mu   sync.Mutex
	last map[string]chan struct{} // by backup: closed when what was told of it before is told
}

// pingTime bounds one ping with all its tries.
const pingTime = 40 * time.Second

// openPings makes the pings of the file's sources; nil where none has one.
func (c Config) openPings(log *slog.Logger) *pings {
	p := &pings{of: map[string]channel.Ping{}, log: log, last: map[string]chan struct{}{}}
	for _, s := range c.File.Sources {
		if s.Ping != nil {
			p.of[s.RuleKey()] = channel.Ping{Source: s.Name, AllowLocal: s.Ping.AllowLocal, Where: func(ctx context.Context) (string, error) {
				return s.Ping.Address(ctx, s.Name, c.getenv, secret.Key)
			}}
		}
	}
	if len(p.of) == 0 {
		return nil
	}
	return p
}

// Began tells that a run begins.
func (p *pings) Began(b backup.Backup) {
	p.tell(b, func(ctx context.Context, ping channel.Ping) error { return ping.Started(ctx, b.ID) })
}

// Ended tells how one ended. What was canceled is told as a failure: no backup was made.
func (p *pings) Ended(b backup.Backup, err error) {
	e := event.Event{Kind: event.BackupEnded, Source: b.SourceName(), Resource: b.ID, Bytes: b.Size, Duration: b.Duration, At: time.Now()}
	if err != nil || b.Status != registry.Success {
		e.Kind, e.Bytes = event.BackupFailed, 0
		if f := fault.From(err); f != nil {
			e.Detail = f.Message
		}
	}
	p.tell(b, func(ctx context.Context, ping channel.Ping) error { return ping.Ended(ctx, e) })
}

// tell pings behind what was told of the same backup before.
func (p *pings) tell(b backup.Backup, do func(context.Context, channel.Ping) error) {
	ping, ok := source.RuleOf(p.of, cmp.Or(b.SourceName(), b.Database))
	if !ok {
		return
	}
	done := make(chan struct{})
	p.mu.Lock()
	before := p.last[b.ID]
	p.last[b.ID] = done
	p.mu.Unlock()
	p.work.Go(func() {
		if before != nil {
			<-before
		}
		ctx, cancel := context.WithTimeout(context.Background(), pingTime)
		defer cancel()
		if err := do(ctx, ping); err != nil {
			p.log.Warn("a ping was not taken", "backup_id", b.ID, "source", b.SourceName(), "error", fault.From(err).Message)
		}
		p.mu.Lock()
		if p.last[b.ID] == done {
			delete(p.last, b.ID)
		}
		p.mu.Unlock()
		close(done)
	})
}

// WaitPings waits until all pings were sent, or ctx ends.
func (a *App) WaitPings(ctx context.Context) {
	if a.pings == nil {
		return
	}
	done := make(chan struct{})
	go func() { a.pings.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
