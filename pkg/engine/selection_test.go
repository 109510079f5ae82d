package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/archive"
	"cofre/pkg/engine"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// chosen has schemas, partitions and other children in several of them, large objects, statistics, and an extension with configuration
// tables, one of which is in a schema of its own.
const chosen = `
CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA "B x"; CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION citext SCHEMA public;
CREATE TABLE a.one AS SELECT i, md5(i::text) AS v FROM generate_series(1, 3000) i;
CREATE INDEX ON a.one ((i % 7));
CREATE TABLE a.parent (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE b.part1 PARTITION OF a.parent FOR VALUES FROM (0) TO (1000) PARTITION BY LIST (v);
CREATE TABLE "B x".part11 PARTITION OF b.part1 DEFAULT;
CREATE TABLE a.part2 PARTITION OF a.parent DEFAULT;
INSERT INTO a.parent SELECT i, 'v' FROM generate_series(1, 2000) i;
CREATE TABLE b.base (id serial, v text); CREATE TABLE b.heir (w text) INHERITS (b.base);
INSERT INTO b.base (v) SELECT 'b' FROM generate_series(1, 100); INSERT INTO b.heir (v, w) SELECT 'h', 'w' FROM generate_series(1, 100);
CREATE TABLE public.config (id int, v text); INSERT INTO public.config SELECT i, 'c' FROM generate_series(1, 20) i;
CREATE TABLE ext.config2 (id int); INSERT INTO ext.config2 VALUES (1), (2);
CREATE TABLE ext.other AS SELECT 1 AS x;
ALTER EXTENSION hstore ADD TABLE public.config; ALTER EXTENSION hstore ADD TABLE ext.config2;
UPDATE pg_extension SET extconfig = ARRAY['public.config'::regclass::oid, 'ext.config2'::regclass::oid], extcondition = ARRAY['WHERE id > 10', ''] WHERE extname = 'hstore';
SELECT lo_from_bytea(430000, decode(repeat('0123456789abcdef', 28000), 'hex')), lo_create(430001);
ANALYZE;`

