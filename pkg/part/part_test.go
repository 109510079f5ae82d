package part

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// entry makes one of a table of contents.
func entry(id int32, desc, schema, tag, defn string, deps ...int32) archive.Entry {
	e := archive.Entry{DumpID: id, Desc: desc, Namespace: schema, Tag: tag, Defn: defn, Section: archive.SectionPreData, Dependencies: deps, OffsetState: archive.OffsetNoData, Owner: "me"}
	switch {
	case desc == "TABLE DATA":
		e.HasData, e.OffsetState, e.Section = true, archive.OffsetNotSet, archive.SectionData
	case strings.Contains(desc, "CONSTRAINT") || strings.HasPrefix(desc, "INDEX") || desc == "RULE" || desc == "POLICY":
		e.Section = archive.SectionPostData
	case e.About():
		e.Section = archive.SectionNone
	}
	return e
}

func headOf(entries ...archive.Entry) *archive.Head {
	return &archive.Head{Version: archive.Version{Major: 1, Minor: 16}, IntSize: 4, OffsetSize: 8, Compression: archive.CompressionNone, Entries: entries}
}

// small is a table of contents with names that may be taken for others.
func small() *archive.Head {
	return headOf(
		entry(1, "SCHEMA", "", "app", "CREATE SCHEMA app;"),
		entry(2, "TABLE", "app", "a", "CREATE TABLE app.a (x int);", 1),
		entry(3, "TABLE", "app", "a b", `CREATE TABLE app."a b" (x int);`, 1),
		entry(4, "COMMENT", "app", "TABLE a", "COMMENT ON TABLE app.a IS '';", 2),
		entry(5, "TABLE DATA", "app", "a", "", 2),
		entry(6, "CONSTRAINT", "app", "a b c", "ALTER TABLE ONLY app.a ADD CONSTRAINT \"b c\" PRIMARY KEY (x);", 2),
		entry(7, "FK CONSTRAINT", "app", "a b c", "ALTER TABLE ONLY app.\"a b\" ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES app.a(x);", 3, 6, 2),
		entry(8, "POLICY", "app", "a b p", "CREATE POLICY \"b p\" ON app.a USING (EXISTS (SELECT 1 FROM app.\"a b\"));", 2, 3),
		entry(9, "COMMENT", "app", "POLICY", "COMMENT ON POLICY \"b p\" ON app.a IS '';", 8),
	)
}

func chosenNames(t *testing.T, h *archive.Head, s Selection) []int32 {
	t.Helper()
	p, err := Choose(h, s)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for _, e := range p.Chosen() {
		ids = append(ids, e.DumpID)
	}
	return ids
}

// TestBelongs: what belongs to a table is told by its definition where names may be read in two ways.
func TestBelongs(t *testing.T) {
	for pattern, want := range map[string][]int32{"a": {2, 4, 5, 6, 8, 9}, `"a b"`: {3, 7}} {
		if got := chosenNames(t, small(), Selection{Tables: []string{pattern}}); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
	if got := chosenNames(t, small(), Selection{ExcludeTables: []string{"a"}}); !slices.Equal(got, []int32{1, 3, 7}) {
		t.Errorf("all but a: %v", got)
	}
}

// TestHostile: what nobody would dump is refused, or does no harm.
func TestHostile(t *testing.T) {
	h := small()
	h.Entries = append(h.Entries, entry(20, "TABLE", "app", "a", "CREATE TABLE app.other (x int);"))
	if _, err := Choose(h, Selection{Tables: []string{"a"}}); !fault.HasReason(err, fault.StructureDamaged) {
		t.Errorf("a table twice: %v", err)
	}
	// Round in a circle, and far down.
	h = headOf(entry(1, "COMMENT", "app", "x", "", 2), entry(2, "COMMENT", "app", "y", "", 1), entry(3, "TABLE", "app", "t", "", 3))
	h.Entries = append(h.Entries, entry(4, "TABLE", "app", "u", "", 3), entry(5, "TABLE ATTACH", "app", "t", "ALTER TABLE ONLY app.u ATTACH PARTITION app.t DEFAULT;", 3, 4),
		entry(6, "TABLE ATTACH", "app", "u", "ALTER TABLE ONLY app.t ATTACH PARTITION app.u DEFAULT;", 3, 4))
	if got := chosenNames(t, h, Selection{Tables: []string{"t"}}); !slices.Equal(got, []int32{3, 4, 5, 6}) {
		t.Error(got)
	}
	var deep []archive.Entry
	for id := range int32(200_000) {
		deep = append(deep, entry(id+1, "COMMENT", "app", "x", "", id+2))
	}
	deep = append(deep, entry(200_001, "TABLE", "app", "t", ""))
	p, err := Choose(headOf(deep...), Selection{Tables: []string{"t"}})
	if err != nil || len(p.Chosen()) != len(deep) {
		t.Fatalf("%d, %v", len(p.Chosen()), err)
	}
	if s := p.Settle(postgres.NothingPresent, Into{Dependencies: true}); len(s.Head.Entries) != len(deep) {
		t.Errorf("%d entries", len(s.Head.Entries))
	}
}

// FuzzPart: whatever an archive says, choosing and settling ends, and what comes out is written and read again.
func FuzzPart(f *testing.F) {
	for _, h := range []*archive.Head{small(), headOf(entry(1, "TABLE ATTACH", "a", "b", "ALTER TABLE ONLY a.c ATTACH PARTITION a.b DEFAULT", 1, 2), entry(2, "TABLE", "a", "b", "x", 1),
		entry(3, "TABLE", "a", "c", "INHERITS (", 2), entry(4, "SEQUENCE", "a", "s", "", 2), entry(5, "FUNCTION", "a", "f()", "", 9)), filled(), headOf()} {
		var b bytes.Buffer
		if _, err := h.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), "a", "app", "5; ")
	}
	f.Fuzz(func(t *testing.T, data []byte, table, schema, list string) {
		h, err := archive.ReadHead(context.Background(), bytes.NewReader(data), archive.Options{MaxMemory: 1 << 20})
		if err != nil {
			return
		}
		l, _ := ParseList([]byte(list))
		for _, s := range []Selection{{Tables: []string{table}}, {Schemas: []string{schema}}, {ExcludeTables: []string{table}, ExcludeSchemas: []string{schema}}, {List: l}, {DataOnly: true}, {Tables: []string{table}, As: &postgres.Table{Schema: schema, Name: "new"}}} {
			p, err := Choose(h, s)
			if err != nil {
				continue
			}
			if s.As != nil {
				if p, err = p.As(postgres.NothingPresent, []string{"new_pkey"}); err != nil {
					continue
				}
			}
			if err := p.WriteList(io.Discard); err != nil {
				t.Fatal(err)
			}
			for _, into := range []Into{{}, {Dependencies: true}, {Replace: true, New: true}} {
				p.Objects()
				settled := p.Settle(postgres.NothingPresent, into)
				if _, err := settled.Head.WriteTo(io.Discard); err != nil && len(h.Entries) > 0 {
					t.Fatal(err)
				}
				seen := map[int32]bool{}
				for _, e := range settled.Head.Entries {
					if seen[e.DumpID] {
						t.Fatalf("entry %d twice", e.DumpID)
					}
					seen[e.DumpID] = true
				}
			}
		}
	})
}

