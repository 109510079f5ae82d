package main

import (
	"context"
	"fmt"

	"cofre/bench/lab"
	"cofre/bench/measure"
	"cofre/bench/report"
)

// restored is the database that is restored into.
const restored = "restored"

// contents are questions whose answers are the same for a database and its restored copy.
var contents = []string{
	"SELECT count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg_%' OR nspname = 'information_schema')",
	"SELECT count(*) FROM pg_constraint",
	"SELECT count(*) FROM pg_largeobject",
	"SELECT sum(hashtextextended(e::text, 0)::numeric % 1000000007)::bigint FROM app.events e",
	"SELECT sum(hashtextextended(d::text, 0)::numeric % 1000000007)::bigint FROM app.documents d",
	"SELECT sum(octet_length(data)) FROM app.files",
	"SELECT count(*) FROM app.orders",
	"SELECT sum(abalance::bigint + aid) FROM pgbench_accounts",
}

// restoreRun restores into a new database by a job, and compares what came out, unmeasured.
func (s *session) restoreRun(job measure.Job) func(context.Context) (report.Run, error) {
	p := s.lab.Postgres
	return func(ctx context.Context) (report.Run, error) {
		drop := "DROP DATABASE IF EXISTS " + restored + " WITH (FORCE)"
		if err := p.Exec(ctx, "postgres", drop, "CREATE DATABASE "+restored+" TEMPLATE template0", "CHECKPOINT"); err != nil {
			return report.Run{}, err
		}
		run, _, err := s.measure(ctx, p, job)
		if err != nil {
			return run, err
		}
		for _, question := range contents {
			want, err := p.Int(ctx, lab.Database, question)
			if err != nil {
				return run, err
			}
			got, err := p.Int(ctx, restored, question)
			if err != nil {
				return run, err
			}
			if got != want {
				return run, fmt.Errorf("the restored database differs: %s gives %d, not %d", question, got, want)
			}
		}
		return run, p.Exec(ctx, "postgres", drop, "CHECKPOINT")
	}
}