// Whatever is chosen, the parallel engine writes what one pg_dump does, and locks the very tables of which pg_dump writes rows.
func TestSelections(t *testing.T) {
	selections := map[string]postgres.Selection{
		"excluded schema":                   {ExcludeSchemas: []string{"b"}},
		"excluded schemas":                  {ExcludeSchemas: []string{`"B x"`, "a"}},
		"schema and excluded schema":        {Schemas: []string{"a", "b"}, ExcludeSchemas: []string{"b*"}},
		"table of an excluded schema":       {Tables: []string{"a.one", "b.base"}, ExcludeSchemas: []string{"b"}},
		"excluded schema of an extension":   {ExcludeSchemas: []string{"ext"}},
		"extension":                         {Extensions: []string{"hst*"}},
		"another extension":                 {Extensions: []string{"citext"}},
		"extension, schema":                 {Extensions: []string{"hstore"}, Schemas: []string{"a"}},
		"extension, table":                  {Extensions: []string{"hstore"}, Tables: []string{"a.one"}},
		"extension, excluded table":         {Extensions: []string{"hstore"}, ExcludeTables: []string{"config"}},
		"extension, excluded schema":        {Extensions: []string{"hstore"}, ExcludeSchemas: []string{"ext"}},
		"extension's table":                 {Tables: []string{"ext.config2", "public.config"}},
		"another extension and its tables":  {Extensions: []string{"citext"}, Tables: []string{"public.config", "a.one"}},
		"extension in an excluded schema":   {Tables: []string{"ext.config2", "a.one"}, ExcludeSchemas: []string{"ext"}},
		"no large objects":                  {NoLargeObjects: true},
		"a part with large objects":         {Schemas: []string{"a"}, LargeObjects: true},
		"an extension with large objects":   {Extensions: []string{"hstore"}, LargeObjects: true},
		"data only, no large objects":       {DataOnly: true, NoLargeObjects: true, ExcludeSchemas: []string{"b"}},
		"large objects, and none":           {LargeObjects: true, NoLargeObjects: true},
		"16 table with children":            {TablesAndChildren: []string{"a.parent"}},
		"16 two tables, one with children":  {TablesAndChildren: []string{"b.base"}, Tables: []string{"a.parent"}},
		"16 excluded with children":         {ExcludeTablesAndChildren: []string{"parent", "a.parent"}},
		"16 no rows with children":          {ExcludeTableDataAndChildren: []string{"*.part1", "b.base"}},
		"16 child of an excluded one":       {Schemas: []string{"b"}, ExcludeTablesAndChildren: []string{"a.*"}},
		"17 excluded extension":             {ExcludeExtensions: []string{"hstore"}},
		"17 excluded extension, its schema": {ExcludeExtensions: []string{"hstore"}, Schemas: []string{"ext", "a"}},
		"18 statistics":                     {Statistics: true},
		"18 statistics of a part":           {Statistics: true, Schemas: []string{"a"}, ExcludeTableData: []string{"a.one"}},
	}
	for _, v := range []struct{ server, client int }{{18, 18}, {15, 15}} {
		t.Run(fmt.Sprintf("%d by %d", v.server, v.client), func(t *testing.T) {
			url := testenv.Postgres(t, v.server).NewDatabase(t)
			testenv.LoadSQL(t, url, chosen)
			for _, name := range slices.Sorted(maps.Keys(selections)) {
				t.Run(name, func(t *testing.T) {
					since, o := 0, options(t, url, v.client)
					o.Dump.Selection = selections[name]
					if _, _ = fmt.Sscanf(name, "%d ", &since); since > v.client {
						_, err := engine.Start(t.Context(), o)
						if !fault.HasReason(err, fault.ClientTooOld) || !strings.Contains(fault.From(err).Message, fmt.Sprintf("since version %d", since)) {
							t.Fatal(err)
						}
						return
					}
					d := start(t, o)
					got := all(t, d)
					want := one(t, o, d.Snapshot())
					sameScript(t, v.client, got, want)
					check(t, got)
					_ = d.Close()
					o.Session.Close()
					sameTables(t, url, o.Dump.Selection, want)
				})
			}
		})
	}
}

// sameTables holds the tables that are locked for a selection against those with rows in pg_dump's archive.
func sameTables(t *testing.T, url string, sel postgres.Selection, data []byte) {
	t.Helper()
	h, err := archive.ReadHead(t.Context(), bytes.NewReader(data), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, e := range h.Entries {
		if e.Desc == "TABLE DATA" {
			want = append(want, e.Namespace+"."+e.Tag)
		}
	}
	s, err := postgres.OpenSession(t.Context(), target(t, url), postgres.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// As the engine does before.
	if _, err := s.Inspect(t.Context(), sel); err != nil {
		t.Fatal(err)
	}
	f, err := s.Freeze(context.WithoutCancel(t.Context()), postgres.FreezeOptions{Selection: sel, Wait: pgdump.DefaultLockWaitTimeout})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tables {
		if x.Kind == 'r' {
			got = append(got, x.Schema+"."+x.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("locked are %q, and pg_dump has rows of %q", got, want)
	}
}

// Row security, and rows of foreign tables, are one pg_dump's work, and the reason says so.
func TestSelectionsOfOnePgDump(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, `CREATE TABLE t AS SELECT 1 AS x`)
	for want, sel := range map[string]postgres.Selection{
		"row security decides which rows are read": {RowSecurity: true}, "it holds rows of foreign tables": {ForeignData: []string{"far"}}, "it holds no rows": {SchemaOnly: true, RowSecurity: true},
	} {
		o := options(t, url, 18)
		o.Dump.Selection = sel
		d, err := engine.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if how := d.How(); how.Parallel || how.Reason != want {
			t.Errorf("%+v, want %q", how, want)
		}
		_ = d.Close()
	}
}
