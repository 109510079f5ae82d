package postgres_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// people are roles with everything that a role can have.
const people = `
CREATE ROLE "odd "" \ 'name" WITH LOGIN CREATEDB CONNECTION LIMIT 3 PASSWORD 'secret' VALID UNTIL '2031-02-03 04:05:06.789+02';
CREATE ROLE "two
lines; DROP ROLE app" NOINHERIT REPLICATION BYPASSRLS;
CREATE ROLE "-- cofre globals 1 {}" NOLOGIN VALID UNTIL 'infinity';
CREATE ROLE owners CREATEROLE; CREATE ROLE app LOGIN; CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE deputy LOGIN;
CREATE ROLE rds_superuser; CREATE ROLE cloudsqladmin; GRANT rds_superuser TO app; GRANT app TO cloudsqladmin;
SET password_encryption = 'md5'; ALTER ROLE app PASSWORD 'other'; RESET password_encryption;
GRANT owners TO boss WITH ADMIN OPTION; GRANT pg_read_all_data TO app; GRANT app TO deputy;
ALTER ROLE app SET search_path = 'a, b', "$user", 'it''s', "quo""ted"; ALTER ROLE app SET work_mem = '7MB'; ALTER ROLE app SET "my.own" = E'x\\y ''z''\nw';
ALTER ROLE app SET DateStyle = 'ISO, DMY'; ALTER ROLE boss SET search_path = ''; ALTER ROLE boss SET TimeZone = 'America/Sao_Paulo';
ALTER ROLE app IN DATABASE postgres SET work_mem = '9MB'; ALTER ROLE ALL SET work_mem = '5MB';
`

// What is granted on the server itself, and noted of it. Each statement stands alone: of tablespaces the server insists on that.
var things = []string{
	`COMMENT ON ROLE app IS E'it''s \\ "of"\n; DROP ROLE deputy; --'`, `COMMENT ON ROLE "-- cofre globals 1 {}" IS 'a comment'`,
	`GRANT SET ON PARAMETER work_mem TO owners WITH GRANT OPTION`, `GRANT ALTER SYSTEM, SET ON PARAMETER "my.own" TO app`, `GRANT SET ON PARAMETER log_statement TO PUBLIC, rds_superuser`,
	`SET ROLE owners; GRANT SET ON PARAMETER work_mem TO deputy, cloudsqladmin; RESET ROLE`,
	`CREATE TABLESPACE "Fast 'n' easy" OWNER app LOCATION '' WITH (random_page_cost = 1.5, effective_io_concurrency = 3)`, `CREATE TABLESPACE theirs OWNER boss LOCATION ''`,
	`CREATE TABLESPACE plain LOCATION ''`, `COMMENT ON TABLESPACE "Fast 'n' easy" IS 'it''s fast'`, `GRANT CREATE ON TABLESPACE "Fast 'n' easy" TO owners WITH GRANT OPTION`,
	`SET ROLE owners; GRANT CREATE ON TABLESPACE "Fast 'n' easy" TO deputy, rds_superuser; RESET ROLE`, `REVOKE ALL ON TABLESPACE theirs FROM boss`, `GRANT CREATE ON TABLESPACE theirs TO PUBLIC`,
}

// inPlace lets tablespaces lie inside of the server's own directory.
var inPlace = []string{"allow_in_place_tablespaces = on"}

