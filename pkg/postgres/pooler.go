package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
)

// RefuseTransactionPooler returns a fault when conn, a connection to the target outside of a transaction, goes through a
// pooler that hands out another server connection for each transaction (pgbouncer's pool_mode transaction or statement, and
// its kin). pg_dump and pg_restore change settings of their session, such as the search path: there those would reach the
// sessions of others, and others' would reach the dump.
//
// pgbouncer=true or false in the connection string is believed. Otherwise the pooler is found by what it does: see shared.
func (t Target) RefuseTransactionPooler(ctx context.Context, conn *pgx.Conn) error {
	switch t.settings[poolerKeyword] {
	case "false":
		return t.Explain(ctx, takeOver(ctx, conn, true))
	case "true":
		return t.fault(fault.TransactionPooler, false, "Connect to PostgreSQL itself, or to a pool by session (pool_mode=session), and remove pgbouncer=true.",
			"%s is a pooler by transaction, as pgbouncer=true in the connection string says: pg_dump and pg_restore need a session of their own", t.address())
	}
	shared, err := t.shared(ctx, conn)
	if err == nil && !shared { // a session of our own, also behind a pooler
		err = takeOver(ctx, conn, true)
	}
	if err != nil || !shared {
		return t.Explain(ctx, err)
	}
	return t.fault(fault.TransactionPooler, false,
		"Connect to PostgreSQL itself (host and port of the server, not of the pooler), or to a pool by session (pool_mode=session).",
		"%s is a pooler by transaction, where each transaction may get another session: pg_dump and pg_restore need one of their own", t.address())
}

// Pooled reports whether conn, a connection to the target outside of a transaction, goes through a pooler that gives it a session of its
// own. One that does not is a fault, as with RefuseTransactionPooler.
func (t Target) Pooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	if err := t.RefuseTransactionPooler(ctx, conn); err != nil {
		return false, err
	}
	pooled, err := behindPooler(ctx, conn)
	return pooled, t.Explain(ctx, err)
}

// behindPooler reports whether conn goes through a pooler of any kind: the process that the client was told is not the one that
// serves it.
func behindPooler(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_backend_pid()").Scan(&pid)
	return pid != conn.PgConn().PID(), err
}

const (
	poolerRounds = 3
	// poolerLooks is how often a round asks which session serves: in a busy pool of two each answer is the same one by half a chance.
	poolerLooks = 8
	// poolerPatience is how long another client's transaction may wait for a server connection before it counts as queued.
	poolerPatience = time.Second
	poolerTimeout  = 15 * time.Second
)

// shared reports whether sessions of the server are shared by transactions of several clients.
//
// A pooler gives its clients keys of its own for cancelling, so the process that a client is told is not the one that serves it.
// Without that difference there is no pooler, and the question costs one query. With it there may be one, and a second
// client shows which kind: a session that conn has to itself serves conn every time, also while others wait, and never
// anybody else. Two rounds find a pool that is idle, however many server connections it has and in whichever order it hands
// them out: the last one first (then the other client gets conn's), or in turn (then conn gets another one). A busy pool mixes more.
func (t Target) shared(ctx context.Context, conn *pgx.Conn) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, poolerTimeout)
	defer cancel()
	if behind, err := behindPooler(ctx, conn); err != nil || !behind {
		return false, err
	}
	own, err := servedBy(ctx, conn)
	if err != nil {
		return false, err
	}
	for range poolerRounds {
		for range poolerLooks {
			if again, err := servedBy(ctx, conn); err != nil || again != own {
				return err == nil, err
			}
		}
		if shared, err := t.comparePooled(ctx, conn, own); err != nil || shared {
			return shared, err
		}
	}
	return false, nil
}

// comparePooled looks which session serves another client, and whether conn keeps its own while that client is served or waits.
func (t Target) comparePooled(ctx context.Context, conn *pgx.Conn, own backend) (bool, error) {
	other, err := dial(ctx, t.beside(conn))
	if err != nil {
		return false, err
	}
	defer Close(other)
	type answer struct {
		b   backend
		err error
	}
	done := make(chan answer, 1)
	waiting, give := context.WithCancel(ctx)
	go func() {
		b, err := heldBy(waiting, other)
		done <- answer{b, err}
	}()
	// The goroutine has other to itself until it has answered.
	defer func() {
		give()
		if done != nil {
			<-done
		}
	}()
	var first answer
	select {
	case first = <-done:
		done = nil
	case <-time.After(poolerPatience):
		// It is queued. Who shares its sessions queues behind it; who has one of his own is served at once.
		again, err := servedBy(ctx, conn)
		if err != nil || again != own {
			return err == nil, err
		}
		select {
		case first = <-done:
			done = nil
		default:
			return false, nil
		}
	}
	switch {
	case statementPool(first.err):
		return true, nil
	case first.err != nil:
		return false, first.err
	}
	again := own
	if first.b != own { // else conn waits for other
		if again, err = servedBy(ctx, conn); err != nil {
			return false, err
		}
	}
	_, err = other.Exec(ctx, "ROLLBACK") // a pooler throws a session away whose client leaves in a transaction
	return first.b == own || again != own, err
}

// backend is one session of a server. Process ids alone come again.
type backend struct{ pid, started string }

func servedBy(ctx context.Context, q interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) (backend, error) {
	var b backend
	err := q.QueryRow(ctx, `SELECT pid::text, coalesce(extract(epoch FROM backend_start)::text, '')
		FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())`).Scan(&b.pid, &b.started)
	return b, err
}

// heldBy begins a transaction and returns the session that it holds.
func heldBy(ctx context.Context, conn *pgx.Conn) (backend, error) {
	if _, err := conn.Exec(ctx, "BEGIN READ ONLY"); err != nil {
		return backend{}, err
	}
	return servedBy(ctx, conn)
}

// statementPool reports whether pgbouncer refused to begin a transaction at all, as it does with pool_mode statement. Its
// messages are not translated.
func statementPool(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "08P01" && strings.Contains(pgErr.Message, "statement pooling")
}
