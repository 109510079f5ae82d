package overview

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
	"cofre/pkg/source"
)

var good = &registry.Verification{OK: true, Level: registry.LevelStream}

// made is a backup of a source that holds everything.
func made(id, name string, at time.Time, change ...func(*registry.Backup)) registry.Backup {
	b := registry.Backup{ID: id, Source: name, Database: name, Status: registry.Success, CreatedAt: at, Size: 1 << 20, Verification: good, Trigger: registry.TriggerSchedule}
	for _, c := range change {
		c(&b)
	}
	return b
}

func failed(b *registry.Backup) {
	b.Status, b.Verification, b.Size = registry.Failed, nil, 0
	b.Error = &registry.Error{Code: fault.DatabaseConnection, Reason: fault.PortRefused, Message: "no answer", Hint: "Start the server."}
}

func canceled(b *registry.Backup) {
	failed(b)
	b.Error = &registry.Error{Code: fault.Canceled, Reason: fault.CanceledByUser, Message: "the backup was canceled by ana"}
}

func schemaOnly(b *registry.Backup) { b.Content = registry.ContentSchema }

func script(b *registry.Backup) { b.Format = "plain" }

// inPart makes the proof of a backup one in part.
func inPart(b *registry.Backup) { b.Verification.Level = registry.LevelProvenInPart }

func sized(n int64) func(*registry.Backup) { return func(b *registry.Backup) { b.Size = n } }

func damaged(b *registry.Backup) {
	b.Verification = &registry.Verification{Level: registry.LevelFull, Problems: []registry.Problem{{Reason: fault.ChecksumMismatch}}}
}

