package rows

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"cofre/pkg/fault"
	"cofre/pkg/tuples"
)

// ErrEnough is what Write returns once the limit has been reached.
var ErrEnough = errors.New("rows: that is enough")

// form is a way of writing rows. Columns are numbered as they are shown.
type form interface {
	head(columns []string)
	null(column int)
	begin(column int)
	data(p []byte) error // of the field that has begun, decoded, or as it is where raw says so
	end() error
	endRow() error
	raw() bool
	flush() error
}

// Options say what is shown of a table.
type Options struct {
	Columns []string // of the table, in the order of its rows
	Show    []string // of those, in any order; empty shows all. They are shown in the table's order, as they come
	Limit   int64    // rows at most; 0 is all
	// Binary says that the rows are COPY's binary format, and Types what the columns are, as BinaryTypes names them.
	Binary bool
	Types  []string
	// ASCII says that bytes beyond ASCII cannot be taken for UTF-8: the database's encoding is another. JSON refuses them.
	ASCII bool
}

// Reader reads rows in one of COPY's formats that are written to it.
type Reader struct {
	f     form
	limit int64
	shown []int // for each column its number as it is shown, or -1
	rows  int64

	column  int // of the present field
	state   state
	escape  [4]byte // an escape that has begun, behind the backslash
	escaped int
	fresh   bool // the escape is the first of its field
	few     [2]byte
	err     error

	// Of binary rows.
	binary bool
	tuples tuples.Reader
	types  []string
	value  value
	null   bool // the present field is
}

type state byte

const (
	rowBegins state = iota
	fieldBegins
	inField
	inEscape
	afterNull // "\N" came, which must be all of the field
	afterEnd  // "\." came
)

// newReader makes a Reader that writes with a form. Its errors are the caller's: an unknown column is invalid_input.
func newReader(f form, o Options) (*Reader, error) {
	r := &Reader{f: f, limit: o.Limit, shown: make([]int, len(o.Columns))}
	var names []string
	for i, c := range o.Columns {
		r.shown[i] = -1
		if len(o.Show) == 0 || slices.Contains(o.Show, c) {
			r.shown[i] = len(names)
			names = append(names, c)
		}
	}
	for _, c := range o.Show {
		if !slices.Contains(o.Columns, c) {
			return nil, fault.New(fault.Validation, fault.InvalidInput, "It has: "+quotedList(o.Columns), "the table has no column %.100q", c)
		}
	}
	if r.binary = o.Binary; o.Binary {
		if err := r.typed(o); err != nil {
			return nil, err
		}
	}
	f.head(names)
	return r, nil
}

// typed prepares for binary rows.
func (r *Reader) typed(o Options) error {
	if r.types = o.Types; len(o.Types) != len(o.Columns) {
		return r.damaged("it is said to have %d types, and %d columns", len(o.Types), len(o.Columns))
	}
	for i, t := range o.Types {
		if r.shown[i] >= 0 && !IsBinaryType(t) {
			return fault.New(fault.Validation, fault.NewerVersion, "Install the newest cofre on this machine, leave the column out (--columns), or restore the table.",
				"binary values of the type %.40q, which column %.100q has, are not known", t, o.Columns[i])
		}
	}
	if r.value.out = r.f.data; r.f.raw() {
		r.value.out = (&escaper{out: r.f.data}).write
	}
	return nil
}

// quotedList is names for a message, those that do not fit left out.
func quotedList(names []string) string {
	var b bytes.Buffer
	for i, n := range names {
		if b.Len() > 400 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(n)
	}
	return b.String()
}

// Rows is how many rows were shown.
func (r *Reader) Rows() int64 { return r.rows }

// Write takes the next bytes. It returns ErrEnough when the limit has been reached; a row that is none is
// structure_damaged.
func (r *Reader) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && r.err == nil {
		var used int
		if r.binary {
			used, r.err = r.stepBinary(p)
		} else {
			used, r.err = r.step(p)
		}
		p = p[used:]
	}
	return n - len(p), r.err
}

// Close writes what is left. Rows that end in the middle are structure_damaged.
func (r *Reader) Close() error {
	err := r.err
	switch {
	case errors.Is(err, ErrEnough):
		err = nil
	case err == nil && r.binary:
		if err = r.tuples.Close(); err != nil {
			err = r.damaged("%s", err)
		}
	case err == nil && r.state != afterEnd:
		err = r.damaged(`the rows do not end with COPY's end mark "\."`)
	}
	return errors.Join(err, r.f.flush())
}

func (r *Reader) damaged(format string, args ...any) error {
	return fault.New(fault.Validation, fault.StructureDamaged, "Validate the backup, and look for an older one that validates.",
		"row %d of the table is damaged: %s", r.rows+1, fmt.Sprintf(format, args...))
}

// step takes some of p.
func (r *Reader) step(p []byte) (int, error) {
	c := p[0]
	switch r.state {
	case afterEnd: // two more line feeds of pg_dump's
		return len(p), nil
	case rowBegins:
		if r.limit > 0 && r.rows >= r.limit {
			return 0, ErrEnough
		}
		r.column = 0
		if len(r.shown) == 0 && c == '\n' { // a row of no columns
			return 1, r.rowEnds()
		}
		r.state = fieldBegins
		return 0, nil
	case fieldBegins:
		if c == '\\' {
			r.state, r.escaped, r.fresh = inEscape, 0, true
			return 1, nil
		}
		r.state = inField
		return 0, r.begin()
	case afterNull:
		if c != '\t' && c != '\n' {
			return 0, r.damaged(`something follows \N`)
		}
		if i := r.shown[r.column]; i >= 0 {
			r.f.null(i)
		}
		return 1, r.next(c)
	case inEscape:
		return r.stepEscape(c)
	}
	return r.stepField(p)
}

// begin begins the present field, once it is known not to be NULL.
func (r *Reader) begin() error {
	if r.column >= len(r.shown) {
		return r.damaged("it has more than %d fields", len(r.shown))
	}
	if i := r.shown[r.column]; i >= 0 {
		r.f.begin(i)
	}
	return nil
}

func (r *Reader) stepField(p []byte) (int, error) {
	i := bytes.IndexAny(p, "\t\n\\")
	if i != 0 {
		if i < 0 {
			i = len(p)
		}
		return i, r.data(p[:i])
	}
	if p[0] == '\\' {
		r.state, r.escaped, r.fresh = inEscape, 0, false
		return 1, nil
	}
	if r.shown[r.column] >= 0 {
		if err := r.f.end(); err != nil {
			return 0, err
		}
	}
	return 1, r.next(p[0])
}

func (r *Reader) data(p []byte) error {
	if r.shown[r.column] < 0 {
		return nil
	}
	return r.f.data(p)
}

// next goes on behind a field that ended with a tab or a line feed.
func (r *Reader) next(c byte) error {
	r.column++
	if c == '\t' {
		r.state = fieldBegins
		return nil
	}
	if r.column != len(r.shown) {
		return r.damaged("it has %d fields, and the table %d columns", r.column, len(r.shown))
	}
	return r.rowEnds()
}

func (r *Reader) rowEnds() error {
	r.state = rowBegins
	r.rows++
	return r.f.endRow()
}
