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

// forbiddenThings is what an ordinary role may not restore, beside things that it may.
const forbiddenThings = `CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t SELECT i, 'n' FROM generate_series(1, 100) i;
	CREATE EXTENSION hstore; CREATE EXTENSION pg_stat_statements; CREATE VIEW slow AS SELECT query FROM pg_stat_statements;
	CREATE FUNCTION note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
	CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION note_ddl();
	CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION selected FOR TABLE t; CREATE PUBLICATION app FOR TABLES IN SCHEMA public;
	CREATE FUNCTION careful(int) RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1';
	CREATE FUNCTION "language c"("leakproof" int) RETURNS int LANGUAGE sql AS 'SELECT 1 -- LANGUAGE c';
	ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s GRANT SELECT ON TABLES TO PUBLIC;
	CREATE TABLE theirs (id int); ALTER TABLE theirs OWNER TO %[1]s`

// ordinary gives a database that belongs to an ordinary role, and the target for it: as on managed services.
func ordinary(t *testing.T, s *testenv.Server) postgres.Target {
	t.Helper()
	role, password := s.NewRole(t, "")
	db := target(t, s.NewDatabase(t))
	s.Exec(t, "postgres", fmt.Sprintf("ALTER DATABASE %s OWNER TO %s", postgres.QuoteIdent(db.Database()), role))
	u, err := url.Parse(s.URL(db.Database()))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, password)
	return target(t, u.String())
}

func TestOrdinaryRole(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			other, _ := s.NewRole(t, "")
			from := target(t, s.NewDatabase(t))
			testenv.LoadSQL(t, s.URL(from.Database()), fmt.Sprintf(forbiddenThings, other))
			data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2}, {Jobs: 2, Ranges: ranges(t, data)}} {
				o.Target = ordinary(t, s)
				s.Exec(t, o.Target.Database(), "CREATE EXTENSION hstore") // as a superuser: its comment is not ours
				report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
				wantFault(t, err, fault.Permission, fault.MissingPrivilege, "EVENT TRIGGER audit (", "PUBLICATION everything (", "PUBLICATION TABLES IN SCHEMA public.app public (",
					"COMMENT ON EXTENSION hstore (", "EXTENSION pg_stat_statements (", "FUNCTION public.careful(integer) (", "DEFAULT ACL DEFAULT PRIVILEGES FOR TABLES (",
					fmt.Sprintf("what belongs to role %q: TABLE public.theirs (", other), "--skip-forbidden", "nothing was changed")
				if !report.Unchanged || strings.Contains(err.Error(), "PUBLICATION selected (") {
					t.Errorf("%v %+v", err, report)
				}
				o.SkipForbidden = true
				report, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				var left []string
				for _, l := range report.LeftOut {
					if strings.HasPrefix(l.Reason, `owner "postgres": `) {
						continue // everything is the superuser's
					}
					left = append(left, l.Entry)
				}
				slices.Sort(left)
				want := []string{"COMMENT ON EXTENSION hstore", "COMMENT ON EXTENSION pg_stat_statements", "DEFAULT ACL DEFAULT PRIVILEGES FOR TABLES", "EVENT TRIGGER audit", "EXTENSION pg_stat_statements",
					"FUNCTION public.careful(integer)", "PUBLICATION TABLES IN SCHEMA public.app public", "PUBLICATION everything", "TABLE public.theirs", "VIEW public.slow"}
				if !slices.Equal(left, want) {
					t.Errorf("left out %q", report.LeftOut)
				}
				f := fingerprint(t, o.Target)
				if f.Rows != 100 || f.Entries["table public.theirs"] == "" || f.Entries["view definition public.slow"] != "" {
					t.Errorf("%d rows, %q", f.Rows, f.Entries)
				}
			}
			// Naming the kinds leaves out those, and the rest is still looked at.
			o := pgdump.RestoreOptions{Target: ordinary(t, s)}
			o.SkipKinds = []string{"event trigger", "PUBLICATION", "COMMENT ON EXTENSION", "EXTENSION", "DEFAULT ACL", "FUNCTION"}
			_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			wantFault(t, err, fault.Permission, fault.MissingPrivilege, "TABLE public.theirs (")
			o.NoOwner = true
			report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			if err != nil || report.Done["TABLE"] != 2 || report.Done["FUNCTION"] != 0 || report.Done["VIEW"] != 0 {
				t.Errorf("%v %+v", err, report)
			}
		})
	}
}

