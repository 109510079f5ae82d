package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Try executes scripts and undoes each of them at once. It returns for each whether the role that connects lacks the
// privilege for it, with the server's message; any other error of a script decides nothing and gives "". All happens in
// one transaction that is rolled back and waits for no lock longer than a few seconds. To a superuser nothing is denied.
//
// A server is asked like this where its catalogs do not know: what an ordinary role may do differs between PostgreSQL and
// the services made of it.
func Try(ctx context.Context, t Target, scripts []string) (denied []string, err error) {
	denied = make([]string, len(scripts))
	if len(scripts) == 0 {
		return denied, nil
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer Close(conn)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, t.Explain(ctx, err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var super bool
	if err := tx.QueryRow(ctx, "SELECT current_setting('is_superuser') = 'on'").Scan(&super); err != nil || super {
		return denied, t.Explain(ctx, err)
	}
	for i, script := range scripts {
		if denied[i], err = try(ctx, tx, script); err != nil {
			return nil, t.Explain(ctx, err)
		}
	}
	return denied, nil
}

const trySession = `SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '60s'; SET LOCAL client_min_messages = error; SET LOCAL search_path = pg_catalog, pg_temp;`

func try(ctx context.Context, tx pgx.Tx, script string) (denied string, err error) {
	step, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return "", err
	}
	_, err = step.Exec(ctx, trySession+script, pgx.QueryExecModeSimpleProtocol)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		if said.Code == "42501" {
			denied = said.Message
		}
		err = nil
	}
	if undo := step.Rollback(ctx); err == nil {
		err = undo
	}
	return denied, err
}
