// Package overview says how it stands with all backups: per source when the last good one was made, whether it is
// overdue or failing, what is damaged, what nobody backs up, and the figures of the last thirty days.
//
// It is the one place where that is worked out: the API, the web UI, metrics, health, doctor and the scheduler show what
// [Of] returns. It is pure: the clock, the records and what is expected are its arguments. Nothing that is not known to
// be good is called good.
package overview

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Days is the span of the figures that go by time, today included.
const Days = 30

// When a source is overdue where nobody says otherwise.
const (
	Grace      = 2 * time.Hour      // behind a scheduled time
	DefaultAge = 7 * 24 * time.Hour // of the last good backup, where there is no schedule
)

// When it is said that there was no proof for long, where proofs are expected.
const (
	ProofAge   = 30 * 24 * time.Hour // of the last one
	proofGrace = 2 * 24 * time.Hour  // behind the time between two, where that is as long
)

// Schedule tells when something is due next.
type Schedule interface {
	Next(time.Time) time.Time
	String() string
}

// Expected is what is wanted of one source.
type Expected struct {
	Source   string
	Database string
	Schedule Schedule      // nil: it is made when somebody asks
	MaxAge   time.Duration // of the last good backup; 0 is the default
	MaxBytes int64         // stored, of one backup; 0 is that of all (Input.Limits)
	Proofs   time.Duration // between two proofs; 0: none is expected, unless ProofTimes says otherwise
	Paused   bool          // somebody said that no backups are made for now: it is not overdue meanwhile
	// ProofTimes are when somebody else makes the proofs that are expected, as the schedule of a stack on AWS; nil: nobody does.
	ProofTimes Schedule
}

// nextProof is when the proof behind one at a time is due; zero for never.
func (e *Expected) nextProof(last time.Time) time.Time {
	if e.ProofTimes != nil {
		return e.ProofTimes.Next(last)
	}
	return last.Add(e.Proofs)
}

// betweenProofs is the time from the next proof to the one behind it; 0 where there is no other.
func (e *Expected) betweenProofs(now time.Time) time.Duration {
	next := e.nextProof(now)
	if after := e.nextProof(next); !next.IsZero() && after.After(next) {
		return after.Sub(next)
	}
	return 0
}

// Input is what an overview is worked out of.
type Input struct {
	Now  time.Time
	Zone *time.Location // of the days; nil is UTC
	// Settled sums up, by source, the backups that are older than all of Backups and than the days of the figures, and of which none
	// is dated in the future.
	Settled []registry.Tally
	// Backups are in the order of their ids.
	Backups  iter.Seq[registry.Backup]
	Sources  []source.Record
	Expected []Expected
	// MaxAge is for sources that nothing is expected of; 0 is the default.
	MaxAge      time.Duration
	LastCleanup time.Time
	// Refused says, by source, why what is configured here is not the source's server; it is not backed up then.
	Refused map[string]error
	// Vanished says, by source, since when its database is gone from a server whose databases are followed.
	Vanished map[string]time.Time
	// Unread says, by source, why its record cannot be read; it is not backed up by this version then.
	Unread map[string]error
	// Untaken says, by source, why what is kept of it in the bucket does not count.
	Untaken map[string]error
	// Limits are what one backup may take, for forecasts.
	Limits Limits
	// Settings say for how long records are kept: a day without a record says nothing before that.
	Settings registry.Settings
	// SettingsOf are the settings of sources that have their own, by name.
	SettingsOf map[string]registry.Settings
}

// State is how it stands, in one word.
type State string

// The states, best first.
const (
	OK      State = "ok"
	Warning State = "warning"
	Failing State = "failing"
)

