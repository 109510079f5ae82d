package part

import (
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
)

// name is that of an object in a schema.
type name struct{ schema, name string }

func nameOf(e *archive.Entry) name { return name{e.Namespace, e.Tag} }

// toc is a table of contents together with what belongs to what. Entries are named by their places in it.
type toc struct {
	head *archive.Head
	at   map[int32]int // places by dump id
	// relations are the entries that define tables, views and sequences; in an archive of rows only, those that fill them.
	relations map[name]int
	owner     []int // of each entry: the one that it belongs to; -1 for none
	sections  []archive.Section
}

// Kinds of entries that define relations, and that fill them.
var (
	relationKinds = []string{"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE"}
	fillingKinds  = []string{"TABLE DATA", "SEQUENCE SET", "MATERIALIZED VIEW DATA", "ROW SECURITY", "STATISTICS DATA"}
	// settings are what everything else is read by.
	settings = []string{"ENCODING", "STDSTRINGS", "SEARCHPATH"}
)

// none is the place of no entry.
const none = -1

// newTOC refuses a table of contents in which two relations have one name: pg_dump writes none.
func newTOC(h *archive.Head) (*toc, error) {
	t := &toc{head: h, at: make(map[int32]int, len(h.Entries)), relations: map[name]int{}, owner: make([]int, len(h.Entries)), sections: make([]archive.Section, len(h.Entries))}
	section := archive.SectionPreData
	for i := range h.Entries {
		e := &h.Entries[i]
		t.at[e.DumpID] = i
		// What is of no section belongs to that of the last entry before it (ProcessArchiveRestoreOptions).
		if e.Section != archive.SectionNone {
			section = e.Section
		}
		t.sections[i] = section
		if !slices.Contains(relationKinds, e.Desc) {
			continue
		}
		if _, twice := t.relations[nameOf(e)]; twice {
			return nil, fault.New(fault.Validation, fault.StructureDamaged, "Do not use this backup; look at it with: cofre validate", "the archive defines %s twice", e.Label())
		}
		t.relations[nameOf(e)] = i
	}
	for i := range h.Entries {
		e := &h.Entries[i]
		if _, defined := t.relations[nameOf(e)]; !defined && (e.Desc == "TABLE DATA" || e.Desc == "SEQUENCE SET") {
			t.relations[nameOf(e)] = i
		}
	}
	parents := t.parents()
	for i := range h.Entries {
		t.owner[i] = t.ownerOf(i, parents)
	}
	return t, nil
}

// parents gives the partitioned tables by their partitions.
func (t *toc) parents() map[int]int {
	out := map[int]int{}
	for i := range t.head.Entries {
		e := &t.head.Entries[i]
		if e.Desc != "TABLE ATTACH" {
			continue
		}
		partition, known := t.relations[nameOf(e)]
		if !known {
			continue
		}
		to, ok := attachedTo(e)
		if parent, defined := t.relations[to]; ok && defined && parent != partition && slices.Contains(t.dependencies(e), parent) {
			out[partition] = parent
		}
	}
	return out
}

