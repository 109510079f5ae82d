package pgdump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

func TestScriptFilter(t *testing.T) {
	const settings = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped by\n\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\nSET client_encoding = 'UTF8';\n"
	without := strings.Replace(settings, "SET transaction_timeout = 0;\n", "", 1)
	data := "COPY public.t (v) FROM stdin;\nSET transaction_timeout = 0;\nALTER TABLE ONLY t ALTER COLUMN a SET (pg_attver=1);\n\\.\n"
	for _, c := range []struct {
		name, in, want string
		keep           bool
	}{
		{"settings", settings, without, false},
		{"kept for a server that knows it", settings, settings, true},
		{"data", settings + data, without + data, false},
		{"function body", settings + "CREATE FUNCTION f() AS $$\nSET transaction_timeout = 0;\n$$;\n", without + "CREATE FUNCTION f() AS $$\nSET transaction_timeout = 0;\n$$;\n", false},
		{"column version", "ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=123);\n", "ALTER TABLE ONLY public.t ALTER COLUMN a RESET (n_distinct);\n", true},
		{"with an option before", "ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=-0.5, pg_attver=1);\n", "ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=-0.5);\n", true},
		{"with options around", "ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=5, pg_attver=1, n_distinct_inherited=3);\n", "ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=5, n_distinct_inherited=3);\n", true},
		{"other options", "ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=5);\n", "ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=5);\n", true},
		{"name with a line break", "ALTER TABLE ONLY \"a\nb\" ALTER COLUMN \"c\nd\" SET (pg_attver=9);\n", "ALTER TABLE ONLY \"a\nb\" ALTER COLUMN \"c\nd\" RESET (n_distinct);\n", true},
		{"long lines", settings + strings.Repeat("x", 200_000) + "\nlast without end", without + strings.Repeat("x", 200_000) + "\nlast without end", false},
		{"nothing", "", "", false},
	} {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			got, err := io.ReadAll(newScriptFilter(wrap(strings.NewReader(c.in)), c.keep))
			if err != nil || string(got) != c.want {
				t.Errorf("%s: got %.300q, %v; want %.300q", c.name, got, err, c.want)
			}
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(newScriptFilter(io.MultiReader(strings.NewReader(settings+data), iotest.ErrReader(broken)), false)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// Quotes protect what only looks like an option.
func TestWithoutColumnVersions(t *testing.T) {
	for in, want := range map[string]string{
		"CREATE TABLE t (a int);\nALTER TABLE ONLY t ALTER COLUMN a SET (pg_attver=1);\n":                    "CREATE TABLE t (a int);\nALTER TABLE ONLY t ALTER COLUMN a RESET (n_distinct);\n",
		"CREATE TABLE t (a text DEFAULT ' SET (pg_attver=1);');\nX SET (pg_attver=2);":                       "CREATE TABLE t (a text DEFAULT ' SET (pg_attver=1);');\nX RESET (n_distinct);",
		`CREATE TABLE " SET (pg_attver=1)" (a text DEFAULT 'it''s SET (pg_attver=3)') WITH (fillfactor=50);`: `CREATE TABLE " SET (pg_attver=1)" (a text DEFAULT 'it''s SET (pg_attver=3)') WITH (fillfactor=50);`,
		"A SET (x=1, pg_attver=1, y=2);": "A SET (x=1, y=2);",
		"A SET (pg_attver=":              "A SET (pg_attver=",
		"A SET (pg_attver=x);":           "A SET (pg_attver=x);",
	} {
		if got := withoutColumnVersions(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzScriptFilter(f *testing.F) {
	f.Add("SET transaction_timeout = 0;\nALTER TABLE ONLY t ALTER COLUMN a SET (pg_attver=123);\nCOPY t FROM stdin;\n\\.\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := io.ReadAll(newScriptFilter(strings.NewReader(s), true))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(s, columnVersion) && string(got) != s {
			t.Fatalf("%q became %q", s, got)
		}
		if clean := withoutColumnVersions(s); !strings.Contains(s, columnVersion) && clean != s {
			t.Fatalf("%q became %q", s, clean)
		}
	})
}

// The child must not see the end before the source has said that all was well.
func TestHoldBack(t *testing.T) {
	broken := errors.New("checksum mismatch")
	for _, size := range []int{0, 1, feedBuffer - 1, feedBuffer, feedBuffer + 1, 3*feedBuffer + 7} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		for _, end := range []error{nil, broken, io.ErrUnexpectedEOF} {
			out, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			received := make(chan []byte)
			go func() {
				b, _ := io.ReadAll(out)
				received <- b
			}()
			var source io.Reader = bytes.NewReader(data)
			if end != nil {
				source = io.MultiReader(source, iotest.ErrReader(end))
			}
			n, err := holdBack{}.copy(in, source)
			in.Close()
			got := <-received
			out.Close()
			switch {
			case int64(len(got)) != n || !bytes.HasPrefix(data, got):
				t.Errorf("%d bytes: %d written, %d received", size, n, len(got))
			case end == nil && (err != nil || len(got) != size):
				t.Errorf("%d bytes: %d received, %v", size, len(got), err)
			case end != nil && !errors.Is(err, end):
				t.Errorf("%d bytes: %v, want %v", size, err, end)
			case end != nil && size > 0 && len(got) >= size:
				t.Errorf("%d bytes: all were given although the source failed", size)
			}
		}
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out.Close()
	if _, err := (holdBack{}).copy(in, bytes.NewReader(make([]byte, 10*feedBuffer))); !errors.Is(err, errChildGone) {
		t.Error(err)
	}
	in.Close()
}

func TestMessagesAreBounded(t *testing.T) {
	var lines int
	m := &messages{redact: func(s string) string { return strings.ReplaceAll(s, "secret", "***") }, each: func(string) { lines++ }}
	fmt.Fprint(m, "first: sec")
	fmt.Fprint(m, "ret\n")
	for i := range 100_000 {
		fmt.Fprintf(m, "line %d\n", i)
	}
	fmt.Fprint(m, strings.Repeat("x", 10<<20), "\n")
	fmt.Fprint(m, "last \xff\x00")
	got := m.String()
	if len(got) > keepHead+keepTail+maxLine+100 || !strings.HasPrefix(got, "first: ***\n") || !strings.HasSuffix(got, "last ?\x00") || !strings.Contains(got, "\n...\n") {
		t.Errorf("%d bytes: %.100q", len(got), got)
	}
	if lines != 100_003 || cap(m.partial) > 2*maxLine {
		t.Errorf("%d lines, %d bytes kept", lines, cap(m.partial))
	}
}

func TestExcerpt(t *testing.T) {
	verbose := "pg_dump: reading schemas\npg_dump: error: query failed: ERROR:  permission denied\npg_dump: detail: Query was: LOCK\npg_dump: more progress\n"
	if got := excerpt(verbose); got != "pg_dump: error: query failed: ERROR:  permission denied\npg_dump: detail: Query was: LOCK" {
		t.Errorf("%q", got)
	}
	if got := excerpt("a\nb\n"); got != "a\nb" {
		t.Errorf("%q", got)
	}
	if got := excerpt("x: error: " + strings.Repeat("é", 5000)); len(got) > excerptBytes+10 {
		t.Errorf("%d bytes", len(got))
	}
}

// FuzzOrigin: what a script says of its database gives a locale and statements, or nothing, and whatever it says is read once.
func FuzzOrigin(f *testing.F) {
	f.Add([]byte("--\n-- PostgreSQL database dump\n--\n\n" + descriptionLine + `{"Create":"CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';","Owner":"ana","Statements":"ALTER DATABASE x SET a TO '1';"}` + "\n"))
	f.Add([]byte("SET client_encoding = 'LATIN1';\nSELECT 1;\n"))
	f.Add([]byte(descriptionLine + "null\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		start, all := peek(bytes.NewReader(data), scriptStart)
		got := originOfScript(start)
		if got.described && got.locale.Encoding == "" || !got.described && len(got.statements) > 0 {
			t.Errorf("%q is read as %+v", data, got)
		}
		if whole, err := io.ReadAll(all); err != nil || !bytes.Equal(whole, data) {
			t.Errorf("%d of %d bytes, %v", len(whole), len(data), err)
		}
	})
}

// What a script expects of a server is found wherever pg_dump writes it, and not in rows.
func TestNeedsOfScript(t *testing.T) {
	script := strings.Join([]string{
		`SET SESSION AUTHORIZATION 'quoted';`, `SET SESSION AUTHORIZATION granter;`, `SET ROLE acting;`, `ALTER SCHEMA public OWNER TO pg_database_owner;`, `CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;`,
		`CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA apart;`, `CREATE EXTENSION plain;`, `COMMENT ON EXTENSION hstore IS 'OWNER TO nobody';`, `ALTER FUNCTION public.f("OWNER TO" integer, b text) OWNER TO "Owner, of ""it""";`,
		`COPY public.t (a) FROM stdin;`, `GRANT ALL ON TABLE x TO in_rows;`, `\.`, `GRANT SELECT ON TABLE public.t TO reader, PUBLIC, "Other";`, `REVOKE ALL ON SCHEMA public FROM revoked;`,
		`CREATE POLICY p ON public.t TO looker USING (`, `    (a = 'TO nobody'));`, `ALTER DEFAULT PRIVILEGES FOR ROLE giver IN SCHEMA public GRANT SELECT ON TABLES TO taker;`, `ALTER TABLE ONLY public.t ALTER COLUMN a SET DEFAULT 1;`,
		`-- ALTER TABLE x OWNER TO nobody;`, "GRANT SELECT ON TABLE " + strings.Repeat("x", 200<<10) + " TO far;", `ALTER TABLE public.t OWNER TO last`,
	}, "\n")
	got, err := NeedsOfScript(strings.NewReader(script))
	want := []string{"Other", `Owner, of "it"`, "acting", "giver", "granter", "last", "looker", "pg_database_owner", "reader", "revoked", "taker"}
	if err != nil || !slices.Equal(got.Roles, want) {
		t.Errorf("%v: roles %q, want %q", err, got.Roles, want)
	}
	if want := []postgres.WantedExtension{{Name: "hstore", Schema: "public"}, {Name: "plain"}}; !slices.Equal(got.Extensions, want) {
		t.Errorf("extensions %+v", got.Extensions)
	}
	var many strings.Builder
	for i := range maxScriptRoles + 1 {
		fmt.Fprintf(&many, "ALTER TABLE t OWNER TO r%d;\n", i)
	}
	if _, err := NeedsOfScript(strings.NewReader(many.String())); !fault.HasReason(err, fault.StructureDamaged) {
		t.Errorf("more roles than any database has: %v", err)
	}
	broken := errors.New("broken")
	if _, err := NeedsOfScript(io.MultiReader(strings.NewReader(script), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func FuzzNeedsOfScript(f *testing.F) {
	f.Add([]byte("ALTER TABLE t OWNER TO x;\nCREATE EXTENSION a WITH SCHEMA public;\nCOPY t FROM stdin;\n\\.\nSET ROLE\nGRANT a TO b, \"c;\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := NeedsOfScript(bytes.NewReader(data))
		if err != nil && !fault.HasReason(err, fault.StructureDamaged) || len(n.Roles) > maxScriptRoles || slices.Contains(n.Roles, "") {
			t.Errorf("%+v, %v", n, err)
		}
	})
}
