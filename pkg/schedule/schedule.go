// Package schedule reads cron expressions and tells when they come due. It is pure: the clock is an argument.
//
// # What is read
//
//	0 2 * * *                       five fields: minute hour day-of-month month day-of-week, as crontab(5) has them
//	@daily                          also @hourly, @weekly, @monthly, @yearly, @annually, @midnight
//	CRON_TZ=Europe/Lisbon 0 2 * * * in a time zone; without one it is UTC, like every time that cofre shows
//	cron(0 2 * * ? *)               six fields as Amazon EventBridge has them: a year behind, ? for "any", SUN is 1,
//	                                L (the last), W (the weekday nearest to) and # (the nth of a month)
//	rate(1 day)                     EventBridge's: so long after the last time; minutes, hours or days
//
// As in crontab(5), a day comes when either field of days fits, if neither of the two begins with a star. EventBridge
// wants a question mark in one of the two, and means both otherwise.
//
// # When clocks change
//
// A time that a time zone skips comes due at the end of the gap, so that no night goes without a backup. A time that
// comes twice is due the first time only, unless the hour is a star: what runs all day long runs on through both hours.
package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // CRON_TZ works also where the system has no time zones: containers, functions
)

// Schedule tells when something is due. It is safe for use by several goroutines.
type Schedule struct {
	text  string
	every time.Duration // of rate(); 0 otherwise
	zone  *time.Location

	minutes, hours, months set
	days                   dayField
	weekdays               weekdayField
	years                  set // from firstYear; empty is any
	// either: a day fits when one of the two fields of days does. Both otherwise.
	either bool
	// allDay: the hour is a star.
	allDay bool
}

// The years that EventBridge knows.
const (
	firstYear = 1970
	lastYear  = 2199
)

// maxLength bounds an expression, in bytes.
const maxLength = 200

// String is the expression as it was given, with single blanks.
func (s Schedule) String() string { return s.text }

// Zone is the time zone that the schedule is in.
func (s Schedule) Zone() *time.Location { return s.zone }

// Words says when it is due, for people: "every day at 02:30 (Europe/Lisbon)". What has no simple words is the expression itself.
func (s Schedule) Words() string {
	words := strings.Fields(s.text)
	if len(words) > 0 && strings.HasPrefix(words[0], "CRON_TZ=") {
		words = words[1:]
	}
	minute, hour := single(s.minutes), single(s.hours)
	if s.zone == nil || s.every > 0 || len(words) != 5 || minute < 0 || words[2] != "*" || words[3] != "*" {
		return s.text
	}
	zone := s.zone.String()
	weekday, err := strconv.Atoi(words[4])
	switch {
	case hour < 0 && words[1] == "*" && words[4] == "*":
		return fmt.Sprintf("every hour at minute %d", minute)
	case hour < 0:
		return s.text
	case words[4] == "*":
		return fmt.Sprintf("every day at %02d:%02d (%s)", hour, minute, zone)
	case err == nil && weekday >= 0 && weekday <= 7:
		return fmt.Sprintf("every %s at %02d:%02d (%s)", time.Weekday(weekday%7), hour, minute, zone)
	}
	return s.text
}

// single is the only member of a set; -1 where it has none, or several.
func single(of set) int {
	only := -1
	for n := range of.all() {
		if only >= 0 {
			return -1
		}
		only = n
	}
	return only
}

// Parse reads an expression. What can never come due, such as the 30th of February, is an error too. The error says what
// to write instead where that can be told.
func Parse(expr string) (Schedule, error) {
	if len(expr) > maxLength {
		return Schedule{}, fmt.Errorf("a schedule has at most %d bytes", maxLength)
	}
	s, err := parse(expr)
	if err == nil {
		return s, nil
	}
	if right := meant(expr); right != "" {
		return Schedule{}, fmt.Errorf("%w; write %s", err, right)
	}
	return Schedule{}, err
}

func parse(expr string) (Schedule, error) {
	words := strings.Fields(expr)
	s := Schedule{text: strings.Join(words, " "), zone: time.UTC}
	if len(words) > 0 {
		if name, ok := strings.CutPrefix(words[0], "CRON_TZ="); ok {
			zone, err := Zone(name)
			if err != nil {
				return Schedule{}, err
			}
			s.zone, words = zone, words[1:]
		}
	}
	if err := s.parse(strings.Join(words, " ")); err != nil {
		return Schedule{}, err
	}
	if s.Next(time.Unix(0, 0)).IsZero() {
		return Schedule{}, fmt.Errorf("%q never comes", s.text)
	}
	return s, nil
}

// Zone returns the time zone of a name. That of this machine has none.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %.60q; they are called like Europe/Lisbon", name)
	}
	return zone, nil
}

