package overview

import (
	"time"

	"cofre/pkg/source"
)

// maxOccasions bounds the times of a schedule that are looked at: once a minute for thirty days is 43,200.
const maxOccasions = 50_000

// countMissed counts the scheduled times of the last days at which nothing was made: no good backup until the next time,
// and no failed or canceled one either, which count by themselves.
func (b *builder) countMissed(s *state, plan Schedule) {
	since := b.remembers(s)
	if s.firstSeen.After(since) {
		since = s.firstSeen
	}
	if since.Before(b.first) {
		since = b.first
	}
	if s.firstSeen.IsZero() {
		return // nothing was ever expected to be here
	}
	n := 0 // into s.recent
	due := plan.Next(since.Add(-time.Second))
	for range maxOccasions {
		if due.IsZero() || due.Add(Grace).After(b.in.Now) {
			return
		}
		next := plan.Next(due)
		for n < len(s.recent) && s.recent[n].at.Before(due) {
			n++
		}
		made := n < len(s.recent) && (next.IsZero() || s.recent[n].at.Before(next))
		if i, ok := b.day(due); ok && !made {
			s.Missed++
			s.Days[i].Missed++
			b.out.Missed++
			b.out.Days[i].Missed++
		}
		due = next
	}
}

// remembers returns from when on the records tell what was made. What succeeded before may have been removed, but for what
// is kept longer, and a day without a record then says nothing.
func (b *builder) remembers(s *state) (since time.Time) {
	set, own := source.RuleOf(b.in.SettingsOf, s.Name)
	if !own {
		set = b.in.Settings
	}
	if d := set.RetentionDays; d > 0 {
		since = b.in.Now.AddDate(0, 0, -d)
	}
	n := set.MaxBackups
	for i := len(s.recent) - 1; i >= 0 && n > 0; i-- {
		if !s.recent[i].good {
			continue
		}
		if n--; n == 0 && s.recent[i].at.After(since) {
			since = s.recent[i].at
		}
	}
	return since
}
