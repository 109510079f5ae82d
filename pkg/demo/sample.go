package demo

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"cofre/pkg/postgres"
)

// DefaultRows is about how many rows the sample database gets.
const DefaultRows = 400_000

// Bounds of the number of rows.
const (
	minRows = 1_000
	maxRows = 100_000_000
)

//go:embed sample.sql
var sampleSQL string

// step is one part of the sample's making.
type step struct{ name, sql string }

// sampleSteps gives the statements of a sample database with about that many rows.
func sampleSteps(rows int) []step {
	share := func(perMille int) string { return strconv.Itoa(max(20, rows*perMille/1000)) }
	sql := strings.NewReplacer(
		"${products}", share(8), "${pictures}", strconv.Itoa(min(1500, max(20, rows/1000))), "${customers}", share(100),
		"${orders}", share(150), "${movements}", share(100), "${events}", share(125), "${contracts}", strconv.Itoa(min(200, max(3, rows/16000))),
	).Replace(sampleSQL)
	var steps []step
	for _, part := range strings.Split(sql, "\n-- step: ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		steps = append(steps, step{name, body})
	}
	return steps
}

// nextDaySQL is what happens in the shop between two backups.
const nextDaySQL = `
UPDATE catalogo.produtos SET preco = preco + 1 WHERE id % 10 = 0;
INSERT INTO auditoria.eventos (em, origem, tipo, detalhe)
SELECT '2025-06-01 00:00+00'::timestamptz + i * interval '1 second', '10.0.0.1', 'visita', '{"pagina": "/"}' FROM generate_series(1, 1000) i;
REFRESH MATERIALIZED VIEW vendas.vendas_por_mes;`

// fill makes the sample database. told is called before each step with its name.
func fill(ctx context.Context, t postgres.Target, steps []step, told func(name string, done int)) error {
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for i, s := range steps {
		told(s.name, i)
		if _, err := conn.PgConn().Exec(ctx, s.sql).ReadAll(); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("make the sample database, step %q: %w", s.name, err)
		}
	}
	told("statistics", len(steps))
	_, err = conn.PgConn().Exec(ctx, "ANALYZE").ReadAll()
	return err
}

// countRows gives the planner's count of all rows, which is close after ANALYZE and costs nothing.
func countRows(ctx context.Context, t postgres.Target) (n int64, err error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, `SELECT sum(reltuples)::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE relkind IN ('r', 'm') AND nspname IN ('catalogo', 'vendas', 'estoque', 'auditoria') AND reltuples > 0`).Scan(&n)
	return n, err
}
