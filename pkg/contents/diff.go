package contents

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Change is what became of something between two backups.
type Change string

// The changes. Of tables: Grew and Shrank go by the number of rows; Changed means as many rows, but others; Unknown means as many
// rows, and that their hashes cannot be compared.
const (
	Came    Change = "came"
	Went    Change = "went"
	Grew    Change = "grew"
	Shrank  Change = "shrank"
	Changed Change = "changed"
	Unknown Change = "unknown"
	Same    Change = "same"
)

// Diff is how the contents of two backups differ.
type Diff struct {
	// Tables that are not the same in both, those that lost most rows first, and in the order of their names.
	Tables []TableDiff `json:"tables"`
	// SameTables is how many hold the same rows in both.
	SameTables   int               `json:"sameTables"`
	Sequences    []SequenceDiff    `json:"sequences"`
	LargeObjects *LargeObjectsDiff `json:"largeObjects,omitempty"` // nil where they are the same
	Definitions  []DefinitionDiff  `json:"definitions"`
	// Notes say what could not be compared, and why.
	Notes []string `json:"notes,omitempty"`

	definitionsDiffer bool // in the way in which they were hashed
}

// DefinitionsCompared reports whether both backups have hashes of definitions that can be compared.
func (d *Diff) DefinitionsCompared() bool { return !d.definitionsDiffer }

// Equal reports whether nothing differs, as far as it could be compared.
func (d *Diff) Equal() bool {
	return len(d.Tables)+len(d.Sequences)+len(d.Definitions) == 0 && d.LargeObjects == nil
}

// TableDiff is one table in both backups. What came has no Before, what went no After; and either may have no rows in its backup.
type TableDiff struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Change Change `json:"change"`
	// Root reports that these are the rows of all its partitions.
	Root   bool    `json:"root,omitempty"`
	Before *Counts `json:"before,omitempty"`
	After  *Counts `json:"after,omitempty"`
}

// Label is the table's name with its schema, as SQL has it.
func (t *TableDiff) Label() string { return Qualified(t.Schema, t.Name) }

// Counts are a table's rows and bytes in one backup.
type Counts struct {
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

// SequenceDiff is a sequence whose value differs. A value that is not there is nil.
type SequenceDiff struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Before *int64 `json:"before,omitempty"`
	After  *int64 `json:"after,omitempty"`
}

// LargeObjectsDiff is what became of the large objects.
type LargeObjectsDiff struct {
	Change Change `json:"change"`
	Before Counts `json:"before"` // Rows is their number
	After  Counts `json:"after"`
}

// DefinitionDiff is an object that came, went or changed.
type DefinitionDiff struct {
	Kind   string `json:"kind"`
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Change Change `json:"change"`
}

// Compare says what became of a on the way to b.
func Compare(a, b *Contents) *Diff {
	d := &Diff{Tables: []TableDiff{}, Sequences: []SequenceDiff{}, Definitions: []DefinitionDiff{}}
	d.tables(a, b)
	d.sequences(a, b)
	d.largeObjects(a.LargeObjects, b.LargeObjects)
	d.definitions(a, b)
	return d
}

type key struct{ schema, name string }

// relation is a table, or all partitions of a root together.
type relation struct {
	kind  string
	root  bool
	data  bool
	hash  Kind // "" where the kinds of its parts differ
	cols  Columns
	mixed bool // its parts have other columns
	tally Tally
}

// relations gives what is compared, by name. roots says which partitions are loaded through which root, in any of both backups.
func (c *Contents) relations(roots map[key]key) map[key]*relation {
	out := make(map[key]*relation, len(c.Tables))
	for i := range c.Tables {
		t := &c.Tables[i]
		k := key{t.Schema, t.Name}
		root, folded := roots[k]
		if folded {
			k = root
		}
		r := out[k]
		if r == nil {
			r = &relation{kind: t.Kind, hash: t.HashKind}
			out[k] = r
		}
		if folded {
			r.kind, r.root = KindPartitioned, true
		}
		if !t.Data {
			continue
		}
		if r.data && r.hash != t.HashKind {
			r.hash = ""
		} else {
			r.hash = t.HashKind
		}
		r.mixed = r.mixed || r.data && r.cols != t.Columns
		r.cols = t.Columns
		r.data = true
		r.tally.Add(Tally{t.Rows, t.Bytes, t.Hash})
	}
	return out
}

func (r *relation) counts() *Counts {
	if r == nil || !r.data {
		return nil
	}
	return &Counts{r.tally.Rows, r.tally.Bytes}
}

func (d *Diff) tables(a, b *Contents) {
	roots := map[key]key{}
	for _, c := range []*Contents{a, b} {
		for i := range c.Tables {
			if t := &c.Tables[i]; t.RootName != "" {
				roots[key{t.Schema, t.Name}] = key{t.RootSchema, t.RootName}
			}
		}
	}
	before, after := a.relations(roots), b.relations(roots)
	kinds, columns := false, false
	for k, x := range before {
		y := after[k]
		change := compareRows(x, y)
		kinds = kinds || change == Unknown && (x.hash != y.hash || x.hash == "")
		columns = columns || change == Unknown && x.hash == y.hash
		d.addTable(k, x, y, change)
	}
	for k, y := range after {
		if before[k] == nil {
			d.addTable(k, nil, y, Came)
		}
	}
	slices.SortFunc(d.Tables, func(x, y TableDiff) int {
		return cmp.Or(cmp.Compare(y.lost(), x.lost()), strings.Compare(x.Schema, y.Schema), strings.Compare(x.Name, y.Name))
	})
	if kinds {
		d.Notes = append(d.Notes, "the rows of some tables were hashed in different ways (text and binary): of those only the numbers of rows were compared")
	}
	if columns {
		d.Notes = append(d.Notes, "some tables have their columns in another order: of those only the numbers of rows were compared")
	}
	if a.Encoding != b.Encoding {
		d.Notes = append(d.Notes, fmt.Sprintf("the databases have different encodings (%s and %s): the same rows have other hashes", a.Encoding, b.Encoding))
	}
}

