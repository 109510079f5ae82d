package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

// Of all databases only those are dropped that a proof made and that no living one holds.
func TestProofDatabases(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	at := postgrestest.Target(t, server.URL("postgres"))
	open := func() *postgres.ProofServer {
		t.Helper()
		p, err := postgres.OpenProofServer(t.Context(), at, testenv.NewestMajor)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ask := func(query string) string {
		t.Helper()
		value, _, err := postgres.FirstValue(t.Context(), at, query)
		if err != nil {
			t.Error(err)
		}
		return value
	}
	create := func(p *postgres.ProofServer, id string) string {
		t.Helper()
		to, err := p.Create(t.Context(), id, postgres.Locale{})
		if err != nil {
			t.Fatal(err)
		}
		return to.Database()
	}
	const living, killed, ended = "01JH5W0R8ZB3M7K2Q4X9T6V1NA", "01JH5W0R8ZB3M7K2Q4X9T6V1NB", "01JH5W0R8ZB3M7K2Q4X9T6V1NC"
	others := []string{"cofre_proof", "cofre_proof_", "cofre_proof_shop", "cofre_proof_01JH5W0R8ZB3M7K2Q4X9T6V1NB", "cofre_proof_01jh5w0r8zb3m7k2q4x9t6v1nb2", "xcofre_proof_01jh5w0r8zb3m7k2q4x9t6v1nb",
		"cofre_proof_01jh5w0r8zb3m7k2q4x9t6v1nu", "cofreXproofX01jh5w0r8zb3m7k2q4x9t6v1nb"}
	for _, name := range others {
		server.Exec(t, "postgres", "CREATE DATABASE "+postgres.QuoteIdent(name))
	}
	first, second, third := open(), open(), open()
	name := create(first, living)
	if name != "cofre_proof_"+strings.ToLower(living) {
		t.Errorf("it is %s", name)
	}
	if _, err := second.Create(t.Context(), living, postgres.Locale{}); !fault.HasReason(err, fault.Busy) {
		t.Errorf("two of a name: %v", err)
	}
	for _, id := range []string{"", "shop", "../shop", living + "2", "81JH5W0R8ZB3M7K2Q4X9T6V1NA"} {
		if _, err := second.Create(t.Context(), id, postgres.Locale{}); fault.From(err).Code != fault.Internal {
			t.Errorf("%q: %v", id, err)
		}
	}
	left := create(second, killed)
	const template = "cofre_proof_01jh5w0r8zb3m7k2q4x9t6v100"                   // before the other by its name
	server.Exec(t, "postgres", "CREATE DATABASE "+template+" IS_TEMPLATE true") // as a function in a backup can make it
	const stuck = "cofre_proof_01jh5w0r8zb3m7k2q4x9t6v000"
	server.Exec(t, "postgres", "CREATE DATABASE "+stuck)
	server.Exec(t, stuck, "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)") // what keeps it from being dropped
	second.Close()                                                                                                                  // its process is gone
	if err := third.Drop(); err != nil {
		t.Errorf("nothing was made: %v", err)
	}
	fourth := open()
	dropped, err := fourth.Sweep(t.Context())
	if !slices.Equal(dropped, []string{template, left}) || err == nil || !strings.Contains(err.Error(), stuck) {
		t.Errorf("dropped %q, %v", dropped, err)
	}
	server.Exec(t, stuck, "DROP SUBSCRIPTION s")
	server.Exec(t, "postgres", "DROP DATABASE "+stuck)
	create(fourth, ended)
	server.Exec(t, "cofre_proof_"+strings.ToLower(ended), "CREATE TABLE t (id int)")
	// A function in the backup made a template of it, and ended every session of its role.
	server.Exec(t, "postgres", "ALTER DATABASE cofre_proof_"+strings.ToLower(ended)+" IS_TEMPLATE true; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
	if err := fourth.Drop(); err != nil {
		t.Error(err)
	}
	there := ask("SELECT string_agg(datname, ' ' ORDER BY datname COLLATE \"C\") FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
	want := append(slices.Clone(others), name)
	slices.Sort(want)
	if there != strings.Join(want, " ") {
		t.Errorf("there are %s, want %q", there, want)
	}
	if err := first.Drop(); err != nil {
		t.Error(err)
	}
	// What belongs to others stays.
	role, password := server.NewRole(t, "CREATEDB")
	fifth := open()
	theirs := create(fifth, killed)
	fifth.Close()
	mine, err := postgres.OpenProofServer(t.Context(), postgrestest.Target(t, strings.Replace(server.URL("postgres"), "postgres:"+server.Password, role+":"+password, 1)), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	if dropped, err := mine.Sweep(t.Context()); err != nil || len(dropped) > 0 {
		t.Errorf("dropped %q, %v", dropped, err)
	}
	if n := ask(fmt.Sprintf("SELECT count(*) FROM pg_database WHERE datname = '%s'", theirs)); n != "1" {
		t.Error("it is gone")
	}
	if _, err := postgres.OpenProofServer(t.Context(), at, testenv.NewestMajor+1); !fault.HasReason(err, fault.TargetLacks) {
		t.Errorf("an older server: %v", err)
	}
}

// Who can become a superuser, or make one, is as good as one.
func TestPowers(t *testing.T) {
	for _, major := range []int{15, testenv.NewestMajor} {
		server := testenv.Postgres(t, major)
		boss, _ := server.NewRole(t, "SUPERUSER")
		between, _ := server.NewRole(t, "IN ROLE "+boss)
		for options, want := range map[string]string{
			"REPLICATION BYPASSRLS IN ROLE pg_read_all_data, pg_monitor": "", "SUPERUSER": "is a superuser", "NOINHERIT IN ROLE " + between: "is a member of " + boss + ", a superuser",
			"IN ROLE pg_execute_server_program": "is a member of pg_execute_server_program", "IN ROLE pg_write_server_files": "is a member of pg_write_server_files",
			"IN ROLE pg_read_server_files": "is a member of pg_read_server_files", "CREATEROLE": map[bool]string{true: "has CREATEROLE, and so may run programs on the server's machine before PostgreSQL 16"}[major < 16],
		} {
			role, password := server.NewRole(t, "CREATEDB "+options)
			p, err := postgres.OpenProofServer(t.Context(), postgrestest.Target(t, server.URLAs(role, password, "postgres")), 0)
			if err != nil {
				t.Fatal(err)
			}
			if p.Close(); p.Powers != want {
				t.Errorf("%d, %s: %q, want %q", major, options, p.Powers, want)
			}
		}
	}
}
