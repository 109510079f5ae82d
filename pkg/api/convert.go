package api

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/wording"
)

// metadata is a record as the contract shows it. What the contract has no field for (causes of errors, what the storage
// service said) stays inside.
func metadata(b backup.Backup) contract.BackupMetadata {
	m := contract.BackupMetadata{
		ID: b.ID, Filename: b.Filename, Filepath: b.Filepath, Size: b.Size, Checksum: b.Checksum,
		CreatedAt: b.CreatedAt, CreatedBy: b.CreatedBy, Status: contract.BackupStatus(b.Status), Outcome: contract.Outcome(b.Outcome), Duration: b.Duration,
		DatabaseVersion: b.DatabaseVersion, SchemaVersion: b.SchemaVersion,
		Source: b.SourceName(), SourceKnown: b.Source != "", Whole: b.Whole(), Part: backup.DescribePart(b),
		Database: b.Database, Format: contract.BackupMetadataFormat(b.Format), Compression: b.Compression,
		Encryption: contract.BackupMetadataEncryption(b.Encryption), Content: contract.BackupMetadataContent(b.Content),
		UncompressedSize: b.UncompressedSize, PgDumpVersion: b.PgDumpVersion, Engine: b.Engine, EngineReason: b.EngineReason, Jobs: b.Jobs, WaitedPercent: b.WaitedPercent,
		Rows: contract.BackupMetadataRows(b.Rows), BinaryTables: b.BinaryTables, TextRows: b.TextRows, Trigger: b.Trigger, Labels: b.Labels,
		Attempt: b.Attempt,
	}
	if s := b.Selection; s != nil {
		m.Selection = contract.Selection{
			Schemas: s.Schemas, ExcludeSchemas: s.ExcludeSchemas, Tables: s.Tables, ExcludeTables: s.ExcludeTables, ExcludeTableData: s.ExcludeTableData,
			TablesAndChildren: s.TablesAndChildren, ExcludeTablesAndChildren: s.ExcludeTablesAndChildren, ExcludeTableDataAndChildren: s.ExcludeTableDataAndChildren,
			Extensions: s.Extensions, ExcludeExtensions: s.ExcludeExtensions, LargeObjects: s.LargeObjects, RowSecurity: s.RowSecurity,
			WithDependencies: s.WithDependencies, Statistics: s.Statistics, ForeignData: s.ForeignData,
		}
	}
	if v := b.Verification; v != nil {
		m.Verification = verification(*v)
	}
	if len(b.Verifications) > 0 {
		m.Verifications = each(b.Verifications, verification)
	}
	if b.Contents != nil {
		m.Contents = contentsSummary(b)
	}
	if g := b.Globals; g != nil {
		m.Globals = contract.GlobalsSummary{Kept: g.Missing == "", Missing: g.Missing, Passwords: g.Passwords, Without: g.Without}
	}
	if s := b.Server; s != nil {
		m.Server = contract.Server{SystemIdentifier: s.SystemIdentifier, Host: s.Host, Port: s.Port, DatabaseOid: int64(s.DatabaseOID)}
	}
	if b.Error != nil {
		m.Error = backupError(*b.Error)
	}
	if l := b.ObjectLock; l != nil {
		m.ObjectLock = contract.ObjectLock{Mode: contract.ObjectLockMode(l.Mode), Until: l.Until}
	}
	if p := b.Pin; p != nil {
		m.Pin = contract.Pin{At: p.At, By: p.By, Until: p.Until, Reason: p.Reason}
	}
	return m
}

func verification(v registry.Verification) contract.Verification {
	return contract.Verification{Ok: v.OK, Level: v.Level, At: v.At, Problems: problems(v.Problems)}
}

// withFate is a record with what becomes of the backup.
func withFate(b backup.Backup, f backup.Fate) contract.BackupMetadata {
	m := metadata(b)
	m.PreviousSize, m.Shrunk = f.PreviousSize, f.Shrunk
	m.Retention = contract.Retention{Removed: f.Remove, Reasons: each(f.Reasons, retentionReason), ExpiresAt: f.ExpiresAt, OnlyVerified: f.OnlyVerified}
	return m
}

// proofAttempt tells of a proof that was asked for; nil is none.
func proofAttempt(a *registry.ProofAttempt) (out contract.ProofAttempt) {
	if a == nil {
		return out
	}
	return contract.ProofAttempt{State: contract.ProofAttemptState(a.State), Step: contract.ProofAttemptStep(a.Step), RequestedBy: a.By, RequestedAt: a.AskedAt,
		BytesRead: a.Read, BytesTotal: a.Total, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Error: errorOf(a.Error)}
}