// catalogs are all that a server says of what globals are, in names. pg_dumpall has no settings of all roles, and from servers before 16 no grantors.
const catalogs = `SELECT format('role %s %s %s', rolname, to_jsonb(a) - 'oid', shobj_description(oid, 'pg_authid')) FROM pg_authid a WHERE oid <> 10 AND rolname NOT LIKE 'pg\_%'
UNION ALL SELECT format('member %s %s %s %s', r.rolname, u.rolname, to_jsonb(m) - ARRAY['oid', 'roleid', 'member', 'grantor'], CASE WHEN to_jsonb(m) ? 'set_option' THEN g.rolname END)
	FROM pg_auth_members m JOIN pg_authid r ON r.oid = roleid JOIN pg_authid u ON u.oid = member LEFT JOIN pg_authid g ON g.oid = grantor WHERE u.oid >= 16384
UNION ALL SELECT format('setting %s %s %s', setdatabase, setrole::regrole, setconfig) FROM pg_db_role_setting WHERE setrole <> 0 AND setdatabase = 0
UNION ALL SELECT format('parameter %s %s', parname, paracl) FROM (SELECT parname, ARRAY(SELECT unnest(paracl)::text COLLATE "C" ORDER BY 1) AS paracl FROM pg_parameter_acl) p
UNION ALL SELECT format('tablespace %s %s %s %s %s', spcname, spcowner::regrole, spcoptions, shobj_description(oid, 'pg_tablespace'),
	ARRAY(SELECT unnest(coalesce(spcacl, acldefault('t', spcowner)))::text COLLATE "C" ORDER BY 1)) FROM pg_tablespace WHERE spcname NOT LIKE 'pg\_%'`

// catalogsOf returns what a server's catalogs say, without what belongs to services.
func catalogsOf(t *testing.T, s *testenv.Server) (lines []string) {
	t.Helper()
	for _, line := range rowsOf(t, s, catalogs) {
		line = regexp.MustCompile(`(cloudsqladmin|rds_superuser)=[^,}]*,|,(cloudsqladmin|rds_superuser)=[^,}]*`).ReplaceAllString(line, "")
		if !strings.Contains(line, "cloudsqladmin") && !strings.HasPrefix(line, "role rds_superuser") {
			lines = append(lines, line)
		}
	}
	return lines
}

func rowsOf(t *testing.T, s *testenv.Server, query string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// everything makes a server with all that globals can be.
func everything(t *testing.T, major int) *testenv.Server {
	t.Helper()
	s := testenv.PostgresWith(t, testenv.Options{Major: major, Settings: inPlace})
	s.Exec(t, "postgres", people)
	if major >= 16 {
		s.Exec(t, "postgres", people16)
	}
	for _, sql := range things {
		s.Exec(t, "postgres", sql)
	}
	return s
}

// execute runs a script by psql, and returns what failed.
func execute(t *testing.T, s *testenv.Server, text []byte) (errors []string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(testenv.ClientBin(testenv.NewestMajor), "psql"), "-X", "-q", "--dbname="+s.URL("postgres"), "-f", "-")
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	return regexp.MustCompile(`ERROR: .*`).FindAllString(string(out), -1)
}

// empty drops all that a server has of globals.
func empty(t *testing.T, s *testenv.Server) {
	t.Helper()
	for _, sql := range rowsOf(t, s, `SELECT format('DROP TABLESPACE %I', spcname) FROM pg_tablespace WHERE spcname NOT LIKE 'pg\_%'
		UNION ALL SELECT format('DROP OWNED BY %I', rolname) FROM pg_roles WHERE oid >= 16384
		UNION ALL SELECT 'DROP ROLE ' || string_agg(quote_ident(rolname), ', ') FROM pg_roles WHERE oid >= 16384
		UNION ALL SELECT format('REVOKE ALL ON PARAMETER %I FROM PUBLIC', parname) FROM pg_parameter_acl UNION ALL SELECT 'ALTER ROLE ALL RESET ALL'`) {
		s.Exec(t, "postgres", sql)
	}
	if left := catalogsOf(t, s); len(left) > 0 {
		t.Fatalf("left: %q", left)
	}
}

// More of 16 and newer: options, and grantors that come after whom they grant to by name.
const people16 = `
GRANT owners TO deputy WITH INHERIT FALSE, SET FALSE, ADMIN TRUE GRANTED BY boss;
GRANT owners TO app WITH SET FALSE GRANTED BY deputy;
GRANT owners TO app WITH INHERIT FALSE GRANTED BY postgres;
`