// A new owner needs the CREATE privilege on the schema: where it lacks it on one that is there, that is found before anything is touched.
func TestNewOwnerMayNotCreate(t *testing.T) {
	s := testenv.Postgres(t, 18)
	app, _ := s.NewRole(t, "")
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), fmt.Sprintf(`CREATE TABLE t (id int); INSERT INTO t VALUES (1); ALTER TABLE t OWNER TO %[1]s;
		CREATE SCHEMA own AUTHORIZATION %[1]s; CREATE TABLE own.t (id int); ALTER TABLE own.t OWNER TO %[1]s`, app))
	data := dumpOf(t, from, pgdump.Custom)
	for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2}} {
		o.Target = ordinary(t, s)
		s.Exec(t, "postgres", fmt.Sprintf("GRANT %s TO %s", app, o.Target.User()))
		report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Permission, fault.MissingPrivilege, fmt.Sprintf("what belongs to role %q: TABLE public.t (", app), `CREATE privilege on schema "public"`, "nothing was changed")
		if !report.Unchanged || strings.Contains(err.Error(), "own.t") {
			t.Errorf("%v %+v", err, report)
		}
		s.Exec(t, o.Target.Database(), "GRANT CREATE ON SCHEMA public TO "+app)
		if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if got := query(t, target(t, s.URL(o.Target.Database())), "SELECT tableowner::text FROM pg_tables WHERE schemaname = 'public'"); got != app {
			t.Errorf("it belongs to %s", got)
		}
	}
}

// So does whoever restores, and on the database to make a schema: that is found before anything is touched, too.
func TestRestoringRoleMayNotCreate(t *testing.T) {
	for _, major := range []int{15, 18} {
		s := testenv.Postgres(t, major)
		from := target(t, s.NewDatabase(t))
		testenv.LoadSQL(t, s.URL(from.Database()), `CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE SCHEMA own; CREATE TABLE own.t (id int)`)
		data := dumpOf(t, from, pgdump.Custom)
		for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2}, {Clean: true}} {
			o.Target, o.NoOwner, o.NoPrivileges = ordinary(t, s), true, true
			s.Exec(t, "postgres", fmt.Sprintf("ALTER DATABASE %s OWNER TO postgres", postgres.QuoteIdent(o.Target.Database())))
			report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			wantFault(t, err, fault.Permission, fault.MissingPrivilege, "may not restore 2 entries", "SCHEMA own (", `TABLE public.t (it lacks the CREATE privilege on schema "public")`, "nothing was changed")
			if !report.Unchanged {
				t.Errorf("%+v", report)
			}
			s.Exec(t, o.Target.Database(), fmt.Sprintf("GRANT CREATE ON SCHEMA public TO %[1]s; GRANT CREATE ON DATABASE %[2]s TO %[1]s", o.Target.User(), postgres.QuoteIdent(o.Target.Database())))
			if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		}
		// A script is not looked into: the server refuses it, and the hint is a restore's.
		o := pgdump.RestoreOptions{Target: ordinary(t, s), Format: pgdump.Plain}
		s.Exec(t, "postgres", fmt.Sprintf("ALTER DATABASE %s OWNER TO postgres", postgres.QuoteIdent(o.Target.Database())))
		_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(dumpOf(t, from, pgdump.Plain)))
		if f := fault.From(err); f == nil || f.Code != fault.Permission || strings.Contains(f.Hint, "reading") {
			t.Errorf("%v", f)
		}
	}
}

// Whoever may write to the storage may put any text into an archive. None of it is executed to find out what a role may do.
func TestTextOfAnArchiveIsNotTried(t *testing.T) {
	s := testenv.Postgres(t, 18)
	from := target(t, s.NewDatabase(t))
	room := strings.Repeat("x", 100)
	testenv.LoadSQL(t, s.URL(from.Database()), fmt.Sprintf(`CREATE EXTENSION hstore; COMMENT ON EXTENSION hstore IS '%[1]s'; COMMENT ON SCHEMA public IS '%[1]s';
		GRANT CREATE ON SCHEMA public TO pg_monitor, pg_read_all_settings, pg_read_all_stats, pg_stat_scan_tables, pg_signal_backend`, room))
	data := dumpOf(t, from, pgdump.Custom)
	for _, text := range []string{"COMMENT ON EXTENSION hstore IS 'xxxxx", "COMMENT ON SCHEMA public IS 'xxxxx", "GRANT CREATE ON SCHEMA public TO pg_monitor;\nGRANT CREATE"} {
		hostile := fmt.Sprintf("%-*s--", len(text)-2, "COMMIT;CREATE TABLE public.x();")
		if len(hostile) != len(text) || bytes.Count(data, []byte(text)) != 1 {
			t.Fatalf("%q, %d times", text, bytes.Count(data, []byte(text)))
		}
		o := pgdump.RestoreOptions{Target: ordinary(t, s), NoOwner: true}
		if _, err := client(t, 18).Preview(context.Background(), o, bytes.NewReader(bytes.Replace(data, []byte(text), []byte(hostile), 1))); err != nil {
			t.Error(err)
		}
		if got := query(t, o.Target, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'x'"); got != "0" {
			t.Errorf("%s: executed", text)
		}
	}
}

