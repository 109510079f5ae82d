package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Session is the one connection that everything about a backup is asked of: what the database is, what is in it, its
// schema's version, and, once it is frozen, one state of it that others can read too. It is safe for use by several
// goroutines, which take turns. Close ends it.
type Session struct {
	target Target // as it was reached

	mu     sync.Mutex
	conn   *pgx.Conn // nil once closed
	frozen *Frozen

	turn     chan struct{} // full while somebody has the connection, and what follows, to himself
	who      *Identity     // once asked
	suitable bool          // no pooler by transaction
	copy     *copyReader
	dumped   *Dumped // once asked
}

// errHungUp is for what is asked of a session that was closed.
var errHungUp = errors.New("the session is closed")

// OpenSession connects, as ConnectRetry does.
func OpenSession(ctx context.Context, t Target, p Policy) (*Session, error) {
	conn, err := ConnectRetry(ctx, t, p)
	if err != nil {
		return nil, err
	}
	return &Session{target: t, conn: conn, turn: make(chan struct{}, 1)}, nil
}

// Target is what the session is connected to.
func (s *Session) Target() Target { return s.target }

// Close hangs up, and waits two seconds at most for a server that no longer answers. With it go locks and snapshot. It may
// be called several times.
func (s *Session) Close() {
	conn, err := s.take(context.Background())
	if err != nil {
		return
	}
	defer s.give()
	Close(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.frozen = nil, nil
}

// take waits for the connection, until ctx ends. Who has got it gives it back.
func (s *Session) take(ctx context.Context) (*pgx.Conn, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, s.target.Explain(ctx, context.Cause(ctx))
	}
	conn, _ := s.now()
	if conn == nil {
		s.give()
		return nil, errHungUp
	}
	return conn, nil
}

func (s *Session) give() { <-s.turn }

// now is the connection, for whoever only looks at it, and what it has frozen.
func (s *Session) now() (*pgx.Conn, *Frozen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn, s.frozen
}

func (s *Session) freeze(f *Frozen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frozen = f
}

// Alive asks the server for a sign of life, within a second or two. A session that somebody has to himself for longer gives none.
func (s *Session) Alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return s.do(ctx, func(conn *pgx.Conn) error { return conn.Ping(ctx) }) == nil
}

// do gives fn the connection to itself, and makes faults of the driver's errors.
func (s *Session) do(ctx context.Context, fn func(conn *pgx.Conn) error) error {
	conn, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer s.give()
	return s.target.Explain(ctx, fn(conn))
}

// within gives fn a transaction that is undone: in a frozen session a part of the one that holds the snapshot.
func (s *Session) within(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return s.do(ctx, func(conn *pgx.Conn) error {
		begin := func(ctx context.Context) (pgx.Tx, error) {
			return conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		}
		if _, f := s.now(); f != nil {
			begin = f.tx.Begin // a savepoint
		}
		tx, err := begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
		return fn(tx)
	})
}

// RefuseTransactionPooler is Target.RefuseTransactionPooler for this session. It looks once.
func (s *Session) RefuseTransactionPooler(ctx context.Context) error {
	return s.do(ctx, func(conn *pgx.Conn) error {
		if s.suitable {
			return nil
		}
		err := s.target.RefuseTransactionPooler(ctx, conn)
		s.suitable = err == nil
		return err
	})
}

// Inspect is the function Inspect for this session, which is not frozen yet. TableBytes is what the planner knows, and so is Size
// where there are very many tables.
func (s *Session) Inspect(ctx context.Context, sel Selection) (server Server, err error) {
	if err := sel.Check(); err != nil {
		return Server{}, err
	}
	err = s.do(ctx, func(conn *pgx.Conn) (err error) { server, err = inspect(ctx, conn, sel, false); return err })
	return server, err
}

// Identify is Target.Identify for this session. It asks once.
func (s *Session) Identify(ctx context.Context) (who Identity, err error) {
	err = s.do(ctx, func(conn *pgx.Conn) error {
		if s.who != nil {
			who = *s.who
			return nil
		}
		who, err = s.target.Identify(ctx, conn)
		if err == nil {
			s.who = &who
		}
		return err
	})
	return who, err
}

// WithNeeds is the function WithNeeds for this session.
func (s *Session) WithNeeds(ctx context.Context, sel Selection) (wide Selection, err error) {
	err = s.do(ctx, func(conn *pgx.Conn) (err error) { wide, err = WithNeeds(ctx, conn, sel); return err })
	return wide, err
}

// RestoreRemarks is the function RestoreRemarks for this session.
func (s *Session) RestoreRemarks(ctx context.Context, sel Selection) (remarks []string, err error) {
	err = s.do(ctx, func(conn *pgx.Conn) (err error) { remarks, err = RestoreRemarks(ctx, conn, sel); return err })
	return remarks, err
}

// SchemaVersion is the function SchemaVersion for this session: of its snapshot, where it has one. Without catalog it is "" where no
// migration tool is found: hashing the catalog takes the server as long as pg_dump's reading it.
func (s *Session) SchemaVersion(ctx context.Context, catalog bool) (version string, err error) {
	err = s.within(ctx, func(tx pgx.Tx) (err error) { version, err = schemaVersion(ctx, tx, catalog); return err })
	return version, err
}

// Dumped is what programs that dump need to know of their source.
type Dumped struct {
	Programs   Target // as programs are to get it; see Target.ForPrograms
	VersionNum int    // 180001
	Standby    bool
	// Pooled tells that the session goes through a pooler: the process that the client was told is not the one that serves it.
	Pooled bool
	// Stamped tells that columns have versions, which some minor releases keep as a column option.
	Stamped     bool
	Description Description // for a script; only where it was asked for
}

// Dumped asks for what a program that dumps needs to know.
func (s *Session) Dumped(ctx context.Context, describe bool) (d Dumped, err error) {
	err = s.do(ctx, func(conn *pgx.Conn) error {
		if s.dumped == nil {
			var pid uint32
			var known Dumped
			err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_catalog.pg_is_in_recovery(), pg_catalog.pg_backend_pid(), EXISTS (SELECT 1 FROM pg_catalog.pg_attribute
				WHERE attoptions IS NOT NULL AND attoptions::text LIKE '%pg_attver=%')`).Scan(&known.VersionNum, &known.Standby, &pid, &known.Stamped)
			if err != nil {
				return err
			}
			known.Pooled = pid != conn.PgConn().PID()
			if known.Programs, err = s.target.ForPrograms(ctx, conn); err != nil {
				return err
			}
			s.dumped = &known
		}
		d = *s.dumped
		if describe {
			d.Description, err = Describe(ctx, conn)
		}
		return err
	})
	return d, err
}

// Spare tells how many more connections the server would take: the least of what itself, the database and the role allow.
// Others come and go, so that it is a hint. It is 1000 at most.
func (s *Session) Spare(ctx context.Context) (n int, err error) {
	err = s.do(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT greatest(0, least(1000,
				current_setting('max_connections')::int - count(*) - CASE WHEN r.rolsuper THEN 0 ELSE
					current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0) END,
				CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit - count(*) FILTER (WHERE a.datid = d.oid) END,
				CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit - count(*) FILTER (WHERE a.usesysid = r.oid) END))::int
			FROM pg_catalog.pg_stat_activity a, pg_catalog.pg_database d, pg_catalog.pg_roles r
			WHERE a.datid <> 0 AND d.datname = pg_catalog.current_database() AND r.rolname = session_user
			GROUP BY d.datconnlimit, d.oid, r.rolconnlimit, r.oid, r.rolsuper`).Scan(&n)
	})
	return n, err
}
