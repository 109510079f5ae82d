package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
)

// Policy says how often to try again when a failure is transient.
type Policy struct {
	Retries int           // tries after the first one
	Delay   time.Duration // before the first retry
	Growth  float64       // factor of each further delay; below 1 means 1
}

// DefaultPolicy is three retries after 5, 10 and 20 seconds.
var DefaultPolicy = Policy{Retries: 3, Delay: 5 * time.Second, Growth: 2}

// Connect opens a connection, which the caller closes. It tries once; each host has connect_timeout
// seconds (10 by default). Failures are faults as described at [Explain].
func (t Target) Connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := open(ctx, t.config, false)
	return conn, t.Explain(ctx, err)
}

// connectBeside opens another connection to the very address that conn, a session of our own, is connected to.
func (t Target) connectBeside(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, error) {
	beside, err := open(ctx, t.beside(conn), true)
	return beside, t.Explain(ctx, err)
}

// open connects and takes the session over. A timeout of the role's or the database's may be too short for the very question that
// switches it off. Then the next session is without from its first moment; no session is at once, because poolers refuse such options.
func open(ctx context.Context, config *pgx.ConnConfig, own bool) (*pgx.Conn, error) {
	conn, names, err := openOnce(ctx, config.Copy(), own)
	if !hasState(err, "57014", "25P03", "25P04", "57P05") { // the timeouts of statements, idle transactions, transactions, idle sessions
		return conn, err
	}
	config = config.Copy()
	for _, name := range names {
		config.RuntimeParams["options"] += " -c " + name + "=0"
	}
	conn, _, again := openOnce(ctx, config, own)
	if hasState(again, "08P01") {
		return nil, err
	}
	return conn, again
}

// openOnce also returns the settings that the session's server has for timeouts.
func openOnce(ctx context.Context, config *pgx.ConnConfig, own bool) (*pgx.Conn, []string, error) {
	conn, err := dial(ctx, config)
	if err != nil {
		return nil, timeouts(0), err
	}
	if err := takeOver(ctx, conn, own); err != nil {
		Close(conn)
		return nil, timeouts(serverMajor(conn)), err
	}
	return conn, nil, nil
}

// hasState reports whether the server answered with one of these SQLSTATEs.
func hasState(err error, states ...string) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && slices.Contains(states, said.Code)
}

// dial connects, and bounds what comes.
func dial(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		x := newWire(r, w)
		f := pgproto3.NewFrontend(x, x)
		f.SetMaxBodyLen(maxBeforeLogin)
		return f
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	conn.PgConn().Frontend().SetMaxBodyLen(maxMessage)
	return conn, nil
}

// takeOver makes sure that what our own statements name is the system's: whoever owns the database chooses where its sessions look for
// names, and puts functions and operators there that fit better than the system's (CVE-2018-1058); they would run as our role. And no
// timeout of the role's, the database's or the server's ends what is asked, or an idle session that holds a snapshot.
// A session that a pooler may share with others stays as it is until it is known to be ours (own), and only its transactions are
// changed.
func takeOver(ctx context.Context, conn *pgx.Conn, own bool) error {
	if conn.PgConn().CustomData()[namesKnown] != nil {
		return nil
	}
	who := "true"
	if !own {
		who = fmt.Sprintf("pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %d", int32(conn.PgConn().PID()))
	}
	set := fmt.Sprintf(setNames, false)
	for _, name := range timeouts(serverMajor(conn)) {
		set += " OPERATOR(pg_catalog.||) pg_catalog.set_config('" + name + "', '0', false)"
	}
	err := conn.QueryRow(ctx, "SELECT own, CASE WHEN own THEN "+set+" END FROM (SELECT "+who+" AS own) s", pgx.QueryExecModeSimpleProtocol).Scan(&own, nil)
	if err == nil && own {
		conn.PgConn().CustomData()[namesKnown] = true
	}
	return err
}

// timeouts are the settings of a server that end statements, transactions and sessions.
func timeouts(major int) []string {
	names := []string{"statement_timeout", "lock_timeout"}
	for _, later := range []struct {
		since int
		name  string
	}{{10, "idle_in_transaction_session_timeout"}, {14, "idle_session_timeout"}, {17, "transaction_timeout"}} {
		if major >= later.since {
			names = append(names, later.name)
		}
	}
	return names
}

