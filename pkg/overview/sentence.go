package overview

import (
	"cmp"
	"slices"
	"time"
)

// What a sentence says where no finding is the news.
const (
	AllGood    Code = "all_good"    // each source has a good backup that holds everything, and nothing is to be looked at
	NothingYet Code = "nothing_yet" // nothing was ever backed up, or tried
)

// Step is what is to be done next. Doors have a way to each.
type Step string

// The steps. Each finding has one; where all is good there is none to take.
const (
	StepCreate  Step = "create"       // a backup of the source
	StepLook    Step = "look"         // at the backup
	StepCompare Step = "compare"      // the backup with the one before
	StepProve   Step = "prove"        // the backup
	StepBackups Step = "show_backups" // of the source
	StepDamaged Step = "show_damaged" // those of the source
	StepWatch   Step = "watch"        // a backup of the source is being made already
	StepSource  Step = "show_source"  // what is wanted of it, and who says so
	StepPlaces  Step = "show_places"  // those that have copies
	StepChecks  Step = "show_checks"  // all that can be looked at here
	StepRoom    Step = "make_room"    // in the storage: see what a cleanup would remove
)

// Steps returns all that there are.
func Steps() []Step {
	return []Step{StepCreate, StepLook, StepCompare, StepProve, StepBackups, StepDamaged, StepWatch, StepSource, StepPlaces, StepChecks, StepRoom}
}

// Next is a step with whom it is about. Without a source it is about all of them.
type Next struct {
	Step   Step   `json:"step"`
	Source string `json:"source,omitempty"`
	Backup string `json:"backupId,omitempty"`
}

// Sentence says in one line how it stands, and what comes next: the news of the source that needs somebody first. Its words are
// the doors'.
type Sentence struct {
	Code    Code
	State   State
	Sources int // that it is about
	Others  int // of them, beside Source, have findings, too
	// Source is whom the news is of. Where all is good it is the one that would lose most: whose last good backup is the oldest.
	Source string
	Step   Step
	Backup string // that the step or the finding is about
	// Earlier is a backup that still has what is missing in Backup.
	Earlier string
	// At is when the last good backup of Source was made that holds everything, Proven when one of Source was last restored and compared; zero for never.
	At, Proven time.Time
}

// urgency orders the findings of one severity: what keeps backups from being made, then what may be lost, then what is not known.
var urgency = []Code{
	ServerChanged, Unreadable, Untaken, Failures, Overdue, ProofBad, TablesLost, BackupShrunk, Damage, OnlyParts, NoBackupYet, Unscheduled, Gone,
	Future, CopyLate, CopyUnknown, NotProven, NotProvable, NotCounted, SizeLimitNear, TimeLimitNear,
}

// Codes returns those of all findings, the most urgent first.
func Codes() []Code { return slices.Clone(urgency) }

// steps are what findings ask for.
var steps = map[Code]Step{
	Failures: StepLook, ProofBad: StepLook, NotProvable: StepLook, NotCounted: StepLook, NotProven: StepProve, BackupShrunk: StepCompare, TablesLost: StepCompare,
	Damage: StepDamaged, Gone: StepBackups, Overdue: StepCreate, OnlyParts: StepCreate, NoBackupYet: StepCreate, NothingYet: StepCreate,
	ServerChanged: StepSource, Unreadable: StepSource, Untaken: StepSource, Unscheduled: StepSource, SizeLimitNear: StepSource, TimeLimitNear: StepSource,
	CopyLate: StepPlaces, CopyUnknown: StepPlaces, Future: StepChecks,
}

// Say returns the sentence about sources. Of nothing it says that there is nothing yet.
func Say(sources []Source) Sentence {
	if !slices.ContainsFunc(sources, func(s Source) bool { return s.tried() }) {
		s := Sentence{Code: NothingYet, State: Warning, Sources: len(sources), Step: StepCreate}
		for i := range sources {
			if sources[i].Running > 0 {
				s.Step, s.Source = StepWatch, sources[i].Name
			}
		}
		return s
	}
	first, others := &sources[0], -1
	for i := range sources {
		one := &sources[i]
		if len(one.Findings) > 0 {
			others++
		}
		if compare(one, first) < 0 {
			first = one
		}
	}
	s := Sentence{Code: AllGood, State: first.State, Sources: len(sources), Others: max(others, 0), Source: first.Name}
	if first.LastWhole != nil {
		s.At = first.LastWhole.At
	}
	if first.LastProven != nil {
		s.Proven = first.LastProven.Proof
	}
	if f := first.news(); f != nil {
		s.Code, s.Step, s.Backup = f.Code, steps[f.Code], f.Backup
	}
	if s.Code == TablesLost && first.RowsLost != nil {
		s.Earlier = first.RowsLost.Before
	}
	if s.Step == StepCreate && first.Running > 0 {
		s.Step = StepWatch
	}
	return s
}

// tried tells that a source has good backups, or that there is something else to say of it than that it has none yet.
func (s *Source) tried() bool {
	return s.Backups > 0 || slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Code != NoBackupYet })
}

// news is the finding of a source that is told first, or nil.
func (s *Source) news() (first *Finding) {
	for i := range s.Findings {
		if f := &s.Findings[i]; first == nil || before(f, first) < 0 {
			first = f
		}
	}
	return first
}

// before compares two findings, the worse and the more urgent first.
func before(x, y *Finding) int {
	if x.Severity != y.Severity {
		if worse(x.Severity, y.Severity) == x.Severity {
			return -1
		}
		return 1
	}
	rank := func(c Code) int {
		if i := slices.Index(urgency, c); i >= 0 {
			return i
		}
		return len(urgency)
	}
	return cmp.Compare(rank(x.Code), rank(y.Code))
}

// compare orders sources by how soon they need somebody: by their news, then by the age of their last good backup.
func compare(x, y *Source) int {
	switch fx, fy := x.news(), y.news(); {
	case fx == nil && fy == nil:
	case fx == nil:
		return 1
	case fy == nil:
		return -1
	default:
		if c := before(fx, fy); c != 0 {
			return c
		}
	}
	return cmp.Compare(y.Age(), x.Age())
}
