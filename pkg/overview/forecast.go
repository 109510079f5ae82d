package overview

import (
	"fmt"
	"math"
	"slices"
	"time"

	"cofre/pkg/quantity"
	"cofre/pkg/registry"
)

// Limits are what backups of any source may take. Zero is no limit.
type Limits struct {
	Bytes    int64         // stored, of one
	Duration time.Duration // of making one
}

// Forecast says where sizes and durations of a source's backups lead. It is worked out of the last good backup of each of the last [Days]
// days that holds everything and is stored as the newest is.
type Forecast struct {
	Backups  int       `json:"backups"`           // it is worked out of
	Since    time.Time `json:"since"`             // the oldest of them
	Size     Trend     `json:"size"`              // stored bytes
	Duration Trend     `json:"duration"`          // milliseconds
	Reached  []Reach   `json:"reached,omitempty"` // the soonest first
}

// Trend is a line through what was measured.
type Trend struct {
	Now    int64   `json:"now"`    // where the line is now
	PerDay float64 `json:"perDay"` // what is added in a day of 24 hours; 0 where nothing of that kind can be told, never negative
}

// Reach is when a limit will be reached.
type Reach struct {
	Limit Code      `json:"limit"` // SizeLimitNear or TimeLimitNear
	Value int64     `json:"value"`
	At    time.Time `json:"at"` // the present, where it is reached already
}

// Stored is how much is stored at a time to come.
type Stored struct {
	At    time.Time `json:"at"`
	Bytes int64     `json:"bytes"`
}

// StorageForecast says where the stored bytes of all backups lead, if everything goes on as it does and cleanups remove what retention says, but
// nothing for want of room.
type StorageForecast struct {
	Points []Stored `json:"points"`
	// Limit is how many bytes may be stored, by the quota, or by what the disk has room for: whichever is less. 0 is no limit.
	Limit int64 `json:"limitBytes,omitempty"`
	Disk  bool  `json:"disk,omitempty"` // the limit is the disk's
	// Full is when that is reached: the present where it is; zero where it is not within the points.
	Full time.Time `json:"fullAt,omitzero"`
}

// NewStorageForecast looks when a limit is reached, of bytes that are stored now and later.
func NewStorageForecast(now time.Time, stored int64, points []Stored, limit int64, disk bool) *StorageForecast {
	f := &StorageForecast{Points: points, Limit: limit, Disk: disk}
	before := Stored{now, stored}
	if limit <= 0 {
		return f
	}
	if stored >= limit {
		f.Full = now
		return f
	}
	for _, p := range points {
		if p.Bytes >= limit {
			part := float64(limit-before.Bytes) / float64(p.Bytes-before.Bytes)
			f.Full = before.At.Add(time.Duration(part * float64(p.At.Sub(before.At)))).UTC().Truncate(time.Second)
			return f
		}
		before = p
	}
	return f
}

// Describe says when what is full, where that is so soon that somebody should know; "" where it is not.
func (f *StorageForecast) Describe(now time.Time) string {
	switch {
	case !f.Soon(now):
		return ""
	case f.Disk:
		return fmt.Sprintf("the disk is full by %s, if it goes on like that", f.Full.UTC().Format(time.DateOnly))
	}
	return fmt.Sprintf("the quota is full by %s, if it goes on like that", f.Full.UTC().Format(time.DateOnly))
}

// Soon reports whether the limit is reached so soon that somebody should know.
func (f *StorageForecast) Soon(now time.Time) bool {
	return f != nil && !f.Full.IsZero() && f.Full.Sub(now) <= warnedAhead
}

// Grown is the size that a backup is taken to have at a time, where one has so many bytes now.
func (f *Forecast) Grown(size int64, now, at time.Time) int64 {
	if f == nil || at.Before(now) {
		return size
	}
	return size + int64(f.Size.PerDay*at.Sub(now).Hours()/24)
}

const (
	fewest      = 4                        // points that a line is put through
	shortest    = 7 * 24 * time.Hour       // between the first and the last of them
	clear       = 4                        // times the points' usual distance from the line must be grown between first and last
	horizon     = 2 * 365 * 24 * time.Hour // nobody knows what is behind it
	warnedAhead = 30 * 24 * time.Hour
)

// measure is one backup, as far as a forecast is concerned.
type measure struct {
	day            int
	at             time.Time
	size, duration int64 // bytes, milliseconds
	shape          [3]string
}

// measure notes a backup, given in order, if it says something of the next ones. Of one day of the figures the last one counts.
func (s *state) measure(r *registry.Backup, day int) {
	if !r.Verified() || !r.Whole() || r.CreatedAt.After(s.now) {
		return
	}
	m := measure{day, r.CreatedAt, r.Size, r.Duration, [3]string{r.Format, r.Compression, r.Encryption}}
	if n := len(s.measures); n > 0 && s.measures[n-1].day == day {
		s.measures[n-1] = m
		return
	}
	s.measures = append(s.measures, m)
}

