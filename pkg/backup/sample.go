package backup

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/quantity"
)

// relationKey names a table.
type relationKey struct{ schema, name string }

// sample is what is restored of a backup that is larger than the room for its proof: all definitions, and the rows of some tables. What needs
// all rows is left out: foreign keys, and what is computed from rows.
type sample struct {
	rows    map[relationKey]bool // tables whose rows are restored
	objects bool                 // large objects are
}

// group is what is restored together or not at all: a table, or all partitions that rows are loaded into through their root.
type group struct {
	tables []*contents.Table
	bytes  int64
	order  uint64
}

// chooseSample takes as many tables as there is room for, in an order that each backup has of its own: in time every table has its turn. ratio
// is what a byte of rows takes on disk.
func chooseSample(id string, c *contents.Contents, room int64, ratio float64) (*sample, bool) {
	s := &sample{rows: map[relationKey]bool{}}
	left := float64(room)
	fits := func(bytes int64) bool {
		need := float64(bytes) * ratio
		if need > left {
			return false
		}
		left -= need
		return true
	}
	filled := false
	for _, g := range groups(id, c) {
		if !fits(g.bytes) {
			continue
		}
		for _, t := range g.tables {
			s.rows[relationKey{t.Schema, t.Name}] = true
		}
		filled = filled || g.bytes > 0
	}
	if l := c.LargeObjects; l != nil && fits(l.Bytes) {
		s.objects, filled = true, filled || l.Count > 0
	}
	return s, filled
}

func groups(id string, c *contents.Contents) []*group {
	byRoot := map[relationKey]*group{}
	var all []*group
	for i := range c.Tables {
		t := &c.Tables[i]
		if !t.Data {
			continue
		}
		key := relationKey{cmp.Or(t.RootSchema, t.Schema), cmp.Or(t.RootName, t.Name)}
		g := byRoot[key]
		if g == nil {
			h := fnv.New64a()
			fmt.Fprintf(h, "%s\x00%s\x00%s", id, key.schema, key.name)
			g = &group{order: h.Sum64()}
			byRoot[key], all = g, append(all, g)
		}
		g.tables, g.bytes = append(g.tables, t), g.bytes+t.Bytes
	}
	slices.SortStableFunc(all, func(a, b *group) int { return cmp.Compare(a.order, b.order) })
	return all
}

// takes reports whether an entry that carries rows is restored.
func (s *sample) takes(e *archive.Entry) bool {
	if e.Desc == "TABLE DATA" {
		return s.rows[relationKey{e.Namespace, e.Tag}]
	}
	return s.objects
}

// of gives what the sample has of contents.
func (s *sample) of(c *contents.Contents) *contents.Contents {
	out := *c
	out.Tables = slices.DeleteFunc(slices.Clone(c.Tables), func(t contents.Table) bool { return t.Data && !s.rows[relationKey{t.Schema, t.Name}] })
	if !s.objects {
		out.LargeObjects = nil
	}
	return &out
}

// without reports whether a definition is one that a sample leaves out.
func (s *sample) without(d contents.DefinitionDiff) bool {
	return d.Change == contents.Went && (d.Kind == "FK CONSTRAINT" || d.Kind == "COMMENT" && strings.HasPrefix(d.Name, "CONSTRAINT "))
}

// describe says what the sample has of everything.
func (s *sample) describe(all *contents.Contents) string {
	of, has := all.Totals(), s.of(all).Totals()
	text := fmt.Sprintf("there was room for a sample: the rows of %d of %s were restored, %d of %d rows; foreign keys were not made", has.Tables, quantity.Plural(of.Tables, "table"), has.Rows, of.Rows)
	if l := all.LargeObjects; l != nil && l.Count > 0 && !s.objects {
		text += fmt.Sprintf(", and the %s were not restored", quantity.Plural(int(l.Count), "large object"))
	}
	return text
}

// takeSample makes the proof one of a sample where the backup is larger than the room for it. need is what all of it takes.
func (p *proof) takeSample(want *contents.Contents, need int64) (int64, error) {
	free := int64(math.MaxInt64) // at a target nobody knows
	if p.o.On == "" {
		var err error
		if free, err = p.s.Engine.ProofRoom(); err != nil {
			return 0, err
		}
	}
	limit := "as much as is free in TMPDIR"
	if most := p.s.Limits.MaxProofBytes; most > 0 && most < free {
		free, limit = most, "BACKUP_PROOF_MAX_GB"
	}
	if need <= free {
		return need, nil
	}
	full := func(why string) error {
		return fault.New(fault.FileSystem, fault.StorageFull, "Make room there, set TMPDIR to a folder on a larger disk, or raise BACKUP_PROOF_MAX_GB where it is set.",
			"restoring backup %s takes about %s, and there is room for %s (%s)%s", p.b.ID, quantity.Bytes(need), quantity.Bytes(max(free, 0)), limit, why)
	}
	if p.b.Format == FormatPlain {
		return 0, full(": an SQL script is restored as a whole")
	}
	bytes := want.Totals().Bytes
	if want.LargeObjects != nil {
		bytes += want.LargeObjects.Bytes
	}
	chosen, ok := chooseSample(p.b.ID, want, free*9/10, float64(need)/float64(max(bytes, 1)))
	if !ok {
		return 0, full(", which is less than any of its tables needs")
	}
	p.sample = chosen
	p.record.OfRows = want.Totals().Rows
	p.lack("%s", chosen.describe(want))
	return free, nil
}
