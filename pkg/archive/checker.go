package archive

import (
	"errors"
	"io"
	"time"

	"cofre/pkg/fault"
)

// Options bounds what an archive may ask of its reader. The zero value has limits that fit every database seen.
type Options struct {
	// Kind is what the input must be: KindCustom, KindPlain, or KindUnknown to find out from its first bytes.
	Kind Kind
	// Decompress makes Check decompress every block. Without it only the structure is followed.
	Decompress bool
	// MaxMemory bounds what is kept of the table of contents, in bytes; 0 means 256 MiB. Decompressing takes up to
	// 24 MiB more for each worker, and once what MaxWindow allows.
	MaxMemory int64
	// MaxWindow bounds the memory that a zstd frame may ask for, in bytes; 0 means 128 MiB, as the zstd tool has it.
	MaxWindow int64
	// MaxRatio bounds how many bytes one stored byte may become, over the whole archive and beyond the first
	// RatioFloor bytes; 0 means 2000. Real databases stay below 100, but a table of one repeated value does not.
	MaxRatio int64
	// RatioFloor is how much may be decompressed before MaxRatio counts, in bytes; 0 means 8 GiB.
	RatioFloor int64
	// MaxUncompressed bounds the decompressed size, in bytes; 0 means no bound.
	MaxUncompressed int64
	// Entry, when set, gets each entry of the table of contents once, whole, as it is read. The entry is the callee's from
	// then on; ReadHead does not call it.
	Entry func(Entry)
	// Data, when set, is asked for a writer of each stream of data as it begins, when blocks are decompressed. Close is
	// called when the stream came to a good end, and only then. The streams of a block come one after the other, while
	// several blocks may be at work at the same time. An error of the writer is one of the archive.
	Data func(Stream) io.WriteCloser
	// Workers is how many blocks are decompressed at the same time; 0 means one for each processor, 4 at most.
	Workers int
}

// Stream says whose data a stream of a block is.
type Stream struct {
	DumpID      int32  // of the entry
	LargeObject uint32 // the oid; 0 for a table's data
}

// Summary is what an archive says of itself, and what was found in it.
type Summary struct {
	Kind          Kind        `json:"kind"`
	FormatVersion string      `json:"formatVersion,omitempty"` // such as "1.16-0"
	Compression   Compression `json:"compression,omitempty"`
	DumpVersion   string      `json:"dumpVersion"`
	ServerVersion string      `json:"serverVersion"`
	Database      string      `json:"database,omitempty"`
	// CreatedAt is the header's clock, taken as UTC: the archive does not say in which zone pg_dump ran.
	CreatedAt time.Time `json:"createdAt,omitzero"`
	Entries   int       `json:"entries"`
	// Tables counts the tables in the archive, or the tables with data in it when it holds data only.
	Tables       int   `json:"tables"`
	LargeObjects int64 `json:"largeObjects"`
	DataBlocks   int   `json:"dataBlocks"`
	Rows         int64 `json:"rows,omitempty"` // of tables dumped with COPY; known after Check with Decompress
	// Size is the archive's own size, in bytes; HeadLength the part of it before the first block.
	Size       int64 `json:"size"`
	HeadLength int64 `json:"headLength,omitempty"`
	// HeadCRC32C is the CRC-32C of those bytes.
	HeadCRC32C uint32 `json:"headCrc32c,omitempty"`
	// UncompressedBytes is the size of all data (not of the table of contents); known after Check with Decompress,
	// and always for archives without compression and plain SQL.
	UncompressedBytes int64       `json:"uncompressedBytes,omitempty"`
	Index             []BlockInfo `json:"index,omitempty"`
}

// follower is a structure that bytes are checked against as they come.
type follower interface {
	feed(p []byte) error
	finish() error
	summary() Summary
}

// Checker checks the structure of an archive, or of a plain SQL dump, that is written to it in pieces of any size. It
// keeps no data, and is for one goroutine.
type Checker struct {
	o     Options
	first []byte // until the kind is known
	f     follower
	err   error
	// unpack, when set, is told of the machine once the input turned out to be an archive.
	unpack func(*machine)
}

// NewChecker makes a Checker. Options' Decompress is not used: see Check.
func NewChecker(o Options) *Checker {
	return newChecker(o, nil)
}

func newChecker(o Options, unpack func(*machine)) *Checker {
	c := &Checker{o: o, unpack: unpack}
	c.choose(o.Kind)
	return c
}

func (c *Checker) choose(k Kind) {
	switch k {
	case KindCustom:
		m := newMachine(c.o, false)
		if c.unpack != nil {
			c.unpack(m)
		}
		c.f = m
	case KindPlain:
		c.f = newPlain()
	}
}

// Write takes the next bytes. It fails as soon as they cannot belong to a whole archive, with the fault that Close
// will return again.
func (c *Checker) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	q := p
	if c.f == nil {
		c.first = append(c.first, p[:min(len(p), SniffLength)]...)
		if len(c.first) < SniffLength {
			return len(p), nil
		}
		q = p[min(len(p), SniffLength):]
		c.sniff()
	}
	if c.err == nil {
		c.err = toFault(c.f.feed(q))
	}
	if c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

// sniff finds out the kind from the first bytes, and hands them on.
func (c *Checker) sniff() {
	k := Sniff(c.first)
	if c.choose(k); c.f == nil {
		c.err = unknownKind(k, len(c.first))
		return
	}
	c.err = toFault(c.f.feed(c.first))
}

func unknownKind(k Kind, length int) error {
	e := &FormatError{Msg: "it begins neither like an archive in pg_dump's custom format nor like its SQL output"}
	switch {
	case length == 0:
		e.Msg = "the file is empty"
	case k != KindUnknown:
		e.Msg = "it is a " + string(k) + " file: what is inside has to be unpacked before it can be checked"
	}
	return toFault(e)
}

var errClosed = errors.New("archive: checker is closed")

// Close tells whether what was written is a whole archive: every entry with data had its block, and it ended exactly
// after the last one. The summary is as complete as what was read, also with an error.
func (c *Checker) Close() (Summary, error) {
	if c.f == nil && c.err == nil {
		c.sniff()
	}
	if c.err == nil {
		c.err = toFault(c.f.finish())
	}
	err := c.err
	if err == nil {
		c.err = fault.Wrap(errClosed, fault.Internal, "", "", "write after close")
	}
	if c.f == nil {
		return Summary{}, err
	}
	return c.f.summary(), err
}

func (m *machine) summary() Summary {
	s := Summary{
		Kind: KindCustom, Compression: m.head.Compression,
		DumpVersion: m.head.DumpVersion, ServerVersion: m.head.ServerVersion, Database: m.head.Database,
		Entries: int(m.read), Tables: m.tables, LargeObjects: m.blobs, DataBlocks: len(m.blocks),
		Size: m.off, HeadLength: m.head.Length, HeadCRC32C: m.headCRC, Index: m.blocks,
	}
	if m.program != nil || m.phase == phaseData {
		s.FormatVersion = m.head.Version.String()
		s.CreatedAt = m.head.Created.In(time.UTC)
	}
	if m.tables == 0 {
		for i := range m.head.Entries {
			if m.head.Entries[i].Desc == "TABLE DATA" {
				s.Tables++
			}
		}
	}
	return s
}
