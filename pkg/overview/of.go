package overview

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// builder works on one overview.
type builder struct {
	in    Input
	zone  *time.Location
	first time.Time // begin of the first day
	dates []string
	all   map[string]*state
	out   Overview
}

// state is what is gathered of one source before it is judged.
type state struct {
	Source
	expected  *Expected
	tally     registry.Tally
	firstSeen time.Time
	future    int              // backups that are dated later than now
	newest    *registry.Backup // the newest successful whole one; nil where that is too old for the figures
	begun     bool             // its server is known: a backup was begun once
	measures  []measure        // one of each day of the figures, in order
	recent    []attempt        // to back everything up, in the days of the figures, in order
}

// attempt is one that was begun at a time.
type attempt struct {
	at   time.Time
	good bool // it ended well
}

// Of works the overview out.
func Of(in Input) Overview {
	b := &builder{in: in, zone: in.Zone, all: map[string]*state{}}
	if b.zone == nil {
		b.zone = time.UTC
	}
	b.out = Overview{At: in.Now, State: OK, ByState: map[registry.Status]int{registry.Success: 0, registry.Failed: 0, registry.InProgress: 0}}
	b.out.LastCleanup = in.LastCleanup
	b.calendar()
	b.out.Days, b.out.Errors = b.days(), map[string]int{}
	for i := range in.Expected {
		e := &in.Expected[i]
		s := b.source(e.Source)
		s.expected, s.Configured, s.Database, s.Paused = e, true, e.Database, e.Paused
	}
	for _, rec := range in.Sources {
		s := b.source(rec.Name)
		s.seen(rec.FirstSeen)
		s.JustGone = rec.Vanished.IsZero() && !in.Vanished[rec.Name].IsZero()
		s.Database = cmp.Or(s.Database, rec.Database)
		if n := len(rec.Addresses); n > 0 {
			s.Server, s.begun = rec.Addresses[0], true
		}
	}
	for _, names := range []map[string]error{in.Unread, in.Untaken} {
		for name := range names {
			b.source(name)
		}
	}
	for _, t := range in.Settled {
		b.countSettled(t)
	}
	if in.Backups != nil {
		for r := range in.Backups {
			b.count(&r)
		}
	}
	for _, s := range b.all {
		s.sumUp()
		if s.givenUp() && in.Untaken[s.Name] == nil {
			continue
		}
		s.Vanished = in.Vanished[s.Name]
		if err := in.Refused[s.Name]; err != nil {
			s.find(Finding{Code: ServerChanged, Severity: Failing, Text: fault.From(err).Message, Hint: fault.From(err).Hint})
		}
		if err := in.Unread[s.Name]; err != nil {
			s.unread(fault.From(err))
		}
		if err := in.Untaken[s.Name]; err != nil {
			s.untaken(fault.From(err))
		}
		b.judge(s)
		b.out.Sources = append(b.out.Sources, s.Source)
		b.out.State = worse(b.out.State, s.State)
	}
	slices.SortFunc(b.out.Sources, func(x, y Source) int { return strings.Compare(x.Name, y.Name) })
	return b.out
}

// givenUp tells that somebody removed all that there was of a source, and that nothing is expected of it here.
func (s *state) givenUp() bool {
	return s.expected == nil && s.begun && s.tally.Count == 0
}

// calendar finds the days. A day of the zone may have 23 or 25 hours.
func (b *builder) calendar() {
	now := b.in.Now.In(b.zone)
	b.first = FirstDay(now, b.zone)
	for d := Days - 1; d >= 0; d-- {
		day := time.Date(now.Year(), now.Month(), now.Day()-d, 0, 0, 0, 0, b.zone)
		b.dates = append(b.dates, day.Format(time.DateOnly))
	}
}

func (b *builder) days() []Day {
	out := make([]Day, Days)
	for i, date := range b.dates {
		out[i].Date = date
	}
	return out
}

// day returns the place of a time among the days, and whether it has one. What is dated in the future is today's.
func (b *builder) day(t time.Time) (int, bool) {
	if t.Before(b.first) {
		return 0, false
	}
	if t.After(b.in.Now) {
		return Days - 1, true
	}
	return slices.BinarySearch(b.dates, t.In(b.zone).Format(time.DateOnly))
}

