package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Condition is something that holds now, and is worth telling.
type Condition struct {
	Kind     Kind
	Source   string // "" is about everything
	Severity Severity
	// Once is the backup, or the moment, that it is about, where it is told once: it neither lasts nor ends.
	Once     string
	Since    time.Time // zero where nobody knows
	Resource string    // id of the backup
	Count    int       // more of it than was told is told
	Bytes    int64
	Limit    int64
	Target   string
	Reason   string
	Detail   string
	// Group is the followed source whose database Source is; "" for none. Members are those of a group that are ill in this way, of a condition of their
	// group in the place of one for each: Count is how many they are.
	Group   string
	Members []string
}

// key is what tells conditions apart.
func (c Condition) key() string { return string(c.Kind) + "\x00" + c.Source + "\x00" + c.Once }

// Open is a condition as it was last told.
type Open struct {
	Kind     Kind      `json:"kind"`
	Source   string    `json:"source,omitempty"`
	Once     string    `json:"once,omitempty"`
	Severity Severity  `json:"severity"`
	Since    time.Time `json:"since"`
	Day      int       `json:"day"` // the last day that was told
	Count    int       `json:"count,omitempty"`
}

func (o Open) key() string { return Condition{Kind: o.Kind, Source: o.Source, Once: o.Once}.key() }

// State is what was told of what lasts. Whoever changes it does so by compare-and-swap, so that of several who look at once one tells.
type State struct {
	Version int    `json:"version"`
	Open    []Open `json:"open"`
	// Pending are the events of the last change, as long as it is not known that they are in the queue.
	Pending []Event `json:"pending,omitempty"`
	// Digests are the days, or weeks, of the last digests, by period.
	Digests map[string]string `json:"digests,omitempty"`
}

// Bounds of a state.
const (
	MaxState   = 4 << 20 // bytes
	maxHeld    = 5000    // conditions that are followed; of more sources than that nobody reads messages
	maxPending = 500     // events of one change
)

const day = 24 * time.Hour

// again is after how many days what lasts is told again.
func again(s Severity) int {
	if s == Critical {
		return 1
	}
	return 7
}

// Next compares the conditions that hold with those that were told. It returns the state behind that, with the events to be told in Pending;
// changed is false where there is nothing to write. covers tells of which sources held says everything: what was told of others stays. The
// argument is left as it is.
func (s State) Next(now time.Time, held []Condition, covers func(source string) bool) (next State, changed bool) {
	now = now.UTC().Truncate(time.Millisecond)
	next = State{Version: version, Digests: s.Digests}
	before := map[string]Open{}
	for _, o := range s.Open {
		before[o.key()] = o
	}
	held = held[:min(len(held), maxHeld)]
	// What there is no room for is not told, and not taken for told: it comes with the next change.
	tell := func(e Event) (told bool) {
		if len(next.Pending) >= maxPending {
			return false
		}
		changed = true
		next.Pending = append(next.Pending, e.Ready(now))
		return true
	}
	holds, ill := map[string]bool{}, map[string]bool{}
	for _, c := range held {
		if holds[c.key()] {
			continue
		}
		holds[c.key()] = true
		if c.Once == "" && curable(c.Kind) {
			ill[c.Source] = true
			if c.Group != "" { // the group is not well before all of it is
				ill[c.Group] = true
			}
			for _, name := range c.Members {
				ill[name] = true
			}
		}
		o, known := before[c.key()]
		if !known && c.Once != "" && c.Group != "" { // told with others of its group, fewer of which are left
			if o, known = before[Condition{Kind: c.Kind, Source: c.Group, Once: c.Once}.key()]; known {
				o.Source, o.Count, changed = c.Source, c.Count, true
			}
		}
		was := o
		o = c.follow(o, known, now)
		if !known || o.Day != was.Day || o.Severity != was.Severity && o.Severity.AtLeast(was.Severity) || c.grew(o.Count, was.Count) {
			if !tell(c.event(o)) {
				if known {
					next.Open = append(next.Open, was)
				}
				continue
			}
		} else if o.Severity, o.Count = was.Severity, min(o.Count, was.Count); o != was {
			changed = true
		}
		next.Open = append(next.Open, o)
	}
	for _, o := range s.Open {
		if !covers(o.Source) && !holds[o.key()] {
			holds[o.key()] = true
			next.Open = append(next.Open, o)
		}
	}
	untold := map[string]bool{}
	for _, e := range over(s.Open, holds, ill) {
		untold[e.Source] = !tell(e)
	}
	// Of a source that is still ill in another way what is over waits for the one message that all is.
	for _, o := range s.Open {
		if !holds[o.key()] {
			if o.Once == "" && curable(o.Kind) && (ill[o.Source] || untold[o.Source]) && len(next.Open) < maxHeld {
				next.Open = append(next.Open, o)
			} else {
				changed = true
			}
		}
	}
	slices.SortFunc(next.Open, func(x, y Open) int { return strings.Compare(x.key(), y.key()) })
	return next, changed
}