func plan(t *testing.T, expr string) Schedule {
	t.Helper()
	s, err := schedule.Parse(expr)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func day(d, hour int) time.Time { return time.Date(2026, 3, d, hour, 0, 0, 0, time.UTC) }

func codes(s *Source) string {
	var out []string
	for _, f := range s.Findings {
		out = append(out, string(f.Code)+"/"+string(f.Severity))
	}
	return strings.Join(out, " ")
}

func containing(c registry.Contents) func(*registry.Backup) {
	return func(b *registry.Backup) { b.Contents = &c }
}

// proven marks a backup as proven, or disproven, at a time.
func proven(at time.Time, ok bool) func(*registry.Backup) {
	return func(b *registry.Backup) {
		b.Verification = &registry.Verification{OK: ok, Level: registry.LevelProven, At: at, Proof: &registry.Proof{}}
	}
}

// Each case is something that was once shown as good, or as worse than it was.
func TestFindings(t *testing.T) {
	nightly := Expected{Source: "loja", Database: "loja", Schedule: plan(t, "0 2 * * *")}
	monthlyElsewhere, weeklyElsewhere := nightly, nightly
	monthlyElsewhere.ProofTimes, weeklyElsewhere.ProofTimes = plan(t, "cron(0 3 1 * ? *)"), plan(t, "rate(7 days)")
	weekly := nightly
	weekly.Proofs = 7 * 24 * time.Hour
	monthly := nightly
	monthly.Proofs = 30 * 24 * time.Hour
	byHand := Expected{Source: "loja", Database: "loja"}
	for name, c := range map[string]struct {
		expected Expected
		backups  []registry.Backup
		now      time.Time
		source   string
		want     string
	}{
		"made tonight": {nightly, []registry.Backup{made("A", "loja", day(13, 2))}, day(13, 12), "loja", ""},
		"the scheduled one says nothing of another": {nightly, []registry.Backup{made("A", "financeiro", day(1, 2)), made("B", "loja", day(28, 2))}, day(28, 12), "financeiro", "unscheduled/warning"},
		"another that is young enough":              {nightly, []registry.Backup{made("A", "financeiro", day(25, 2)), made("B", "loja", day(28, 2))}, day(28, 12), "financeiro", ""},
		"no schedule, and 58 days old":              {byHand, []registry.Backup{made("A", "loja", day(1, 2).AddDate(0, 0, -58))}, day(1, 2), "loja", "overdue/failing"},
		"no schedule, and six days old":             {byHand, []registry.Backup{made("A", "loja", day(1, 2))}, day(7, 2), "loja", ""},
		"its own maximum age":                       {Expected{Source: "loja", MaxAge: time.Hour}, []registry.Backup{made("A", "loja", day(1, 2))}, day(1, 4), "loja", "overdue/failing"},
		"an hour and a half late":                   {nightly, []registry.Backup{made("A", "loja", day(12, 2))}, day(13, 2).Add(90 * time.Minute), "loja", ""},
		"three hours late":                          {nightly, []registry.Backup{made("A", "loja", day(12, 2))}, day(13, 5), "loja", "overdue/failing"},
		"two nights failed":                         {nightly, []registry.Backup{made("A", "loja", day(10, 2)), made("B", "loja", day(11, 2), failed), made("C", "loja", day(12, 2), failed)}, day(12, 3), "loja", "failing/failing overdue/failing"},
		"failed once":                               {nightly, []registry.Backup{made("A", "loja", day(10, 2)), made("B", "loja", day(11, 2), failed)}, day(11, 3), "loja", "failing/warning"},
		"failed once and then good":                 {nightly, []registry.Backup{made("A", "loja", day(11, 2), failed), made("B", "loja", day(11, 3))}, day(11, 12), "loja", ""},
		"canceled":                                  {nightly, []registry.Backup{made("A", "loja", day(11, 2)), made("B", "loja", day(11, 9), canceled)}, day(11, 12), "loja", ""},
		"never made, its time has not come":         {nightly, nil, day(1, 2), "loja", "no_backup_yet/warning"},
		"only parts":                                {nightly, []registry.Backup{made("A", "loja", day(1, 2), schemaOnly)}, day(28, 12), "loja", "only_parts/warning"},
		"a part in the place of a whole one":        {nightly, []registry.Backup{made("A", "loja", day(1, 2)), made("B", "loja", day(13, 2), schemaOnly)}, day(13, 12), "loja", "overdue/failing"},
		"half as large":                             {nightly, []registry.Backup{made("A", "loja", day(12, 2)), made("B", "loja", day(13, 2), sized(500000))}, day(13, 12), "loja", "shrunk/warning"},
		"a table lost its rows": {nightly, []registry.Backup{made("A", "loja", day(12, 2)), made("B", "loja", day(13, 2), containing(registry.Contents{Lost: 2, Compared: "A",
			Warnings: []registry.RowsLost{{Table: "orders", Before: 1000, After: 80, Percent: 92}}}))}, day(13, 12), "loja", "rows_lost/warning"},
		"tables lost rows, of an encrypted one":            {nightly, []registry.Backup{made("B", "loja", day(13, 2), containing(registry.Contents{Lost: 2, Compared: "A"}))}, day(13, 12), "loja", "rows_lost/warning"},
		"they did so the night before":                     {nightly, []registry.Backup{made("A", "loja", day(12, 2), containing(registry.Contents{Lost: 1})), made("B", "loja", day(13, 2), containing(registry.Contents{}))}, day(13, 12), "loja", ""},
		"nothing could be counted":                         {nightly, []registry.Backup{made("A", "loja", day(13, 2), containing(registry.Contents{Missing: "out of luck"}))}, day(13, 12), "loja", "contents_unknown/warning"},
		"a part is smaller, and that is all":               {nightly, []registry.Backup{made("A", "loja", day(13, 2)), made("B", "loja", day(13, 3), schemaOnly, sized(9))}, day(13, 12), "loja", ""},
		"dated in the future":                              {nightly, []registry.Backup{made("A", "loja", day(10, 2)), made("B", "loja", day(28, 2).AddDate(5, 0, 0))}, day(13, 12), "loja", "overdue/failing future/warning"},
		"proofs are wanted, and none was ever made":        {weekly, []registry.Backup{made("A", "loja", day(13, 2))}, day(13, 12), "loja", "not_proven/warning"},
		"proven 30 days ago":                               {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(31, 2))}, day(31, 3), "loja", ""},
		"and an hour more":                                 {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(31, 2))}, day(31, 4), "loja", "not_proven/warning"},
		"where proofs are made each month that is in time": {monthly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(31, 2))}, day(31, 4), "loja", ""},
		"made elsewhere each month that is in time":        {monthlyElsewhere, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(31, 2))}, day(32, 4), "loja", ""},
		"made elsewhere each week and late":                {weeklyElsewhere, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(31, 2))}, day(32, 4), "loja", "not_proven/warning"},
		"made elsewhere, and none was ever made":           {weeklyElsewhere, []registry.Backup{made("A", "loja", day(13, 2))}, day(13, 12), "loja", "not_proven/warning"},
		"the newest good one is proven, long ago":          {Expected{Source: "loja", MaxAge: 90 * 24 * time.Hour, Proofs: time.Hour}, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true))}, day(60, 2), "loja", ""},
		"a part that was proven says nothing":              {weekly, []registry.Backup{made("A", "loja", day(13, 2)), made("B", "loja", day(13, 3), schemaOnly, proven(day(13, 4), true))}, day(13, 12), "loja", "not_proven/warning"},
		"nothing to prove":                                 {weekly, nil, day(13, 12), "loja", "no_backup_yet/warning"},
		"no proofs are wanted":                             {nightly, []registry.Backup{made("A", "loja", day(13, 2))}, day(13, 12), "loja", ""},
		"a proof failed":                                   {weekly, []registry.Backup{made("A", "loja", day(12, 2), proven(day(12, 3), true)), made("B", "loja", day(13, 2), proven(day(13, 3), false)), made("C", "loja", day(13, 4))}, day(13, 12), "loja", "proof_failed/failing damaged/warning"},
		"a proof failed where none are wanted":             {nightly, []registry.Backup{made("B", "loja", day(12, 2), proven(day(12, 3), false)), made("C", "loja", day(13, 4))}, day(13, 12), "loja", "proof_failed/failing damaged/warning"},
		"a newer one was proven since":                     {weekly, []registry.Backup{made("B", "loja", day(12, 2), proven(day(12, 3), false)), made("C", "loja", day(13, 2), proven(day(13, 3), true))}, day(13, 12), "loja", "damaged/warning"},
		"a script behind one that is proven":               {weekly, []registry.Backup{made("A", "loja", day(12, 2), proven(day(12, 3), true)), made("B", "loja", day(13, 2), script)}, day(13, 12), "loja", ""},
		"scripts from now on":                              {weekly, []registry.Backup{made("A", "loja", day(11, 2), proven(day(11, 3), true)), made("B", "loja", day(12, 2), script), made("C", "loja", day(13, 2), script)}, day(13, 12), "loja", "not_provable/warning"},
		"nothing but scripts":                              {weekly, []registry.Backup{made("A", "loja", day(13, 2), script)}, day(13, 12), "loja", "not_provable/warning"},
		"scripts where no proofs are wanted":               {nightly, []registry.Backup{made("A", "loja", day(12, 2), script), made("B", "loja", day(13, 2), script)}, day(13, 12), "loja", ""},
		"scripts, and a proof that is long ago":            {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(2, 2)), made("C", "loja", day(39, 2), script), made("D", "loja", day(40, 2), script)}, day(40, 12), "loja", "not_provable/warning not_proven/warning"},
		"proven in part, lately":                           {weekly, []registry.Backup{made("A", "loja", day(13, 2), proven(day(13, 3), true), inPart)}, day(13, 12), "loja", ""},
		"proven in part, long ago":                         {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true), inPart), made("B", "loja", day(32, 2))}, day(32, 4), "loja", "not_proven/warning"},
		"a proof of the future is of no use":               {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 2).AddDate(5, 0, 0), true)), made("B", "loja", day(32, 2))}, day(32, 4), "loja", "not_proven/warning"},
		"the newest one is damaged":                        {nightly, []registry.Backup{made("A", "loja", day(12, 2)), made("B", "loja", day(13, 2), damaged)}, day(13, 12), "loja", "overdue/failing damaged/warning"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Of(Input{Now: c.now, Backups: slices.Values(c.backups), Expected: []Expected{c.expected}})
			s := o.Source(c.source)
			if s == nil || codes(s) != c.want {
				t.Fatalf("found %q, want %q: %+v", codes(s), c.want, s)
			}
			worst := OK
			for _, f := range s.Findings {
				worst = worse(worst, f.Severity)
				if f.Text == "" || f.Hint == "" {
					t.Errorf("%s says %q, %q", f.Code, f.Text, f.Hint)
				}
			}
			if s.State != worst || worse(o.State, worst) != o.State {
				t.Errorf("state is %s of all, %s of the source", o.State, s.State)
			}
		})
	}
}

