package api

import (
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
)

// plan is what is made by schedule: backups of one database. Those of others are made when somebody asks, and never overdue.
type plan struct {
	Schedule
	database string
	keeps    registry.Settings // for how long and how many
}

func (a *API) plan(x *registry.Index) plan {
	p := plan{Schedule: a.Schedule, keeps: a.Service.SettingsOf(x)}
	if a.Service.Engine != nil {
		p.database = a.Service.Engine.Database()
	}
	return p
}

// expect adds what the schedule wants: the next run, what is overdue, and the days on which a backup was wanted and none
// succeeded. What succeeds of another database makes up for none of them. Nothing is overdue before the first backup ever.
func expect(s *contract.MetricsSummary, now time.Time, backups []registry.Backup, database string, p plan) {
	s.Schedule, s.NextScheduledAt = p.String(), schedule.Upcoming(p, (&registry.Index{Backups: backups}).LastScheduled(p.database, now), now).UTC()
	asked := database == "" || database == p.database
	for i := range s.Databases {
		d := &s.Databases[i]
		if d.Database != p.database {
			continue
		}
		last := d.LastSuccessAt
		if last.IsZero() {
			last = first(backups, d.Database)
		}
		d.Overdue = schedule.Missed(p, last, now)
		s.Overdue = d.Overdue && asked
	}
	if !asked {
		return
	}
	good, since := successDays(backups, p.database, now), p.remembers(backups, now)
	for i := range s.Trend {
		day := &s.Trend[i]
		start, err := time.Parse(time.DateOnly, day.Date)
		if err != nil || good[day.Date] {
			continue
		}
		at := p.Next(start.Add(-time.Second))
		day.Overdue = !at.IsZero() && at.Before(start.AddDate(0, 0, 1)) && at.Before(now.Add(-schedule.Grace)) && !at.Before(since) && firstBefore(backups, p.database, at)
	}
}

// remembers gives from when on the records tell what was made. What succeeded before may have been removed, but for what is kept
// longer, and a day without a record then says nothing.
func (p plan) remembers(backups []registry.Backup, now time.Time) (since time.Time) {
	if d := p.keeps.RetentionDays; d > 0 {
		since = now.AddDate(0, 0, -d)
	}
	if n := p.keeps.MaxBackups; n > 0 {
		for i := len(backups) - 1; i >= 0 && n > 0; i-- { // they are in the order of their ids, which begin with the time
			b := &backups[i]
			if b.Database != p.database || b.Status != registry.Success {
				continue
			}
			if n--; n == 0 && b.CreatedAt.After(since) {
				since = b.CreatedAt
			}
		}
	}
	return since
}

// successDays gives the days on which a backup of a database succeeded; as in the figures, one dated in the future is today's.
func successDays(backups []registry.Backup, database string, now time.Time) map[string]bool {
	days := map[string]bool{}
	for i := range backups {
		if b := &backups[i]; b.Database == database && b.Status == registry.Success {
			at := b.CreatedAt
			if at.After(now) {
				at = now
			}
			days[at.UTC().Format(time.DateOnly)] = true
		}
	}
	return days
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

// firstBefore tells whether there was a backup of a database before t.
func firstBefore(backups []registry.Backup, database string, t time.Time) bool {
	for i := range backups {
		if b := &backups[i]; b.Database == database && b.CreatedAt.Before(t) {
			return true
		}
	}
	return false
}
