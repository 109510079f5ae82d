package backup

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// What contradicts itself is refused before anything is asked of the database, as pg_dump refuses it.
func TestContradictingSelections(t *testing.T) {
	yes, no := true, false
	s := New(Config{})
	for _, c := range []struct {
		r     Request
		wrong string
	}{
		{Request{Selection: registry.Selection{Statistics: true, ForeignData: []string{"far"}, LargeObjects: &yes}}, ""},
		{Request{Content: ContentData, Selection: registry.Selection{ForeignData: []string{"far"}, RowSecurity: true, LargeObjects: &yes}}, ""},
		{Request{Content: ContentSchema, Selection: registry.Selection{RowSecurity: true, LargeObjects: &no, Extensions: []string{"x"}}}, ""},
		{Request{Selection: registry.Selection{TablesAndChildren: []string{"a"}, WithDependencies: true}}, ""},
		{Request{Content: ContentSchema, Selection: registry.Selection{Statistics: true}}, "statistics"},
		{Request{Content: ContentData, Selection: registry.Selection{Statistics: true}}, "statistics"},
		{Request{Content: ContentSchema, Selection: registry.Selection{ForeignData: []string{"far"}}}, "foreign tables"},
		{Request{Content: ContentSchema, Selection: registry.Selection{LargeObjects: &yes}}, "large objects"},
		{Request{Selection: registry.Selection{ExcludeSchemas: []string{"a"}, WithDependencies: true}}, "dependencies"},
		{Request{Selection: registry.Selection{Extensions: []string{"a\nb"}}}, "control character"},
		{Request{Selection: registry.Selection{ExcludeSchemas: []string{""}}}, "empty excluded schema"},
		{Request{Selection: registry.Selection{ForeignData: []string{strings.Repeat("x", 301)}}}, "too long"},
		{Request{Selection: registry.Selection{ExcludeTableDataAndChildren: make([]string, 501)}}, "too many"},
		{Request{Selection: registry.Selection{Extensions: many(100, 100), ExcludeExtensions: many(400, 100)}}, "too long together"},
	} {
		_, err := s.normalize(t.Context(), c.r)
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%+v: %v", c.r.Selection, err)
		case c.wrong != "" && (!fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), c.wrong) || fault.From(err).Hint == ""):
			t.Errorf("%+v: %v, want %q", c.r.Selection, err, c.wrong)
		}
	}
}

func many(n, length int) (out []string) {
	for range n {
		out = append(out, strings.Repeat("x", length))
	}
	return out
}

// eachField shows selections of which one field is set.
func eachField(t *testing.T, see func(name string, sel registry.Selection)) {
	no := false
	kind := reflect.TypeFor[registry.Selection]()
	for i := range kind.NumField() {
		var sel registry.Selection
		switch f := reflect.ValueOf(&sel).Elem().Field(i).Addr().Interface().(type) {
		case *registry.Patterns:
			*f = registry.Patterns{"app.x", "app.y"}
		case *bool:
			*f = true
		case **bool:
			*f = &no
		default:
			t.Fatalf("%s is a %T", kind.Field(i).Name, f)
		}
		see(kind.Field(i).Name, sel)
	}
}

// Every field of a selection is on record and described, and makes the backup a part, or is said to be no reason for that.
func TestEveryFieldOfASelection(t *testing.T) {
	whole := map[string]bool{"Statistics": true, "ForeignData": true, "WithDependencies": true}
	eachField(t, func(name string, sel registry.Selection) {
		b := Backup{Content: ContentAll, Selection: recorded(sel)}
		if b.Selection == nil {
			t.Errorf("%s is not recorded", name)
			return
		}
		row := b.Row()
		if b.Whole() != whole[name] || row.Whole() != whole[name] || (DescribePart(b) == "") != whole[name] {
			t.Errorf("%s: whole %t, row %+v, part %q", name, b.Whole(), row, DescribePart(b))
		}
		if len(DescribeSelection(b.Selection, 5)) != 1 && name != "WithDependencies" {
			t.Errorf("%s is described as %q", name, DescribeSelection(b.Selection, 5))
		}
		if extra := DescribeExtras(b); (extra != "") != (name == "Statistics" || name == "ForeignData") {
			t.Errorf("%s: besides %q", name, extra)
		}
		if sameSelection(b.Selection, nil) {
			t.Errorf("%s makes no other selection", name)
		}
		data, err := json.Marshal(b)
		var back Backup
		if err == nil {
			err = json.Unmarshal(data, &back)
		}
		if err != nil || !sameSelection(b.Selection, back.Selection) {
			t.Errorf("%s: %s becomes %+v, %v", name, data, back.Selection, err)
		}
	})
	// What adds to a part is none of its row.
	a := Backup{Content: ContentAll, Selection: &registry.Selection{Tables: []string{"a"}}}
	b := Backup{Content: ContentAll, Selection: &registry.Selection{Tables: []string{"a"}, Statistics: true, ForeignData: []string{"far"}}}
	if a.Row() != b.Row() {
		t.Errorf("%+v and %+v", a.Row(), b.Row())
	}
}

