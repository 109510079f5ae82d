package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"cofre/pkg/fault"
)

// Format is how rows are written.
type Format string

// The formats.
const (
	// CSV is RFC 4180 with a line feed behind each line, and a first line of names. As in PostgreSQL's own, NULL is nothing, and
	// an empty string is "".
	CSV Format = "csv"
	// JSON is an object a line, whose values are strings as PostgreSQL writes them, or null.
	JSON Format = "json"
	// Copy is COPY's text format as the backup has it, without the end mark.
	Copy Format = "copy"
)

// Formats are all there are.
var Formats = []Format{CSV, JSON, Copy}

// NewReader makes a Reader that writes the rows to w.
func NewReader(w io.Writer, f Format, o Options) (*Reader, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	switch f {
	case CSV:
		return newReader(&csvForm{w: out}, o)
	case JSON:
		return newReader(&jsonForm{w: out, text: text{ascii: o.ASCII}}, o)
	case Copy:
		return newReader(&copyForm{w: out}, o)
	}
	return nil, fault.New(fault.Validation, fault.InvalidInput, "Use csv, json or copy.", "the format %.40q is unknown", f)
}

// csvForm holds the beginning of a field until it is known whether it needs quotes.
type csvForm struct {
	w      *bufio.Writer
	held   []byte
	quoted bool
}

// csvHold is how much of a field is held, in bytes. A longer one gets quotes, which do no harm.
const csvHold = 4 << 10

func (f *csvForm) raw() bool    { return false }
func (f *csvForm) flush() error { return f.w.Flush() }

func (f *csvForm) head(columns []string) {
	for i, c := range columns {
		f.begin(i)
		_ = f.data([]byte(c))
		_ = f.end()
	}
	_ = f.endRow()
}

func (f *csvForm) comma(column int) {
	if column > 0 {
		_ = f.w.WriteByte(',')
	}
}

func (f *csvForm) null(column int) { f.comma(column) }

func (f *csvForm) begin(column int) {
	f.comma(column)
	f.held, f.quoted = f.held[:0], false
}

func (f *csvForm) data(p []byte) error {
	if !f.quoted {
		if len(f.held)+len(p) <= csvHold && bytes.IndexAny(p, ",\"\r\n") < 0 {
			f.held = append(f.held, p...)
			return nil
		}
		f.quoted = true
		_ = f.w.WriteByte('"')
		_, _ = f.w.Write(f.held)
	}
	for {
		i := bytes.IndexByte(p, '"')
		if i < 0 {
			_, err := f.w.Write(p)
			return err
		}
		_, _ = f.w.Write(p[:i+1])
		_ = f.w.WriteByte('"')
		p = p[i+1:]
	}
}

func (f *csvForm) end() error {
	var err error
	switch s := string(f.held); {
	case f.quoted:
		err = f.w.WriteByte('"')
	case s == "" || s == `\.`: // COPY takes the latter for the end
		_, err = f.w.WriteString(`"` + s + `"`)
	default:
		_, err = f.w.WriteString(s)
	}
	return err
}

func (f *csvForm) endRow() error { return f.w.WriteByte('\n') }

// copyForm passes fields on as they are.
type copyForm struct{ w *bufio.Writer }

func (f *copyForm) raw() bool     { return true }
func (f *copyForm) flush() error  { return f.w.Flush() }
func (f *copyForm) head([]string) {}
func (f *copyForm) end() error    { return nil }

func (f *copyForm) null(column int) {
	f.begin(column)
	_, _ = f.w.WriteString(`\N`)
}

func (f *copyForm) begin(column int) {
	if column > 0 {
		_ = f.w.WriteByte('\t')
	}
}

func (f *copyForm) data(p []byte) error {
	_, err := f.w.Write(p)
	return err
}

func (f *copyForm) endRow() error { return f.w.WriteByte('\n') }

// jsonForm writes an object a line.
type jsonForm struct {
	w     *bufio.Writer
	names [][]byte
	text  text
	begun bool // the object has a member
	buf   []byte
}

func (f *jsonForm) raw() bool    { return false }
func (f *jsonForm) flush() error { return f.w.Flush() }

func (f *jsonForm) head(columns []string) {
	for _, c := range columns {
		f.names = append(f.names, append(appendString(nil, []byte(c)), ':'))
	}
}

func (f *jsonForm) name(column int) {
	c := byte(',')
	if !f.begun {
		c, f.begun = '{', true
	}
	_ = f.w.WriteByte(c)
	_, _ = f.w.Write(f.names[column])
}

func (f *jsonForm) null(column int) {
	f.name(column)
	_, _ = f.w.WriteString("null")
}

func (f *jsonForm) begin(column int) {
	f.name(column)
	f.text.reset()
	_ = f.w.WriteByte('"')
}

func (f *jsonForm) data(p []byte) error {
	return f.text.whole(p, func(p []byte) error {
		f.buf = appendEscaped(f.buf[:0], p)
		_, err := f.w.Write(f.buf)
		return err
	})
}

func (f *jsonForm) end() error {
	if err := f.text.complete(); err != nil {
		return err
	}
	return f.w.WriteByte('"')
}

func (f *jsonForm) endRow() error {
	if !f.begun {
		_ = f.w.WriteByte('{')
	}
	f.begun = false
	_, err := f.w.WriteString("}\n")
	return err
}

// appendString adds a JSON string. Names in another encoding than UTF-8 are shown as far as they can be.
func appendString(b, s []byte) []byte {
	quoted, _ := json.Marshal(strings.ToValidUTF8(string(s), "\ufffd"))
	return append(b, quoted...)
}

// appendEscaped adds what a JSON string holds (RFC 8259, 7).
func appendEscaped(b, p []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range p {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}

// text sees to it that a field is UTF-8, cut anywhere.
type text struct {
	ascii bool
	tail  []byte // the beginning of a character
}

func (t *text) reset() { t.tail = t.tail[:0] }

var errNoText = fault.New(fault.Validation, fault.InvalidInput, "Use the format csv or copy, which leave bytes as they are (cofre rows).",
	"a value is not UTF-8, and JSON is")

// whole calls f with whole characters.
func (t *text) whole(p []byte, f func([]byte) error) error {
	if t.ascii {
		for _, c := range p {
			if c >= utf8.RuneSelf {
				return errNoText
			}
		}
		return f(p)
	}
	for len(t.tail) > 0 && len(p) > 0 {
		t.tail = append(t.tail, p[0])
		p = p[1:]
		if utf8.FullRune(t.tail) {
			if !utf8.Valid(t.tail) {
				return errNoText
			}
			if err := f(t.tail); err != nil {
				return err
			}
			t.tail = t.tail[:0]
		}
	}
	cut := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ { // a character that goes on in the next piece
		if utf8.RuneStart(p[len(p)-i]) {
			if !utf8.FullRune(p[len(p)-i:]) {
				cut = len(p) - i
			}
			break
		}
	}
	if !utf8.Valid(p[:cut]) {
		return errNoText
	}
	t.tail = append(t.tail, p[cut:]...)
	return f(p[:cut])
}

// complete reports whether the field ended with a whole character.
func (t *text) complete() error {
	if len(t.tail) > 0 {
		return errNoText
	}
	return nil
}
