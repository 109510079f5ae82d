package postgres_test

import (
	"context"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

func fingerprint(t *testing.T, db postgres.Target, o postgres.FingerprintOptions) postgres.Fingerprint {
	t.Helper()
	f, err := postgres.TakeFingerprint(context.Background(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Any change must show, as one difference that names what changed.
func TestFingerprintSeesEveryChange(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), postgrestest.Nasty)
	before := fingerprint(t, db, postgres.FingerprintOptions{})
	if diff := postgres.Diff(before, fingerprint(t, db, postgres.FingerprintOptions{})); len(diff) > 0 {
		t.Fatalf("it differs from itself: %q", diff)
	}
	for _, c := range []struct{ sql, names string }{
		{"UPDATE tree SET parent = NULL WHERE id = 7", "content public.tree"},
		{"DELETE FROM event WHERE id = 5", "content public.event_"},
		{"UPDATE every_type SET f8 = '1.0000000000000002' WHERE id = 3", "content public.every_type"},
		{"UPDATE made SET a = a + 1 WHERE a = 10; UPDATE made SET a = a - 1 WHERE a = 12", "content public.made"},
		{"INSERT INTO no_columns DEFAULT VALUES", "content public.no_columns: "},
		{`UPDATE "select"."table" SET "\." = E'\\N' WHERE "order" = 1`, `content "select"."table"`},
		{"REFRESH MATERIALIZED VIEW monthly", "content public.monthly"}, // after the change of event
		{"SELECT setval('reset', 7, true)", "sequence value public.reset"},
		{"SELECT lo_put(420003, 2999999, '\\x01')", "large objects 420000 to 420999"},
		{"SELECT lo_create(999999)", "large objects 999000 to 999999"},
		{"ALTER TABLE tree ADD COLUMN extra int", "column public.tree.extra"},
		{"ALTER TABLE tree ALTER COLUMN parent SET DEFAULT 3", "column public.tree.parent"},
		{"DROP INDEX event_note", "index public.event_note"},
		{"ALTER TABLE tree DROP CONSTRAINT not_validated", "constraint public.tree.not_validated"},
		{"ALTER TABLE egg ENABLE TRIGGER off", "trigger public.egg.off"},
		{"ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "type public.mood"},
		{"CREATE OR REPLACE VIEW needs_key AS SELECT id, parent FROM tree WHERE id > 3 GROUP BY id", "view definition public.needs_key"},
		{"CREATE OR REPLACE FUNCTION double_it(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + x'", "function public.double_it(integer)"},
		{"ALTER POLICY strict ON secret USING (id > 0)", "policy public.secret.strict"},
		{"COMMENT ON COLUMN event.note IS 'other'", "comment table column"},
		{"GRANT DELETE ON secret TO PUBLIC", "privileges relation public.secret"},
		{"ALTER TABLE secret OWNER TO postgres", "owner relation public.secret"},
		{"DROP EXTENSION pgcrypto", "extension pgcrypto"},
		{"ALTER SEQUENCE far INCREMENT 5", "sequence public.far"},
		{"ALTER TABLE event DETACH PARTITION event_rest", "table public.event_rest"},
		{"ALTER TABLE unlogged_t SET LOGGED", "table public.unlogged_t"},
		{"DROP CAST (pair AS text)", "cast (public.pair AS pg_catalog.text)"},
		{"ALTER SERVER \"far away\" OPTIONS (SET port '2')", `server "far away"`},
		{"ALTER PUBLICATION \"pub \"\"q\"\"\" DROP TABLE egg", "publication"},
		{"DROP STATISTICS \"some stats\"", "statistics"},
		{"ALTER EVENT TRIGGER \"watch ddl\" ENABLE", "event trigger"},
		{"ALTER DEFAULT PRIVILEGES IN SCHEMA \"select\" GRANT INSERT ON TABLES TO PUBLIC", "default acl"},
		{"DROP RULE also ON logged", "rule public.logged.also"},
		{"CREATE SCHEMA added", "schema added"},
	} {
		s.Exec(t, db.Database(), c.sql)
		after := fingerprint(t, db, postgres.FingerprintOptions{})
		diff := postgres.Diff(before, after)
		if len(diff) == 0 || !strings.Contains(strings.Join(diff, "\n"), c.names) {
			t.Errorf("%s: %q", c.sql, diff)
		}
		before = after
	}
}

// The order of rows, and what the session, the role or the database set, do not matter.
func TestFingerprintIsStable(t *testing.T) {
	s := testenv.Postgres(t, 18)
	one, two := target(t, s.NewDatabase(t)), target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(one.Database()), "CREATE TABLE t (f float8, at timestamptz, v interval, b bytea, m money); INSERT INTO t SELECT i * 0.1, to_timestamp(i), make_interval(days => i), '\\x00ff', i::money FROM generate_series(1, 1000) i")
	testenv.LoadSQL(t, s.URL(two.Database()), "CREATE TABLE t (f float8, at timestamptz, v interval, b bytea, m money); INSERT INTO t SELECT i * 0.1, to_timestamp(i), make_interval(days => i), '\\x00ff', i::money FROM generate_series(1000, 1, -1) i")
	for _, set := range []string{"extra_float_digits = 0", "TimeZone = 'Asia/Tokyo'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'", "search_path = nothing", "row_security = on"} {
		s.Exec(t, "postgres", "ALTER DATABASE "+two.Database()+" SET "+set)
	}
	var names []string
	last := 0
	o := postgres.FingerprintOptions{Progress: func(name string, done, total int) { names, last = append(names, name), done*100+total }}
	a, b := fingerprint(t, one, o), fingerprint(t, two, postgres.FingerprintOptions{})
	if diff := postgres.Diff(a, b); len(diff) > 0 || a.Tables != 1 || a.Rows != 1000 {
		t.Errorf("%q %+v", diff, a)
	}
	if strings.Join(names, " ") != "public.t " || last != 101 {
		t.Errorf("%q %d", names, last)
	}
	if f := fingerprint(t, one, postgres.FingerprintOptions{SchemaOnly: true}); f.Rows != 0 || f.Entries["table public.t"] == "" {
		t.Errorf("%+v", f)
	}
}

// Rows that the role cannot see must be an error, not missing.
func TestFingerprintOfWhatIsHidden(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	role, password := s.NewRole(t, "")
	testenv.LoadSQL(t, s.URL(db.Database()), "CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; GRANT SELECT ON t TO "+role)
	weak := target(t, strings.Replace(s.URL(db.Database()), "postgres:"+s.Password, role+":"+password, 1))
	_, err := postgres.TakeFingerprint(context.Background(), weak, postgres.FingerprintOptions{})
	if !fault.HasReason(err, fault.MissingPrivilege) {
		t.Error(err)
	}
}
