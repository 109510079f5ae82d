package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
)

// Reader is a further session over a frozen session's snapshot. It reads rows, for one goroutine.
type Reader struct {
	target Target
	conn   *pgx.Conn
	copy   *copyReader
}

// Read is what is read at once. Names and statements are bytes in the encoding that Encode has set.
type Read struct {
	Name string // for pg_stat_activity
	// Tables are named as SQL names them. They are locked as long as they are read, at once or not at all.
	Tables []string
	// Copy are statements, COPY ... TO STDOUT, one answer each.
	Copy []string
}

// ErrRefused is a table that is not locked at once, since somebody waits to change it: who waits behind him would wait for
// ever, as he waits for the session that holds the snapshot. That session can read it.
var ErrRefused = errors.New("a table is not to be locked at once")

// ErrOtherServer is an address that leads to more than one server.
var ErrOtherServer = errors.New("another connection to the same address reached another server")

// dumpSettings are pg_dump's own (setup_connection in pg_dump.c): rows as text depend on them. client_encoding is the
// archive's, see Encode.
const dumpSettings = `SELECT pg_catalog.set_config('search_path', '', false); SET client_min_messages = warning;
SET DateStyle = ISO; SET IntervalStyle = postgres; SET extra_float_digits = 3; SET synchronize_seqscans = off; SET row_security = off;
SET max_parallel_workers_per_gather = 0;
SELECT pg_catalog.set_config(name, 'view, foreign-table', false) FROM pg_catalog.pg_settings WHERE name = 'restrict_nonsystem_relation_kind';`

// NewReader connects once more to the server that the session has reached, proves that it is the same, and takes over the
// snapshot. The caller closes the reader.
func (s *Session) NewReader(ctx context.Context, application string) (*Reader, error) {
	first, frozen := s.now()
	if first == nil || frozen == nil {
		return nil, errHungUp
	}
	t := s.target.WithApplicationName(clip(application))
	conn, err := t.connectBeside(ctx, first)
	if err != nil {
		return nil, err
	}
	r := &Reader{target: t, conn: conn, copy: newCopyReader()}
	if err := r.join(ctx, frozen); err != nil {
		r.Close()
		return nil, t.Explain(ctx, err)
	}
	return r, nil
}

func (r *Reader) join(ctx context.Context, f *Frozen) error {
	r.conn.PgConn().Frontend().SetMaxBodyLen(maxMessage)
	var instance string
	if err := r.conn.QueryRow(ctx, "SELECT "+instanceQuery).Scan(&instance); err != nil {
		return err
	}
	if instance != f.instance {
		return fault.Wrap(ErrOtherServer, fault.DatabaseConnection, fault.ConnectionLost, "Connect to one server, not to a name or a balancer that stands for several.",
			"%s leads to more than one server", r.target.address())
	}
	if _, err := r.conn.Exec(ctx, dumpSettings, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	_, err := r.conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT "+quoteLiteral(f.Snapshot), pgx.QueryExecModeSimpleProtocol)
	return err
}

// clip cuts a name for pg_stat_activity, which keeps 63 bytes of ASCII.
func clip(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b[:min(len(b), 63)])
}

// Lock locks tables for as long as the reader lives, each at once or not at all, and returns those that were refused.
func (r *Reader) Lock(ctx context.Context, tables []FrozenTable) (refused []uint32, err error) {
	for _, t := range tables {
		_, err := r.conn.Exec(ctx, "SAVEPOINT cofre; "+lockTables([]FrozenTable{t}, " NOWAIT")+"; RELEASE SAVEPOINT cofre", pgx.QueryExecModeSimpleProtocol)
		var said *pgconn.PgError
		if errors.As(err, &said) {
			if _, err := r.conn.Exec(ctx, undo, pgx.QueryExecModeSimpleProtocol); err != nil {
				return refused, r.target.Explain(ctx, err)
			}
			refused = append(refused, t.OID)
			continue
		}
		if err != nil {
			return refused, r.target.Explain(ctx, err)
		}
	}
	return refused, nil
}

// Encode sets the encoding of all that is read, and of the names in what is asked.
func (r *Reader) Encode(ctx context.Context, encoding string) error {
	_, err := r.conn.Exec(ctx, "SET client_encoding = "+quoteLiteral(encoding), pgx.QueryExecModeSimpleProtocol)
	return r.target.Explain(ctx, err)
}

