package contents

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"cofre/pkg/lazyregexp"
)

// Script follows SQL as pg_dump writes it (--format=plain) and counts the rows of its COPY blocks, the values of its sequences,
// and its large objects. It is a writer that takes pieces of any size, and keeps at most a statement's first 128 KiB.
//
// It reads as psql does (src/fe_utils/psqlscan.l): a COPY inside a string, a function's body or a comment is none.
type Script struct {
	// Done, when set, is called with the name of each table whose last row was read.
	Done func(schema, name string, columns Columns, t Tally)

	sequences map[key]Sequence
	objects   LargeObjects

	state     scriptState
	prev      byte // the byte before; 0 at the beginning of a statement
	depth     int  // of comments
	escapes   bool // a backslash escapes inside this string
	legacy    bool // standard_conforming_strings is off
	tag       []byte
	match     int // how much of the closing tag was seen
	statement []byte
	text      Text
	schema    string
	name      string
	columns   Columns
	object    *LargeObject // that is being written
	err       error
}

type scriptState byte

const (
	inStatement scriptState = iota
	inComment
	inString
	inName
	inTag    // $tag
	inDollar // $tag$ …
	inLines  // from here on bytes are not taken one by one
	inLineComment
	inMeta   // \restrict
	copyLine // behind COPY … FROM stdin;
	inCopy   // rows
)

// maxStatement is how much of a statement is kept, in bytes. pg_dump writes large objects 16 KiB at a time, which are 32 Ki digits.
const maxStatement = 128 << 10

// Write is io.Writer.
func (s *Script) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n := len(p)
	for len(p) > 0 && s.err == nil {
		switch s.state {
		case inCopy:
			p = p[s.text.take(p):]
			if s.text.Ended() {
				s.endCopy()
			}
		case inLineComment, inMeta, copyLine:
			i := bytes.IndexByte(p, '\n')
			if i < 0 {
				return n, nil
			}
			if s.state == copyLine {
				s.state = inCopy
			} else {
				s.state = inStatement
			}
			s.prev, p = '\n', p[i+1:]
		default:
			k := 0
			for k < len(p) && s.err == nil && s.state < inLines {
				s.char(p[k])
				k++
			}
			p = p[k:]
		}
	}
	if s.err != nil {
		return 0, s.err
	}
	return n, nil
}

// char takes one byte outside of rows.
func (s *Script) char(c byte) {
	prev := s.prev
	s.prev = c
	switch s.state {
	case inString:
		s.keep(c)
		switch {
		case s.escapes && prev == '\\':
			s.prev = 0 // it is escaped, whatever it is
		case c == '\'':
			s.state = inStatement // a doubled one begins the string again
		}
	case inName:
		s.keep(c)
		if c == '"' {
			s.state = inStatement
		}
	case inComment:
		switch {
		case prev == '*' && c == '/':
			s.depth--
			s.prev = 0
		case prev == '/' && c == '*':
			s.depth++
			s.prev = 0
		}
		if s.depth == 0 {
			s.state = inStatement
		}
	case inTag:
		switch {
		case c == '$':
			s.tag = append(s.tag, c)
			s.state, s.match = inDollar, 0
		case identifierByte(c) && len(s.tag) < 256 && !(len(s.tag) == 1 && c >= '0' && c <= '9'):
			s.tag = append(s.tag, c)
		default: // a parameter, or an operator
			s.state = inStatement
			s.top(c, prev)
		}
	case inDollar:
		switch {
		case c == s.tag[s.match]:
			s.match++
		case c == '$':
			s.match = 1
		default:
			s.match = 0
		}
		if s.match == len(s.tag) {
			s.state, s.prev = inStatement, '$'
		}
	default:
		s.top(c, prev)
	}
}

// top takes a byte of a statement outside of quotes.
func (s *Script) top(c, prev byte) {
	switch {
	case c == '-' && prev == '-':
		s.drop()
		s.state = inLineComment
		return
	case c == '*' && prev == '/':
		s.drop()
		s.state, s.depth, s.prev = inComment, 1, 0
		return
	case c == '\\':
		s.state = inMeta
		return
	case c == ';':
		s.end()
		return
	case c == '\'':
		// E'…', but not the end of a name such as page'…'; a string that goes on behind a doubled quote is as it was.
		if prev != '\'' {
			before := byte(0)
			if n := len(s.statement); n > 1 {
				before = s.statement[n-2]
			}
			s.escapes = s.legacy || (prev == 'E' || prev == 'e') && !identifierByte(before)
		}
		s.state = inString
	case c == '"':
		s.state = inName
	case c == '$' && !identifierByte(prev):
		s.state, s.tag = inTag, append(s.tag[:0], c)
	}
	if len(s.statement) == 0 && (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
		return
	}
	s.keep(c)
}

func identifierByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func (s *Script) keep(c byte) {
	if len(s.statement) < maxStatement {
		s.statement = append(s.statement, c)
	}
}

