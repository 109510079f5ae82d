package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Keepers hold successful backups of a row, whatever their age and number. Zero is off. A period is one of the calendar of Zone, and it is
// the newest good backup in it that is held: the newest so many periods that have one. Good is verified; while a row has no verified
// backup, its successful ones are. Backups of the same moment are held together.
type Keepers struct {
	Last        int      `json:"last,omitempty"`        // the newest so many
	WithinHours int      `json:"withinHours,omitempty"` // all that are not older
	Hourly      int      `json:"hourly,omitempty"`
	Daily       int      `json:"daily,omitempty"`
	Weekly      int      `json:"weekly,omitempty"` // weeks of ISO 8601: they begin on Monday
	Monthly     int      `json:"monthly,omitempty"`
	Yearly      int      `json:"yearly,omitempty"`
	Labels      []string `json:"labels,omitempty"` // all that have one of these: "key", or "key=value"
	// Zone is whose calendar it is; nil is UTC.
	Zone *time.Location `json:"-"`
}

// Empty reports whether nothing is held.
func (k Keepers) Empty() bool {
	return k.Last <= 0 && k.WithinHours <= 0 && len(k.Labels) == 0 && !k.periodic()
}

func (k Keepers) periodic() bool {
	return slices.ContainsFunc(k.periods(), func(p period) bool { return p.n > 0 })
}

// Holds reports whether there are keepers that go by number or period.
func (p Policy) Holds() bool {
	for _, own := range p.Sources {
		if own.Holds() {
			return true
		}
	}
	return p.Keep.Last > 0 || p.Keep.periodic()
}

// Calendar is the zone whose hours, days, weeks, months and years count.
func (k Keepers) Calendar() *time.Location {
	if k.Zone == nil {
		return time.UTC
	}
	return k.Zone
}

// period is one kind of periods of a calendar.
type period struct {
	code Code
	n    int // how many of them are held
	// of numbers the period that a time is in: two times in one have the same number, and no others do.
	of func(local time.Time) int64
	// name is what people call it, and iso what programs do.
	name, iso func(local time.Time) string
}

func (k Keepers) periods() []period {
	format := func(layout string) func(time.Time) string {
		return func(t time.Time) string { return t.Format(layout) }
	}
	return []period{
		{KeepHourly, k.Hourly, hourOf, format("15h of 2006-01-02"), format("2006-01-02T15Z07")},
		{KeepDaily, k.Daily, func(t time.Time) int64 { return int64(t.Year())*1000 + int64(t.YearDay()) }, format("2006-01-02"), format("2006-01-02")},
		{KeepWeekly, k.Weekly, func(t time.Time) int64 { y, w := t.ISOWeek(); return int64(y)*100 + int64(w) },
			func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprintf("week %d of %d", w, y) },
			func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprintf("%d-W%02d", y, w) }},
		{KeepMonthly, k.Monthly, func(t time.Time) int64 { return int64(t.Year())*100 + int64(t.Month()) }, format("2006-01"), format("2006-01")},
		{KeepYearly, k.Yearly, func(t time.Time) int64 { return int64(t.Year()) }, format("2006"), format("2006")},
	}
}

// hourOf tells the hours of a clock apart, also the one that comes twice when summer time ends.
func hourOf(t time.Time) int64 {
	_, offset := t.Zone()
	const most = 200_000 // more than any offset in seconds, twice
	local := t.Unix() + int64(offset)
	return (local-((local%3600)+3600)%3600)/3600*most + int64(offset)
}

// Reach follows the keepers of one row back in time, to find out when they hold enough.
type Reach struct {
	keepers Keepers
	now     time.Time
	seen    []map[int64]bool // of each kind of period
	last    int
	oldest  int64
	dates   []int64
}

// NewReach begins with nothing.
func NewReach(now time.Time, k Keepers) *Reach {
	return &Reach{keepers: k, now: now, oldest: now.UnixNano()}
}

