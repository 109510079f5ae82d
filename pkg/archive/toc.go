package archive

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// field is a field of the header or of an entry of the table of contents.
type field byte

const (
	fieldDatabase field = iota
	fieldServerVersion
	fieldDumpVersion

	fieldDumpID
	fieldHadDumper
	fieldTableOID
	fieldOID
	fieldTag
	fieldDesc
	fieldSection
	fieldDefn
	fieldDropStmt
	fieldCopyStmt
	fieldNamespace
	fieldTablespace
	fieldTableAM
	fieldRelkind
	fieldOwner
	fieldWithOIDs
	fieldDependency // repeated, ended by NULL
	fieldOffset
)

// entryFields gives an entry's fields in their order (pg_backup_archiver.c WriteToc).
func entryFields(v Version) []field {
	p := []field{fieldDumpID, fieldHadDumper, fieldTableOID, fieldOID, fieldTag, fieldDesc, fieldSection,
		fieldDefn, fieldDropStmt, fieldCopyStmt, fieldNamespace, fieldTablespace}
	if v.atLeast(1, 14) {
		p = append(p, fieldTableAM)
	}
	if v.atLeast(1, 16) {
		p = append(p, fieldRelkind)
	}
	return append(p, fieldOwner, fieldWithOIDs, fieldDependency, fieldOffset)
}

func (f field) isInteger() bool {
	return f == fieldDumpID || f == fieldHadDumper || f == fieldSection || f == fieldRelkind
}

// isWord tells fields that are written as a string but hold a number or a truth value, of maxWord bytes at most.
func (f field) isWord() bool {
	return f == fieldTableOID || f == fieldOID || f == fieldWithOIDs || f == fieldDependency
}

const maxWord = 11

// text gives the place of a field that is kept as a string.
func (e *Entry) text(f field) *string {
	switch f {
	case fieldTag:
		return &e.Tag
	case fieldDesc:
		return &e.Desc
	case fieldDefn:
		return &e.Defn
	case fieldDropStmt:
		return &e.DropStmt
	case fieldCopyStmt:
		return &e.CopyStmt
	case fieldNamespace:
		return &e.Namespace
	case fieldTablespace:
		return &e.Tablespace
	case fieldTableAM:
		return &e.TableAM
	case fieldOwner:
		return &e.Owner
	}
	return nil
}

// checkKeeps are the strings that checking needs; the others pass by.
var checkKeeps = []field{fieldTableOID, fieldOID, fieldTag, fieldDesc, fieldNamespace, fieldWithOIDs, fieldDependency}

func (m *machine) onEntryCount(b []byte) error {
	n, err := m.integerIn(b, "the number of entries", 0, math.MaxInt32)
	if err != nil {
		return err
	}
	m.total, m.program = n, entryFields(m.head.Version)
	return m.startEntry()
}

// onTrailerCount reads the number of entries again, without its sign byte.
func (m *machine) onTrailerCount(b []byte) error {
	n, err := m.integer(append([]byte{0}, b...))
	if err != nil || n != m.total {
		return m.fail(len(b)+1, "there is more after the last block")
	}
	m.phase, m.read = phaseTrailer, 0
	return m.startEntry()
}

func (m *machine) onMore([]byte) error { return m.fail(1, "there is more after the end") }

func (m *machine) startEntry() error {
	switch {
	case m.read < m.total:
	case m.phase == phaseTrailer:
		m.phase = phaseEnd
		m.await(1, (*machine).onMore)
		return nil
	default:
		return m.startBlocks()
	}
	m.at, m.entry, m.before = 0, Entry{}, m.used
	m.awaitField()
	return nil
}

func (m *machine) awaitField() {
	switch f := m.program[m.at]; {
	case f.isInteger():
		m.await(m.intLen(), (*machine).onInteger)
	case f == fieldOffset:
		m.await(1+m.head.OffsetSize, (*machine).onOffset)
	default:
		m.await(m.intLen(), (*machine).onStringLength)
	}
}

func (m *machine) nextField() {
	m.at++
	m.awaitField()
}

func (m *machine) onInteger(b []byte) error {
	var v int64
	var err error
	switch m.program[m.at] {
	case fieldDumpID:
		v, err = m.integerIn(b, "the dump id", 1, math.MaxInt32)
		if err == nil {
			err = m.onDumpID(int32(v), len(b))
		}
		m.entry.DumpID = int32(v)
	case fieldHadDumper:
		v, err = m.integerIn(b, "the data flag", 0, 1)
		m.entry.HasData = v == 1
	case fieldSection:
		v, err = m.integerIn(b, "the section", int64(SectionNone), int64(SectionPostData))
		m.entry.Section = Section(v)
	case fieldRelkind:
		v, err = m.integerIn(b, "the relation kind", 0, math.MaxUint8)
		m.entry.Relkind = int32(v)
	}
	if err == nil {
		m.nextField()
	}
	return err
}

// onDumpID notes an entry's id: a new one in the table of contents, a known one in its second copy.
func (m *machine) onDumpID(id int32, back int) error {
	_, known := m.ids[id]
	switch {
	case m.phase == phaseTrailer && !known:
		return m.fail(back, "dump id %d is not in the first table of contents", id)
	case m.phase == phaseTrailer:
		delete(m.ids, id)
	case known:
		return m.fail(back, "dump id %d appears twice", id)
	default:
		m.ids[id] = struct{}{}
	}
	return nil
}

