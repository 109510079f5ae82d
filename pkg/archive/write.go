package archive

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// WriteTo writes the header and table of contents as pg_dump would, in the format of h.Version, a few entries at a time.
// What ReadHead read comes out byte for byte.
func (h *Head) WriteTo(w io.Writer) (int64, error) {
	return h.encode(w, false)
}

// encode writes the head. In a stream nobody goes back to fill offsets in, so that all are written as not set.
func (h *Head) encode(w io.Writer, stream bool) (written int64, err error) {
	r := &headReader{e: encoder{h: h, stream: stream}}
	for r.more() {
		if r.err != nil {
			return written, r.err
		}
		n, err := r.e.b.WriteTo(w)
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

// Reader gives what WriteTo writes. The head must not be changed meanwhile.
func (h *Head) Reader() io.Reader { return &headReader{e: encoder{h: h}} }

// headReader encodes a head a few entries at a time.
type headReader struct {
	e       encoder
	program []field // nil before the header
	next    int     // entry
	err     error
}

func (r *headReader) Read(p []byte) (int, error) {
	if r.e.b.Len() == 0 && !r.more() {
		return 0, io.EOF
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.e.b.Read(p)
}

// more encodes what comes next, and reports whether something did.
func (r *headReader) more() bool {
	h := r.e.h
	if r.program == nil {
		r.program = entryFields(h.Version)
		r.err = r.e.header()
	}
	for ; r.next < len(h.Entries) && r.e.b.Len() < encodeSize && r.err == nil; r.next++ {
		for _, f := range r.program {
			r.e.field(&h.Entries[r.next], f)
		}
	}
	return r.e.b.Len() > 0 || r.err != nil
}

// encodeSize is about how much of a head is encoded before it is written, in bytes.
const encodeSize = 64 << 10

// encoder writes the atoms of the format (pg_backup_archiver.c WriteInt, WriteStr, WriteOffset).
type encoder struct {
	h      *Head
	b      bytes.Buffer
	stream bool
}

// header writes what comes before the entries.
func (e *encoder) header() error {
	h := e.h
	c := slices.Index(compressions, h.Compression)
	if c < 0 {
		return fmt.Errorf("archive: unknown compression %q", h.Compression)
	}
	if v := h.Version; v.Major != versionMajor || v.Minor < minorOldest || v.Minor > minorNewest {
		return fmt.Errorf("archive: cannot write format %s", v)
	}
	e.b.WriteString(magic)
	e.b.Write([]byte{h.Version.Major, h.Version.Minor, h.Version.Rev, byte(h.IntSize), byte(h.OffsetSize), formatCustom})
	if h.Version.atLeast(1, 15) {
		e.b.WriteByte(byte(c))
	} else {
		e.int(int64(h.Level))
	}
	for _, f := range clockFields {
		e.int(int64(*f.of(&h.Created)))
	}
	for _, s := range headStrings {
		e.string(*s.of(h), h.null.has(s.f))
	}
	e.int(int64(len(h.Entries)))
	return nil
}

func (e *encoder) int(v int64) {
	sign := byte(0)
	if v < 0 {
		sign, v = 1, -v
	}
	e.b.WriteByte(sign)
	for range e.h.IntSize {
		e.b.WriteByte(byte(v))
		v >>= 8
	}
}

func (e *encoder) string(s string, null bool) {
	if s == "" && null {
		e.int(-1)
		return
	}
	e.int(int64(len(s)))
	e.b.WriteString(s)
}

func (e *encoder) field(t *Entry, f field) {
	switch f {
	case fieldDumpID:
		e.int(int64(t.DumpID))
	case fieldHadDumper:
		v := int64(0)
		if t.HasData {
			v = 1
		}
		e.int(v)
	case fieldTableOID:
		e.string(strconv.FormatUint(uint64(t.TableOID), 10), false)
	case fieldOID:
		e.string(strconv.FormatUint(uint64(t.OID), 10), false)
	case fieldSection:
		e.int(int64(t.Section))
	case fieldRelkind:
		e.int(int64(t.Relkind))
	case fieldWithOIDs:
		e.string(strconv.FormatBool(t.WithOIDs), false)
	case fieldDependency:
		for _, d := range t.Dependencies {
			e.string(strconv.FormatInt(int64(d), 10), false)
		}
		e.int(-1)
	case fieldOffset:
		state, v := t.OffsetState, t.Offset
		if e.stream && state == OffsetSet {
			state, v = OffsetNotSet, 0
		}
		e.b.WriteByte(byte(state))
		for range e.h.OffsetSize {
			e.b.WriteByte(byte(v))
			v >>= 8
		}
	default:
		e.string(*t.text(f), t.null.has(f))
	}
}

// WriteList writes the entries as "pg_restore --list" does: a line "id; oid oid KIND schema name owner" for
// each, then, when verbose, its dependencies, as "pg_restore --list --verbose" does. pg_restore --use-list reads such a file (it looks at
// the ids only).
func (h *Head) WriteList(w io.Writer, verbose bool) error {
	var b bytes.Buffer
	for i := range h.Entries {
		e := &h.Entries[i]
		schema := sanitizeLine(e.Namespace)
		if e.null.has(fieldNamespace) {
			schema = "-"
		}
		fmt.Fprintf(&b, "%d; %d %d %s %s %s %s\n", e.DumpID, e.TableOID, e.OID, e.Desc, schema,
			sanitizeLine(e.Tag), sanitizeLine(e.Owner))
		if verbose && len(e.Dependencies) > 0 {
			b.WriteString(";\tdepends on:")
			for _, d := range e.Dependencies {
				fmt.Fprintf(&b, " %d", d)
			}
			b.WriteByte('\n')
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