// How long ago the newest backup was proven is the same whether its record has settled or not, and absent where none ever was.
func TestProofAge(t *testing.T) {
	backups := []registry.Backup{made("A", "loja", day(1, 2), proven(day(2, 3), true)), made("B", "loja", day(3, 2))}
	for name, in := range map[string]Input{
		"not settled": {Now: day(4, 3), Backups: slices.Values(backups)},
		"settled":     {Now: day(4, 3), Settled: registry.Tallies(backups)},
		"in between":  {Now: day(4, 3), Settled: registry.Tallies(backups[:1]), Backups: slices.Values(backups[1:])},
	} {
		s := Of(in)
		if age, ok := s.Sources[0].ProofAge(); !ok || age != 48*time.Hour || s.Sources[0].LastProven.ID != "A" {
			t.Errorf("%s: %s, %v, %+v", name, age, ok, s.Sources[0].LastProven)
		}
	}
	never := Of(Input{Now: day(4, 3), Backups: slices.Values(backups[1:])})
	if age, ok := never.Sources[0].ProofAge(); ok || age != 0 {
		t.Errorf("%s for what was never proven", age)
	}
}

// What can be proven, and what was in full, is the same whether the records have settled or not.
func TestProvableAndProvenInFull(t *testing.T) {
	backups := []registry.Backup{
		made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(2, 2), proven(day(2, 3), true), inPart), made("C", "loja", day(3, 2)), made("D", "loja", day(4, 2), script),
	}
	for n := range len(backups) + 1 {
		o := Of(Input{Now: day(5, 2), Settled: registry.Tallies(backups[:n]), Backups: slices.Values(backups[n:]), Expected: []Expected{{Source: "loja", Proofs: time.Hour}}})
		s := o.Source("loja")
		if s.LastWhole.ID != "D" || s.LastProvable.ID != "C" || s.LastProven.ID != "B" || !s.LastProven.InPart || s.LastFullyProven.ID != "A" || s.LastFullyProven.InPart {
			t.Errorf("%d settled: %+v, %+v, %+v, %+v", n, s.LastWhole, s.LastProvable, s.LastProven, s.LastFullyProven)
		}
		if codes(s) != "" || !s.ProofDue.Equal(day(2, 4)) {
			t.Errorf("%d settled: %s, due %s", n, codes(s), s.ProofDue)
		}
	}
}

