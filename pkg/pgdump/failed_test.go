package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
)

// searchPath is what pg_restore, whose sessions have no search_path, cannot make; rows of other tables stay all the same.
const searchPath = `CREATE SCHEMA app; SET search_path = app, public;
	CREATE TABLE factor (n int); INSERT INTO factor VALUES (2);
	CREATE FUNCTION times(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * (SELECT max(n) FROM factor); END';
	CREATE FUNCTION known(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN EXISTS (SELECT FROM app.zlast WHERE id = $1); END';
	CREATE TABLE plain AS SELECT i AS id FROM generate_series(1, 100) i; CREATE INDEX by_id ON plain (id);
	CREATE TABLE generated (id int, twice int GENERATED ALWAYS AS (times(id)) STORED); INSERT INTO generated VALUES (1);
	CREATE TABLE zlast (id int); INSERT INTO zlast VALUES (7);
	CREATE TABLE checked (id int CHECK (known(id))); INSERT INTO checked VALUES (7)`

// searchPathInMaintenance is what servers from 17 on refuse already where it is made.
const searchPathInMaintenance = `SET search_path = app, public; CREATE INDEX by_times ON plain (times(id));
	CREATE MATERIALIZED VIEW summed AS SELECT sum(times(id)) FROM plain; CREATE INDEX ON summed (sum)`

func failedOf(report pgdump.RestoreReport) []string {
	var out []string
	for _, f := range report.Failed {
		out = append(out, f.Entry)
	}
	slices.Sort(out)
	return out
}

func TestFunctionsThatNeedASearchPath(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		s := testenv.Postgres(t, major)
		from := target(t, s.NewDatabase(t))
		testenv.LoadSQL(t, s.URL(from.Database()), searchPath)
		want := []string{"TABLE DATA app.generated"}
		if major < 17 {
			testenv.LoadSQL(t, s.URL(from.Database()), searchPathInMaintenance)
			want = append(want, "INDEX app.by_times", "MATERIALIZED VIEW DATA app.summed")
		}
		data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
		if err != nil {
			t.Fatal(err)
		}
		for name, o := range map[string]pgdump.RestoreOptions{
			"ranges": {Jobs: 3, Ranges: ranges(t, data)}, "jobs": {Jobs: 3}, "going": {KeepGoing: true}, "going in parallel": {KeepGoing: true, Jobs: 2, Ranges: ranges(t, data)},
			"going over": {KeepGoing: true, Clean: true},
		} {
			t.Run(fmt.Sprint(major, " ", name), func(t *testing.T) {
				o.Target = target(t, s.NewDatabase(t))
				report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
				wantFault(t, err, fault.BackupCreation, fault.RestoredInPart, "TABLE DATA app.generated", `relation "factor" does not exist`, "SET search_path")
				want := slices.Clone(want)
				if o.Ranges == nil { // read once: no second try
					want = append(want, "TABLE DATA app.checked")
				}
				slices.Sort(want)
				if got := failedOf(report); !slices.Equal(got, want) {
					t.Fatalf("failed: %q", report.Failed)
				}
				// By hand, with the cause put right.
				s.Exec(t, o.Target.Database(), "ALTER FUNCTION app.times SET search_path = app; INSERT INTO app.generated VALUES (1)")
				for _, f := range report.Failed {
					if !strings.HasPrefix(f.Statement, "--") {
						s.Exec(t, o.Target.Database(), f.Statement)
					}
				}
				if o.Ranges == nil {
					s.Exec(t, o.Target.Database(), "INSERT INTO app.checked VALUES (7)")
				}
				s.Exec(t, o.Target.Database(), "ALTER FUNCTION app.times RESET search_path")
				wantEqual(t, from, o.Target)
			})
		}
	}
}

// An object that cannot be created ends a restore, unless it was told to keep going.
func TestKeepGoing(t *testing.T) {
	s := testenv.Postgres(t, 18)
	data := source(t, 18, pgdump.Custom)
	o := pgdump.RestoreOptions{Target: target(t, s.NewDatabase(t)), Jobs: 2, Ranges: ranges(t, data)}
	s.Exec(t, o.Target.Database(), "CREATE TABLE orders (mine int)")
	_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	wantFault(t, err, fault.Validation, fault.RestoreIncomplete)
	s.Exec(t, o.Target.Database(), "DROP TABLE IF EXISTS customer CASCADE")
	o.KeepGoing = true
	report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	wantFault(t, err, fault.BackupCreation, fault.RestoredInPart)
	want := []string{"CONSTRAINT public.orders orders_pkey", "FK CONSTRAINT public.orders orders_customer_fkey", "TABLE DATA public.orders", "TABLE public.orders"}
	if got := failedOf(report); !slices.Equal(got, want) {
		t.Errorf("failed: %q", report.Failed)
	}
	if f := fingerprint(t, o.Target); f.Rows != 20000 {
		t.Errorf("%d rows", f.Rows)
	}
	for _, bad := range []pgdump.RestoreOptions{{KeepGoing: true, Format: pgdump.Plain}, {KeepGoing: true, Transaction: pgdump.One}} {
		bad.Target = o.Target
		_, err := client(t, 18).Restore(context.Background(), bad, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.InvalidInput)
	}
}

