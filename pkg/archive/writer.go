package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// CopyEnd is what follows the last row in the block of a table whose rows are text (pg_dump.c dumpTableData_copy). It
// is part of the stream, so that whoever makes the last piece of a table puts it through a Framer.
const CopyEnd = copyEnd

// Writer writes an archive in pg_dump's custom format as one ordered stream: the head first, then the blocks in the
// order of the table of contents, which pg_restore needs when it reads a pipe. Every entry that has data gets exactly
// one block, and every table has exactly one such entry: pg_restore -j loses rows of a table with several, without an
// error, since it truncates the table before the one that it remembers (tableDataId in pg_backup_archiver.c).
//
//	w, err := NewWriter(out, head)
//	w.Data(id)                    // a table's block: pieces, one behind the other
//	w.Piece(sum, chunks...)
//	w.LargeObjects(id)            // a block of large objects: each is a stream of its own
//	w.LargeObject(oid)
//	w.Piece(sum, chunks...)
//	w.Close()
//
// Pieces are made by Framers, before or meanwhile. A Framer may write into the Writer itself; its Sum is then handed
// to Piece without chunks. After an error nothing more can be written, and every method returns it again. A Writer is
// for one goroutine.
type Writer struct {
	w       *bufio.Writer
	c       Compression
	atoms   encoder
	entries []writerEntry // those with data, in their order
	next    int           // index in entries of the block that comes next
	place   place
	oids    bool // the block has large objects
	err     error

	// The stream and the piece being written.
	chunks  chunkReader
	written int64 // framed bytes of the piece
	pieces  int   // of the stream
	whole   bool  // the stream is another archive's: nothing is to be added
	adler   uint32
}

type writerEntry struct {
	id    int32
	blobs bool
	label string
}

// place is where in the structure a Writer stands.
type place byte

const (
	betweenBlocks place = iota
	betweenObjects
	inStream
)

// NewWriter writes the header and the table of contents of h to w. h says how the blocks are compressed, and what
// pg_dump wrote in it stays byte for byte, but for offsets of blocks: in a stream they are not set.
//
// A head with two entries for the data of one table is refused, and so is one with integers of another size than
// pg_dump has on every machine known (4 bytes).
func NewWriter(w io.Writer, h *Head) (*Writer, error) {
	if h.IntSize != chunkIntSize {
		return nil, fmt.Errorf("archive: cannot write integers of %d bytes", h.IntSize)
	}
	if err := h.oneEntryPerTable(); err != nil {
		return nil, err
	}
	x := &Writer{w: bufio.NewWriterSize(w, encodeSize), c: h.Compression, atoms: encoder{h: &Head{IntSize: h.IntSize}}}
	for i := range h.Entries {
		if e := &h.Entries[i]; e.HasData {
			x.entries = append(x.entries, writerEntry{e.DumpID, e.Desc == descBlobs, qualified(e.Namespace, e.Tag)})
		}
	}
	if _, err := h.encode(x.w, true); err != nil {
		return nil, err
	}
	return x, nil
}

// oneEntryPerTable refuses a table of contents in which the data of a table has two entries. pg_restore knows the
// table by the first dependency; by its name we see one whose dependencies are wrong, too.
func (h *Head) oneEntryPerTable() error {
	type name struct{ schema, table string }
	byTable, byName := map[int32]bool{}, map[name]bool{}
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Desc != descTableData || !e.HasData {
			continue
		}
		n := name{e.Namespace, e.Tag}
		twice := byName[n]
		byName[n] = true
		if len(e.Dependencies) > 0 {
			twice = twice || byTable[e.Dependencies[0]]
			byTable[e.Dependencies[0]] = true
		}
		if twice {
			return fmt.Errorf("archive: the data of %s has more than one entry (id %d is one): pg_restore would lose rows",
				qualified(e.Namespace, e.Tag), e.DumpID)
		}
	}
	return nil
}

const descTableData = "TABLE DATA"

// Data begins the block of an entry. It is an error when the entry is not the next one with data in the table of
// contents, or has large objects.
func (w *Writer) Data(id int32) error {
	if err := w.startBlock(id, blockData); err != nil {
		return err
	}
	w.startStream()
	return nil
}

// LargeObjects begins the block of an entry of large objects. It is an error when the entry is not the next one with
// data, or has none.
func (w *Writer) LargeObjects(id int32) error {
	return w.startBlock(id, blockBlobs)
}

// LargeObject begins one large object in the present block of them.
func (w *Writer) LargeObject(oid uint32) error {
	if w.place == inStream && w.oids {
		w.endStream()
	}
	switch {
	case w.err != nil:
		return w.err
	case w.place != betweenObjects:
		return w.misused("there is no block of large objects for object %d", oid)
	case oid == 0:
		return w.misused("a large object with oid 0")
	}
	w.atoms.int(int64(int32(oid))) // WriteInt takes an int
	if w.flush(); w.err == nil {
		w.startStream()
	}
	return w.err
}