// When the next proof is due follows from the records alone, whatever the last one found; what is proven need not be proven again.
func TestProofDue(t *testing.T) {
	weekly, elsewhere := Expected{Source: "loja", Proofs: 7 * 24 * time.Hour}, Expected{Source: "loja", ProofTimes: plan(t, "cron(0 6 1 * ? *)")}
	for name, c := range map[string]struct {
		expected Expected
		backups  []registry.Backup
		want     time.Time
	}{
		"never proven":                  {weekly, []registry.Backup{made("A", "loja", day(1, 2)), made("B", "loja", day(2, 2))}, day(2, 2)},
		"proven":                        {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true))}, time.Time{}},
		"an older one was proven":       {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(2, 2))}, day(8, 3)},
		"the last one failed":           {weekly, []registry.Backup{made("A", "loja", day(1, 2)), made("B", "loja", day(2, 2), proven(day(2, 3), false))}, day(9, 3)},
		"a proof of the future":         {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(300, 3), true)), made("B", "loja", day(2, 2))}, day(8, 2)},
		"the newest is a script":        {weekly, []registry.Backup{made("A", "loja", day(1, 2)), made("B", "loja", day(2, 2)), made("C", "loja", day(3, 2), script)}, day(2, 2)},
		"behind the proven are scripts": {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true)), made("B", "loja", day(2, 2), script), made("C", "loja", day(3, 2), script)}, time.Time{}},
		"nothing but scripts":           {weekly, []registry.Backup{made("A", "loja", day(1, 2), script)}, time.Time{}},
		"proven in part":                {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true), inPart)}, time.Time{}},
		"an older one in part":          {weekly, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 3), true), inPart), made("B", "loja", day(2, 2))}, day(8, 3)},
		"nothing to prove":              {weekly, []registry.Backup{made("A", "loja", day(1, 2), schemaOnly)}, time.Time{}},
		"nobody wants any":              {Expected{Source: "loja"}, []registry.Backup{made("A", "loja", day(1, 2))}, time.Time{}},
		"elsewhere, never proven":       {elsewhere, []registry.Backup{made("A", "loja", day(1, 2)), made("B", "loja", day(2, 2))}, day(1, 6).AddDate(0, 1, 0)},
		"elsewhere, on the last day":    {elsewhere, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 7), true)), made("B", "loja", day(2, 2))}, day(1, 6).AddDate(0, 1, 0)},
		"elsewhere, and the newest is":  {elsewhere, []registry.Backup{made("A", "loja", day(1, 2), proven(day(1, 7), true))}, time.Time{}},
		"of a source that is not known": {Expected{Source: "blog", Proofs: time.Hour}, []registry.Backup{made("A", "loja", day(1, 2))}, time.Time{}},
	} {
		o := Of(Input{Now: day(10, 2), Backups: slices.Values(c.backups), Expected: []Expected{c.expected}})
		s := o.Source("loja")
		if due := s.ProofDue; !due.Equal(c.want) {
			t.Errorf("%s: it is due %s, want %s", name, due, c.want)
		}
		if s.ProofsElsewhere != (c.expected.ProofTimes != nil) || s.ProofsElsewhere && !s.ProofsExpected {
			t.Errorf("%s: proofs are expected %v, elsewhere %v", name, s.ProofsExpected, s.ProofsElsewhere)
		}
	}
}