// A request that lay in the storage is the one of its record in every field, those that make no part too.
func TestRequestOfAnotherSelection(t *testing.T) {
	s := New(Config{})
	r, err := s.normalize(t.Context(), Request{})
	if err != nil {
		t.Fatal(err)
	}
	b := Backup{Format: FormatCustom, Compression: r.Compression, Content: ContentAll, Encryption: "none"}
	for _, sel := range []registry.Selection{{Statistics: true}, {ForeignData: []string{"far"}}, {RowSecurity: true}} {
		r.Selection = sel
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.requested(t.Context(), b, data); !fault.HasReason(err, fault.StructureDamaged) {
			t.Errorf("%+v: %v", sel, err)
		}
	}
}

func TestFilter(t *testing.T) {
	var sel registry.Selection
	err := AddFilter(&sel, "f", strings.NewReader(`# a comment
	include table app.*  # another

EXCLUDE Table_Data "Mixed ""x"" # . Case" . log_*
exclude table_data a  b
exclude table_and_children app . p
include table_and_children "a\\b"
exclude table_data_and_children f(a,b)
include schema app
exclude schema "x"y
include extension hstore`+"\r"+`
exclude extension citext
include foreign_data far`))
	want := registry.Selection{
		Tables: registry.Patterns{"app.*"}, ExcludeTableData: registry.Patterns{`"Mixed ""x"" # . Case".log_*`, "a b"},
		ExcludeTablesAndChildren: registry.Patterns{"app.p"}, TablesAndChildren: registry.Patterns{`"a\b"`},
		ExcludeTableDataAndChildren: registry.Patterns{"f(a, b)"}, Schemas: registry.Patterns{"app"}, ExcludeSchemas: registry.Patterns{`"x"y`},
		Extensions: registry.Patterns{"hstore"}, ExcludeExtensions: registry.Patterns{"citext"}, ForeignData: registry.Patterns{"far"},
	}
	if err != nil || !reflect.DeepEqual(sel, want) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, sel, want)
	}
	for line, wrong := range map[string]string{
		"include": "of what", "omit table x": "begins with", "include function f": "nothing that pg_dump", "include table": "no pattern", "include table # x": "no pattern",
		"include table_data x": "cannot be included", "include table_data_and_children x": "cannot be included", "exclude foreign_data x": "cannot be excluded",
		`include table "x`: "not closed", `include table "x\n"`: "line break", "tabular": "begins with",
		strings.Repeat("include table x\n", 501): "too many", "#" + strings.Repeat("x", MaxFilter): "too long", strings.Repeat("#\n", MaxFilter): "too long",
	} {
		err := AddFilter(new(registry.Selection), "f", strings.NewReader(line))
		if !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%.80q: %v", line, err)
		}
	}
	if err := AddFilter(new(registry.Selection), "f", io.MultiReader(strings.NewReader("#"), broken{})); !fault.HasReason(err, fault.InvalidInput) {
		t.Error(err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// FuzzFilter: whatever a filter file holds, it is refused as input, or is patterns without comments, within bounds.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"include table a", `exclude table_data "a""b" . c # d`, "include schema\tx\v\f", `include table "\\"`, "exclude table (,.)", "include table \"", "# x", "include table é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var sel registry.Selection
		if err := AddFilter(&sel, "f", strings.NewReader(text)); err != nil {
			if !fault.HasReason(err, fault.InvalidInput) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, c := range choices(&sel) {
			if len(c.patterns) > maxPatterns || len(c.patterns) > lines {
				t.Errorf("%q makes %d patterns", text, len(c.patterns))
			}
			for _, p := range c.patterns {
				if p == "" || strings.Count(p, `"`)%2 != 0 || strings.Contains(p, "\n") {
					t.Errorf("%q makes the pattern %q", text, p)
				}
			}
		}
	})
}