// Write puts framed bytes behind the present piece: what a Framer of the archive's compression wrote, cut anywhere.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.place != inStream {
		return 0, w.misused("no block has begun")
	}
	if len(p) == 0 {
		return 0, nil
	}
	if w.written == 0 && w.pieces == 0 && w.c == CompressionGzip {
		w.chunk(zlibHeader)
	}
	if err := w.chunks.follow(p); err != nil {
		return 0, w.misused("%w", err)
	}
	w.written += int64(len(p))
	n, err := w.w.Write(p)
	return n, w.note(err)
}

// stored puts a chunk of n bytes of another archive's stream of the same compression behind those before it. The stream has no pieces
// then.
func (w *Writer) stored(n int64, r io.Reader) error {
	if w.err != nil {
		return w.err
	}
	w.whole = true
	w.atoms.int(n)
	if w.flush(); w.err != nil {
		return w.err
	}
	_, err := io.CopyN(w.w, r, n)
	return w.note(err)
}

// Piece ends a piece: it writes what of it has not been written yet, and compares with what the Framer says of it.
func (w *Writer) Piece(s Sum, chunks ...[]byte) error {
	for _, c := range chunks {
		if _, err := w.Write(c); err != nil {
			return err
		}
	}
	switch {
	case w.err != nil:
		return w.err
	case w.place != inStream:
		return w.misused("no block has begun")
	case s.Stored > 0 && s.compression != w.c:
		return w.misused("a piece compressed with %s in an archive that has %s", s.compression, w.c)
	case s.Stored != w.written || w.chunks.inside():
		return w.misused("a piece of %d bytes came as %d bytes", s.Stored, w.written)
	}
	if s.Stored > 0 {
		w.adler = combineAdler(w.adler, s.adler, s.Bytes)
		w.pieces++
	}
	w.written = 0
	return nil
}

// Close ends the archive. It is an error when an entry with data had no block. It does not close what it writes to.
func (w *Writer) Close() error {
	w.endBlock()
	if w.err == nil && w.next < len(w.entries) {
		e := w.entries[w.next]
		w.misused("%s (id %d) has no block (%d of %d are missing)", e.label, e.id, len(w.entries)-w.next, len(w.entries))
	}
	if w.err == nil {
		w.note(w.w.Flush())
	}
	err := w.err
	w.note(errWriterClosed)
	return err
}

var errWriterClosed = errors.New("archive: the writer is closed")

func (w *Writer) startBlock(id int32, kind byte) error {
	if w.endBlock(); w.err != nil {
		return w.err
	}
	if w.next == len(w.entries) {
		return w.misused("a block for id %d, but every entry with data has had its block", id)
	}
	switch e := w.entries[w.next]; {
	case e.id != id:
		return w.misused("a block for id %d, but it is the turn of %s (id %d)", id, e.label, e.id)
	case e.blobs != (kind == blockBlobs):
		return w.misused("a block of the wrong type for %s (id %d)", e.label, id)
	}
	w.next++
	w.oids, w.place = kind == blockBlobs, betweenObjects
	w.atoms.b.WriteByte(kind)
	w.atoms.int(int64(id))
	w.flush()
	return w.err
}

func (w *Writer) endBlock() {
	if w.place == inStream {
		w.endStream()
	}
	if w.place == betweenObjects && w.oids && w.err == nil {
		w.atoms.int(0)
		w.flush()
	}
	w.place = betweenBlocks
}

func (w *Writer) startStream() {
	w.place, w.pieces, w.written, w.adler, w.whole = inStream, 0, 0, 1, false
}

// endStream makes of the pieces one stream that decompressors accept as whole.
func (w *Writer) endStream() {
	if w.err != nil {
		return
	}
	if w.written > 0 {
		w.misused("a block ends, but its last piece has not")
		return
	}
	switch {
	case w.whole:
	case w.c == CompressionGzip && w.pieces == 0:
		w.chunk(zlibHeader)
		fallthrough
	case w.c == CompressionGzip:
		w.chunk(binary.BigEndian.AppendUint32([]byte(zlibEnd), w.adler))
	case w.pieces == 0 && w.c == CompressionZstd:
		w.chunk(emptyZstd)
	case w.pieces == 0 && w.c == CompressionLZ4:
		w.chunk(emptyLZ4)
	}
	w.atoms.int(0)
	w.flush()
	w.place = betweenObjects
}

// What the Writer adds by itself. zlib's streams have a header, and behind the pieces, none of which is the last, an
// empty block that is (RFC 1950, RFC 1951 3.2.6). A stream of no piece is an empty frame: RFC 8878 3.1.1, and the LZ4
// frame format 1.6 (descriptor 0x60 0x40 and its checksum, then the end mark).
var (
	zlibHeader = []byte{0x78, 0x01}
	zlibEnd    = []byte{0x03, 0x00}
	emptyZstd  = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00}
	emptyLZ4   = []byte{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 0, 0, 0, 0}
)

func (w *Writer) chunk(b []byte) {
	w.atoms.int(int64(len(b)))
	w.atoms.b.Write(b)
	w.flush()
}

func (w *Writer) flush() {
	if w.err == nil {
		_, err := w.atoms.b.WriteTo(w.w)
		w.note(err)
	}
}

func (w *Writer) note(err error) error {
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *Writer) misused(format string, args ...any) error {
	return w.note(fmt.Errorf("archive: "+format, args...))
}
