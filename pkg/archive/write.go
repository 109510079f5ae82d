package archive

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// WriteTo writes the header and table of contents as pg_dump would, in the format of h.Version. What ReadHead read
// comes out byte for byte.
func (h *Head) WriteTo(w io.Writer) (int64, error) {
	b, err := h.encode()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	return int64(n), err
}

func (h *Head) encode() ([]byte, error) {
	c := slices.Index(compressions, h.Compression)
	if c < 0 {
		return nil, fmt.Errorf("archive: unknown compression %q", h.Compression)
	}
	if v := h.Version; v.Major != versionMajor || v.Minor < minorOldest || v.Minor > minorNewest {
		return nil, fmt.Errorf("archive: cannot write format %s", v)
	}
	e := &encoder{h: h}
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
	program := entryFields(h.Version)
	for i := range h.Entries {
		for _, f := range program {
			e.field(&h.Entries[i], f)
		}
	}
	return e.b.Bytes(), nil
}

// encoder writes the atoms of the format (pg_backup_archiver.c WriteInt, WriteStr, WriteOffset).
type encoder struct {
	h *Head
	b bytes.Buffer
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
		e.b.WriteByte(byte(t.OffsetState))
		v := t.Offset
		for range e.h.OffsetSize {
			e.b.WriteByte(byte(v))
			v >>= 8
		}
	default:
		e.string(*t.text(f), t.null.has(f))
	}
}

// WriteList writes the entries as "pg_restore --list --verbose" does: a line "id; oid oid KIND schema name owner" for
// each, then its dependencies. pg_restore --use-list reads such a file (it looks at the ids only).
func (h *Head) WriteList(w io.Writer) error {
	var b bytes.Buffer
	for i := range h.Entries {
		e := &h.Entries[i]
		schema := sanitizeLine(e.Namespace)
		if e.null.has(fieldNamespace) {
			schema = "-"
		}
		fmt.Fprintf(&b, "%d; %d %d %s %s %s %s\n", e.DumpID, e.TableOID, e.OID, e.Desc, schema,
			sanitizeLine(e.Tag), sanitizeLine(e.Owner))
		if len(e.Dependencies) > 0 {
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
