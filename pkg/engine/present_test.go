package engine_test

import (
	"context"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/engine"
	"cofre/pkg/pgdump"
)

// What the engine does not cover is one pg_dump's work, by itself, and it says why.
func TestOnePgDump(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE a AS SELECT i, repeat('x', 1000) AS v FROM generate_series(1, 3000) i; CREATE VIEW v AS SELECT * FROM a;")
	ascii := s.NewDatabase(t) + "_ascii"
	s.Exec(t, "postgres", "CREATE DATABASE "+database(ascii)+" TEMPLATE template0 ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'")
	t.Cleanup(func() { s.Exec(t, "postgres", "DROP DATABASE "+database(ascii)+" WITH (FORCE)") })
	testenv.LoadSQL(t, ascii, "SET client_encoding = SQL_ASCII; CREATE TABLE \"caf\xe9\" (i int);")
	pooler := testenv.PgBouncer(t, s, "default_pool_size = 1", "ignore_startup_parameters = extra_float_digits")
	limited, password := s.NewRole(t, "CONNECTION LIMIT 1")
	s.Exec(t, "postgres", "GRANT pg_read_all_data TO "+limited)
	for _, c := range []struct {
		name, why string
		url       string
		change    func(*engine.Options)
	}{
		{"script", "SQL script", url, func(o *engine.Options) { o.Dump.Format = pgdump.Plain }},
		{"definitions", "no rows", url, func(o *engine.Options) { o.Dump.SchemaOnly = true }},
		{"asked for", "asked for", url, func(o *engine.Options) { o.Never = true }},
		{"small database", "the database is small", url, func(o *engine.Options) { o.Small = 0 }},
		{"small tables", "the tables are small", url, func(o *engine.Options) { o.Small = 1 << 30 }},
		{"very many small tables", "the tables are small", url, func(o *engine.Options) { o.Small, o.Size, o.Tables = 0, 1<<40, 1<<20 }},
		{"pooler by session", "pooler", pooler.URL(database(url)), func(*engine.Options) {}},
		{"names of no encoding", "not valid in UTF-8", ascii, func(*engine.Options) {}},
		{"one connection", "no free connections", s.URLAs(limited, password, database(url)), func(*engine.Options) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, c.url, 18)
			asked := false
			o.HangUp = func(ctx context.Context) { _, err := o.Session.SchemaVersion(ctx, true); asked = err == nil }
			c.change(&o)
			d, err := engine.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if how := d.How(); how.Parallel || !strings.Contains(how.Reason, c.why) {
				t.Errorf("%+v", how)
			}
			if data := all(t, d); !strings.Contains(string(data), "CREATE TABLE") {
				t.Errorf("%.100q", data)
			}
			if needed := strings.Contains(c.why, "pooler") || strings.Contains(c.why, "connections"); needed != asked {
				t.Errorf("asked before the session was closed: %t", asked)
			}
		})
	}
}

// database is the name of a URL's database.
func database(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }
