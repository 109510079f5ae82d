package api

import (
	"context"
	"net/http"
	"strings"

	"cofre/pkg/api/contract"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Units of the design document's limits, in bytes.
const (
	gigabyte = 1 << 30
	megabyte = 1 << 20
)

func (a *API) settings(ctx context.Context, c *call) (answer, error) {
	s, err := a.Service.Settings(ctx)
	if err != nil {
		return answer{}, err
	}
	return a.settingsAnswer(ctx, s)
}

// settingsAnswer carries the version of the settings, for If-Match.
func (a *API) settingsAnswer(ctx context.Context, s registry.Settings) (answer, error) {
	all, err := a.Service.Sources(ctx)
	if err != nil {
		return answer{}, err
	}
	out := ok(a.settingsResponse(s, all))
	out.header = http.Header{}
	out.header.Set("ETag", `"`+s.Version()+`"`)
	return out, nil
}

// saveSettings replaces the settings. What changed stands in the audit trail.
func (a *API) saveSettings(ctx context.Context, c *call) (answer, error) {
	var params contract.PutSettingsParams
	var body contract.Settings
	if err := c.read(&params, &body); err != nil {
		return answer{}, err
	}
	s := registry.Settings{MaxBackups: body.MaxBackups, RetentionDays: body.RetentionDays, DefaultDirectory: body.DefaultDirectory}
	c.note("max_backups", number(s.MaxBackups))
	c.note("retention_days", number(s.RetentionDays))
	c.note("default_directory", s.DefaultDirectory)
	s, err := a.Service.SaveSettings(ctx, s, c.caller.Name, expected(params.IfMatch))
	if err != nil {
		return answer{}, err
	}
	return a.settingsAnswer(ctx, s)
}

// expected reads If-Match (RFC 9110, 13.1.1): nil when any settings will do. A proxy that compresses answers makes ETags
// weak; they count all the same, because they name the settings and not the bytes of an answer.
func expected(ifMatch string) func(registry.Settings) bool {
	if ifMatch == "" || strings.TrimSpace(ifMatch) == "*" {
		return nil
	}
	return func(s registry.Settings) bool {
		for tag := range strings.SplitSeq(ifMatch, ",") {
			if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == `"`+s.Version()+`"` {
				return true
			}
		}
		return false
	}
}

func (a *API) settingsResponse(s registry.Settings, all source.List) contract.SettingsResponse {
	l, d := a.Service.Limits, a.Service.Defaults
	database, schedule := "", ""
	if own, found := all.Find(all.Default); found {
		if a.Service.Engine != nil {
			database = a.Service.Engine.Database(own)
		}
		if plan, planned, _ := own.Plan(); planned && !own.Paused {
			schedule = plan.String()
		}
	}
	return contract.SettingsResponse{
		Settings: contract.Settings{MaxBackups: s.MaxBackups, RetentionDays: s.RetentionDays, DefaultDirectory: s.DefaultDirectory},
		Limits: contract.Limits{
			MaxConcurrent: l.MaxConcurrent, MaxBackupsPerUser: l.MaxBackupsPerUser,
			MaxConcurrentPerUser: l.MaxConcurrentPerUser, MaxRequestsPerMinute: a.Limits.MaxRequestsPerMinute,
			MaxBackupSizeGB: float64(l.MaxBackupBytes) / gigabyte, MaxStorageSizeGB: float64(l.MaxTotalBytes) / gigabyte,
			MaxDurationSeconds: int(l.MaxDuration.Seconds()),
			AllowedDirectories: list(l.AllowedDirectory), Compress: d.Compress, CompressionThresholdMB: float64(l.CompressThreshold) / megabyte,
			EncryptBackups: d.Encrypt, AuditLogRetentionDays: a.Limits.AuditLogRetentionDays, AutoCleanupEnabled: a.Limits.AutoCleanupEnabled,
			CleanupSchedule: a.Limits.CleanupSchedule, BackupSchedule: schedule, Database: database, Source: all.Default,
		},
	}
}
