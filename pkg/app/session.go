package app

import (
	"cmp"
	"context"
	"sync"

	"cofre/pkg/backup"
	"cofre/pkg/contents"
	"cofre/pkg/engine"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// session is backup.Session on one connection.
type session struct {
	e        *database
	from     source.Settings // zero for a session to no source
	pg       *postgres.Session
	selected postgres.Selection // with what it needs, where that was asked for
	tool     tool
	source   backup.Source
	tables   int
	catalog  bool // to be hashed for the schema's version

	mu      sync.Mutex
	version func() (string, error) // of the schema, once asked
}

// Open implements backup.Engine.
func (e *database) Open(ctx context.Context, of source.Settings, sel registry.Selection) (backup.Session, error) {
	e.look(ctx) // meanwhile
	t, err := e.target(ctx, of)
	if err != nil {
		return nil, err
	}
	pg, err := e.open(ctx, parkedAs(of), t)
	if err != nil {
		return nil, err
	}
	return e.begin(ctx, of, pg, sel)
}

// begin learns what a session's source is.
func (e *database) begin(ctx context.Context, from source.Settings, pg *postgres.Session, sel registry.Selection) (backup.Session, error) {
	s := &session{e: e, from: from, pg: pg, selected: selection(sel)}
	if err := s.inspect(ctx, sel.WithDependencies); err != nil {
		pg.Close()
		return nil, err // and no nil *session, which would be a session
	}
	return s, nil
}

// inspect learns what the source is, and refuses what cannot work.
func (s *session) inspect(ctx context.Context, withNeeds bool) (err error) {
	if err := s.pg.RefuseTransactionPooler(ctx); err != nil {
		return err
	}
	if withNeeds {
		if s.selected, err = s.pg.WithNeeds(ctx, s.selected); err != nil {
			return err
		}
	}
	server, err := s.pg.Inspect(ctx, s.selected)
	if err != nil {
		return err
	}
	remarks, err := s.pg.RestoreRemarks(ctx, s.selected)
	if err != nil { // no reason not to make a backup
		s.e.log.Debug("what will not restore by itself is not known", "error", err.Error())
	}
	who, err := s.pg.Identify(ctx)
	if err != nil {
		return err
	}
	if s.tool, err = s.e.find(ctx, server.Major); err != nil {
		return err
	}
	if err := s.tool.client.Knows(s.selected); err != nil {
		return err
	}
	if err := server.Readable(); err != nil {
		return err
	}
	s.tables = server.Tables
	s.source = backup.Source{
		Database: server.Database, ServerVersion: server.Version, ServerMajor: server.Major, PgDumpVersion: s.tool.client.Version,
		Compression: s.tool.compression, Size: server.Size, Server: identity(who), Locale: locale(server.Locale), Remarks: remarks,
	}
	return nil
}

func selection(s registry.Selection) postgres.Selection {
	return postgres.Selection{
		Schemas: s.Schemas, ExcludeSchemas: s.ExcludeSchemas, Tables: s.Tables, ExcludeTables: s.ExcludeTables, ExcludeTableData: s.ExcludeTableData,
		TablesAndChildren: s.TablesAndChildren, ExcludeTablesAndChildren: s.ExcludeTablesAndChildren, ExcludeTableDataAndChildren: s.ExcludeTableDataAndChildren,
		Extensions: s.Extensions, ExcludeExtensions: s.ExcludeExtensions, ForeignData: s.ForeignData, Statistics: s.Statistics, RowSecurity: s.RowSecurity,
		LargeObjects: s.LargeObjects != nil && *s.LargeObjects, NoLargeObjects: s.LargeObjects != nil && !*s.LargeObjects,
	}
}

func locale(l postgres.Locale) registry.Locale {
	return registry.Locale{
		Encoding: shortName(l.Encoding), Provider: shortName(l.Provider), Collate: shortName(l.Collate), CharType: shortName(l.CharType),
		Name: shortName(l.Name), ICURules: fault.Shorten(l.ICURules, fault.MaxText),
	}
}

// Source implements backup.Session.
func (s *session) Source() backup.Source { return s.source }

// SchemaVersion implements backup.Session. It asks once.
func (s *session) SchemaVersion(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == nil {
		v, err := s.pg.SchemaVersion(ctx, s.catalog)
		s.version = func() (string, error) { return v, err }
	}
	return s.version()
}

// Globals implements backup.Session.
func (s *session) Globals(ctx context.Context, passwords bool) (script []byte, unread []string, err error) {
	g, err := s.pg.Globals(ctx, passwords)
	if err != nil {
		return nil, nil, err
	}
	script, err = g.Script()
	return script, g.Unread, err
}

// Dump implements backup.Session.
func (s *session) Dump(ctx context.Context, o backup.DumpOptions) (backup.Dump, error) {
	chosen := s.selected
	s.catalog = o.Catalog
	chosen.SchemaOnly, chosen.DataOnly = o.Content == backup.ContentSchema, o.Content == backup.ContentData
	binary := cmp.Or(o.Rows, s.from.Rows, s.e.c.Rows) == backup.RowsBinary
	d, err := engine.Start(ctx, engine.Options{
		Session: s.pg, Binary: binary, HangUp: s.remember, Client: s.tool.client, Size: s.source.Size, Tables: s.tables, ID: o.ID, Jobs: cmp.Or(o.Jobs, s.from.Jobs, s.e.c.Jobs), MostJobs: o.MostJobs, Log: s.e.log,
		Never: s.e.c.Engine == engineOne, Always: s.e.c.Engine == engineParallel, BytesPerSecond: int64(s.e.c.RateLimitMB) << 20,
		Remark: o.Remark, EndOnWait: s.e.c.EndOnLockWait,
		Dump: pgdump.DumpOptions{
			Format: pgdump.Format(o.Format), Compression: compression(o), Selection: chosen,
			LockWaitTimeout: s.e.c.LockWaitTimeout, Timeout: s.e.c.PgDumpTimeout, Verbose: o.Log,
		},
	})
	if err != nil {
		return nil, err // a nil *Dump must not become a non-nil interface
	}
	if d.How().Parallel {
		return counted{dump{d, binary}}, nil
	}
	return dump{d, binary}, nil
}

// remember asks for what a session that is about to be closed will be asked.
func (s *session) remember(ctx context.Context) { _, _ = s.SchemaVersion(ctx) }

// dump is backup.Dump by either engine.
type dump struct {
	*engine.Dump
	binary bool // rows were asked for
}

// How implements backup.Dump.
func (d dump) How() backup.How {
	is := d.Dump.How()
	how := backup.How{Engine: backup.EnginePgDump, Jobs: 1, Reason: is.Reason, BinaryTables: is.BinaryTables}
	if is.Parallel {
		how.Engine, how.Jobs = backup.EngineParallel, is.Jobs
	}
	if d.binary && is.BinaryTables == 0 {
		how.TextRows = cmp.Or(is.Reason, engine.NoBinaryTable)
	}
	return how
}

// counted is backup.Counted.
type counted struct{ dump }

// Tallies implements backup.Counted.
func (d counted) Tallies() (map[int32]backup.Tallied, *contents.LargeObjects) {
	tables, objects := d.dump.Dump.Tallies()
	out := make(map[int32]backup.Tallied, len(tables))
	for id, t := range tables {
		out[id] = backup.Tallied{Tally: t.Tally, Kind: t.Kind, At: t.At}
	}
	return out, objects
}

// Close implements backup.Session.
func (s *session) Close() { s.pg.Close() }
