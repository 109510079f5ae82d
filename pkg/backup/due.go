package backup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Due is a scheduled backup whose time has come.
type Due struct {
	Source source.Settings
	At     time.Time
}

// Key makes a request for it the same one whoever makes it, and however often.
func (d Due) Key() string { return DueKey(d.At) }

// DueKey is the idempotency key of a scheduled backup of some source that was due at a time.
func DueKey(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// Due lists the scheduled backups of all sources whose time has come by now, for whoever looks from time to time and remembers nothing in between: at most one of each source
// that is not paused, and none of one whose last scheduled backup is younger. So what was missed, however often, is made up for once. A source that was never backed up
// by its schedule counts from when the configuration was written that names it, or it was changed in the bucket; the environment's own waits for the schedule that it has. A source whose schedule cannot be read is in failed, and stops no other.
//
// A time that came while the backup of the time before was being made is left out, as by a server that makes them itself.
//
// The longest due comes first, but those of one connection, which make the same server work, take turns with the others.
func (s *Service) Due(ctx context.Context, all source.List, written time.Time) (due []Due, failed map[string]error, err error) {
	v, err := s.Registry.Read(ctx)
	if err != nil {
		return nil, nil, err
	}
	now := s.Now()
	failed = map[string]error{}
	for _, of := range all.Active() {
		plan, planned, err := of.Plan()
		if err != nil {
			failed[of.Name] = fmt.Errorf("the schedule of source %s: %w", of.Name, err)
		}
		if !planned {
			continue
		}
		since := written
		switch of.Origin.Kind {
		case source.FromEnvironment:
			since = time.Time{}
		case source.FromBucket:
			since = of.Origin.Changed
		}
		if at := dueAt(plan, v.LastScheduled(of.Name, now), v.ScheduledUntil(of.Name, now), since, now); !at.IsZero() {
			due = append(due, Due{of, at})
		}
	}
	return inTurns(due), failed, nil
}

// dueAt is the first time behind the last one, which was begun at last and took until then, where that has come; zero where it has not. Without a last one
// it counts from since on.
func dueAt(plan overview.Schedule, last, until, since, now time.Time) time.Time {
	if last.IsZero() {
		last = since
	}
	if last.IsZero() {
		return last
	}
	at := plan.Next(last)
	if !at.After(until) {
		at = plan.Next(until)
	}
	if !at.After(now) {
		return at
	}
	return time.Time{}
}

// longestRun is how long a scheduled backup may be in progress before the next one is made beside it: what cannot be settled holds up nothing for ever.
const longestRun = 24 * time.Hour

// HoldsUp reports whether a scheduled backup of a source is still being made, so that what is due meanwhile is left out; b may be nil.
func (s *Service) HoldsUp(b *Backup) bool {
	return b != nil && b.Status == registry.InProgress && s.Now().Sub(b.CreatedAt).Abs() < longestRun
}

// errHeldUp refuses a scheduled backup beside the one before.
func errHeldUp(b *Backup) error {
	return fault.New(fault.Validation, fault.Busy, "This time is left out. If that happens often, give the source a longer interval, or look why its backups take so long.",
		"backup %s, which was due before, is still being made", b.ID)
}

// inTurns sorts by time, and takes one of each connection before a second one of any.
func inTurns(due []Due) []Due {
	slices.SortStableFunc(due, func(a, b Due) int { return a.At.Compare(b.At) })
	turn := map[string]int{}
	turns := make(map[string]int, len(due)) // by source
	for _, d := range due {
		c := d.Source.Connection.Key()
		turns[d.Source.Name] = turn[c]
		turn[c]++
	}
	slices.SortStableFunc(due, func(a, b Due) int { return turns[a.Source.Name] - turns[b.Source.Name] })
	return due
}
