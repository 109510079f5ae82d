package part

import (
	"slices"

	"cofre/pkg/archive"
	"cofre/pkg/postgres"
)

// Need is something that a part needs and does not hold.
type Need struct {
	Object string // that is needed, for people: "type common.mood"
	By     string // who needs it: "table app.orders"
	// Possible reports whether the archive has it, so that it could be made.
	Possible bool
}

// Settled is a part as it goes into a place of which it is known what is there.
type Settled struct {
	Head *archive.Head // with the part's entries alone
	// Lacks is what the part needs, and neither holds nor finds there.
	Lacks []Need
	// Added are entries that were taken along because the part needs them: tables, types, schemas, without what belongs to them.
	Added []*archive.Entry
	// Kept are schemas and extensions of the part that are there already, and stay as they are.
	Kept []*archive.Entry
	// InTheWay are entries of the part in whose place is something already.
	InTheWay []Met
}

// Met is an entry in whose place is something.
type Met struct {
	Entry *archive.Entry
	Found string // for people: "view app.orders"
}

// Objects gives all that a place has to be asked for before the part can be settled there: what it holds, and what it may need.
func (p *Part) Objects() []postgres.Object {
	var out []postgres.Object
	for _, e := range p.all() {
		if o, ok := ObjectOf(e); ok {
			out = append(out, o)
		}
	}
	seen := map[string]bool{"": true}
	for _, e := range p.all() {
		if !seen[e.Namespace] {
			seen[e.Namespace] = true
			out = append(out, schemaObject(e.Namespace))
		}
	}
	return out
}

func schemaObject(schema string) postgres.Object {
	return postgres.Object{Kind: "SCHEMA", Name: schema}
}

// all gives the entries of the part, and of all that it may need.
func (p *Part) all() []*archive.Entry {
	reached := p.taken()
	var queue []int
	for i, in := range reached {
		if in {
			queue = append(queue, i)
		}
	}
	schemas := p.toc.schemaEntries()
	parts := p.toc.parts()
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		e := &p.toc.head.Entries[i]
		next := slices.Clone(p.toc.dependencies(e))
		if s, ok := schemas[e.Namespace]; ok {
			next = append(next, s)
		}
		for j, d := range next {
			next[j] = p.toc.root(d)
		}
		for _, d := range append(next, parts[i]...) {
			if !reached[d] {
				reached[d] = true
				queue = append(queue, d)
			}
		}
	}
	var out []*archive.Entry
	for i, in := range reached {
		if in {
			out = append(out, &p.toc.head.Entries[i])
		}
	}
	return out
}

// schemaEntries gives the places of schemas by their names.
func (t *toc) schemaEntries() map[string]int {
	out := map[string]int{}
	for i := range t.head.Entries {
		if e := &t.head.Entries[i]; e.Desc == "SCHEMA" {
			out[e.Tag] = i
		}
	}
	return out
}

// parts gives what belongs to each entry.
func (t *toc) parts() [][]int {
	out := make([][]int, len(t.owner))
	for i, o := range t.owner {
		if o != none {
			out[o] = append(out[o], i)
		}
	}
	return out
}

// Place is what is at a part's destination.
type Place interface {
	// Find returns what is there of an object's name, and whether it is such an object; "" for nothing. known is false for kinds of
	// objects that are not looked for.
	Find(o postgres.Object) (found string, same, known bool)
}

// Into says how a part goes into a place.
type Into struct {
	// Dependencies takes along what is lacking there and the archive has, with all that belongs to it.
	Dependencies bool
	// Replace says that what is in the part's place is no obstacle.
	Replace bool
	// New says that the database is to be made: its schema public, which it has by itself, gets what the part says of it.
	New bool
}

