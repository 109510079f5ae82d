package app

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// engine is backup.Engine on the real PostgreSQL: pkg/postgres to look, pkg/pgdump to dump and restore.
type engine struct {
	c   Config
	log *slog.Logger

	mu    sync.Mutex
	found map[int]tool // by the server's major version
}

// tool is the pg_dump chosen for a server. Asking programs for their versions takes longer than a small dump, so
// it is remembered for a minute: from Inspect to Dump, not over an upgrade.
type tool struct {
	client      pgdump.Client
	compression string // what "auto" stands for
	at          time.Time
}

const toolLife = time.Minute

func newEngine(c Config, log *slog.Logger) *engine { return &engine{c: c, log: log} }

// target is the configured database, or another one on the same server.
func (e *engine) target(database string) (postgres.Target, error) {
	if !e.c.HasDatabase {
		return postgres.Target{}, fault.New(fault.Validation, fault.InvalidInput, "For example: export DATABASE_URL=postgresql://user:password@host:5432/shop",
			"DATABASE_URL is not set: there is no database to back up")
	}
	if database == "" {
		return e.c.Database, nil
	}
	return e.c.Database.WithDatabase(database), nil
}

// Database implements backup.Engine.
func (e *engine) Database() string {
	if !e.c.HasDatabase {
		return ""
	}
	return e.c.Database.Database()
}

func (e *engine) retries() postgres.Policy {
	return postgres.Policy{Retries: e.c.ConnectRetries, Delay: 5 * time.Second, Growth: 1.5}
}

func (e *engine) find(ctx context.Context, serverMajor int) (tool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t, ok := e.found[serverMajor]; ok && time.Since(t.at) < toolLife {
		return t, nil
	}
	client, err := pgdump.Find(ctx, pgdump.FindOptions{Path: e.c.PgDumpPath, ServerMajor: serverMajor, Getenv: e.c.getenv})
	if err != nil {
		return tool{}, err
	}
	t := tool{client, client.Choose(ctx, pgdump.Compression{}).String(), time.Now()}
	if e.found == nil {
		e.found = map[int]tool{}
	}
	e.found[serverMajor] = t
	return t, nil
}

// Inspect implements backup.Engine.
func (e *engine) Inspect(ctx context.Context, database string, sel registry.Selection) (backup.Source, error) {
	t, err := e.target(database)
	if err != nil {
		return backup.Source{}, err
	}
	conn, err := postgres.ConnectRetry(ctx, t, e.retries())
	if err != nil {
		return backup.Source{}, err
	}
	defer hangUp(ctx, conn)
	if err := t.RefuseTransactionPooler(ctx, conn); err != nil {
		return backup.Source{}, err
	}
	chosen := selection(sel, "")
	if sel.WithDependencies {
		if chosen, err = postgres.WithNeeds(ctx, conn, chosen); err != nil {
			return backup.Source{}, t.Explain(ctx, err)
		}
	}
	server, err := postgres.InspectConn(ctx, conn, chosen)
	if err != nil {
		return backup.Source{}, t.Explain(ctx, err)
	}
	remarks, err := postgres.RestoreRemarks(ctx, conn, chosen)
	if err != nil { // no reason not to make a backup
		e.log.Debug("what will not restore by itself is not known", "error", err.Error())
	}
	who, err := t.Identify(ctx, conn)
	if err != nil {
		return backup.Source{}, t.Explain(ctx, err)
	}
	tool, err := e.find(ctx, server.Major)
	if err != nil {
		return backup.Source{}, err
	}
	if err := server.Readable(); err != nil {
		return backup.Source{}, err
	}
	return backup.Source{
		Database: server.Database, ServerVersion: server.Version, ServerMajor: server.Major, PgDumpVersion: tool.client.Version,
		Compression: tool.compression, Size: server.Size, Server: identity(who), Locale: locale(server.Locale), Remarks: remarks,
	}, nil
}

func locale(l postgres.Locale) registry.Locale {
	return registry.Locale{
		Encoding: l.Encoding, Provider: l.Provider, Collate: l.Collate, CharType: l.CharType, Name: l.Name, ICURules: fault.Shorten(l.ICURules, fault.MaxText),
	}
}

