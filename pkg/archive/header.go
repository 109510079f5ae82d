package archive

import (
	"fmt"
	"strings"
)

// The header, pg_backup_archiver.c ReadHead: first the bytes of fixed size, then the compression, then the time's
// seven integers, then three strings.

func (m *machine) onMagic(b []byte) error {
	if string(b[:len(magic)]) != magic {
		k := Sniff(b)
		if strings.HasPrefix(plainOpening, string(b)) {
			k = KindPlain
		}
		if k == KindUnknown {
			return m.fail(len(b), "it does not begin with %q: this is no archive in pg_dump's custom format", magic)
		}
		return m.fail(len(b), "it is a %s file, not an archive in pg_dump's custom format", k)
	}
	v := Version{b[5], b[6], b[7]}
	m.head.Version = v
	if v.Major > versionMajor || v.Major == versionMajor && v.Minor > minorNewest {
		return &FormatError{Offset: int64(len(magic)), Where: "the header", Newer: true,
			Msg: fmt.Sprintf("format %s, and the newest known here is %d.%d", v, versionMajor, minorNewest)}
	}
	if !v.atLeast(versionMajor, minorOldest) {
		return m.fail(3, "format %s is older than PostgreSQL 9.0's (%d.%d)", v, versionMajor, minorOldest)
	}
	m.await(3, (*machine).onSizes)
	return nil
}

func (m *machine) onSizes(b []byte) error {
	m.head.IntSize, m.head.OffsetSize = int(b[0]), int(b[1])
	if b[0] != 4 && b[0] != 8 {
		return m.fail(3, "integers of %d bytes", b[0])
	}
	if b[1] != 4 && b[1] != 8 {
		return m.fail(2, "offsets of %d bytes", b[1])
	}
	switch b[2] {
	case formatCustom:
	case formatTar, formatDirectory:
		return m.fail(1, "it is the table of contents of a tar or directory archive (format %d), not a whole archive", b[2])
	default:
		return m.fail(1, "unknown archive format %d", b[2])
	}
	if m.head.Version.atLeast(1, 15) {
		m.await(1, (*machine).onCompression)
	} else {
		m.await(m.intLen(), (*machine).onLevel)
	}
	return nil
}

func (m *machine) onCompression(b []byte) error {
	if int(b[0]) >= len(compressions) {
		return m.fail(1, "unknown compression %d", b[0])
	}
	m.head.Compression = compressions[b[0]]
	m.at = 0
	m.await(m.intLen(), (*machine).onTime)
	return nil
}

// onLevel reads the level that stood for the compression before format 1.15.
func (m *machine) onLevel(b []byte) error {
	v, err := m.integerIn(b, "the compression level", -1, 9)
	if err != nil {
		return err
	}
	m.head.Level, m.head.Compression = int(v), CompressionGzip
	if v == 0 {
		m.head.Compression = CompressionNone
	}
	m.at = 0
	m.await(m.intLen(), (*machine).onTime)
	return nil
}

// clockFields are the parts of the creation time in the order of the header, with their ranges.
var clockFields = []struct {
	name   string
	lo, hi int64
	of     func(*Clock) *int
}{
	{"second", 0, 60, func(c *Clock) *int { return &c.Sec }},
	{"minute", 0, 59, func(c *Clock) *int { return &c.Min }},
	{"hour", 0, 23, func(c *Clock) *int { return &c.Hour }},
	{"day", 1, 31, func(c *Clock) *int { return &c.Day }},
	{"month", 0, 11, func(c *Clock) *int { return &c.Month }},
	{"year since 1900", 70, 8099, func(c *Clock) *int { return &c.Year }},
	{"summer time flag", -1, 1, func(c *Clock) *int { return &c.DST }},
}

func (m *machine) onTime(b []byte) error {
	f := clockFields[m.at]
	v, err := m.integerIn(b, "the creation time's "+f.name, f.lo, f.hi)
	if err != nil {
		return err
	}
	*f.of(&m.head.Created) = int(v)
	if m.at++; m.at == len(clockFields) {
		m.at = 0
		m.await(m.intLen(), (*machine).onHeadStringLength)
	}
	return nil
}

// headStrings are the header's strings in their order.
var headStrings = []struct {
	f  field
	of func(*Head) *string
}{
	{fieldDatabase, func(h *Head) *string { return &h.Database }},
	{fieldServerVersion, func(h *Head) *string { return &h.ServerVersion }},
	{fieldDumpVersion, func(h *Head) *string { return &h.DumpVersion }},
}

// maxHeadString bounds the header's strings, in bytes: names have 63 and versions fewer than 200.
const maxHeadString = 64 << 10

func (m *machine) onHeadStringLength(b []byte) error {
	n, null, err := m.length(b)
	switch {
	case err != nil:
		return err
	case n > maxHeadString:
		return m.fail(len(b), "a string of %d bytes", n)
	case null:
		m.head.null = m.head.null.with(headStrings[m.at].f)
		return m.afterHeadString()
	case n == 0:
		return m.afterHeadString()
	}
	m.await(int(n), (*machine).onHeadString)
	return nil
}

func (m *machine) onHeadString(b []byte) error {
	s, err := m.text(b)
	if err != nil {
		return err
	}
	*headStrings[m.at].of(&m.head) = s
	return m.afterHeadString()
}

func (m *machine) afterHeadString() error {
	if m.at++; m.at < len(headStrings) {
		m.await(m.intLen(), (*machine).onHeadStringLength)
		return nil
	}
	m.await(m.intLen(), (*machine).onEntryCount)
	return nil
}
