package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
)

// Frozen is one state of a database: its tables are locked against everything but reading and writing rows, and its snapshot
// can be read by others.
type Frozen struct {
	// Snapshot is the name for SET TRANSACTION SNAPSHOT, on this very instance.
	Snapshot string
	// Tables are those with rows to be read, by oid.
	Tables map[uint32]FrozenTable
	// Objects are all large objects, in ascending order, and ObjectBytes about what they take, 0 where they are not to be read.
	Objects     []uint32
	ObjectBytes int64

	tx       pgx.Tx
	objects  bool   // large objects are to be read, too
	instance string // what every other session must find too
}

// Weight is of all tables and large objects, as far as Measure has seen them.
func (f *Frozen) Weight() Weight {
	w := Weight{Bytes: f.ObjectBytes}
	for _, t := range f.Tables {
		w.Bytes += t.Bytes
		w.Toast = max(w.Toast, t.Toast)
	}
	return w
}

// Weight is how much the server's disk holds of what is to be read.
type Weight struct {
	Bytes int64 // of rows and large objects
	// Toast is the largest of the tables' TOAST, in bytes. A row of a table can be 255 times that when it is read: so much do PostgreSQL's
	// compressors save at most.
	Toast int64
}

// FrozenTable is a table that a session has locked.
type FrozenTable struct {
	OID          uint32
	Schema, Name string
	Kind         byte // pg_class.relkind: r or p
	// Heap tells that the table is one of PostgreSQL's own, whose pages can be read in ranges.
	Heap  bool
	Pages int64 // under the lock; rows that came later are not in the snapshot
	Bytes int64 // of its pages and TOAST's
	Toast int64 // of TOAST's pages
	// Condition is what an extension restricts the rows of its configuration table to, "WHERE ..."; "" is none.
	Condition string
}

// FreezeOptions say what to lock.
type FreezeOptions struct {
	Selection Selection
	// Wait bounds how long to try to get the locks, while others hold some.
	Wait time.Duration
	// Application is how the session is called in pg_stat_activity from now on; "" changes nothing.
	Application string
}

// Errors of Freeze that say why it is not to be had here, though a dump may be.
var (
	ErrNoLocks = errors.New("the server's lock table has no room for the locks of another session (max_locks_per_transaction)")
	ErrDenied  = errors.New("the role may not lock each table")
	ErrNames   = errors.New("there are names that are not valid in UTF-8")
)

const (
	// lockTry is how long one try waits for a lock, holding others. It is below the time after which a server looks for
	// deadlocks (deadlock_timeout, 1 s), so that none of somebody else's transactions dies of ours.
	lockTry = 700 * time.Millisecond
	// freezeTries bounds how often tables may come and go meanwhile.
	freezeTries = 100
	// lockBatch is how many tables one statement locks.
	lockBatch = 1000
)