// serverMajor is what the server said of itself when it was connected to; 9 for all before 10, and 0 when it said nothing.
func serverMajor(conn *pgx.Conn) int {
	said := conn.PgConn().ParameterStatus("server_version")
	major, _ := strconv.Atoi(said[:len(said)-len(strings.TrimLeft(said, "0123456789"))])
	return major
}

// namesKnown marks a connection whose session looks for names in the system's schema alone.
const namesKnown = "cofre.schemas"

// setNames changes where a session (false), or its transaction (true), looks for names. Where it would have looked it notes.
const setNames = `pg_catalog.set_config('cofre.schemas', pg_catalog.current_schemas(true)::pg_catalog.text, %[1]t) OPERATOR(pg_catalog.||)
	pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', %[1]t)`

// systemNames makes a transaction look for names in the system's schema alone. Where it would have looked it notes, for patterns that
// name a table without its schema; see visible.
func systemNames(ctx context.Context, conn *pgx.Conn) error {
	if conn.PgConn().CustomData()[namesKnown] != nil {
		return nil
	}
	_, err := conn.Exec(ctx, "SELECT "+fmt.Sprintf(setNames, true), pgx.QueryExecModeSimpleProtocol)
	return err
}

// visible is whether the relation c of the schema n is found by its name alone, where the session would have looked.
const visible = `n.oid OPERATOR(pg_catalog.=) (SELECT vn.oid FROM (SELECT a.a[i] AS schema, i FROM (SELECT a, pg_catalog.generate_subscripts(a, 1) AS i
		FROM (SELECT pg_catalog.current_setting('cofre.schemas')::pg_catalog.name[] AS a) a) a) v
	JOIN pg_catalog.pg_namespace vn ON vn.nspname OPERATOR(pg_catalog.=) v.schema
	JOIN pg_catalog.pg_class vc ON vc.relnamespace OPERATOR(pg_catalog.=) vn.oid AND vc.relname OPERATOR(pg_catalog.=) c.relname
	ORDER BY v.i LIMIT 1)`

// Bounds of one message of the server's, in bytes, which is read as a whole. Before the login anybody may be answering; after it,
// rows of the catalog are the longest that is asked for.
const (
	maxBeforeLogin = 64 << 10
	maxMessage     = 32 << 20
)

// ConnectRetry connects like Target.Connect and tries again while the failure is transient. The fault of
// the last try says how many there were.
func ConnectRetry(ctx context.Context, t Target, p Policy) (*pgx.Conn, error) {
	delay := p.Delay
	for attempt := 1; ; attempt++ {
		conn, err := t.Connect(ctx)
		if err == nil {
			return conn, nil
		}
		f := fault.From(err)
		f.Attempts = attempt
		if !f.Transient || attempt > p.Retries {
			return nil, f
		}
		if pause.For(ctx, delay) != nil {
			return nil, f
		}
		delay = time.Duration(float64(delay) * max(p.Growth, 1))
	}
}

// Close ends a connection, and waits two seconds at most for a server that no longer answers.
func Close(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// readOnly runs fn in one read-only transaction that sees one state of the database and in which neither the
// role's nor the database's own settings change what a query answers.
func readOnly(ctx context.Context, t Target, fn func(pgx.Tx) error) error {
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer Close(conn)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return t.Explain(ctx, err)
	}
	if _, err := tx.Exec(ctx, stableSession, pgx.QueryExecModeSimpleProtocol); err != nil {
		return t.Explain(ctx, err)
	}
	if err := fn(tx); err != nil {
		return t.Explain(ctx, err)
	}
	return t.Explain(ctx, tx.Rollback(ctx))
}

// stableSession makes text output of values the same on every server, for one transaction.
const stableSession = `
SET LOCAL search_path = pg_catalog;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '60s';
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL row_security = off;
SET LOCAL extra_float_digits = 3;
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL bytea_output = 'hex';
SET LOCAL xmloption = 'content';
SET LOCAL lc_monetary = 'C';
SET LOCAL quote_all_identifiers = off`
