package part

import (
	"maps"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/postgres"
)

// Part is what a selection chose of an archive.
type Part struct {
	// LeftOut are entries that belong to what was chosen and are not taken along.
	LeftOut []Note
	// Remarks are worth knowing before the part is used.
	Remarks []string

	toc       *toc
	selection Selection
	patterns  patterns
	order     []int  // places of all entries, in the order in which they are restored
	chosen    []bool // with what belongs to it, before sections
	excluded  []bool
}

// Note says why an entry is not taken along.
type Note struct {
	Entry  *archive.Entry
	Reason string
}

// Choose finds the part of an archive that a selection means. A pattern that means nothing is refused (not_found), with the names that
// are like it; so is a list of another archive. The head is not changed.
func Choose(h *archive.Head, s Selection) (*Part, error) {
	compiled, err := s.compile()
	if err != nil {
		return nil, err
	}
	t, err := newTOC(h)
	if err != nil {
		return nil, err
	}
	p := &Part{toc: t, selection: s, patterns: compiled}
	if p.order, err = s.List.places(t); err != nil {
		return nil, err
	}
	base, err := p.included()
	if err != nil {
		return nil, err
	}
	without, err := p.left()
	if err != nil {
		return nil, err
	}
	p.chosen, p.excluded = t.spread(base), t.spread(without)
	for i := range p.chosen {
		p.chosen[i] = p.chosen[i] && !p.excluded[i]
	}
	if len(s.Schemas)+len(s.Tables) > 0 {
		p.withoutPublications()
	}
	if len(s.Tables) > 0 && s.As == nil {
		p.remarkChildren()
	}
	return p, nil
}

// included marks what the patterns of schemas and tables mean by name; everything where there are none.
func (p *Part) included() ([]bool, error) {
	base := make([]bool, len(p.toc.owner))
	for _, pattern := range p.patterns.tables {
		found, err := p.toc.meant(pattern, base)
		if err != nil {
			return nil, err
		}
		if found == 0 {
			return nil, noMatch("no table, view or sequence of the backup", pattern, p.toc.labels())
		}
	}
	for _, pattern := range p.patterns.schemas {
		if !p.toc.inSchemas(pattern, base) {
			return nil, noMatch("no schema of the backup", pattern, p.toc.schemas())
		}
	}
	if len(p.patterns.tables)+len(p.patterns.schemas) == 0 {
		for i := range base {
			base[i] = true
		}
	}
	return base, nil
}

// left marks what the exclusions mean. One that means nothing is no error, as for pg_dump, but may be a slip.
func (p *Part) left() ([]bool, error) {
	without := make([]bool, len(p.toc.owner))
	for _, pattern := range p.patterns.excludeTables {
		found, err := p.toc.meant(pattern, without)
		if err != nil {
			return nil, err
		}
		if found == 0 && p.selection.Strict {
			return nil, noMatch("no table of the backup", pattern, p.toc.labels())
		} else if found == 0 {
			p.Remarks = append(p.Remarks, "no table of the backup matches "+pattern.Text+", which was to be left out")
		}
	}
	for _, pattern := range p.patterns.excludeSchemas {
		if !p.toc.inSchemas(pattern, without) {
			if p.selection.Strict {
				return nil, noMatch("no schema of the backup", pattern, p.toc.schemas())
			}
			p.Remarks = append(p.Remarks, "no schema of the backup matches "+pattern.Text+", which was to be left out")
		}
	}
	return without, nil
}

// inSchemas marks what is in schemas that a pattern means, and these themselves.
func (t *toc) inSchemas(p postgres.Pattern, into []bool) (found bool) {
	for i := range t.head.Entries {
		e := &t.head.Entries[i]
		// Of the schema public an archive may have the grants alone.
		of, about := strings.CutPrefix(e.Tag, "SCHEMA ")
		switch {
		case e.Desc == "SCHEMA" && p.MatchSchema(e.Tag), e.Namespace != "" && p.MatchSchema(e.Namespace),
			about && e.Namespace == "" && t.owner[i] == none && e.About() && p.MatchSchema(of):
			into[i], found = true, true
		}
	}
	return found
}