// Freeze locks the selected tables in ACCESS SHARE mode, and takes a snapshot after that: what a VACUUM FULL, a TRUNCATE or an
// ALTER TABLE does between a snapshot and a lock changes rows behind a snapshot's back. Tables are listed before and after; when
// one came or went in between, all begins anew.
func (s *Session) Freeze(ctx context.Context, o FreezeOptions) (*Frozen, error) {
	err := s.do(ctx, func(conn *pgx.Conn) error {
		settings := "SET client_min_messages = warning;"
		if o.Application != "" {
			settings += "SET application_name = " + quoteLiteral(clip(o.Application)) + ";"
		}
		if _, err := conn.Exec(ctx, settings, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		f, err := freeze(ctx, conn, o)
		if err != nil {
			return denied(err)
		}
		s.freeze(f)
		return nil
	})
	_, f := s.now()
	return f, err
}

// Thaw gives locks and snapshot back.
func (s *Session) Thaw(ctx context.Context) error {
	return s.do(ctx, func(*pgx.Conn) error {
		_, f := s.now()
		if f == nil {
			return nil
		}
		s.freeze(nil)
		return f.tx.Rollback(ctx)
	})
}

// denied names the errors after which a dump may still be had.
func denied(err error) error {
	var said *pgconn.PgError
	switch {
	case !errors.As(err, &said):
		return err
	case said.Code == "53200": // out of shared memory
		return fault.Wrap(fmt.Errorf("%w: %w", ErrNoLocks, err), fault.BackupCreation, fault.LimitReached,
			"Raise max_locks_per_transaction in the server's configuration and restart it.", "%s", ErrNoLocks)
	case said.Code == "22021" || said.Code == "22P05": // a database without an encoding, or of one that has more than UTF-8
		return fault.Wrap(fmt.Errorf("%w: %w", ErrNames, err), fault.BackupCreation, "", "", "%s", ErrNames)
	case said.Code == "42501":
		return fault.Wrap(fmt.Errorf("%w: %w", ErrDenied, err), fault.Permission, fault.MissingPrivilege,
			"Grant the role SELECT on all tables (GRANT pg_read_all_data TO it).", "%s", ErrDenied)
	}
	return err
}

func freeze(ctx context.Context, conn *pgx.Conn, o FreezeOptions) (*Frozen, error) {
	deadline := time.Now().Add(o.Wait)
	wait := 10 * time.Millisecond
	for try := 1; ; try++ {
		f, err := freezeOnce(ctx, conn, o.Selection)
		if err == nil {
			return f, nil
		}
		var said *pgconn.PgError
		var blocked *blockedError
		switch {
		case errors.As(err, &blocked) && time.Now().Before(deadline):
			try-- // that is bounded by time
			wait = min(2*wait, 2*time.Second)
		case errors.As(err, &blocked):
			return nil, blocked.fault(o.Wait)
		case errors.Is(err, errTablesChanged), errors.As(err, &said) && slices.Contains([]string{"42P01", "3F000", "40P01", "55P03"}, said.Code):
			if try < freezeTries {
				break // a table is gone, or locked as soon as it had come, or the server saw a deadlock
			}
			f := fault.Wrap(err, fault.BackupCreation, fault.ExitStatus, "Try again when no migration is running.", "tables came and went while they were to be locked")
			f.Transient = true
			return nil, f
		default:
			return nil, err
		}
		if err := pause.For(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// LockHint is what to do about a lock that a backup waited for in vain.
const LockHint = "Another session holds it: see pg_stat_activity and pg_locks. Try again, or raise BACKUP_LOCK_WAIT_TIMEOUT."

// blockedError is a lock that was not to be had in time.
type blockedError struct{ table, by string }

func (b *blockedError) Error() string { return b.table + " is locked by " + b.by }

func (b *blockedError) fault(wait time.Duration) error {
	f := fault.Wrap(b, fault.BackupCreation, fault.LockTimeout, LockHint,
		"timed out after %s waiting for a lock on %s: %s", wait, b.table, b.by)
	f.Transient = true
	return f
}

var errTablesChanged = errors.New("tables came or went between listing and locking")

// tablesToFreeze lists the tables whose rows are to be read.
func tablesToFreeze(ctx context.Context, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, sel Selection) ([]FrozenTable, error) {
	rows, err := q.Query(ctx, selected+` SELECT oid, nspname::text, relname::text, relkind::text FROM taken WHERE relkind IN ('r', 'p') AND data ORDER BY oid`, selectionArgs(sel)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t FrozenTable, err error) {
		var kind string
		if err = row.Scan(&t.OID, &t.Schema, &t.Name, &kind); err == nil {
			t.Kind = kind[0]
		}
		return t, err
	})
}

// freezeOnce is one try. What it holds when it fails it lets go.
func freezeOnce(ctx context.Context, conn *pgx.Conn, sel Selection) (_ *Frozen, err error) {
	before, err := tablesToFreeze(ctx, conn, sel)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback(context.WithoutCancel(ctx))
		}
	}()
	// LOCK takes no snapshot, nor do settings.
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", lockTry.Milliseconds()), pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(before, lockBatch) {
		var said *pgconn.PgError
		_, err := tx.Exec(ctx, lockTables(batch, ""), pgx.QueryExecModeSimpleProtocol)
		if errors.As(err, &said) && said.Code == "55P03" {
			_ = tx.Rollback(ctx)
			return nil, whoBlocks(ctx, conn, batch)
		}
		if err != nil {
			return nil, err
		}
	}
	f := &Frozen{tx: tx, objects: sel.takesObjects(), Tables: make(map[uint32]FrozenTable, len(before))}
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = 0", pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, err
	}
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.pg_export_snapshot(), "+instanceQuery).Scan(&f.Snapshot, &f.instance); err != nil {
		return nil, err
	}
	after, err := tablesToFreeze(ctx, tx, sel)
	if err != nil {
		return nil, err
	}
	if err := lockLate(ctx, tx, before, after); err != nil {
		return nil, err
	}
	for _, t := range after {
		f.Tables[t.OID] = t
	}
	return f, nil
}

