package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/registry"
)

// scheduler does scheduled work when it is due. What was done last is read from the registry and nowhere else: so a time
// that passed while no server ran is caught up, once, and of several servers over one place for backups one does the work.
//
// Each task is followed by itself: one that hangs or fails delays no other.
type scheduler struct {
	// tasks lists what there is to do by now. It is asked again and again: sources come, change and go while a server runs.
	tasks func(context.Context) ([]task, error)
	load  func(context.Context) (*registry.View, error)
	now   func() time.Time
	// sleep waits for a while; an error ends the scheduler.
	sleep  func(context.Context, time.Duration) error
	log    *slog.Logger
	failed func(task string)
}

// task is scheduled work.
type task struct {
	name     string // what kind of work it is
	source   string // of which source; "" for what is done of all
	schedule api.Schedule
	// last gives when it was last done, not later than now; zero for never.
	last func(v *registry.View, now time.Time) time.Time
	// lost tells that what was begun last has to be done once more; nil: it never has.
	lost func(v *registry.View) bool
	// do does what was due. begun tells that it has left a record: it is not tried again before its next time.
	do func(context.Context, occasion) (begun bool, err error)
}

// key tells tasks apart: one with another schedule is another one.
func (t task) key() string {
	return strings.Join([]string{t.name, t.source, t.schedule.String()}, "\x00")
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
	defer work.Wait()
	followed := map[string]follower{}
	defer func() {
		for _, f := range followed {
			f.stop()
		}
	}()
	for {
		tasks, err := s.tasks(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // what is followed goes on
			s.log.Error("what is scheduled could not be told", "error", err.Error())
		default:
			s.followAll(ctx, tasks, followed, &work)
			s.lookForLost(ctx, tasks, followed)
		}
		if s.sleep(ctx, lookAgain) != nil {
			return
		}
	}
}

// followAll follows each task that is not followed yet, and stops to wait for those that are gone. What they have begun is brought to its end.
func (s *scheduler) followAll(ctx context.Context, tasks []task, followed map[string]follower, work *sync.WaitGroup) {
	wanted := map[string]bool{}
	for _, t := range tasks {
		key := t.key()
		if _, known := followed[key]; known || wanted[key] {
			wanted[key] = true
			continue
		}
		wanted[key] = true
		waiting, stop := context.WithCancel(ctx)
		look := make(chan struct{}, 1)
		followed[key] = follower{stop, look}
		work.Go(func() { s.follow(waiting, t, look) })
	}
	for key, f := range followed {
		if !wanted[key] {
			f.stop()
			delete(followed, key)
		}
	}
}

// lookForLost has those look again who have something to do once more: whoever was doing it died meanwhile.
func (s *scheduler) lookForLost(ctx context.Context, tasks []task, followed map[string]follower) {
	v, err := s.load(ctx)
	if err != nil {
		return // the next look
	}
	for _, t := range tasks {
		if t.lost != nil && t.lost(v) {
			select {
			case followed[t.key()].look <- struct{}{}:
			default:
			}
		}
	}
}

// follower is a task that is followed: stop ends that, and look cuts its waiting short.
type follower struct {
	stop context.CancelFunc
	look chan struct{}
}

// follow does one task whenever it is due.
func (s *scheduler) follow(ctx context.Context, t task, look <-chan struct{}) {
	log := s.log.With("task", t.name)
	if t.source != "" {
		log = log.With("source", t.source)
	}
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
			if s.await(ctx, due, look) != nil {
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
	if done.After(last) && !done.After(now) && (t.lost == nil || !t.lost(v)) {
		last = done
	}
	if last.IsZero() {
		last = began
	}
	return t.schedule.Next(last), nil
}

// await waits until a time has come by the clock, or look receives, or the clock was set back: then another time may be due.
func (s *scheduler) await(ctx context.Context, due time.Time, look <-chan struct{}) error {
	for {
		now := s.now().Round(0) // by the wall's clock, not by the monotonic one
		left := due.Sub(now)
		if left <= 0 {
			return ctx.Err()
		}
		if err := s.sleep(ctx, min(left, lookAgain)); err != nil {
			return err
		}
		select {
		case <-look:
			return ctx.Err()
		default:
		}
		if s.now().Round(0).Before(now) {
			s.log.Warn("the clock was set back")
			return ctx.Err()
		}
	}
}
