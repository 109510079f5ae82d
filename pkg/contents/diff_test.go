package contents

import (
	"bytes"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// tableOf makes a table with these rows.
func tableOf(name string, rows ...string) Table {
	var t Text
	for _, r := range rows {
		t.Write([]byte(r + "\n"))
	}
	sum, _ := t.Tally()
	return Table{Schema: "public", Name: name, Kind: KindTable, Data: true, Rows: sum.Rows, Bytes: sum.Bytes, Hash: sum.Hash, HashKind: TextRows, Columns: Columns{"a", "a"}}
}

func withTables(tables ...Table) *Contents {
	return &Contents{Header: Header{Version: Version, ID: "x", Server: "18.1", PgDump: "18.1", Definitions: ArchiveDefinitions}, Tables: tables}
}

func changes(d *Diff) string {
	var all []string
	for _, t := range d.Tables {
		all = append(all, t.Label()+" "+string(t.Change))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestCompareTables(t *testing.T) {
	partition := func(x Table, root string) Table {
		x.Kind, x.RootSchema, x.RootName = KindPartition, "public", root
		return x
	}
	binary := func(x Table) Table {
		x.HashKind = BinaryRows
		x.Hash.Lo++
		return x
	}
	reordered := func(x Table) Table {
		x.Columns.Order = "b"
		x.Hash.Lo++
		return x
	}
	empty := Table{Schema: "public", Name: "t", Kind: KindMaterializedView}
	for name, c := range map[string]struct {
		a, b  *Contents
		want  string
		notes int
	}{
		"same, in another order": {withTables(tableOf("t", "1", "2")), withTables(tableOf("t", "2", "1")), "", 0},
		"more":                   {withTables(tableOf("t", "1")), withTables(tableOf("t", "1", "1")), "public.t grew", 0},
		"less":                   {withTables(tableOf("t", "1")), withTables(tableOf("t")), "public.t shrank", 0},
		"others":                 {withTables(tableOf("t", "1")), withTables(tableOf("t", "2")), "public.t changed", 0},
		"one came, one went":     {withTables(tableOf("T t", "1")), withTables(tableOf("u", "1")), `public."T t" went, public.u came`, 0},
		"empty ones":             {withTables(tableOf("t")), withTables(binary(tableOf("t"))), "", 0},
		"text and binary":        {withTables(tableOf("t", "1")), withTables(binary(tableOf("t", "1"))), "public.t unknown", 1},
		"text and binary, more":  {withTables(tableOf("t", "1")), withTables(binary(tableOf("t", "1", "2"))), "public.t grew", 0},
		"columns in other order": {withTables(tableOf("t", "1")), withTables(reordered(tableOf("t", "1"))), "public.t unknown", 1},
		"a view is not compared": {withTables(empty), withTables(empty), "", 0},
		"data was left out":      {withTables(tableOf("t", "1")), withTables(empty), "public.t shrank", 0},
		"rows changed partition": {withTables(partition(tableOf("p1", "1", "2"), "r"), partition(tableOf("p2", "3"), "r")),
			withTables(partition(tableOf("p1", "1"), "r"), partition(tableOf("p2", "3", "2"), "r")), "", 0},
		"rows of a root": {withTables(partition(tableOf("p1", "1", "2"), "r")), withTables(partition(tableOf("p1", "1"), "r")), "public.r shrank", 0},
		"a root in one of both": {withTables(partition(tableOf("p1", "1"), "r"), partition(tableOf("p2", "2"), "r")),
			withTables(tableOf("p1", "2"), tableOf("p2", "1")), "", 0},
	} {
		d := Compare(c.a, c.b)
		if got := changes(d); got != c.want || len(d.Notes) != c.notes {
			t.Errorf("%s: %q (%q), want %q", name, got, d.Notes, c.want)
		}
		if d.Equal() != (c.want == "") {
			t.Errorf("%s: equal is %t", name, d.Equal())
		}
	}
}

func TestCompareTheRest(t *testing.T) {
	a, b := withTables(), withTables()
	a.Sequences = []Sequence{{"public", "gone", 1, true}, {"public", "same", 5, true}, {"public", "s", 1, true}}
	b.Sequences = []Sequence{{"public", "same", 5, true}, {"public", "s", 1, false}, {"public", "new", 9, true}}
	a.Definitions = []Definition{{"TABLE", "public", "t", HashStrings("1")}, {"COMMENT", "", "x", HashStrings("1")}, {"COMMENT", "", "x", HashStrings("2")}, {"VIEW", "", "v", HashStrings("1")}}
	b.Definitions = []Definition{{"TABLE", "public", "t", HashStrings("2")}, {"COMMENT", "", "x", HashStrings("2")}, {"COMMENT", "", "x", HashStrings("1")}, {"INDEX", "", "v", HashStrings("1")}}
	a.LargeObjects = &LargeObjects{Count: 2, Bytes: 10, Hash: Sum{1, 2}}
	d := Compare(a, b)
	if len(d.Sequences) != 3 || d.Sequences[0].Name != "gone" || d.Sequences[0].After != nil || d.Sequences[1].Name != "new" || d.Sequences[1].Before != nil || d.Sequences[2].Name != "s" {
		t.Errorf("sequences %+v", d.Sequences)
	}
	if want := []DefinitionDiff{{"INDEX", "", "v", Came}, {"VIEW", "", "v", Went}, {"TABLE", "public", "t", Changed}}; !slices.Equal(d.Definitions, want) {
		t.Errorf("definitions %+v", d.Definitions)
	}
	if l := d.LargeObjects; l == nil || l.Change != Shrank || l.Before.Rows != 2 {
		t.Errorf("large objects %+v", l)
	}
	for name, change := range map[string]func(*Contents){
		"another server":  func(c *Contents) { c.Server = "17.2" },
		"another pg_dump": func(c *Contents) { c.PgDump = "19beta1" },
		"a script":        func(c *Contents) { c.Header.Definitions = "" },
	} {
		c := withTables()
		change(c)
		if d := Compare(a, c); len(d.Definitions) != 0 || len(d.Notes) != 1 {
			t.Errorf("%s: definitions %+v, notes %q", name, d.Definitions, d.Notes)
		}
	}
}

func TestWarnings(t *testing.T) {
	many := func(n int) []string { return strings.Fields(strings.Repeat("x ", n)) }
	a := withTables(tableOf("orders", many(1000)...), tableOf("half", many(200)...), tableOf("small", many(50)...), tableOf("gone", many(300)...), tableOf("less", many(200)...))
	b := withTables(tableOf("orders", many(80)...), tableOf("half", many(100)...), tableOf("small"), tableOf("less", many(101)...))
	a.LargeObjects = &LargeObjects{Count: 200}
	got := Compare(a, b).Warnings(Thresholds{LostPercent: 50, MinRows: 100})
	want := []Warning{{"public", "gone", 300, 0, true}, {"", LargeObjectsTable, 200, 0, false}, {"public", "orders", 1000, 80, false}, {"public", "half", 200, 100, false}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got[2].Percent() != 92 || got[2].Label() != "public.orders" {
		t.Errorf("%+v: %d %%", got[2], got[2].Percent())
	}
	if got := Compare(a, b).Warnings(Thresholds{}); got != nil {
		t.Errorf("without thresholds: %+v", got)
	}
	if got := Compare(b, a).Warnings(Thresholds{LostPercent: 1}); len(got) != 0 {
		t.Errorf("more rows: %+v", got)
	}
}

func TestEncode(t *testing.T) {
	c := withTables(tableOf("<t> & \"x\"\n", "1", "2"), Table{Name: "v", Kind: KindMaterializedView})
	c.Sequences = []Sequence{{"public", "s", -1 << 63, true}}
	c.LargeObjects = &LargeObjects{1, 2, 3, Sum{4, 5}}
	c.Definitions = []Definition{{"TABLE", "public", "t", Sum{6, 7}}}
	c.Warnings = []Warning{{"public", "t", 3, 2, false}}
	var b bytes.Buffer
	if err := Encode(&b, c); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(bytes.NewReader(b.Bytes()))
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v\nbecame %+v (%v)", c, got, err)
	}
	first, rest, _ := strings.Cut(b.String(), "\n")
	for name, bad := range map[string]string{
		"nothing": "", "no header": rest, "two headers": first + "\n" + first + "\n", "no JSON": first + "\nx\n", "version 0": strings.Replace(first, `"version":1`, `"version":0`, 1),
		"newer": strings.Replace(first, `"version":1`, `"version":2`, 1), "a number below 0": first + "\n" + `{"table":{"name":"t","rows":-1}}`,
		"a number beyond all": first + "\n" + `{"largeObjects":{"count":9000000000000000000}}`, "a hash": first + "\n" + `{"table":{"name":"t","hash":"00"}}`,
		"a long line": first + "\n" + `{"x":"` + strings.Repeat("x", maxLine) + `"}`,
	} {
		if got, err := Decode(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: was taken: %+v", name, got)
		}
	}
	if _, err := Decode(strings.NewReader(first + "\n" + `{"fromTheFuture":{"x":1}}` + "\n")); err != nil {
		t.Errorf("a line of a version to come: %v", err)
	}
}

// FuzzDecode: what is taken can be written, read again, compared and sorted.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	c := withTables(tableOf("t", "1"), Table{Name: "p", Kind: KindPartition, RootName: "r", Data: true})
	c.Sequences, c.LargeObjects, c.Definitions = []Sequence{{"", "s", 1, true}}, &LargeObjects{Count: 1}, []Definition{{"TABLE", "", "t", Sum{}}}
	Encode(&b, c)
	f.Add(b.Bytes())
	f.Add([]byte(`{"contents":{"version":1}}` + "\n" + `{"table":{"name":"t","rootName":"t","data":true}}`))
	f.Add([]byte("0123456789abcdef0123456789ABCDEF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var sum Sum
		if sum.UnmarshalText(data) == nil && !strings.EqualFold(sum.String(), string(data)) {
			t.Errorf("%q is read as %s", data, sum)
		}
		c, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Encode(&b, c); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if d := Compare(c, again); !d.Equal() && len(d.Notes) == 0 {
			t.Fatalf("read again it differs: %+v", d)
		}
		Compare(&Contents{}, c).Warnings(Thresholds{LostPercent: 1, MinRows: 1})
		c.Select("T", ByRows)
		c.Totals()
	})
}

// Lines that are short as text and long in memory are refused, or take a few times the memory of their text.
func TestCrowdedLines(t *testing.T) {
	first := `{"contents":{"version":1,"id":"a","database":"b","at":"2026-01-01T00:00:00Z"}}` + "\n"
	hash := strings.Repeat("0", 32)
	for line, good := range map[string]bool{
		`{"table":{}}`: false, `{"sequence":{}}`: false, `{"definition":{}}`: false, `{}`: true,
		`{"table":{"name":"","kind":"","data":true,"rows":0,"bytes":0,"hash":"` + hash + `"}}`: true,
		`{"sequence":{"name":"","value":0,"called":true}}`:                                     true,
		`{"definition":{"kind":"","name":"","hash":"` + hash + `"}}`:                           true,
	} {
		text := first + strings.Repeat(line+"\n", (4<<20)/(len(line)+1))
		debug.FreeOSMemory()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, err := Decode(strings.NewReader(text))
		runtime.GC()
		runtime.ReadMemStats(&after)
		if (err == nil) != good {
			t.Errorf("%s: %v", line, err)
		}
		if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 5*int64(len(text)) {
			t.Errorf("%s: %d MB of memory for %d MB", line, kept>>20, len(text)>>20)
		}
		runtime.KeepAlive(c)
	}
}