// What an older server cannot have ends a restore of an ordinary role, or is left out and listed with what needs it.
func TestKeepGoingOnAnOlderServer(t *testing.T) {
	from := target(t, testenv.Postgres(t, 18).NewDatabase(t))
	testenv.LoadSQL(t, testenv.Postgres(t, 18).URL(from.Database()), `CREATE COLLATION newer (PROVIDER = builtin, LOCALE = 'C.UTF-8'); CREATE TABLE sorted (c text COLLATE newer); INSERT INTO sorted VALUES ('a');
		CREATE TABLE plain (id int PRIMARY KEY); INSERT INTO plain SELECT generate_series(1, 100)`)
	data := dumpOf(t, from, pgdump.Custom)
	for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2}, {Jobs: 2, Ranges: ranges(t, data)}} {
		o.Target, o.NoOwner = ordinary(t, testenv.Postgres(t, 15)), true
		if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "builtin") {
			t.Errorf("it was made: %v", err)
		}
		o.Target, o.KeepGoing = ordinary(t, testenv.Postgres(t, 15)), true
		report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.BackupCreation, fault.RestoredInPart, "COLLATION public.newer", "builtin")
		if got, want := failedOf(report), []string{"COLLATION public.newer", "TABLE DATA public.sorted", "TABLE public.sorted"}; !slices.Equal(got, want) {
			t.Errorf("failed: %q", report.Failed)
		}
		if got := query(t, o.Target, "SELECT count(*)::text FROM plain"); got != "100" {
			t.Errorf("%s rows", got)
		}
	}
}

// nested is a table with partitions of partitions and indexes on them, all of which are attached behind the rows.
const nested = `CREATE TABLE n (a int, b int, c int, d int, PRIMARY KEY (a, b), UNIQUE (b, a)) PARTITION BY LIST (a);
	CREATE INDEX ON n (c); CREATE INDEX ON n (d); CREATE INDEX ON n (c, d);
	DO $$ BEGIN FOR i IN 1..3 LOOP EXECUTE format('CREATE TABLE n_%1$s PARTITION OF n FOR VALUES IN (%1$s) PARTITION BY LIST (b)', i);
		FOR j IN 1..3 LOOP EXECUTE format('CREATE TABLE n_%1$s_%2$s PARTITION OF n_%1$s FOR VALUES IN (%2$s)', i, j); END LOOP; END LOOP; END $$;
	INSERT INTO n SELECT i, j, i, j FROM generate_series(1, 3) i, generate_series(1, 3) j`

// trip lets the server refuse some of the first commands of a kind, as it ends one of several that wait for each other. What a
// sequence counts is not rolled back.
const trip = `CREATE SCHEMA trip; CREATE SEQUENCE trip.tried; CREATE FUNCTION trip.trip() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
	IF tg_tag = 'ALTER INDEX' OR current_query() ~ 'ADD CONSTRAINT' THEN IF nextval('trip.tried') %s THEN RAISE deadlock_detected USING MESSAGE = 'deadlock detected'; END IF; END IF; END $$;
	CREATE EVENT TRIGGER trip ON ddl_command_start WHEN TAG IN ('ALTER INDEX', 'ALTER TABLE') EXECUTE FUNCTION trip.trip()`

// What failed beside others is made after them, in one session; what fails again is what is missing.
func TestTriedAgainAlone(t *testing.T) {
	s := testenv.Postgres(t, 18)
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), nested)
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	attached := query(t, from, `SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid`)
	for refused, missing := range map[string]bool{"IN (2, 5, 30, 40, 41)": false, "> 80": true} {
		o := pgdump.RestoreOptions{Target: target(t, s.NewDatabase(t)), Jobs: 2, Ranges: ranges(t, data)}
		testenv.LoadSQL(t, s.URL(o.Target.Database()), fmt.Sprintf(trip, refused))
		report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		said := strings.Join(report.Remarks, "\n")
		if missing {
			wantFault(t, err, fault.BackupCreation, fault.RestoredInPart, "INDEX ATTACH", "deadlock detected")
			if !strings.Contains(said, ", 0 could in one") {
				t.Error(said)
			}
		} else if n := len(report.Failed); err != nil || n > 0 || !strings.Contains(said, "objects that could not be made in several sessions at a time") {
			t.Errorf("%v, %q, %s", err, report.Failed, said)
		}
		t.Log(said)
		tried := query(t, o.Target, "SELECT last_value FROM trip.tried")
		s.Exec(t, o.Target.Database(), "DROP EVENT TRIGGER trip; DROP SCHEMA trip CASCADE")
		if missing {
			for _, f := range report.Failed { // each once, and all that is left is in the statements
				s.Exec(t, o.Target.Database(), f.Statement)
			}
		}
		if got := query(t, o.Target, `SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid`); got != attached {
			t.Errorf("%s are attached of %s, of %s tried", got, attached, tried)
		}
		wantEqual(t, from, o.Target)
	}
}