func dumpallText(t *testing.T, s *testenv.Server) []byte {
	t.Helper()
	out, err := exec.Command(filepath.Join(testenv.ServerBin(testenv.NewestMajor), "pg_dumpall"), "--globals-only", "--dbname="+s.URL("postgres")).Output()
	if err != nil {
		t.Fatalf("pg_dumpall: %v", err)
	}
	return regexp.MustCompile(`(?m)^ALTER ROLE postgres WITH .*$`).ReplaceAll(out, nil) // its password is the server's own
}

// dumpall is what pg_dumpall says of a server, without what differs from server to server, and what is not kept.
func dumpall(t *testing.T, s *testenv.Server) []string {
	t.Helper()
	out := dumpallText(t, s)
	var kept []string
	for _, statement := range strings.Split(regexp.MustCompile(`(?m)^(--.*|\\(un)?restrict .*)$`).ReplaceAllString(string(out), ""), ";\n") {
		statement = strings.TrimSpace(statement)
		if statement == "" || strings.Contains(statement, "rds_superuser") || strings.Contains(statement, "cloudsqladmin") {
			continue
		}
		kept = append(kept, statement)
	}
	return kept
}

// differing lists what is in one list alone.
func differing(a, b []string) (out []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, "- "+x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			out = append(out, "+ "+x)
		}
	}
	return out
}

func globalsOf(t *testing.T, s *testenv.Server, passwords bool) postgres.Globals {
	t.Helper()
	session, err := postgres.OpenSession(t.Context(), target(t, s.URL("postgres")), postgres.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	g, err := session.Globals(t.Context(), passwords)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func script(t *testing.T, g postgres.Globals) []byte {
	t.Helper()
	text, err := g.Script()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What is made of the globals of one server on another is what pg_dumpall says of the first, and what is made of that.
func TestGlobals(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			from, to, other := everything(t, major), testenv.PostgresWith(t, testenv.Options{Major: major, Settings: inPlace}), testenv.PostgresWith(t, testenv.Options{Major: major, Settings: inPlace})
			want := dumpall(t, from)
			if len(want) < 35 {
				t.Fatalf("there is little to compare: %q", want)
			}
			if failed := execute(t, other, dumpallText(t, from)); len(failed) != 1 { // postgres is there
				t.Fatalf("what pg_dumpall wrote: %q", failed)
			}
			state := catalogsOf(t, other)
			if diff := differing(catalogsOf(t, from), state); len(diff) > 0 {
				t.Fatalf("pg_dumpall alone loses:\n%s", strings.Join(diff, "\n"))
			}
			text := script(t, globalsOf(t, from, true))
			g, err := postgres.ParseGlobals(text)
			if err != nil {
				t.Fatal(err)
			}
			to.Exec(t, "postgres", "CREATE ROLE rds_superuser") // as every server of that service has it
			before := dumpall(t, to)
			missing := target(t, to.URL("not there yet"))
			if made, err := g.Make(t.Context(), missing, postgres.Policy{}, true); err != nil || len(made.Roles) != 7 || len(made.Tablespaces) != 3 || len(made.NotMade) > 0 {
				t.Errorf("a look: %+v (%v)", made, err)
			}
			if diff := differing(before, dumpall(t, to)); len(diff) > 0 {
				t.Errorf("a look changed: %q", diff)
			}
			made, err := g.Make(t.Context(), missing, postgres.Policy{}, false)
			if err != nil || len(made.Roles) != 7 || made.There != 1 || made.Privileges != 8 || made.Comments != 3 || len(made.NotMade)+len(made.Lesser) > 0 {
				t.Errorf("%+v (%v)", made, err)
			}
			if diff := differing(want, dumpall(t, to)); len(diff) > 0 {
				t.Errorf("pg_dumpall says otherwise of it:\n%s", strings.Join(diff, "\n"))
			}
			if diff := differing(state, catalogsOf(t, to)); len(diff) > 0 {
				t.Errorf("the catalogs say otherwise of it:\n%s", strings.Join(diff, "\n"))
			}
			const all = "SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = 0"
			if diff := differing(rowsOf(t, from, all), rowsOf(t, to, all)); len(diff) > 0 {
				t.Errorf("settings of all roles: %q", diff)
			}
			// Again, after somebody changed things: all is left alone, and what everybody would get is said.
			to.Exec(t, "postgres", "REVOKE pg_read_all_data FROM app; ALTER ROLE app RESET ALL; ALTER ROLE boss NOLOGIN; ALTER ROLE ALL SET work_mem = '6MB'; REVOKE ALL ON PARAMETER log_statement FROM PUBLIC; COMMENT ON ROLE app IS NULL")
			changed := dumpall(t, to)
			made, err = g.Make(t.Context(), missing, postgres.Policy{}, false)
			if err != nil || len(made.Roles) > 0 || made.There != 11 || made.Memberships+made.Settings+made.Privileges+made.Comments > 0 || len(made.NotMade) != 2 ||
				!strings.Contains(made.NotMade[0], `setting "work_mem" of role ALL: another one is there`) || !strings.Contains(made.NotMade[1], `GRANT SET ON PARAMETER "log_statement" TO PUBLIC`) {
				t.Errorf("again: %+v (%v)", made, err)
			}
			if diff := differing(changed, dumpall(t, to)); len(diff) > 0 {
				t.Errorf("what was there was changed: %q", diff)
			}
			// Without being asked, no password leaves the server.
			if plain := script(t, globalsOf(t, from, false)); strings.Contains(string(plain), "SCRAM-SHA") || strings.Contains(string(plain), "PASSWORD") || strings.Contains(string(plain), "md5") {
				t.Error("hashes are among what was read without")
			}
			// psql makes the same of the script, where there is no provider's role.
			empty(t, other)
			other.Exec(t, "postgres", "CREATE ROLE rds_superuser")
			if failed := execute(t, other, text); len(failed) != 1 {
				t.Errorf("psql: %q", failed)
			}
			if diff := differing(state, catalogsOf(t, other)); len(diff) > 0 {
				t.Errorf("by psql:\n%s", strings.Join(diff, "\n"))
			}
		})
	}
}