// Identify implements backup.Engine.
func (e *engine) Identify(ctx context.Context, database string) (source.Server, error) {
	t, err := e.target(database)
	if err != nil {
		return source.Server{}, err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return source.Server{}, err
	}
	defer hangUp(ctx, conn)
	if err := t.RefuseTransactionPooler(ctx, conn); err != nil {
		return source.Server{}, err // its address is nobody's to move a source to
	}
	who, err := t.Identify(ctx, conn)
	return identity(who), t.Explain(ctx, err)
}

// identity is what a connection reached, in the domain's words.
func identity(who postgres.Identity) source.Server {
	s := source.Server{
		SystemIdentifier: who.SystemIdentifier, Host: who.Host, Port: who.Port, Database: who.Database, DatabaseOID: who.DatabaseOID, InRecovery: who.InRecovery,
	}
	for _, a := range who.Addresses {
		s.Configured = append(s.Configured, source.Address(a[0], a[1]))
	}
	return s
}

// Databases implements backup.Engine.
func (e *engine) Databases(ctx context.Context) ([]string, error) {
	t, err := e.target("")
	if err != nil {
		return nil, err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(ctx, conn)
	names, err := postgres.Databases(ctx, conn)
	return names, t.Explain(ctx, err)
}

// hangUp ends a connection properly also when ctx has ended.
func hangUp(ctx context.Context, conn interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	conn.Close(ctx)
}

// SchemaVersion implements backup.Engine.
func (e *engine) SchemaVersion(ctx context.Context, database string) (string, error) {
	t, err := e.target(database)
	if err != nil {
		return "", err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer hangUp(ctx, conn)
	v, err := postgres.SchemaVersion(ctx, conn)
	return v, t.Explain(ctx, err)
}

// Dump implements backup.Engine.
func (e *engine) Dump(ctx context.Context, o backup.DumpOptions) (backup.Dump, error) {
	t, err := e.target(o.Database)
	if err != nil {
		return nil, err
	}
	tool, err := e.find(ctx, o.ServerMajor)
	if err != nil {
		return nil, err
	}
	chosen := selection(o.Selection, o.Content)
	if o.Selection.WithDependencies {
		conn, err := t.Connect(ctx)
		if err != nil {
			return nil, err
		}
		chosen, err = postgres.WithNeeds(ctx, conn, chosen)
		hangUp(ctx, conn)
		if err != nil {
			return nil, t.Explain(ctx, err)
		}
	}
	dump, err := tool.client.Dump(ctx, pgdump.DumpOptions{
		Target: t, Format: pgdump.Format(o.Format), Compression: compression(o), Selection: chosen,
		LockWaitTimeout: e.c.LockWaitTimeout, Timeout: e.c.PgDumpTimeout, Verbose: o.Log,
	})
	if err != nil {
		return nil, err // a nil *Dump must not become a non-nil interface
	}
	return dump, nil
}

// compression reads "zstd:1"; it was checked when it was asked for. SQL scripts are compressed after pg_dump.
func compression(o backup.DumpOptions) pgdump.Compression {
	kind, level, _ := strings.Cut(o.Compression, ":")
	if o.Format == backup.FormatPlain {
		return pgdump.Compression{Algorithm: pgdump.None}
	}
	if kind == "auto" {
		kind = ""
	}
	n, _ := strconv.Atoi(level)
	return pgdump.Compression{Algorithm: pgdump.Algorithm(kind), Level: n}
}

func selection(s registry.Selection, content string) postgres.Selection {
	return postgres.Selection{
		Schemas: s.Schemas, Tables: s.Tables, ExcludeTables: s.ExcludeTables, ExcludeTableData: s.ExcludeTableData,
		SchemaOnly: content == backup.ContentSchema, DataOnly: content == backup.ContentData,
	}
}

// Checks implements backup.Engine.
func (e *engine) Checks(ctx context.Context) []backup.Check {
	var checks []backup.Check
	if e.c.HasDatabase || len(e.c.File.Sources) == 0 {
		checks = e.checkConfigured(ctx)
	}
	for _, s := range e.c.File.Sources {
		if s.Name != e.c.Source {
			checks = append(checks, e.checkSource(ctx, s.Name))
		}
	}
	return checks
}

// checkSource looks whether a source of the file can be reached and read.
func (e *engine) checkSource(ctx context.Context, name string) backup.Check {
	what := "database of source " + name
	c, err := e.c.Choose(name)
	if err != nil {
		return backup.Failing(what, err)
	}
	server, err := postgres.Inspect(ctx, c.Database, postgres.Selection{})
	if err == nil {
		err = server.Readable()
	}
	if err != nil {
		return backup.Failing(what, err)
	}
	return backup.Check{Name: what, Result: backup.CheckOK, Detail: fmt.Sprintf("%s: PostgreSQL %s, the role %s can read everything", c.Database.Redacted(), server.Version, server.Role)}
}

// checkConfigured looks at the configured database, and at the programs.
func (e *engine) checkConfigured(ctx context.Context) []backup.Check {
	var checks []backup.Check
	clients, err := pgdump.Clients(ctx, pgdump.FindOptions{Path: e.c.PgDumpPath, Getenv: e.c.getenv})
	if err != nil {
		checks = append(checks, backup.Failing("pg_dump", err))
	}
	pgDumpWrong := err != nil
	t, err := e.target("")
	if err != nil {
		return append(checks, backup.Failing("database", err))
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return append(checks, backup.Failing("database", err))
	}
	defer hangUp(ctx, conn)
	server, err := postgres.InspectConn(ctx, conn, postgres.Selection{})
	if err != nil {
		return append(checks, backup.Failing("database", t.Explain(ctx, err)))
	}
	checks = append(checks, backup.Check{Name: "database", Result: backup.CheckOK,
		Detail: fmt.Sprintf("%s: PostgreSQL %s, %d tables, %d MB on its disk", t.Redacted(), server.Version, server.Tables, server.Size>>20)})
	if err := t.RefuseTransactionPooler(ctx, conn); err != nil {
		c := backup.Failing("database: connection", err)
		if c.Error = nil; fault.HasReason(err, fault.TransactionPooler) {
			c.Result, c.Detail = backup.CheckWarning, c.Detail+"; cofre makes no backup through it"
		}
		checks = append(checks, c)
	}
	if err := server.Readable(); err != nil {
		checks = append(checks, backup.Failing("database: rights", err))
	} else {
		checks = append(checks, backup.Check{Name: "database: rights", Result: backup.CheckOK, Detail: "the role " + server.Role + " can read everything"})
	}
	if pgDumpWrong {
		return checks
	}
	tool, err := e.find(ctx, server.Major)
	if err != nil {
		return append(checks, backup.Failing("pg_dump", err))
	}
	detail := fmt.Sprintf("%s (%s), compressing with %s", tool.client.Version, tool.client.PgDump, tool.compression)
	if n := len(clients) - 1; n > 0 {
		detail += fmt.Sprintf("; %d older ones are not used", n)
	}
	return append(append(checks, backup.Check{Name: "pg_dump", Result: backup.CheckOK, Detail: detail}), knownHoles(tool.client)...)
}

// knownHoles warns of client programs that are to be updated.
func knownHoles(c pgdump.Client) []backup.Check {
	holes := c.Holes()
	if len(holes) == 0 {
		return nil
	}
	var known []string
	for _, h := range holes {
		known = append(known, h.CVE+" ("+h.Detail+")")
	}
	check := backup.Check{
		Name: "pg_dump: security", Result: backup.CheckWarning, Detail: "version " + c.Version + " has known holes: " + strings.Join(known, "; "),
		Hint: "Install the client programs of PostgreSQL 18 in their latest minor version.",
	}
	if fixed := holes[0].Fixed; fixed != "" {
		check.Hint = "Update PostgreSQL's client programs to " + fixed + " or newer."
	}
	return []backup.Check{check}
}