// What is configured here and refused is not backed up, however good the source's own backups are.
func TestRefused(t *testing.T) {
	o := Of(Input{Now: day(13, 12), Backups: slices.Values([]registry.Backup{made("A", "loja", day(13, 2))}), Expected: []Expected{{Source: "loja"}},
		Refused: map[string]error{"loja": fault.New(fault.Validation, fault.ServerChanged, "Name it.", "another server")}})
	if s := o.Source("loja"); codes(s) != "server_changed/failing" || o.State != Failing || s.Findings[0].Hint != "Name it." {
		t.Errorf("it is %+v", s)
	}
}

// A record that cannot be read is told with its source, others stand as they are.
func TestUnread(t *testing.T) {
	in := Input{Now: day(13, 12), Backups: slices.Values([]registry.Backup{made("A", "loja", day(13, 2))}), Expected: []Expected{{Source: "loja"}},
		Unread: map[string]error{"blog": fault.New(fault.Validation, fault.NewerVersion, "Install it.", "written by a newer cofre")}}
	o := Of(in)
	if s := o.Source("blog"); codes(s) != "unreadable/warning no_backup_yet/warning" || len(o.Sources) != 2 || o.State != Warning {
		t.Errorf("it is %+v, %s", s, codes(s))
	}
	in.Expected = append(in.Expected, Expected{Source: "blog"})
	o = Of(in)
	if s := o.Source("blog"); s.Findings[0].Code != Unreadable || s.Findings[0].Severity != Failing || s.Findings[0].Hint != "Install it." {
		t.Errorf("one that is wanted here: %+v", s.Findings)
	}
}

// A source that was put on record and never backed up is overdue some day, also without a schedule.
func TestNeverBackedUp(t *testing.T) {
	rec := source.Record{Name: "loja", FirstSeen: day(1, 12)}
	for _, c := range []struct {
		expected Expected
		now      time.Time
		want     string
	}{
		{Expected{Source: "loja", Schedule: plan(t, "0 2 * * *")}, day(2, 3), "no_backup_yet/warning"},
		{Expected{Source: "loja", Schedule: plan(t, "0 2 * * *")}, day(2, 5), "overdue/failing"},
		{Expected{Source: "loja"}, day(8, 11), "no_backup_yet/warning"},
		{Expected{Source: "loja"}, day(8, 13), "overdue/failing"},
	} {
		o := Of(Input{Now: c.now, Sources: []source.Record{rec}, Expected: []Expected{c.expected}})
		if got := codes(o.Source("loja")); got != c.want {
			t.Errorf("at %s it is %q, want %q", c.now, got, c.want)
		}
	}
}