// follow is how a condition stands now, told by o before.
func (c Condition) follow(o Open, known bool, now time.Time) Open {
	since := o.Since
	if !known || o.Kind == "" {
		since = c.Since.UTC().Truncate(time.Millisecond)
	}
	if since.IsZero() || since.After(now) { // a clock that was ahead, or whoever writes to the bucket, silences nothing
		since = now
	}
	today := 1
	if c.Once == "" {
		today = max(1, int(now.Sub(since)/day)+1)
	}
	told := today
	if known {
		if step := again(c.Severity); c.Once != "" || o.Day <= today+1 && today < o.Day+step {
			told = o.Day
		}
	}
	return Open{Kind: c.Kind, Source: c.Source, Once: c.Once, Severity: c.Severity, Since: since, Day: told, Count: c.Count}
}

func (c Condition) event(o Open) Event {
	e := Event{Kind: c.Kind, Source: c.Source, Severity: c.Severity, Resource: c.Resource, Count: c.Count, Bytes: c.Bytes, Limit: c.Limit, Target: c.Target, Reason: c.Reason, Detail: c.Detail}
	if c.Once == "" {
		e.Since, e.Day = o.Since, o.Day
	}
	if len(c.Members) > 0 {
		e.Count, e.Sources = 0, c.Members
	}
	return e
}

// grew tells whether there is so much more of it that it is news. Failures in a row are told by the day; of a group it is news when twice as many are ill.
func (c Condition) grew(now, told int) bool {
	if len(c.Members) > 0 {
		return now >= 2*max(told, 1)
	}
	return c.Kind == Damaged && now > told
}

// curable tells whether somebody waits for word that it is over.
func curable(k Kind) bool {
	switch k {
	case BackupFailed, Overdue, ServerChanged, ProofFailed, QuotaNear, LimitNear, CopyLate, Damaged, NotProven:
		return true
	}
	return false
}

// over makes one recovery of each source that nothing is the matter with any more.
func over(told []Open, holds, ill map[string]bool) (events []Event) {
	at := map[string]int{}
	for _, o := range told {
		if o.Once != "" || !curable(o.Kind) || holds[o.key()] || ill[o.Source] {
			continue
		}
		i, ok := at[o.Source]
		if !ok {
			i = len(events)
			at[o.Source] = i
			events = append(events, Event{Kind: Recovered, Source: o.Source, Severity: Info, Was: Info, Since: o.Since})
		}
		e := &events[i]
		e.Over = append(e.Over, o.Kind)
		if o.Severity.AtLeast(e.Was) {
			e.Was = o.Severity
		}
		if o.Since.Before(e.Since) {
			e.Since = o.Since
		}
	}
	return events
}

// DigestHour is when a digest is due, by the clock of the zone.
const DigestHour = 8

// Due tells whether a digest of the period is due, and marks it as made. The first one is due at its next time.
func (s *State) Due(period string, now time.Time) (due, changed bool) {
	at := now.Add(-DigestHour * time.Hour)
	mark := at.Format(time.DateOnly)
	if period == Weekly {
		y, w := at.ISOWeek()
		mark = fmt.Sprintf("%d-W%02d", y, w)
	}
	last := s.Digests[period]
	if last == mark {
		return false, false
	}
	marks := map[string]string{period: mark}
	for p, m := range s.Digests {
		if p != period {
			marks[p] = m
		}
	}
	s.Digests = marks
	return last != "", true
}

// The periods of digests.
const (
	Daily  = "daily"
	Weekly = "weekly"
)

// ParseState reads a state as it is stored. Events that cannot be any are left out.
func ParseState(data []byte) (State, error) {
	var s State
	if len(data) > MaxState {
		return s, fmt.Errorf("it has %d bytes, and may have %d", len(data), MaxState)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, err
	}
	if s.Version != version {
		return s, fmt.Errorf("it is of version %d", s.Version)
	}
	s.Open = slices.DeleteFunc(s.Open[:min(len(s.Open), 2*maxHeld)], func(o Open) bool { return !dated(o.Since) })
	kept := s.Pending[:0]
	for _, e := range s.Pending[:min(len(s.Pending), maxPending+2)] {
		data, err := json.Marshal(e)
		if err != nil {
			continue
		}
		if e, err = Parse(data); err == nil {
			kept = append(kept, e)
		}
	}
	s.Pending = kept
	return s, nil
}
