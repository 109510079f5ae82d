package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// omittable has something of each that can be left out.
const omittable = `CREATE TABLE t (id int); COMMENT ON TABLE t IS 'x'; CREATE POLICY p ON t USING (true); ALTER TABLE t ENABLE ROW LEVEL SECURITY; COMMENT ON POLICY p ON t IS 'y';
	CREATE PUBLICATION pub FOR TABLE t; COMMENT ON PUBLICATION pub IS 'z'; CREATE SUBSCRIPTION %s CONNECTION 'dbname=nowhere' PUBLICATION x WITH (connect = false);
	CREATE ACCESS METHOD again TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE other (id int) USING again`

// TestOmissions: each leaves out what pg_restore's option of its name does, and nothing else.
func TestOmissions(t *testing.T) {
	s := testenv.Postgres(t, 18)
	from := target(t, s.NewDatabase(t))
	subscription := "sub_" + from.Database()
	testenv.LoadSQL(t, s.URL(from.Database()), fmt.Sprintf(omittable, subscription))
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	drop := func(db postgres.Target) {
		s.Exec(t, db.Database(), "ALTER SUBSCRIPTION "+subscription+" SET (slot_name = NONE); DROP SUBSCRIPTION "+subscription)
	}
	drop(from)
	const count = `SELECT (SELECT count(*) FROM pg_description WHERE objoid >= 16384) || ' ' || (SELECT count(*) FROM pg_policy) || ' ' || (SELECT count(*) FROM pg_publication) || ' ' ||
		(SELECT count(*) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())) || ' ' || (SELECT amname FROM pg_am m JOIN pg_class c ON c.relam = m.oid WHERE relname = 'other')`
	for omit, want := range map[string]string{"": "3 1 1 1 again", "comments": "0 1 1 1 again", "policies": "2 0 1 1 again", "publications": "2 1 0 1 again", "subscriptions": "3 1 1 0 again",
		"security-labels": "3 1 1 1 again", "table-access-method": "3 1 1 1 heap"} {
		for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2, Ranges: ranges(t, data)}} {
			if o.Target = target(t, s.NewDatabase(t)); omit != "" {
				o.Omit = []string{omit}
			}
			report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			if err != nil {
				t.Fatalf("%s: %v", omit, err)
			}
			if got := query(t, o.Target, count); got != want {
				t.Errorf("%s: %s, want %s", omit, got, want)
			}
			if told := len(report.LeftOut) > 0; told != (omit == "comments" || omit == "policies" || omit == "publications" || omit == "subscriptions") {
				t.Errorf("%s: %+v", omit, report.LeftOut)
			}
			if omit != "subscriptions" {
				drop(o.Target)
			}
		}
	}
	for _, bad := range []pgdump.RestoreOptions{{Adaptation: pgdump.Adaptation{Omit: []string{"tables"}}}, {Format: pgdump.Plain, Adaptation: pgdump.Adaptation{Omit: []string{"comments"}}},
		{Format: pgdump.Plain, Adaptation: pgdump.Adaptation{Role: "x"}}, {Adaptation: pgdump.Adaptation{Superuser: "x"}}, {Adaptation: pgdump.Adaptation{TransactionSize: -1}},
		{Transaction: pgdump.One, Adaptation: pgdump.Adaptation{TransactionSize: 5}}} {
		bad.Target = from
		_, err := client(t, 18).Restore(context.Background(), bad, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.InvalidInput)
	}
	_, err = client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: from, Part: part.Selection{ExcludeTables: []string{"nowhere"}, Strict: true}}, bytes.NewReader(data))
	wantFault(t, err, fault.Validation, fault.NotFound, "nowhere")
	_, err = client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: from, Part: part.Selection{ExcludeSchemas: []string{"nowhere"}, Strict: true}}, bytes.NewReader(data))
	wantFault(t, err, fault.Validation, fault.NotFound, "nowhere")
}

