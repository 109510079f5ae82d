package server

import (
	"context"
	"time"
)

const (
	tellEvery   = time.Minute     // what waits for a receiver that was away
	noticeEvery = 5 * time.Minute // what lasts, and what did not happen
	tellAfter   = time.Second     // what comes together is told together
	tellTime    = 5 * time.Minute // at most, of one round
	lastTime    = 10 * time.Second
)

// tell tells people what happens, until ctx ends.
func (s *Server) tell(ctx context.Context) {
	if s.TellPeople == nil || s.Woken == nil {
		return
	}
	var noticed time.Time
	for {
		now := s.Now()
		notice := now.Sub(noticed).Abs() >= noticeEvery
		if notice {
			noticed = now
		}
		s.tellOnce(ctx, tellTime, notice)
		if !s.wait(ctx, tellEvery, s.Woken) || s.pause(ctx, tellAfter) != nil {
			return
		}
	}
}

// tellLast tells what happened while the server was stopped.
func (s *Server) tellLast() {
	if s.TellPeople != nil && s.Woken != nil {
		s.tellOnce(context.Background(), lastTime, false)
	}
}

func (s *Server) tellOnce(ctx context.Context, most time.Duration, notice bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := s.TellPeople(ctx, notice); err != nil && ctx.Err() == nil {
		s.Log.Warn("not everybody was told; it is tried again", "error", err.Error())
	}
}
