package archive

import (
	"errors"
	"hash"
	"hash/adler32"
	"io"
)

// Sum says what a Framer made of one piece.
type Sum struct {
	Bytes  int64 // plain
	Stored int64 // compressed, with the lengths of the chunks

	compression Compression
	adler       uint32 // Adler-32 of the plain bytes; gzip only
}

// Framer compresses a piece of a table, or of a large object, into chunks of an archive. Pieces that were made by
// different Framers of one compression, at the same time, are put one behind the other by a Writer and are one stream:
//
//   - zstd, lz4: each piece is a frame of its own, and each frame begins a chunk. pg_restore drops what is left of a
//     chunk behind the end of a zstd frame (compress_zstd.c).
//   - gzip: zlib's reader takes one stream only, and so a piece is deflate blocks that end at a byte (a sync flush),
//     to which the Writer adds the stream's header, and its end with the checksum of all.
//   - none: the bytes.
//
// A chunk has 128 KiB at most. A Framer keeps little more than that and its compressor's window: memory does not grow
// with the piece. It is for one goroutine.
type Framer struct {
	z     compressor
	out   chunkWriter
	sum   Sum
	adler hash.Hash32
	begun bool
	err   error
}

// NewFramer makes a Framer; Reset begins its first piece. What a level means is the compression's own: 1 to 9 with
// gzip, 1 to 22 with zstd, 1 to 12 with lz4; 0 means 1, and must be the level without compression.
func NewFramer(c Compression, level int) (*Framer, error) {
	z, err := newCompressor(c, level)
	if err != nil {
		return nil, err
	}
	f := &Framer{z: z, sum: Sum{compression: c}, err: errNotReset}
	if c == CompressionGzip {
		f.adler = adler32.New()
	}
	return f, nil
}

var errNotReset = errors.New("archive: the framer was not reset")

// Reset begins a piece, whose chunks are written to w, each at once. A piece that was not closed is dropped.
func (f *Framer) Reset(w io.Writer) {
	f.out.reset(w)
	f.z.reset(&f.out)
	f.sum = Sum{compression: f.sum.compression}
	if f.adler != nil {
		f.adler.Reset()
	}
	f.begun, f.err = false, nil
}

// Write compresses p.
func (f *Framer) Write(p []byte) (int, error) {
	if f.err != nil || len(p) == 0 {
		return 0, f.err
	}
	f.begun = true
	if f.adler != nil {
		f.adler.Write(p)
	}
	n, err := f.z.Write(p)
	f.sum.Bytes += int64(n)
	f.err = err
	return n, err
}

// Close ends the piece: all its chunks have been written. An empty piece has none.
func (f *Framer) Close() (Sum, error) {
	if f.err == nil && f.begun {
		f.err = f.z.end()
	}
	if f.err == nil {
		f.err = f.out.flush()
	}
	if f.err != nil {
		return Sum{}, f.err
	}
	f.err, f.sum.Stored = errNotReset, f.out.written
	if f.adler != nil {
		f.sum.adler = f.adler.Sum32()
	}
	return f.sum, nil
}