// TestRestoreAsARole: what is restored is the role's, by every way; one that nobody may become is refused.
func TestRestoreAsARole(t *testing.T) {
	for _, major := range []int{15, 18} {
		s := testenv.Postgres(t, major)
		from := target(t, s.NewDatabase(t))
		testenv.LoadSQL(t, s.URL(from.Database()), "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
		data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
		if err != nil {
			t.Fatal(err)
		}
		role, _ := s.NewRole(t, "")
		s.Exec(t, "postgres", `ALTER ROLE `+role+` RENAME TO "`+role+` x\y"`)
		role += ` x\y`
		t.Cleanup(func() { s.Exec(t, "postgres", `DROP ROLE IF EXISTS `+postgres.QuoteIdent(role)) })
		for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2, Ranges: ranges(t, data)}} {
			o.Target, o.NoOwner, o.Role = target(t, s.NewDatabase(t)), true, role
			s.Exec(t, o.Target.Database(), "GRANT ALL ON SCHEMA public TO PUBLIC")
			if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			if got := query(t, o.Target, "SELECT tableowner FROM pg_tables WHERE tablename = 't'"); got != role {
				t.Errorf("it is %s's", got)
			}
			s.Exec(t, o.Target.Database(), "DROP TABLE t")
		}
		o := pgdump.RestoreOptions{Target: ordinary(t, s), Adaptation: pgdump.Adaptation{Role: role}}
		_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Permission, fault.MissingPrivilege, "may not become", "GRANT ")
		o.Role = "nobody at all"
		_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.TargetLacks, "nobody at all")
	}
}

// TestTransactionSize: what was committed before an error stays; what is too old for it is refused.
func TestTransactionSize(t *testing.T) {
	s := testenv.Postgres(t, 18)
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int)")
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	for size, left := range map[int]string{1: "{a,b}", 100: "{}"} {
		o := pgdump.RestoreOptions{Target: target(t, s.NewDatabase(t)), Adaptation: pgdump.Adaptation{TransactionSize: size}}
		s.Exec(t, o.Target.Database(), "CREATE DOMAIN c AS int")
		_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.RestoreIncomplete)
		if got := query(t, o.Target, "SELECT coalesce(array_agg(tablename::text ORDER BY 1), '{}')::text FROM pg_tables WHERE schemaname = 'public'"); got != left {
			t.Errorf("%d: %s, want %s", size, got, left)
		}
	}
	old := testenv.Postgres(t, 15)
	o := pgdump.RestoreOptions{Target: target(t, old.NewDatabase(t)), Adaptation: pgdump.Adaptation{TransactionSize: 1}}
	_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	wantFault(t, err, fault.Validation, fault.TargetLacks, "--transaction-size")
	_, err = client(t, 15).Restore(context.Background(), o, bytes.NewReader(data))
	wantFault(t, err, fault.Validation, fault.ClientTooOld, "--transaction-size")
}

// TestSuperuserDisablesTriggers: for a role that may become one and is none.
func TestSuperuserDisablesTriggers(t *testing.T) {
	s := testenv.Postgres(t, 18)
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), "CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
	d := pgdump.DumpOptions{Target: from}
	d.DataOnly = true
	data, err := dump(t, client(t, 18), d)
	if err != nil {
		t.Fatal(err)
	}
	o := pgdump.RestoreOptions{Target: ordinary(t, s), DisableTriggers: true}
	super, _ := s.NewRole(t, "SUPERUSER")
	s.Exec(t, o.Target.Database(), fmt.Sprintf(`CREATE TABLE t (id int); CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$no$$; END';
		CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no(); GRANT ALL ON t TO PUBLIC; GRANT %s TO %s WITH INHERIT FALSE`, super, o.Target.User()))
	_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	wantFault(t, err, fault.Permission, fault.MissingPrivilege, "may not disable triggers")
	o.Superuser = super
	if _, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if got := query(t, o.Target, "SELECT id FROM t"); got != "1" {
		t.Error(got)
	}
}
