package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
)

// Hold keeps other restores by cofre out of a database: a session in that database has an advisory lock, which the server takes back when
// the session is gone, however its process ended.
type Hold struct{ conn *pgx.Conn }

// The advisory lock of restores, the same in every database: "cofr", "rest".
const (
	holdClass  = 0x636f6672
	holdObject = 0x72657374
)

// holdSession lets the server notice within two minutes that a machine is gone.
const holdSession = `SELECT pg_catalog.set_config('tcp_keepalives_idle', '60', false), pg_catalog.set_config('tcp_keepalives_interval', '15', false),
	pg_catalog.set_config('tcp_keepalives_count', '4', false)`

var (
	tryHold = fmt.Sprintf("SELECT pg_catalog.pg_try_advisory_lock(%d, %d)", holdClass, holdObject)
	endHold = fmt.Sprintf("SELECT pg_catalog.pg_advisory_unlock(%d, %d)", holdClass, holdObject)

	// heldLock is the condition for such a lock l in pg_locks. objsubid 2 is a lock of two keys.
	heldLock = fmt.Sprintf("l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = %d::oid AND l.objid = %d::oid", holdClass, holdObject)

	// holderQuery gives the session that holds this database, for describeSession.
	holderQuery = `SELECT coalesce(l.pid, 0), coalesce(a.usename::text, ''), coalesce(a.application_name, ''), coalesce(a.state, ''),
		coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change), 0)::bigint
	FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
	WHERE ` + heldLock + `
		AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) LIMIT 1`
)

// holdWait is how long a holder is waited for that may just be ending, or dead without its server knowing yet.
const (
	holdWait  = 2 * time.Second
	holdEvery = 100 * time.Millisecond
)

// HoldDatabase keeps other restores out of the target's database until Release. Where one goes on the reason is busy, and the error says by whom.
func HoldDatabase(ctx context.Context, t Target) (*Hold, error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	h := &Hold{conn}
	if err = t.RefuseTransactionPooler(ctx, conn); err == nil {
		err = h.take(ctx, t)
	}
	if err != nil {
		Close(conn)
		return nil, err
	}
	return h, nil
}

// take gets the lock. The session must be one of our own: a pooler by transaction would keep the lock with whatever session it gave.
func (h *Hold) take(ctx context.Context, t Target) error {
	if _, err := h.conn.Exec(ctx, holdSession); err != nil {
		return t.Explain(ctx, err)
	}
	for since := time.Now(); ; {
		var ours bool
		if err := h.conn.QueryRow(ctx, tryHold).Scan(&ours); err != nil || ours {
			return t.Explain(ctx, err)
		}
		by, err := holder(ctx, h.conn)
		if err != nil {
			return t.Explain(ctx, err)
		}
		if time.Since(since) > holdWait {
			return Restoring(t.Database(), by)
		}
		if err := pause.For(ctx, holdEvery); err != nil {
			return err
		}
	}
}

// holder says which session holds the database that a session is in; "" where none does.
func holder(ctx context.Context, conn *pgx.Conn) (string, error) {
	var pid, seconds int
	var role, app, state string
	err := conn.QueryRow(ctx, holderQuery).Scan(&pid, &role, &app, &state, &seconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return describeSession(pid, role, app, state, time.Duration(seconds)*time.Second), err
}

// Restoring is the refusal of a second restore into a database; by is the session of the first.
func Restoring(database, by string) error {
	if by != "" {
		by = " (" + by + ")"
	}
	return fault.New(fault.Validation, fault.Busy, "Wait until it has ended, or cancel it.", "another restore into the database %q goes on%s; nothing was changed", database, by)
}

// Release lets others in.
func (h *Hold) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), holdWait)
	defer cancel()
	_, _ = h.conn.Exec(ctx, endHold) // a pooler may keep the session
	Close(h.conn)
}