func (d *Diff) addTable(k key, x, y *relation, change Change) {
	if change == Same {
		d.SameTables++
		return
	}
	r := cmp.Or(y, x)
	d.Tables = append(d.Tables, TableDiff{Schema: k.schema, Name: k.name, Kind: r.kind, Root: r.root, Change: change, Before: x.counts(), After: y.counts()})
}

// compareRows says what became of the rows of x.
func compareRows(x, y *relation) Change {
	switch {
	case y == nil:
		return Went
	case x.data != y.data:
		if x.data {
			return Shrank
		}
		return Grew
	case x.tally.Rows < y.tally.Rows:
		return Grew
	case x.tally.Rows > y.tally.Rows:
		return Shrank
	case x.tally.Rows == 0 || x.hash == y.hash && x.hash != "" && x.tally.Hash == y.tally.Hash:
		return Same
	case x.hash != y.hash || x.hash == "", x.mixed || y.mixed, x.cols.Names == y.cols.Names && x.cols.Order != y.cols.Order:
		return Unknown
	}
	return Changed
}

// lost is how many rows there were and are no more.
func (t *TableDiff) lost() int64 {
	var n int64
	if t.Before != nil {
		n = t.Before.Rows
	}
	if t.After != nil {
		n -= t.After.Rows
	}
	return max(n, 0)
}

func (d *Diff) sequences(a, b *Contents) {
	before, after := map[key]Sequence{}, map[key]Sequence{}
	for _, s := range a.Sequences {
		before[key{s.Schema, s.Name}] = s
	}
	for _, s := range b.Sequences {
		after[key{s.Schema, s.Name}] = s
	}
	for k, x := range before {
		y, there := after[k]
		if there && x.Value == y.Value && x.Called == y.Called {
			continue
		}
		s := SequenceDiff{Schema: k.schema, Name: k.name, Before: &x.Value}
		if there {
			s.After = &y.Value
		}
		d.Sequences = append(d.Sequences, s)
	}
	for k, y := range after {
		if _, there := before[k]; !there {
			d.Sequences = append(d.Sequences, SequenceDiff{Schema: k.schema, Name: k.name, After: &y.Value})
		}
	}
	slices.SortFunc(d.Sequences, func(x, y SequenceDiff) int {
		return cmp.Or(strings.Compare(x.Schema, y.Schema), strings.Compare(x.Name, y.Name))
	})
}

func (d *Diff) largeObjects(a, b *LargeObjects) {
	x, y := cmp.Or(a, &LargeObjects{}), cmp.Or(b, &LargeObjects{})
	change := Same
	switch {
	case x.Count < y.Count:
		change = Grew
	case x.Count > y.Count:
		change = Shrank
	case x.Hash != y.Hash:
		change = Changed
	}
	if change != Same {
		d.LargeObjects = &LargeObjectsDiff{change, Counts{x.Count, x.Bytes}, Counts{y.Count, y.Bytes}}
	}
}

type definitionKey struct{ kind, schema, name string }

func (c *Contents) definitions() map[definitionKey]Sum {
	out := make(map[definitionKey]Sum, len(c.Definitions))
	for _, x := range c.Definitions {
		k := definitionKey{x.Kind, x.Schema, x.Name}
		out[k] = out[k].Add(x.Hash)
	}
	return out
}

func (d *Diff) definitions(a, b *Contents) {
	switch {
	case a.Header.Definitions == "" || b.Header.Definitions == "":
		d.definitionsDiffer = true
		d.Notes = append(d.Notes, "definitions were not compared: only backups in the custom format have their hashes")
		return
	case a.Header.Definitions != b.Header.Definitions || Major(a.Server) != Major(b.Server) || Major(a.PgDump) != Major(b.PgDump):
		d.definitionsDiffer = true
		d.Notes = append(d.Notes, fmt.Sprintf("definitions were not compared: they are written differently by pg_dump %s of PostgreSQL %s and pg_dump %s of PostgreSQL %s",
			Major(a.PgDump), Major(a.Server), Major(b.PgDump), Major(b.Server)))
		return
	}
	before, after := a.definitions(), b.definitions()
	add := func(k definitionKey, change Change) {
		d.Definitions = append(d.Definitions, DefinitionDiff{k.kind, k.schema, k.name, change})
	}
	for k, x := range before {
		if y, there := after[k]; !there {
			add(k, Went)
		} else if x != y {
			add(k, Changed)
		}
	}
	for k := range after {
		if _, there := before[k]; !there {
			add(k, Came)
		}
	}
	slices.SortFunc(d.Definitions, func(x, y DefinitionDiff) int {
		return cmp.Or(strings.Compare(x.Schema, y.Schema), strings.Compare(x.Name, y.Name), strings.Compare(x.Kind, y.Kind))
	})
}

// Major is the first number of a version, such as "18" of "18.1 (Debian 18.1-1)".
func Major(version string) string {
	for i, c := range version {
		if c < '0' || c > '9' {
			return version[:i]
		}
	}
	return version
}