// drop takes the first character of a comment's opening back.
func (s *Script) drop() {
	if n := len(s.statement); n > 0 && n < maxStatement {
		s.statement = s.statement[:n-1]
	}
}

var (
	setval     = lazyregexp.New(`^SELECT pg_catalog\.setval\('((?:[^']|'')*)', (-?\d+), (true|false)\)$`)
	openObject = lazyregexp.New(`^SELECT pg_catalog\.lo_open\('(\d+)', \d+\)$`)
)

const (
	writeObject = `SELECT pg_catalog.lowrite(0, '\x`
	closeObject = `SELECT pg_catalog.lo_close(0)`
)

// end takes the statement that has ended.
func (s *Script) end() {
	st := s.statement
	s.statement, s.prev = s.statement[:0], 0
	switch {
	case bytes.HasPrefix(st, []byte("COPY ")):
		if !bytes.HasSuffix(st, []byte(" FROM stdin")) {
			return
		}
		var ok bool
		if s.schema, s.name, s.columns, ok = ParseCopy(string(st)); !ok {
			s.err = errors.New("a COPY statement that is not as pg_dump writes it")
			return
		}
		s.text.Reset()
		s.state = copyLine
	case bytes.HasPrefix(st, []byte("SET standard_conforming_strings = ")):
		s.legacy = bytes.HasSuffix(st, []byte("off"))
	case bytes.HasPrefix(st, []byte("SELECT pg_catalog.")):
		s.call(st)
	}
}

// call takes the functions by which pg_dump sets sequences and writes large objects.
func (s *Script) call(st []byte) {
	if q, is := ParseSetval(string(st)); is {
		if s.sequences == nil {
			s.sequences = map[key]Sequence{}
		}
		s.sequences[key{q.Schema, q.Name}] = q
		return
	}
	if m := openObject().FindSubmatch(st); m != nil {
		oid, err := strconv.ParseUint(string(m[1]), 10, 32)
		if err != nil {
			return
		}
		s.object = NewLargeObject(uint32(oid))
		return
	}
	if s.object == nil {
		return
	}
	if digits, is := bytes.CutPrefix(st, []byte(writeObject)); is {
		digits, is = bytes.CutSuffix(digits, []byte("')"))
		raw, err := hex.AppendDecode(nil, digits)
		if !is || err != nil {
			s.err = errors.New("a large object is not as pg_dump writes it")
			return
		}
		s.object.Write(raw)
	} else if string(st) == closeObject {
		s.object.AddTo(&s.objects)
		s.object = nil
	}
}

// ParseSetval reads the statement by which pg_dump sets a sequence.
func ParseSetval(sql string) (Sequence, bool) {
	m := setval().FindStringSubmatch(strings.TrimSuffix(strings.TrimSpace(sql), ";"))
	if m == nil {
		return Sequence{}, false
	}
	schema, name, rest, err := ParseQualified(strings.ReplaceAll(m[1], "''", "'"))
	v, verr := strconv.ParseInt(m[2], 10, 64)
	return Sequence{schema, name, v, m[3] == "true"}, err == nil && rest == "" && verr == nil
}

// ParseCopy reads the table and its columns out of a COPY statement of pg_dump: COPY schema.name (a, b) FROM stdin;
func ParseCopy(sql string) (schema, name string, columns Columns, ok bool) {
	rest, is := strings.CutPrefix(sql, "COPY ")
	if !is {
		return "", "", columns, false
	}
	schema, name, rest, err := ParseQualified(rest)
	if err != nil {
		return "", "", columns, false
	}
	var names []string
	for rest, is = strings.CutPrefix(rest, " ("); is; rest, is = strings.CutPrefix(rest, ", ") {
		var column string
		if column, rest, err = identifier(rest); err != nil {
			return "", "", columns, false
		}
		names = append(names, column)
	}
	columns.Order = HashStrings(names...).String()[:16]
	slices.Sort(names)
	columns.Names = HashStrings(names...).String()[:16]
	return schema, name, columns, true
}

func (s *Script) endCopy() {
	s.state, s.prev = inStatement, 0
	t, _ := s.text.Tally()
	if s.Done != nil {
		s.Done(s.schema, s.name, s.columns, t)
	}
}

// Close returns the sequences and the large objects, nil where there are none, once the script has ended. It fails where that was
// not between two statements.
func (s *Script) Close() ([]Sequence, *LargeObjects, error) {
	switch {
	case s.err != nil:
		return nil, nil, s.err
	case s.state == inCopy:
		return nil, nil, errors.New("the script ends inside the rows of " + Qualified(s.schema, s.name))
	case s.state != inStatement && s.state != inLineComment && s.state != inMeta:
		return nil, nil, errors.New("the script ends inside a statement")
	}
	var out []Sequence
	for _, q := range s.sequences {
		out = append(out, q)
	}
	if s.objects.Count == 0 {
		return out, nil, nil
	}
	return out, &s.objects, nil
}
