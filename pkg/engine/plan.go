package engine

import (
	"fmt"
	"strconv"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/postgres"
)

// plan is what is read, in the order of the archive's table of contents.
type plan struct {
	pieces   []*piece
	encoding string // of the archive's texts
	binary   int    // tables whose rows are COPY's binary format
}

// piece is what one reader reads at once: a range of a table, some whole tables, or some large objects.
type piece struct {
	name    string
	tables  []string // as SQL names them
	copy    []string // statements, one for each part
	parts   []part
	objects *objects // large objects instead
	out     *output
}

// part is one table's share of a piece.
type part struct {
	id          int32 // dump id of its entry
	first, last bool  // of the table
	binary      bool  // its rows are COPY's binary format
}

// objects are large objects of one entry.
type objects struct {
	id    int32
	first bool     // of the entry
	oids  []uint32 // in the order of the archive
}

const (
	tableData = "TABLE DATA"
	blobs     = "BLOBS"
	// bundleTables bounds how many small tables are read at once, and bundleObjects how many large objects.
	bundleTables  = 250
	bundleObjects = 250
)

var encodingEntry = lazyregexp.New(`^SET client_encoding = '([A-Za-z0-9_]+)';\n$`)

// newPlan divides what an archive is to hold. Rows of the tables in binary, which has the types of their columns, are COPY's binary
// format, and their entries in h say so. reason says why a plan is not to be had; then one pg_dump has to do it.
func newPlan(h *archive.Head, f *postgres.Frozen, size int64, binary map[uint32][]string) (p *plan, reason string) {
	p = &plan{}
	for i := range h.Entries {
		if m := encodingEntry().FindStringSubmatch(h.Entries[i].Defn); m != nil && h.Entries[i].Desc == "ENCODING" {
			p.encoding = m[1]
		}
	}
	if p.encoding == "" {
		return nil, "the archive does not say in which encoding it is"
	}
	grouped, ok := objectsOf(h, f)
	if !ok {
		return nil, "the large objects of the archive are not listed as they used to be"
	}
	b := bundler{plan: p, size: size, binary: binary}
	for i := range h.Entries {
		e := &h.Entries[i]
		switch {
		case !e.HasData:
		case e.Desc == tableData:
			t, locked := f.Tables[e.OID]
			if !locked {
				return nil, fmt.Sprintf("table %s.%s was not expected", e.Namespace, e.Tag)
			}
			if reason := b.table(e, t); reason != "" {
				return nil, reason
			}
		case e.Desc == blobs:
			b.end()
			oids, ok := grouped.of(e)
			if !ok {
				return nil, "it is not known which large objects an entry has"
			}
			p.largeObjects(e.DumpID, oids)
		default:
			return nil, fmt.Sprintf("there is an entry %q with data", e.Desc)
		}
	}
	b.end()
	return p, ""
}

// bundler puts small tables together.
type bundler struct {
	plan   *plan
	size   int64
	binary map[uint32][]string
	open   *piece
	bytes  int64
}

func (b *bundler) end() {
	if b.open != nil {
		b.plan.pieces = append(b.plan.pieces, b.open)
	}
	b.open, b.bytes = nil, 0
}

func (b *bundler) table(e *archive.Entry, t postgres.FrozenTable) (reason string) {
	columns, ok := copyColumns(e.CopyStmt)
	if !ok {
		return fmt.Sprintf("the rows of table %s.%s are not copied", e.Namespace, e.Tag)
	}
	name := postgres.QuoteIdent(e.Namespace) + "." + postgres.QuoteIdent(e.Tag)
	if b.plan.encoding == "UTF8" && (e.Namespace != t.Schema || e.Tag != t.Name) {
		return fmt.Sprintf("table %s.%s was renamed", e.Namespace, e.Tag)
	}
	if t.Condition != "" {
		// As pg_dump does, who lets the rows of children come with it.
		if b.plan.encoding != "UTF8" && strings.IndexFunc(t.Condition, func(r rune) bool { return r > '~' }) >= 0 {
			return fmt.Sprintf("an extension restricts the rows of %s.%s in another encoding", e.Namespace, e.Tag)
		}
		binary := b.binaryRows(e, t)
		b.whole(e, name, fmt.Sprintf("COPY (SELECT %s FROM %s %s)", columns.list(), name, t.Condition), t.Bytes, binary)
		return ""
	}
	binary := b.binaryRows(e, t)
	if n := min(t.Bytes/b.size+1, t.Pages); t.Heap && n > 1 && columns != "" {
		b.end()
		b.ranges(e, name, columns, t.Pages, n, binary)
		return ""
	}
	b.whole(e, name, fmt.Sprintf("COPY %s %s", name, columns), t.Bytes, binary)
	return ""
}

