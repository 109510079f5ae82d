package app

import (
	"context"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/audit"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// auditRetention is how long audit records are kept; 0 is for ever.
func (c Config) auditRetention() time.Duration {
	return time.Duration(c.AuditRetentionDays) * 24 * time.Hour
}

// TrimAudit removes the audit records that are older than BACKUP_AUDIT_LOG_RETENTION_DAYS.
func (a *App) TrimAudit(ctx context.Context) (audit.TrimReport, error) {
	keep := a.config.auditRetention()
	if keep == 0 {
		return audit.TrimReport{}, nil
	}
	return a.Audit.Trim(ctx, time.Now().Add(-keep))
}

// removalFinished records that a removal was finished whose process had died.
func (a *App) removalFinished(ctx context.Context, b backup.Backup, by string) error {
	return api.RecordFinishedRemoval(ctx, a.Audit, b, by)
}

// restoreEnded records how a restore ended.
func (a *App) restoreEnded(ctx context.Context, x registry.Restore, was registry.RestoreState) {
	api.RecordRestoreEnded(ctx, a.Audit, x, was, a.log)
	a.Service.TellRestore(x)
}

// makeRoom is a cleanup that a backup asked for, since the quota was full.
func (a *App) makeRoom(ctx context.Context, by string) (int, error) {
	rep, err := a.Service.Cleanup(ctx, backup.CleanupOptions{By: by})
	if err != nil || rep.RemovedCount > 0 || len(rep.Failures) > 0 {
		api.RecordRoomMade(ctx, a.Audit, by, rep, a.log, err)
	}
	return rep.RemovedCount, err
}
