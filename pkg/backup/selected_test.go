package backup_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

const selectable = `
CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;
CREATE TABLE a.one AS SELECT i, i % 7 AS n FROM generate_series(1, 500) i;
CREATE TABLE a.parent (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE b.part1 PARTITION OF a.parent FOR VALUES FROM (0) TO (100);
CREATE TABLE b.part2 PARTITION OF a.parent DEFAULT;
INSERT INTO a.parent SELECT i, 'v' FROM generate_series(1, 200) i;
CREATE TABLE b.other AS SELECT 1 AS x;
SELECT lo_from_bytea(4711, 'a large object');
ANALYZE;`

// restored restores a backup into a new database and answers its URL.
func (w *world) restored(b backup.Backup, s *testenv.Server, name string) string {
	w.t.Helper()
	name = fmt.Sprintf("%s_%s", name, strings.ToLower(b.ID[16:]))
	w.t.Cleanup(func() { s.Exec(w.t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	_, err := w.Service.Restore(w.t.Context(), b.ID, backup.RestoreRequest{URL: s.URL(name), Create: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return s.URL(name)
}

// Each choice has its effect on what is restored, by the client of each version that knows it, and is refused in words by an older one.
func TestSelected(t *testing.T) {
	no, yes := false, true
	for _, v := range []struct{ server, client int }{{18, 18}, {15, 15}, {15, 18}} {
		t.Run(fmt.Sprintf("%d by %d", v.server, v.client), func(t *testing.T) {
			s := testenv.Postgres(t, v.server)
			source := s.NewDatabase(t)
			testenv.LoadSQL(t, source, selectable)
			w := open(t, "", source, "PGDUMP_PATH="+testenv.ClientBin(v.client))
			const tables = `SELECT string_agg(n.nspname || '.' || c.relname, ' ' ORDER BY 1) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('a', 'b') AND relkind IN ('r', 'p')`
			const objects = `SELECT count(*) FROM pg_largeobject_metadata`
			const extensions = `SELECT string_agg(extname, ' ' ORDER BY 1) FROM pg_extension WHERE extname <> 'plpgsql'`
			for name, c := range map[string]struct {
				sel    registry.Selection
				since  int
				whole  bool
				asks   string
				answer string
			}{
				"excluded schema":          {registry.Selection{ExcludeSchemas: []string{"b"}}, 0, false, tables, "a.one a.parent"},
				"extension":                {registry.Selection{Schemas: []string{"ext", "a"}, Extensions: []string{"hst*"}}, 14, false, extensions, "hstore"},
				"excluded extension":       {registry.Selection{ExcludeExtensions: []string{"citext"}}, 17, false, extensions, "hstore"},
				"tables with children":     {registry.Selection{Schemas: []string{"a"}, TablesAndChildren: []string{"parent", "a.parent"}}, 16, false, tables, ""},
				"not with children":        {registry.Selection{ExcludeTablesAndChildren: []string{"a.parent"}}, 16, false, tables, "a.one b.other"},
				"no rows with children":    {registry.Selection{ExcludeTableDataAndChildren: []string{"a.parent"}}, 16, false, "SELECT count(*) FROM a.parent", "0"},
				"no large objects":         {registry.Selection{LargeObjects: &no}, 0, false, objects, "0"},
				"a part without objects":   {registry.Selection{Schemas: []string{"a"}}, 0, false, objects, "0"},
				"a part and large objects": {registry.Selection{Schemas: []string{"a"}, LargeObjects: &yes}, 0, false, objects, "1"},
				"statistics":               {registry.Selection{Statistics: true}, 18, true, "SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'a' AND tablename = 'one'", "t"},
			} {
				if v.server != v.client && c.since < 16 { // the same as by another client
					continue
				}
				t.Run(name, func(t *testing.T) {
					w := *w
					w.t = t
					b, err := w.Service.Create(t.Context(), backup.Request{Selection: c.sel}, nil)
					if c.since > v.client {
						if !fault.HasReason(err, fault.ClientTooOld) || !strings.Contains(fault.From(err).Message, fmt.Sprintf("since version %d, and this one is version %d.", c.since, v.client)) {
							t.Fatal(err)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if b.Whole() != c.whole || b.Selection == nil {
						t.Errorf("whole %t, selection %+v", b.Whole(), b.Selection)
					}
					if c.answer == "" { // partitions need their schema, which no table brings
						return
					}
					want := c.answer
					if name == "statistics" && v.server < 18 { // which takes none
						want = "f"
					}
					if got := strings.Join(answers(t, w.restored(b, s, "selected"), c.asks), " "); got != want {
						t.Errorf("%q, want %q", got, want)
					}
				})
			}
		})
	}
}

// A filter file chooses what it does for pg_dump itself.
func TestFilterIsPgDumps(t *testing.T) {
	s := testenv.Postgres(t, 18)
	source := s.NewDatabase(t)
	testenv.LoadSQL(t, source, selectable+`CREATE TABLE a."Mixed ""q"" # . x" (i int); INSERT INTO a."Mixed ""q"" # . x" VALUES (1);`)
	w := open(t, "", source)
	for _, filter := range []string{
		"exclude table_data a.one # rows\nexclude schema ext",
		"include table a . *\n\n  # more\nexclude table a.parent",
		`include table a."Mixed ""q"" # . x"`,
		"include table_and_children a.parent",
		"exclude table_and_children a.parent\nexclude table_data_and_children a.*",
		"include extension hstore\ninclude schema a",
		"exclude extension citext\nINCLUDE Schema ext",
	} {
		t.Run(filter, func(t *testing.T) {
			var sel registry.Selection
			if err := backup.AddFilter(&sel, "filter", strings.NewReader(filter)); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			file, want, got := filepath.Join(dir, "filter"), filepath.Join(dir, "want"), filepath.Join(dir, "got")
			if err := os.WriteFile(file, []byte(filter+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(filepath.Join(testenv.ClientBin(18), "pg_dump"), "--format=custom", "--filter="+file, "--file="+want, "--dbname="+source).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			b := w.create(backup.Request{Selection: sel})
			if err := os.WriteFile(got, w.object(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if x, y := listing(t, got), listing(t, want); !bytes.Equal(x, y) {
				t.Errorf("holds\n%s\nand by pg_dump\n%s", x, y)
			}
		})
	}
}

// listing is what pg_restore lists of an archive, without its head.
func listing(t *testing.T, file string) []byte {
	t.Helper()
	out, err := exec.Command(filepath.Join(testenv.ClientBin(18), "pg_restore"), "--list", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(out, []byte("; Selected TOC Entries:"))
	return rest
}

// Only the rows that a policy shows are in a backup with row security, by a role that could make none without; one pg_dump reads them, and
// the record says why.
func TestRowSecurity(t *testing.T) {
	for _, major := range []int{18, 15} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			source := s.NewDatabase(t)
			role, password := s.NewRole(t, "")
			testenv.LoadSQL(t, source, `CREATE TABLE notes (i int, owner text); INSERT INTO notes SELECT i, CASE WHEN i % 4 = 0 THEN '`+role+`' ELSE 'x' END FROM generate_series(1, 100) i;
				ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON notes USING (owner = current_user); GRANT SELECT ON notes TO `+role)
			as := strings.Replace(source, "postgres:"+s.Password, role+":"+password, 1)
			w := open(t, "", as, "PGDUMP_PATH="+testenv.ClientBin(major), "BACKUP_ENGINE=parallel")
			if _, err := w.Service.Create(t.Context(), backup.Request{}, nil); !fault.HasReason(err, fault.MissingPrivilege) {
				t.Errorf("without the option: %v", err)
			}
			b := w.create(backup.Request{Selection: registry.Selection{RowSecurity: true}})
			if b.Whole() || b.Engine != backup.EnginePgDump || b.EngineReason != "row security decides which rows are read" || b.Contents.Rows != 25 {
				t.Errorf("whole %t, engine %s (%s), %d rows", b.Whole(), b.Engine, b.EngineReason, b.Contents.Rows)
			}
			super := open(t, w.dir, source)
			if got := answers(t, super.restored(b, s, "visible"), "SELECT count(*) FROM notes"); !slices.Equal(got, []string{"25"}) {
				t.Errorf("%q rows came back", got)
			}
		})
	}
}

// Rows of foreign tables are in a backup where their server is named, which is whole with and without them. A proof does not send them there.
func TestForeignData(t *testing.T) {
	for _, major := range []int{18, 15} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			far, source := s.NewDatabase(t), s.NewDatabase(t)
			testenv.LoadSQL(t, far, `CREATE TABLE t (i int); INSERT INTO t VALUES (1), (2), (3)`)
			testenv.LoadSQL(t, source, fmt.Sprintf(`CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '%d', dbname '%s');
				CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'postgres', password '%s'); CREATE FOREIGN TABLE t (i int) SERVER far; CREATE TABLE own AS SELECT 1 AS x`,
				s.Port, filepath.Base(far), s.Password))
			w := open(t, "", source, "PGDUMP_PATH="+testenv.ClientBin(major), "BACKUP_ENGINE=parallel", proofServer(major))
			b := w.create(backup.Request{Selection: registry.Selection{ForeignData: []string{"fa?"}}})
			if !b.Whole() || b.Engine != backup.EnginePgDump || b.EngineReason != "it holds rows of foreign tables" || b.Contents.Rows != 4 {
				t.Errorf("whole %t, engine %s (%s), %d rows", b.Whole(), b.Engine, b.EngineReason, b.Contents.Rows)
			}
			if without := w.create(backup.Request{}); without.Contents.Rows != 1 || without.Row() != b.Row() {
				t.Errorf("%d rows without, row %+v", without.Contents.Rows, without.Row())
			}
			if _, err := w.Service.Create(t.Context(), backup.Request{Selection: registry.Selection{ForeignData: []string{"nowhere"}}}, nil); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), "foreign servers") {
				t.Error(err)
			}
			t.Setenv("TMPDIR", openFolder(t))
			done, err := w.Service.Prove(t.Context(), b.ID, backup.ProveOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range done.Proof.Problems {
				t.Error(p.Detail)
			}
			if got := answers(t, far, "SELECT count(*) FROM t"); !slices.Equal(got, []string{"3"}) {
				t.Errorf("a proof left %q rows on the foreign server", got)
			}
			testenv.LoadSQL(t, far, "TRUNCATE t")
			if got := answers(t, w.restored(b, s, "foreign"), "SELECT count(*) FROM t"); !slices.Equal(got, []string{"3"}) {
				t.Errorf("%q rows came back", got)
			}
		})
	}
}

// A proof of a backup with statistics compares what one without does, and a script holds them too.
func TestStatisticsElsewhere(t *testing.T) {
	source := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, source, selectable)
	w := open(t, "", source, proofServer(18))
	b := w.create(backup.Request{Selection: registry.Selection{Statistics: true}})
	script := w.create(backup.Request{Format: backup.FormatPlain, Compression: "none", Selection: registry.Selection{Statistics: true}})
	if text := w.object(script); !bytes.Contains(text, []byte("pg_restore_relation_stats")) || script.Contents.Rows != b.Contents.Rows {
		t.Errorf("%d rows, and %d in the script", b.Contents.Rows, script.Contents.Rows)
	}
	if got := w.restored(script, testenv.Postgres(t, 18), "script"); !slices.Equal(answers(t, got, "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'one'"), []string{"t"}) {
		t.Error("the script brought no statistics")
	}
	t.Setenv("TMPDIR", openFolder(t))
	done, err := w.Service.Prove(t.Context(), b.ID, backup.ProveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range done.Proof.Problems {
		t.Error(p.Detail)
	}
}
