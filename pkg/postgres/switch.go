package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/dbname"
	"cofre/pkg/fault"
	"cofre/pkg/pause"
)

// Switch puts one database in another's place, by their names: From gets the name Name, and what had that is kept as Keep.
type Switch struct {
	From, Name, Keep string
	Free             bool // nobody is to lose the name: Do refuses where a database has it
}

// Switched is what a switch would do, or did.
type Switched struct {
	Replaces  bool // there is a database Name, which is kept
	Sessions  int  // of both databases, which are ended
	Connected []Connected
}

// Connected are sessions of one role in a database, by what their programs call themselves and where they come from; the server tells neither of
// roles that the one that asks is no member of.
type Connected struct {
	Database, Role, Application, Address string
	Sessions                             int
}

// maxConnected bounds what is told of who is connected.
const maxConnected = 50

// Look refuses what cannot work, and tells what would be done on the target's server. Nothing is touched.
func (s Switch) Look(ctx context.Context, t Target) (Switched, error) {
	conn, t, err := s.connect(ctx, t)
	if err != nil {
		return Switched{}, err
	}
	defer Close(conn)
	return s.look(ctx, conn, t)
}

// Do looks, and switches in one transaction: either both names are changed or none. The sessions of both databases are ended, and
// whoever connects meanwhile waits until it is done.
func (s Switch) Do(ctx context.Context, t Target) (Switched, error) {
	conn, t, err := s.connect(ctx, t)
	if err != nil {
		return Switched{}, err
	}
	defer Close(conn)
	done, err := s.look(ctx, conn, t)
	switch {
	case err != nil:
		return done, err
	case done.Replaces && s.Free:
		return done, fault.New(fault.Validation, fault.InvalidInput, "Repeat its name to confirm that it is kept under another one.", "the database %q is there and would lose its name, which was not confirmed; nothing was changed", s.Name)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if done.Replaces {
			if err := rename(ctx, tx, t, s.Name, s.Keep); err != nil {
				return err
			}
		}
		return rename(ctx, tx, t, s.From, s.Name)
	})
	return done, t.Explain(ctx, err)
}

// connect reaches a database of the server that is none of those that are to be renamed.
func (s Switch) connect(ctx context.Context, t Target) (*pgx.Conn, Target, error) {
	for _, name := range []string{s.From, s.Name, s.Keep} {
		if err := dbname.Check(name); err != nil {
			return nil, t, err
		}
		if dbname.Own(name) {
			return nil, t, fault.New(fault.Validation, fault.InvalidInput, "Restore into a database of another name, and switch that.",
				"the database %q is the server's own, and is not renamed", name)
		}
	}
	if s.From == s.Name || s.From == s.Keep || s.Name == s.Keep {
		return nil, t, fault.New(fault.Validation, fault.InvalidInput, "Give three different names.", "%q, %q and %q are not three databases", s.From, s.Name, s.Keep)
	}
	return t.ConnectMaintenance(ctx, "rename databases", Policy{})
}

// switchQuery gives of the databases $1 whether they are there, are templates, belong to this role, who is in them that it may not
// end, and whether a restore holds them; and of the role whether it may rename databases. What kind a backend is is hidden from other roles; autovacuum's have no user, and leave by themselves.
var switchQuery = fmt.Sprintf(`WITH me AS (SELECT rolsuper, rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user)
SELECT d.datname, d.datistemplate, pg_catalog.pg_has_role(d.datdba, 'USAGE') OR me.rolsuper, me.rolcreatedb OR me.rolsuper,
	(SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid AND a.usesysid IS NOT NULL)::int,
	coalesce((SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(a.usename), ', ') FROM pg_catalog.pg_stat_activity a, pg_catalog.pg_roles r
		WHERE a.datid = d.oid AND r.oid = a.usesysid AND NOT me.rolsuper
			AND (r.rolsuper OR NOT pg_catalog.pg_has_role(r.oid, 'USAGE') AND NOT pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))), ''),
	(SELECT count(*) FROM pg_catalog.pg_prepared_xacts x WHERE x.database = d.datname)::int,
	EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.database = d.oid AND %s)
FROM pg_catalog.pg_database d, me WHERE d.datname = ANY ($1)`, heldLock)

