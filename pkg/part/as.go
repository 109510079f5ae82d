package part

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// As gives the part that makes the one table of a selection under the name that it says (Selection.As), as a table of its own: without
// what ties it to others (foreign keys, triggers, rules, policies, publications, its parent), and with the rows of its partitions, and of
// tables that inherit from it. taken are the names in use in the new schema; there is what was found of Objects.
func (p *Part) As(there Place, taken []string) (*Part, error) {
	root, err := p.theTable()
	if err != nil {
		return nil, err
	}
	e := &p.toc.head.Entries[root]
	if encoding := p.toc.head.Encoding(); encoding != "" && encoding != "UTF8" && strings.ContainsFunc(p.selection.As.SQL(), func(r rune) bool { return r > 127 }) {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Choose a name of plain letters.", "the backup's text is in %s, so that the new name can only have letters of ASCII", encoding)
	}
	r := &renaming{from: nameOf(e), to: p.newName(root), taken: map[string]bool{}, indexes: map[string]string{}, sequences: map[name]string{}, statistics: map[name]string{}}
	for _, n := range taken {
		r.taken[n] = true
	}
	a := &as{part: p, root: root, there: there, renaming: r, kept: map[int32]bool{}, sources: p.sources(root)}
	if err := a.rows(); err != nil {
		return nil, err
	}
	return a.finish()
}

// NewSchema gives the schema in which As makes the table.
func (p *Part) NewSchema() (string, error) {
	root, err := p.theTable()
	if err != nil {
		return "", err
	}
	return p.newName(root).schema, nil
}

func (p *Part) newName(root int) name {
	n := name{p.selection.As.Schema, p.selection.As.Name}
	if n.schema == "" {
		n.schema = p.toc.head.Entries[root].Namespace
	}
	return n
}

