package metrics

import (
	"maps"
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
)

// Ended gives the samples of a backup that has ended; err is why it failed, nil when it did not. A failed one gives a
// success of 0 and a successful one a failure of 0, so that both are there to draw and to alarm on.
func Ended(b registry.Backup, err error) []Sample {
	db := b.Database
	if db == "" {
		db = unknownDatabase
	}
	if err != nil {
		return []Sample{BackupSuccess.Of(0, db), BackupFailure.Of(1, db), Errors.Of(1, string(fault.From(err).Code))}
	}
	seconds := float64(b.Duration) / 1000
	out := []Sample{
		BackupSuccess.Of(1, db), BackupFailure.Of(0, db), BackupDuration.Of(seconds, db), BackupBytes.Of(float64(b.Size), db),
	}
	if b.Duration > 0 {
		out = append(out, BackupRate.Of(float64(b.Size)/seconds, db))
	}
	if b.UncompressedSize > 0 && b.Size > 0 {
		out = append(out, CompressionRatio.Of(float64(b.UncompressedSize)/float64(b.Size), db))
	}
	return out
}

// unknownDatabase labels what failed before anybody knew its database.
const unknownDatabase = "unknown"

// Expectation is what State compares the backups with.
type Expectation struct {
	Database   string                                 // the one that is backed up by schedule; "" is none
	Schedule   interface{ Next(time.Time) time.Time } // nil is none
	QuotaBytes int64                                  // of all backups; 0 is none
}

// State gives the samples of the state of all backups.
func State(now time.Time, x *registry.Index, e Expectation) []Sample {
	counts := map[registry.Status]int{registry.Success: 0, registry.Failed: 0, registry.InProgress: 0}
	newest := map[string]time.Time{}
	var used int64
	damaged := 0
	var first time.Time // sign of the expected database
	for i := range x.Backups {
		b := &x.Backups[i]
		counts[b.Status]++
		used += b.Size
		if b.Damaged() {
			damaged++
		}
		if b.Verified() && b.CreatedAt.After(newest[b.Database]) {
			newest[b.Database] = b.CreatedAt
		}
		if b.Database == e.Database && (first.IsZero() || b.CreatedAt.Before(first)) {
			first = b.CreatedAt
		}
	}
	out := []Sample{StorageUsed.Of(float64(used)), Damaged.Of(float64(damaged))}
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, Backups.Of(float64(counts[status]), string(status)))
	}
	for _, db := range slices.Sorted(maps.Keys(newest)) {
		out = append(out, LastGoodBackupAge.Of(max(0, now.Sub(newest[db]).Seconds()), db))
	}
	if e.QuotaBytes > 0 {
		out = append(out, StorageQuota.Of(float64(e.QuotaBytes)))
	}
	if x.LastCleanup != nil {
		out = append(out, LastCleanup.Of(seconds(*x.LastCleanup)))
	}
	if e.Schedule == nil {
		return out
	}
	if next := schedule.Upcoming(e.Schedule, x.LastScheduled(e.Database, now), now); !next.IsZero() {
		out = append(out, NextBackup.Of(seconds(next)))
	}
	if e.Database != "" && !first.IsZero() {
		last := newest[e.Database]
		if last.IsZero() { // none ever succeeded: counted from the first attempt
			last = first
		}
		out = append(out, Overdue.Of(flag(schedule.Missed(e.Schedule, last, now)), e.Database))
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