// Copy reads. It returns ErrRefused, before anything was given to the sink, when a table could not be locked; an error of the
// sink as it is; and otherwise a fault.
func (r *Reader) Copy(ctx context.Context, what Read, sink CopySink) error {
	return explainCopy(ctx, r.target, copyOnce(ctx, r.conn, r.copy, what, " NOWAIT", sink))
}

func explainCopy(ctx context.Context, t Target, err error) error {
	var own *sinkError
	switch {
	case errors.As(err, &own):
		return own.error
	case errors.Is(err, ErrRefused):
		return ErrRefused
	}
	return t.Explain(ctx, err)
}

// Close hangs up.
func (r *Reader) Close() { Close(r.conn) }

// Copy reads over the session that holds the locks, which nothing can refuse it. encoding is as for Reader.Encode.
func (s *Session) Copy(ctx context.Context, encoding string, what Read, sink CopySink) error {
	conn, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer s.give()
	if _, f := s.now(); f == nil {
		return errHungUp
	}
	if s.copy == nil {
		s.copy = newCopyReader()
	}
	// A message is read in the encoding of before it.
	const own = "SAVEPOINT cofre_own; SET LOCAL client_encoding = "
	_, err = conn.Exec(ctx, own+quoteLiteral(encoding)+"; "+localDumpSettings, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return s.target.Explain(ctx, err)
	}
	err = copyOnce(ctx, conn, s.copy, what, "", sink)
	if _, undone := conn.Exec(ctx, "ROLLBACK TO SAVEPOINT cofre_own; RELEASE SAVEPOINT cofre_own", pgx.QueryExecModeSimpleProtocol); err == nil {
		err = undone
	}
	return explainCopy(ctx, s.target, err)
}

// localDumpSettings are dumpSettings for a transaction, or a part of one.
var localDumpSettings = strings.NewReplacer("SET ", "SET LOCAL ", ", false)", ", true)").Replace(dumpSettings)

const undo = "ROLLBACK TO SAVEPOINT cofre; RELEASE SAVEPOINT cofre"

// copyOnce sends all of it in one message. A savepoint around it gives the locks back at once.
func copyOnce(ctx context.Context, conn *pgx.Conn, x *copyReader, what Read, nowait string, sink CopySink) error {
	var b strings.Builder
	b.WriteString("SAVEPOINT cofre; ")
	if what.Name != "" {
		b.WriteString("SET LOCAL application_name = " + quoteLiteral(clip(what.Name)) + "; ")
	}
	if len(what.Tables) > 0 {
		b.WriteString("LOCK TABLE ONLY " + strings.Join(what.Tables, ", ONLY ") + " IN ACCESS SHARE MODE" + nowait + "; ")
	}
	for _, c := range what.Copy {
		b.WriteString(c + "; ")
	}
	b.WriteString(undo)
	counted := &countedSink{CopySink: sink}
	err := x.copyRows(ctx, conn.PgConn(), b.String(), counted)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		if _, undone := conn.Exec(ctx, undo, pgx.QueryExecModeSimpleProtocol); undone != nil {
			return errors.Join(err, undone)
		}
		if (said.Code == "55P03" || said.Code == "53200" && nowait != "") && counted.begun == 0 { // 53200: no room for another lock
			return ErrRefused
		}
		return err
	}
	if err == nil && counted.ended != len(what.Copy) {
		return fmt.Errorf("%d statements were answered by %d", len(what.Copy), counted.ended)
	}
	return err
}

// countedSink counts answers, and tells the errors of a sink from others.
type countedSink struct {
	CopySink
	begun, ended int
}

type sinkError struct{ error }

func own(err error) error {
	if err == nil {
		return nil
	}
	return &sinkError{err}
}

func (c *countedSink) Begin() error { c.begun++; return own(c.CopySink.Begin()) }
func (c *countedSink) End() error   { c.ended++; return own(c.CopySink.End()) }

func (c *countedSink) Write(p []byte) (int, error) {
	n, err := c.CopySink.Write(p)
	return n, own(err)
}

// beside is the target's configuration for another connection to the very address that conn is connected to: a name may
// stand for several. Where that one has no TLS, it is not tried again.
func (t Target) beside(conn *pgx.Conn) *pgx.ConnConfig {
	config := t.config.Copy()
	if at := conn.PgConn().Conn().RemoteAddr(); at != nil && at.String() != "" {
		config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: config.ConnectTimeout}).DialContext(ctx, at.Network(), at.String())
		}
	}
	if _, secure := conn.PgConn().Conn().(interface{ VerifyHostname(string) error }); !secure {
		config.TLSConfig, config.Fallbacks = nil, nil
	}
	return config
}
