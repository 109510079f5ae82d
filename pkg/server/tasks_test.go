package server

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/audit"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage/storagetest"
)

// A backup that cannot be removed, for months perhaps, does not keep audit records beyond their time.
func TestCleanupFailsAndRecordsExpire(t *testing.T) {
	store := storagetest.NewLocal(t)
	stuck := storagetest.Faulty(store, func(op, key string) error {
		if op == "before list" && key == registry.IntentsPrefix {
			return fault.New(fault.FileSystem, fault.AccessDenied, "", "no right")
		}
		return nil
	})
	trimmed := 0
	trail := audit.New(store, audit.Options{})
	s := &Server{Config: Config{
		Service: backup.New(backup.Config{Store: stuck, Registry: registry.New(stuck, registry.Options{})}), Audit: trail,
		TrimAudit: func(context.Context) error { trimmed++; return nil },
	}}
	begun, err := s.scheduledCleanup(t.Context(), occasion{due: time.Now(), log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if begun || !fault.HasReason(err, fault.AccessDenied) || trimmed != 1 {
		t.Errorf("begun %t, %v, trimmed %d times", begun, err, trimmed)
	}
	page, err := trail.List(t.Context(), contract.ListAuditParams{})
	if err != nil || len(page.Records) != 1 || page.Records[0].Outcome != contract.AuditOutcomeFailed {
		t.Errorf("%v: %+v", err, page.Records)
	}
}
