package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
)

var errEnough = errors.New("the test has seen enough")

// story is a scheduler whose time is told: sleeping moves its clock. It ends at until.
type story struct {
	t          *testing.T
	clock      time.Time
	until      time.Time
	index      registry.Index
	done       []string // what was done, and when
	failures   int
	fail       int             // how many of the next tries fail before they begin
	unreadable int             // how many of the next reads fail
	jumps      []jump          // of the clock
	before     func(time.Time) // is called before each sleep
	look       chan struct{}   // cuts waiting short
}

// jump sets the clock by some time when it has come to at.
type jump struct {
	at time.Time
	by time.Duration
}

func when(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// tell runs the scheduler with a daily backup from one time to another.
func (s *story) tell(expr, from, until string) {
	s.t.Helper()
	s.clock, s.until = when(s.t, from), when(s.t, until)
	every, err := schedule.Parse(expr)
	if err != nil {
		s.t.Fatal(err)
	}
	sched := &scheduler{
		now: func() time.Time { return s.clock }, log: slog.New(slog.DiscardHandler), failed: func(string) { s.failures++ },
		load: func(context.Context) (*registry.View, error) {
			if s.unreadable > 0 {
				s.unreadable--
				return nil, errors.New("storage is away")
			}
			return s.index.View(), nil
		},
		sleep: func(_ context.Context, d time.Duration) error {
			if s.before != nil {
				s.before(s.clock)
			}
			s.clock = s.clock.Add(d)
			if len(s.jumps) > 0 && !s.clock.Before(s.jumps[0].at) {
				s.clock = s.clock.Add(s.jumps[0].by)
				s.jumps = s.jumps[1:]
			}
			if !s.clock.Before(s.until) {
				return errEnough
			}
			return nil
		},
	}
	sched.follow(s.t.Context(), task{name: "backup", schedule: every, last: lastScheduled("shop"), lost: lostOne("shop"), do: s.do}, s.look)
}

// do makes a backup, which takes ten minutes. The same key makes no second one.
func (s *story) do(_ context.Context, o occasion) (bool, error) {
	if s.fail > 0 {
		s.fail--
		return false, errors.New("too many at once")
	}
	id := o.due.Format(time.RFC3339)
	if s.index.Find(id) == nil {
		s.index.Upsert(registry.Backup{ID: id, Database: "shop", Trigger: registry.TriggerSchedule, CreatedAt: s.clock.Add(300 * time.Millisecond)})
		s.done = append(s.done, fmt.Sprintf("%s at %s", o.due.Format("02 15:04"), s.clock.UTC().Format("02 15:04")))
	}
	s.clock = s.clock.Add(10 * time.Minute)
	return true, nil
}

func (s *story) expect(want ...string) {
	s.t.Helper()
	if !slices.Equal(s.done, want) {
		s.t.Errorf("done was\n%s\nwant\n%s", strings.Join(s.done, "\n"), strings.Join(want, "\n"))
	}
}

func (s *story) made(at string) {
	s.index.Upsert(registry.Backup{ID: at, Database: "shop", Trigger: registry.TriggerSchedule, CreatedAt: when(s.t, at)})
}

func TestSchedulerDoesItOnTime(t *testing.T) {
	s := &story{t: t}
	s.tell("0 2 * * *", "2026-11-25 01:00:00", "2026-11-27 12:00:00")
	s.expect("25 02:00 at 25 02:00", "26 02:00 at 26 02:00", "27 02:00 at 27 02:00")
	if s.failures != 0 {
		t.Errorf("%d failures", s.failures)
	}
}

// A server that was down for days makes one backup at its start, not one for each night.
func TestSchedulerCatchesUpOnce(t *testing.T) {
	s := &story{t: t}
	s.made("2026-11-20 02:00:00")
	s.tell("0 2 * * *", "2026-11-25 12:00:00", "2026-11-26 12:00:00")
	s.expect("21 02:00 at 25 12:00", "26 02:00 at 26 02:00")

	// Nothing was missed: the last one is from tonight, or there never was one.
	s = &story{t: t}
	s.made("2026-11-25 02:00:01")
	s.tell("0 2 * * *", "2026-11-25 12:00:00", "2026-11-26 01:00:00")
	s.expect()
	s = &story{t: t}
	s.tell("0 2 * * *", "2026-11-25 12:00:00", "2026-11-26 01:00:00")
	s.expect()

	// Backups of other databases and those made by hand are none of its own.
	s = &story{t: t}
	s.made("2026-11-24 02:00:01")
	s.index.Upsert(registry.Backup{ID: "2026-11-25 a", Database: "other", Trigger: registry.TriggerSchedule, CreatedAt: when(t, "2026-11-25 02:00:00")})
	s.index.Upsert(registry.Backup{ID: "2026-11-25 b", Database: "shop", Trigger: "manual", CreatedAt: when(t, "2026-11-25 03:00:00")})
	s.tell("0 2 * * *", "2026-11-25 12:00:00", "2026-11-26 01:00:00")
	s.expect("25 02:00 at 25 12:00")
}

// Another server was faster: this one leaves it at that.
func TestSchedulerSeesAnother(t *testing.T) {
	s := &story{t: t}
	s.before = func(now time.Time) {
		if now.After(when(t, "2026-11-25 01:59:00")) && len(s.index.Backups) == 0 {
			s.made("2026-11-25 02:00:00") // its clock is a little ahead
		}
	}
	s.tell("0 2 * * *", "2026-11-25 01:00:00", "2026-11-25 12:00:00")
	s.expect()
}

// What another server began and did not end, because it died, is made up for; not again where that dies, too.
func TestSchedulerMakesUpForWhatWasLost(t *testing.T) {
	lost := func(s *story, at string) {
		b := s.index.Find(at)
		b.Status, b.Error = registry.Failed, &registry.Error{Code: fault.BackupCreation, Reason: fault.RunLost}
	}
	for name, first := range map[string]bool{"the first one of all": true, "a later one": false} {
		t.Run(name, func(t *testing.T) {
			s := &story{t: t, look: make(chan struct{}, 1)}
			if !first {
				s.made("2026-11-24 02:00:00")
			}
			s.before = func(now time.Time) {
				switch {
				case now.After(when(t, "2026-11-25 01:59:00")) && s.index.Find("2026-11-25 02:00:00") == nil:
					s.made("2026-11-25 02:00:00")
				case now.Equal(when(t, "2026-11-25 02:20:00")):
					lost(s, "2026-11-25 02:00:00")
					s.look <- struct{}{}
				}
			}
			s.tell("0 2 * * *", "2026-11-25 01:00:00", "2026-11-26 12:00:00")
			s.expect("25 02:00 at 25 02:20", "26 02:00 at 26 02:00")
		})
	}
	s := &story{t: t}
	for _, at := range []string{"2026-11-25 02:00:00", "2026-11-25 02:20:00"} {
		s.made(at)
		lost(s, at)
	}
	s.tell("0 2 * * *", "2026-11-25 03:00:00", "2026-11-26 12:00:00")
	s.expect("26 02:00 at 26 02:00")
}

// What cannot be begun is tried again, ever less often, and never ends the scheduler; storage may be away for hours.
func TestSchedulerGoesOn(t *testing.T) {
	s := &story{t: t, fail: 3}
	s.tell("0 2 * * *", "2026-11-25 01:00:00", "2026-11-26 12:00:00")
	s.expect("25 02:00 at 25 02:07", "26 02:00 at 26 02:00") // after 1, 2 and 4 minutes
	if s.failures != 3 {
		t.Errorf("%d failures were counted", s.failures)
	}
	s = &story{t: t, unreadable: 40}
	s.made("2026-11-24 02:00:00")
	s.tell("0 2 * * *", "2026-11-25 01:00:00", "2026-11-26 12:00:00")
	if len(s.done) != 2 || !strings.HasPrefix(s.done[0], "25 02:00 at 25 ") || s.failures != 40 {
		t.Errorf("%d failures, and done was %v", s.failures, s.done)
	}
}

// A machine that slept does it late; a clock that is set back makes no second one, one that is set forward no hundred.
func TestSchedulerAndClocks(t *testing.T) {
	s := &story{t: t}
	s.jumps = []jump{{when(t, "2026-11-25 01:30:00"), 6 * time.Hour}}
	s.tell("0 2 * * *", "2026-11-25 01:00:00", "2026-11-26 12:00:00")
	s.expect("25 02:00 at 25 07:30", "26 02:00 at 26 02:00")

	s = &story{t: t}
	s.jumps = []jump{{when(t, "2026-11-25 02:30:00"), -time.Hour}}
	s.tell("0 2 * * *", "2026-11-25 01:00:00", "2026-11-26 12:00:00")
	s.expect("25 02:00 at 25 02:00", "26 02:00 at 26 02:00")

	s = &story{t: t}
	s.jumps = []jump{{when(t, "2026-11-25 03:00:00"), 1000 * 24 * time.Hour}, {when(t, "2029-08-21 04:00:00"), -1000 * 24 * time.Hour}}
	s.made("2026-11-25 02:00:00")
	s.tell("0 2 * * *", "2026-11-25 02:50:00", "2029-08-21 12:00:00")
	if len(s.done) < 2 || s.done[0] != "26 02:00 at 21 03:00" {
		t.Errorf("done was %v", s.done[:min(5, len(s.done))])
	}
	for i, d := range s.done[1:] { // that of the 26th was made while the clock was wrong
		if day := when(t, "2026-11-27 00:00:00").AddDate(0, 0, i).Format("02 "); i < 30 && !strings.HasPrefix(d, day) {
			t.Fatalf("after the clock was right again, done was %s, want the %s", d, day)
		}
	}
}

// Time zones: the night when 2:30 does not exist has a backup, and the one that has it twice has one.
func TestSchedulerOverTheChangeOfClocks(t *testing.T) {
	s := &story{t: t}
	s.tell("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28 12:00:00", "2026-03-30 12:00:00")
	s.expect("29 01:00 at 29 01:00", "30 00:30 at 30 00:30")
	s = &story{t: t}
	s.tell("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24 12:00:00", "2026-10-26 12:00:00")
	s.expect("25 00:30 at 25 00:30", "26 01:30 at 26 01:30")
}

// The server ends while it waits: the scheduler does, too.
func TestSchedulerEnds(t *testing.T) {
	every, err := schedule.Parse("@yearly")
	if err != nil {
		t.Fatal(err)
	}
	s := &scheduler{load: func(context.Context) (*registry.View, error) { return new(registry.Index).View(), nil }, now: time.Now, sleep: pause.For,
		log: slog.New(slog.DiscardHandler), failed: func(string) {}, tasks: func(context.Context) ([]task, error) {
			return []task{{name: "backup", schedule: every, last: lastCleanup}}, nil
		}}
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { s.run(ctx) })
	time.Sleep(20 * time.Millisecond)
	stop()
	work.Wait()
}
