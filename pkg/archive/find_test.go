package archive

import (
	"bytes"
	"io"
	"math/rand"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	show "cofre/pkg/rows"
)

func TestCopied(t *testing.T) {
	for statement, want := range map[string]*Copied{
		"COPY public.orders (id, customer) FROM stdin;\n":                                                 {Columns: []string{"id", "customer"}},
		"COPY \"odd schema\".\"we\"\"ird\nname\" (a, \"b c\") FROM stdin;\n":                              {Columns: []string{"a", "b c"}},
		"COPY public.t (\"a, b\", \"c)\", \") FROM stdin;\") FROM stdin;\n":                               {Columns: []string{"a, b", "c)", ") FROM stdin;"}},
		"COPY public.nocols  FROM stdin;\n":                                                               {},
		"COPY public.t (a, \") FROM stdin /* x */\") FROM stdin /* int4, text */ WITH (FORMAT binary);\n": {Columns: []string{"a", ") FROM stdin /* x */"}, Binary: true, Types: []string{"int4", "text"}},
		"": nil,
		"COPY public.t (a) FROM stdin WITH (FORMAT binary);\n":                              nil,
		"COPY public.t (a) FROM stdin /* int4, text */ WITH (FORMAT binary);\n":             nil,
		"COPY public.t (a) FROM stdin /*  */ WITH (FORMAT binary);\n":                       nil,
		"COPY public.t (a) FROM stdin /* int 4 */ WITH (FORMAT binary);\n":                  nil,
		"COPY public.t (a) FROM stdin /* x */; DROP TABLE t; /* */ WITH (FORMAT binary);\n": nil,
		"COPY public.t (a) FROM stdin /* int4 */;\n":                                        nil,
		"COPY public.t (a FROM stdin;\n":                                                    nil,
		"COPY public.t (\"a) FROM stdin;\n":                                                 nil,
		"COPY public.t (a,b) FROM stdin;\n":                                                 nil,
		"INSERT INTO t VALUES (1);":                                                         nil,
	} {
		e := Entry{CopyStmt: statement}
		got, ok := e.Copied()
		if ok != (want != nil) || ok && !reflect.DeepEqual(got, *want) {
			t.Errorf("%q has %+v, %t", statement, got, ok)
		}
		if !ok || got.Binary || len(got.Columns) == 0 {
			continue
		}
		for _, bad := range [][]string{nil, {}, make([]string, len(got.Columns)), append(slices.Repeat([]string{"int4"}, len(got.Columns)), "text"), slices.Repeat([]string{"*/"}, len(got.Columns))} {
			if e.BinaryRows(bad) || e.CopyStmt != statement {
				t.Errorf("%q takes %q", statement, bad)
			}
		}
		types := slices.Repeat([]string{"int4"}, len(got.Columns))
		if !e.BinaryRows(types) {
			t.Fatalf("%q takes no binary rows", statement)
		}
		if now, ok := e.Copied(); !ok || !now.Binary || !slices.Equal(now.Columns, got.Columns) || !slices.Equal(now.Types, types) || e.BinaryRows(types) {
			t.Errorf("%q: %+v, %t", e.CopyStmt, now, ok)
		}
	}
}

func TestFindTable(t *testing.T) {
	entry := func(id int32, schema, tag string) Entry {
		e := tableData(id)
		e.Namespace, e.Tag = schema, tag
		return e
	}
	h := &Head{Entries: []Entry{entry(1, "public", "orders"), entry(2, "old", "orders"), entry(3, "public", "Mixed"), entry(4, "a.b", "c"), entry(5, "a", "b.c"), entry(6, "public", `q"x`)}}
	for name, want := range map[string]int32{
		"public.orders": 1, "old.orders": 2, `"old"."orders"`: 2, `old."orders"`: 2, "PUBLIC.ORDERS": 1, "Mixed": 3, `"Mixed"`: 3, "public.Mixed": 3,
		`"a.b".c`: 4, `a."b.c"`: 5, "b.c": 5, `q"x`: 6, `"q""x"`: 6,
		"orders": 0, "a.b.c": 0, "none": 0, "": 0, "mixed": 0, `"old".`: 0, `"`: 0,
	} {
		e, err := h.FindTable(name)
		switch {
		case want == 0 && !fault.HasCode(err, fault.Validation), want != 0 && (err != nil || e.DumpID != want):
			t.Errorf("%q is %+v, %v", name, e, err)
		}
	}
}

// TestBinaryRows: stock pg_restore takes a table of binary rows beside those of text; and made text again it is as it was.
func TestBinaryRows(t *testing.T) {
	from, to := testenv.Postgres(t, 18).NewDatabase(t), testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, from, `CREATE TABLE a (i int, t text); INSERT INTO a SELECT g, nullif(repeat('é\n', g % 9), '') FROM generate_series(1, 5000) g; CREATE TABLE b AS SELECT * FROM a;
		SELECT lo_from_bytea(3000000000, 'abc'), lo_from_bytea(7, '')`)
	binary, err := exec.Command(filepath.Join(testenv.ClientBin(18), "psql"), "-XqAt", from, "-c", "COPY a TO STDOUT WITH (FORMAT binary)").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := rowsOf(t, from)
	for z, level := range map[string]int{"none": 0, "gzip:1": 1, "lz4": 1, "zstd:1": 1} {
		original := pgDump(t, 18, from, piped, "-Fc", "-Z"+z)
		c := contentOf(t, original)
		for i := range c.head.Entries {
			if e := &c.head.Entries[i]; e.Tag == "a" && e.HasData && !e.BinaryRows([]string{"int4", "text"}) {
				t.Fatal("it cannot be")
			} else if e.Tag == "a" && !e.HasData && e.BinaryRows([]string{"int4", "text"}) {
				t.Fatal("a table's definition has rows")
			}
		}
		c.blocks[0].streams[0] = binary
		ours := c.write(t, c.head, level, rand.New(rand.NewSource(1)))
		if sum, err := checkAll(ours, Options{}); err != nil || !c.head.HasBinaryRows() {
			t.Fatal(sum, err)
		}
		restoreFile(t, 18, ours, "-j2", "--exit-on-error", "--clean", "--if-exists", "--dbname="+to)
		if got := rowsOf(t, to); got != want || strings.Count(got, "\n") < 10000 {
			t.Errorf("%s: restored %d bytes of rows", z, len(got))
		}
		var back bytes.Buffer
		h, err := ReadHead(ctx, bytes.NewReader(ours), Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := func(e *Entry, w io.Writer) (io.WriteCloser, error) {
			x, _ := e.Copied()
			return show.NewReader(w, show.Copy, show.Options{Columns: x.Columns, Binary: x.Binary, Types: x.Types})
		}
		if err := TextRows(ctx, &back, h, bytes.NewReader(ours[h.Length:]), text); err != nil {
			t.Fatal(z, err)
		}
		if script := func(data []byte) string { return pgRestore(t, 18, data, "--file=-", "--restrict-key=x") }; script(back.Bytes()) != script(original) {
			t.Errorf("%s: pg_restore makes another script of it", z)
		}
		for _, cut := range []int64{1, 5000, int64(len(ours)) - h.Length - 1} {
			if err := TextRows(ctx, io.Discard, h, bytes.NewReader(ours[h.Length:h.Length+cut]), text); !fault.HasReason(err, fault.StructureDamaged) {
				t.Errorf("%s cut at %d: %v", z, cut, err)
			}
		}
	}
}
