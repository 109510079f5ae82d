package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/postgres"
)

// traps are what the owner of a database may put where its sessions look for names: operators and functions that fit better than the
// system's, and a search path with the system's schema last. Each says as whom it was run.
const traps = `
CREATE SCHEMA trap;
CREATE TABLE trap.t (id int);
CREATE FUNCTION trap.sprung(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'sprung: % as %', $1, current_user; END $$;
CREATE FUNCTION trap.nn(name, name) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.sprung('name') $$;
CREATE FUNCTION trap.tt(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.sprung('text') $$;
CREATE FUNCTION trap.oi(oid, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.sprung('oid') $$;
CREATE FUNCTION trap.oo(oid, oid) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.sprung('oids') $$;
CREATE OPERATOR trap.!~ (LEFTARG = name, RIGHTARG = name, FUNCTION = trap.nn);
CREATE OPERATOR trap.<> (LEFTARG = name, RIGHTARG = name, FUNCTION = trap.nn);
CREATE OPERATOR trap.= (LEFTARG = name, RIGHTARG = name, FUNCTION = trap.nn);
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.tt);
CREATE OPERATOR trap.= (LEFTARG = oid, RIGHTARG = integer, FUNCTION = trap.oi);
CREATE OPERATOR trap.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = trap.oo);
CREATE FUNCTION trap.current_database() RETURNS name LANGUAGE sql AS $$ SELECT trap.sprung('current_database')::text::name $$;
CREATE FUNCTION trap.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT trap.sprung('current_setting')::text $$;
CREATE FUNCTION trap.generate_subscripts(text[], integer) RETURNS SETOF integer LANGUAGE sql AS $$ SELECT trap.sprung('generate_subscripts')::int $$;
CREATE FUNCTION trap.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT trap.sprung('unnest')::text $$;
CREATE FUNCTION trap.count(text) RETURNS bigint LANGUAGE sql AS $$ SELECT trap.sprung('count')::int::bigint $$;
`

// What the owner of a database puts where its sessions look for names is not run as whoever makes or restores backups of it, who may be
// superuser (CVE-2018-1058).
func TestNamesOfOthers(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, traps)
	db := target(t, url)
	s.Exec(t, "postgres", "ALTER DATABASE "+db.Database()+" SET search_path = trap, pg_catalog")
	ctx := context.Background()
	raw, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(raw)
	if _, err := raw.Exec(ctx, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'"); err == nil || !strings.Contains(err.Error(), "sprung") {
		t.Fatalf("the traps do not work: %v", err)
	}
	for _, sel := range []postgres.Selection{{}, {Tables: []string{"t"}}, {Schemas: []string{"trap"}}, {ExcludeTables: []string{"t"}}} {
		conn, err := db.Connect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		server, err := postgres.InspectConn(ctx, conn, sel)
		if err != nil {
			t.Errorf("inspect %+v: %v", sel, err)
		}
		if want := map[bool]int{true: 1}[len(sel.ExcludeTables) == 0]; server.Tables != want {
			t.Errorf("%+v: %d tables, want %d", sel, server.Tables, want)
		}
		for name, do := range map[string]func() error{
			"needs":     func() error { _, err := postgres.Needs(ctx, conn, sel); return err },
			"remarks":   func() error { _, err := postgres.RestoreRemarks(ctx, conn, sel); return err },
			"with":      func() error { _, err := postgres.WithNeeds(ctx, conn, sel); return err },
			"fragile":   func() error { _, err := postgres.Fragile(ctx, conn); return err },
			"describe":  func() error { _, err := postgres.Describe(ctx, conn); return err },
			"identify":  func() error { _, err := db.Identify(ctx, conn); return err },
			"databases": func() error { _, err := postgres.AllDatabases(ctx, conn); return err },
			"schema":    func() error { _, err := postgres.SchemaVersion(ctx, conn); return err },
		} {
			if err := do(); err != nil {
				t.Errorf("%s %+v: %v", name, sel, err)
			}
		}
		postgres.Close(conn)
	}
}