func (b *builder) source(name string) *state {
	s := b.all[name]
	if s == nil {
		s = &state{Source: Source{Name: name, State: OK, Days: b.days(), now: b.in.Now}}
		s.Errors = map[string]int{}
		b.all[name] = s
	}
	return s
}

func (s *state) seen(at time.Time) {
	if !at.IsZero() && (s.firstSeen.IsZero() || at.Before(s.firstSeen)) {
		s.firstSeen = at
	}
}

// count adds one backup to the figures of everything and of its source.
func (b *builder) count(r *registry.Backup) {
	b.out.Stored += r.Size
	b.out.ByState[r.Status]++
	i, recent := b.day(r.CreatedAt)
	if r.Damaged() {
		b.out.Damaged++
	}
	if r.Status == registry.InProgress {
		b.out.Running++
	}
	if recent {
		b.out.Figures.add(r)
		b.out.Days[i].add(r)
	}
	name := r.SourceName()
	if name == "" { // failed before anybody knew what it was of
		return
	}
	s := b.source(name)
	s.note(r)
	if recent {
		s.Figures.add(r)
		s.Days[i].add(r)
		if r.Whole() {
			s.measure(r, i)
			s.recent = append(s.recent, attempt{r.CreatedAt, r.Status == registry.Success})
		}
	}
}

// countSettled adds backups that are too old for the figures.
func (b *builder) countSettled(t registry.Tally) {
	b.out.Stored += t.Bytes
	b.out.ByState[registry.Success] += t.Succeeded
	b.out.ByState[registry.Failed] += t.Failed + t.Canceled + t.Interrupted
	b.out.Damaged += t.Damaged
	if t.Source != "" {
		b.source(t.Source).tally.Add(t)
	}
}

// note adds a backup to what is known of its source, whenever it was made.
func (s *state) note(r *registry.Backup) {
	if r.CreatedAt.After(s.now) { // a clock is wrong, or somebody wrote that: it says nothing of today
		s.future++
		s.tally.NoteFuture(r)
		return
	}
	s.tally.Note(r)
	if r.Status == registry.Success && r.Whole() {
		s.newest = r
	}
}

// sumUp takes over what is known of the backups.
func (s *state) sumUp() {
	t := &s.tally
	s.seen(t.First)
	s.Database = cmp.Or(t.Database, s.Database)
	s.ServerUnknown, s.Running, s.Damaged, s.Backups, s.Bytes = t.ServerUnknown, t.Running, t.Damaged, t.Succeeded, t.Bytes
	s.LastGood, s.LastWhole, s.LastProvable, s.Sizes = t.LastGood, t.LastWhole, t.LastProvable, t.Sizes
	s.LastProven, s.LastFullyProven = s.dated(t.LastProven), s.dated(t.LastFullyProven)
	if d := t.LastDisproven; d != nil && (s.LastProven == nil || d.At.After(s.LastProven.At)) {
		s.LastDisproven = s.dated(d)
	}
}

// dated puts the time of the backup in the place of a proof's that is dated in the future: no proof is older than its backup.
func (s *state) dated(p *registry.ProofRef) *registry.ProofRef {
	if p == nil || !p.Proof.After(s.now) {
		return p
	}
	at := *p
	at.Proof = p.At
	return &at
}

func (f *Figures) add(r *registry.Backup) {
	f.Total++
	switch r.Ended() {
	case registry.Succeeded:
		f.Succeeded++
		f.Duration += time.Duration(r.Duration) * time.Millisecond
		f.SuccessBytes += r.Size
	case registry.Canceled:
		f.Canceled++
	case registry.FailedToEnd, registry.Interrupted:
		if r.Ended() == registry.Interrupted {
			f.Interrupted++
		} else {
			f.Failed++
		}
		if r.Error != nil {
			f.Errors[string(r.Error.Code)]++
		}
	}
}

func (d *Day) add(r *registry.Backup) {
	switch r.Ended() {
	case registry.Succeeded:
		d.Succeeded++
		d.Bytes += r.Size
		if r.Damaged() {
			d.Damaged++
		}
	case registry.Canceled:
		d.Canceled++
	case registry.Interrupted:
		d.Interrupted++
	case registry.FailedToEnd:
		d.Failed++
	default:
		d.Running++
	}
}