// binaryRows makes the entry's rows COPY's binary format, if they can be.
func (b *bundler) binaryRows(e *archive.Entry, t postgres.FrozenTable) bool {
	if !e.BinaryRows(b.binary[t.OID]) {
		return false
	}
	b.plan.binary++
	return true
}

// whole adds a table to the open bundle.
func (b *bundler) whole(e *archive.Entry, name, statement string, bytes int64, binary bool) {
	if b.open != nil && (b.bytes+bytes > b.size || len(b.open.parts) == bundleTables) {
		b.end()
	}
	if b.open == nil {
		b.open = &piece{name: e.Namespace + "." + e.Tag}
	}
	p := b.open
	p.tables, p.copy, p.parts = append(p.tables, name), append(p.copy, statement+copyOut(binary)), append(p.parts, part{e.DumpID, true, true, binary})
	b.bytes += bytes
}

// ranges divides a table's pages into n ranges, the last of which is open. Rows that were put into later pages meanwhile are
// not in the snapshot.
func (b *bundler) ranges(e *archive.Entry, name string, columns columns, pages, n int64, binary bool) {
	for i := range n {
		where := fmt.Sprintf("ctid >= '(%d,0)'::pg_catalog.tid", pages*i/n)
		if i < n-1 {
			where += fmt.Sprintf(" AND ctid < '(%d,0)'::pg_catalog.tid", pages*(i+1)/n)
		}
		b.plan.pieces = append(b.plan.pieces, &piece{
			name: fmt.Sprintf("%s.%s %d/%d", e.Namespace, e.Tag, i+1, n), tables: []string{name},
			copy:  []string{fmt.Sprintf("COPY (SELECT %s FROM ONLY %s WHERE %s)", columns.list(), name, where) + copyOut(binary)},
			parts: []part{{e.DumpID, i == 0, i == n-1, binary}},
		})
	}
}

// columns are a COPY statement's, "(a, b)", or "" where the table has none.
type columns string

// list is without the parentheses.
func (c columns) list() string {
	return strings.TrimSuffix(strings.TrimPrefix(string(c), "("), ")")
}

// copyColumns takes the columns out of the statement that the rows follow in the archive, which leaves out generated ones and
// may name a partitioned table in place of the partition: "COPY schema.table (a, b) FROM stdin;\n".
func copyColumns(statement string) (columns, bool) {
	rest, ok := strings.CutPrefix(statement, "COPY ")
	if !ok {
		return "", false
	}
	if rest, ok = strings.CutSuffix(rest, " FROM stdin;\n"); !ok {
		return "", false
	}
	quoted := false
	for i := range len(rest) { // bytes: names may be in any encoding that has ASCII's quotation mark for nothing else
		switch {
		case rest[i] == '"':
			quoted = !quoted
		case rest[i] == '(' && !quoted:
			return columns(rest[i:]), strings.HasSuffix(rest, ")")
		}
	}
	return "", !quoted
}

// largeObjects adds the large objects of an entry. An entry without any has a block, too.
func (p *plan) largeObjects(id int32, oids []uint32) {
	for first := true; first || len(oids) > 0; first = false {
		n := min(len(oids), bundleObjects)
		p.pieces = append(p.pieces, &piece{name: "large objects", objects: &objects{id, first, oids[:n]}})
		oids = oids[n:]
	}
}

var number = lazyregexp.New(`\d+`)

// groups are the large objects of an archive, by the dump ids of their metadata; all where that does not list them.
type groups struct {
	byMetadata map[int32][]uint32
	all        []uint32
}

// objectsOf finds out which large objects there are: since PostgreSQL 17 each entry of metadata lists some in its definition
// (pg_dump.c, getLOs).
func objectsOf(h *archive.Head, f *postgres.Frozen) (g groups, ok bool) {
	g = groups{byMetadata: map[int32][]uint32{}, all: f.Objects}
	for i := range h.Entries {
		m := &h.Entries[i]
		if m.Desc != "BLOB METADATA" {
			continue
		}
		for _, n := range number().FindAllString(m.Defn, -1) {
			oid, err := strconv.ParseUint(n, 10, 32)
			if err != nil {
				return g, false
			}
			g.byMetadata[m.DumpID] = append(g.byMetadata[m.DumpID], uint32(oid))
		}
	}
	return g, true
}

// of returns what an entry's block holds, in its order: the large objects of the metadata that it depends on (pg_dump.c, dumpLO), or
// all there are, by oid.
func (g groups) of(e *archive.Entry) (oids []uint32, ok bool) {
	if len(g.byMetadata) == 0 {
		return g.all, true
	}
	for _, d := range e.Dependencies {
		oids = append(oids, g.byMetadata[d]...)
	}
	return oids, len(oids) > 0
}