// Settle holds a part against a place.
func (p *Part) Settle(there Place, into Into) Settled {
	var out Settled
	final := p.taken()
	present := func(e *archive.Entry) bool {
		o, ok := ObjectOf(e)
		if !ok {
			return true // nobody can say
		}
		found, same, known := there.Find(o)
		return !known || found != "" && same
	}
	p.keep(final, into.New, present, &out)
	schemas, parts := p.toc.schemaEntries(), p.toc.parts()
	lacks := map[Need]bool{}
	var queue []int
	for _, i := range p.order {
		if final[i] {
			queue = append(queue, i)
		}
	}
	added := map[int]bool{}
	// take adds an entry and all that belongs to it.
	var take func(i int)
	take = func(i int) {
		if final[i] || p.excluded[i] || !p.wanted(i) {
			return
		}
		if e := &p.toc.head.Entries[i]; e.Desc == "PUBLICATION TABLE" {
			return
		}
		final[i] = true
		queue = append(queue, i)
		for _, part := range parts[i] {
			take(part)
		}
	}
	lack := func(n Need) {
		if !lacks[n] {
			lacks[n] = true
			out.Lacks = append(out.Lacks, n)
		}
	}
	for at := 0; at < len(queue); at++ {
		i := queue[at]
		e := &p.toc.head.Entries[i]
		by := described(&p.toc.head.Entries[p.toc.root(i)])
		need := p.toc.dependencies(e)
		if s, ok := schemas[e.Namespace]; ok {
			need = append(need, s)
		} else if found, _, _ := there.Find(schemaObject(e.Namespace)); e.Namespace != "" && found == "" {
			lack(Need{Object: "schema " + postgres.QuoteIdent(e.Namespace), By: by})
		}
		for _, d := range need {
			r := p.toc.root(d)
			if final[d] || final[r] || always(&p.toc.head.Entries[r]) || present(&p.toc.head.Entries[r]) {
				continue
			}
			if into.Dependencies {
				if take(r); final[r] {
					added[r] = true
					continue
				}
			}
			lack(Need{Object: described(&p.toc.head.Entries[r]), By: by, Possible: !p.excluded[r] && p.wanted(r)})
		}
	}
	p.finish(final, added, there, into.Replace, &out)
	return out
}

// keep takes schemas and extensions that are there already out of the part, with what belongs to them.
func (p *Part) keep(final []bool, isNew bool, present func(*archive.Entry) bool, out *Settled) {
	gone := make([]bool, len(final))
	for i := range final {
		if e := &p.toc.head.Entries[i]; final[i] && (e.Desc == "SCHEMA" && !(isNew && isPublic(e)) || e.Desc == "EXTENSION") && present(e) {
			gone[i] = true
			out.Kept = append(out.Kept, e)
		}
	}
	for i, out := range p.toc.spread(gone) {
		final[i] = final[i] && !out
	}
}

// isPublic reports whether an entry is the schema that every database has from its beginning. pg_dump has no SQL for it.
func isPublic(e *archive.Entry) bool { return e.Desc == "SCHEMA" && e.Tag == "public" }

// finish makes the head, and finds what is in the way of it.
func (p *Part) finish(final []bool, added map[int]bool, there Place, replace bool, out *Settled) {
	h := *p.toc.head
	h.Entries = nil
	met := make([]bool, len(final))
	put := func(i int) {
		e := &p.toc.head.Entries[i]
		h.Entries = append(h.Entries, *e)
		if added[i] {
			out.Added = append(out.Added, e)
		}
		if o, ok := ObjectOf(e); ok && !replace && !isPublic(e) {
			found, _, _ := there.Find(o)
			met[i] = found != ""
			// What belongs to something that is in the way goes without saying.
			if owner := p.toc.owner[i]; met[i] && !(owner != none && met[owner]) {
				out.InTheWay = append(out.InTheWay, Met{e, found})
			}
		}
	}
	done := make([]bool, len(final))
	named := make([]bool, len(final))
	for _, i := range p.order {
		named[i] = true
	}
	// What is needed beside what a list names comes first; what it names keeps its order.
	for i := range p.toc.head.Entries {
		if e := &p.toc.head.Entries[i]; always(e) || final[i] && !named[i] {
			done[i] = true
			put(i)
		}
	}
	for _, i := range p.order {
		if final[i] && !done[i] {
			put(i)
		}
	}
	p.attachLast(final, &h)
	out.Head = &h
}
