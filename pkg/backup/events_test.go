package backup

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// told notes events.
type told struct {
	events []event.Event
	looks  int
}

func (t *told) Tell(e event.Event) { t.events = append(t.events, e) }
func (t *told) Look()              { t.looks++ }

// What lasts is taken from an overview: of the sources that are configured here, and of no others.
func TestConditions(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	s := New(Config{Limits: Limits{MaxTotalBytes: 1000}})
	findings := []overview.Finding{
		{Code: overview.Failures, Severity: overview.Failing, Since: at, Backup: "b", Error: &registry.Error{Reason: fault.PortRefused, Message: "refused"}},
		{Code: overview.TablesLost, Severity: overview.Warning, Backup: "c"}, {Code: overview.NotCounted, Severity: overview.Warning},
		{Code: overview.NotProvable, Severity: overview.Warning, Backup: "d", Text: "they are scripts"},
	}
	o := overview.Overview{Stored: 900, Sources: []overview.Source{
		{Name: "shop", Configured: true, Failures: 3, RowsLost: &overview.RowsLost{Tables: 2, Worst: []registry.RowsLost{{Table: "app.orders"}}}, Findings: findings},
		{Name: "other", Findings: findings[:1]},
	}}
	o.At = at.Add(time.Hour)
	refused := fault.New(fault.DatabaseConnection, fault.PortRefused, "", "refused")
	o.Followed = []source.Followed{{Source: "names", LeftOut: []source.LeftOut{{Database: "tpl", Why: "a template"}, {Database: "A", Why: "as a", Conflict: true}}}, {Source: "well"},
		{Source: "away", Err: refused, Since: at}, {Source: "a moment", Err: refused, Since: o.At.Add(-time.Minute)}, {Source: "paused", Err: refused, Since: at, Paused: true}}
	held, covers := s.Conditions(o)
	want := []event.Condition{
		{Kind: event.BackupFailed, Source: "shop", Severity: event.Critical, Since: at, Resource: "b", Count: 3, Reason: "port_refused", Detail: "refused"},
		{Kind: event.RowsLost, Source: "shop", Severity: event.Warning, Once: "c", Resource: "c", Count: 2, Target: "app.orders"},
		{Kind: event.NotProven, Source: "shop", Severity: event.Warning, Resource: "d", Detail: "they are scripts"},
		{Kind: event.BackupFailed, Source: "names", Severity: event.Warning, Detail: "databases that are not backed up because of their names: A (as a)"},
		{Kind: event.BackupFailed, Source: "away", Severity: event.Warning, Since: at, Detail: `the server of source "away" cannot be asked which databases it has: refused`},
		{Kind: event.QuotaNear, Severity: event.Warning, Bytes: 900, Limit: 1000},
	}
	if !reflect.DeepEqual(held, want) || !covers("shop") || covers("other") || !covers("well") || !covers("") {
		t.Errorf("%+v", held)
	}
	o.Stored = 980
	if held, _ := s.Conditions(o); held[5].Severity != event.Critical {
		t.Errorf("%+v", held[5])
	}
	o.Stored = 899
	if held, _ := s.Conditions(o); len(held) != 5 {
		t.Errorf("%+v", held)
	}
	if _, covers := New(Config{}).Conditions(o); covers("") {
		t.Error("who has no quota says that it is not full")
	}
	o.Days = []overview.Day{{Succeeded: 50}, {Succeeded: 24, Failed: 1, Missed: 2, Interrupted: 3}, {Succeeded: 7}}
	if sum := Summary(o, want, event.Daily); sum.Succeeded != 24 || sum.Failed != 6 || len(sum.Open) != 6 || sum.Sources != 2 || sum.Bytes != 899 {
		t.Errorf("%+v", sum)
	}
	if sum := Summary(o, nil, event.Weekly); sum.Succeeded != 74 {
		t.Errorf("%+v", sum)
	}
}