// theTable finds the one that was chosen.
func (p *Part) theTable() (int, error) {
	refuse := func(hint, what string, args ...any) (int, error) {
		return none, fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	var found []int
	for _, i := range slices.Sorted(maps.Values(p.toc.relations)) {
		if e := &p.toc.head.Entries[i]; p.patterns.tables[0].MatchRelation(e.Namespace, e.Tag) && !p.excluded[i] {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return refuse("Leave --exclude-table out.", "nothing is left of the table that was chosen")
	}
	e := &p.toc.head.Entries[found[0]]
	switch {
	case len(found) > 1:
		return refuse("Name it: --table schema.name.", "one table can be put under another name, and %d match %.200q", len(found), p.selection.Tables[0])
	case e.Desc == "TABLE DATA" || e.Desc == "SEQUENCE SET":
		return refuse("Create the table by hand, and fill it with: cofre rows --format copy", "the backup holds rows only, and no definition of %s", e.Label())
	case e.Desc != "TABLE":
		return refuse("Choose a table.", "%s is a %s, and only tables have rows that can be put under another name", e.Label(), strings.ToLower(e.Desc))
	}
	return found[0], nil
}

// sources gives the tables whose rows become the new table's: itself, its partitions, those that inherit from it. The value says that
// it is a partition.
func (p *Part) sources(root int) map[int]bool {
	out := map[int]bool{root: false}
	for again := true; again; {
		again = false
		for i := range p.toc.head.Entries {
			e := &p.toc.head.Entries[i]
			if _, known := out[i]; known || p.excluded[i] || e.Desc != "TABLE" && e.Desc != "FOREIGN TABLE" {
				continue
			}
			if _, of := out[p.toc.owner[i]]; of {
				out[i], again = true, true
				continue
			}
			for _, parent := range inherited(e) {
				if at, known := p.toc.relations[parent]; known {
					if _, of := out[at]; of {
						out[i], again = false, true
					}
				}
			}
		}
	}
	return out
}

// inherited gives the tables that a table inherits from, without being a partition.
func inherited(e *archive.Entry) []name {
	var out []name
	if !strings.Contains(e.Defn, "INHERITS (") {
		return nil
	}
	for _, s := range statements(e.Defn) {
		at := s.behind("inherits")
		if !s.begins("create") || at == none {
			continue
		}
		for at++; at < len(s); at += 4 { // schema . name ,
			n, ok := s.qualified(at)
			if !ok {
				break
			}
			out = append(out, n)
		}
	}
	return out
}

// as is a table on its way to another name.
type as struct {
	part     *Part
	root     int
	there    Place
	renaming *renaming
	sources  map[int]bool
	data     []int // places of the entries with its rows
	kept     map[int32]bool
	leftOut  []Note
	remarks  []string
}

func (a *as) entry(i int) *archive.Entry { return &a.part.toc.head.Entries[i] }

func (a *as) note(i int, reason string) {
	a.leftOut = append(a.leftOut, Note{a.entry(i), reason})
}

// rows finds them, and refuses those that do not fit into one table.
func (a *as) rows() error {
	refuse := func(hint, what string, args ...any) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	held := map[int]bool{}
	var columns []string
	var first *archive.Entry
	for i := range a.part.toc.head.Entries {
		e := a.entry(i)
		at, known := a.part.toc.relations[nameOf(e)]
		if _, of := a.sources[at]; e.Desc != "TABLE DATA" || !known || !of || !e.HasData {
			continue
		}
		held[at] = true
		c, ok := e.Copied()
		if _, named := statement(postgres.Tokens(e.CopyStmt)).qualified(1); !ok || !named {
			return refuse("Restore the table under its own name into another database (--create --table), and rename it there.", "the rows of %s are written in a way that cannot go into another table", e.Label())
		}
		sorted := slices.Sorted(slices.Values(c.Columns))
		if first == nil {
			first, columns = e, sorted
		}
		if !slices.Equal(columns, sorted) {
			return refuse("Choose one of these tables alone (--table), or leave some out (--exclude-table).", "the rows of %s and %s have not the same columns, and cannot go into one table", first.Label(), e.Label())
		}
		a.data = append(a.data, i)
		a.renaming.merged = a.renaming.merged || at != a.root && !a.sources[at]
	}
	if first == nil {
		return refuse("Choose another backup, or restore the definition alone: --table with --schema-only.", "the backup holds no rows of %s", a.entry(a.root).Label())
	}
	for i := range a.sources {
		if e := a.entry(i); !held[i] && !strings.Contains(e.Defn, "\nPARTITION BY ") {
			a.note(i, "the backup holds no rows of it")
		}
	}
	return a.sameGenerated()
}

// sameGenerated refuses columns that partitions generate in other ways than the table: their values are in no backup.
func (a *as) sameGenerated() error {
	generated := func(i int) map[string]string {
		out := map[string]string{}
		for _, s := range statements(a.entry(i).Defn) {
			open := slices.IndexFunc(s, func(t postgres.Token) bool { return t.Is("(") })
			if !s.begins("create") || open < 0 || s.closing(open) == none {
				continue
			}
			for _, e := range s[open+1 : s.closing(open)].elements() {
				if at := e.at("generated", "always", "as"); at != none && len(e) > 0 {
					out[e[0].Text] = e[at:].text()
				}
			}
		}
		return out
	}
	want := generated(a.root)
	for i := range a.sources {
		for column, how := range generated(i) {
			if want[column] != how {
				return fault.New(fault.Validation, fault.InvalidInput, "Choose one of these tables alone (--table), or leave some out (--exclude-table).",
					"%s generates column %s in another way than %s, so that its rows cannot go into one table with those", a.entry(i).Label(), postgres.QuoteIdent(column), a.entry(a.root).Label())
			}
		}
	}
	return nil
}

// at gives the first place of words in a row, at any depth.
func (s statement) at(words ...string) int {
	for i := range s {
		if s.follow(i, words...) {
			return i
		}
	}
	return none
}

// finish rewrites the entries, and gives them as a part of a table of contents of their own.
func (a *as) finish() (*Part, error) {
	h := *a.part.toc.head
	h.Entries = slices.Clone(h.Entries)
	a.names()
	attached := a.attached()
	for i := range h.Entries {
		belongs, of := a.belongs(i)
		switch {
		case slices.Contains(a.data, i):
			a.takeRows(&h.Entries[i])
		case !belongs || a.part.excluded[i]:
		case of != a.root:
			switch h.Entries[i].Desc {
			case "INDEX", "CONSTRAINT":
				if !attached[h.Entries[i].DumpID] {
					a.note(i, "it is a partition's own")
				}
			case "FK CONSTRAINT", "TRIGGER", "RULE", "POLICY", "CHECK CONSTRAINT", "STATISTICS":
				a.note(i, "it is a partition's own")
			}
		default:
			if err := a.take(i, &h.Entries[i]); err != nil {
				return nil, err
			}
		}
	}
	// The backup may have a table of the new name, too, which is not this one.
	h.Entries = slices.DeleteFunc(h.Entries, func(e archive.Entry) bool {
		return slices.Contains(relationKinds, e.Desc) && nameOf(&e) == a.renaming.to && !a.kept[e.DumpID]
	})
	t, err := newTOC(&h)
	if err != nil {
		return nil, err
	}
	p := &Part{LeftOut: append(a.part.LeftOut, a.leftOut...), Remarks: append(a.part.Remarks, a.remarks...), toc: t, chosen: make([]bool, len(h.Entries)), excluded: make([]bool, len(h.Entries))}
	for i := range h.Entries {
		p.order = append(p.order, i)
		p.chosen[i] = a.kept[h.Entries[i].DumpID]
	}
	return p, nil
}

// belongs reports whether an entry belongs to one of the tables that are partitions, or the table itself, and to which.
func (a *as) belongs(i int) (bool, int) {
	for at, depth := i, 0; at != none && depth < 16; at, depth = a.part.toc.owner[at], depth+1 {
		if partition, of := a.sources[at]; of {
			return partition || at == a.root, at
		}
	}
	return false, none
}

// attached gives the indexes and keys that are parts of others, by their dump ids.
func (a *as) attached() map[int32]bool {
	out := map[int32]bool{}
	for i := range a.part.toc.head.Entries {
		if e := a.entry(i); e.Desc == "INDEX ATTACH" && a.part.toc.owner[i] != none {
			out[a.entry(a.part.toc.owner[i]).DumpID] = true
		}
	}
	return out
}

// identity reports whether a sequence is one of a column's identity.
func identity(e *archive.Entry) bool { return strings.HasPrefix(e.Defn, "ALTER TABLE") }

// names gives new ones to what has one in the schema.
func (a *as) names() {
	a.renaming.taken[a.renaming.to.name] = true
	for i := range a.part.toc.head.Entries {
		e := a.entry(i)
		if belongs, of := a.belongs(i); !belongs || of != a.root {
			continue
		}
		switch e.Desc {
		case "INDEX", "CONSTRAINT":
			if o, ok := ObjectOf(e); ok {
				a.renaming.indexes[o.Name] = a.renaming.fresh(o.Name)
			}
		case "STATISTICS":
			a.renaming.statistics[nameOf(e)] = a.renaming.fresh(e.Tag)
		case "SEQUENCE":
			if identity(e) {
				a.renaming.sequences[nameOf(e)] = a.renaming.fresh(e.Tag)
			}
		}
	}
}

// takeRows lets an entry with rows fill the new table. Several do as those of pg_dump --load-via-partition-root.
func (a *as) takeRows(e *archive.Entry) {
	s := statement(postgres.Tokens(e.CopyStmt))
	to := postgres.Table{Schema: a.renaming.to.schema, Name: a.renaming.to.name}
	e.CopyStmt = e.CopyStmt[:s[1].Start] + to.SQL() + e.CopyStmt[s[3].End:]
	if len(a.data) > 1 {
		e.Defn = "-- load via partition root " + to.SQL() + "\n"
	}
	e.Dependencies = []int32{a.entry(a.root).DumpID}
	a.keep(e, a.renaming.to.name)
}

func (a *as) keep(e *archive.Entry, tag string) {
	e.Namespace, e.Tag = a.renaming.to.schema, tag
	a.kept[e.DumpID] = true
}

// loose says why what belongs to a table stays away from one under another name.
var loose = map[string]string{
	"FK CONSTRAINT": "a foreign key ties tables together; add it by hand: ", "TRIGGER": "a trigger would act on the rows; add it by hand: ", "RULE": "a rule would act on queries; add it by hand: ",
	"POLICY": "policies are for the table that is in use; add it by hand: ",
}

// take rewrites an entry of the table itself, or leaves it out.
func (a *as) take(i int, e *archive.Entry) error {
	r := a.renaming
	tag := r.to.name + strings.TrimPrefix(e.Tag, r.from.name)
	switch e.Desc {
	case "TABLE":
		e.Relkind, tag = 'r', r.to.name
	case "INDEX":
		tag = r.indexes[e.Tag]
	case "CONSTRAINT":
		if o, ok := ObjectOf(e); ok {
			tag = r.to.name + " " + r.indexes[o.Name]
			if r.merged {
				a.note(i, "it holds for the table's own rows, and others come along; add it by hand: "+oneLine(e.Defn))
				return nil
			}
		}
	case "STATISTICS":
		tag = r.statistics[nameOf(e)]
	case "SEQUENCE", "SEQUENCE SET":
		at, known := a.part.toc.relations[nameOf(e)]
		if !known || !identity(a.entry(at)) {
			if e.Desc == "SEQUENCE" {
				a.note(i, "it is the original's")
			}
			return nil
		}
		tag = r.sequences[nameOf(e)]
	case "DEFAULT":
		if !a.numbers(i) {
			return nil
		}
	case "COMMENT", "ACL", "SECURITY LABEL":
		if about := a.part.toc.owner[i]; about != a.root && !a.kept[a.entry(about).DumpID] {
			return nil // of something that stays away
		}
		tag = e.Tag
	case "ROW SECURITY":
		tag = r.to.name
		a.remarks = append(a.remarks, fmt.Sprintf("table %s.%s has row security and no policies: its owner sees its rows, and superusers", r.to.schema, r.to.name))
	case "CHECK CONSTRAINT":
	case "SEQUENCE OWNED BY", "TABLE ATTACH", "INDEX ATTACH":
		return nil
	case "STATISTICS DATA":
		return nil // ANALYZE makes them
	case "PUBLICATION TABLE":
		return nil // told already
	default:
		why, known := loose[e.Desc]
		if !known {
			return fault.New(fault.Validation, fault.InvalidInput, "Restore the table under its own name into another database (--create --table), and rename it there.",
				"cofre cannot put under another name what belongs to the table: %s", e)
		}
		a.note(i, why+oneLine(e.Defn))
		return nil
	}
	if e.Desc == "INDEX" && r.merged && strings.HasPrefix(e.Defn, "CREATE UNIQUE ") {
		a.note(i, "it holds for the table's own rows, and others come along; add it by hand: "+oneLine(e.Defn))
		return nil
	}
	return a.rewrite(i, e, tag)
}

func (a *as) rewrite(i int, e *archive.Entry, tag string) error {
	r := a.renaming
	parents := inherited(e)
	one := *r
	one.sequences = r.sequences
	if e.Desc == "SEQUENCE" || e.Desc == "SEQUENCE SET" { // of several identities this one's
		one.sequences = map[name]string{nameOf(e): r.sequences[nameOf(e)]}
	}
	defn, err := one.rewrite(e.Defn)
	if err != nil {
		return err
	}
	for _, what := range one.leftOut {
		a.note(i, what)
	}
	if defn == "" {
		return nil
	}
	to := postgres.Table{Schema: r.to.schema, Name: r.to.name}.SQL()
	for _, n := range parents { // it has their columns by now
		defn += "ALTER TABLE " + to + " NO INHERIT " + postgres.Table{Schema: n.schema, Name: n.name}.SQL() + ";\n"
	}
	e.Defn = defn
	if e.Desc == "TABLE" {
		e.DropStmt = "DROP TABLE " + to + ";\n"
	}
	e.Dependencies = slices.DeleteFunc(slices.Clone(e.Dependencies), func(id int32) bool { // where it is made is another question
		at, known := a.part.toc.at[id]
		return known && a.entry(at).Desc == "SCHEMA" && a.entry(at).Tag == r.from.schema
	})
	a.keep(e, tag)
	return nil
}

// numbers reports whether a default is kept: one that takes numbers from a sequence of the original's is where that is there.
func (a *as) numbers(i int) bool {
	for _, d := range a.part.toc.dependencies(a.entry(i)) {
		s := a.entry(d)
		if s.Desc != "SEQUENCE" {
			continue
		}
		o, _ := ObjectOf(s)
		if found, same, _ := a.there.Find(o); found == "" || !same {
			a.note(i, "its sequence "+s.Label()+" is not there")
			return false
		}
		a.remarks = append(a.remarks, "new rows get their numbers from the original's sequence "+s.Label()+", which goes when the original is dropped")
	}
	return true
}