// withProofs adds to a record what its proofs compared, where, and what became of the user's own checks.
func withProofs(b backup.Backup, m *contract.BackupMetadata) {
	if b.Verification != nil {
		m.Verification.Proof = comparison(b.Verification.Proof)
	}
	for i, v := range b.Verifications {
		m.Verifications[i].Proof = comparison(v.Proof)
	}
}

func comparison(p *registry.Proof) (out contract.Comparison) {
	if p == nil {
		return out
	}
	// Whoever may write to the storage writes any number.
	return contract.Comparison{Tables: max(p.Tables, 0), Rows: max(p.Rows, 0), OfRows: max(p.OfRows, 0), Server: p.Server, Target: p.Target, Isolated: p.Isolated,
		RestoreDuration: max(p.Restore, 0), Without: list(p.Without), LeftOut: max(p.LeftOut, 0), ChecksAsked: max(p.AskedCount, 0), Checks: each(p.Asked, checkResult)}
}

// checkResult leaves out what the check gave, which comes from the database's rows. What cofre does not write is no answer.
func checkResult(c registry.CheckResult) contract.CheckResult {
	switch c.Outcome {
	case registry.CheckPassed, registry.CheckFailed, registry.CheckNotAsked:
	default:
		c.Outcome = registry.CheckUnanswered
	}
	return contract.CheckResult{Name: c.Name, Outcome: contract.CheckResultOutcome(c.Outcome), Expect: c.Expect}
}

func retentionReason(r retention.Reason) contract.RetentionReason {
	return contract.RetentionReason{Code: string(r.Code), Text: r.Text, Nth: r.Nth, Of: r.Of, Period: r.Period}
}

func problems(list []registry.Problem) []contract.IntegrityProblem {
	out := make([]contract.IntegrityProblem, len(list))
	for i, p := range list {
		out[i] = contract.IntegrityProblem{Reason: string(p.Reason), Detail: p.Detail}
	}
	return out
}

func backupError(e registry.Error) contract.BackupError {
	return contract.BackupError{Code: contract.ErrorCode(e.Code), Reason: string(e.Reason), Message: e.Message, Hint: hintOf(e.Hint), Attempts: e.Attempts}
}

func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i := range list {
		out[i] = f(list[i])
	}
	return out
}

// request is the backup that options ask for.
func request(o contract.BackupOptions) (backup.Request, error) {
	r := backup.Request{
		Filename: o.Filename, Directory: o.Directory, Source: o.Source, Database: o.Database, Format: string(o.Format), Compression: o.Compression,
		Jobs: o.Jobs, Rows: string(o.Rows), Encrypt: o.Encrypt, Globals: o.Globals, GlobalsPasswords: o.GlobalsPasswords, Labels: o.Labels, Content: backup.ContentAll, Trigger: backup.TriggerAPI,
		Selection: selection(o.Selection),
	}
	data, schema := o.IncludeData == nil || *o.IncludeData, o.IncludeSchema == nil || *o.IncludeSchema
	switch {
	case !data && !schema:
		return r, refused("Leave one of them true.", "neither data nor schema is to be included, which leaves nothing")
	case !data:
		r.Content = backup.ContentSchema
	case !schema:
		r.Content = backup.ContentData
	}
	if o.Compress == nil {
		return r, nil
	}
	switch none := r.Compression == "none"; {
	case r.Compression == "" && *o.Compress:
		r.Compression = "auto"
	case r.Compression == "":
		r.Compression = "none"
	case none == *o.Compress:
		return r, refused("Use only one of them.", "compress is %t, and compression is %s", *o.Compress, r.Compression)
	}
	return r, nil
}

func selection(s contract.Selection) registry.Selection {
	return registry.Selection{
		Schemas: s.Schemas, ExcludeSchemas: s.ExcludeSchemas, Tables: s.Tables, ExcludeTables: s.ExcludeTables, ExcludeTableData: s.ExcludeTableData,
		TablesAndChildren: s.TablesAndChildren, ExcludeTablesAndChildren: s.ExcludeTablesAndChildren, ExcludeTableDataAndChildren: s.ExcludeTableDataAndChildren,
		Extensions: s.Extensions, ExcludeExtensions: s.ExcludeExtensions, LargeObjects: s.LargeObjects, RowSecurity: s.RowSecurity,
		WithDependencies: s.WithDependencies, Statistics: s.Statistics, ForeignData: s.ForeignData,
	}
}

func refused(hint, format string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput, hint, format, args...)
}

