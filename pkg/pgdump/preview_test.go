package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// TestPreview: all that a restore would refuse is told at once, with what it would do, and nothing is touched.
func TestPreview(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			c := client(t, testenv.NewestMajor)
			data, owner := orders(t, s)
			preview := func(o pgdump.RestoreOptions) pgdump.Preview {
				t.Helper()
				out, err := c.Preview(context.Background(), o, bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			refused := func(o pgdump.RestoreOptions, reasons ...fault.Reason) pgdump.Preview {
				t.Helper()
				p := preview(o)
				var got []fault.Reason
				for _, err := range p.Problems {
					got = append(got, fault.From(err).Reason)
				}
				if !slices.Equal(got, reasons) {
					t.Errorf("refused for %v, want %v: %v", got, reasons, p.Problems)
				}
				if len(reasons) > 0 {
					if _, err := c.Restore(context.Background(), o, bytes.NewReader(data)); !fault.HasReason(err, reasons[0]) {
						t.Errorf("a restore says %v, want %s", err, reasons[0])
					}
				}
				return p
			}

			// What is there, a role that lacks, and one that may not.
			o := pgdump.RestoreOptions{Target: ordinary(t, s), MustBeEmpty: true}
			super := target(t, s.URL(o.Target.Database()))
			testenv.LoadSQL(t, s.URL(o.Target.Database()), `CREATE TABLE other (id int)`)
			before := fingerprint(t, super)
			p := refused(o, fault.NotEmpty, fault.TargetLacks, fault.MissingPrivilege)
			equal(t, before, fingerprint(t, super))
			if p.Role != o.Target.User() || !p.Exists || p.Content != "1 table" || p.Makes["TABLE"] != 2 || p.Makes["TABLE DATA"] != 2 || p.Makes["PUBLICATION"] != 1 || p.Bytes != 0 {
				t.Errorf("%+v", p)
			}

			// A database to create: what the role may do nowhere is told, and none is made for the question.
			role, password := s.NewRole(t, "CREATEDB")
			u, err := url.Parse(s.URL("created_" + role))
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword(role, password)
			o = pgdump.RestoreOptions{Target: target(t, u.String()), Create: true, MustBeEmpty: true, Adaptation: pgdump.Adaptation{SkipMissingRoles: true}, NoOwner: true}
			p = refused(o, fault.MissingPrivilege)
			if p.Exists || p.Locale.Encoding != "UTF8" || !strings.Contains(fmt.Sprint(p.Problems), "PUBLICATION everything") {
				t.Errorf("%+v", p)
			}
			if _, err := target(t, s.URL("created_"+role)).Connect(context.Background()); !fault.HasReason(err, fault.DatabaseMissing) {
				t.Errorf("the database to create: %v", err)
			}

			// One that is there already is not looked into, and nobody says what it holds.
			o.Target = target(t, strings.Replace(u.String(), "created_"+role, "postgres", 1))
			if p = refused(o, fault.AlreadyExists); p.Content != "" || p.Locale.String() != "UTF8, libc "+p.From.Collate {
				t.Errorf("%+v", p)
			}
			// And a role that may create none.
			s.Exec(t, "postgres", "ALTER ROLE "+role+" NOCREATEDB")
			o.Target = target(t, u.String())
			refused(o, fault.MissingPrivilege, fault.MissingPrivilege)

			// Nothing is in the way of a superuser: what is told is what is done.
			o = pgdump.RestoreOptions{Target: target(t, s.NewDatabase(t)), MustBeEmpty: true, Adaptation: pgdump.Adaptation{SkipMissingRoles: true}}
			p = refused(o)
			if !slices.ContainsFunc(p.LeftOut, func(l pgdump.LeftOut) bool { return strings.Contains(l.Reason, owner) }) {
				t.Errorf("%+v", p.LeftOut)
			}
			report, err := c.Restore(context.Background(), o, bytes.NewReader(data))
			if err != nil || fmt.Sprint(report.Done) != fmt.Sprint(p.Makes) || report.OneTransaction != p.OneTransaction {
				t.Errorf("told %+v, done %+v, %v", p, report, err)
			}

			// What runs meanwhile is named.
			testenv.LoadSQL(t, s.URL(o.Target.Database()), `CREATE FUNCTION frozen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''frozen''; END';
				CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION frozen()`)
			if p = refused(o, fault.NotEmpty); !strings.Contains(fmt.Sprint(p.Remarks), "frozen") {
				t.Errorf("%q", p.Remarks)
			}
			testenv.LoadSQL(t, s.URL(o.Target.Database()), `DROP EVENT TRIGGER frozen; DROP FUNCTION frozen()`)

			// What goes with what is replaced.
			testenv.LoadSQL(t, s.URL(o.Target.Database()), `CREATE VIEW totals AS SELECT count(*) FROM app.orders`)
			before = fingerprint(t, o.Target)
			o.MustBeEmpty, o.Clean = false, true
			refused(o, fault.NotEmpty)
			o.Cascade = true
			if p = refused(o); len(p.Dropped) != 1 || !strings.Contains(p.Dropped[0], "totals") {
				t.Errorf("%+v", p.Dropped)
			}
			equal(t, before, fingerprint(t, o.Target))
		})
	}
}

// A part is read by its ranges: the preview says how much of the archive that is, and what is in its way.
func TestPreviewOfAPart(t *testing.T) {
	s := testenv.Postgres(t, testenv.NewestMajor)
	data, _ := orders(t, s)
	o := pgdump.RestoreOptions{Target: target(t, s.NewDatabase(t)), Ranges: ranges(t, data), WithDependencies: true}
	o.Part.Tables = []string{"orders"}
	c := client(t, testenv.NewestMajor)
	p, err := c.Preview(context.Background(), o, bytes.NewReader(headOf(t, data)))
	if err != nil || len(p.Problems) > 0 || p.Bytes <= int64(len(headOf(t, data))) || p.Bytes >= int64(len(data)) || p.Makes["TABLE"] != 1 || p.From.String() != p.Locale.String() {
		t.Errorf("%+v, %v", p, err)
	}
	testenv.LoadSQL(t, s.URL(o.Target.Database()), `CREATE SCHEMA app; CREATE TABLE app.orders ()`)
	p, err = c.Preview(context.Background(), o, bytes.NewReader(headOf(t, data)))
	if err != nil || len(p.Problems) != 1 || !fault.HasReason(p.Problems[0], fault.AlreadyExists) {
		t.Errorf("%+v, %v", p, err)
	}
}

// orders is a dump with a table, another one whose owner is gone, and a publication that takes a superuser.
func orders(t *testing.T, s *testenv.Server) (data []byte, owner string) {
	t.Helper()
	owner, _ = s.NewRole(t, "")
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), `CREATE SCHEMA app; CREATE TABLE app.orders (id int PRIMARY KEY, note text);
		INSERT INTO app.orders SELECT i, md5(i::text) FROM generate_series(1, 1000) i; CREATE TABLE app.theirs AS SELECT md5(i::text) FROM generate_series(1, 2000) i;
		ALTER TABLE app.theirs OWNER TO `+owner+`; CREATE PUBLICATION everything FOR ALL TABLES`)
	data, err := dump(t, client(t, testenv.NewestMajor), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	s.Exec(t, from.Database(), "DROP TABLE app.theirs; DROP ROLE "+postgres.QuoteIdent(owner))
	return data, owner
}
