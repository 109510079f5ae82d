package postgres_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

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

// More of 16 and newer: options, and grantors that come after whom they grant to by name.
const people16 = `
GRANT owners TO deputy WITH INHERIT FALSE, SET FALSE, ADMIN TRUE GRANTED BY boss;
GRANT owners TO app WITH SET FALSE GRANTED BY deputy;
GRANT owners TO app WITH INHERIT FALSE GRANTED BY postgres;
`

// dumpall is what pg_dumpall says of a server, without what differs from server to server, and what is not kept.
func dumpall(t *testing.T, s *testenv.Server, options ...string) []string {
	t.Helper()
	cmd := exec.Command(filepath.Join(testenv.ServerBin(s.Major), "pg_dumpall"), append([]string{"--globals-only", "--dbname=" + s.URL("postgres")}, options...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dumpall: %v", err)
	}
	var kept []string
	for _, statement := range strings.Split(regexp.MustCompile(`(?m)^(--.*|\\(un)?restrict .*)$`).ReplaceAllString(string(out), ""), ";\n") {
		statement = strings.TrimSpace(statement)
		if statement == "" || strings.Contains(statement, "rds_superuser") || strings.Contains(statement, "cloudsqladmin") || strings.HasPrefix(statement, "ALTER ROLE postgres WITH") {
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

// What is made of the globals of one server on another is what pg_dumpall says of the first.
func TestGlobals(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			from, to := testenv.PostgresWith(t, testenv.Options{Major: major}), testenv.PostgresWith(t, testenv.Options{Major: major})
			from.Exec(t, "postgres", people)
			if major >= 16 {
				from.Exec(t, "postgres", people16)
			}
			want := dumpall(t, from)
			if len(want) < 25 {
				t.Fatalf("there is little to compare: %q", want)
			}
			text := script(t, globalsOf(t, from, true))
			g, err := postgres.ParseGlobals(text)
			if err != nil {
				t.Fatal(err)
			}
			to.Exec(t, "postgres", "CREATE ROLE rds_superuser") // as every server of that service has it
			before := dumpall(t, to)
			missing := target(t, to.URL("not there yet"))
			if made, err := g.Make(t.Context(), missing, postgres.Policy{}, true); err != nil || len(made.Roles) != 7 || len(made.NotMade) > 0 {
				t.Errorf("a look: %+v (%v)", made, err)
			}
			if diff := differing(before, dumpall(t, to)); len(diff) > 0 {
				t.Errorf("a look changed: %q", diff)
			}
			made, err := g.Make(t.Context(), missing, postgres.Policy{}, false)
			if err != nil || len(made.Roles) != 7 || made.There != 1 || len(made.NotMade)+len(made.Lesser) > 0 {
				t.Errorf("%+v (%v)", made, err)
			}
			if diff := differing(want, dumpall(t, to)); len(diff) > 0 {
				t.Errorf("pg_dumpall says otherwise of it:\n%s", strings.Join(diff, "\n"))
			}
			// Again, after somebody changed things: all is left alone.
			to.Exec(t, "postgres", "REVOKE pg_read_all_data FROM app; ALTER ROLE app RESET ALL; ALTER ROLE boss NOLOGIN")
			changed := dumpall(t, to)
			if made, err := g.Make(t.Context(), missing, postgres.Policy{}, false); err != nil || len(made.Roles) > 0 || made.There != 8 || made.Memberships+made.Settings > 0 {
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
			file := filepath.Join(t.TempDir(), "globals.sql")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			byHand := testenv.PostgresWith(t, testenv.Options{Major: major})
			byHand.Exec(t, "postgres", "CREATE ROLE rds_superuser")
			out, err := exec.Command(filepath.Join(testenv.ClientBin(testenv.NewestMajor), "psql"), "-X", "-q", "--dbname="+byHand.URL("postgres"), "-f", file).CombinedOutput()
			if n := strings.Count(string(out), "ERROR:"); err != nil || n != 1 { // postgres is there
				t.Errorf("psql: %v\n%s", err, out)
			}
			if diff := differing(want, dumpall(t, byHand)); len(diff) > 0 {
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
		g := globalsOf(t, from, true)
		g.Tablespaces = []postgres.Tablespace{{Name: "fast", Owner: "app", Location: "/nowhere"}}
		to.Exec(t, "postgres", "CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'x'")
		made, err := g.Make(t.Context(), target(t, to.URLAs("maker", "x", "postgres")), postgres.Policy{}, false)
		if err != nil || len(made.Roles) != 7 || len(made.Lesser) < 2 {
			t.Fatalf("%d: %+v (%v)", major, made, err)
		}
		all := strings.Join(append(made.NotMade, made.Lesser...), "\n")
		for _, part := range []string{`role "boss" without SUPERUSER`, `without REPLICATION, BYPASSRLS`, `tablespace "fast": only superusers`, `membership of "app" in "rds_superuser": there is no such role`} {
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
		if _, err := session.Globals(t.Context(), true); !fault.HasReason(err, fault.MissingPrivilege) || !fault.HasCode(err, fault.Permission) {
			t.Error(err)
		}
	}
}

func TestTablespaces(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor, Settings: []string{"allow_in_place_tablespaces = on"}})
	made, err := postgres.Globals{Tablespaces: []postgres.Tablespace{
		{Name: `a "b"`, Owner: "postgres", Location: "/nowhere at all", Options: []string{"random_page_cost=1.1"}}, {Name: "orphan", Owner: "nobody", Location: "/nowhere"},
	}}.Make(t.Context(), target(t, s.URL("postgres")), postgres.Policy{}, false)
	if err != nil || len(made.NotMade) != 2 || !strings.Contains(made.NotMade[0], "does not exist") || !strings.Contains(made.NotMade[1], `no role "nobody"`) {
		t.Errorf("%+v (%v)", made, err)
	}
	s.Exec(t, "postgres", "CREATE ROLE app")
	s.Exec(t, "postgres", `CREATE TABLESPACE "Fast 'n' easy" OWNER app LOCATION '' WITH (random_page_cost = 1.5, effective_io_concurrency = 3)`)
	g := globalsOf(t, s, false)
	if len(g.Tablespaces) != 1 || g.Tablespaces[0].Owner != "app" || len(g.Tablespaces[0].Options) != 2 || !strings.Contains(g.Tablespaces[0].Location, "pg_tblspc/") {
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
		"too much": head + strings.Repeat("x", postgres.MaxGlobals),
	} {
		if g, err := postgres.ParseGlobals([]byte(text)); !fault.HasReason(err, fault.StructureDamaged) || len(g.Roles)+len(g.Tablespaces) > 0 {
			t.Errorf("%s: %+v (%v)", name, g, err)
		}
	}
	if _, err := postgres.ParseGlobals([]byte("-- cofre globals 2 {}\n")); !fault.HasReason(err, fault.NewerVersion) {
		t.Error(err)
	}
	// What stands behind the first line is for people alone; names that try to be more are names.
	s := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	g, err := postgres.ParseGlobals([]byte(head + `{"roles":[{"name":"a\"; CREATE ROLE b; --","connections":-1},{"name":"c","connections":-1,"validUntil":"x' SUPERUSER"}],` +
		`"settings":[{"role":"a\"; CREATE ROLE b; --","name":"work_mem\" TO '1MB'; CREATE ROLE b; --","value":"'; CREATE ROLE b"}]}` + "\nCREATE ROLE d;\n"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := g.Make(t.Context(), target(t, s.URL("postgres")), postgres.Policy{}, false)
	if err != nil || len(made.Roles) != 1 || len(made.NotMade) != 2 {
		t.Errorf("%+v (%v)", made, err)
	}
	if out := dumpall(t, s); slices.ContainsFunc(out, func(s string) bool { return s == "CREATE ROLE b" || s == "CREATE ROLE c" || s == "CREATE ROLE d" }) {
		t.Errorf("%q", out)
	}
}

func FuzzGlobals(f *testing.F) {
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