// What happens once: which ends are told, and how.
func TestWhatIsTold(t *testing.T) {
	refused := fault.New(fault.Permission, fault.AccessDenied, "", "no right to remove")
	stopped := fault.New(fault.Canceled, "", "", "stopped")
	good := Backup{ID: "b", Source: "shop", Status: registry.Success, Size: 7, Duration: 8, CreatedBy: "ana"}
	for name, c := range map[string]struct {
		do    func(s *Service)
		want  string
		looks int
	}{
		"a good backup": {func(s *Service) { s.tellEnded(source.Settings{}, good, nil) }, "backup_ended shop b 7 ", 1},
		"a failed one":  {func(s *Service) { s.tellEnded(source.Settings{}, Backup{Status: registry.Failed}, refused) }, "", 1},
		"somebody else's": {func(s *Service) {
			s.tellEnded(source.Settings{}, good, fault.New(fault.Validation, fault.Busy, "", ""))
		}, "", 0},
		"a restore":        {func(s *Service) { s.TellRestore(registry.Restore{ID: "r", State: registry.RestoreSucceeded}) }, "restore_ended  r 0 ", 0},
		"a failed restore": {func(s *Service) { s.tellRestored(event.Event{Source: "shop"}, refused) }, "restore_failed shop  0 no right to remove", 0},
		"a stopped one":    {func(s *Service) { s.tellRestored(event.Event{}, stopped) }, "", 0},
		"a cleanup":        {func(s *Service) { s.tellCleanup(CleanupReport{RemovedCount: 9, KeptCount: 1}, nil) }, "", 1},
		"much removed":     {func(s *Service) { s.tellCleanup(CleanupReport{RemovedCount: 11, KeptCount: 10}, nil) }, "cleanup_odd   0 11 backups were removed, and 10 are left", 1},
		"little of much":   {func(s *Service) { s.tellCleanup(CleanupReport{RemovedCount: 11, KeptCount: 12}, nil) }, "", 1},
		"not removed": {func(s *Service) {
			s.tellCleanup(CleanupReport{Failures: []CleanupFailure{{"x", registry.ErrorOf(refused)}}}, nil)
		}, "cleanup_odd  x 0 1 backups could not be removed; the first: no right to remove", 1},
		"a failed cleanup": {func(s *Service) { s.tellCleanup(CleanupReport{}, errors.Join(refused)) }, "cleanup_odd   0 no right to remove", 1},
	} {
		got := &told{}
		c.do(New(Config{Events: got}))
		text := ""
		for _, e := range got.events {
			text += fmt.Sprintf("%s %s %s %d %s", e.Kind, e.Source, e.Resource, e.Bytes, e.Detail)
		}
		if text != c.want || got.looks != c.looks {
			t.Errorf("%s: %q, %d looks", name, text, got.looks)
		}
		c.do(New(Config{})) // where nobody is told
	}
}

// Several databases of one server that are ill in one way are one condition, of all of them; what is of one backup stays apart.
func TestTogether(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	o := overview.Overview{Followed: []source.Followed{{Source: "main"}, {Source: "main/x"}}}
	add := func(name string, since time.Time, severity overview.State) {
		o.Sources = append(o.Sources, overview.Source{Name: name, Configured: true, Findings: []overview.Finding{
			{Code: overview.Failures, Severity: severity, Since: since, Backup: name, Error: &registry.Error{Message: "refused"}}, {Code: overview.BackupShrunk, Severity: overview.Warning, Backup: name}}})
	}
	for _, name := range []string{"main/d", "main/b", "main/a", "main/c", "main/x/1", "main/x/2", "main/x/3", "blog"} {
		add(name, at, overview.Warning)
	}
	o.Sources[2].Findings[0].Severity, o.Sources[2].Findings[0].Since = overview.Failing, at.Add(-time.Hour)
	held, covers := New(Config{}).Conditions(o)
	failed := map[string]event.Condition{}
	for _, c := range held {
		if c.Kind == event.BackupFailed {
			failed[c.Source] = c
		}
	}
	want := event.Condition{Kind: event.BackupFailed, Source: "main", Severity: event.Critical, Since: at.Add(-time.Hour), Count: 4, Members: []string{"main/a", "main/b", "main/c", "main/d"}, Detail: "4 databases: main/a, main/b, main/c, main/d; main/d: refused"}
	if len(held) != 8+5 || len(failed) != 5 || !reflect.DeepEqual(failed["main"], want) || failed["main/x/1"].Group != "main/x" || failed["blog"].Group != "" || !covers("main") || !covers("main/a") {
		t.Errorf("%+v", held)
	}

	// Those that went together are one piece of news; what went at another time is another one.
	o.Sources = nil
	for i, name := range []string{"main/a", "main/b", "main/c", "main/d", "main/e"} {
		since := at
		if i == 4 {
			since = at.Add(time.Hour)
		}
		o.Sources = append(o.Sources, overview.Source{Name: name, Vanished: since, Findings: []overview.Finding{
			{Code: overview.Gone, Severity: overview.Warning, Since: since, Text: "gone"}, {Code: overview.Failures, Severity: overview.Warning, Backup: name}}})
	}
	o.Sources = append(o.Sources, overview.Source{Name: "elsewhere/a", Vanished: at, Findings: []overview.Finding{{Code: overview.Gone, Severity: overview.Warning, Since: at}}})
	held, covers = New(Config{}).Conditions(o)
	slices.SortFunc(held, func(x, y event.Condition) int { return strings.Compare(x.Source, y.Source) })
	if len(held) != 2 || held[0].Source != "main" || held[0].Count != 4 || held[0].Once == "" || held[1].Source != "main/e" || held[1].Kind != event.Vanished || held[1].Once == held[0].Once || covers("main/a") {
		t.Errorf("%+v", held)
	}
}
