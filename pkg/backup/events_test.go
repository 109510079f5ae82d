package backup

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
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
	}
	o := overview.Overview{Stored: 900, Sources: []overview.Source{
		{Name: "shop", Configured: true, Failures: 3, RowsLost: &overview.RowsLost{Tables: 2, Worst: []registry.RowsLost{{Table: "app.orders"}}}, Findings: findings},
		{Name: "other", Findings: findings[:1]},
	}}
	held, covers := s.Conditions(o)
	want := []event.Condition{
		{Kind: event.BackupFailed, Source: "shop", Severity: event.Critical, Since: at, Resource: "b", Count: 3, Reason: "port_refused", Detail: "refused"},
		{Kind: event.RowsLost, Source: "shop", Severity: event.Warning, Once: "c", Resource: "c", Count: 2, Target: "app.orders"},
		{Kind: event.QuotaNear, Severity: event.Warning, Bytes: 900, Limit: 1000},
	}
	if !reflect.DeepEqual(held, want) || !covers("shop") || covers("other") || !covers("") {
		t.Errorf("%+v", held)
	}
	o.Stored = 980
	if held, _ := s.Conditions(o); held[2].Severity != event.Critical {
		t.Errorf("%+v", held[2])
	}
	o.Stored = 899
	if held, _ := s.Conditions(o); len(held) != 2 {
		t.Errorf("%+v", held)
	}
	if _, covers := New(Config{}).Conditions(o); covers("") {
		t.Error("who has no quota says that it is not full")
	}
	o.Days = []overview.Day{{Succeeded: 50}, {Succeeded: 24, Failed: 1, Missed: 2, Interrupted: 3}, {Succeeded: 7}}
	if sum := Summary(o, want, event.Daily); sum.Succeeded != 24 || sum.Failed != 6 || len(sum.Open) != 3 || sum.Sources != 2 || sum.Bytes != 899 {
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
		"a good backup":    {func(s *Service) { s.tellEnded(good, nil) }, "backup_ended shop b 7 ", 1},
		"a failed one":     {func(s *Service) { s.tellEnded(Backup{Status: registry.Failed}, refused) }, "", 1},
		"somebody else's":  {func(s *Service) { s.tellEnded(good, fault.New(fault.Validation, fault.Busy, "", "")) }, "", 0},
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