// worse returns the worse of two states.
func worse(a, b State) State {
	rank := map[State]int{OK: 0, Warning: 1, Failing: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Overview is how it stands with everything.
type Overview struct {
	At      time.Time
	State   State
	Sources []Source // by name
	Days    []Day    // of all sources, the oldest first
	Figures
	Stored  int64 // bytes of all backups
	Damaged int
	Running int
	ByState map[registry.Status]int
	// Storage is where the stored bytes lead; nil where that cannot be told.
	Storage *StorageForecast
	// LastCleanup is when expired backups were last removed; zero for never.
	LastCleanup time.Time
	// Followed are the servers whose databases are sources of their own.
	Followed []source.Followed
}

// Source is how it stands with one source.
type Source struct {
	Name     string
	Database string
	Server   string // address of the last known server; "" where none is
	// Configured tells that something is expected of it here; Scheduled, that it is made by a schedule.
	Configured bool
	Scheduled  bool
	Schedule   string
	NextDue    time.Time // zero without a schedule
	// Paused tells that no backups of it are made until somebody says otherwise. Then it has no schedule, and is never overdue.
	Paused bool
	// Vanished is since when its database is gone from its server; zero while it is there. Then it is never overdue.
	Vanished time.Time
	// JustGone tells that this is not on record yet: Vanished is the time of this look, and that of the next one is another.
	JustGone bool
	// ServerUnknown is the number of its backups from before sources were known.
	ServerUnknown int

	Backups int // successful ones
	Bytes   int64
	Running int
	Damaged int

	LastGood  *Ref // the newest verified one, whatever it holds
	LastWhole *Ref // the newest verified one that holds everything
	// LastProvable is the newest good backup that holds everything and can be proven, which an SQL script cannot; nil where there is none.
	LastProvable *Ref
	// LastProven is the newest good backup that holds everything and was proven, in part too: what has to be left out of each (event triggers)
	// does not make it one that was never proven. LastFullyProven is the newest of which nothing was left out. Nil where none ever was.
	// LastDisproven is the newest one that a proof found bad, where none that is newer was proven since.
	LastProven      *ProofRef
	LastFullyProven *ProofRef
	LastDisproven   *ProofRef
	// ProofsExpected tells that proofs are expected of it here. ProofDue is when LastProvable is to be proven; zero where there is none,
	// where it was proven already, and where no proofs are expected.
	// ProofsElsewhere tells that somebody else makes them.
	ProofsExpected  bool
	ProofsElsewhere bool
	ProofDue        time.Time
	LastFail        *Failure
	// FailingSince is the first failure behind the last good backup; zero when the last attempt was good.
	FailingSince time.Time
	Failures     int // in a row
	// Due is when it becomes, or became, overdue; zero where that cannot be told yet.
	Due       time.Time
	Overdue   bool
	OnlyParts bool
	Shrunk    *Shrunk   // the newest whole backup is much smaller than the one before
	RowsLost  *RowsLost // tables of the newest whole backup lost more of their rows than they may
	Copies    []Copies  // of each second location
	Forecast  *Forecast // where sizes and durations lead; nil where that cannot be told
	Coming    []Stored  // its stored bytes at times to come; see [StorageForecast]
	Sizes     []Ref     // whole good ones, the oldest first, at most maxSizes

	State    State
	Findings []Finding // the worst first
	Days     []Day
	Figures

	now time.Time
}

// Age is how old the last good backup is that holds everything; 0 where there is none.
func (s *Source) Age() time.Duration {
	if s.LastWhole == nil {
		return 0
	}
	return max(0, s.now.Sub(s.LastWhole.At))
}

// ProofAge is how long ago the proof of the newest proven backup was made; ok is false where there is none.
func (s *Source) ProofAge() (age time.Duration, ok bool) {
	if s.LastProven == nil {
		return 0, false
	}
	return max(0, s.now.Sub(s.LastProven.Proof)), true
}

// Ref is one backup.
type Ref = registry.Ref

// ProofRef is one that was proven, and when.
type ProofRef = registry.ProofRef

// Failure is one that failed, and why.
type Failure = registry.Failure

// Shrunk is a backup that holds much less than the one before.
type Shrunk struct {
	ID       string
	From, To int64 // stored bytes
}

// RowsLost is a backup with tables that lost much of their rows since the one before.
type RowsLost struct {
	ID, Before string
	Tables     int                 // how many
	Worst      []registry.RowsLost // the first of them; none of an encrypted backup
}

// Figures count the last [Days] days. Canceled backups count as neither good nor bad; scheduled ones that were not made
// count as bad.
type Figures struct {
	Total, Succeeded, Failed, Canceled, Interrupted, Missed int
	Duration                                                time.Duration // of the successful ones together
	SuccessBytes                                            int64         // of the successful ones together
	Errors                                                  map[string]int
}

// SuccessRate is the part of good ones among all that should have been; ok is false when there were none.
func (f Figures) SuccessRate() (rate float64, ok bool) {
	all := f.Succeeded + f.Failed + f.Interrupted + f.Missed
	if all == 0 {
		return 0, false
	}
	return float64(f.Succeeded) / float64(all), true
}

// Day counts one day of the zone.
type Day struct {
	Date                                                               string // 2006-01-02
	Succeeded, Failed, Canceled, Interrupted, Missed, Running, Damaged int
	Bytes                                                              int64
}

// HasShrunk tells whether a backup of to bytes is suspiciously small behind one of from bytes: half of it or less. What
// differs by less than a page of a database says nothing.
func HasShrunk(from, to int64) bool { return to <= from/2 && from-to >= 8192 }

// FirstDay returns when the days begin that the figures are of.
func FirstDay(now time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	now = now.In(zone)
	return time.Date(now.Year(), now.Month(), now.Day()-Days+1, 0, 0, 0, 0, zone)
}

// Shown is how many sources answers over the network hold at most.
const Shown = 1000

// Foremost returns at most n sources, by name: those of which something is expected here, then those whose last good backups are the newest.
// Whoever may write to the storage can make up as many others as there are records.
func (o *Overview) Foremost(n int) []Source {
	if len(o.Sources) <= n {
		return o.Sources
	}
	age := func(s *Source) int64 {
		if s.LastGood == nil {
			return math.MinInt64
		}
		return s.LastGood.At.Unix()
	}
	out := slices.Clone(o.Sources)
	slices.SortStableFunc(out, func(x, y Source) int {
		if x.Configured != y.Configured {
			if x.Configured {
				return -1
			}
			return 1
		}
		return cmp.Compare(age(&y), age(&x))
	})
	out = out[:n]
	slices.SortFunc(out, func(x, y Source) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// Source returns the source of this name, or nil.
func (o *Overview) Source(name string) *Source {
	for i := range o.Sources {
		if o.Sources[i].Name == name {
			return &o.Sources[i]
		}
	}
	return nil
}
