package app

import (
	"context"
	"strings"
	"time"

	"cofre/pkg/postgres"
	"cofre/pkg/source"
)

// parked is a session that has told what server it reached. What was asked before a backup is made need not be asked over
// another connection when it is, a moment later.
type parked struct {
	session *postgres.Session
	expires *time.Timer
}

// parkFor is how long a session waits for somebody to take it.
const parkFor = 2 * time.Second

// parkedAs tells sessions apart: one leads to one database of one source, whose connection may be another one by tomorrow.
func parkedAs(of source.Settings) string {
	return strings.Join([]string{of.Name, of.Connection.Key(), of.Database}, "\x00")
}

// park keeps a session for whoever opens one next, or closes it when what was asked of it failed.
func (e *database) park(as string, s *postgres.Session, failed error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.parked[as]; failed != nil || taken {
		s.Close()
		return
	}
	e.parked[as] = parked{s, time.AfterFunc(parkFor, func() {
		if got := e.unpark(as); got != nil {
			got.Close()
		}
	})}
}

// unpark takes the session that is parked, if there is one.
func (e *database) unpark(as string) *postgres.Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.parked[as]
	if !ok {
		return nil
	}
	p.expires.Stop()
	delete(e.parked, as)
	return p.session
}

// open takes the session that is parked, if there is one that still lives, or connects.
func (e *database) open(ctx context.Context, as string, t postgres.Target) (*postgres.Session, error) {
	if s := e.unpark(as); s != nil {
		if s.Alive(ctx) {
			return s, nil
		}
		s.Close()
	}
	return postgres.OpenSession(ctx, t, e.retries())
}
