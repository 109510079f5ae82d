package archive

import (
	"slices"
	"strings"

	"cofre/pkg/fault"
)

// FindTable finds the entry with the data of a table by its name: TABLE, or SCHEMA.TABLE, as it is stored or quoted as
// in SQL. A name that fits several tables is refused with the list of them (invalid_input), one that fits none with what is
// like it (not_found); so is a table whose rows are not in the archive.
func (h *Head) FindTable(name string) (*Entry, error) {
	var exact, folded []*Entry
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Desc != descTableData || !e.HasData {
			continue
		}
		if isNamed(e, name) {
			exact = append(exact, e)
		} else if isNamed(e, strings.ToLower(name)) { // as SQL reads what is not quoted
			folded = append(folded, e)
		}
	}
	if len(exact) == 0 {
		exact = folded
	}
	switch len(exact) {
	case 1:
		return exact[0], nil
	case 0:
		return nil, h.noTable(name)
	}
	var labels []string
	for _, e := range exact {
		labels = append(labels, e.Label())
	}
	return nil, fault.New(fault.Validation, fault.InvalidInput, "Give it with its schema: "+strings.Join(first(labels), ", "),
		"%d tables are named %.200q", len(labels), name)
}

// noTable says why a table cannot be read.
func (h *Head) noTable(name string) error {
	var like []string
	for i := range h.Entries {
		e := &h.Entries[i]
		if isNamed(e, name) && slices.Contains([]string{"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW"}, e.Desc) {
			kind := strings.ToLower(e.Desc)
			hint := "A partitioned table's rows are in its partitions. The rows of a table may have been left out when the backup was made: its record says so (cofre info)."
			if kind != "table" {
				hint = "A backup holds the rows of tables; those of a " + kind + " are made anew, or live elsewhere."
			}
			return fault.New(fault.Validation, fault.NotFound, hint, "the backup has the %s %s, and no rows of its own for it", kind, e.Label())
		}
		if e.Desc == descTableData && e.HasData && strings.Contains(strings.ToLower(e.Label()), strings.ToLower(name)) {
			like = append(like, e.Label())
		}
	}
	hint := "See which tables it has: cofre contents, or pg_restore --list"
	if len(like) > 0 {
		hint = "Tables like it: " + strings.Join(first(like), ", ")
	}
	return fault.New(fault.Validation, fault.NotFound, hint, "the backup has no table %.200q", name)
}

// first is what fits into a message.
func first(names []string) []string {
	const most = 10
	if len(names) > most {
		return append(slices.Clone(names[:most]), "…")
	}
	return names
}

func isNamed(e *Entry, name string) bool {
	if name == e.Tag || name == e.Namespace+"."+e.Tag {
		return true
	}
	first, rest, ok := cutName(name)
	if !ok || rest == "" {
		return ok && first == e.Tag
	}
	second, rest, ok := cutName(strings.TrimPrefix(rest, "."))
	return ok && rest == "" && first == e.Namespace && second == e.Tag
}

// String names an entry for people: "INDEX app.orders_total".
func (e *Entry) String() string {
	switch {
	case e.About():
		return e.Desc + " ON " + e.Tag
	case e.Namespace == "" || strings.HasPrefix(e.Desc, "DEFAULT ACL"):
		return e.Desc + " " + e.Tag
	}
	return e.Desc + " " + e.Namespace + "." + e.Tag
}

// About reports whether an entry only says something about another object, whose kind its tag begins with.
func (e *Entry) About() bool {
	return e.Desc == "COMMENT" || e.Desc == "ACL" || e.Desc == "SECURITY LABEL"
}

// Label is the entry's name with its schema, as SQL has it.
func (e *Entry) Label() string {
	if e.Namespace == "" {
		return quoteName(e.Tag)
	}
	return quoteName(e.Namespace) + "." + quoteName(e.Tag)
}