// schemas gives the names of all.
func (t *toc) schemas() []string {
	all := map[string]bool{}
	for i := range t.head.Entries {
		e := &t.head.Entries[i]
		if e.Desc == "SCHEMA" {
			all[e.Tag] = true
		}
		all[e.Namespace] = true
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

// labels gives the names of all relations.
func (t *toc) labels() []string {
	var out []string
	for _, i := range t.relations {
		out = append(out, t.head.Entries[i].Label())
	}
	slices.Sort(out)
	return out
}

// withoutPublications leaves out that tables and schemas are published: a publication is no part of them, and adding to one begins to
// replicate.
func (p *Part) withoutPublications() {
	for i := range p.chosen {
		if e := &p.toc.head.Entries[i]; p.chosen[i] && strings.HasPrefix(e.Desc, "PUBLICATION TABLE") {
			p.chosen[i] = false
			p.LeftOut = append(p.LeftOut, Note{e, "a publication is not a part of what it publishes; add to it by hand: " + oneLine(e.Defn)})
		}
	}
}

// remarkChildren names tables that inherit from chosen ones and were not chosen: their rows show in a query of the parent.
func (p *Part) remarkChildren() {
	var children []string
	for i := range p.chosen {
		e := &p.toc.head.Entries[i]
		if p.chosen[i] || p.excluded[i] || e.Desc != "TABLE" || !strings.Contains(e.Defn, "INHERITS (") {
			continue
		}
		for _, d := range p.toc.dependencies(e) {
			if p.chosen[d] && p.toc.head.Entries[d].Desc == "TABLE" {
				children = append(children, e.Label())
				break
			}
		}
	}
	if len(children) > 0 {
		p.Remarks = append(p.Remarks, "tables that inherit from chosen ones are not taken along: "+some(children))
	}
}

// Skip leaves out entries, with what belongs to them, and says why.
func (p *Part) Skip(which func(*archive.Entry) bool, reason string) {
	gone := make([]bool, len(p.chosen))
	taken := p.taken()
	for i := range gone {
		e := &p.toc.head.Entries[i]
		if gone[i] = which(e); gone[i] && taken[i] {
			p.LeftOut = append(p.LeftOut, Note{e, reason})
		}
	}
	for i, out := range p.toc.spread(gone) {
		p.chosen[i], p.excluded[i] = p.chosen[i] && !out, p.excluded[i] || out
	}
}

// wanted reports whether an entry is in the sections that were chosen.
func (p *Part) wanted(i int) bool {
	e, s := &p.toc.head.Entries[i], p.selection
	data := p.toc.sections[i] == archive.SectionData
	switch {
	case s.SchemaOnly:
		return !data && e.Desc != "STATISTICS DATA"
	case s.DataOnly:
		return data && e.Desc != "STATISTICS DATA"
	case len(s.Sections) > 0:
		return slices.ContainsFunc(s.Sections, func(name string) bool { return sectionNames[name] == p.toc.sections[i] })
	}
	return true
}

// always reports whether an entry stays whatever is chosen: what is read by it, or says how the database was made.
func always(e *archive.Entry) bool {
	return slices.Contains(settings, e.Desc) || strings.HasPrefix(e.Desc, "DATABASE")
}

// taken marks the entries that were chosen, in the chosen sections.
func (p *Part) taken() []bool {
	out := make([]bool, len(p.chosen))
	for _, i := range p.order {
		out[i] = p.chosen[i] && p.wanted(i) && !always(&p.toc.head.Entries[i])
	}
	return out
}

// Chosen gives the entries that were chosen, without those that every part has.
func (p *Part) Chosen() []*archive.Entry {
	taken := p.taken()
	var out []*archive.Entry
	for _, i := range p.order {
		if taken[i] {
			out = append(out, &p.toc.head.Entries[i])
		}
	}
	return out
}

// Section gives the section that an entry belongs to, also where it has none of its own.
func (p *Part) Section(e *archive.Entry) archive.Section { return p.toc.sections[p.toc.at[e.DumpID]] }

// oneLine writes SQL on one line.
func oneLine(sql string) string { return strings.Join(strings.Fields(sql), " ") }
