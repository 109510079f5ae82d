package part

import (
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// renaming puts a table under another name, statement by statement, in the words in which pg_dump writes them (dumpTableSchema,
// dumpIndex, dumpConstraint and others in pg_dump.c). What it does not understand it refuses.
type renaming struct {
	from, to name
	// merged says that rows of tables that inherit come along: what holds for the table's own rows alone does not hold then.
	merged bool
	taken  map[string]bool // names in the new schema
	// New names, all of them in the new schema.
	indexes    map[string]string
	sequences  map[name]string
	statistics map[name]string
	// leftOut are words of what was taken out of a definition.
	leftOut []string
}

// maxName is how long an identifier may be, in bytes.
const maxName = 63

// fresh gives a name in the new schema for an object that has another one, where nothing has it.
func (r *renaming) fresh(old string) string {
	rest, of := strings.CutPrefix(old, r.from.name)
	if !of {
		rest = "_" + old
	}
	for n := 0; ; n++ {
		end := rest
		if n > 0 {
			end = fmt.Sprintf("%s_%d", rest, n)
		}
		if len(end) > maxName-8 { // keeps its end, by which such names differ
			end = end[len(end)-(maxName-8):]
		}
		start := r.to.name[:min(len(r.to.name), maxName-len(end))]
		if made := strings.ToValidUTF8(start, "") + strings.ToValidUTF8(end, ""); !r.taken[made] {
			r.taken[made] = true
			return made
		}
	}
}

// change is text in the place of a piece of another.
type change struct {
	from, to int
	text     string
}

// changes are made to one text.
type changes []change

func (c *changes) put(from, to int, text string) { *c = append(*c, change{from, to, text}) }

func (c changes) apply(sql string) string {
	slices.SortStableFunc(c, func(a, b change) int { return a.from - b.from })
	var out strings.Builder
	done := 0
	for _, x := range c {
		if x.from < done {
			continue // within what was taken out
		}
		out.WriteString(sql[done:x.from] + x.text)
		done = x.to
	}
	return out.String() + sql[done:]
}

// rewrite gives the statements of an entry for the new name; "" where nothing of them is left.
func (r *renaming) rewrite(sql string) (string, error) {
	var c changes
	left := 0
	for _, s := range statements(sql) {
		if len(s) == 0 {
			continue
		}
		keep, ok := r.statement(s, &c)
		if !ok {
			return "", fault.New(fault.Validation, fault.InvalidInput, "Restore the table under its own name into another database (--create --table), and rename it there.",
				"the definition of %s.%s says what cofre cannot put under another name: %.200s", r.from.schema, r.from.name, oneLine(sql[s[0].Start:]))
		}
		if !keep {
			end := s[len(s)-1].End
			if semicolon := strings.IndexByte(sql[end:], ';'); semicolon >= 0 {
				end += semicolon + 1
			}
			c.put(s[0].Start, end, "")
			continue
		}
		left++
		r.wholeRows(s, &c)
	}
	if left == 0 {
		return "", nil
	}
	return c.apply(sql), nil
}

// wholeRows renames the table where an expression takes a row of it whole: CHECK (orders.* IS NOT NULL).
func (r *renaming) wholeRows(s statement, c *changes) {
	for i := range s {
		if s[i].Name() && s[i].Text == r.from.name && s.follow(i+1, ".", "*") && !(i > 0 && s[i-1].Is(".")) {
			c.put(s[i].Start, s[i].End, postgres.QuoteIdent(r.to.name))
		}
	}
}

// table renames the table at a place.
func (r *renaming) table(s statement, at int, c *changes) bool {
	n, ok := s.qualified(at)
	if !ok || n != r.from {
		return false
	}
	c.put(s[at].Start, s[at+2].End, postgres.Table{Schema: r.to.schema, Name: r.to.name}.SQL())
	return true
}

// other renames an object at a place, to what is known of it.
func (r *renaming) other(s statement, at int, c *changes, known func(name) (string, bool)) bool {
	n, ok := s.qualified(at)
	if !ok {
		return false
	}
	made, ok := known(n)
	if ok {
		c.put(s[at].Start, s[at+2].End, postgres.Table{Schema: r.to.schema, Name: made}.SQL())
	}
	return ok
}

func (r *renaming) index(n name) (string, bool) {
	made, ok := r.indexes[n.name]
	return made, ok && n.schema == r.from.schema
}

func (r *renaming) sequence(n name) (string, bool) { made, ok := r.sequences[n]; return made, ok }
func (r *renaming) statistic(n name) (string, bool) {
	made, ok := r.statistics[n]
	return made, ok
}

// bare renames an index whose name stands without a schema.
func (r *renaming) bare(s statement, at int, c *changes) bool {
	if at < 0 || at >= len(s) || !s[at].Name() {
		return false
	}
	made, ok := r.indexes[s[at].Text]
	if ok {
		c.put(s[at].Start, s[at].End, postgres.QuoteIdent(made))
	}
	return ok
}

// statement rewrites one; ok is false when it is not understood, keep when it is to be left out.
func (r *renaming) statement(s statement, c *changes) (keep, ok bool) {
	switch {
	case s.begins("create", "table"), s.begins("create", "unlogged", "table"):
		return true, r.createTable(s, c)
	case s.begins("alter", "table"):
		return r.alterTable(s, c)
	case s.begins("create", "index"), s.begins("create", "unique", "index"):
		at := s.behind("index")
		return true, r.bare(s, at, c) && s.follow(at+1, "on") && r.table(s, s.skip(at+2, "only"), c)
	case s.begins("alter", "index") && s.follow(5, "alter", "column"):
		return true, r.other(s, 2, c, r.index)
	case s.begins("create", "statistics"):
		return true, r.other(s, 2, c, r.statistic) && r.table(s, s.skip(s.behind("from"), "only"), c)
	case s.begins("alter", "statistics"):
		return true, r.other(s, 2, c, r.statistic)
	case s.begins("alter", "sequence") && (s.follow(5, "set", "logged") || s.follow(5, "set", "unlogged")):
		return true, r.other(s, 2, c, r.sequence)
	case s.begins("select", "pg_catalog", ".", "setval", "(") && len(s) > 5 && s[5].Kind == postgres.String && len(r.sequences) == 1:
		for _, made := range r.sequences {
			c.put(s[5].Start, s[5].End, postgres.QuoteLiteral(postgres.Table{Schema: r.to.schema, Name: made}.SQL()))
		}
		return true, true
	case s.begins("comment", "on"):
		return true, r.object(s, 2, c)
	case s.begins("security", "label"):
		return true, r.object(s, s.behind("on"), c)
	case s.begins("grant"), s.begins("revoke"):
		at := s.behind("on")
		return true, s.follow(at, "sequence") && r.other(s, at+1, c, r.sequence) || r.table(s, s.skip(at, "table"), c)
	case s.begins("set", "session", "authorization"), s.begins("reset", "session", "authorization"):
		return true, true
	}
	return false, false
}

// object renames what a comment or a label is about.
func (r *renaming) object(s statement, at int, c *changes) bool {
	switch {
	case s.follow(at, "table"), s.follow(at, "column"):
		return r.table(s, at+1, c)
	case s.follow(at, "index"):
		return r.other(s, at+1, c, r.index)
	case s.follow(at, "sequence"):
		return r.other(s, at+1, c, r.sequence)
	case s.follow(at, "statistics"):
		return r.other(s, at+1, c, r.statistic)
	case s.follow(at, "constraint") && s.follow(at+2, "on"):
		r.bare(s, at+1, c) // of a check it stays
		return r.table(s, at+3, c)
	}
	return false
}

// alterTable rewrites what pg_dump writes behind CREATE TABLE, and in entries of their own.
func (r *renaming) alterTable(s statement, c *changes) (keep, ok bool) {
	at := s.skip(2, "only")
	if !r.table(s, at, c) {
		return false, false
	}
	at += 3
	noInherit := len(s) > 1 && s.follow(len(s)-2, "no", "inherit")
	switch {
	case s.follow(at, "alter", "column") && (s.follow(at+3, "set") || s.follow(at+3, "reset")):
		return true, true
	case s.follow(at, "alter", "column") && s.follow(at+3, "add", "generated"):
		in := s.sequenceName(at)
		n, named := s.qualified(in)
		made, known := r.sequences[n]
		if named && known {
			c.put(s[in].Start, s[in+2].End, postgres.Table{Schema: r.to.schema, Name: made}.SQL())
		}
		return true, named && known
	case s.follow(at, "replica", "identity", "using", "index"):
		return true, r.bare(s, at+4, c)
	case s.follow(at, "replica", "identity"), s.follow(at, "enable", "row", "level", "security"):
		return true, true
	case s.follow(at, "force", "row", "level", "security"):
		r.leftOut = append(r.leftOut, "row security for its owner, too (FORCE): there are no policies")
		return false, true
	case s.follow(at, "cluster", "on"):
		return true, r.bare(s, at+2, c)
	case !s.follow(at, "add", "constraint"):
		return false, false
	case s.follow(at+3, "check"), s.follow(at+3, "not", "null"):
		return !(noInherit && r.merged), true
	case s.follow(at+3, "primary", "key"), s.follow(at+3, "unique"), s.follow(at+3, "exclude"):
		return true, r.bare(s, at+2, c)
	}
	return false, false
}

// sequenceName gives the place of the name of an identity's sequence.
func (s statement) sequenceName(from int) int {
	for i := from; i < len(s); i++ {
		if s.follow(i, "sequence", "name") {
			return i + 2
		}
	}
	return none
}

// createTable makes a table of its own of a partitioned one, a partition, or one that inherits.
func (r *renaming) createTable(s statement, c *changes) bool {
	at := s.behind("table")
	if !r.table(s, at, c) {
		return false
	}
	at += 3
	if s.follow(at, "of") { // a type
		if _, ok := s.qualified(at + 1); !ok {
			return false
		}
		at += 4
	}
	if s.follow(at, "(") {
		close := s.closing(at)
		if close == none {
			return false
		}
		r.ownRows(s[at+1:close], c)
		at = close + 1
	}
	for at < len(s) {
		close := none
		switch {
		case s.follow(at, "inherits", "("), s.follow(at, "with", "("):
			close = s.closing(at + 1)
		case s.follow(at, "partition", "by") && s.follow(at+3, "("):
			if close = s.closing(at + 3); close != none {
				c.put(s[at].Start, s[close].End, "")
			}
		}
		if close == none {
			return false
		}
		at = close + 1
	}
	return true
}

// closing gives the place of the parenthesis that closes the one at a place.
func (s statement) closing(at int) int {
	for i := at + 1; i < len(s); i++ {
		if s[i].Is(")") && s[i].Depth == s[at].Depth {
			return i
		}
	}
	return none
}

// ownRows takes out of a table's columns and constraints what holds for its own rows alone (NO INHERIT), where others come along.
func (r *renaming) ownRows(body statement, c *changes) {
	if !r.merged {
		return
	}
	elements := body.elements()
	for n, e := range elements {
		at := len(e) - 2
		if at < 2 || !e.follow(at, "no", "inherit") {
			continue
		}
		r.leftOut = append(r.leftOut, "a constraint of the table's own rows (NO INHERIT): "+e.text())
		switch {
		case !e[0].Is("constraint"): // CONSTRAINT name NOT NULL NO INHERIT, of a column
			from := at - 2
			if from >= 2 && e[from-2].Is("constraint") {
				from -= 2
			}
			c.put(e[from].Start, e[len(e)-1].End, "")
		case n > 0:
			c.put(elements[n-1][len(elements[n-1])-1].End, e[len(e)-1].End, "")
		case len(elements) > 1:
			c.put(e[0].Start, elements[1][0].Start, "")
		default:
			c.put(e[0].Start, e[len(e)-1].End, "")
		}
	}
}

// elements splits a list at its commas.
func (s statement) elements() []statement {
	var out []statement
	from := 0
	for i := range s {
		if s[i].Is(",") && s[i].Depth == s[0].Depth {
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	if from < len(s) {
		out = append(out, s[from:])
	}
	return out
}

// text gives the tokens as words, for people.
func (s statement) text() string {
	var out []string
	for _, t := range s {
		out = append(out, t.Text)
	}
	return strings.Join(out, " ")
}
