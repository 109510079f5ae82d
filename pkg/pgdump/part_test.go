package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// belongings is a table with everything that can belong to one, what it needs, and tables of other kinds.
const belongings = `CREATE SCHEMA app; CREATE SCHEMA common; CREATE EXTENSION hstore; ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON SEQUENCES TO PUBLIC;
CREATE TYPE common.mood AS ENUM ('a', 'b'); CREATE DOMAIN app.posint AS int CHECK (VALUE > 0); COMMENT ON DOMAIN app.posint IS 'd';
CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION app.trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE app.customers (id int PRIMARY KEY, name text); CREATE SEQUENCE app.shared; INSERT INTO app.customers SELECT i, 'c' FROM generate_series(1, 100) i;
CREATE TABLE app."Or'ders $x
y" (id serial PRIMARY KEY, gid bigint GENERATED ALWAYS AS IDENTITY, cust int REFERENCES app.customers, m common.mood, h hstore, p app.posint, parent int,
	nr int DEFAULT nextval('app.shared') NOT NULL, twice int GENERATED ALWAYS AS (parent * 2) STORED, CONSTRAINT pos CHECK (parent > 0), tags text[] DEFAULT '{}',
	CONSTRAINT q CHECK ("Or'ders $x
y".* IS DISTINCT FROM NULL));
CREATE VIEW app.seen AS SELECT * FROM app.customers;
DO $do$ DECLARE t text := 'app.' || quote_ident(E'Or''ders $x\ny'); s text := 'app.' || quote_ident(E'Or''ders $x\ny_id_seq'); BEGIN
	EXECUTE replace(replace($$ALTER TABLE @t ADD CONSTRAINT selfie FOREIGN KEY (parent) REFERENCES @t(id);
	ALTER TABLE @t ADD CONSTRAINT ex EXCLUDE USING btree (gid WITH =); ALTER TABLE @t ADD CONSTRAINT late CHECK (nr > 0) NOT VALID;
	CREATE INDEX idx1 ON @t ((app.f(parent))) WHERE m = 'a'; ALTER INDEX app.idx1 ALTER COLUMN 1 SET STATISTICS 50;
	CREATE UNIQUE INDEX uq ON @t (nr) INCLUDE (parent); ALTER TABLE @t REPLICA IDENTITY USING INDEX uq; ALTER TABLE @t CLUSTER ON uq;
	CREATE STATISTICS common.st ON nr, parent FROM @t; ALTER STATISTICS common.st SET STATISTICS 20;
	CREATE TRIGGER t1 BEFORE INSERT ON @t FOR EACH ROW WHEN (new.nr > 0) EXECUTE FUNCTION app.trg(); ALTER TABLE @t DISABLE TRIGGER t1;
	CREATE RULE r1 AS ON DELETE TO @t WHERE old.nr = 5 DO INSTEAD NOTHING;
	ALTER TABLE @t ENABLE ROW LEVEL SECURITY; ALTER TABLE @t FORCE ROW LEVEL SECURITY;
	CREATE POLICY p1 ON @t FOR SELECT USING (EXISTS (SELECT 1 FROM app.customers c WHERE c.id = cust AND c.id > parent));
	CREATE POLICY p2 ON @t USING (nr > 3 AND parent IN (SELECT o.id FROM @t o));
	COMMENT ON TABLE @t IS 'x'; COMMENT ON COLUMN @t.nr IS 'c'; COMMENT ON INDEX app.idx1 IS 'i'; COMMENT ON CONSTRAINT pos ON @t IS 'c';
	COMMENT ON CONSTRAINT ex ON @t IS 'c'; COMMENT ON TRIGGER t1 ON @t IS 't'; COMMENT ON POLICY p1 ON @t IS 'p'; COMMENT ON STATISTICS common.st IS 's';
	COMMENT ON SEQUENCE @s IS 's'; COMMENT ON RULE r1 ON @t IS 'r'; ALTER TABLE @t ALTER COLUMN tags SET STORAGE EXTERNAL, ALTER COLUMN nr SET STATISTICS 77, SET (fillfactor = 70);
	GRANT SELECT ON @t TO PUBLIC; GRANT UPDATE (nr) ON @t TO PUBLIC; GRANT USAGE ON SEQUENCE @s TO PUBLIC;
	CREATE PUBLICATION pub FOR TABLE @t;
	INSERT INTO @t (parent, m, h, cust, p) SELECT 1, 'a', 'a=>1', i, 1 FROM generate_series(1, 100) i$$, '@t', t), '@s', s);
END $do$;
GRANT USAGE ON SCHEMA app TO PUBLIC; COMMENT ON SCHEMA app IS 'sch';
CREATE TABLE app.part (id int, d date, cust int REFERENCES app.customers, PRIMARY KEY (id, d)) PARTITION BY RANGE (d); CREATE INDEX part_cust ON app.part (cust);
CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); CREATE TABLE common.part_2 PARTITION OF app.part DEFAULT PARTITION BY LIST (id);
CREATE TABLE common.part_2a PARTITION OF common.part_2 DEFAULT; CREATE INDEX only_2a ON common.part_2a (d);
INSERT INTO app.part VALUES (1, '2024-05-05', 1), (2, '2025-05-05', 2);
CREATE TABLE app.base (id int PRIMARY KEY, a text DEFAULT 'q', CHECK (id > 0)); CREATE TABLE app.child (b int, a text DEFAULT 'z') INHERITS (app.base);
INSERT INTO app.base VALUES (1); INSERT INTO app.child VALUES (2, 'x', 3);
CREATE TABLE app.other (id int); INSERT INTO app.other SELECT generate_series(1, 1000); CREATE SCHEMA more; CREATE TABLE more.other (id int); CREATE TABLE "app.x" (id int);
SELECT lo_from_bytea(0, 'abc')`

