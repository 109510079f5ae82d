package backup

import (
	"cmp"
	"context"
	"io"
	"time"

	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// DiffLive says what has become of a backup's contents in the database that it is of, as it is now. The database is read once, as for a
// backup of the same part, in one snapshot, and nothing is kept: only counts and hashes of its rows, values of its sequences and hashes of
// its definitions are compared. The session reaches the configured database, which has to be that of the backup's source. watch is as
// for Create.
func (s *Service) DiffLive(ctx context.Context, ref string, watch func(Progress)) (Difference, error) {
	var d Difference
	b, before, err := s.Contents(ctx, ref)
	if err != nil {
		return d, err
	}
	from, err := s.liveSource(ctx, b)
	if err != nil {
		return d, err
	}
	var sel registry.Selection
	if b.Selection != nil {
		sel = *b.Selection
		sel.Statistics = false // nothing of them is compared
	}
	session, err := s.Engine.Open(ctx, from, sel)
	if err != nil {
		return d, err
	}
	defer session.Close()
	track := &tracker{started: s.Now().UTC(), phase: PhaseDumping, expected: before.Totals().Bytes}
	say := func() {
		if watch != nil {
			watch(track.at(s.Now()))
		}
	}
	o := DumpOptions{ID: "diff", Format: b.Format, Content: b.Content, Rows: cmp.Or(b.Rows, RowsText), Remark: func(line string) { s.Log.Warn(line); track.note(line); say() }}
	after, err := s.countLive(ctx, session, o, &teller{track: track, say: say})
	if err != nil {
		return d, err
	}
	src := session.Source()
	d.Before, d.After = b, Backup{Database: src.Database, Source: b.Source, CreatedAt: after.At, Server: &src.Server}
	d.Diff = contents.Compare(before, after)
	if rec, err := s.Registry.Source(ctx, b.SourceName()); err == nil && b.Source != "" {
		if _, err := rec.Admit(src.Server, s.Now()); err != nil {
			d.Notes = append(d.Notes, fault.From(err).Message)
		}
	}
	return d, nil
}

// liveSource is where a backup's database is: the source that it is of, or the database of its name on the environment's server.
func (s *Service) liveSource(ctx context.Context, b Backup) (source.Settings, error) {
	if b.Selection != nil && b.Selection.Lost {
		return source.Settings{}, invalid("Take a backup of which everything is known.", "it is not known any more which part of the database backup %s holds", b.ID)
	}
	all, err := s.Sources(ctx)
	if err != nil {
		return source.Settings{}, err
	}
	name := b.SourceName()
	if of, ok := all.Find(name); ok && s.Engine != nil {
		return of, nil
	}
	of, ok := all.Find(all.Default)
	switch {
	case s.Engine == nil || !ok:
		return of, invalid("For example: export DATABASE_URL=postgresql://user@host:5432/shop", "DATABASE_URL is not set: there is no database to compare backup %s with", b.ID)
	case name == b.Database && of.Origin.Kind == source.FromEnvironment: // made of another database of that server, or before sources were known
		of.Database = b.Database
		return of, nil
	}
	return of, invalid("Let DATABASE_URL lead to it, and set BACKUP_SOURCE="+name+"; or name it in BACKUP_CONFIG's file.",
		"backup %s is of the source %q, and the configured database is %q", b.ID, name, of.Name)
}

// countLive reads of a database what o says, as a backup of it would, and keeps what was counted. follow gets the bytes, too.
func (s *Service) countLive(ctx context.Context, session Session, o DumpOptions, follow io.Writer) (*contents.Contents, error) {
	src := session.Source()
	o.Compression = "none"
	dump, err := session.Dump(ctx, o)
	if err != nil {
		return nil, err
	}
	defer dump.Close()
	count := newCounter(ctx, o.Format, dump, s.Now)
	count.ownerless = o.Ownerless
	if _, err := io.CopyBuffer(io.MultiWriter(count, follow), dump, make([]byte, 256<<10)); err != nil {
		count.abandon()
		return nil, err
	}
	c, err := count.finish()
	if err != nil {
		return nil, fault.Wrap(err, fault.BackupCreation, "", "Try again; if it happens again, set BACKUP_ENGINE=pg_dump.", "the rows of the database could not be counted")
	}
	c.Header = contents.Header{Database: src.Database, At: s.Now().UTC(), Server: src.ServerVersion, PgDump: src.PgDumpVersion,
		Encoding: src.Locale.Encoding, Definitions: c.Header.Definitions}
	return c, nil
}

// teller tells of progress as bytes come, several times a second.
type teller struct {
	track *tracker
	last  time.Time
	say   func()
}

func (t *teller) Write(p []byte) (int, error) {
	t.track.dumped.Add(int64(len(p)))
	if now := time.Now(); now.Sub(t.last) > 250*time.Millisecond {
		t.last = now
		t.say()
	}
	return len(p), nil
}
