package api

import (
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/registry"
)

// overdueGrace is how long after its time a scheduled backup is not yet missed: it needs time to be made.
const overdueGrace = time.Hour

// expect adds what the schedule wants: the next run, what is overdue, and the days on which a backup was wanted and none
// succeeded. Nothing is overdue before the first backup ever.
func expect(s *contract.MetricsSummary, now time.Time, backups []registry.Backup, database string, schedule Schedule) {
	s.Schedule, s.NextScheduledAt = schedule.String(), schedule.Next(now).UTC()
	due := lastDue(schedule, now.Add(-overdueGrace))
	for i := range s.Databases {
		d := &s.Databases[i]
		d.Overdue = !due.IsZero() && d.LastSuccessAt.Before(due) && firstBefore(backups, d.Database, due)
		s.Overdue = s.Overdue || d.Overdue && (database == "" || d.Database == database)
	}
	for i := range s.Trend {
		day := &s.Trend[i]
		start, err := time.Parse(time.DateOnly, day.Date)
		if err != nil || day.Succeeded > 0 {
			continue
		}
		at := schedule.Next(start.Add(-time.Second))
		day.Overdue = !at.IsZero() && at.Before(start.AddDate(0, 0, 1)) && at.Before(now.Add(-overdueGrace)) && firstBefore(backups, database, at)
	}
}

// firstBefore tells whether there was a backup of a database ("" is any) before t.
func firstBefore(backups []registry.Backup, database string, t time.Time) bool {
	for i := range backups {
		if b := &backups[i]; (database == "" || b.Database == database) && b.CreatedAt.Before(t) {
			return true
		}
	}
	return false
}

// lastDue gives the latest time of a schedule that is not after t, zero when there is none within a year. A schedule
// only knows what comes next, so it is asked from ever farther back.
func lastDue(schedule Schedule, t time.Time) time.Time {
	for _, back := range []time.Duration{time.Hour, 25 * time.Hour, 8 * 24 * time.Hour, 32 * 24 * time.Hour, 366 * 24 * time.Hour} {
		var last time.Time
		for at := schedule.Next(t.Add(-back)); !at.IsZero() && !at.After(t); at = schedule.Next(at) {
			last = at
		}
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}
