package entry

import (
	"context"
	"time"

	"cofre/pkg/fault"
)

const (
	tellTime = 20 * time.Second // for the people that are to be told, at the end of a function's work
	keepTime = 2 * time.Second  // for putting what happened into the queue, behind an answer
	pingTime = 10 * time.Second // for watchers of jobs of backups, behind a backup
)

// tellPeople tells people what happened and what did not. It fails nothing: the next one goes on with it.
func (s *Instance) tellPeople(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	if err := s.TellPeople(ctx, true); err != nil {
		s.log.Warn("not everybody was told", "error", err.Error())
	}
}

// keepEvents puts what happened into the queue, for whoever tells it, and waits for pings that are on their way: behind an answer Lambda lets nothing run.
func (s *Instance) keepEvents(ctx context.Context) {
	pinged, cancelPings := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
	defer cancelPings()
	s.WaitPings(pinged)
	if !s.Outbox.Pending() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	if err := s.Outbox.Write(ctx); err != nil {
		s.log.Log(ctx, fault.Level(err), "an event was not kept", "error", err.Error())
	}
}
