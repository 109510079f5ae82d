package app

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"

	"cofre/pkg/archive"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Restore implements backup.Engine. Into an empty database an archive goes in several sessions, tables and indexes at
// the same time; with Clean, or from a stream that cannot be read by parts, in one.
func (e *engine) Restore(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, error) {
	t, err := postgres.ParseTarget(o.URL, e.c.getenv)
	if err != nil {
		return backup.RestoreReport{}, err
	}
	rep := backup.RestoreReport{Database: t.Database(), Host: t.Host()}
	tool, err := e.find(ctx, 0)
	if err != nil {
		return rep, err
	}
	ro := pgdump.RestoreOptions{
		Target: t, Format: pgdump.Format(o.Format), Create: o.Create, Locale: postgres.LocaleChoice(o.Locale), MustBeEmpty: !o.Clean,
		Clean: o.Clean, Cascade: o.Cascade, NoOwner: o.NoOwner, NoPrivileges: o.NoPrivileges, Retries: e.retries(), Verbose: o.Log, Remark: o.Remark,
		Adaptation: pgdump.Adaptation(o.Adaptation), DisableTriggers: o.DisableTriggers, KeepGoing: o.KeepGoing, Timeout: o.Timeout, LockWaitTimeout: e.c.LockWaitTimeout,
	}
	if o.Format == backup.FormatCustom && !o.Clean {
		if ro.Jobs = o.Jobs; ro.Jobs == 0 {
			ro.Jobs = min(max(runtime.NumCPU(), 1), 8)
		}
	}
	r, err := openRestore(ctx, &ro, in)
	if err != nil {
		return rep, err
	}
	defer r.Close()
	done, err := tool.client.Restore(ctx, ro, r)
	rep.Tool, rep.Warnings, rep.Statements = done.Method+" "+done.ClientVersion, done.Remarks, done.Statements
	for _, f := range done.Failed {
		rep.Failed = append(rep.Failed, backup.Failed{Entry: f.Entry, Reason: f.Reason, Statement: f.Statement})
	}
	for _, l := range done.LeftOut {
		rep.LeftOut = append(rep.LeftOut, backup.LeftOut(l))
	}
	if err == nil {
		rep.Server = e.reached(ctx, t)
	}
	return rep, err
}

// reached says what a target is; nothing where it does not answer any more.
func (e *engine) reached(ctx context.Context, t postgres.Target) source.Server {
	conn, err := t.Connect(ctx)
	if err != nil {
		return source.Server{}
	}
	defer hangUp(ctx, conn)
	who, err := t.Identify(ctx, conn)
	if err != nil {
		return source.Server{}
	}
	return identity(who)
}

// openRestore opens the archive's head, checked, when its tables can be read by parts, and the whole otherwise.
func openRestore(ctx context.Context, ro *pgdump.RestoreOptions, in backup.RestoreInput) (io.ReadCloser, error) {
	if ro.Jobs < 2 || in.Layout == nil {
		return in.Open(ctx)
	}
	ranges := &pgdump.Ranges{Open: in.OpenRange}
	for _, line := range in.Layout.Blocks {
		b, err := registry.ParseBlock(line)
		if err != nil {
			return nil, err
		}
		ranges.Index = append(ranges.Index, archive.BlockInfo{DumpID: b.DumpID, Offset: b.Offset, Length: b.Length, CRC32C: b.CRC32C})
	}
	r, err := in.OpenRange(ctx, 0, in.Layout.HeadLength)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the archive's table of contents: %w", err)
	}
	if crc32.Checksum(head, crc32.MakeTable(crc32.Castagnoli)) != in.Layout.HeadCRC32C {
		return nil, fault.New(fault.Validation, fault.ChecksumMismatch, "Do not use this backup; look at it with: cofre validate", "the archive's table of contents is not what was stored: its checksum differs")
	}
	ro.Ranges = ranges
	return io.NopCloser(bytes.NewReader(head)), nil
}
