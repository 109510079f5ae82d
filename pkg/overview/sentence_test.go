package overview

import (
	"slices"
	"testing"
	"time"
)

func TestSay(t *testing.T) {
	now := day(20, 12)
	ok := func(name string, age time.Duration) Source {
		at := &Ref{ID: name, At: now.Add(-age)}
		return Source{Name: name, State: OK, Backups: 3, LastGood: at, LastWhole: at, now: now}
	}
	with := func(s Source, found ...Finding) Source {
		for _, f := range found {
			s.Findings, s.State = append(s.Findings, f), worse(s.State, f.Severity)
		}
		return s
	}
	never := Source{Name: "new", State: Warning, Findings: []Finding{{Code: NoBackupYet, Severity: Warning}}, now: now}
	proven := ok("b", 9*time.Hour)
	proven.LastProven = &ProofRef{Ref: *proven.LastWhole, Proof: day(19, 1)}
	lost := with(ok("lost", time.Hour), Finding{Code: TablesLost, Severity: Warning, Backup: "B"})
	lost.RowsLost = &RowsLost{ID: "B", Before: "A"}
	busy := func(s Source) Source { s.Running = 1; return s }
	overdue := Finding{Code: Overdue, Severity: Failing}
	cases := map[string]struct {
		sources []Source
		want    Sentence
	}{
		"nothing is not good":          {nil, Sentence{Code: NothingYet, State: Warning, Step: StepCreate}},
		"none was ever backed up":      {[]Source{never}, Sentence{Code: NothingYet, State: Warning, Step: StepCreate, Sources: 1}},
		"the first is being made":      {[]Source{busy(never)}, Sentence{Code: NothingYet, State: Warning, Step: StepWatch, Sources: 1, Source: "new"}},
		"all good: who would lose":     {[]Source{ok("a", time.Hour), proven, ok("c", 2*time.Hour)}, Sentence{Code: AllGood, State: OK, Sources: 3, Source: "b", At: now.Add(-9 * time.Hour), Proven: day(19, 1)}},
		"one of two has none yet":      {[]Source{ok("a", time.Hour), never}, Sentence{Code: NoBackupYet, State: Warning, Sources: 2, Source: "new", Step: StepCreate}},
		"a first one that failed":      {[]Source{with(never, Finding{Code: Failures, Severity: Failing, Backup: "F"})}, Sentence{Code: Failures, State: Failing, Sources: 1, Source: "new", Step: StepLook, Backup: "F"}},
		"rows, and who still has them": {[]Source{lost}, Sentence{Code: TablesLost, State: Warning, Sources: 1, Source: "lost", Step: StepCompare, Backup: "B", Earlier: "A", At: now.Add(-time.Hour)}},
		"failing before a warning, and others are counted": {
			[]Source{lost, with(ok("late", 50*time.Hour), overdue), ok("a", time.Hour), never},
			Sentence{Code: Overdue, State: Failing, Sources: 4, Others: 2, Source: "late", Step: StepCreate, At: now.Add(-50 * time.Hour)}},
		"why comes before since when": {
			[]Source{with(ok("late", 50*time.Hour), overdue, Finding{Code: Failures, Severity: Failing, Backup: "F"})},
			Sentence{Code: Failures, State: Failing, Sources: 1, Source: "late", Step: StepLook, Backup: "F", At: now.Add(-50 * time.Hour)}},
		"what is overdue is being made": {
			[]Source{busy(with(ok("late", 50*time.Hour), overdue))},
			Sentence{Code: Overdue, State: Failing, Sources: 1, Source: "late", Step: StepWatch, At: now.Add(-50 * time.Hour)}},
		"the older of two alike": {
			[]Source{with(ok("x", 50*time.Hour), overdue), with(ok("y", 70*time.Hour), overdue)},
			Sentence{Code: Overdue, State: Failing, Sources: 2, Others: 1, Source: "y", Step: StepCreate, At: now.Add(-70 * time.Hour)}},
	}
	for name, c := range cases {
		if got := Say(c.sources); got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
	for _, code := range urgency {
		if !slices.Contains(Steps(), steps[code]) {
			t.Errorf("%s does not say what to do next: %q", code, steps[code])
		}
	}
	for code := range steps {
		if code != NothingYet && !slices.Contains(urgency, code) {
			t.Errorf("%s has a step and no rank", code)
		}
	}
}