// Roles that the target lacks: owners, grants, grants by others, default privileges, policies.
func TestRolesOfTheBackup(t *testing.T) {
	s, other := testenv.Postgres(t, 18), testenv.Postgres(t, 15)
	boss, _ := s.NewRole(t, "")
	reader, _ := s.NewRole(t, "")
	here, _ := s.NewRole(t, "")
	odd := `To "x", ` + boss
	s.Exec(t, "postgres", "CREATE ROLE "+postgres.QuoteIdent(odd))
	t.Cleanup(func() { s.Exec(t, "postgres", "DROP ROLE "+postgres.QuoteIdent(odd)) })
	other.Exec(t, "postgres", "CREATE ROLE "+here)
	t.Cleanup(func() { other.Exec(t, "postgres", "DROP ROLE "+here) })
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), fmt.Sprintf(`CREATE TABLE t (id int, "to" text); INSERT INTO t VALUES (1, 'a');
		CREATE TABLE boss (id int); ALTER TABLE boss OWNER TO %[1]s; CREATE FUNCTION f("from" int) RETURNS int LANGUAGE sql AS 'SELECT 1';
		GRANT SELECT, UPDATE ("to") ON t TO %[2]s, %[3]s, %[4]s; GRANT SELECT ON t TO %[2]s WITH GRANT OPTION; SET ROLE %[2]s; GRANT SELECT ON t TO %[1]s; GRANT SELECT ON t TO %[3]s; RESET ROLE;
		REVOKE ALL ON FUNCTION f FROM PUBLIC; GRANT EXECUTE ON FUNCTION f TO %[4]s;
		ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY "to" ON t TO %[4]s, %[3]s, %[2]s USING ("to" <> ' TO nobody'); CREATE POLICY gone ON t FOR DELETE TO %[1]s USING (true);
		ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s GRANT SELECT ON TABLES TO %[3]s; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO %[2]s, %[3]s`,
		boss, reader, here, postgres.QuoteIdent(odd)))
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	o := pgdump.RestoreOptions{Target: target(t, other.NewDatabase(t))}
	_, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	wantFault(t, err, fault.Validation, fault.TargetLacks, boss, reader, odd, "owner of TABLE public.boss", "POLICY public.t to", "POLICY public.t gone", "--role-map", "--skip-missing-roles", "nothing was changed")
	o.SkipMissingRoles = true
	report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	f := fingerprint(t, o.Target)
	if p := f.Entries["policy public.t.\"to\""]; !strings.Contains(p, here) || strings.Contains(p, reader) || f.Entries["policy public.t.gone"] != "" || f.Rows != 1 {
		t.Errorf("%q", f.Entries)
	}
	if a := f.Entries["privileges relation public.t"]; !strings.Contains(a, here+"=SELECT") || strings.Contains(a, boss) || len(report.LeftOut) < 6 {
		t.Errorf("%q, %q", a, report.LeftOut)
	}
	// Other roles in their place.
	mapped := pgdump.RestoreOptions{Target: target(t, other.NewDatabase(t)), Jobs: 2}
	mapped.RoleMap = map[string]string{boss: here, reader: "postgres", odd: here}
	if report, err = client(t, 18).Restore(context.Background(), mapped, bytes.NewReader(data)); err != nil || len(report.LeftOut) > 0 {
		t.Fatal(err, report.LeftOut)
	}
	f = fingerprint(t, mapped.Target)
	if f.Entries["owner relation public.boss"] != here || !strings.Contains(f.Entries["policy public.t.gone"], here) || !strings.Contains(f.Entries["privileges function public.f(integer)"], here) {
		t.Errorf("%q", f.Entries)
	}
	mapped.RoleMap[boss] = "nobody_at_all"
	_, err = client(t, 18).Restore(context.Background(), mapped, bytes.NewReader(data))
	wantFault(t, err, fault.Validation, fault.TargetLacks, "nobody_at_all")
	for _, bad := range []pgdump.Adaptation{{RoleMap: map[string]string{"": "a"}}, {SkipKinds: []string{" "}}, {SkipKinds: []string{"TABLE; DROP"}}} {
		mapped.Adaptation = bad
		_, err = client(t, 18).Restore(context.Background(), mapped, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.InvalidInput)
	}
}
