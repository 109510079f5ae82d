package archive

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"time"
)

// Head is an archive's header and table of contents.
type Head struct {
	Version     Version
	IntSize     int // bytes of an integer without its sign byte: 4, or 8 on no machine known
	OffsetSize  int // bytes of an offset: 8, or 4 on old 32-bit machines
	Compression Compression
	Level       int   // as written before format 1.15: -1 (default) to 9; always 0 since
	Created     Clock // by the clock on the wall of the machine that ran pg_dump
	Database    string
	// ServerVersion and DumpVersion are as their programs print them, such as "15.18 (Debian 15.18-0+deb12u1)".
	ServerVersion string
	DumpVersion   string
	Entries       []Entry

	// Length is how many bytes the head took in the file it was read from. The first block begins there.
	Length int64

	null fieldSet // strings that were NULL rather than empty
}

// Clock is the time of day that an archive's header holds: C's struct tm, in the local time of a machine that the
// header does not name.
type Clock struct {
	Sec, Min, Hour, Day int
	Month               int // 0 is January
	Year                int // since 1900
	DST                 int // 1 in summer time, 0 not, -1 unknown
}

// In gives the moment, taking the clock to have been in loc.
func (c Clock) In(loc *time.Location) time.Time {
	return time.Date(c.Year+1900, time.Month(c.Month+1), c.Day, c.Hour, c.Min, c.Sec, 0, loc)
}

// Entry is one item of the table of contents. Strings that the archive has as NULL are empty here; writing an
// unchanged entry gives NULL again.
type Entry struct {
	DumpID     int32 // unique in the archive, from 1
	HasData    bool  // "hadDumper": a block of data belongs to it
	TableOID   uint32
	OID        uint32
	Tag        string // the object's name, or "TABLE name" and the like for comments and privileges
	Desc       string // the kind: "TABLE", "TABLE DATA", "INDEX", "BLOBS", ...
	Section    Section
	Defn       string // SQL that makes it
	DropStmt   string
	CopyStmt   string // SQL that its data follows
	Namespace  string // schema
	Tablespace string
	TableAM    string // access method; format 1.14 and later
	Relkind    int32  // pg_class.relkind or 0; format 1.16 and later
	Owner      string
	WithOIDs   bool // PostgreSQL 11 and older

	Dependencies []int32 // dump ids
	OffsetState  OffsetState
	Offset       int64 // of its block, in bytes; meaningful with OffsetSet

	null fieldSet
}

// fieldSet is a set of field values.
type fieldSet uint32

func (s fieldSet) has(f field) bool      { return s&(1<<f) != 0 }
func (s fieldSet) with(f field) fieldSet { return s | 1<<f }

// defaultMaxMemory allows tables of contents of about half a million objects.
const defaultMaxMemory = 256 << 20

// ReadHead reads an archive's header and table of contents from r and stops before the first block, having read at
// most a buffer further. It allocates at most about MaxMemory bytes of o (the other options are not used). Its errors
// are faults (structure_damaged, newer_version, limit_reached) or those of r.
func ReadHead(ctx context.Context, r io.Reader, o Options) (*Head, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	o.Entry = nil
	m := newMachine(o, true)
	for m.phase == phaseHead {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Only what the machine asks for: the bytes behind the head are not its business.
		need := min(m.need(), int64(br.Size()))
		p, err := br.Peek(int(need))
		if len(p) > 0 {
			if ferr := m.feed(p); ferr != nil {
				return nil, toFault(ferr)
			}
			br.Discard(len(p))
		}
		if errors.Is(err, io.EOF) && m.phase == phaseHead {
			return nil, toFault(m.finish())
		}
		if err != nil && m.phase == phaseHead {
			return nil, err
		}
	}
	return &m.head, nil
}

// qualified gives schema and name as people write them.
func qualified(namespace, tag string) string {
	if namespace == "" {
		return strconv.Quote(tag)
	}
	return strconv.Quote(namespace) + "." + strconv.Quote(tag)
}