// Globals go to older and newer servers, as far as those can have them.
func TestGlobalsOfOtherVersions(t *testing.T) {
	newest, oldest := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor}), testenv.PostgresWith(t, testenv.Options{Major: 15})
	oldest.Exec(t, "postgres", people)
	back := globalsOf(t, oldest, false)
	made, err := back.Make(t.Context(), target(t, newest.URL("postgres")), postgres.Policy{}, false)
	if err != nil || len(made.Roles) != 7 || len(made.NotMade) != 1 || !strings.Contains(made.NotMade[0], "rds_superuser") {
		t.Errorf("15 to %d: %+v (%v)", testenv.NewestMajor, made, err)
	}
	newest.Exec(t, "postgres", people16)
	other := testenv.PostgresWith(t, testenv.Options{Major: 15})
	made, err = globalsOf(t, newest, false).Make(t.Context(), target(t, other.URL("postgres")), postgres.Policy{}, false)
	if err != nil || len(made.Roles) != 7 || len(made.NotMade) == 0 {
		t.Errorf("%d to 15: %+v (%v)", testenv.NewestMajor, made, err)
	}
	for _, line := range made.NotMade {
		if !strings.Contains(line, "it takes PostgreSQL 16") {
			t.Error(line)
		}
	}
}

// A role that is no superuser makes what it may, names the rest, and makes no superuser.
func TestGlobalsWithoutSuperuser(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		from, to := testenv.PostgresWith(t, testenv.Options{Major: major}), testenv.PostgresWith(t, testenv.Options{Major: major})
		from.Exec(t, "postgres", people)
		from.Exec(t, "postgres", "GRANT SET ON PARAMETER log_statement TO app")
		g := globalsOf(t, from, true)
		g.Tablespaces = []postgres.Tablespace{{Name: "fast", Owner: "app", Location: "/nowhere"}}
		to.Exec(t, "postgres", "CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'x'")
		made, err := g.Make(t.Context(), target(t, to.URLAs("maker", "x", "postgres")), postgres.Policy{}, false)
		if err != nil || len(made.Roles) != 7 || len(made.Lesser) < 2 {
			t.Fatalf("%d: %+v (%v)", major, made, err)
		}
		all := strings.Join(append(made.NotMade, made.Lesser...), "\n")
		for _, part := range []string{`role "boss" without SUPERUSER`, `without REPLICATION, BYPASSRLS`, `tablespace "fast": only superusers`, `privilege SET on parameter "log_statement" TO "app": permission denied`, `setting "work_mem" of role ALL: `, `membership of "app" in "rds_superuser": there is no such role`} {
			if !strings.Contains(all, part) {
				t.Errorf("%d: %q is not said:\n%s", major, part, all)
			}
		}
		if out := strings.Join(dumpall(t, to), "\n"); strings.Contains(out, "ALTER ROLE boss WITH SUPERUSER") || !strings.Contains(out, "CREATE ROLE boss") {
			t.Errorf("%d:\n%s", major, out)
		}
		to.Exec(t, "postgres", "CREATE ROLE nobody LOGIN PASSWORD 'x'")
		g.Roles = append(g.Roles, postgres.GlobalRole{Name: "another", Connections: -1})
		made, err = g.Make(t.Context(), target(t, to.URLAs("nobody", "x", "postgres")), postgres.Policy{}, false)
		if err != nil || len(made.Roles) > 0 || len(made.NotMade) < 1 || !strings.Contains(made.NotMade[0], "permission denied to create role") {
			t.Errorf("%d: %+v (%v)", major, made, err)
		}
		session, err := postgres.OpenSession(t.Context(), target(t, to.URLAs("nobody", "x", "postgres")), postgres.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		if _, err := session.Globals(t.Context(), false); err != nil { // everybody may read the rest
			t.Error(err)
		}
		// What a service does not let everybody read is left out, and named from there on.
		to.Exec(t, "postgres", "REVOKE SELECT ON pg_catalog.pg_shdescription, pg_catalog.pg_parameter_acl FROM PUBLIC")
		g, err = session.Globals(t.Context(), false)
		if err != nil || len(g.Roles) < 8 || strings.Join(g.Unread, "; ") != "privileges on parameters: permission denied for table pg_parameter_acl; comments: permission denied for table pg_shdescription" {
			t.Errorf("%d: %q (%v)", major, g.Unread, err)
		}
		if g, err = postgres.ParseGlobals(script(t, g)); err != nil {
			t.Error(err)
		}
		if made, err = g.Make(t.Context(), target(t, to.URLAs("nobody", "x", "postgres")), postgres.Policy{}, true); err != nil || !strings.HasPrefix(made.NotMade[0], "they were not kept, privileges on parameters: ") {
			t.Errorf("%d: %+v (%v)", major, made, err)
		}
		if _, err := session.Globals(t.Context(), true); !fault.HasReason(err, fault.MissingPrivilege) || !fault.HasCode(err, fault.Permission) {
			t.Error(err)
		}
	}
}