// dependencies gives the places of what an entry depends on, as far as the archive has it.
func (t *toc) dependencies(e *archive.Entry) []int {
	var out []int
	for _, id := range e.Dependencies {
		if i, known := t.at[id]; known && !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

func (t *toc) ownerOf(i int, parents map[int]int) int {
	e := &t.head.Entries[i]
	self := func(at int, known bool) int {
		if !known || at == i {
			return none
		}
		return at
	}
	switch e.Desc {
	case "TABLE", "FOREIGN TABLE":
		parent, partition := parents[i]
		return self(parent, partition)
	case "TABLE DATA", "SEQUENCE SET", "MATERIALIZED VIEW DATA", "ROW SECURITY", "TABLE ATTACH", "SEQUENCE OWNED BY":
		at, known := t.relations[nameOf(e)]
		return self(at, known)
	case "STATISTICS DATA":
		if at, known := t.relations[nameOf(e)]; known {
			return self(at, known)
		}
		return t.first(e, "INDEX", "CONSTRAINT")
	case "INDEX ATTACH":
		for _, d := range t.dependencies(e) {
			if o := &t.head.Entries[d]; o.Namespace == e.Namespace && (o.Desc == "INDEX" && o.Tag == e.Tag || o.Desc == "CONSTRAINT" && strings.HasSuffix(o.Tag, " "+e.Tag)) {
				return d
			}
		}
	case "SEQUENCE":
		return t.first(e, "TABLE", "FOREIGN TABLE")
	case "COMMENT", "ACL", "SECURITY LABEL":
		if d := t.dependencies(e); len(d) > 0 {
			return d[0]
		}
	case "CHECK CONSTRAINT":
		if d := t.first(e, "DOMAIN"); d != none {
			return d
		}
		return t.table(e)
	case "DEFAULT", "CONSTRAINT", "FK CONSTRAINT", "TRIGGER", "RULE", "POLICY", "INDEX", "STATISTICS", "PUBLICATION TABLE":
		return t.table(e)
	}
	return none
}

// first gives the first dependency of one of the kinds.
func (t *toc) first(e *archive.Entry, kinds ...string) int {
	for _, d := range t.dependencies(e) {
		if slices.Contains(kinds, t.head.Entries[d].Desc) {
			return d
		}
	}
	return none
}

// table gives the relation that an entry is a part of: of those that it depends on, the one that its name or its definition says.
func (t *toc) table(e *archive.Entry) int {
	var all, named []int
	for _, d := range t.dependencies(e) {
		o := &t.head.Entries[d]
		if o.Desc == "SEQUENCE" || !slices.Contains(relationKinds, o.Desc) {
			continue
		}
		all = append(all, d)
		switch e.Desc {
		case "INDEX", "STATISTICS":
			if o.Namespace == e.Namespace {
				named = append(named, d)
			}
		case "PUBLICATION TABLE":
			if o.Namespace == e.Namespace && strings.HasSuffix(e.Tag, " "+o.Tag) {
				named = append(named, d)
			}
		default:
			if o.Namespace == e.Namespace && strings.HasPrefix(e.Tag, o.Tag+" ") {
				named = append(named, d)
			}
		}
	}
	if len(all) == 1 && (e.Desc == "INDEX" || e.Desc == "STATISTICS") {
		return all[0] // their names do not say it
	}
	if len(named) == 1 {
		return named[0]
	}
	if n, ok := tableIn(e); ok {
		if at, known := t.relations[n]; known {
			return at
		}
	}
	return none
}

// spread widens a set by all that belongs to what is in it.
func (t *toc) spread(set []bool) []bool {
	const (
		unknown = iota
		open    // being looked at: an archive that somebody made may go round in a circle
		in
		out
	)
	state := make([]byte, len(set))
	all := make([]bool, len(set))
	var path []int
	for i := range set {
		path = path[:0]
		verdict := byte(out)
		for at := i; at != none; at = t.owner[at] {
			if state[at] == in || set[at] {
				verdict = in
				break
			}
			if state[at] != unknown {
				break
			}
			state[at] = open
			path = append(path, at)
		}
		if set[i] {
			all[i], state[i] = true, in
		}
		for _, at := range path {
			state[at], all[at] = verdict, verdict == in
		}
	}
	return all
}

// root gives the entry that has to be there for i to be: i, or, for what is merely a part of something, that. A partition stands for
// itself.
func (t *toc) root(i int) int {
	const deepest = 16 // a comment on a policy of a table
	for range deepest {
		if t.owner[i] == none || slices.Contains(relationKinds, t.head.Entries[i].Desc) && t.head.Entries[i].Desc != "SEQUENCE" {
			break
		}
		i = t.owner[i]
	}
	return i
}
