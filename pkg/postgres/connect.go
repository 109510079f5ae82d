package postgres

import (
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"cofre/pkg/fault"
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
	config := t.config.Copy()
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxBeforeLogin)
		return f
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, t.Explain(ctx, err)
	}
	conn.PgConn().Frontend().SetMaxBodyLen(maxMessage)
	return conn, nil
}

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
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, f
		case <-timer.C:
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
