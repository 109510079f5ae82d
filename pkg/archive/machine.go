package archive

import (
	"fmt"
	"hash/crc32"
	"math"
)

type phase byte

const (
	phaseHead    phase = iota // header or table of contents
	phaseData                 // blocks
	phaseTrailer              // a second table of contents, see onBlockType
	phaseEnd                  // nothing may follow
)

// machine follows an archive's structure through bytes that come in pieces of any size. At any moment it either
// gathers an atom of want bytes for the handler next, or lets skip bytes pass. It copies only atoms that fall across
// two pieces, so that following the data costs next to nothing.
type machine struct {
	maxMemory int64
	keepAll   bool // keep whole entries (ReadHead), or only what checking needs
	onEntry   func(Entry)

	off  int64 // bytes consumed
	buf  []byte
	want int
	skip int64
	// next is a method expression, not a method value: those allocate, and this changes at every chunk.
	next func(*machine, []byte) error

	phase phase
	head  Head
	used  int64 // bytes of memory kept, about

	// Table of contents, see toc.go.
	total   int64 // entries announced
	read    int64 // entries read
	program []field
	at      int // index in program
	entry   Entry
	before  int64 // used before the entry
	ids     map[int32]struct{}
	words   map[string]string // see kept
	tables  int               // TABLE entries
	expect  map[int32]*dataEntry

	// Blocks, see blocks.go.
	sink       sink
	between    bool // nothing has begun since the last block, or since the table of contents
	isBlobs    bool
	summing    bool   // bytes belong to the head or to a block, and to its crc
	crc        uint32 // CRC-32C of the head or the block so far
	headCRC    uint32
	cur        *dataEntry
	blockStart int64
	blocks     []BlockInfo
	unread     int // data entries whose block was not seen yet
	blobs      int64
	blobID     uint32 // of the stream
}

func newMachine(o Options, keepAll bool) *machine {
	m := &machine{maxMemory: o.MaxMemory, keepAll: keepAll, onEntry: o.Entry,
		ids: map[int32]struct{}{}, words: map[string]string{}, expect: map[int32]*dataEntry{}, summing: true}
	if m.maxMemory <= 0 {
		m.maxMemory = defaultMaxMemory
	}
	m.await(len(magic)+3, (*machine).onMagic)
	return m
}

func (m *machine) await(n int, next func(*machine, []byte) error) { m.want, m.next = n, next }

// need is how many more bytes it takes to get further.
func (m *machine) need() int64 {
	if m.skip > 0 {
		return m.skip
	}
	return int64(m.want - len(m.buf))
}

// feed takes the next bytes of the archive. After an error the machine must not be fed again.
func (m *machine) feed(p []byte) error {
	for len(p) > 0 {
		switch {
		case m.skip > 0:
			n := min(int64(len(p)), m.skip)
			m.sum(p[:n])
			if m.sink != nil && m.phase == phaseData {
				if err := m.sink.data(p[:n]); err != nil {
					return err
				}
			}
			m.skip -= n
			m.off += n
			p = p[n:]
		case len(m.buf) == 0 && len(p) >= m.want:
			atom := p[:m.want]
			p = p[m.want:]
			m.off += int64(len(atom))
			m.sum(atom)
			if err := m.next(m, atom); err != nil {
				return err
			}
		default:
			n := min(len(p), m.want-len(m.buf))
			m.buf = append(m.buf, p[:n]...)
			m.sum(p[:n])
			m.off += int64(n)
			p = p[n:]
			if len(m.buf) == m.want {
				atom := m.buf
				m.buf = m.buf[:0]
				if err := m.next(m, atom); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// castagnoli is CRC-32C, which processors compute by themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum adds consumed bytes to the checksum of the head or the block that they belong to.
func (m *machine) sum(p []byte) {
	if m.summing {
		m.crc = crc32.Update(m.crc, castagnoli, p)
	}
}

// finish is called at the end of the input.
func (m *machine) finish() error {
	switch {
	case m.phase == phaseEnd:
		return nil
	case m.between:
		if m.unread == 0 {
			return nil
		}
		for i := range m.head.Entries {
			if d := m.expect[m.head.Entries[i].DumpID]; d != nil && !d.seen {
				return m.fail(0, "the file ends, but %s has not come (%d of %d blocks are missing)",
					d.label(), m.unread, len(m.expect))
			}
		}
		return m.fail(0, "the file ends, and %d blocks are missing", m.unread)
	case m.off == 0:
		return m.fail(0, "the file is empty")
	case m.skip > 0:
		return m.fail(0, "the file ends too early: %d more bytes should follow, and then more", m.skip)
	}
	return m.fail(0, "the file ends too early")
}

// fail makes an error about something that began back bytes before the present place.
func (m *machine) fail(back int, format string, args ...any) error {
	return &FormatError{Offset: m.off - int64(back), Where: m.where(), Msg: fmt.Sprintf(format, args...)}
}

func (m *machine) where() string {
	switch {
	case m.phase == phaseData && m.cur != nil:
		return m.cur.label()
	case m.phase == phaseData:
		return "the blocks of data"
	case m.phase == phaseEnd:
		return "the end"
	case m.program == nil:
		return "the header"
	case m.phase == phaseTrailer:
		return fmt.Sprintf("the second table of contents, entry %d of %d", m.read+1, m.total)
	}
	return fmt.Sprintf("the table of contents, entry %d of %d", m.read+1, m.total)
}

// charge counts memory that an archive makes us keep.
func (m *machine) charge(n int64) error {
	m.used += n
	if m.used > m.maxMemory {
		return &FormatError{Offset: m.off, Where: m.where(), Limit: true,
			Msg: fmt.Sprintf("reading it would take more than %d bytes of memory", m.maxMemory)}
	}
	return nil
}

func (m *machine) intLen() int { return m.head.IntSize + 1 }

// integer decodes what WriteInt wrote. Only the form that WriteInt writes is taken: sign 0 or 1, no negative zero.
func (m *machine) integer(b []byte) (int64, error) {
	var u uint64
	for i, c := range b[1:] {
		u |= uint64(c) << (8 * i)
	}
	if b[0] > 1 || u > math.MaxInt64 || (b[0] == 1 && u == 0) {
		return 0, m.fail(len(b), "malformed integer % x", b)
	}
	if b[0] == 1 {
		return -int64(u), nil
	}
	return int64(u), nil
}

// integerIn decodes an integer that must lie in a range.
func (m *machine) integerIn(b []byte, what string, lo, hi int64) (int64, error) {
	v, err := m.integer(b)
	if err == nil && (v < lo || v > hi) {
		err = m.fail(len(b), "%s is %d, outside %d to %d", what, v, lo, hi)
	}
	return v, err
}

// maxLength bounds strings and chunks: pg_dump keeps both in an int.
const maxLength = math.MaxInt32

// length decodes the length of a string, which is -1 for NULL.
func (m *machine) length(b []byte) (n int64, null bool, err error) {
	n, err = m.integerIn(b, "a string's length", -1, maxLength)
	return n, n < 0, err
}