// lockLate locks tables that came after the first listing, and makes sure that nobody has rewritten or emptied them since the
// snapshot: then they have another file. Those that went are not missed.
func lockLate(ctx context.Context, tx pgx.Tx, before, after []FrozenTable) error {
	known := make(map[uint32]FrozenTable, len(before))
	for _, t := range before {
		known[t.OID] = t
	}
	var late []FrozenTable
	var oids []int64
	for _, t := range after {
		switch b, ok := known[t.OID]; {
		case !ok:
			late, oids = append(late, t), append(oids, int64(t.OID))
		case b != t:
			return errTablesChanged // another table had its name
		}
	}
	if len(late) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, lockTables(late, " NOWAIT"), pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	var changed bool
	err := tx.QueryRow(ctx, `SELECT bool_or(pg_catalog.pg_relation_filenode(oid) IS DISTINCT FROM relfilenode) FROM pg_catalog.pg_class
		WHERE oid = ANY ($1::bigint[]::oid[]) AND relkind = 'r'`, oids).Scan(&changed)
	if err == nil && changed {
		err = errTablesChanged
	}
	return err
}

// instanceQuery tells one running server from any other: addresses lead to several where there is a pooler or a balancer.
const instanceQuery = `pg_catalog.pg_postmaster_start_time()::text || ' ' || coalesce(pg_catalog.inet_server_addr()::text, 'socket') || ' ' ||
	coalesce(pg_catalog.inet_server_port()::text, '') || ' ' || pg_catalog.pg_is_in_recovery() || ' ' || (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`

// lockTables is a statement that locks tables, and not their children.
func lockTables(tables []FrozenTable, nowait string) string {
	var b strings.Builder
	b.WriteString("LOCK TABLE ")
	for i, t := range tables {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("ONLY " + QuoteIdent(t.Schema) + "." + QuoteIdent(t.Name))
	}
	b.WriteString(" IN ACCESS SHARE MODE" + nowait)
	return b.String()
}