func (s Switch) look(ctx context.Context, conn *pgx.Conn, t Target) (Switched, error) {
	var out Switched
	rows, err := conn.Query(ctx, switchQuery, []string{s.From, s.Name, s.Keep})
	if err != nil {
		return out, t.Explain(ctx, err)
	}
	var name, others string
	var template, owner, mayRename, held bool
	var sessions, prepared int
	found := map[string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&name, &template, &owner, &mayRename, &sessions, &others, &prepared, &held}, func() error {
		found[name] = true
		switch {
		case name == s.Keep:
			return fault.New(fault.Validation, fault.AlreadyExists, "Choose another name to keep the old database under.", "the database %q exists already; nothing was changed", name)
		case template:
			return fault.New(fault.Validation, fault.InvalidInput, "Switch an ordinary database.", "the database %q is a template; nothing was changed", name)
		case !mayRename:
			return fault.New(fault.Permission, fault.MissingPrivilege, "ALTER ROLE "+QuoteIdent(t.User())+" CREATEDB; or switch as a superuser.",
				"role %q may not rename databases, which takes CREATEDB; nothing was changed", t.User())
		case !owner:
			return fault.New(fault.Permission, fault.MissingPrivilege, "Switch as its owner, or as a superuser.", "the database %q does not belong to role %q; nothing was changed", name, t.User())
		case held:
			return fault.New(fault.Validation, fault.Busy, "Wait until it has ended, or cancel it.", "a restore into the database %q goes on; nothing was changed", name)
		case prepared > 0:
			return fault.New(fault.Validation, fault.TargetLacks, "Commit or roll them back first: SELECT gid, database FROM pg_prepared_xacts", "the database %q has %d prepared transactions, which hold it; nothing was changed", name, prepared)
		case others != "":
			return fault.New(fault.Permission, fault.MissingPrivilege, "End them first, or GRANT pg_signal_backend TO "+QuoteIdent(t.User())+"; those of superusers only a superuser ends.",
				"role %q may not end the sessions of %s in database %q; nothing was changed", t.User(), others, name)
		}
		out.Sessions += sessions
		return nil
	})
	switch {
	case err != nil:
		return out, t.Explain(ctx, err)
	case !found[s.From]:
		return out, fault.New(fault.Validation, fault.DatabaseMissing, "List the server's databases: psql -l", "there is no database %q on this server; nothing was changed", s.From)
	}
	out.Replaces = found[s.Name]
	out.Connected, err = s.connected(ctx, conn)
	return out, t.Explain(ctx, err)
}

func (s Switch) connected(ctx context.Context, conn *pgx.Conn) ([]Connected, error) {
	rows, err := conn.Query(ctx, `SELECT datname::text, usename::text, coalesce(application_name, ''), coalesce(pg_catalog.host(client_addr), ''), count(*)::int
		FROM pg_catalog.pg_stat_activity WHERE datname = ANY ($1) AND usesysid IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4 LIMIT $2`, []string{s.From, s.Name}, maxConnected)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Connected, err error) {
		err = row.Scan(&c.Database, &c.Role, &c.Application, &c.Address, &c.Sessions)
		return c, err
	})
}

// Bounds of waiting until a database is left by all.
const (
	leaveAttempts = 6
	endEvery      = 100 * time.Millisecond
)

// rename gives a database another name. RENAME locks the database, so that nobody gets in, and waits five seconds for those who are in
// it to leave (CountOtherDBBackends in procarray.c): they are ended meanwhile, from another session.
func rename(ctx context.Context, tx pgx.Tx, t Target, from, to string) error {
	ended, stop := make(chan error, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ended <- endAllIn(ctx, t, from, stop) }()
	sql := "ALTER DATABASE " + QuoteIdent(from) + " RENAME TO " + QuoteIdent(to)
	var err error
	for range leaveAttempts {
		err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
			_, err := tx.Exec(ctx, sql)
			return err
		})
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Code != "55006" { // object_in_use
			break
		}
	}
	close(stop)
	if failed := <-ended; err != nil && failed != nil {
		return fmt.Errorf("%w (and its sessions could not be ended: %w)", err, failed)
	}
	return err
}

// endAllIn ends the sessions of a database again and again until it is told to stop.
func endAllIn(ctx context.Context, t Target, database string, stop <-chan struct{}) error {
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer Close(conn)
	var failed error
	for {
		rows, err := conn.Query(ctx, "SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = $1 AND usesysid IS NOT NULL", database)
		if err != nil {
			return t.Explain(ctx, err)
		}
		sessions, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			return t.Explain(ctx, err)
		}
		for _, pid := range sessions { // each by itself: one that this role may not end keeps no other
			if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_terminate_backend($1)", pid); err != nil {
				failed = t.Explain(ctx, err)
			}
		}
		select {
		case <-stop:
			return failed
		default:
		}
		if err := pause.For(ctx, endEvery); err != nil {
			return err
		}
	}
}
