package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

var target = postgrestest.Target

func TestInspect(t *testing.T) {
	ctx := context.Background()
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			db := target(t, s.NewDatabase(t))
			testenv.LoadSQL(t, s.URL(db.Database()), `CREATE SCHEMA "Sales"; CREATE TABLE "Sales".orders (id serial primary key, v text);
				CREATE TABLE small (id int); INSERT INTO "Sales".orders (v) SELECT repeat('x', 100) FROM generate_series(1, 10000); SELECT lo_from_bytea(0, 'x');`)
			all, err := postgres.Inspect(ctx, db, postgres.Selection{})
			if err != nil {
				t.Fatal(err)
			}
			if all.Major != major || all.Database != db.Database() || !all.Superuser || all.InRecovery || all.Size < 1<<20 ||
				all.Tables != 2 || all.TableBytes < 1_200_000 || all.LargeObjects != 1 || all.Locale.Encoding != "UTF8" || all.Readable() != nil {
				t.Errorf("%+v", all)
			}
			for _, c := range []struct {
				sel    postgres.Selection
				tables int
				big    bool
			}{
				{postgres.Selection{Schemas: []string{`"Sales"`}}, 1, true},
				{postgres.Selection{Schemas: []string{`sales`}}, 0, false},
				{postgres.Selection{Tables: []string{`s*`}}, 1, false},
				{postgres.Selection{Tables: []string{`"Sales".*`, "small"}}, 2, true},
				{postgres.Selection{Tables: []string{`"Sal?s".orders`}}, 0, false},
				{postgres.Selection{Tables: []string{`"Sal"?s.orders`}}, 1, true},
				{postgres.Selection{ExcludeTables: []string{`*.orders`}}, 1, false},
				{postgres.Selection{ExcludeTableData: []string{`*.orders`}}, 2, false},
			} {
				got, err := postgres.Inspect(ctx, db, c.sel)
				if err != nil || got.Tables != c.tables || (got.TableBytes > 1_000_000) != c.big {
					t.Errorf("%+v: %d tables, %d bytes, %v", c.sel, got.Tables, got.TableBytes, err)
				}
			}
			conn, err := db.Connect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			v, err := postgres.SchemaVersion(ctx, conn)
			t.Log(v, err, all)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestConditionOf(t *testing.T) {
	conn, err := target(t, testenv.Postgres(t, 18).URL("postgres")).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	is, err := postgres.ConditionOf(t.Context(), conn)
	if err != nil || is.Major != 18 || is.Standby || is.Feedback || is.Ahead != 0 || is.Delay != 30*time.Second {
		t.Errorf("%+v, %v", is, err)
	}
	if got := postgres.Concerns(t.Context(), conn, time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)); len(got) != 0 {
		t.Errorf("concerns of a server that is well: %v", got)
	}
}