// odd is the table's name as a pattern.
const odd = "app.\"Or'ders $x\ny\""

// partly is a database with belongings, and archives of it: from a pipe as it comes, and what is known of where things lie in it.
type partly struct {
	server *testenv.Server
	db     postgres.Target
	data   []byte
}

func newPartly(t *testing.T, major int) partly {
	t.Helper()
	s := testenv.Postgres(t, major)
	p := partly{server: s, db: target(t, s.NewDatabase(t))}
	testenv.LoadSQL(t, s.URL(p.db.Database()), belongings)
	var err error
	if p.data, err = dump(t, client(t, 18), pgdump.DumpOptions{Target: p.db}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p partly) restore(t *testing.T, o pgdump.RestoreOptions) (pgdump.RestoreReport, error) {
	t.Helper()
	o.MustBeEmpty = true
	return client(t, 18).Restore(context.Background(), o, bytes.NewReader(p.data))
}

func tables(names ...string) part.Selection { return part.Selection{Tables: names} }

// TestRestoreATable: what was dropped comes back as it was, with all that belongs to it, whichever way the archive is read.
func TestRestoreATable(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			p := newPartly(t, major)
			before := fingerprint(t, p.db)
			for _, tc := range []struct {
				name, damage string
				part         part.Selection
				ways         []pgdump.RestoreOptions
			}{
				{"everything belongs to it", "DROP TABLE " + odd, tables(odd), []pgdump.RestoreOptions{{}, {Ranges: ranges(t, p.data)}, {Jobs: 2, Ranges: ranges(t, p.data)}, {Jobs: 2}}},
				{"partitioned", "DROP TABLE app.part", tables("app.part"), []pgdump.RestoreOptions{{}, {Ranges: ranges(t, p.data)}}},
				{"one partition", "DROP TABLE app.part_1", tables("part_1"), []pgdump.RestoreOptions{{Ranges: ranges(t, p.data)}}},
				{"partitioned partition", "DROP TABLE common.part_2", tables("common.part_2"), []pgdump.RestoreOptions{{Ranges: ranges(t, p.data)}}},
				{"a child", "DROP TABLE app.child", tables("child"), []pgdump.RestoreOptions{{}}},
				{"by a pattern", "DROP TABLE app.base, app.child", tables("app.ba*|chil?"), []pgdump.RestoreOptions{{}}},
				{"a view", "DROP VIEW app.seen", tables("seen"), []pgdump.RestoreOptions{{}}},
				{"a sequence", "ALTER TABLE " + odd + " ALTER nr DROP DEFAULT; DROP SEQUENCE app.shared", tables("app.shared"), []pgdump.RestoreOptions{{}}},
				{"a schema", "DROP SCHEMA app CASCADE", part.Selection{Schemas: []string{"ap?"}}, []pgdump.RestoreOptions{{}, {Ranges: ranges(t, p.data)}}},
				{"rows", "TRUNCATE app.part", part.Selection{Tables: []string{"app.part"}, DataOnly: true}, []pgdump.RestoreOptions{{}, {Ranges: ranges(t, p.data)}}},
				{"damaged", "DELETE FROM " + odd + " WHERE cust > 50", tables(odd), []pgdump.RestoreOptions{{Clean: true}, {Clean: true, Ranges: ranges(t, p.data)}}},
			} {
				if major < 18 { // what differs between servers
					tc.ways = tc.ways[len(tc.ways)-1:]
					if !slices.Contains([]string{"everything belongs to it", "one partition", "a schema", "damaged"}, tc.name) {
						continue
					}
				}
				for i, o := range tc.ways {
					t.Run(fmt.Sprint(tc.name, " ", i), func(t *testing.T) {
						p.server.Exec(t, p.db.Database(), tc.damage)
						o.Target, o.Part = p.db, tc.part
						report, err := p.restore(t, o)
						if err != nil {
							t.Fatal(err)
						}
						if report.OneTransaction != (o.Jobs < 2) {
							t.Errorf("one transaction: %t", report.OneTransaction)
						}
						for _, l := range report.LeftOut {
							if !strings.Contains(l.Reason, "ALTER PUBLICATION pub ADD TABLE ONLY app.") {
								t.Errorf("left out: %+v", l)
							}
							p.server.Exec(t, p.db.Database(), "ALTER PUBLICATION pub ADD TABLE "+odd)
						}
						if tc.name == "a sequence" {
							p.server.Exec(t, p.db.Database(), "ALTER TABLE "+odd+" ALTER nr SET DEFAULT nextval('app.shared')")
						}
						equal(t, before, fingerprint(t, p.db))
					})
					if t.Failed() {
						return // the next ones begin with what is left
					}
				}
			}
		})
	}
}

