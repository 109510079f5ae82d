package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/dbname"
	"cofre/pkg/fault"
)

// Destination is what one look at the place of a restore found, before anything is touched: what the server is, and what
// the database is. A look changes nothing.
type Destination struct {
	Target   Target // the database to restore into
	Programs Target // the same as programs are to get it; see Target.ForPrograms
	// Exists reports whether the database is there. Of one that is not, only Name is known below.
	Exists bool

	Version     string // of the server, as it says it
	Major       int
	Standby     bool   // in recovery: nothing can be written
	ReadOnly    bool   // sessions begin read-only by default
	Role        string // that restores
	Superuser   bool
	Creates     bool     // whether the role may create databases
	Locks       int      // that the server's lock table holds for all sessions together, at least
	Roles       []string // all
	Extensions  []string // that could be created
	Tablespaces []string

	Name    string // of the database
	Owner   string
	Locale  Locale
	Content string // "3 tables, 1 function"; "" when it is empty
	// Privileges reports whether what the role creates gets privileges by itself (ALTER DEFAULT PRIVILEGES).
	Privileges bool
	// Hold keeps other restores out of the database; nil but from LookToRestore, and of one that is to be created.
	Hold *Hold
	// Restoring is the session of another restore that holds the database; "" where none does.
	Restoring string
	// EventTriggers run when something is created or dropped.
	EventTriggers []string

	maintenance Target // the database that was looked from when the one to restore into is to be created
}

// Looked is the database that was looked from: the one to restore into, or where that is to be created a maintenance database.
func (d *Destination) Looked() Target {
	if !d.Exists && d.maintenance.Database() != "" {
		return d.maintenance
	}
	return d.Target
}

// LookAt looks at the place of a restore, once. With create the database is expected not to exist, and the look is taken
// from a maintenance database of the same server; see [Target.ConnectMaintenance].
func LookAt(ctx context.Context, t Target, create bool, p Policy) (Destination, error) {
	return lookAt(ctx, t, create, p, false)
}

// LookToRestore is LookAt for whoever restores then: a database that is there is held first, so that it stays as it was found.
func LookToRestore(ctx context.Context, t Target, create bool, p Policy) (Destination, error) {
	return lookAt(ctx, t, create, p, true)
}

func lookAt(ctx context.Context, t Target, create bool, p Policy, hold bool) (d Destination, err error) {
	d = Destination{Target: t, Name: t.Database()}
	if create {
		if err := dbname.Check(d.Name); err != nil {
			return d, err
		}
		conn, from, err := t.ConnectMaintenance(ctx, "create database "+QuoteIdent(d.Name), p)
		if err != nil {
			return d, err
		}
		defer Close(conn)
		if err := from.RefuseTransactionPooler(ctx, conn); err != nil {
			return d, err // whoever fills the new database needs a session
		}
		err = d.readServer(ctx, conn)
		if d.maintenance = from; d.ReadOnly {
			d.maintenance = from.Writable()
		}
		return d, from.Explain(ctx, err)
	}
	conn, err := ConnectRetry(ctx, t, p)
	if err != nil {
		if fault.HasReason(err, fault.DatabaseMissing) {
			err = fault.Wrap(err, fault.DatabaseConnection, fault.DatabaseMissing, "Create it first. Or have it made: --create.",
				"the database %q does not exist at %s", t.Database(), t.Host())
		}
		return d, err
	}
	defer func() {
		if err != nil || !hold {
			d.Hold = nil
			Close(conn)
		}
	}()
	if err := t.RefuseTransactionPooler(ctx, conn); err != nil {
		return d, err
	}
	if hold {
		d.Hold = &Hold{conn}
		if err := d.Hold.take(ctx, t); err != nil {
			return d, err
		}
	}
	if err := d.readServer(ctx, conn); err != nil {
		return d, t.Explain(ctx, err)
	}
	return d, t.Explain(ctx, d.readDatabase(ctx, conn, hold))
}

func (d *Destination) readServer(ctx context.Context, conn *pgx.Conn) error {
	var num int
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		pg_catalog.pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', current_user::text, current_setting('is_superuser') = 'on',
		EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)),
		current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int),
		ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles), ARRAY(SELECT name::text FROM pg_catalog.pg_available_extensions),
		ARRAY(SELECT spcname::text FROM pg_catalog.pg_tablespace),
		EXISTS (SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1)`, d.Name).
		Scan(&num, &d.Version, &d.Standby, &d.ReadOnly, &d.Role, &d.Superuser, &d.Creates, &d.Locks, &d.Roles, &d.Extensions, &d.Tablespaces, &d.Exists)
	if d.Major = num / 10000; err != nil {
		return err
	}
	d.Programs, err = d.Target.ForPrograms(ctx, conn)
	return err
}

func (d *Destination) readDatabase(ctx context.Context, conn *pgx.Conn, held bool) (err error) {
	d.Exists = true // also where a pooler knows it by another name
	err = conn.QueryRow(ctx, `SELECT datname::text, pg_catalog.pg_get_userbyid(datdba)::text, EXISTS (SELECT 1 FROM pg_catalog.pg_default_acl
			WHERE pg_catalog.pg_get_userbyid(defaclrole) = current_user AND defaclobjtype IN ('r', 'S')),
			ARRAY(SELECT evtname::text FROM pg_catalog.pg_event_trigger WHERE evtenabled IN ('O', 'A') AND evtevent <> 'login' ORDER BY 1)
		FROM pg_catalog.pg_database WHERE datname = current_database()`).Scan(&d.Name, &d.Owner, &d.Privileges, &d.EventTriggers)
	if err != nil {
		return err
	}
	if !held {
		if d.Restoring, err = holder(ctx, conn); err != nil {
			return err
		}
	}
	if d.Locale, err = readLocale(ctx, conn, d.Major*10000); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, stableSession, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	found, err := contentOf(ctx, tx)
	d.Content = strings.Join(found, ", ")
	return err
}

// Create makes the database of a look that found none. The tablespace "" is the server's default.
func (d Destination) Create(ctx context.Context, l Locale, tablespace string) error {
	return createDatabase(ctx, d.maintenance, d.Name, l, tablespace)
}

// Drop drops what Create made.
func (d Destination) Drop(ctx context.Context) error { return DropDatabase(ctx, d.maintenance, d.Name) }

// Run executes statements about the database from outside of it, each on its own and in one session, and returns those
// that the server refused, with the reasons.
func (d Destination) Run(ctx context.Context, statements []string) (refused []Refused, err error) {
	if len(statements) == 0 {
		return nil, nil
	}
	conn, err := d.maintenance.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer Close(conn)
	for _, sql := range statements {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		var pgErr *pgconn.PgError
		switch {
		case errors.As(err, &pgErr):
			refused = append(refused, Refused{Statement: sql, Reason: pgErr.Message})
		case err != nil:
			return refused, d.maintenance.Explain(ctx, err)
		}
	}
	return refused, nil
}

// Refused is a statement that the server did not execute.
type Refused struct {
	Statement string
	Reason    string // the server's message, in its language
}