func TestTablespaces(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor, Settings: inPlace})
	made, err := postgres.Globals{Tablespaces: []postgres.Tablespace{
		{Name: `a "b"`, Owner: "postgres", Location: "/nowhere at all", Options: []string{"random_page_cost=1.1"}}, {Name: "orphan", Owner: "nobody", Location: "/nowhere"},
	}}.Make(t.Context(), target(t, s.URL("postgres")), postgres.Policy{}, false)
	if err != nil || len(made.NotMade) != 2 || !strings.Contains(made.NotMade[0], "does not exist") || !strings.Contains(made.NotMade[1], `no role "nobody"`) {
		t.Errorf("%+v (%v)", made, err)
	}
	s.Exec(t, "postgres", "CREATE ROLE app")
	s.Exec(t, "postgres", `CREATE TABLESPACE "Fast 'n' easy" OWNER app LOCATION '' WITH (random_page_cost = 1.5, effective_io_concurrency = 3)`)
	// No extension of PostgreSQL's own labels roles, so that a label is put where one would have put it; and none lets another server take it.
	s.Exec(t, "postgres", `SET allow_system_table_mods = on; INSERT INTO pg_shseclabel SELECT oid, 'pg_authid'::regclass, 'se"linux', 'it''s' FROM pg_roles WHERE rolname = 'app'
		UNION ALL SELECT oid, 'pg_tablespace'::regclass, 'selinux', 'fast' FROM pg_tablespace WHERE spcname ~ '^Fast'`)
	g := globalsOf(t, s, false)
	if text := string(script(t, g)); !strings.Contains(text, `SECURITY LABEL FOR "se""linux" ON ROLE "app" IS 'it''s'`) || !strings.Contains(text, `SECURITY LABEL FOR "selinux" ON TABLESPACE "Fast 'n' easy" IS 'fast'`) {
		t.Error(text)
	}
	labeled := g
	labeled.Roles = []postgres.GlobalRole{{Name: "another", Connections: -1, Remarks: g.Roles[0].Remarks}}
	if made, err := labeled.Make(t.Context(), target(t, s.URL("postgres")), postgres.Policy{}, true); err != nil || len(made.Roles) != 1 || len(made.NotMade) != 1 ||
		made.NotMade[0] != `security label on role "another": security label provider "se"linux" is not loaded` {
		t.Errorf("%+v (%v)", made, err)
	}
	if len(g.Tablespaces) != 1 || g.Tablespaces[0].Owner != "app" || len(g.Tablespaces[0].Options) != 2 || g.Tablespaces[0].Location != "" {
		t.Fatalf("%+v", g.Tablespaces)
	}
	if made, err := g.Make(t.Context(), target(t, s.URL("postgres")), postgres.Policy{}, false); err != nil || made.There != 3 || len(made.NotMade) > 0 {
		t.Errorf("%+v (%v)", made, err)
	}
	for _, where := range []string{`E'/a\\b'`, `WITH ("random_page_cost" = '1.5', "effective_io_concurrency" = '3')`} {
		g.Tablespaces[0].Location = `/a\b`
		if text := string(script(t, g)); !strings.Contains(text, where) {
			t.Errorf("%s is not in\n%s", where, text)
		}
	}
}