// TestPartNeeds: what a part needs and does not find is named before anything is touched, and made when asked for.
func TestPartNeeds(t *testing.T) {
	p := newPartly(t, 18)
	o := pgdump.RestoreOptions{Target: target(t, p.server.NewDatabase(t)), Part: tables(odd), Ranges: ranges(t, p.data)}
	report, err := p.restore(t, o)
	wantFault(t, err, fault.Validation, fault.TargetLacks, "schema app (for ", "type common.mood (for ", "domain app.posint", "function app.trg() (for ", "extension hstore",
		"table app.customers (for table app.Or", "sequence app.shared", "schema common", "--with-dependencies", "nothing was changed")
	if empty, what, err := postgres.Empty(context.Background(), o.Target); !empty || err != nil || !report.Unchanged {
		t.Errorf("%s, %v", what, err)
	}
	o.WithDependencies = true
	report, err = p.restore(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(report.Remarks, func(s string) bool {
		return strings.Contains(s, "TABLE app.customers") && strings.Contains(s, "TYPE common.mood")
	}) {
		t.Errorf("%q", report.Remarks)
	}
	whole, got := fingerprint(t, p.db), fingerprint(t, o.Target)
	if got.Rows != 200 || got.Tables != 2 {
		t.Errorf("%d rows in %d tables", got.Rows, got.Tables)
	}
	for name, value := range got.Entries {
		if strings.Contains(name, "Or'ders") && whole.Entries[name] != value {
			t.Errorf("%s: %s, and it was %s", name, value, whole.Entries[name])
		}
	}
	// In a new database too, and what is there by then is not made again.
	o = pgdump.RestoreOptions{Target: newName(t, p.server), Create: true, WithDependencies: true, Part: tables("app.part"), Jobs: 2, Ranges: ranges(t, p.data)}
	if _, err := p.restore(t, o); err != nil {
		t.Fatal(err)
	}
	o.Create, o.Part = false, tables(odd)
	if _, err := p.restore(t, o); err != nil {
		t.Fatal(err)
	}
	// Foreign keys may be left out instead.
	o = pgdump.RestoreOptions{Target: target(t, p.server.NewDatabase(t)), Part: tables("app.part"), Adaptation: pgdump.Adaptation{SkipKinds: []string{"FK CONSTRAINT"}}}
	p.server.Exec(t, o.Target.Database(), "CREATE SCHEMA app; CREATE SCHEMA common")
	if report, err = p.restore(t, o); err != nil || len(report.LeftOut) != 1 {
		t.Errorf("%v, %+v", err, report.LeftOut)
	}
	// What is excluded is not made although it is needed.
	o.Target = target(t, p.server.NewDatabase(t))
	o.Part.ExcludeTables, o.SkipKinds, o.WithDependencies = []string{"customers"}, nil, true
	_, err = p.restore(t, o)
	wantFault(t, err, fault.Validation, fault.TargetLacks, "table app.customers (for table app.part)", "by hand")
}

// TestPartInTheWay: what is there is not touched.
func TestPartInTheWay(t *testing.T) {
	p := newPartly(t, 18)
	before := fingerprint(t, p.db)
	report, err := p.restore(t, pgdump.RestoreOptions{Part: tables("app.part", "base", "app.seen"), Target: p.db})
	wantFault(t, err, fault.Validation, fault.AlreadyExists, "table app.part, ", "table app.base", "view app.seen", "--clean", "nothing was changed")
	if strings.Contains(err.Error(), "part_pkey") || strings.Contains(err.Error(), "part_1") || !report.Unchanged {
		t.Error(err)
	}
	// Its index's name is taken, or its own by something else.
	p.server.Exec(t, p.db.Database(), "DROP TABLE app.other; CREATE DOMAIN app.other AS int; DROP TABLE app.child; DROP TABLE app.base; CREATE VIEW app.base_pkey AS SELECT 1")
	damaged := fingerprint(t, p.db)
	_, err = p.restore(t, pgdump.RestoreOptions{Part: tables("app.other", "base"), Target: p.db})
	wantFault(t, err, fault.Validation, fault.AlreadyExists, "type app.other", "view app.base_pkey")
	equal(t, damaged, fingerprint(t, p.db))
	p.server.Exec(t, p.db.Database(), "DROP DOMAIN app.other; DROP VIEW app.base_pkey")
	if _, err := p.restore(t, pgdump.RestoreOptions{Part: tables("app.other", "base", "child"), Target: p.db}); err != nil {
		t.Fatal(err)
	}
	equal(t, before, fingerprint(t, p.db))
}

// TestPartNames: patterns that mean nothing, or several things, are refused with what is like them.
func TestPartNames(t *testing.T) {
	p := newPartly(t, 18)
	for pattern, want := range map[string][]string{
		"custommers": {"matches \"custommers\"", "app.customers"}, "other": {"2 tables of the backup are named \"other\"", "app.other, more.other"},
		"CUSTOMER": {"There are: app.customers"}, `"Customers"`: {"app.customers"}, "app.customers.id": {"more than a schema and a name"}, "a[": {"is not a pattern"}, "nothing_like_it_at_all": {"--list"},
		`a"`: {"quotation mark"}, "": {"empty"}, "more.customers": {"app.customers"},
	} {
		_, err := p.restore(t, pgdump.RestoreOptions{Part: tables(pattern), Target: p.db})
		if err == nil || !fault.HasCode(err, fault.Validation) {
			t.Fatalf("%q: %v", pattern, err)
		}
		f := fault.From(err)
		for _, w := range want {
			if !strings.Contains(f.Message+f.Hint, w) {
				t.Errorf("%q: %s %s, and it should say %s", pattern, f.Message, f.Hint, w)
			}
		}
	}
	_, err := p.restore(t, pgdump.RestoreOptions{Part: part.Selection{Schemas: []string{"comon"}}, Target: p.db})
	wantFault(t, err, fault.Validation, fault.NotFound, "common")
	for _, bad := range []part.Selection{{Schemas: []string{"a"}, Tables: []string{"b"}}, {Sections: []string{"all"}}, {SchemaOnly: true, DataOnly: true}, {DataOnly: true, Sections: []string{"data"}}, {Schemas: []string{"a.b"}}} {
		_, err := p.restore(t, pgdump.RestoreOptions{Part: bad, Target: p.db})
		wantFault(t, err, fault.Validation, fault.InvalidInput)
	}
	_, err = p.restore(t, pgdump.RestoreOptions{WithDependencies: true, Target: p.db})
	wantFault(t, err, fault.Validation, fault.InvalidInput)
	_, err = p.restore(t, pgdump.RestoreOptions{Format: pgdump.Plain, Part: tables("a"), Target: p.db})
	wantFault(t, err, fault.Validation, fault.InvalidInput)
}

// TestPartByExclusion takes all but something, and sections one after the other.
func TestPartByExclusion(t *testing.T) {
	p := newPartly(t, 18)
	o := pgdump.RestoreOptions{Target: target(t, p.server.NewDatabase(t)), Ranges: ranges(t, p.data)}
	o.Part = part.Selection{ExcludeTables: []string{"app.oth*", odd, "not_there"}, ExcludeSchemas: []string{"more"}}
	report, err := p.restore(t, o)
	if err != nil {
		t.Fatal(err)
	}
	got := fingerprint(t, o.Target)
	for _, there := range []string{"table app.customers", "table common.part_2a", `table public."app.x"`} {
		if got.Entries[there] == "" {
			t.Errorf("%s is not there", there)
		}
	}
	for name := range got.Entries {
		if strings.Contains(name, "other") || strings.Contains(name, "Or'ders") || strings.Contains(name, "schema more") {
			t.Errorf("%s is there", name)
		}
	}
	if got.LOs != 1 || len(report.LeftOut) != 0 || !slices.ContainsFunc(report.Remarks, func(s string) bool { return strings.Contains(s, "not_there") }) {
		t.Errorf("%d large objects, %+v", got.LOs, report)
	}
	o.Target = target(t, p.server.NewDatabase(t))
	for _, section := range []string{"pre-data", "data", "post-data"} {
		o.Part = part.Selection{Sections: []string{section}}
		if _, err := p.restore(t, o); err != nil {
			t.Fatalf("%s: %v", section, err)
		}
	}
	wantEqual(t, p.db, o.Target)
}

// TestPartByList takes what the lines of a list name, in their order, and none of another archive.
func TestPartByList(t *testing.T) {
	p := newPartly(t, 18)
	head, err := archive.ReadHead(context.Background(), bytes.NewReader(p.data), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := part.Choose(head, tables("app.base", "app.child", "app.part"))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := chosen.WriteList(&text); err != nil {
		t.Fatal(err)
	}
	// Stock pg_restore reads it, too.
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	stock := target(t, p.server.NewDatabase(t))
	p.server.Exec(t, stock.Database(), "CREATE SCHEMA app; CREATE SCHEMA common; CREATE TABLE app.customers (id int PRIMARY KEY); INSERT INTO app.customers VALUES (1), (2)")
	stockRestore(t, 18, stock, p.data, "--use-list="+file, "--exit-on-error")
	// Without the rows of one, and its key; the child's rows first.
	var first, lines []string
	for line := range strings.Lines(text.String()) {
		switch {
		case strings.Contains(line, "base_pkey") || strings.Contains(line, "TABLE DATA app base "):
			line = "; " + line
		case strings.Contains(line, "TABLE DATA app part_1 "):
			first = append(first, line)
			continue
		}
		lines = append(lines, line)
	}
	at := slices.IndexFunc(lines, func(s string) bool { return strings.Contains(s, "TABLE DATA") })
	lines = slices.Insert(lines, at+2, first...)
	list, err := part.ParseList([]byte(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range []*pgdump.Ranges{nil, ranges(t, p.data)} {
		to := target(t, p.server.NewDatabase(t))
		p.server.Exec(t, to.Database(), "CREATE SCHEMA app; CREATE SCHEMA common; CREATE TABLE app.customers (id int PRIMARY KEY); INSERT INTO app.customers VALUES (1), (2)")
		o := pgdump.RestoreOptions{Target: to, Ranges: r, Part: part.Selection{List: list}}
		if _, err := p.restore(t, o); err != nil {
			t.Fatal(i, err)
		}
		want, got := fingerprint(t, stock), fingerprint(t, to)
		if got.Rows != want.Rows-1 || got.Entries["constraint app.base.base_pkey"] != "" || got.Entries["table app.part_1"] == "" {
			t.Errorf("%d: %d rows, %v", i, got.Rows, got.Entries)
		}
	}
	// A list of another archive.
	other := newPartly(t, 15)
	_, err = other.restore(t, pgdump.RestoreOptions{Target: other.db, Part: part.Selection{List: list}})
	wantFault(t, err, fault.Validation, fault.InvalidInput, "is not one of this backup")
	for _, bad := range []string{"", "; 1", "hello", "0; 1 2 TABLE", "99999999999; 1", "7;\n7;", "-1;"} {
		if _, err := part.ParseList([]byte(bad)); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestPartIsNeverHalf: an archive that breaks, wherever it does, leaves the target as it was; blocks that are not where an index says
// are no other table's rows.
func TestPartIsNeverHalf(t *testing.T) {
	p := newPartly(t, 18)
	p.server.Exec(t, p.db.Database(), "DROP TABLE app.other, app.part")
	before := fingerprint(t, p.db)
	good := ranges(t, p.data)
	moved := *good
	moved.Index = slices.Clone(good.Index)
	for i := range moved.Index {
		moved.Index[i].CRC32C = 0
		j := (i + 1) % len(good.Index)
		moved.Index[i].Offset, moved.Index[i].Length = good.Index[j].Offset, good.Index[j].Length
	}
	wrong := *good
	wrong.Index = slices.Clone(good.Index)
	for i := range wrong.Index {
		wrong.Index[i].CRC32C++
	}
	far := *good
	far.Index = slices.Clone(good.Index)
	for i := range far.Index {
		far.Index[i].Length = 1 << 40
	}
	far.Open = func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(p.data[offset:])), nil
	}
	for name, r := range map[string]*pgdump.Ranges{"moved": &moved, "wrong checksums": &wrong, "longer than all": &far} {
		report, err := p.restore(t, pgdump.RestoreOptions{Target: p.db, Ranges: r, Part: tables("app.other", "app.part")})
		if err == nil || !report.Unchanged || !fault.HasCode(err, fault.Validation) {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
		equal(t, before, fingerprint(t, p.db))
	}
	// In one pass the verdict behind the last byte counts, although it lies far behind what is restored.
	cut := partly{p.server, p.db, p.data[:len(p.data)-1]}
	report, err := cut.restore(t, pgdump.RestoreOptions{Target: p.db, Part: tables("app.other")})
	if err == nil || !report.Unchanged {
		t.Errorf("%v, %+v", err, report)
	}
	equal(t, before, fingerprint(t, p.db))
	// An index that lacks a block is no use, and the whole is read.
	lacking := *good
	lacking.Index = nil
	lacking.Whole = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.data)), nil }
	lacking.HeadLength = 0
	report, err = p.restore(t, pgdump.RestoreOptions{Target: p.db, Ranges: &lacking, Part: tables("app.other")})
	if err != nil || !slices.ContainsFunc(report.Remarks, func(s string) bool { return strings.Contains(s, "from its beginning") }) {
		t.Errorf("%v, %+v", err, report)
	}
}
