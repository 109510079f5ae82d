package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// circle are tables that no order fills without breaking a foreign key for a moment, and others.
const circle = `CREATE TABLE hen (id int PRIMARY KEY, egg int); CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen);
	ALTER TABLE hen ADD CONSTRAINT "from" FOREIGN KEY (egg) REFERENCES egg; COMMENT ON CONSTRAINT "from" ON hen IS 'who''s first';
	CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a DEFERRABLE); ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b DEFERRABLE;
	CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10); CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
	CREATE TABLE refers (id int REFERENCES part, own serial);
	CREATE TABLE base (id int); CREATE TABLE heir () INHERITS (base)`

const circleRows = `INSERT INTO hen VALUES (1, NULL); INSERT INTO egg VALUES (1, 1); UPDATE hen SET egg = 1; INSERT INTO a VALUES (1, NULL); INSERT INTO b VALUES (1, 1); UPDATE a SET b = 1;
	INSERT INTO part VALUES (1), (11); INSERT INTO refers VALUES (1), (11); INSERT INTO base VALUES (1); INSERT INTO heir VALUES (2); SELECT lo_from_bytea(4242, 'x')`

func TestRowsIntoExistingTables(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			from := target(t, s.NewDatabase(t))
			testenv.LoadSQL(t, s.URL(from.Database()), circle+";"+circleRows)
			d := pgdump.DumpOptions{Target: from}
			d.DataOnly = true
			data, err := dump(t, client(t, 18), d)
			if err != nil {
				t.Fatal(err)
			}
			restore := func(o pgdump.RestoreOptions) (pgdump.RestoreReport, error) {
				o.NoOwner = true // of the large object
				return client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			}
			o := pgdump.RestoreOptions{Target: ordinary(t, s), MustBeEmpty: true}
			_, err = restore(o)
			wantFault(t, err, fault.Validation, fault.TargetLacks, "lacks tables of the backup", "public.hen")
			s.Exec(t, o.Target.Database(), "GRANT ALL ON SCHEMA public TO PUBLIC; SET ROLE "+o.Target.User()+"; "+circle)
			for i, way := range []pgdump.RestoreOptions{{MustBeEmpty: true}, {Clean: true}, {Clean: true, Jobs: 4, Ranges: ranges(t, data)}} {
				way.Target = o.Target
				if _, err = restore(way); err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				sameRows(t, from, o.Target)
				_, err = restore(o)
				wantFault(t, err, fault.Validation, fault.NotEmpty, "hold rows already", "public.hen", "large object 4242", "--clean")
				sameRows(t, from, o.Target)
			}
			// Triggers may be disabled by a superuser only.
			o.Clean, o.MustBeEmpty, o.DisableTriggers = true, false, true
			_, err = restore(o)
			wantFault(t, err, fault.Permission, fault.MissingPrivilege, "may not disable triggers")
			super := o
			super.Target = target(t, s.URL(o.Target.Database()))
			if _, err = restore(super); err != nil {
				t.Fatal(err)
			}
			s.Exec(t, o.Target.Database(), "ALTER LARGE OBJECT 4242 OWNER TO "+o.Target.User())
			sameRows(t, from, o.Target)
			// A table outside the backup refers to one that would be emptied.
			s.Exec(t, o.Target.Database(), "CREATE TABLE newer (id int REFERENCES hen); INSERT INTO newer VALUES (1)")
			o.DisableTriggers = false
			report, err := restore(o)
			wantFault(t, err, fault.Validation, fault.NotEmpty, "newer (refers to public.hen)", "nothing was changed")
			if !report.Unchanged {
				t.Errorf("%+v", report)
			}
			s.Exec(t, o.Target.Database(), "DROP TABLE newer")
			// Exactly the tables of the backup are emptied.
			s.Exec(t, o.Target.Database(), "CREATE TABLE mine (id int, hen int); INSERT INTO mine VALUES (1, 1); GRANT SELECT ON mine TO PUBLIC")
			if _, err = restore(o); err != nil {
				t.Fatal(err)
			}
			if got := query(t, o.Target, "SELECT count(*)::text FROM mine"); got != "1" {
				t.Errorf("a table that the backup does not hold has %s rows of 1", got)
			}
			s.Exec(t, o.Target.Database(), "DROP TABLE mine")
			// A failure in the middle brings the old rows back.
			broken := o
			broken.NoOwner = true
			if _, err = client(t, 18).Restore(context.Background(), broken, bytes.NewReader(data[:len(data)-200])); err == nil {
				t.Error("an archive that is cut off was loaded")
			}
			sameRows(t, from, o.Target)
			// Another role that may fill and empty them, but does not own them.
			reader := ordinary(t, s)
			s.Exec(t, o.Target.Database(), "GRANT ALL ON ALL TABLES IN SCHEMA public TO "+reader.User())
			o.Target = reader.WithDatabase(o.Target.Database())
			_, err = restore(o)
			wantFault(t, err, fault.Permission, fault.MissingPrivilege, "in a circle", `"from" of`)
			o.Create = true
			o.Clean = false
			o.Target = o.Target.WithDatabase("rows_only_new")
			_, err = restore(o)
			wantFault(t, err, fault.Validation, fault.TargetLacks, "holds rows only")
		})
	}
}

// sameRows compares rows and definitions, but not who owns them.
func sameRows(t *testing.T, a, b postgres.Target) {
	t.Helper()
	x, y := fingerprint(t, a), fingerprint(t, b)
	for _, f := range []postgres.Fingerprint{x, y} {
		for key := range f.Entries {
			if len(key) > 5 && (key[:5] == "owner" || key[:5] == "privi") {
				delete(f.Entries, key)
			}
		}
	}
	if diff := postgres.Diff(x, y); len(diff) > 0 {
		t.Errorf("%q", diff)
	}
}