// whoBlocks finds out which table could not be locked.
func whoBlocks(ctx context.Context, conn *pgx.Conn, tables []FrozenTable) error {
	var oids []int64
	for _, t := range tables {
		oids = append(oids, int64(t.OID))
	}
	var table, role, app, state string
	var pid, seconds int
	err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, l.relation, 0), coalesce(l.pid, 0),
			coalesce(a.usename::text, ''), coalesce(a.application_name, ''), coalesce(a.state, ''), coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change), 0)::bigint
		FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
			AND l.relation = ANY ($1::bigint[]::oid[]) ORDER BY l.granted DESC LIMIT 1`, oids).Scan(&table, &pid, &role, &app, &state, &seconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return &blockedError{"a table", "a session that has ended since"}
	}
	if err != nil {
		return err
	}
	return &blockedError{table, describeSession(pid, role, app, state, time.Duration(seconds)*time.Second)}
}

// measureAll is how many tables are measured in any case. Of more, only those that may have rows by their statistics: the server
// opens each table that it measures, and 20,000 empty ones take seconds. One whose statistics were lost counts as empty then, and is
// read in one piece.
const measureAll = 2000

// ManyTables is from how many on it pays to ask Weigh before Freeze.
const ManyTables = measureAll

// Weigh is about how much the selected rows, and all large objects if they are selected, are, without a lock held: by the planner's statistics, and by the
// files of tables that have rows and no statistics. Of too many of those Bytes is 1<<62. TOAST's files are looked at themselves, which
// ANALYZE leaves out.
func (s *Session) Weigh(ctx context.Context, sel Selection) (w Weight, err error) {
	err = s.within(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'", pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		return tx.QueryRow(ctx, selected+fmt.Sprintf(`, tables AS MATERIALIZED (
				SELECT c.oid, c.relpages, c.reltoastrelid, t.relpages AS toastpages FROM taken c LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
				WHERE c.relkind = 'r' AND c.data
			), known AS (
				SELECT relpages::bigint + coalesce(toastpages, 0) AS pages FROM tables WHERE relpages > 0
			), unknown AS MATERIALIZED (
				SELECT oid FROM tables WHERE relpages = 0 AND pg_catalog.pg_stat_get_tuples_inserted(oid) > 0
			), toast AS (
				SELECT pg_catalog.pg_relation_size(reltoastrelid) AS bytes FROM tables
				WHERE reltoastrelid <> 0 AND (toastpages > 0 OR pg_catalog.pg_stat_get_tuples_inserted(reltoastrelid) > 0 OR (SELECT count(*) FROM tables) <= %[1]d)
			)
			SELECT CASE WHEN (SELECT count(*) FROM unknown) > %[1]d THEN 1::bigint << 62 ELSE
				coalesce((SELECT sum(pages) * current_setting('block_size')::bigint FROM known), 0) + coalesce((SELECT sum(pg_catalog.pg_table_size(oid)) FROM unknown), 0)
					+ CASE WHEN $5 THEN pg_catalog.pg_relation_size('pg_catalog.pg_largeobject'::regclass) ELSE 0 END END::bigint, coalesce((SELECT max(bytes) FROM toast), 0)`, measureAll), append(selectionArgs(sel), sel.takesObjects())...).Scan(&w.Bytes, &w.Toast)
	})
	return w, err
}

// Measure learns how large the frozen tables are, which of them can be read in ranges, and which belong to an extension that
// restricts their rows.
func (s *Session) Measure(ctx context.Context) (*Frozen, error) {
	_, f := s.now()
	err := s.within(ctx, func(tx pgx.Tx) error {
		var oids []int64
		for oid := range f.Tables {
			oids = append(oids, int64(oid))
		}
		rows, err := tx.Query(ctx, `SELECT c.oid, coalesce(a.amname = 'heap', false), pg_catalog.pg_relation_size(c.oid),
				CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_catalog.pg_relation_size(c.reltoastrelid) END, current_setting('block_size')::bigint
			FROM unnest($1::bigint[]::oid[]) o JOIN pg_catalog.pg_class c ON c.oid = o LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
			WHERE c.relkind = 'r' AND ($2 OR c.relpages > 0 OR pg_catalog.pg_stat_get_tuples_inserted(c.oid) > 0)`, oids, len(oids) <= measureAll)
		if err != nil {
			return err
		}
		var m FrozenTable
		var toast, block int64
		_, err = pgx.ForEachRow(rows, []any{&m.OID, &m.Heap, &m.Bytes, &toast, &block}, func() error {
			t := f.Tables[m.OID]
			t.Heap, t.Pages, t.Bytes, t.Toast = m.Heap, m.Bytes/block, m.Bytes+toast, toast
			f.Tables[m.OID] = t
			return nil
		})
		if err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `SELECT t.oid, t.condition FROM pg_catalog.pg_extension e, unnest(e.extconfig, e.extcondition) AS t (oid, condition) WHERE t.condition <> ''`)
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&m.OID, &m.Condition}, func() error {
			if t, ok := f.Tables[m.OID]; ok {
				t.Condition = m.Condition
				f.Tables[m.OID] = t
			}
			return nil
		})
		if err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, "SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid"); err != nil {
			return err
		}
		if f.Objects, err = pgx.CollectRows(rows, pgx.RowTo[uint32]); err != nil || len(f.Objects) == 0 || !f.objects {
			return err
		}
		return tx.QueryRow(ctx, "SELECT pg_catalog.pg_relation_size('pg_catalog.pg_largeobject'::pg_catalog.regclass)").Scan(&f.ObjectBytes)
	})
	return f, err
}

// Holds makes sure that the session still has its locks and its snapshot.
func (s *Session) Holds(ctx context.Context) error {
	return s.within(ctx, func(tx pgx.Tx) error {
		if _, f := s.now(); f == nil {
			return errHungUp
		}
		_, err := tx.Exec(ctx, "SELECT 1")
		return err
	})
}

// Sight is what a session sees of another one.
type Sight struct {
	Here    bool // it is on the same server
	Copying bool // it runs a COPY
}

// Sees looks for a session of that name, of the same role.
func (s *Session) Sees(ctx context.Context, application string) (x Sight, err error) {
	err = s.within(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(a.pid) > 0, coalesce(bool_or(a.state = 'active' AND a.query LIKE 'COPY %'), false)
			FROM (SELECT pg_catalog.pg_stat_clear_snapshot()) c, pg_catalog.pg_stat_activity a WHERE a.application_name = $1`,
			clip(application)).Scan(&x.Here, &x.Copying)
	})
	return x, err
}

// EndCopy ends the COPY of a session of that name; with all, the session: a server that sends a row hears of nothing less.
func (s *Session) EndCopy(ctx context.Context, application string, all bool) error {
	return s.within(ctx, func(tx pgx.Tx) error {
		var n int
		return tx.QueryRow(ctx, `SELECT count(CASE WHEN $2 THEN pg_catalog.pg_terminate_backend(a.pid) ELSE pg_catalog.pg_cancel_backend(a.pid) END)
			FROM (SELECT pg_catalog.pg_stat_clear_snapshot()) c, pg_catalog.pg_stat_activity a
			WHERE a.application_name = $1 AND a.state = 'active' AND a.query LIKE 'COPY %'`, clip(application), all).Scan(&n)
	})
}
