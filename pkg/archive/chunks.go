package archive

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Chunks are what a block's stream is made of: a length as WriteInt writes it, and that many bytes. A stream ends with
// length 0.
const (
	chunkIntSize = 4 // what pg_dump has for an int, everywhere
	chunkHeader  = 1 + chunkIntSize
	chunkSize    = 128 << 10 // bytes at most, about what pg_dump makes
)

// chunkWriter cuts what is written to it into chunks. Each is one Write of w.
type chunkWriter struct {
	w       io.Writer
	buf     []byte // with room for the length in front
	written int64
}

// reset begins again; what was not written is dropped.
func (c *chunkWriter) reset(w io.Writer) {
	if c.buf == nil {
		c.buf = make([]byte, chunkHeader, chunkHeader+chunkSize)
	}
	c.w, c.buf, c.written = w, c.buf[:chunkHeader], 0
}

func (c *chunkWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), cap(c.buf)-len(c.buf))
		c.buf = append(c.buf, p[:k]...)
		p = p[k:]
		if len(c.buf) == cap(c.buf) {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// flush writes the present chunk.
func (c *chunkWriter) flush() error {
	if len(c.buf) <= chunkHeader {
		return nil
	}
	binary.LittleEndian.PutUint32(c.buf[1:], uint32(len(c.buf)-chunkHeader))
	n, err := c.w.Write(c.buf)
	c.written += int64(n)
	c.buf = c.buf[:chunkHeader]
	return err
}

// chunkReader follows chunks through bytes that come in pieces of any size.
type chunkReader struct {
	head [chunkHeader]byte
	n    int   // bytes of head that came
	left int64 // bytes of the chunk that have not
}

var errNoChunks = errors.New("what comes is not made of chunks")

func (c *chunkReader) follow(p []byte) error {
	for len(p) > 0 {
		if c.left > 0 {
			n := min(c.left, int64(len(p)))
			c.left -= n
			p = p[n:]
			continue
		}
		n := copy(c.head[c.n:], p)
		p = p[n:]
		if c.n += n; c.n < chunkHeader {
			return nil
		}
		c.n, c.left = 0, int64(binary.LittleEndian.Uint32(c.head[1:]))
		if c.head[0] != 0 || c.left == 0 || c.left > math.MaxInt32 {
			return errNoChunks
		}
	}
	return nil
}

// inside reports whether a chunk has begun and not ended.
func (c *chunkReader) inside() bool { return c.n > 0 || c.left > 0 }
