package app

import (
	"context"
	"time"

	"cofre/pkg/postgres"
)

// parked is a session that has told what server it reached. What was asked before a backup is made need not be asked over
// another connection when it is, a moment later.
type parked struct {
	session *postgres.Session
	expires *time.Timer
}

// parkFor is how long a session waits for somebody to take it.
const parkFor = 2 * time.Second

// park keeps a session for whoever opens one next, or closes it when what was asked of it failed.
func (e *database) park(s *postgres.Session, failed error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if failed != nil || e.parked.session != nil {
		s.Close()
		return
	}
	e.parked = parked{s, time.AfterFunc(parkFor, func() {
		if got := e.unpark(s.Target()); got != nil {
			got.Close()
		}
	})}
}

// unpark takes the parked session, if it leads to the target.
func (e *database) unpark(t postgres.Target) *postgres.Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.parked.session
	if s == nil || s.Target().Database() != t.Database() {
		return nil
	}
	e.parked.expires.Stop()
	e.parked = parked{}
	return s
}

// open takes the parked session to a target, if there is one that still lives, or connects.
func (e *database) open(ctx context.Context, t postgres.Target) (*postgres.Session, error) {
	if s := e.unpark(t); s != nil {
		if s.Alive(ctx) {
			return s, nil
		}
		s.Close()
	}
	return postgres.OpenSession(ctx, t, e.retries())
}