// What cofre cannot have written is refused as a whole, and nothing of it is executed.
func TestHostileGlobals(t *testing.T) {
	const head = "-- cofre globals 1 "
	for name, text := range map[string]string{
		"empty": "", "SQL": "DROP DATABASE postgres;", "no JSON": head + "x", "a list": head + "[]", "half": head + `{"roles":[{"name":"a"}`,
		"version 0": "-- cofre globals 0 {}", "another kind": head + `{"statements":["DROP DATABASE postgres"]}`, "no name": head + `{"roles":[{"name":"","connections":-1}]}`,
		"PostgreSQL's own": head + `{"roles":[{"name":"pg_mine","connections":-1}]}`, "a service's": head + `{"roles":[{"name":"rds_mine","connections":-1}]}`,
		"a plain password": head + `{"roles":[{"name":"a","connections":-1,"password":"hello"}]}`, "something like a hash": head + `{"roles":[{"name":"a","connections":-1,"password":"SCRAM-SHA-256$x"}]}`,
		"NUL": head + `{"roles":[{"name":"a\u0000b","connections":-1}]}`, "a long name": head + `{"roles":[{"name":"` + strings.Repeat("x", 2000) + `","connections":-1}]}`,
		"connections": head + `{"roles":[{"name":"a","connections":-2}]}`, "an option": head + `{"tablespaces":[{"name":"a","owner":"b","location":"/x","options":["x"]}]}`,
		"the root": head + `{"tablespaces":[{"name":"a","owner":"b","location":"/"}]}`, "a million": head + `{"roles":[` + strings.Repeat(`{},`, 1_000_000) + `{}]}`,
		"a privilege": head + `{"parameters":[{"name":"a","privilege":"ALL PRIVILEGES ON DATABASE postgres TO x; --","to":"b"}]}`, "a grantee": head + `{"parameters":[{"name":"a","privilege":"SET","to":"b\u0000"}]}`,
		"a comment": head + `{"roles":[{"name":"a","connections":-1,"comment":"\u0000"}]}`, "a label": head + `{"roles":[{"name":"a","connections":-1,"labels":[{"provider":"","label":"aaaaaaaaa"}]}]}`,
		"grants":   head + `{"tablespaces":[{"name":"a","owner":"b","location":"/x","grants":[` + strings.Repeat(`{},`, 1_000_000) + `{}]}]}`,
		"too much": head + strings.Repeat("x", postgres.MaxGlobals),
	} {
		if g, err := postgres.ParseGlobals([]byte(text)); !fault.HasReason(err, fault.StructureDamaged) || len(g.Roles)+len(g.Tablespaces) > 0 {
			t.Errorf("%s: %+v (%v)", name, g, err)
		}
	}
	if _, err := postgres.ParseGlobals([]byte("-- cofre globals 3 {}\n")); !fault.HasReason(err, fault.NewerVersion) {
		t.Error(err)
	}
	// What stands behind the first line is for people alone; names that try to be more are names.
	s := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	g, err := postgres.ParseGlobals([]byte(head + `{"roles":[{"name":"a\"; CREATE ROLE b; --","connections":-1,"comment":"'; CREATE ROLE b; --","labels":[{"provider":"x\" ON ROLE a IS ''; CREATE ROLE b; --","label":"'; CREATE ROLE b"}]},{"name":"c","connections":-1,"validUntil":"x' SUPERUSER"}],` +
		`"settings":[{"role":"a\"; CREATE ROLE b; --","name":"work_mem\" TO '1MB'; CREATE ROLE b; --","value":"'; CREATE ROLE b"}],` +
		`"parameters":[{"name":"x\" TO PUBLIC; CREATE ROLE b; --","privilege":"SET","to":"a\"; CREATE ROLE b; --"},{"name":"work_mem","privilege":"SET","to":"a\"; CREATE ROLE b; --","grantor":"postgres; CREATE ROLE b"},` +
		`{"name":"log_statement","privilege":"SET","to":"postgres"}]}` + "\nCREATE ROLE d;\n"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := g.Make(t.Context(), target(t, s.URL("postgres")), postgres.Policy{}, false)
	if err != nil || len(made.Roles) != 1 || len(made.NotMade) != 4 || made.Comments != 1 || made.Privileges != 1 {
		t.Errorf("%+v (%v)", made, err)
	}
	if out := dumpall(t, s); slices.ContainsFunc(out, func(s string) bool { return s == "CREATE ROLE b" || s == "CREATE ROLE c" || s == "CREATE ROLE d" }) {
		t.Errorf("%q", out)
	}
}

func FuzzGlobals(f *testing.F) {
	f.Add([]byte(`-- cofre globals 2 {"server":18,"roles":[{"name":"a","connections":-1,"comment":"c","labels":[{"provider":"p","label":"l"}]}],"settings":[{"name":"n","value":"v"}],"parameters":[{"name":"n","privilege":"SET","to":"a"}],"tablespaces":[{"name":"t","owner":"a","location":"","grants":[{"to":""}],"comment":"c"}],"unread":["x"]}` + "\n"))
	f.Add([]byte(`-- cofre globals 1 {"server":18,"roles":[{"name":"a","connections":-1}],"memberships":null,"settings":[],"tablespaces":[]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := postgres.ParseGlobals(data)
		if err != nil {
			return
		}
		text, err := g.Script()
		if err != nil {
			return
		}
		if _, err := postgres.ParseGlobals(text); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}
