package rows

import (
	"errors"
	"fmt"

	"cofre/pkg/tuples"
)

// stepBinary takes some of p, which is COPY's binary format.
func (r *Reader) stepBinary(p []byte) (int, error) {
	if r.tuples.Between() && r.limit > 0 && r.rows >= r.limit {
		return 0, ErrEnough
	}
	part, n, err := r.tuples.Next(p)
	if err != nil {
		return 0, r.damaged("%s", err)
	}
	switch part {
	case tuples.Row:
		r.column = 0
		if got := r.tuples.Number(); got != len(r.shown) {
			return 0, r.damaged("it has %d fields, and the table %d columns", got, len(r.shown))
		}
		if len(r.shown) == 0 {
			return n, r.rowEnds()
		}
	case tuples.Field:
		err = r.beginBinary(r.tuples.Number())
	case tuples.Data:
		if r.shown[r.column] >= 0 {
			err = r.value.write(p[:n])
		}
	default:
		return n, nil
	}
	if err == nil && part != tuples.Row && r.tuples.FieldEnds() {
		err = r.endBinary()
	}
	var bad valueError
	if errors.As(err, &bad) {
		err = r.damaged("its field %d is not a value of the type %s: %s", r.column+1, r.types[r.column], bad)
	}
	return n, err
}

// beginBinary begins a field of so many bytes, -1 for NULL.
func (r *Reader) beginBinary(length int) error {
	i := r.shown[r.column]
	switch r.null = length < 0; {
	case i < 0:
		return nil
	case r.null:
		r.f.null(i)
		return nil
	}
	r.f.begin(i)
	return r.value.begin(r.types[r.column], length)
}

func (r *Reader) endBinary() error {
	if r.shown[r.column] >= 0 && !r.null {
		if err := r.value.end(); err != nil {
			return err
		}
		if err := r.f.end(); err != nil {
			return err
		}
	}
	r.column++
	if r.tuples.Between() {
		return r.rowEnds()
	}
	return nil
}

// valueError says why bytes are no value of their type.
type valueError string

func (e valueError) Error() string { return string(e) }

func notValue(format string, args ...any) error { return valueError(fmt.Sprintf(format, args...)) }

// value makes PostgreSQL's text of a value's binary form, which comes in pieces.
type value struct {
	out func([]byte) error // takes the text

	// Of the value that has begun. First come so many bytes at once, to step, which says what comes next; in the end the rest, to stream.
	want   int
	step   func(v *value, b []byte) error
	stream func(v *value, p []byte) error // nil where nothing more may come
	last   func(v *value) error           // what comes behind everything; may be nil

	held []byte // what there is of want
	text []byte
	left int  // points, ranges or bits to come
	more bool // not the first of them
	size bool // the next number is the length of a range
	kind string
}

// begin begins a value of a type, of so many bytes.
func (v *value) begin(name string, length int) error {
	v.want, v.step, v.stream, v.last, v.held = 0, nil, nil, nil, v.held[:0]
	v.left, v.more, v.size, v.kind = 0, false, false, name
	t, known := binaryTypes[name]
	switch {
	case !known:
		return notValue("it is not known")
	case t.pass:
		v.stream = passOn
	case t.bytes != 0 && length != t.bytes:
		return notValue("%d bytes", length)
	case t.text != nil:
		if length > t.most+t.bytes {
			return notValue("%d bytes", length)
		}
		v.want, v.step = length, func(v *value, b []byte) (err error) {
			if v.text, err = t.text(v.text[:0], b); err != nil {
				return err
			}
			return v.out(v.text)
		}
	default:
		v.want, v.step, v.last = t.want, t.step, t.last
	}
	if v.want == 0 && v.step != nil {
		return v.step(v, nil)
	}
	return nil
}

func passOn(v *value, p []byte) error { return v.out(p) }

// write takes the next bytes.
func (v *value) write(p []byte) error {
	for len(p) > 0 {
		switch {
		case v.want == 0 && v.stream == nil:
			return notValue("%d bytes more than it has", len(p))
		case v.want == 0:
			return v.stream(v, p)
		case len(v.held) == 0 && len(p) >= v.want:
			b := p[:v.want]
			p, v.want = p[v.want:], 0
			if err := v.step(v, b); err != nil {
				return err
			}
		default:
			n := min(len(p), v.want-len(v.held))
			v.held = append(v.held, p[:n]...)
			p = p[n:]
			if len(v.held) == v.want {
				v.want = 0
				if err := v.step(v, v.held); err != nil {
					return err
				}
				v.held = v.held[:0]
			}
		}
	}
	return nil
}

func (v *value) end() error {
	if v.want > 0 || v.left > 0 {
		return notValue("it ends too early")
	}
	if v.last != nil {
		return v.last(v)
	}
	return nil
}

// escaper writes text as COPY's text format has it (CopyAttributeOutText in PostgreSQL's src/backend/commands/copyto.c).
type escaper struct {
	out func([]byte) error
	buf []byte
}

func (e *escaper) write(p []byte) error {
	e.buf = e.buf[:0]
	for _, c := range p {
		switch c {
		case '\b':
			e.buf = append(e.buf, '\\', 'b')
		case '\f':
			e.buf = append(e.buf, '\\', 'f')
		case '\n':
			e.buf = append(e.buf, '\\', 'n')
		case '\r':
			e.buf = append(e.buf, '\\', 'r')
		case '\t':
			e.buf = append(e.buf, '\\', 't')
		case '\v':
			e.buf = append(e.buf, '\\', 'v')
		case '\\':
			e.buf = append(e.buf, '\\', '\\')
		default:
			e.buf = append(e.buf, c)
		}
	}
	return e.out(e.buf)
}