func missed(days []Day) (out []string) {
	for _, d := range days {
		if d.Missed > 0 {
			out = append(out, d.Date)
		}
	}
	return out
}

func TestMissed(t *testing.T) {
	nightly := []Expected{{Source: "shop", Database: "shop", Schedule: plan(t, "0 2 * * *")}}
	backups := []registry.Backup{made("A", "shop", day(10, 2)), made("B", "shop", day(12, 2), failed), made("C", "log", day(13, 2))}
	o := Of(Input{Now: day(13, 12), Backups: slices.Values(backups), Expected: nightly})
	shop := o.Source("shop")
	if days := missed(shop.Days); len(days) != 2 || days[0] != "2026-03-11" || days[1] != "2026-03-13" || shop.Missed != 2 || o.Missed != 2 {
		t.Errorf("missed days are %v, %d and %d", days, shop.Missed, o.Missed)
	}
	if rate, ok := shop.SuccessRate(); !ok || rate != 0.25 { // one good, one failed, two missed
		t.Errorf("the rate is %v", rate)
	}
	if !shop.NextDue.Equal(day(14, 2)) || shop.Schedule != "0 2 * * *" {
		t.Errorf("next is %s", shop.NextDue)
	}
	// 29 of 30 nights without a backup are no success rate of 100 %.
	o = Of(Input{Now: day(31, 12), Backups: slices.Values([]registry.Backup{made("A", "shop", day(2, 2))}), Expected: nightly})
	if rate, ok := o.SuccessRate(); !ok || rate > 0.04 || o.Missed != 29 {
		t.Errorf("the rate is %v, %d missed", rate, o.Missed)
	}
	// What retention may have removed is no proof that nothing was made.
	kept := []registry.Backup{made("A", "shop", day(1, 2)), made("B", "shop", day(18, 2)), made("C", "shop", day(20, 2))}
	for _, keeps := range []registry.Settings{{RetentionDays: 3}, {MaxBackups: 2}, {RetentionDays: 3, MaxBackups: 2}} {
		if days := missed(Of(Input{Now: day(20, 12), Backups: slices.Values(kept), Expected: nightly, Settings: keeps}).Days); len(days) != 1 || days[0] != "2026-03-19" {
			t.Errorf("with %+v missed days are %v", keeps, days)
		}
	}
	// A canceled one was made, in a way: it counts as neither.
	o = Of(Input{Now: day(13, 12), Backups: slices.Values([]registry.Backup{made("A", "shop", day(12, 2)), made("B", "shop", day(13, 2), canceled)}), Expected: nightly})
	if rate, _ := o.SuccessRate(); rate != 1 || o.Canceled != 1 || len(missed(o.Days)) != 0 {
		t.Errorf("with a canceled one it is %+v", o.Figures)
	}
}

// The strip's days are the reader's: a backup at 23:30 in São Paulo is of that day, not of the next.
func TestZone(t *testing.T) {
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 13, 2, 30, 0, 0, time.UTC) // 12 March, 23:30
	for _, c := range []struct {
		zone *time.Location
		date string
	}{{nil, "2026-03-13"}, {zone, "2026-03-12"}} {
		o := Of(Input{Now: day(13, 12), Zone: c.zone, Backups: slices.Values([]registry.Backup{made("A", "shop", at)})})
		for _, d := range o.Days {
			if d.Succeeded == 1 && d.Date != c.date {
				t.Errorf("it is of %s, want %s", d.Date, c.date)
			}
		}
		if len(o.Days) != Days || o.Succeeded != 1 || o.Days[Days-1].Date != "2026-03-13" {
			t.Errorf("the days are %v", o.Days)
		}
	}
}

