package app

import (
	"context"
	"time"

	"cofre/pkg/audit"
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