func (s *Schedule) parse(text string) error {
	if in, ok := inside(text, "rate"); ok {
		return s.parseRate(in)
	}
	if in, ok := inside(text, "cron"); ok {
		fields := strings.Fields(in)
		if len(fields) != 6 {
			return fmt.Errorf("cron(…) has six fields (minute hour day-of-month month day-of-week year), not %d", len(fields))
		}
		return s.parseFields(fields, true)
	}
	if strings.HasPrefix(text, "@") {
		named, ok := map[string]string{
			"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
			"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
		}[text]
		if !ok {
			return fmt.Errorf("%.40q is none of @hourly, @daily, @weekly, @monthly, @yearly", text)
		}
		text = named
	}
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return fmt.Errorf("a cron expression has five fields (minute hour day-of-month month day-of-week), not %d", len(fields))
	}
	return s.parseFields(fields, false)
}

func inside(text, function string) (string, bool) {
	in, ok := strings.CutPrefix(text, function+"(")
	if !ok || !strings.HasSuffix(in, ")") {
		return "", false
	}
	return strings.TrimSuffix(in, ")"), true
}

// maxRate is the longest rate: what fits is more than anybody waits for a backup.
const maxRate = 366 * 24 * time.Hour

func (s *Schedule) parseRate(in string) error {
	words := strings.Fields(in)
	if len(words) != 2 {
		return fmt.Errorf("rate(…) holds a number and a unit, such as rate(1 day)")
	}
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[strings.TrimSuffix(words[1], "s")]
	n, err := strconv.Atoi(words[0])
	if err != nil || unit == 0 || n < 1 || time.Duration(n) > maxRate/unit {
		return fmt.Errorf("rate(%.40s) is not a number of minutes, hours or days within a year", in)
	}
	s.every = time.Duration(n) * unit
	return nil
}

// Next gives the first time after another, to the second at the finest; the zero time when there is none.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.every > 0:
		return after.Add(s.every)
	case s.zone == nil: // the zero Schedule
		return time.Time{}
	}
	after = after.In(s.zone)
	if t := s.later(after); !t.IsZero() {
		return t
	}
	return s.search(after)
}

// search goes through the days from one on.
func (s Schedule) search(after time.Time) time.Time {
	y, m, d := after.Date()
	last := lastYear
	if s.years.empty() {
		last = min(y+9, lastYear) // a 29th of February is 8 years away at most
	}
	// From the day before: times that were skipped on it may come due today.
	for day := time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC); day.Year() <= last; day = day.AddDate(0, 0, 1) {
		if !s.fits(day) {
			if !s.months.has(int(day.Month())) { // on to the last day of the month
				day = time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC)
			}
			continue
		}
		if t := s.within(day, after); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// later gives the first time after another that its own day still has, where the clocks go on evenly around it; the zero time where it has none, or they do
// not. It is for schedules of many times a day, of which search looks at all.
func (s Schedule) later(after time.Time) time.Time {
	const far = 49 * time.Hour // beyond whatever a change of the clocks touches
	start, end := after.ZoneBounds()
	y, m, d := after.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if !start.IsZero() && after.Sub(start) < far || !end.IsZero() && end.Sub(after) < far || y > lastYear || !s.fits(day) {
		return time.Time{}
	}
	hour, minute, _ := after.Clock()
	for h := range s.hours.all() {
		for m := range s.minutes.all() {
			if h > hour || h == hour && m > minute {
				return time.Unix(day.Unix()+int64(h)*3600+int64(m)*60-offset(after), 0).In(s.zone)
			}
		}
	}
	return time.Time{}
}

// within gives the first time of a day after another.
func (s Schedule) within(day, after time.Time) (first time.Time) {
	for h := range s.hours.all() {
		for m := range s.minutes.all() {
			for _, t := range s.instants(day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)) {
				if t.After(after) && (first.IsZero() || t.Before(first)) {
					first = t
				}
			}
		}
	}
	return first
}

// instants gives when the time zone's clocks show what wall says in UTC: once, twice, or at the end of the gap that
// holds it.
func (s Schedule) instants(wall time.Time) []time.Time {
	near := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, s.zone)
	start, end := near.ZoneBounds()
	var found []time.Time
	offsets := []int64{offset(near)}
	if !start.IsZero() {
		offsets = append(offsets, offset(start.Add(-time.Second)))
	}
	if !end.IsZero() {
		offsets = append(offsets, offset(end))
	}
	for _, o := range offsets {
		t := time.Unix(wall.Unix()-o, 0).In(s.zone)
		if offset(t) == o && !slices.ContainsFunc(found, t.Equal) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, time.Time.Compare)
	switch {
	case len(found) == 0: // in a gap: Go's choice lies on one side of it
		if showing(near) < wall.Unix() {
			return []time.Time{end}
		}
		return []time.Time{start}
	case !s.allDay:
		return found[:1]
	}
	return found
}

func offset(t time.Time) int64 {
	_, o := t.Zone()
	return int64(o)
}

// showing is what the clocks show at an instant, as if it were UTC, in seconds since 1970.
func showing(t time.Time) int64 { return t.Unix() + offset(t) }