func TestFigures(t *testing.T) {
	now := day(31, 12)
	o := Of(Input{Now: now, Backups: slices.Values([]registry.Backup{
		made("A", "shop", now.AddDate(0, 0, -40), sized(1000)),
		made("B", "shop", now.AddDate(0, 0, -29), sized(100)),
		made("C", "shop", now.AddDate(0, 0, -1), sized(300), damaged),
		made("D", "shop", now, failed),
		made("E", "", now, failed, func(b *registry.Backup) { b.Error.Code = fault.BackupCreation }),
		made("F", "log", now, func(b *registry.Backup) { b.Status, b.Size, b.Verification = registry.InProgress, 0, nil }),
		made("G", "log", now.AddDate(0, 0, 3), sized(7)), // a wrong clock
	})})
	if o.Total != 6 || o.Succeeded != 3 || o.Failed != 2 || o.Running != 1 || o.Damaged != 1 || o.Stored != 1407 || o.SuccessBytes != 407 {
		t.Errorf("figures are %+v", o)
	}
	if o.Days[0] != (Day{Date: "2026-03-02", Succeeded: 1, Bytes: 100}) || o.Days[28] != (Day{Date: "2026-03-30", Succeeded: 1, Damaged: 1, Bytes: 300}) ||
		o.Days[29] != (Day{Date: "2026-03-31", Succeeded: 1, Failed: 2, Running: 1, Bytes: 7}) {
		t.Errorf("days are %+v", o.Days)
	}
	if o.Errors["DatabaseConnectionError"] != 1 || o.Errors["BackupCreationError"] != 1 || len(o.Sources) != 2 {
		t.Errorf("errors are %v, sources %d", o.Errors, len(o.Sources))
	}
	if s := o.Source("shop"); s.Backups != 3 || s.Bytes != 1400 || s.LastGood.ID != "B" || s.LastFail.ID != "D" {
		t.Errorf("shop is %+v", s)
	}
	if none := Of(Input{Now: now}); none.State != OK || len(none.Days) != Days || len(none.Sources) != 0 {
		t.Errorf("without backups it is %+v", none)
	}
}

// A source all of whose backups somebody removed is not told any more; one that never had any is.
func TestGivenUp(t *testing.T) {
	gone := source.Record{Name: "gone", FirstSeen: day(1, 2), Identity: source.Identity{Database: "gone", Addresses: []string{"db:5432"}}}
	never := source.Record{Name: "never", FirstSeen: day(1, 2)}
	o := Of(Input{Now: day(28, 12), Sources: []source.Record{gone, never}})
	if len(o.Sources) != 1 || o.Sources[0].Name != "never" || codes(&o.Sources[0]) != "unscheduled/warning" {
		t.Errorf("told are %+v", o.Sources)
	}
	o = Of(Input{Now: day(28, 12), Sources: []source.Record{gone}, Expected: []Expected{{Source: "gone"}}})
	if codes(o.Source("gone")) != "overdue/failing" {
		t.Errorf("one that is expected here: %+v", o.Sources)
	}
}

// Records from before sources were known are shown under the database's name, and said to be what they are.
func TestServerUnknown(t *testing.T) {
	old := made("A", "", day(12, 2), func(b *registry.Backup) { b.Database = "shop" })
	o := Of(Input{Now: day(13, 12), Backups: slices.Values([]registry.Backup{old, made("B", "shop", day(13, 2))})})
	if s := o.Source("shop"); len(o.Sources) != 1 || s.ServerUnknown != 1 || s.Backups != 2 {
		t.Errorf("it is %+v", o.Sources)
	}
}

// However many sources somebody makes up, those of which something is expected stay, and those that are alive.
func TestForemost(t *testing.T) {
	o := Overview{}
	for n := range 100 {
		o.Sources = append(o.Sources, Source{Name: fmt.Sprintf("s%02d", n), Configured: n == 7, LastGood: &Ref{At: time.Unix(int64(n), 0)}})
	}
	o.Sources[99].LastGood = nil
	got := o.Foremost(3)
	if len(got) != 3 || got[0].Name != "s07" || got[1].Name != "s97" || got[2].Name != "s98" {
		t.Errorf("%+v", got)
	}
	if len(o.Foremost(100)) != 100 || o.Sources[0].Name != "s00" {
		t.Error("the overview was changed")
	}
}

// grown makes a backup a day, of sizes and durations (milliseconds) that a function gives.
func grown(days int, now time.Time, of func(day int) (size, duration int64)) (out []registry.Backup) {
	for d := range days {
		out = append(out, made(fmt.Sprintf("%03d", d), "shop", now.Add(time.Duration(d-days)*24*time.Hour), func(b *registry.Backup) {
			b.Size, b.Duration = of(d)
		}))
	}
	return out
}