// quoteName quotes a name where SQL wants that, but for reserved words.
func quoteName(s string) string {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && (c >= '0' && c <= '9' || c == '$')) {
			return alwaysQuoted(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

func alwaysQuoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// Copied is how the rows in the block of a table are written.
type Copied struct {
	Columns []string // in the order of the rows
	// Binary rows are COPY's binary format, of values of these Types, one for each column, named as in pg_type. Others are its text.
	Binary bool
	Types  []string
}

// Copied reads an entry's COPY statement. ok is false when there is none, as in an archive of INSERT commands, or when it is neither
// one of pg_dump's nor of BinaryRows.
func (e *Entry) Copied() (c Copied, ok bool) {
	s, found := strings.CutPrefix(e.CopyStmt, "COPY ")
	if !found {
		return c, false
	}
	skipName := func() {
		for {
			_, rest, ok := cutName(s)
			if s = rest; !ok || !strings.HasPrefix(s, ".") {
				return
			}
			s = s[1:]
		}
	}
	skipName()
	s = strings.TrimLeft(s, " ")
	if list, has := strings.CutPrefix(s, "("); has {
		for {
			name, rest, ok := cutName(list)
			if !ok {
				return c, false
			}
			c.Columns = append(c.Columns, name)
			if rest, more := strings.CutPrefix(rest, ", "); more {
				list = rest
				continue
			}
			if s, ok = strings.CutPrefix(rest, ") "); !ok {
				return c, false
			}
			break
		}
	}
	if s == "FROM stdin;\n" {
		return c, true
	}
	s, c.Binary = strings.CutPrefix(s, "FROM stdin /* ")
	types, whole := strings.CutSuffix(s, " */"+binaryEnd)
	c.Types = strings.Split(types, ", ")
	return c, c.Binary && whole && len(c.Types) == len(c.Columns) && !slices.ContainsFunc(c.Types, notType)
}

// notType reports whether a name is none of those that BinaryRows takes.
func notType(name string) bool {
	return name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != ""
}

// binaryEnd is what a COPY statement of binary rows ends with.
const binaryEnd = " WITH (FORMAT binary);\n"

// BinaryRows makes the entry's COPY statement read binary rows with values of these types, one for each column, named as in pg_type,
// which a comment in the statement says: nothing else in an archive of rows alone would. Its block must hold COPY's binary stream
// then, whole and without CopyEnd. It reports whether it could.
func (e *Entry) BinaryRows(types []string) bool {
	c, ok := e.Copied()
	if !ok || c.Binary || len(types) == 0 || len(types) != len(c.Columns) || slices.ContainsFunc(types, notType) {
		return false
	}
	e.CopyStmt = strings.TrimSuffix(e.CopyStmt, ";\n") + " /* " + strings.Join(types, ", ") + " */" + binaryEnd
	return true
}

// textRows is the opposite of BinaryRows. It reports whether the rows were binary.
func (e *Entry) textRows() bool {
	if c, ok := e.Copied(); !ok || !c.Binary {
		return false
	}
	e.CopyStmt = e.CopyStmt[:strings.LastIndex(e.CopyStmt, " /* ")] + ";\n"
	return true
}

// HasBinaryRows reports whether the rows of some tables are binary.
func (h *Head) HasBinaryRows() bool {
	return slices.ContainsFunc(h.Entries, func(e Entry) bool { return e.HasData && e.copyFormat() == copyBinary })
}

// copyFormat is how the rows in a block are written, as far as checking them is concerned.
type copyFormat byte

const (
	notCopied copyFormat = iota // no COPY statement
	copyText
	copyBinary
)

// copyFormat goes by the end of the statement, which is all that is kept of it for checking.
func (e *Entry) copyFormat() copyFormat {
	switch {
	case e.CopyStmt == "":
		return notCopied
	case strings.HasSuffix(e.CopyStmt, binaryEnd):
		return copyBinary
	}
	return copyText
}

// notKept stands for a COPY statement of which only the format is kept.
func (e *Entry) notKept() string {
	switch e.copyFormat() {
	case notCopied:
		return ""
	case copyBinary:
		return binaryEnd
	}
	return "(not kept)"
}

// cutName reads one SQL identifier from the beginning of s.
func cutName(s string) (name, rest string, ok bool) {
	quoted, is := strings.CutPrefix(s, `"`)
	if !is {
		i := strings.IndexAny(s, ` .,()";`)
		if i < 0 {
			i = len(s)
		}
		if i == 0 {
			return "", s, false
		}
		return s[:i], s[i:], true
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(quoted, '"')
		if i < 0 {
			return "", s, false
		}
		b.WriteString(quoted[:i])
		if quoted = quoted[i+1:]; !strings.HasPrefix(quoted, `"`) {
			return b.String(), quoted, true
		}
		b.WriteByte('"')
		quoted = quoted[1:]
	}
}

// Encoding is the encoding of the archive's text, "" where it does not say.
func (h *Head) Encoding() string {
	for i := range h.Entries {
		if e := &h.Entries[i]; e.Desc == "ENCODING" { // SET client_encoding = 'UTF8';
			if _, rest, ok := strings.Cut(e.Defn, "'"); ok {
				name, _, _ := strings.Cut(rest, "'")
				return name
			}
		}
	}
	return ""
}
