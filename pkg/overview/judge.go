package overview

import (
	"fmt"
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
)

// Code is a finding that programs may switch on. Codes are stable.
type Code string

// The findings.
const (
	Overdue      Code = "overdue"       // the last good backup is older than it may be
	Unscheduled  Code = "unscheduled"   // overdue, and nothing here is expected to make one
	NoBackupYet  Code = "no_backup_yet" // and its time has not come yet
	Failures     Code = "failing"       // the last attempts failed
	OnlyParts    Code = "only_parts"    // nothing holds everything
	BackupShrunk Code = "shrunk"        // the newest is much smaller than the one before
	TablesLost   Code = "rows_lost"     // tables of the newest lost more of their rows than they may
	NotCounted   Code = "contents_unknown"
	NotProven    Code = "not_proven"   // proofs are expected, and there was none for long
	NotProvable  Code = "not_provable" // proofs are expected, and the newest backups are of a kind that cannot be proven
	ProofBad     Code = "proof_failed" // the last proof found that a backup does not come back as it was made
	Damage       Code = "damaged"
	// What a forecast says: before long backups will be larger, or take longer, than they may.
	SizeLimitNear Code = "size_limit_near"
	TimeLimitNear Code = "time_limit_near"
	// What a second location has: the copies are late, or it does not answer.
	CopyLate    Code = "copy_late"
	CopyUnknown Code = "copy_unknown"
	// ServerChanged: the database that is configured here is another one than the source's, and is not backed up.
	ServerChanged Code = "server_changed"
	Unreadable    Code = "unreadable"       // the source's record: whose it is cannot be checked, so that it is not backed up
	Untaken       Code = "settings_untaken" // what is kept of it in the bucket is not what counts, or what nobody can go by
	Gone          Code = "vanished"         // its database is not on the server any more
	Future        Code = "future"           // dated later than now: a clock is wrong somewhere
)

// Finding is one thing about a source that somebody should look at.
type Finding struct {
	Code     Code            `json:"code"`
	Severity State           `json:"severity"` // Warning or Failing
	Text     string          `json:"text"`
	Hint     string          `json:"hint"`
	Step     Step            `json:"step"`               // what is to be done next
	Since    time.Time       `json:"since,omitzero"`     // zero where that says nothing
	Backup   string          `json:"backupId,omitempty"` // of the one it is about
	Error    *registry.Error `json:"error,omitempty"`
}

func (s *state) find(f Finding) {
	f.Step = steps[f.Code]
	s.Findings = append(s.Findings, f)
	s.State = worse(s.State, f.Severity)
}

// untaken says why what is kept of the source in the bucket does not count. That the file says something else of it is no failure.
func (s *state) untaken(f *fault.Error) {
	found := Finding{Code: Untaken, Severity: Failing, Text: "it is not backed up by what is kept of it here: " + f.Message, Hint: f.Hint, Error: registry.ErrorOf(f)}
	if f.Reason == fault.AlreadyExists {
		found.Severity, found.Text = Warning, "what is kept of it here does not count: "+f.Message
	}
	s.find(found)
}

func (s *state) unread(f *fault.Error) {
	severity := Warning
	if s.expected != nil {
		severity = Failing // no backup of it is made
	}
	s.find(Finding{Code: Unreadable, Severity: severity, Text: "its record cannot be read: " + f.Message, Hint: f.Hint})
}

// judge says how it stands with a source, from what was gathered.
func (b *builder) judge(s *state) {
	now := b.in.Now
	var plan Schedule
	if s.expected != nil && s.expected.Schedule != nil {
		plan = s.expected.Schedule
		s.Scheduled, s.Schedule = true, plan.String()
		s.NextDue = schedule.Upcoming(plan, s.tally.LastScheduled, now)
		b.countMissed(s, plan)
	}
	s.failing()
	s.OnlyParts = s.LastWhole == nil && s.tally.Parts.Count > 0 && s.LastGood != nil
	s.shrunk()
	s.contents()
	s.proofs()
	s.forecast(b.in.Limits)
	if s.Damaged > 0 {
		s.find(Finding{Code: Damage, Severity: Warning, Text: quantity.Plural(s.Damaged, "damaged backup"), Hint: "Create a new backup, and validate the others."})
	}
	if s.future > 0 {
		s.find(Finding{Code: Future, Severity: Warning, Text: quantity.Plural(s.future, "backup") + " dated in the future, and not counted", Hint: "Check the clocks of the machines that make backups."})
	}
	b.age(s, plan)
	if s.OnlyParts {
		s.find(Finding{Code: OnlyParts, Severity: Warning, Text: "only parts are backed up", Hint: "Make a backup of everything: nothing here restores the whole database.", Backup: s.LastGood.ID})
	}
	slices.SortStableFunc(s.Findings, func(x, y Finding) int {
		if x.Severity == y.Severity {
			return 0
		}
		if x.Severity == Failing {
			return -1
		}
		return 1
	})
}

