package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
)

// Bounds of what is foretold.
const (
	maxForecastYears = 10
	maxForecast      = 200_000 // backups, of today and to come
	maxCadence       = 10      // backups by which it is told how often they are made, where there is no schedule
)

// RetentionForecast is what a cleanup at a day to come would find and leave, if everything went on as it does.
type RetentionForecast struct {
	At     time.Time         `json:"at"`
	Points []retention.Point `json:"points"` // at the end of each month until then, and then; by UTC
	// Cadences say how often each source is taken to be backed up, which is by its schedule, or as of late.
	Cadences []Cadence `json:"cadences"`
}

// Cadence is how often a source is backed up.
type Cadence struct {
	Source   string        `json:"source"`
	Schedule string        `json:"schedule,omitempty"` // "" where there is none, and Every counts
	Every    time.Duration `json:"everyNanoseconds,omitempty"`
	Coming   int           `json:"coming"` // backups until then
}

// forecast replaces what a cleanup of today would remove by what goes until then.
func (s *Service) forecast(ctx context.Context, v *registry.View, k *keeping, now, at time.Time, rep *CleanupReport) error {
	if !at.After(now) || at.After(now.AddDate(maxForecastYears, 0, 0)) {
		return invalid(fmt.Sprintf("Name a day to come, within %d years.", maxForecastYears), "a forecast for %s is not possible", at.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	tooMany := func() error {
		return fault.New(fault.Validation, fault.LimitReached, "Name an earlier day.", "more than %d backups would have to be thought through", maxForecast)
	}
	if v.Len() > maxForecast {
		return tooMany()
	}
	all, err := k.everything(ctx, v)
	if err != nil {
		return err
	}
	f := RetentionForecast{At: at.UTC()}
	var coming []retention.Item
	sources, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	for _, c := range cadences(all, now, s.expected(sources)) {
		more, ok := c.until(now, at, maxForecast-len(all)-len(coming))
		if !ok {
			return tooMany()
		}
		coming = append(coming, k.coming(c, more)...)
		c.Coming = len(more)
		f.Cadences = append(f.Cadences, c.Cadence)
	}
	f.Points = retention.Forecast(monthsUntil(now, at), k.items(slices.Values(all)), coming, rep.Policy)
	records := byID(all)
	gone := map[string]bool{}
	for _, p := range f.Points {
		for _, id := range p.Removed {
			gone[id] = true
			rep.remove(CleanupItem{Backup: *records[id], Reasons: []retention.Reason{{Code: retention.RemoveByThen, Text: "it goes by " + p.At.Format("2006-01-02")}}})
		}
	}
	for i := range all {
		if !gone[all[i].ID] {
			rep.KeptCount++
		}
	}
	rep.Forecast = &f
	return nil
}

// everything is all records, of pages too.
func (k *keeping) everything(ctx context.Context, from reader) (all []Backup, err error) {
	for _, part := range k.parts {
		backups := part.Backups
		if part.Page != nil && backups == nil {
			if backups, err = from.Page(ctx, part.Page); err != nil {
				return nil, err
			}
		}
		all = append(all, backups...)
	}
	return all, nil
}

// coming are the backups that a source is taken to get at these times: good ones, like its last.
func (k *keeping) coming(c cadence, times []time.Time) []retention.Item {
	out := make([]retention.Item, 0, len(times))
	last := k.items(slices.Values([]Backup{c.last}))[0]
	for i, when := range times {
		it := last
		it.ID, it.CreatedAt = fmt.Sprintf("coming %s %d", c.Source, i), when
		it.Verified, it.Proven, it.InPart, it.Locked, it.BeforeShrunk, it.LostRows, it.BeforeLost = true, false, false, false, false, false, time.Time{}
		if it.ObjectLocked = !it.ObjectUntil.IsZero(); it.ObjectLocked { // for as long as the last one was
			it.ObjectUntil = when.Add(it.ObjectUntil.Sub(c.last.CreatedAt))
		}
		out = append(out, it)
	}
	return out
}

// monthsUntil returns the ends of the months between two times, and the second.
func monthsUntil(now, at time.Time) (out []time.Time) {
	y, m, _ := now.UTC().Date()
	for end := time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC); end.Before(at); end = end.AddDate(0, 1, 0) {
		out = append(out, end)
	}
	return append(out, at.UTC())
}

// cadence is a source's, with its newest good whole backup, and its schedule.
type cadence struct {
	Cadence
	last Backup
	plan overview.Schedule
}

// cadences are of the sources that have good whole backups, by name.
func cadences(all []Backup, now time.Time, expected []overview.Expected) (out []cadence) {
	newest := map[string][]Backup{}
	for _, b := range slices.Backward(all) {
		if name := b.SourceName(); b.Verified() && b.Whole() && b.Source != "" && !b.CreatedAt.After(now) && len(newest[name]) < maxCadence {
			newest[name] = append(newest[name], b)
		}
	}
	for name, backups := range newest {
		c := cadence{Cadence: Cadence{Source: name}, last: backups[0]}
		if i := slices.IndexFunc(expected, func(e overview.Expected) bool { return e.Source == name && e.Schedule != nil }); i >= 0 {
			c.plan = expected[i].Schedule
			c.Schedule = c.plan.String()
		} else if first := backups[len(backups)-1]; len(backups) > 1 {
			c.Every = c.last.CreatedAt.Sub(first.CreatedAt) / time.Duration(len(backups)-1)
		}
		if c.plan == nil && (c.Every < time.Minute || now.Sub(c.last.CreatedAt) > 10*c.Every) {
			c.Every = 0 // once, or given up long ago: none are to come
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b cadence) int { return strings.Compare(a.Source, b.Source) })
	return out
}

// until returns when its backups are made; false where there are more than most, with the first of them.
func (c cadence) until(now, at time.Time, most int) (out []time.Time, ok bool) {
	next := func(t time.Time) time.Time {
		switch {
		case c.plan != nil:
			return c.plan.Next(t)
		case c.Every > 0:
			return t.Add(c.Every)
		}
		return time.Time{}
	}
	from := now
	if c.plan == nil {
		from = c.last.CreatedAt
	}
	for t := next(from); !t.IsZero() && !t.After(at); t = next(t) {
		if t.Before(now) {
			t = now
		}
		if len(out) >= most {
			return out, false
		}
		out = append(out, t)
	}
	return out, true
}
