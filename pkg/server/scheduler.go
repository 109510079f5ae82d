package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/registry"
)

// scheduler does scheduled work when it is due. What was done last is read from the registry and nowhere else: so a time
// that passed while no server ran is caught up, once, and of several servers over one place for backups one does the work.
type scheduler struct {
	tasks []task
	load  func(context.Context) (*registry.View, error)
	now   func() time.Time
	// sleep waits for a while; an error ends the scheduler.
	sleep  func(context.Context, time.Duration) error
	log    *slog.Logger
	failed func(task string)
}

// task is one kind of scheduled work.
type task struct {
	name     string
	schedule api.Schedule
	// last gives when it was last done, not later than now; zero for never.
	last func(v *registry.View, now time.Time) time.Time
	// do does what was due. begun tells that it has left a record: it is not tried again before its next time.
	do func(context.Context, occasion) (begun bool, err error)
}

// occasion is one time that a task is done.
type occasion struct {
	due     time.Time
	request string // its id, in the log and in the audit trail
	log     *slog.Logger
}

// Waits of the scheduler. It looks at the clock again after a while, because clocks are set and machines sleep.
const (
	lookAgain  = 30 * time.Second
	firstRetry = time.Minute
	lastRetry  = 15 * time.Minute
)

// run works until ctx ends.
func (s *scheduler) run(ctx context.Context) {
	var work sync.WaitGroup
	for _, t := range s.tasks {
		if t.schedule != nil {
			work.Go(func() { s.follow(ctx, t) })
		}
	}
	work.Wait()
}

// follow does one task whenever it is due.
func (s *scheduler) follow(ctx context.Context, t task) {
	log := s.log.With("task", t.name)
	began, done, retry := s.now(), time.Time{}, firstRetry
	again := func(err error, what string) bool { // after a failure
		s.failed(t.name)
		log.Error(what, "error", err.Error(), "again_ms", retry.Milliseconds())
		wait := retry
		retry = min(2*retry, lastRetry)
		return s.sleep(ctx, wait) == nil
	}
	for ctx.Err() == nil {
		due, err := s.due(ctx, t, began, done)
		if err != nil {
			if ctx.Err() != nil || !again(err, "the records could not be read") {
				return
			}
			continue
		}
		if due.IsZero() {
			log.Info("nothing is scheduled any more", "schedule", t.schedule.String())
			return
		}
		if now := s.now(); due.After(now) {
			log.Debug("waiting", "due", due.UTC())
			if s.await(ctx, due) != nil {
				return
			}
			continue // look again: another server may have done it
		}
		now := occasion{due: due.UTC(), request: rand.Text()}
		now.log = log.With("request_id", now.request)
		begun, err := t.do(ctx, now)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !begun:
			if !again(err, "scheduled work failed") {
				return
			}
			continue
		case err != nil:
			s.failed(t.name)
		}
		done, retry = s.now(), firstRetry
	}
}

// due gives when a task is due next: behind the last time it was done, by the records or by this process; where it never
// was, behind the start of this process. A time behind the clock is one that was missed. What is dated in the future does
// not count: a clock was set back since.
func (s *scheduler) due(ctx context.Context, t task, began, done time.Time) (time.Time, error) {
	v, err := s.load(ctx)
	if err != nil {
		return time.Time{}, err
	}
	now := s.now()
	last := t.last(v, now)
	if done.After(last) && !done.After(now) {
		last = done
	}
	if last.IsZero() {
		last = began
	}
	return t.schedule.Next(last), nil
}

// await waits until a time has come by the clock, or the clock was set back: then another time may be due.
func (s *scheduler) await(ctx context.Context, due time.Time) error {
	for {
		now := s.now().Round(0) // by the wall's clock, not by the monotonic one
		left := due.Sub(now)
		if left <= 0 {
			return ctx.Err()
		}
		if err := s.sleep(ctx, min(left, lookAgain)); err != nil {
			return err
		}
		if s.now().Round(0).Before(now) {
			s.log.Warn("the clock was set back")
			return ctx.Err()
		}
	}
}