// TestListOfAll: the list of everything is read again as everything.
func TestListOfAll(t *testing.T) {
	h := small()
	p, err := Choose(h, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := p.WriteList(&text); err != nil {
		t.Fatal(err)
	}
	l, err := ParseList(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := chosenNames(t, h, Selection{List: l}); fmt.Sprint(got) != "[1 2 3 4 5 6 7 8 9]" {
		t.Errorf("%v\n%s", got, text.String())
	}
}

// filled is small with rows that can be copied.
func filled() *archive.Head {
	h := small()
	for i := range h.Entries {
		if e := &h.Entries[i]; e.HasData {
			e.CopyStmt = "COPY app.a (x) FROM stdin;\n"
		}
	}
	return h
}

// TestAsRewrites what is written in ways of its own, and refuses what it does not know.
func TestAsRewrites(t *testing.T) {
	as := func(h *archive.Head, to postgres.Table, taken ...string) (*Part, error) {
		p, err := Choose(h, Selection{Tables: []string{"a"}, As: &to})
		if err != nil {
			t.Fatal(err)
		}
		return p.As(postgres.NothingPresent, taken)
	}
	h := filled()
	h.Entries[1].Defn = "CREATE TABLE app.a (\n    x int DEFAULT length('app.a (x'),\n    CONSTRAINT c CHECK (a.* IS NOT NULL AND b.a.* IS NULL)\n)\nPARTITION BY LIST (x);\n\nALTER TABLE ONLY app.a FORCE ROW LEVEL SECURITY;\n"
	p, err := as(h, postgres.Table{Schema: "App", Name: strings.Repeat("ä", 31)}, "x_b c")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("ä", 31)
	for _, e := range p.Chosen() {
		switch e.Desc {
		case "TABLE":
			if want := `CREATE TABLE "App"."` + long + `" (` + "\n    x int DEFAULT length('app.a (x'),\n    CONSTRAINT c CHECK (\"" + long + "\".* IS NOT NULL AND b.a.* IS NULL)\n)\n;\n\n\n"; e.Defn != want {
				t.Errorf("%q, want %q", e.Defn, want)
			}
		case "CONSTRAINT":
			if len(p.toc.head.Entries) == 0 || !strings.Contains(e.Defn, "ä_b c\" PRIMARY KEY (x)") || len(strings.Split(e.Defn, `"`)[5]) > maxName {
				t.Errorf("%q", e.Defn)
			}
		case "TABLE DATA":
			if e.CopyStmt != `COPY "App"."`+long+`" (x) FROM stdin;`+"\n" {
				t.Errorf("%q", e.CopyStmt)
			}
		}
	}
	for _, unknown := range []string{"CREATE TABLE app.a (x int) SERVER s;", "CREATE TABLE app.a (x int);\nDROP TABLE app.b;", "ALTER TABLE app.a INHERIT app.b;", "CREATE TABLE app.b (x int);", "CREATE TABLE app.a (x int", "SELECT 1;"} {
		h := filled()
		h.Entries[1].Defn = unknown
		if _, err := as(h, postgres.Table{Name: "b2"}); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%s: %v", unknown, err)
		}
	}
}
