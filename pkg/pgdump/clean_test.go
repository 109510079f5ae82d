package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/pgdump"
)

// cleanSource holds what pg_restore --clean falls over although nothing is in the way.
const cleanSource = `CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, note text); INSERT INTO app.t VALUES (1, 'a');
	CREATE TYPE app.mood AS ENUM ('good', 'bad'); CREATE FUNCTION app.f(a app.mood, OUT b int, VARIADIC c int[]) LANGUAGE sql AS 'SELECT 1';
	CREATE TABLE app.part (id int, at date, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
	CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ON app.part (note);
	INSERT INTO app.part VALUES (1, '2026-05-05', 'x');
	CREATE DOMAIN app.positive AS int; CREATE TABLE app.uses (n app.positive); INSERT INTO app.uses VALUES (-1);
	ALTER DOMAIN app.positive ADD CONSTRAINT "drop constraint" CHECK (VALUE > 0) NOT VALID;
	CREATE VIEW app.own AS SELECT * FROM app.t; CREATE TABLE app.child (id int REFERENCES app.t)`

func TestCleanLooksAtThePlan(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			from := target(t, s.NewDatabase(t))
			testenv.LoadSQL(t, s.URL(from.Database()), cleanSource)
			data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
			if err != nil {
				t.Fatal(err)
			}
			o := pgdump.RestoreOptions{Target: target(t, s.NewDatabase(t)), Clean: true}
			for range 2 { // onto nothing, and onto itself
				if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
					t.Fatal(err)
				}
				wantEqual(t, from, o.Target)
			}
			s.Exec(t, o.Target.Database(), `CREATE VIEW newer AS SELECT id FROM app.t; CREATE TABLE refers (id int REFERENCES app.t, m app.mood DEFAULT 'good');
				CREATE TABLE app.inside (id int); CREATE TABLE calls (n int DEFAULT app.f('bad', 1)); CREATE VIEW on_newer AS SELECT * FROM newer`)
			report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			wantFault(t, err, fault.Validation, fault.NotEmpty, "view public.newer (on table app.t)", "constraint refers_id_fkey on table public.refers", "column m of table public.refers", "table app.inside (on schema app)",
				"default value for column n of table public.calls", "view public.on_newer (on view public.newer)", "--clean=cascade", "--create", "nothing was changed")
			if !report.Unchanged {
				t.Errorf("%+v", report)
			}
			o.Cascade = true
			report, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			if err != nil || len(report.Dropped) != 7 {
				t.Fatalf("%v %q", err, report.Dropped)
			}
			s.Exec(t, o.Target.Database(), "DROP TABLE refers, calls")
			wantEqual(t, from, o.Target)
			s.Exec(t, o.Target.Database(), "DROP TABLE app.child; CREATE VIEW app.child AS SELECT 1")
			_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			wantFault(t, err, fault.Validation, fault.NotEmpty, "view app.child (the backup has a table of that name)")
		})
	}
}

// TestCleanOfAPart: what others have on the table that is replaced is named before and behind, unless it was brought back.
func TestCleanOfAPart(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), `CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES t); CREATE VIEW seen AS SELECT * FROM t;
		CREATE VIEW "Se""en" AS SELECT * FROM seen; CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM t'; CREATE TABLE of_type (t t)`)
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: db})
	if err != nil {
		t.Fatal(err)
	}
	o := pgdump.RestoreOptions{Target: db, Clean: true, Part: part.Selection{Tables: []string{"t"}}}
	_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	all := []string{"constraint child_id_fkey on table public.child (on ", "view public.seen (on table public.t)", `view public."Se""en" (on view public.seen)`, "function public.f()", "column t of table public.of_type"}
	wantFault(t, err, fault.Validation, fault.NotEmpty, append(all, "are not part of what is restored", "--clean=cascade")...)
	head, err := archive.ReadHead(context.Background(), bytes.NewReader(data), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := part.Choose(head, part.Selection{Tables: []string{"t", "child"}})
	if err != nil {
		t.Fatal(err)
	}
	// A list may bring back a foreign key of a table that stays.
	var list []byte
	for _, e := range chosen.Chosen() {
		if e.Desc == "FK CONSTRAINT" || e.Tag != "child" {
			list = fmt.Appendf(list, "%d;\n", e.DumpID)
		}
	}
	o.Cascade, o.Part = true, part.Selection{}
	if o.Part.List, err = part.ParseList(list); err != nil {
		t.Fatal(err)
	}
	report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(report.Remarks, "\n")
	for i, want := range all {
		if !strings.Contains(said, want) {
			t.Errorf("nobody said that %s goes: %s", want, said)
		}
		if back := i == 0; strings.Contains(strings.Join(report.Dropped, "\n"), want) == back {
			t.Errorf("%s: brought back %t, %q", want, back, report.Dropped)
		}
	}
	if len(report.Dropped) != len(all)-1 {
		t.Errorf("%q", report.Dropped)
	}
}

// What belongs to others cannot be dropped: that is found before, whatever kind it is.
func TestCleanWhatBelongsToOthers(t *testing.T) {
	for _, major := range []int{15, 18} {
		s := testenv.Postgres(t, major)
		from := target(t, s.NewDatabase(t))
		testenv.LoadSQL(t, s.URL(from.Database()), `CREATE SCHEMA app; CREATE TABLE app.t (id int); CREATE VIEW app.v AS SELECT 1; CREATE SEQUENCE app.s; CREATE TYPE app.e AS ENUM ('a');
			CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE EXTENSION hstore; CREATE SCHEMA own; CREATE TABLE own.t (id int)`)
		data := dumpOf(t, from, pgdump.Custom)
		o := pgdump.RestoreOptions{Target: ordinary(t, s), NoOwner: true}
		super := pgdump.RestoreOptions{Target: target(t, s.URL(o.Target.Database())), NoOwner: true}
		if _, err := client(t, 18).Restore(context.Background(), super, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		s.Exec(t, o.Target.Database(), "ALTER SCHEMA own OWNER TO "+o.Target.User()) // what is in it may go
		o.Clean, o.SkipKinds = true, []string{"COMMENT ON EXTENSION"}
		p, err := client(t, 18).Preview(context.Background(), o, bytes.NewReader(data))
		if err != nil || len(p.Problems) != 1 {
			t.Fatalf("%v, %v", p.Problems, err)
		}
		report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		for _, err := range []error{err, p.Problems[0]} {
			wantFault(t, err, fault.Permission, fault.MissingPrivilege, "extension hstore (of postgres)", "function app.f(integer) (of postgres)", "schema app (of postgres)", "sequence app.s (of postgres)",
				"table app.t (of postgres)", "type app.e (of postgres)", "view app.v (of postgres)", "nothing was changed")
			if strings.Contains(err.Error(), "own.t") {
				t.Error(err)
			}
		}
		if !report.Unchanged {
			t.Errorf("%+v", report)
		}
	}
}