// age finds out whether the last whole backup is too old, or there should be one by now.
func (b *builder) age(s *state, plan Schedule) {
	now, base := b.in.Now, s.firstSeen
	if s.LastWhole != nil {
		base = s.LastWhole.At
	}
	age := b.in.MaxAge
	if s.expected != nil && s.expected.MaxAge > 0 {
		age = s.expected.MaxAge
	}
	switch {
	case base.IsZero(), s.Paused, !s.Vanished.IsZero():
	case age > 0:
		s.Due = base.Add(age)
	case plan != nil:
		if next := plan.Next(base); !next.IsZero() {
			s.Due = next.Add(Grace)
		}
	default:
		s.Due = base.Add(DefaultAge)
	}
	late := !s.Due.IsZero() && now.After(s.Due)
	switch {
	case !s.Vanished.IsZero():
		s.find(Finding{Code: Gone, Severity: Warning, Since: s.Vanished, Text: "its database is gone from the server since " + s.Vanished.UTC().Format("2006-01-02 15:04 UTC"),
			Hint: "Remove its backups when it is gone for good; when it comes back, it is backed up again."})
	case s.OnlyParts: // amber for that, and never overdue
	case s.LastWhole == nil && !late:
		s.find(Finding{Code: NoBackupYet, Severity: Warning, Text: "no good backup yet", Hint: "Create the first backup."})
	case !late:
	case s.expected == nil:
		s.Overdue = true
		s.find(Finding{Code: Unscheduled, Severity: Warning, Since: s.Due, Text: "nobody backs it up; " + b.lastGood(s),
			Hint: "Put it into a schedule, or remove its backups when it is gone for good."})
	default:
		s.Overdue = true
		s.find(Finding{Code: Overdue, Severity: Failing, Since: s.Due, Text: b.lastGood(s) + "; there should have been a newer one by " + s.Due.UTC().Format("2006-01-02 15:04 UTC"),
			Hint: "Look why none was made: the schedule, cron, the last failures. Make one now."})
	}
}

// lastGood says how old the last good backup is.
func (b *builder) lastGood(s *state) string {
	if s.LastWhole == nil {
		return "there is no good backup"
	}
	return "the last good backup is " + Ago(b.in.Now.Sub(s.LastWhole.At)) + " old"
}

