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
	})
	if s.Total != 6 || s.Succeeded != 3 || s.Failed != 2 || s.Running != 1 || s.Damaged != 1 || s.StorageUsedBytes != 1407 || *s.SuccessRate != 0.6 {
		t.Errorf("summary is %+v", s)
	}
	if s.AverageDuration != 4000/3 || s.AverageSizeBytes != 407/3 {
		t.Errorf("averages are %d ms and %d bytes", s.AverageDuration, s.AverageSizeBytes)
	}
	if len(s.Trend) != 30 || s.Trend[0] != (contract.DaySummary{Date: "2026-03-02", Succeeded: 1, Bytes: 100}) ||
		s.Trend[29] != (contract.DaySummary{Date: "2026-03-31", Succeeded: 1, Failed: 2, Bytes: 7}) {
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
	if empty := summarize(now, nil); empty.SuccessRate != nil || empty.Errors == nil || empty.Databases == nil || len(empty.Trend) != 30 {
		t.Errorf("without backups it is %+v", empty)
	}
}
