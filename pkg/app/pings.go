package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/configfile"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/secret"
	"cofre/pkg/source"
)

// pings tell watchers of jobs of backups, beside them: nothing waits for a ping but Wait.
type pings struct {
	of    func(source.Settings) channel.Ping // of a source that has one
	log   *slog.Logger
	yield time.Duration

	work sync.WaitGroup
	mu   sync.Mutex
	last map[string]*pinging // by backup: what was told of it last
}

// pinging is one ping under way.
type pinging struct {
	done chan struct{} // closed when it is told, or given up
	stop context.CancelFunc
}

const (
	pingTime = 40 * time.Second // bounds one ping with all its tries
	// pingYield is how long the end of a backup waits until its begin is told: of the two it is the one that keeps a watcher from an alarm in vain.
	pingYield = 2 * time.Second
)

// openPings makes the pings of sources.
func (c Config) openPings(log *slog.Logger) *pings {
	return &pings{log: log, yield: pingYield, last: map[string]*pinging{}, of: func(of source.Settings) channel.Ping {
		return channel.Ping{Source: of.Name, AllowLocal: of.Ping.AllowLocal, Where: func(ctx context.Context) (string, error) {
			return configfile.PingAddress(ctx, of, c.getenv, secret.Key)
		}}
	}}
}

// Began tells that a run begins.
func (p *pings) Began(of source.Settings, b backup.Backup) {
	p.tell(of, b, func(ctx context.Context, ping channel.Ping) error { return ping.Started(ctx, b.ID) })
}

// Ended tells how one ended. What was canceled is told as a failure: no backup was made.
func (p *pings) Ended(of source.Settings, b backup.Backup, err error) {
	e := event.Event{Kind: event.BackupEnded, Source: b.SourceName(), Resource: b.ID, Bytes: b.Size, Duration: b.Duration, At: time.Now()}
	if err != nil || b.Status != registry.Success {
		e.Kind, e.Bytes = event.BackupFailed, 0
		if f := fault.From(err); f != nil {
			e.Detail = f.Message
		}
	}
	p.tell(of, b, func(ctx context.Context, ping channel.Ping) error { return ping.Ended(ctx, e) })
}

// tell pings behind what was told of the same backup before.
func (p *pings) tell(of source.Settings, b backup.Backup, do func(context.Context, channel.Ping) error) {
	if of.Ping == nil {
		return
	}
	ping := p.of(of)
	ctx, cancel := context.WithTimeout(context.Background(), pingTime)
	mine := &pinging{done: make(chan struct{}), stop: cancel}
	p.mu.Lock()
	before := p.last[b.ID]
	p.last[b.ID] = mine
	p.mu.Unlock()
	p.work.Go(func() {
		defer cancel()
		if before != nil {
			defer time.AfterFunc(p.yield, before.stop).Stop()
			<-before.done
		}
		if err := do(ctx, ping); err != nil {
			p.log.Warn("a ping was not taken", "backup_id", b.ID, "source", b.SourceName(), "error", fault.From(err).Message)
		}
		p.mu.Lock()
		if p.last[b.ID] == mine {
			delete(p.last, b.ID)
		}
		p.mu.Unlock()
		close(mine.done)
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
