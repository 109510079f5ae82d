package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
	"cofre/pkg/registry"
)

// as is the URL of a server's database for a role of its own.
func as(t *testing.T, s *testenv.Server, options string) string {
	t.Helper()
	role, password := s.NewRole(t, options)
	u, err := url.Parse(s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, password)
	return u.String()
}

// ask gives the first value that a query gives.
func ask(t *testing.T, url, query string) string {
	t.Helper()
	value, _, err := postgres.FirstValue(context.Background(), postgrestest.Target(t, url), query)
	if err != nil {
		t.Error(err)
	}
	return value
}

// withTarget is the environment of a file with the target staging, which allows proofs, and closed, which does not.
func withTarget(t *testing.T, url string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	const text = "targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n    allow: [proof]\n  - name: closed\n    connection: {env: STAGING_URL}\n    allow: [new]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"BACKUP_CONFIG=" + file, "STAGING_URL=" + url}
}

// inDatabase is do with the database of a proof at a target.
func inDatabase(do func(database string) error) func(backup.Scratch) error {
	return func(s backup.Scratch) error { return do(app.ProofDatabase(s)) }
}

// On the server of a target, whose role may make databases and nothing else, a proof finds what is otherwise than in the backup. Nobody else may
// enter its database meanwhile, and it is gone afterwards, however the proof ends.
func TestProofAtTargetFinds(t *testing.T) {
	source, target := testenv.Postgres(t, testenv.NewestMajor), testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	from := source.NewDatabase(t)
	testenv.LoadSQL(t, from, strings.NewReplacer("shop_owner", "target_owner", "shop_reader", "target_reader").Replace(shop)+`;
		CREATE EXTENSION dblink; CREATE POLICY theirs ON orders TO target_reader; CREATE INDEX notes ON orders (note);
		CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw; ALTER SCHEMA public OWNER TO target_owner`)
	a := open(t, from, append(withTarget(t, as(t, target, "CREATEDB")), "BACKUP_PROOF_TARGET=staging")...)
	b, err := a.Service.Create(t.Context(), backup.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger := as(t, target, "")
	real := a.Service.Engine
	checks := []backup.ProofCheck{{Name: "orders", Query: "SELECT count(*) FROM orders", Expect: "500"}}
	left := func() string {
		return ask(t, target.URL("postgres"), "SELECT coalesce(string_agg(datname, ', '), '') FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')")
	}
	for _, c := range []struct{ name, sql, want string }{
		{"as it was", "", ""},
		{"a wrong row", "UPDATE orders SET note = 'other' WHERE id = 77", "table public.orders has as many rows as in the backup (500), but other ones"},
		{"a missing row", "DELETE FROM items WHERE order_id = 3", "table public.items has 299 rows, and 300 rows in the backup"},
		{"an index less", "DROP INDEX notes", "the definition of INDEX public.notes is not there"},
		{"a changed definition", "CREATE OR REPLACE VIEW many AS SELECT count(*) FROM items", "the definition of VIEW public.many differs from the backup's"},
		{"a changed sequence", "SELECT nextval('numbers')", "sequence public.numbers stands at 2, and at 1 in the backup"},
		{"a lost large object", "SELECT lo_unlink(4711)", "0 large objects of 0 bytes, and 1 of 14 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.Service.Engine = meddling{real, inDatabase(func(database string) error {
				if !strings.HasPrefix(database, "cofre_proof_") || left() != database {
					t.Errorf("it is in %q, and there is %q", database, left())
				}
				u, _ := url.Parse(stranger)
				u.Path = "/" + database
				if _, _, err := postgres.FirstValue(t.Context(), postgrestest.Target(t, u.String()), "SELECT 1"); !fault.HasReason(err, fault.MissingPrivilege) {
					t.Errorf("others may enter: %v", err)
				}
				if c.sql != "" {
					testenv.LoadSQL(t, target.URL(database), c.sql)
				}
				return nil
			})}
			done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{Checks: checks})
			if err != nil {
				t.Fatal(err)
			}
			if there := left(); there != "" {
				t.Errorf("%s is there still", there)
			}
			var said []string
			for _, p := range done.Proof.Problems {
				said = append(said, p.Detail)
			}
			r := done.Proof.Proof
			if r.Isolated || r.Target != "staging" || !strings.HasPrefix(r.Server, fmt.Sprint(testenv.NewestMajor)) {
				t.Errorf("on record %+v", r)
			}
			if c.want != "" {
				if len(said) != 1 || !strings.Contains(said[0], c.want) {
					t.Errorf("found %q", said)
				}
				return
			}
			if done.Err() != nil || done.Proof.Level != registry.LevelProvenInPart || r.Rows != 800 || r.Checks != 1 || r.Definitions < 10 {
				t.Errorf("%q, %+v", said, r)
			}
			for _, want := range []string{"owners and rights: ", "EXTENSION dblink: ", "SERVER elsewhere: ", "POLICY public.orders theirs: "} {
				if !slices.ContainsFunc(r.Without, func(w string) bool { return strings.HasPrefix(w, want) }) {
					t.Errorf("%q is not among %q", want, r.Without)
				}
			}
		})
	}
	// It is stopped in the middle, and fails in the middle.
	ctx, cancel := context.WithCancel(t.Context())
	a.Service.Engine = meddling{real, func(backup.Scratch) error { cancel(); return ctx.Err() }}
	if _, err := a.Service.Prove(ctx, b.ID, backup.ProveOptions{}); err == nil || left() != "" {
		t.Errorf("stopped: %v, %s", err, left())
	}
	a.Service.Engine = meddling{real, func(backup.Scratch) error { return errors.New("it fails") }}
	if _, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{}); err == nil || left() != "" {
		t.Errorf("failed: %v, %s", err, left())
	}
}

// What cannot take a proof is refused before anything is made.
func TestProofAtTargetRefused(t *testing.T) {
	source, old := testenv.Postgres(t, testenv.NewestMajor), testenv.Postgres(t, 15)
	from := source.NewDatabase(t)
	testenv.LoadSQL(t, from, "CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
	for _, c := range []struct {
		name, on, url, want string
		code                fault.Code
	}{
		{"no such target", "postgresql://u:hidden@h/d", source.URL("postgres"), "there is no target of this name", fault.Validation},
		{"one that does not allow it", "closed", source.URL("postgres"), "the target closed does not allow proofs", fault.Validation},
		{"a role that may not make databases", "staging", as(t, source, ""), "may not create databases", fault.Permission},
		{"a superuser", "staging", source.URL("postgres"), "is a superuser", fault.Validation},
		{"an older server", "staging", as(t, old, "CREATEDB"), "an older one does not take everything; nothing was made", fault.Validation},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := open(t, from, withTarget(t, c.url)...)
			b, err := a.Service.Create(t.Context(), backup.Request{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{On: c.on})
			if f := fault.From(err); f.Code != c.code || !strings.Contains(f.Message, c.want) || f.Hint == "" || strings.Contains(f.Error(), "hidden") {
				t.Errorf("%v", err)
			}
			if b, err := a.Service.Info(t.Context(), b.ID); err != nil || b.Damaged() {
				t.Errorf("on record %+v, %v", b.Verification, err)
			}
		})
	}
	for _, name := range []string{"closed", "nothing"} {
		c, err := app.Load(append(withTarget(t, source.URL("postgres")), "BACKUP_DIRECTORY="+t.TempDir(), "BACKUP_PROOF_TARGET="+name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Open(t.Context(), c, app.Options{}); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), "BACKUP_PROOF_TARGET") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
