package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/quantity"
	"cofre/pkg/source"
)

// Checks implements backup.Engine.
func (e *database) Checks(ctx context.Context, all source.List) []backup.Check {
	var checks []backup.Check
	own, single := all.Find(all.Default)
	if single = single && own.Origin.Kind == source.FromEnvironment; single || len(all.Sources)+len(all.Followed) == 0 {
		checks = e.checkConfigured(ctx, own)
	} else if _, err := pgdump.Clients(ctx, pgdump.FindOptions{Path: e.c.PgDumpPath, Getenv: e.c.getenv}); err != nil {
		checks = append(checks, backup.Failing("pg_dump", err))
	}
	found := make([][]backup.Check, len(all.Sources))
	var looks sync.WaitGroup
	slots := make(chan struct{}, looksAtOnce)
	for i, s := range all.Sources {
		if single && s.Name == own.Name {
			continue
		}
		slots <- struct{}{}
		looks.Go(func() {
			defer func() { <-slots }()
			found[i] = e.checkSource(ctx, s)
			for j := range found[i] {
				found[i][j].Source = s.Name
			}
		})
	}
	looks.Wait()
	checks = append(checks, slices.Concat(found...)...)
	for _, t := range e.c.File.Targets {
		checks = append(checks, e.checkTarget(ctx, t.Name))
	}
	return checks
}

// looksAtOnce bounds the sources that are looked at at the same time.
const looksAtOnce = 8

// checkTarget looks whether a target of the file can be reached. No backup fails without it: it is a warning when it cannot.
func (e *database) checkTarget(ctx context.Context, name string) backup.Check {
	what := "target " + name
	warning := func(err error) backup.Check {
		c := backup.Failing(what, err)
		c.Result, c.Error = backup.CheckWarning, nil
		return c
	}
	t, err := e.c.RestoreTarget(ctx, name, "")
	if err != nil {
		return warning(err)
	}
	conn, reached, err := t.ConnectMaintenance(ctx, "look at the target "+name, postgres.Policy{})
	if err != nil {
		return warning(err)
	}
	defer hangUp(ctx, conn)
	server, err := postgres.InspectConn(ctx, conn, postgres.Selection{})
	if err != nil {
		return warning(reached.Explain(ctx, err))
	}
	detail := fmt.Sprintf("PostgreSQL %s, as the role %s", server.Version, server.Role)
	if e.c.File.Target(name).Allows(configfile.AllowProof) {
		place, err := postgres.OpenProofServer(ctx, t, 0)
		if err != nil {
			return warning(err)
		}
		place.Close()
		detail += "; proofs can be made there"
	}
	c := backup.Check{Name: what, Result: backup.CheckOK, Detail: detail}
	powers, err := postgres.Powers(ctx, conn)
	if err != nil {
		return warning(reached.Explain(ctx, err))
	}
	if powers != "" {
		c.Result, c.Detail = backup.CheckWarning, detail+"; it "+powers+", and whatever runs in a backup can do the same"
		c.Hint = "Name a role in the connection that has CREATEDB, and owns what is to be replaced."
	}
	return c
}

// checkSource looks whether a source of the file can be reached and read.
func (e *database) checkSource(ctx context.Context, of source.Settings) []backup.Check {
	what := "database of source " + of.Name
	t, err := e.target(ctx, of)
	if err != nil {
		return []backup.Check{backup.Failing(what, err)}
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return []backup.Check{backup.Failing(what, err)}
	}
	defer hangUp(ctx, conn)
	server, err := postgres.InspectConn(ctx, conn, postgres.Selection{})
	if err = t.Explain(ctx, err); err == nil {
		err = server.Readable()
	}
	if err != nil {
		return []backup.Check{backup.Failing(what, err)}
	}
	check := backup.Check{Name: what, Result: backup.CheckOK, Detail: fmt.Sprintf("%s: PostgreSQL %s, role %s can read everything", t.Redacted(), server.Version, server.Role)}
	pooled, err := t.Pooled(ctx, conn)
	checks := append([]backup.Check{check}, checkConnection(what+": connection", pooled, err)...)
	return append(checks, checkConcerns(what, postgres.Concerns(ctx, conn, time.Now()))...)
}

// checkConcerns says what somebody should do about a server before it ends backups.
func checkConcerns(name string, concerns []postgres.Concern) (checks []backup.Check) {
	for _, x := range concerns {
		checks = append(checks, backup.Check{Name: name + ": " + x.About, Result: backup.CheckWarning, Detail: x.Message, Hint: x.Hint})
	}
	return checks
}

// checkConnection says what a pooler between here and the server means: pooled and err are Target.Pooled's. Without one there is
// nothing to say.
func checkConnection(name string, pooled bool, err error) []backup.Check {
	c := backup.Check{Name: name, Result: backup.CheckOK,
		Detail: "through a pooler by session: one pg_dump makes the backups; several connections do where the address is the server's own"}
	switch {
	case fault.HasReason(err, fault.TransactionPooler):
		c = backup.Failing(name, err)
		c.Result, c.Detail, c.Error = backup.CheckWarning, c.Detail+"; cofre makes no backup through it", nil
	case err != nil:
		c = backup.Failing(name, err)
	case !pooled:
		return nil
	}
	return []backup.Check{c}
}

// checkConfigured looks at the configured database, and at the programs.
func (e *database) checkConfigured(ctx context.Context, of source.Settings) []backup.Check {
	var checks []backup.Check
	clients, err := pgdump.Clients(ctx, pgdump.FindOptions{Path: e.c.PgDumpPath, Getenv: e.c.getenv})
	if err != nil {
		checks = append(checks, backup.Failing("pg_dump", err))
	}
	pgDumpWrong := err != nil
	t, err := e.target(ctx, of)
	if err != nil {
		if of.Name == "" && e.c.ServerKey != "" { // a server that begins with nothing, to be told there
			return append(checks, backup.Check{Name: "database", Result: backup.CheckWarning, Detail: "there is no source yet: nothing is backed up", Hint: "Add the first source in the web UI, or set DATABASE_URL."})
		}
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
		Detail: fmt.Sprintf("%s: PostgreSQL %s, %s, %s on its disk", t.Redacted(), server.Version, quantity.Plural(server.Tables, "table"), quantity.Bytes(server.Size))})
	pooled, err := t.Pooled(ctx, conn)
	checks = append(checks, checkConnection("database: connection", pooled, err)...)
	checks = append(checks, checkConcerns("database", postgres.Concerns(ctx, conn, time.Now()))...)
	if err := server.Readable(); err != nil {
		checks = append(checks, backup.Failing("database: rights", err))
	} else {
		checks = append(checks, backup.Check{Name: "database: rights", Result: backup.CheckOK, Detail: "role " + server.Role + " can read everything"})
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
