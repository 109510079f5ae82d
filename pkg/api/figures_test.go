package api

import (
	"testing"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

func TestSummarize(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	verified, damaged := &registry.Verification{OK: true}, &registry.Verification{OK: false}
	s := summarize(now, []registry.Backup{
		{ID: "A", Database: "shop", Status: registry.Success, CreatedAt: ago(40), Size: 1000, Duration: 9999, Verification: verified},
		{ID: "B", Database: "shop", Status: registry.Success, CreatedAt: ago(29), Size: 100, Duration: 1000, Verification: verified},
		{ID: "C", Database: "shop", Status: registry.Success, CreatedAt: ago(1), Size: 300, Duration: 3000, Verification: damaged},
		{ID: "D", Database: "shop", Status: registry.Failed, CreatedAt: ago(0), Error: &registry.Error{Code: fault.BackupCreation}},
		{ID: "E", Database: "", Status: registry.Failed, CreatedAt: ago(0), Error: &registry.Error{Code: fault.DatabaseConnection}},
		{ID: "F", Database: "log", Status: registry.InProgress, CreatedAt: now},
		{ID: "G", Database: "log", Status: registry.Success, CreatedAt: now.AddDate(0, 0, 3), Size: 7, Verification: verified}, // a wrong clock
	}, "", plan{})
	if s.Total != 6 || s.Succeeded != 3 || s.Failed != 2 || s.Running != 1 || s.Damaged != 1 || s.StorageUsedBytes != 1407 || *s.SuccessRate != 0.6 {
		t.Errorf("summary is %+v", s)
	}
	if s.AverageDuration != 4000/3 || s.AverageSizeBytes != 407/3 {
		t.Errorf("averages are %d ms and %d bytes", s.AverageDuration, s.AverageSizeBytes)
	}
	if len(s.Trend) != 30 || s.Trend[0] != (contract.DaySummary{Date: "2026-03-02", Succeeded: 1, Bytes: 100}) ||
		s.Trend[28] != (contract.DaySummary{Date: "2026-03-30", Succeeded: 1, Damaged: 1, Bytes: 300}) ||
		s.Trend[29] != (contract.DaySummary{Date: "2026-03-31", Succeeded: 1, Failed: 2, Running: 1, Bytes: 7}) {
		t.Errorf("trend is %+v", s.Trend)
	}
	if len(s.Errors) != 2 || s.Errors[0].Code != "BackupCreationError" || s.Errors[0].Count != 1 {
		t.Errorf("errors are %+v", s.Errors)
	}
	if len(s.Databases) != 2 {
		t.Fatalf("databases are %+v", s.Databases)
	}
	shop := s.Databases[1]
	if shop.Database != "shop" || shop.Backups != 3 || shop.Bytes != 1400 || shop.LastSuccessID != "B" || *shop.LastSuccessAge != 29*86400 || !shop.LastFailureAt.Equal(ago(0)) {
		t.Errorf("shop is %+v", shop)
	}
	if log := s.Databases[0]; *log.LastSuccessAge != 0 || log.LastSuccessID != "G" {
		t.Errorf("log is %+v", log)
	}
	if empty := summarize(now, nil, "", plan{}); empty.SuccessRate != nil || empty.Errors == nil || empty.Databases == nil || len(empty.Trend) != 30 {
		t.Errorf("without backups it is %+v", empty)
	}
}

// daily is a schedule: every day at two in the morning.
type daily struct{}

func (daily) Next(after time.Time) time.Time {
	at := after.UTC().Truncate(24 * time.Hour).Add(2 * time.Hour)
	if !at.After(after) {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

func (daily) String() string { return "0 2 * * *" }

func TestOverdue(t *testing.T) {
	day := func(d, hour int) time.Time { return time.Date(2026, 3, d, hour, 0, 0, 0, time.UTC) }
	good := &registry.Verification{OK: true}
	backups := []registry.Backup{
		{ID: "A", Database: "shop", Status: registry.Success, CreatedAt: day(10, 2), Verification: good},
		{ID: "B", Database: "shop", Status: registry.Failed, CreatedAt: day(12, 2)},
		{ID: "C", Database: "log", Status: registry.Success, CreatedAt: day(13, 2), Verification: good},
	}
	overdue := func(s contract.MetricsSummary) (days []string) {
		for _, d := range s.Trend {
			if d.Overdue {
				days = append(days, d.Date)
			}
		}
		return days
	}
	s := summarize(day(13, 12), backups, "shop", plan{Schedule: daily{}, database: "shop"})
	if days := overdue(s); len(days) != 3 || days[0] != "2026-03-11" || days[2] != "2026-03-13" {
		t.Errorf("overdue days of shop are %v", days)
	}
	if !s.Overdue || s.Schedule != "0 2 * * *" || !s.NextScheduledAt.Equal(day(14, 2)) || s.Databases[0].Overdue || !s.Databases[1].Overdue {
		t.Errorf("summary is %+v", s)
	}
	if s.Total != 2 || s.Succeeded != 1 || len(s.Databases) != 2 {
		t.Errorf("of shop alone it is %+v", s)
	}
	// All databases together: log's backup takes nothing off shop's days, and a success of shop with a clock ahead is today's.
	if s := summarize(day(13, 12), backups, "", plan{Schedule: daily{}, database: "shop"}); len(overdue(s)) != 3 || s.Trend[29].Succeeded != 1 || !s.Overdue {
		t.Errorf("overdue days of all are %v", overdue(s))
	}
	ahead := append(backups[:3:3], registry.Backup{ID: "E", Database: "shop", Status: registry.Success, CreatedAt: day(15, 2), Verification: good})
	if s := summarize(day(13, 12), ahead, "", plan{Schedule: daily{}, database: "shop"}); len(overdue(s)) != 2 {
		t.Errorf("overdue days with a clock ahead are %v", overdue(s))
	}
	// A backup takes its time: an hour later it is missed, not before. And nothing is before the first one ever.
	if s := summarize(day(14, 2).Add(30*time.Minute), backups[2:], "", plan{Schedule: daily{}, database: "log"}); s.Overdue || len(overdue(s)) != 0 {
		t.Errorf("half an hour after its time it is %+v", s)
	}
	if s := summarize(day(14, 4), backups[2:], "", plan{Schedule: daily{}, database: "log"}); !s.Overdue || len(overdue(s)) != 1 {
		t.Errorf("two hours after its time it is %+v", s)
	}
	// What retention may have removed is no proof that nothing was made: an old backup that is kept longer makes no overdue days.
	kept := []registry.Backup{
		{ID: "A", Database: "shop", Status: registry.Success, CreatedAt: day(1, 2), Verification: good}, // labelled, say
		{ID: "B", Database: "shop", Status: registry.Success, CreatedAt: day(18, 2), Verification: good},
		{ID: "C", Database: "shop", Status: registry.Success, CreatedAt: day(20, 2), Verification: good},
	}
	for _, keeps := range []registry.Settings{{RetentionDays: 3}, {MaxBackups: 2}, {RetentionDays: 3, MaxBackups: 2}} {
		if days := overdue(summarize(day(20, 12), kept, "", plan{daily{}, "shop", keeps})); len(days) != 1 || days[0] != "2026-03-19" {
			t.Errorf("with %+v overdue days are %v", keeps, days)
		}
	}
	// Nobody scheduled log: one backup that somebody asked for makes no duty.
	if s := summarize(day(20, 12), append(backups, registry.Backup{ID: "D", Database: "shop", Status: registry.Success, CreatedAt: day(20, 2), Verification: good}), "", plan{Schedule: daily{}, database: "shop"}); s.Overdue || s.Databases[0].Overdue {
		t.Errorf("with another database than the scheduled one it is %+v", s)
	}
	if s := summarize(day(20, 12), backups, "log", plan{Schedule: daily{}, database: "shop"}); s.Overdue || len(overdue(s)) != 0 || !s.Databases[1].Overdue {
		t.Errorf("of log alone it is %+v", s)
	}
	if s := summarize(day(14, 4), nil, "", plan{Schedule: daily{}, database: "shop"}); s.Overdue || len(overdue(s)) != 0 {
		t.Errorf("without a backup ever it is %+v", s)
	}
}