func (m *machine) onStringLength(b []byte) error {
	f := m.program[m.at]
	n, null, err := m.length(b)
	switch {
	case err != nil:
		return err
	case null && f == fieldDependency:
		m.nextField() // the list's end
		return nil
	case null:
		if m.entry.text(f) == nil || f == fieldDesc {
			return m.fail(len(b), "a string that must be there is NULL")
		}
		m.entry.null = m.entry.null.with(f)
		m.nextField()
		return nil
	}
	if !m.wantsAll() && !slices.Contains(checkKeeps, f) {
		if f == fieldCopyStmt && n > 0 {
			end := min(n, int64(len(binaryEnd)))
			m.skip = n - end
			m.await(int(end), (*machine).onCopyEnd)
			return nil
		}
		m.skip = n
		m.nextField()
		return nil
	}
	if n == 0 {
		return m.setString(nil)
	}
	cost := n
	if f.isWord() {
		if n > maxWord {
			return m.fail(len(b), "%d bytes where a number or a truth value should be", n)
		}
		cost = 0
		if f == fieldDependency && m.keepAll {
			cost = 8
		}
	}
	if err := m.charge(cost); err != nil {
		return err
	}
	m.await(int(n), (*machine).setString)
	return nil
}

// onCopyEnd takes the end of a COPY statement, of which no more is kept than the format.
func (m *machine) onCopyEnd(b []byte) error {
	m.entry.CopyStmt = string(b)
	m.entry.CopyStmt = m.entry.notKept()
	m.nextField()
	return nil
}

// text makes a string of bytes in an archive. pg_dump's strings end at their first NUL byte, so there can be none.
func (m *machine) text(b []byte) (string, error) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return "", m.fail(len(b)-i, "a zero byte inside a string")
	}
	return string(b), nil
}

// kept makes a string of bytes as text does. Kinds, schemas, owners and the like repeat in nearly every entry, and are kept once.
func (m *machine) kept(f field, b []byte) (string, error) {
	const longest, most = 63, 1000
	switch f {
	case fieldDesc, fieldNamespace, fieldTablespace, fieldTableAM, fieldOwner:
	default:
		return m.text(b)
	}
	if s, known := m.words[string(b)]; known {
		return s, nil
	}
	s, err := m.text(b)
	if err == nil && len(s) <= longest && len(m.words) < most {
		m.words[s] = s
	}
	return s, err
}

func (m *machine) setString(b []byte) error {
	s, err := m.kept(m.program[m.at], b)
	if err != nil {
		return err
	}
	f := m.program[m.at]
	switch f {
	case fieldTableOID, fieldOID:
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil || strconv.FormatUint(n, 10) != s {
			return m.fail(len(b), "%q is no oid", clip(s))
		}
		if f == fieldOID {
			m.entry.OID = uint32(n)
		} else {
			m.entry.TableOID = uint32(n)
		}
	case fieldWithOIDs:
		if s != "true" && s != "false" {
			return m.fail(len(b), "%q where true or false should be", clip(s))
		}
		m.entry.WithOIDs = s == "true"
	case fieldDependency:
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || strconv.FormatInt(n, 10) != s {
			return m.fail(len(b), "%q is no dump id", clip(s))
		}
		if m.keepAll {
			m.entry.Dependencies = append(m.entry.Dependencies, int32(n))
		}
		m.awaitField() // the next of the list
		return nil
	default:
		*m.entry.text(f) = s
	}
	m.nextField()
	return nil
}

func (m *machine) onOffset(b []byte) error {
	e := &m.entry
	var u uint64
	for i, c := range b[1:] {
		u |= uint64(c) << (8 * i)
	}
	e.OffsetState, e.Offset = OffsetState(b[0]), int64(u)
	switch {
	case b[0] < byte(OffsetNotSet) || b[0] > byte(OffsetNoData):
		return m.fail(len(b), "unknown state %d of the data's offset", b[0])
	case u > math.MaxInt64:
		return m.fail(len(b)-1, "the data's offset is larger than any file")
	case e.HasData == (e.OffsetState == OffsetNoData):
		return m.fail(len(b), "the entry contradicts itself: data flag %t, offset state %d", e.HasData, b[0])
	}
	return m.endEntry()
}

// entryCost is about what an entry takes in memory beside its strings, in bytes.
const entryCost = 320

func (m *machine) endEntry() error {
	e := m.entry
	m.read++
	if m.phase == phaseTrailer {
		return m.startEntry()
	}
	if e.Desc == "TABLE" {
		m.tables++
	}
	if m.wantsAll() && !m.keepAll {
		m.onEntry(e)
		e = e.checked()
		m.used = m.before + int64(len(e.Tag)+len(e.Desc)+len(e.Namespace))
	}
	cost := int64(24)
	if m.keepAll || e.HasData {
		cost += entryCost
		m.head.Entries = append(m.head.Entries, e)
	}
	if err := m.charge(cost); err != nil {
		return err
	}
	return m.startEntry()
}

// wantsAll reports whether an entry is read whole: the first table of contents, when somebody asks for its entries.
func (m *machine) wantsAll() bool { return m.keepAll || m.onEntry != nil && m.phase != phaseTrailer }

// checked is what checking keeps of an entry.
func (e Entry) checked() Entry {
	e.Defn, e.DropStmt, e.Tablespace, e.TableAM, e.Owner = "", "", "", "", ""
	e.CopyStmt = e.notKept()
	return e
}

// clip shortens text from an archive for an error message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
