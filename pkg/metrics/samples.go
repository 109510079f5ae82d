package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
)

// Ended gives the samples of a backup that has ended; err is why it failed, nil when it did not. A failed one gives a
// success of 0 and a successful one a failure of 0, so that both are there to draw and to alarm on.
func Ended(b registry.Backup, err error) []Sample {
	db, name := cmp.Or(b.Database, unknown), cmp.Or(b.SourceName(), unknown)
	if err != nil && b.Ended() == registry.Canceled {
		return nil // neither good nor bad
	}
	if err != nil {
		return []Sample{BackupSuccess.Of(0, name, db), BackupFailure.Of(1, name, db), Errors.Of(1, string(fault.From(err).Code))}
	}
	seconds := float64(b.Duration) / 1000
	out := []Sample{
		BackupSuccess.Of(1, name, db), BackupFailure.Of(0, name, db), BackupDuration.Of(seconds, name, db), BackupBytes.Of(float64(b.Size), name, db),
	}
	if b.Duration > 0 {
		out = append(out, BackupRate.Of(float64(b.Size)/seconds, name, db))
	}
	if b.UncompressedSize > 0 && b.Size > 0 {
		out = append(out, CompressionRatio.Of(float64(b.UncompressedSize)/float64(b.Size), name, db))
	}
	return out
}

// unknown labels what failed before anybody knew its source.
const unknown = "unknown"

// State gives the samples of how it stands with everything. quota is that of all backups in bytes; 0 is none.
func State(o overview.Overview, quota int64) []Sample {
	out := []Sample{StorageUsed.Of(float64(o.Stored)), Damaged.Of(float64(o.Damaged))}
	for _, status := range slices.Sorted(maps.Keys(o.ByState)) {
		out = append(out, Backups.Of(float64(o.ByState[status]), string(status)))
	}
	if quota > 0 {
		out = append(out, StorageQuota.Of(float64(quota)))
	}
	if !o.LastCleanup.IsZero() {
		out = append(out, LastCleanup.Of(seconds(o.LastCleanup)))
	}
	var next time.Time
	sources := o.Foremost(overview.Shown)
	for i := range sources {
		s := &sources[i]
		out = append(out, sourceState(s, o.At)...)
		if due := s.NextDue; !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	if !next.IsZero() {
		out = append(out, NextBackup.Of(seconds(next)))
	}
	return out
}

func sourceState(s *overview.Source, now time.Time) []Sample {
	name, db := s.Name, cmp.Or(s.Database, unknown)
	state := map[overview.State]float64{overview.OK: 0, overview.Warning: 1, overview.Failing: 2}[s.State]
	out := []Sample{
		SourceState.Of(state, name, db), Overdue.Of(flag(s.Overdue), name, db), Missed.Of(float64(s.Missed), name, db),
		Shrunk.Of(flag(s.Shrunk != nil), name, db), OnlyParts.Of(flag(s.OnlyParts), name, db), ProofFailed.Of(flag(s.LastDisproven != nil), name, db),
	}
	lost := 0
	if s.RowsLost != nil {
		lost = s.RowsLost.Tables
	}
	out = append(out, TablesLostRows.Of(float64(lost), name, db))
	if s.LastWhole != nil {
		out = append(out, LastGoodBackupAge.Of(max(0, now.Sub(s.LastWhole.At).Seconds()), name, db))
	}
	if age, ok := s.ProofAge(); ok {
		out = append(out, LastProofAge.Of(age.Seconds(), name, db))
	}
	if p := s.LastFullyProven; p != nil {
		out = append(out, LastFullProofAge.Of(max(0, now.Sub(p.Proof).Seconds()), name, db))
	}
	if !s.FailingSince.IsZero() {
		out = append(out, FailingSince.Of(seconds(s.FailingSince), name, db))
	}
	return out
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
