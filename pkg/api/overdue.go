package api

import (
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
)

// expect adds what the schedule wants: the next run, what is overdue, and the days on which a backup was wanted and none
// succeeded. Nothing is overdue before the first backup ever.
func expect(s *contract.MetricsSummary, now time.Time, backups []registry.Backup, database string, when Schedule) {
	s.Schedule, s.NextScheduledAt = when.String(), when.Next(now).UTC()
	for i := range s.Databases {
		d := &s.Databases[i]
		last := d.LastSuccessAt
		if last.IsZero() {
			last = first(backups, d.Database)
		}
		d.Overdue = schedule.Missed(when, last, now)
		s.Overdue = s.Overdue || d.Overdue && (database == "" || d.Database == database)
	}
	for i := range s.Trend {
		day := &s.Trend[i]
		start, err := time.Parse(time.DateOnly, day.Date)
		if err != nil || day.Succeeded > 0 {
			continue
		}
		at := when.Next(start.Add(-time.Second))
		day.Overdue = !at.IsZero() && at.Before(start.AddDate(0, 0, 1)) && at.Before(now.Add(-schedule.Grace)) && firstBefore(backups, database, at)
	}
}

// first gives when the first backup of a database was begun; there is one.
func first(backups []registry.Backup, database string) (at time.Time) {
	for i := range backups {
		if b := &backups[i]; b.Database == database && (at.IsZero() || b.CreatedAt.Before(at)) {
			at = b.CreatedAt
		}
	}
	return at
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