// Add adds the dates of good backups, in nanoseconds since 1970.
func (r *Reach) Add(dates []int64) {
	periods := r.keepers.periods()
	if r.seen == nil {
		r.seen = make([]map[int64]bool, len(periods))
	}
	for _, at := range dates {
		t := time.Unix(0, at)
		if t.After(r.now) {
			continue
		}
		r.last++
		r.dates = append(r.dates, at)
		r.oldest = min(r.oldest, at)
		local := t.In(r.keepers.Calendar())
		for i, p := range periods {
			if len(r.seen[i]) >= p.n {
				continue
			}
			if r.seen[i] == nil {
				r.seen[i] = map[int64]bool{}
			}
			r.seen[i][p.of(local)] = true
		}
	}
}

// Done reports whether backups of to and before cannot be held by number or period any more.
func (r *Reach) Done(to time.Time) bool {
	if r.keepers.Last <= 0 && !r.keepers.periodic() {
		return true
	}
	if r.last < r.keepers.Last || to.UnixNano() >= r.oldest {
		return false
	}
	for i, p := range r.keepers.periods() {
		if p.n > 0 && (r.seen == nil || len(r.seen[i]) < p.n) {
			return false
		}
	}
	return true
}

// Held returns what is held of the dates that were added, each with the reasons.
func (r *Reach) Held() map[int64][]Reason {
	dates := slices.Clone(r.dates)
	slices.Sort(dates)
	dates = slices.Compact(dates)
	slices.Reverse(dates) // the newest first
	held := map[int64][]Reason{}
	for i, at := range dates[:min(len(dates), max(r.keepers.Last, 0))] {
		held[at] = append(held[at], Reason{Code: KeepLast, Text: fmt.Sprintf("last %d of %d", i+1, r.keepers.Last), Nth: i + 1, Of: r.keepers.Last})
	}
	for _, p := range r.keepers.periods() {
		seen := map[int64]bool{}
		for _, at := range dates {
			if len(seen) >= p.n {
				break
			}
			local := time.Unix(0, at).In(r.keepers.Calendar())
			number := p.of(local)
			if seen[number] {
				continue
			}
			seen[number] = true
			held[at] = append(held[at], Reason{p.code, fmt.Sprintf("%s %d of %d, %s", p.code, len(seen), p.n, p.name(local)), len(seen), p.n, p.iso(local)})
		}
	}
	return held
}

// hold gives the reasons of keepers.
func (d *decider) hold() {
	held := d.around.Held
	if held == nil {
		held = d.held()
	}
	for i := range d.ds {
		it := d.ds[i].Item
		k := d.policies[i].Keep
		if it.Status != Success || !d.dated(it) || k.Empty() {
			continue
		}
		if it.Verified || !d.verified[it.Row] {
			d.ds[i].Reasons = append(d.ds[i].Reasons, held[it.Row][it.CreatedAt.UnixNano()]...)
		}
		if k.WithinHours > 0 && d.now.Unix()-it.CreatedAt.Unix() <= int64(k.WithinHours)*3600 {
			d.because(i, KeepWithin, "not older than %s", span(k.WithinHours))
		}
		for _, label := range k.Labels {
			key, value, valued := strings.Cut(label, "=")
			if is, has := it.Labels[key]; has && (!valued || is == value) {
				d.because(i, KeepLabel, "it has the label %s", label)
				break
			}
		}
	}
}

// held is what keepers hold where the window is all there is.
func (d *decider) held() map[string]map[int64][]Reason {
	reaches := map[string]*Reach{}
	for i, x := range d.ds {
		if k := d.policies[i].Keep; x.Item.Status == Success && d.dated(x.Item) && (x.Item.Verified || !d.verified[x.Item.Row]) && !k.Empty() {
			if reaches[x.Item.Row] == nil {
				reaches[x.Item.Row] = NewReach(d.now, k)
			}
			reaches[x.Item.Row].Add([]int64{x.Item.CreatedAt.UnixNano()})
		}
	}
	held := map[string]map[int64][]Reason{}
	for row, r := range reaches {
		held[row] = r.Held()
	}
	return held
}

func span(hours int) string {
	switch {
	case hours%24 == 0:
		return days(hours / 24)
	case hours == 1:
		return "1 hour"
	}
	return fmt.Sprintf("%d hours", hours)
}