// forecast looks at the backups of the last days, in their order, one a day.
func forecast(days []measure, now time.Time, limits Limits) *Forecast {
	if len(days) == 0 {
		return nil
	}
	shape := days[len(days)-1].shape
	days = slices.DeleteFunc(slices.Clone(days), func(m measure) bool { return m.shape != shape })
	if len(days) < fewest || days[len(days)-1].at.Sub(days[0].at) < shortest {
		return nil
	}
	f := &Forecast{Backups: len(days), Since: days[0].at}
	f.Size = trend(days, now, func(m measure) int64 { return m.size })
	f.Duration = trend(days, now, func(m measure) int64 { return m.duration })
	f.reach(SizeLimitNear, f.Size, limits.Bytes, now)
	f.reach(TimeLimitNear, f.Duration, limits.Duration.Milliseconds(), now)
	slices.SortStableFunc(f.Reached, func(a, b Reach) int { return a.At.Compare(b.At) })
	return f
}

// reach notes when a trend comes to a limit.
func (f *Forecast) reach(limit Code, t Trend, value int64, now time.Time) {
	switch {
	case value <= 0:
	case t.Now >= value:
		f.Reached = append(f.Reached, Reach{limit, value, now})
	case t.PerDay > 0:
		if days := float64(value-t.Now) / t.PerDay; days*24 < horizon.Hours() {
			f.Reached = append(f.Reached, Reach{limit, value, now.Add(time.Duration(days * 24 * float64(time.Hour)))})
		}
	}
}

// trend puts a line through the points: its slope is the median of the slopes between all pairs of them (Theil and Sen), so that single
// nights far off do not turn it. Where the points do not lie along it there is no slope.
func trend(days []measure, now time.Time, of func(measure) int64) Trend {
	x := func(m measure) float64 { return m.at.Sub(days[0].at).Hours() / 24 }
	var slopes []float64
	for i, a := range days {
		for _, b := range days[i+1:] {
			if dx := x(b) - x(a); dx > 0 {
				slopes = append(slopes, float64(of(b)-of(a))/dx)
			}
		}
	}
	slope := max(0, median(slopes))
	base, far := make([]float64, len(days)), make([]float64, len(days))
	for i, m := range days {
		base[i] = float64(of(m)) - slope*x(m)
	}
	at0 := median(base)
	for i := range base {
		far[i] = math.Abs(base[i] - at0)
	}
	if grown := slope * x(days[len(days)-1]); grown <= clear*median(far) {
		values := make([]float64, len(days))
		for i, m := range days {
			values[i] = float64(of(m))
		}
		return Trend{Now: int64(median(values))}
	}
	return Trend{Now: max(0, int64(at0+slope*now.Sub(days[0].at).Hours()/24)), PerDay: slope}
}

// median of numbers, whose order it changes; 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	half := len(v) / 2
	if len(v)%2 == 1 {
		return v[half]
	}
	return (v[half-1] + v[half]) / 2
}

// forecast says what will stop its backups before long, while there is time.
func (s *state) forecast(limits Limits) {
	if s.expected == nil {
		return // nobody makes more of them here
	}
	if most := s.expected.MaxBytes; most > 0 {
		limits.Bytes = most
	}
	if s.Forecast = forecast(s.measures, s.now, limits); s.Forecast == nil {
		return
	}
	for _, r := range s.Forecast.Reached {
		if r.At.Sub(s.now) > warnedAhead {
			continue
		}
		f := Finding{Code: r.Limit, Severity: Warning}
		switch what, t := r.Limit, s.Forecast.Size; what {
		case SizeLimitNear:
			f.Text = fmt.Sprintf("its backups are %s now and grow by %s a day: %s they are larger than one may be (%s)", quantity.Bytes(t.Now), quantity.Bytes(int64(t.PerDay)), by(r.At, s.now), quantity.Bytes(r.Value))
			f.Hint = "Raise BACKUP_MAX_SIZE_GB, or maxSizeGB of the source, before then, or leave tables out that need no backup."
		case TimeLimitNear:
			length := func(ms int64) string { return quantity.Duration(time.Duration(ms) * time.Millisecond) }
			t = s.Forecast.Duration
			f.Text = fmt.Sprintf("its backups take %s now and %s more every day: %s they take longer than they may (%s)", length(t.Now), length(int64(t.PerDay)), by(r.At, s.now), length(r.Value))
			f.Hint = "Raise PGDUMP_TIMEOUT before then, or read with more connections (BACKUP_JOBS)."
		}
		s.find(f)
	}
}

// by says when something will be.
func by(at, now time.Time) string {
	if !at.After(now) {
		return "now"
	}
	return "by " + at.UTC().Format(time.DateOnly)
}
