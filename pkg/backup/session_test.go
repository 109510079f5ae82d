package backup_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// A small database pays for no connection twice: one for all questions, the first check of the source included, and pg_dump's.
func TestConnectionsOfABackup(t *testing.T) {
	url := newShop(t, 18)
	w := open(t, "", url)
	before := sessions(t, url)
	b := w.create(backup.Request{})
	// On a slow machine, where it takes seconds, a third looks who waits for it.
	if got := sessions(t, url) - before; got != 2 && got != 3 {
		t.Errorf("%d connections, want 2", got)
	}
	if b.SchemaVersion == "" || b.Server == nil || b.Server.SystemIdentifier == "" {
		t.Errorf("%+v", b)
	}
}

// sessions counts those that a database has had, when none is left.
func sessions(t *testing.T, url string) (n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, testenv.Postgres(t, 18).URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	for left := 1; left > 0; time.Sleep(10 * time.Millisecond) {
		err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = $1), sessions FROM pg_stat_database WHERE datname = $1`, config.Database).Scan(&left, &n)
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// A schema without a migration tool is named by the definitions in the backup, which cost the server nothing; by its catalog only where
// the backup does not hold all of them. The name is the same in another database, whatever rows and object ids, and another
// after any change.
func TestSchemaVersionOfABackup(t *testing.T) {
	const sql = `CREATE TABLE t (id serial PRIMARY KEY, v text DEFAULT 'x'); CREATE VIEW w AS SELECT v FROM t; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';`
	s := testenv.Postgres(t, 17)
	one, two := s.NewDatabase(t), s.NewDatabase(t)
	testenv.LoadSQL(t, one, sql)
	testenv.LoadSQL(t, two, "CREATE TABLE gone (); DROP TABLE gone; SELECT lo_create(0);"+sql+"INSERT INTO t (v) VALUES ('rows do not matter')")
	w, other := open(t, "", one), open(t, "", two)
	version := func(w *world, req backup.Request, form string) string {
		t.Helper()
		v := w.create(req).SchemaVersion
		if !regexp.MustCompile("^" + form + "$").MatchString(v) {
			t.Errorf("%q is not of the form %s", v, form)
		}
		return v
	}
	const byDefinitions, byCatalog = `definitions:18/17:[0-9a-f]{12}`, `sha256:[0-9a-f]{12}`
	v := version(w, backup.Request{}, byDefinitions)
	for what, same := range map[string]string{
		"another database": version(other, backup.Request{}, byDefinitions),
		"definitions only": version(w, backup.Request{Content: backup.ContentSchema}, byDefinitions),
	} {
		if same != v {
			t.Errorf("%s: %s, not %s", what, same, v)
		}
	}
	catalog := version(w, backup.Request{Format: backup.FormatPlain}, byCatalog)
	for what, req := range map[string]backup.Request{
		"rows only": {Content: backup.ContentData}, "a part": {Selection: registry.Selection{Tables: []string{"t"}}},
	} {
		if same := version(w, req, byCatalog); same != catalog {
			t.Errorf("%s: %s, not %s", what, same, catalog)
		}
	}
	seen := map[string]string{v: "the beginning"}
	for _, change := range []string{"ALTER TABLE t ADD COLUMN c int", "CREATE INDEX ON t (c)", "CREATE OR REPLACE VIEW w AS SELECT v || 'x' AS v FROM t", "COMMENT ON TABLE t IS 'x'", "DROP FUNCTION f"} {
		testenv.LoadSQL(t, one, change)
		now := version(w, backup.Request{}, byDefinitions)
		if before, taken := seen[now]; taken {
			t.Errorf("after %q it is as after %q", change, before)
		}
		seen[now] = change
	}
	testenv.LoadSQL(t, one, "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('a1')")
	version(w, backup.Request{}, "alembic:a1")
}
