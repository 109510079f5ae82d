package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

var made atomic.Int64

// sourceDatabase makes a database with options of CREATE DATABASE, and fills it.
func sourceDatabase(t *testing.T, s *testenv.Server, options, sql string) postgres.Target {
	t.Helper()
	name := fmt.Sprintf("source_%d", made.Add(1))
	s.Exec(t, "postgres", "CREATE DATABASE "+name+" TEMPLATE template0 "+options)
	t.Cleanup(func() {
		s.Exec(t, "postgres", "ALTER DATABASE "+name+" IS_TEMPLATE false")
		s.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	s.Exec(t, name, sql)
	return target(t, s.URL(name))
}

// newName names a database that a restore is to create.
func newName(t *testing.T, s *testenv.Server) postgres.Target {
	t.Helper()
	name := fmt.Sprintf("created_%d", made.Add(1))
	t.Cleanup(func() { s.Exec(t, "template1", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return target(t, s.URL(name))
}

// query reads one text.
func query(t *testing.T, db postgres.Target, sql string) string {
	t.Helper()
	conn, err := db.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	if _, err := conn.Exec(context.Background(), "SET search_path = public"); err != nil {
		t.Fatal(err)
	}
	var out string
	if err := conn.QueryRow(context.Background(), sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func exists(t *testing.T, s *testenv.Server, db postgres.Target) bool {
	t.Helper()
	return query(t, target(t, s.URL("postgres")), "SELECT count(*)::text FROM pg_database WHERE datname = '"+db.Database()+"'") == "1"
}

// ways are those in which a database comes back under another name.
var ways = []struct {
	name    string
	options pgdump.RestoreOptions
}{
	{"archive", pgdump.RestoreOptions{}},
	{"archive, jobs", pgdump.RestoreOptions{Jobs: 2}},
	{"plain", pgdump.RestoreOptions{Format: pgdump.Plain}},
}

func dumpOf(t *testing.T, db postgres.Target, f pgdump.Format) []byte {
	t.Helper()
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: db, Format: f})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A created database stores and sorts text as the dumped one: bytes of no known encoding stay what they are, and rows
// fit into their partitions.
func TestCreatedLocale(t *testing.T) {
	const partitioned = `CREATE TABLE name (n text) PARTITION BY RANGE (n);
		CREATE TABLE name_1 PARTITION OF name FOR VALUES FROM (MINVALUE) TO ('z'); CREATE TABLE name_2 PARTITION OF name FOR VALUES FROM ('z') TO (MAXVALUE);
		INSERT INTO name VALUES ('a'), ('ö'), ('Ö'), ('å'), ('zz'), ('Z')`
	kinds := []struct {
		name, options, fill, read string
		since                     int
	}{
		{"no encoding", `ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'`, `CREATE TABLE t (c text); INSERT INTO t VALUES (convert_from('\x636166e9', 'SQL_ASCII'))`,
			`SELECT string_agg(encode(c::bytea, 'hex'), ' ') FROM t`, 15},
		{"latin", `ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`, `CREATE TABLE t (c text); INSERT INTO t VALUES (convert_from('\x636166e9', 'LATIN1'))`,
			`SELECT string_agg(c, ' ') FROM t`, 15},
		{"icu", `ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE' LOCALE 'C'`, partitioned, `SELECT string_agg(n, ' ' ORDER BY n) FROM name`, 15},
		{"icu with rules", `ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de' ICU_RULES '&z < a' LOCALE 'C'`, partitioned, `SELECT string_agg(n, ' ' ORDER BY n) FROM name`, 16},
		{"builtin", `ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'`, partitioned, `SELECT string_agg(upper(n), ' ' ORDER BY n) FROM name`, 17},
	}
	for _, major := range []int{15, 17, 18} {
		s := testenv.Postgres(t, major)
		for _, k := range kinds {
			if k.since > major {
				continue
			}
			db := sourceDatabase(t, s, k.options, k.fill)
			for _, w := range ways[1:] {
				t.Run(fmt.Sprintf("%d/%s/%s", major, k.name, w.name), func(t *testing.T) {
					o := w.options
					o.Target, o.Create = newName(t, s), true
					if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(dumpOf(t, db, o.Format))); err != nil {
						t.Fatal(err)
					}
					const locale = `SELECT (to_jsonb(d) - '{oid,datname,datfrozenxid,datminmxid,datcollversion}'::text[])::text FROM pg_database d WHERE datname = current_database()`
					if want, got := query(t, db, locale), query(t, o.Target, locale); got != want {
						t.Errorf("%s\nwant %s", got, want)
					}
					if want, got := query(t, db, k.read), query(t, o.Target, k.read); got != want {
						t.Errorf("%s, want %s", got, want)
					}
				})
			}
		}
	}
}

// What a server cannot have is refused before anything is made, and the way out works.
func TestCreatedLocaleElsewhere(t *testing.T) {
	old, s := testenv.Postgres(t, 15), testenv.Postgres(t, 18)
	builtin := dumpOf(t, sourceDatabase(t, s, `ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'`, "CREATE TABLE t (c text)"), pgdump.Custom)
	rules := dumpOf(t, sourceDatabase(t, s, `ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de' ICU_RULES '&z < a' LOCALE 'C'`, "CREATE TABLE t (c text)"), pgdump.Custom)
	missing := bytes.ReplaceAll(dumpOf(t, sourceDatabase(t, s, `ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'`, "CREATE TABLE t (c text)"), pgdump.Plain),
		[]byte(`LC_COLLATE = 'C' LC_CTYPE = 'C'`), []byte(`LC_COLLATE = 'xx_YY.UTF-8' LC_CTYPE = 'xx_YY.UTF-8'`))
	for _, c := range []struct {
		name   string
		to     *testenv.Server
		data   []byte
		format pgdump.Format
	}{{"builtin", old, builtin, pgdump.Custom}, {"rules", old, rules, pgdump.Custom}, {"libc", s, missing, pgdump.Plain}} {
		t.Run(c.name, func(t *testing.T) {
			o := pgdump.RestoreOptions{Target: newName(t, c.to), Create: true, Format: c.format}
			_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(c.data))
			if f := fault.From(err); f == nil || !strings.Contains(f.Hint, "--icu-locale") || exists(t, c.to, o.Target) {
				t.Fatalf("%v, made %t", err, exists(t, c.to, o.Target))
			}
			o.Locale = postgres.LocaleChoice{ICULocale: "de"}
			report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(c.data))
			if err != nil || !strings.Contains(strings.Join(report.Remarks, "\n"), "will sort text as") {
				t.Fatalf("%v %q", err, report.Remarks)
			}
			if got := query(t, o.Target, `SELECT datlocprovider::text FROM pg_database WHERE datname = current_database()`); got != "i" {
				t.Errorf("provider %s", got)
			}
		})
	}
}

// A script without a description, of an older cofre or of pg_dump, does not say how text was sorted: somebody has to.
func TestCreateFromOldScript(t *testing.T) {
	s := testenv.Postgres(t, 18)
	var old []byte
	for line := range bytes.Lines(dumpOf(t, sourceDatabase(t, s, `ENCODING 'LATIN1' LOCALE 'C'`, `CREATE TABLE t (c text)`), pgdump.Plain)) {
		if !bytes.HasPrefix(line, []byte("-- cofre:")) {
			old = append(old, line...)
		}
	}
	o := pgdump.RestoreOptions{Target: newName(t, s), Create: true, Format: pgdump.Plain}
	_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(old))
	if f := fault.From(err); f == nil || !strings.Contains(f.Hint, "--locale") || exists(t, s, o.Target) {
		t.Fatalf("%v", err)
	}
	o.Locale = postgres.LocaleChoice{Locale: "C"}
	if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(old)); err != nil {
		t.Fatal(err)
	}
	if got := query(t, o.Target, "SHOW server_encoding"); got != "LATIN1" {
		t.Errorf("encoding %s: the script says LATIN1", got)
	}
}

// A database made by hand that stores or sorts text otherwise: said before, and refused when bytes would become invalid.
func TestOtherLocaleThere(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			bytesOf := sourceDatabase(t, s, `ENCODING 'SQL_ASCII' LOCALE 'C'`, `CREATE TABLE t (c text); INSERT INTO t VALUES (convert_from('\x636166e9', 'SQL_ASCII'))`)
			utf8 := sourceDatabase(t, s, `ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE' LOCALE 'C'`, `CREATE TABLE t (c text); INSERT INTO t VALUES ('café')`)
			dumps := map[string][]byte{} // one for all ways
			for _, w := range ways {
				t.Run(w.name, func(t *testing.T) {
					restore := func(from postgres.Target, made string, l postgres.LocaleChoice) (postgres.Target, pgdump.RestoreReport, error) {
						o := w.options
						o.Target, o.Locale = sourceDatabase(t, s, made, "SELECT 1"), l
						said := []string{}
						o.Remark = func(line string) { said = append(said, line) }
						key := fmt.Sprint(from.Database(), o.Format)
						if dumps[key] == nil {
							dumps[key] = dumpOf(t, from, o.Format)
						}
						report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(dumps[key]))
						if !slices.Equal(said, report.Remarks) && len(said)+len(report.Remarks) > 0 {
							t.Errorf("%q %q", said, report.Remarks)
						}
						return o.Target, report, err
					}
					_, report, err := restore(bytesOf, `ENCODING 'UTF8' LOCALE 'C'`, postgres.LocaleChoice{})
					if err == nil || !report.Unchanged || !strings.Contains(err.Error(), "bytes could become invalid") {
						t.Errorf("bytes into UTF8: %v", err)
					}
					if _, _, err := restore(bytesOf, `ENCODING 'UTF8' LOCALE 'C'`, postgres.LocaleChoice{Encoding: "UTF8"}); err == nil || !strings.Contains(err.Error(), "invalid byte sequence") {
						t.Errorf("bytes that are not UTF8: %v", err)
					}
					db, _, err := restore(bytesOf, `ENCODING 'UTF8' LOCALE 'C'`, postgres.LocaleChoice{Encoding: "LATIN1"})
					if err != nil || query(t, db, "SELECT c FROM t") != "café" {
						t.Errorf("bytes that are LATIN1: %v", err)
					}
					db, report, err = restore(utf8, `ENCODING 'LATIN1' LOCALE 'C'`, postgres.LocaleChoice{})
					if err != nil || query(t, db, "SELECT c FROM t") != "café" || !strings.Contains(strings.Join(report.Remarks, "\n"), "stores and sorts text as LATIN1") {
						t.Errorf("another encoding: %v %q", err, report.Remarks)
					}
					_, report, err = restore(utf8, `ENCODING 'UTF8' LOCALE 'C'`, postgres.LocaleChoice{})
					if err != nil || !strings.Contains(strings.Join(report.Remarks, "\n"), "sorts text as UTF8, libc C") {
						t.Errorf("another order: %v %q", err, report.Remarks)
					}
					_, report, err = restore(utf8, `ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE' LOCALE 'C'`, postgres.LocaleChoice{})
					if err != nil || len(report.Remarks) > 0 {
						t.Errorf("the same: %v %q", err, report.Remarks)
					}
				})
			}
		})
	}
}