// Ago says a length of time for people, in its largest unit: "40 days", "3 hours".
func Ago(d time.Duration) string {
	switch d = max(d, 0); {
	case d >= 48*time.Hour:
		return quantity.Plural(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return quantity.Plural(int(d/time.Hour), "hour")
	}
	return quantity.Plural(int(d/time.Minute), "minute")
}

// failing looks whether the last attempts to back everything up failed; where nobody ever tried that, the last attempts at
// all. What was canceled is no attempt.
func (s *state) failing() {
	attempts := s.tally.Whole
	if attempts.Count == 0 {
		attempts = s.tally.Parts
	}
	s.FailingSince, s.Failures, s.LastFail = attempts.Since, attempts.Failures, attempts.Last
	if s.Failures == 0 {
		return
	}
	f := Finding{Code: Failures, Severity: Warning, Since: s.FailingSince, Backup: s.LastFail.ID, Error: s.LastFail.Error,
		Text: "the last backup failed", Hint: "Look at its record."}
	if s.Failures > 1 {
		f.Text = fmt.Sprintf("the last %d backups failed", s.Failures)
	}
	if s.expected != nil && !s.Paused && s.Failures > 1 { // once may be a night's trouble, and is amber
		f.Severity = Failing
	}
	if e := s.LastFail.Error; e != nil {
		f.Text += ": " + e.Message
		if e.Hint != "" {
			f.Hint = e.Hint
		}
		if e.Reason == fault.ServerChanged {
			f.Severity = Failing
		}
	}
	s.find(f)
}

// shrunk compares the two newest whole backups that were stored alike.
func (s *state) shrunk() {
	shapes := s.tally.Shapes
	if len(shapes) == 0 {
		return
	}
	last := shapes[len(shapes)-1]
	if last.Before == nil || !HasShrunk(*last.Before, last.Size) {
		return
	}
	s.Shrunk = &Shrunk{last.ID, *last.Before, last.Size}
	s.find(Finding{Code: BackupShrunk, Severity: Warning, Backup: last.ID,
		Text: fmt.Sprintf("the newest backup is %d %% smaller than the one before", min(99, 100-last.Size*100/max(*last.Before, 1))),
		Hint: "Look whether data was lost before the older ones are removed."})
}

// proofs looks whether backups come back. Where no proofs are expected, that none was ever made is no finding.
func (s *state) proofs() {
	if e := s.expected; e != nil {
		s.ProofsElsewhere = e.ProofTimes != nil
		s.ProofsExpected = s.ProofsElsewhere || e.Proofs > 0
	}
	if d := s.LastDisproven; d != nil {
		f := Finding{Code: ProofBad, Severity: Warning, Since: d.Proof, Backup: d.ID, Text: "the last proof found that a backup does not come back as it was made",
			Hint: "See what differs in its record: cofre info " + d.ID + ". Make a new backup and prove it."}
		if s.expected != nil {
			f.Severity = Failing
		}
		s.find(f)
	}
	if !s.ProofsExpected || s.LastWhole == nil { // without a good backup there is nothing to prove, and that is told
		return
	}
	if s.unprovable(); s.LastProvable == nil {
		return
	}
	if s.LastProven == nil || s.LastProven.ID != s.LastProvable.ID {
		switch last := s.lastProof(); {
		case !last.IsZero():
			s.ProofDue = s.expected.nextProof(last)
		case s.ProofsElsewhere:
			s.ProofDue = s.expected.nextProof(s.LastProvable.At)
		default:
			s.ProofDue = s.LastProvable.At
		}
	}
	longest := ProofAge
	if e := s.expected.betweenProofs(s.now); e >= longest {
		longest = e + proofGrace
	}
	age, proven := s.ProofAge()
	f := Finding{Code: NotProven, Severity: Warning, Backup: s.LastProvable.ID, Hint: "Prove the last good backup: cofre prove " + s.LastProvable.ID}
	switch {
	case !proven:
		f.Text = "no backup was ever proven by restoring it"
	case s.LastProven.ID != s.LastProvable.ID && age > longest:
		f.Text, f.Since = "no proof for "+Ago(age), s.LastProven.Proof.Add(longest)
	default:
		return
	}
	s.find(f)
}

// fewScripts is how many scripts in a row are no habit: one is made beside the others now and then.
const fewScripts = 1

// unprovable tells where proofs are expected that nobody can make.
func (s *state) unprovable() {
	if s.LastProvable != nil && s.tally.Unprovable <= fewScripts {
		return
	}
	f := Finding{Code: NotProvable, Severity: Warning, Backup: s.LastWhole.ID, Text: "proofs are expected, but the newest backups are SQL scripts, which cannot be proven",
		Hint: "Make backups in the custom format (leave --format plain out), or expect no proofs of this source (proofs: never)."}
	if s.LastProvable == nil {
		f.Text += "; there is no good one that can be"
	} else {
		f.Text += "; the newest that can be is " + Ago(s.now.Sub(s.LastProvable.At)) + " old"
	}
	s.find(f)
}

// lastProof is when the last proof ended, whatever it found; zero for never.
func (s *state) lastProof() (last time.Time) {
	for _, p := range []*registry.ProofRef{s.LastProven, s.dated(s.tally.LastDisproven)} {
		if p != nil && p.Proof.After(last) {
			last = p.Proof
		}
	}
	return last
}

// contents looks at what the newest whole backup contains, as its record says.
func (s *state) contents() {
	last := s.newest
	if last == nil || last.Contents == nil {
		return
	}
	c := last.Contents
	if c.Missing != "" {
		s.find(Finding{Code: NotCounted, Severity: Warning, Backup: last.ID, Text: "what the newest backup contains is not known: " + c.Missing,
			Hint: "Its tables were not held against those of the backup before. The backup itself is as good as its verification says."})
	}
	if c.Lost == 0 {
		return
	}
	s.RowsLost = &RowsLost{ID: last.ID, Before: c.Compared, Tables: c.Lost, Worst: c.Warnings}
	text := quantity.Plural(c.Lost, "table") + " of the newest backup lost most of the rows"
	if len(c.Warnings) > 0 {
		w := c.Warnings[0]
		text = fmt.Sprintf("%s lost %d %% of its rows since the backup before (%d, then %d)", w.Table, w.Percent, w.Before, w.After)
		if w.Dropped {
			text = fmt.Sprintf("%s is gone since the backup before; it had %d rows", w.Table, w.Before)
		}
		if c.Lost > 1 {
			text += ", and " + quantity.Plural(c.Lost-1, "other table") + " lost rows"
		}
	}
	s.find(Finding{Code: TablesLost, Severity: Warning, Backup: last.ID, Text: text, Hint: "Look at all that changed, before the older backups are removed: cofre diff " + last.ID})
}
