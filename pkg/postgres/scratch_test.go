package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

func TestEmpty(t *testing.T) {
	ctx := context.Background()
	s := testenv.Postgres(t, testenv.NewestMajor)
	for sql, want := range map[string]string{
		"":                                       "",
		"CREATE EXTENSION hstore":                "",
		"CREATE SCHEMA x":                        "1 schema",
		"CREATE TABLE t (id serial PRIMARY KEY)": "1 sequence, 1 table",
		"CREATE VIEW v AS SELECT 1":              "1 view",
		"CREATE TABLE a(); CREATE TABLE b(); CREATE MATERIALIZED VIEW m AS SELECT 1": "1 materialized view, 2 tables",
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'":                 "1 function",
		"CREATE TYPE e AS ENUM ('a')":                                                "1 type", "CREATE TYPE c AS (a int)": "1 type", "CREATE DOMAIN d AS int": "1 type",
		"CREATE SEQUENCE q":      "1 sequence",
		"SELECT lo_create(1)":    "1 large object",
		"CREATE PUBLICATION p":   "1 publication",
		"CREATE TEMP TABLE t ()": "",
		"CREATE SCHEMA x; CREATE TABLE x.entry(); SELECT lo_create(2); SELECT lo_create(3)": "1 schema, 1 table, 2 large objects",
	} {
		db := target(t, s.NewDatabase(t))
		testenv.LoadSQL(t, s.URL(db.Database()), sql)
		empty, what, err := postgres.Empty(ctx, db)
		if err != nil || what != want || empty != (want == "") {
			t.Errorf("%q: %t, %q, %v; want %q", sql, empty, what, err, want)
		}
	}
	for _, major := range testenv.InitialMajors() {
		s := testenv.Postgres(t, major)
		nasty := target(t, s.NewDatabase(t))
		testenv.LoadSQL(t, s.URL(nasty.Database()), postgrestest.Nasty)
		if empty, what, err := postgres.Empty(ctx, nasty); empty || err != nil {
			t.Error(what, err)
		}
	}
}

func TestScratchDatabases(t *testing.T) {
	ctx := context.Background()
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			admin := target(t, s.URL("postgres"))
			const name = `scratch "quoted"; DROP DATABASE x --'`
			if err := postgres.CreateDatabase(ctx, admin, name, postgres.Locale{}); err != nil {
				t.Fatal(err)
			}
			if err := postgres.CreateDatabase(ctx, admin, name, postgres.Locale{}); !fault.HasReason(err, fault.AlreadyExists) {
				t.Error(err)
			}
			conn, err := admin.WithDatabase(name).Connect(ctx) // a session does not keep it from being dropped
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			for range 2 {
				if err := postgres.DropDatabase(ctx, admin, name); err != nil {
					t.Error(err)
				}
			}
			if _, err := admin.WithDatabase(name).Connect(ctx); !fault.HasReason(err, fault.DatabaseMissing) {
				t.Error(err)
			}
			want := postgres.Locale{Encoding: "LATIN1", Collate: "C", CharType: "C"}
			if err := postgres.CreateDatabase(ctx, admin, "latin", want); err != nil {
				t.Fatal(err)
			}
			got, err := postgres.Inspect(ctx, admin.WithDatabase("latin"), postgres.Selection{})
			if err != nil || got.Locale.Encoding != "LATIN1" || got.Locale.Collate != "C" {
				t.Errorf("%+v, %v", got.Locale, err)
			}
			if err := postgres.CreateDatabase(ctx, admin, "same_as_latin", got.Locale); err != nil {
				t.Error(err)
			}
			for _, n := range []string{"latin", "same_as_latin"} {
				if err := postgres.DropDatabase(ctx, admin, n); err != nil {
					t.Error(err)
				}
			}
			if err := postgres.CreateDatabase(ctx, admin, "never", postgres.Locale{Encoding: "UTF8", Collate: "xx_YY.utf8", CharType: "xx_YY.utf8"}); !fault.HasReason(err, fault.InvalidInput) {
				t.Error(err)
			}
			if major == 18 {
				builtin := postgres.Locale{Encoding: "UTF8", Collate: "C", CharType: "C", Provider: "builtin", Name: "C.UTF-8"}
				if err := postgres.CreateDatabase(ctx, admin, "builtin", builtin); err != nil {
					t.Fatal(err)
				}
				got, err := postgres.Inspect(ctx, admin.WithDatabase("builtin"), postgres.Selection{})
				if err != nil || got.Locale != builtin {
					t.Errorf("%+v, %v", got.Locale, err)
				}
			}
			for _, bad := range []string{"", strings.Repeat("x", 64), "a\nb", "a\x00b"} {
				if err := postgres.CreateDatabase(ctx, admin, bad, postgres.Locale{}); !fault.HasReason(err, fault.InvalidInput) {
					t.Errorf("%q: %v", bad, err)
				}
			}
			if err := postgres.DropDatabase(ctx, admin, "postgres"); !fault.HasReason(err, fault.InvalidInput) {
				t.Error(err)
			}
			role, password := s.NewRole(t, "")
			weak := target(t, fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres", role, password, s.Port))
			if err := postgres.CreateDatabase(ctx, weak, "mine", postgres.Locale{}); !fault.HasCode(err, fault.Permission) {
				t.Error(err)
			}
		})
	}
}

// What belongs to an extension does not fill a database, whatever kind of object it is.
func TestExtensionsDoNotFill(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			db := target(t, s.NewDatabase(t))
			conn, err := db.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer postgres.Close(conn)
			var names []string
			if err := conn.QueryRow(t.Context(), `SELECT array_agg(name::text ORDER BY name) FROM pg_available_extensions WHERE installed_version IS NULL`).Scan(&names); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "SET search_path = public"); err != nil {
				t.Fatal(err)
			}
			made := 0
			for _, name := range names {
				// Those of other languages need libraries that a server without them does not have.
				if _, err := conn.Exec(t.Context(), `CREATE EXTENSION IF NOT EXISTS `+postgres.QuoteIdent(name)+` CASCADE`); err == nil {
					made++
				}
			}
			empty, what, err := postgres.Empty(t.Context(), db)
			if err != nil || !empty || made < 30 {
				t.Errorf("%v: with %d extensions it holds %s", err, made, what)
			}
			if _, err := conn.Exec(t.Context(), `CREATE TYPE own AS (a tablefunc_crosstab_2)`); err != nil {
				t.Fatal(err)
			}
			if empty, what, err := postgres.Empty(t.Context(), db); err != nil || empty || what != "1 type" {
				t.Errorf("%v: with a type of one's own it holds %q", err, what)
			}
		})
	}
}
