package app

import (
	"context"
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
func (e *database) Restore(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, error) {
	t, err := e.restoreTarget(ctx, o)
	if err != nil {
		return backup.RestoreReport{}, err
	}
	rep, err := e.restore(ctx, t, o, in)
	if err == nil {
		rep.Server = e.reached(ctx, t)
	}
	return rep, err
}

// restoreTarget is where a restore goes: the target of the file that it names, or its URL.
func (e *database) restoreTarget(ctx context.Context, o backup.RestoreOptions) (postgres.Target, error) {
	if o.Target != "" {
		return e.c.RestoreTarget(ctx, o.Target, o.Database)
	}
	return postgres.ParseTarget(o.URL, e.c.getenv)
}

func (e *database) restore(ctx context.Context, t postgres.Target, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, error) {
	rep := backup.RestoreReport{Database: t.Database(), Host: t.Host(), Unchanged: true}
	tool, ro, r, err := e.prepare(ctx, t, o, in)
	if err != nil {
		return rep, err
	}
	defer r.Close()
	done, err := tool.client.Restore(ctx, ro, r)
	rep.Tool, rep.Warnings, rep.Statements = done.Method+" "+done.ClientVersion, done.Remarks, done.Statements
	rep.Dropped, rep.Unchanged, rep.Created = done.Dropped, done.Unchanged, done.Created
	for _, f := range done.Failed {
		rep.Failed = append(rep.Failed, backup.Failed{Entry: f.Entry, Reason: f.Reason, Statement: f.Statement})
	}
	rep.LeftOut = leftOut(done.LeftOut)
	return rep, err
}

// prepare settles how a restore goes, and opens what it reads. The caller closes that.
func (e *database) prepare(ctx context.Context, t postgres.Target, o backup.RestoreOptions, in backup.RestoreInput) (tool tool, ro pgdump.RestoreOptions, r io.ReadCloser, err error) {
	if tool, err = e.find(ctx, 0); err != nil {
		return tool, ro, nil, err
	}
	ro = pgdump.RestoreOptions{
		Target: t, Format: pgdump.Format(o.Format), Create: o.Create, Locale: postgres.LocaleChoice(o.Locale), MustBeEmpty: !o.Clean && !o.Prepared,
		Clean: o.Clean, Cascade: o.Cascade, NoOwner: o.NoOwner, NoPrivileges: o.NoPrivileges, Retries: e.retries(), Verbose: o.Log, Remark: o.Remark,
		WithDependencies: o.Part.WithDependencies, Reading: in.Reading, Adaptation: pgdump.Adaptation(o.Adaptation), Roles: o.Roles, DisableTriggers: o.DisableTriggers, KeepGoing: o.KeepGoing, Timeout: o.Timeout, LockWaitTimeout: e.c.LockWaitTimeout,
	}
	if ro.Part, err = partOf(o.Part); err != nil {
		return tool, ro, nil, err
	}
	if o.Format == backup.FormatCustom && !o.Clean {
		// A part goes into a database that others work with: all of it or nothing, unless jobs were asked for.
		if ro.Jobs = o.Jobs; ro.Jobs == 0 && (!o.Part.Any() || o.Create) {
			ro.Jobs = min(max(runtime.NumCPU(), 1), 8)
		}
	}
	r, err = openRestore(ctx, &ro, in)
	return tool, ro, r, err
}

// Switch implements backup.Engine.
func (e *database) Switch(ctx context.Context, req backup.SwitchRequest, look bool) (backup.Switched, error) {
	t, err := e.restoreTarget(ctx, backup.RestoreOptions{URL: req.URL, Target: req.Target, Database: req.Database})
	if err != nil {
		return backup.Switched{}, err
	}
	s := postgres.Switch{From: req.From, Name: t.Database(), Keep: req.Keep, Free: req.Free}
	if s.Keep == "" {
		s.Keep = backup.KeptName(s.Name, req.At)
	}
	out := backup.Switched{Database: s.Name, Host: t.Host(), From: s.From}
	do := s.Do
	if look {
		do = s.Look
	}
	done, err := do(ctx, t)
	if out.Sessions = done.Sessions; done.Replaces {
		out.Kept = s.Keep
	}
	for _, c := range done.Connected {
		out.Connected = append(out.Connected, backup.Connected(c))
	}
	return out, err
}

// MayRestore implements backup.Engine.
func (e *database) MayRestore(ctx context.Context, o backup.RestoreOptions) error {
	t, err := e.restoreTarget(ctx, o)
	if err != nil || !o.Create {
		return err
	}
	d, err := postgres.LookAt(ctx, t, true, postgres.Policy{})
	if err == nil && !d.Creates {
		err = postgres.MayNotCreate(nil, d.Role)
	}
	return err
}

// Plan implements backup.Engine.
func (e *database) Plan(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.Target, error) {
	t, err := e.restoreTarget(ctx, o)
	if err != nil {
		return backup.Target{}, err
	}
	out := backup.Target{Database: t.Database(), Host: t.Host()}
	tool, ro, r, err := e.prepare(ctx, t, o, in)
	if err != nil {
		return out, err
	}
	defer r.Close()
	ro.Retries = postgres.Policy{} // somebody waits for the answer, and may ask again
	found, err := tool.client.Preview(ctx, ro, r)
	if err != nil {
		return out, err
	}
	out.Exists, out.Content, out.Locale, out.From, out.Server, out.Role = found.Exists, found.Content, found.Locale.String(), found.From.String(), found.ServerVersion, found.Role
	out.Tool, out.Jobs, out.OneTransaction = "pg_restore "+found.ClientVersion, max(ro.Jobs, 1), found.OneTransaction
	if o.Format == backup.FormatPlain {
		out.Tool = "psql " + found.ClientVersion
	}
	out.Makes, out.Dropped, out.Warnings, out.Refused, out.Bytes = found.Makes, found.Dropped, found.Remarks, found.Problems, found.Bytes
	out.LeftOut = leftOut(found.LeftOut)
	return out, nil
}

func leftOut(all []pgdump.LeftOut) (out []backup.LeftOut) {
	for _, l := range all {
		out = append(out, backup.LeftOut(l))
	}
	return out
}

// reached says what a target is; nothing where it does not answer any more.
func (e *database) reached(ctx context.Context, t postgres.Target) source.Server {
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

// maxHead bounds the table of contents of an archive, in bytes, as pkg/archive does.
const maxHead = 256 << 20

// openRestore opens the archive's head, checked, when its tables can be read by parts, and the whole otherwise.
func openRestore(ctx context.Context, ro *pgdump.RestoreOptions, in backup.RestoreInput) (io.ReadCloser, error) {
	switch part := ro.Part.Any(); {
	case in.Layout != nil && (part || ro.Jobs > 1):
		ranges, err := indexed(in)
		if err != nil {
			return nil, err
		}
		ro.Ranges = ranges
		return openHead(ctx, in)
	case in.Tables != nil && part:
		ro.Ranges = &pgdump.Ranges{Open: in.OpenRange, Whole: in.Open}
		for _, t := range in.Tables {
			ro.Ranges.Tables = append(ro.Ranges.Tables, archive.BlockInfo{Schema: t.Schema, Tag: t.Name, Offset: t.Offset, Length: t.Length})
		}
		return in.OpenRange(ctx, 0, in.Head)
	}
	return in.Open(ctx)
}

// indexed gives ranges by a manifest's layout.
func indexed(in backup.RestoreInput) (*pgdump.Ranges, error) {
	// The manifest is whatever somebody wrote there who may write to the storage.
	if n := in.Layout.HeadLength; n < 1 || n > maxHead {
		return nil, fault.New(fault.Validation, fault.StructureDamaged, "Restore in one session (--jobs 1), which does not need it.",
			"the backup's manifest says that its table of contents has %d bytes, which cannot be", n)
	}
	ranges := &pgdump.Ranges{Open: in.OpenRange, HeadLength: in.Layout.HeadLength, Whole: in.Open}
	for _, line := range in.Layout.Blocks {
		b, err := registry.ParseBlock(line)
		if err != nil {
			return nil, err
		}
		ranges.Index = append(ranges.Index, archive.BlockInfo{DumpID: b.DumpID, Offset: b.Offset, Length: b.Length, CRC32C: b.CRC32C})
	}
	return ranges, nil
}

func openHead(ctx context.Context, in backup.RestoreInput) (io.ReadCloser, error) {
	r, err := in.OpenRange(ctx, 0, in.Layout.HeadLength)
	if err != nil {
		return nil, err
	}
	return &provenHead{ReadCloser: r, left: in.Layout.HeadLength, want: in.Layout.HeadCRC32C}, nil
}

// provenHead reads an archive's head, and gives its last bytes only when its checksum is right: before them nobody can do
// anything with it.
type provenHead struct {
	io.ReadCloser
	left      int64
	sum, want uint32
}

func (p *provenHead) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n, err := p.ReadCloser.Read(b[:min(int64(len(b)), p.left)])
	p.sum = crc32.Update(p.sum, crc32.MakeTable(crc32.Castagnoli), b[:n])
	p.left -= int64(n)
	if p.left == 0 && p.sum != p.want {
		return 0, errHeadChanged
	}
	return n, err
}

var errHeadChanged = fault.New(fault.Validation, fault.ChecksumMismatch, "Do not use this backup; look at it with: cofre validate", "the archive's table of contents is not what was stored: its checksum differs")
