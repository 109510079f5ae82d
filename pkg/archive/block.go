package archive

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// CopyBlock reads the data of one entry out of an archive, by one range, and writes it to w decompressed. h is the
// archive's head, and b the block's place. Memory does not grow with the block.
//
// What does not fit is a fault: structure_damaged, or checksum_mismatch when all was read and the CRC-32C of b differs
// (none is compared when it is 0). Errors of open and w pass unchanged; what was written before one is not proven.
func CopyBlock(ctx context.Context, w io.Writer, open OpenRange, h *Head, b BlockInfo) error {
	rc, err := open(ctx, b.Offset, b.Length)
	if err != nil {
		return fmt.Errorf("read %d bytes of the archive from byte %d: %w", b.Length, b.Offset, err)
	}
	defer rc.Close()
	sum := &summing{r: io.LimitReader(contextReader{ctx, rc}, b.Length)}
	x := &blockReader{h: h, br: bufio.NewReaderSize(sum, readSize), off: b.Offset}
	if err := x.copyEntry(w, b.DumpID); err != nil {
		return toFault(err)
	}
	if x.off != b.Offset+b.Length {
		return toFault(x.fail("the block ends, and its place in the index is larger"))
	}
	if b.CRC32C != 0 && sum.crc != b.CRC32C {
		return sameBlocks([]BlockInfo{b}, []BlockInfo{{DumpID: b.DumpID, CRC32C: sum.crc}})
	}
	return nil
}

// ScanBlock is CopyBlock for an archive of which nobody knows where the blocks lie: r is read from the end of the head
// on, to the end of the block. The blocks before it pass by without being decompressed.
func ScanBlock(ctx context.Context, w io.Writer, r io.Reader, h *Head, id int32) error {
	x := &blockReader{h: h, br: bufio.NewReaderSize(contextReader{ctx, r}, readSize), off: h.Length}
	for {
		found, err := x.next(id)
		if err == nil && found {
			err = x.copyStream(w)
		}
		if err != nil || found {
			return toFault(err)
		}
	}
}

// summing keeps the CRC-32C of what is read.
type summing struct {
	r   io.Reader
	crc uint32
}

func (s *summing) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.crc = crc32.Update(s.crc, castagnoli, p[:n])
	return n, err
}

// blockReader reads blocks. As a reader it gives the bytes of the present stream.
type blockReader struct {
	h    *Head
	br   *bufio.Reader
	off  int64 // in the archive
	left int64 // of the present chunk
	done bool  // the stream has ended
	err  error // of reading, which a decompressor may have dressed
}

func (x *blockReader) fail(format string, args ...any) error {
	return &FormatError{Offset: x.off, Where: "the blocks of data", Msg: fmt.Sprintf(format, args...)}
}

// ended turns the end of the input into damage.
func (x *blockReader) ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return x.fail("the file ends too early")
	}
	return err
}

// intLen is how many bytes an integer takes.
func (x *blockReader) intLen() int { return 1 + x.h.IntSize }

func (x *blockReader) integer() (int64, error) {
	var b [9]byte
	p := b[:x.intLen()]
	if _, err := io.ReadFull(x.br, p); err != nil {
		return 0, x.ended(err)
	}
	x.off += int64(len(p))
	if b[0] > 1 {
		return 0, x.fail("malformed integer % x", p)
	}
	v := int64(binary.LittleEndian.Uint64(b[1:9]))
	if b[0] == 1 {
		v = -v
	}
	return v, nil
}

// begin reads a block's type and id.
func (x *blockReader) begin() (kind byte, id int64, err error) {
	if kind, err = x.br.ReadByte(); err != nil {
		return 0, 0, x.ended(err)
	}
	x.off++
	if kind != blockData && kind != blockBlobs {
		return 0, 0, x.fail("unknown type of block %d", kind)
	}
	id, err = x.integer()
	return kind, id, err
}

// next begins the next block, and passes it by when it is not the one of the entry.
func (x *blockReader) next(id int32) (found bool, err error) {
	kind, got, err := x.begin()
	if err != nil || got == int64(id) && kind == blockData {
		return err == nil, err
	}
	for {
		if kind == blockBlobs {
			if oid, err := x.integer(); err != nil || oid == 0 {
				return false, err
			}
		}
		if err := x.skipStream(); err != nil || kind == blockData {
			return false, err
		}
	}
}

// copyEntry copies the one block that is there.
func (x *blockReader) copyEntry(w io.Writer, id int32) error {
	kind, got, err := x.begin()
	if err != nil {
		return err
	}
	if kind != blockData || got != int64(id) {
		return x.fail("here begins the block of id %d, and the index says that of %d", got, id)
	}
	return x.copyStream(w)
}

// copyStream decompresses the present stream to its end.
func (x *blockReader) copyStream(w io.Writer) error {
	x.left, x.done = 0, false
	out := &firstError{w: w}
	dec := decompressor{maxWindow: defaultMaxWindow, large: &largeWindow{}}
	defer dec.large.close()
	defer dec.close()
	err := dec.copy(out, x, x.h.Compression)
	switch {
	case out.err != nil:
		return out.err
	case x.err != nil:
		return x.err
	case err != nil:
		return x.broken(err)
	}
	return x.skipStream()
}

// broken is for what a decompressor does not understand.
func (x *blockReader) broken(err error) error {
	var limit *limitError
	if errors.As(err, &limit) {
		return &FormatError{Offset: x.off, Where: "the blocks of data", Msg: limit.msg, Limit: true}
	}
	return x.fail("%v", err)
}

// firstError remembers the writer's error, so that it is not taken for the archive's.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// chunk goes on to the next chunk when the present one is read.
func (x *blockReader) chunk() error {
	if x.left > 0 || x.done {
		return nil
	}
	n, err := x.integer()
	if err == nil && (n < 0 || n > math.MaxInt32) {
		err = x.fail("a chunk's length is %d", n)
	}
	x.left, x.done = n, n == 0
	return err
}

func (x *blockReader) Read(p []byte) (int, error) {
	if x.err = x.chunk(); x.err != nil {
		return 0, x.err
	}
	if x.done {
		return 0, io.EOF
	}
	n, err := x.br.Read(p[:min(int64(len(p)), x.left)])
	x.left -= int64(n)
	x.off += int64(n)
	if err != nil {
		x.err = x.ended(err)
	}
	return n, x.err
}

func (x *blockReader) skipStream() error {
	for !x.done {
		if err := x.chunk(); err != nil {
			return err
		}
		n, err := x.br.Discard(int(x.left))
		x.left -= int64(n)
		x.off += int64(n)
		if err != nil {
			return x.ended(err)
		}
	}
	x.done = false
	return nil
}