// TestForecast holds what is foretold against series whose end is known.
func TestForecast(t *testing.T) {
	const gb, minute = int64(1) << 30, int64(60_000)
	now := day(30, 12)
	limits := Limits{Bytes: 50 * gb, Duration: time.Hour}
	jitter := []int64{3, -7, 5, -2, 8, -6, 1, -4}
	for _, c := range []struct {
		name    string
		backups []registry.Backup
		reached string // limits and the days until then
		codes   string
	}{
		{"a gigabyte a day", grown(20, now, func(d int) (int64, int64) { return int64(d+21) * gb, 10 * minute }), "size_limit_near 9", "size_limit_near/warning"},
		{"far away", grown(20, now, func(d int) (int64, int64) { return int64(d)*gb/10 + 30*gb, 10 * minute }), "size_limit_near 180", ""},
		{"slower every day", grown(20, now, func(d int) (int64, int64) { return gb, int64(d+21) * minute }), "time_limit_near 19", "time_limit_near/warning"},
		{"as large as ever", grown(20, now, func(d int) (int64, int64) { return 49*gb + jitter[d%8]*gb/100, 10 * minute }), "", ""},
		{"it gets smaller", grown(20, now, func(d int) (int64, int64) { return int64(49-d) * gb, 10 * minute }), "", ""},
		{"single nights off", grown(20, now, func(d int) (int64, int64) {
			if d%7 == 3 {
				return int64(d+21) * gb, 300 * minute
			}
			return int64(d+21)*gb + jitter[d%8]*gb/50, 10 * minute
		}), "size_limit_near 9", "size_limit_near/warning"},
		{"one night larger at the end", grown(20, now, func(d int) (int64, int64) {
			if d == 19 {
				return 40 * gb, 10 * minute
			}
			return 20 * gb, 10 * minute
		}), "", ""},
		{"too few", grown(6, now, func(d int) (int64, int64) { return int64(d+40) * gb, 10 * minute }), "", ""},
		{"none", nil, "", ""},
		{"beyond it already", grown(20, now, func(d int) (int64, int64) { return int64(d+41) * gb, 10 * minute }), "size_limit_near 0", "size_limit_near/warning"},
		{"stored otherwise since", append(grown(20, now.Add(-24*time.Hour), func(d int) (int64, int64) { return int64(d+21) * gb, 10 * minute }),
			made("999", "shop", now.Add(-time.Hour), func(b *registry.Backup) { b.Size, b.Compression = 45*gb, "none" })), "", ""},
		{"dated in the future", append(grown(20, now, func(d int) (int64, int64) { return 20 * gb, 10 * minute }), made("999", "shop", now.Add(24*time.Hour), sized(90*gb))), "", ""},
	} {
		o := Of(Input{Now: now, Backups: slices.Values(c.backups), Expected: []Expected{{Source: "shop", MaxAge: 48 * time.Hour}}, Limits: limits})
		s := &Source{}
		if len(o.Sources) > 0 {
			s = o.Source("shop")
		}
		var reached, found []string
		if s.Forecast != nil {
			for _, r := range s.Forecast.Reached {
				reached = append(reached, fmt.Sprintf("%s %.0f", r.Limit, r.At.Sub(now).Hours()/24))
			}
		}
		if got := strings.Join(reached, ", "); got != c.reached {
			t.Errorf("%s: limits are reached in days: %q, want %q", c.name, got, c.reached)
		}
		for _, f := range s.Findings {
			if f.Code == SizeLimitNear || f.Code == TimeLimitNear {
				found = append(found, string(f.Code)+"/"+string(f.Severity))
				t.Log(f.Text)
			}
		}
		if got := strings.Join(found, ", "); got != c.codes {
			t.Errorf("%s: found %q, want %q", c.name, got, c.codes)
		}
	}
	// Of what nobody backs up here nothing is foretold.
	o := Of(Input{Now: now, Backups: slices.Values(grown(20, now, func(d int) (int64, int64) { return int64(d+21) * gb, 0 })), Limits: limits})
	if f := o.Source("shop").Forecast; f != nil {
		t.Errorf("a forecast of what nobody backs up: %+v", f)
	}
}