func status(r backup.StatusReport) contract.BackupStatusResponse {
	s := contract.BackupStatusResponse{ID: r.ID, Status: contract.BackupStatusResponseStatus(r.Status), Progress: r.Progress, Message: wording.WithoutCommands(r.Message)}
	if p := r.Detail; p != nil {
		s.Detail = contract.Progress{
			Phase: p.Phase, Attempt: p.Attempt, DumpBytes: p.DumpBytes, Bytes: p.SentBytes, BytesPerSec: max(p.Rate, 0),
			ExpectedBytes: p.Expected, StartedAt: p.StartedAt, UpdatedAt: p.UpdatedAt,
			Engine: p.Engine, EngineReason: p.EngineReason, Jobs: p.Jobs, Pieces: p.Pieces, PiecesWritten: p.Written,
		}
	}
	if r.Backup.Error != nil {
		s.Error = backupError(*r.Backup.Error)
	}
	return s
}

func validation(v backup.Validation) contract.ValidationResponse {
	r := contract.ValidationResponse{
		ID: v.ID, File: v.File, Valid: v.Valid, Level: v.Level, Size: v.Size, Checksum: v.Checksum,
		Problems: problems(v.Problems), Notes: v.Notes, Duration: v.DurationMS,
	}
	if c := v.Contents; c != nil {
		r.Contents = contract.ArchiveContents{
			Kind: fmt.Sprint(c.Kind), ServerVersion: c.ServerVersion, DumpVersion: c.DumpVersion, Entries: c.Entries, Tables: c.Tables,
			LargeObjects: c.LargeObjects, Rows: c.Rows, UncompressedBytes: c.UncompressedBytes,
		}
	}
	if v.Backup != nil {
		r.Backup = metadata(*v.Backup)
	}
	return r
}

func cleanup(r backup.CleanupReport) contract.CleanupResponse {
	return contract.CleanupResponse{
		DryRun: r.DryRun, Removed: each(r.Removed, cleanupItem), Kept: each(r.Kept, cleanupItem), FreedBytes: r.FreedBytes,
		Policy: retentionPolicy(r.Policy), Forecast: retentionForecast(r.Forecast), BilledUntil: r.BilledUntil,
		Leftovers: contract.Leftovers{
			Failed: list(r.Leftovers.Failed), Completed: list(r.Leftovers.Completed), Removed: list(r.Leftovers.Removed), Problems: list(r.Leftovers.Problems),
		},
		Failures: each(r.Failures, func(f backup.CleanupFailure) contract.CleanupFailure {
			return contract.CleanupFailure{ID: f.ID, Error: backupError(*f.Error)}
		}),
	}
}

func retentionPolicy(p retention.Policy) contract.RetentionPolicy {
	out := contract.RetentionPolicy{KeepDays: p.KeepDays, MaxBackups: p.MaxBackups, MaxTotalBytes: p.MaxTotalBytes, Keep: keepers(p.Keep)}
	for _, name := range slices.Sorted(maps.Keys(p.Sources)) {
		own := p.Sources[name]
		out.Sources = append(out.Sources, contract.SourceRetention{Source: name, KeepDays: own.KeepDays, MaxBackups: own.MaxBackups, Keep: keepers(own.Keep)})
	}
	return out
}

// retentionForecast is what a dry run for a day to come foretold; nil is none.
func retentionForecast(f *backup.RetentionForecast) (out contract.RetentionForecast) {
	if f == nil {
		return out
	}
	out.At = f.At
	out.Points = each(f.Points, func(p retention.Point) contract.RetentionForecastPoint {
		return contract.RetentionForecastPoint{At: p.At, Backups: p.Backups, Bytes: p.Bytes, Removed: len(p.Removed)}
	})
	out.Cadences = each(f.Cadences, func(c backup.Cadence) contract.RetentionCadence {
		return contract.RetentionCadence{Source: c.Source, Schedule: c.Schedule, EverySeconds: int64(c.Every / time.Second), Coming: c.Coming}
	})
	return out
}

func keepers(k retention.Keepers) contract.Keepers {
	if k.Empty() {
		return contract.Keepers{}
	}
	return contract.Keepers{Last: k.Last, WithinHours: k.WithinHours, Hourly: k.Hourly, Daily: k.Daily, Weekly: k.Weekly, Monthly: k.Monthly, Yearly: k.Yearly,
		Labels: k.Labels, Zone: k.Calendar().String()}
}

func cleanupItem(it backup.CleanupItem) contract.CleanupItem {
	return contract.CleanupItem{Backup: metadata(it.Backup), Reasons: each(it.Reasons, retentionReason)}
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
