package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decompressor holds what is worth keeping between streams. It is for one goroutine.
type decompressor struct {
	br   *bufio.Reader
	zlib io.ReadCloser
	zstd *zstd.Decoder
	lz4  *lz4.Reader
	buf  []byte
}

// maxZstdWindow is the largest window of a zstd frame that is accepted, in bytes: what the zstd tool accepts without
// being asked for more, and what pg_dump makes with "--compress=zstd:long".
const maxZstdWindow = 128 << 20

// copy decompresses one stream to its end, and fails when it is broken, cut off, or has something behind it.
func (d *decompressor) copy(w io.Writer, r io.Reader, c Compression) error {
	if d.br == nil {
		d.br, d.buf = bufio.NewReaderSize(r, 64<<10), make([]byte, 128<<10)
	} else {
		d.br.Reset(r)
	}
	if err := d.decode(w, r, c); err != nil {
		var limit *limitError
		switch {
		case errors.As(err, &limit):
			return err
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			return fmt.Errorf("its %s data ends too early", c)
		case errors.Is(err, zstd.ErrWindowSizeExceeded):
			return &limitError{fmt.Sprintf("its zstd data asks for more than %d bytes of memory", int64(maxZstdWindow))}
		}
		return fmt.Errorf("its %s data is broken: %w", c, err)
	}
	if _, err := d.br.ReadByte(); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("something follows its %s data", c)
		}
		return err
	}
	return nil
}

// decode picks the decoder. Only gzip's reads byte by byte through d.br, which also lets copy see what it left.
func (d *decompressor) decode(w io.Writer, r io.Reader, c Compression) (err error) {
	switch c {
	case CompressionGzip:
		if d.zlib == nil {
			d.zlib, err = zlib.NewReader(d.br)
		} else {
			err = d.zlib.(zlib.Resetter).Reset(d.br, nil)
		}
		if err == nil {
			_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{d.zlib}, d.buf)
		}
	case CompressionLZ4:
		if d.lz4 == nil {
			d.lz4 = lz4.NewReader(d.br)
		} else {
			d.lz4.Reset(d.br)
		}
		_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{d.lz4}, d.buf)
	case CompressionZstd:
		if d.zstd == nil {
			// Never decode small inputs in one go: the memory that takes is for the input to choose.
			d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecodeBuffersBelow(0),
				zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
			if err != nil {
				return err
			}
		}
		if err = d.zstd.Reset(r); err == nil {
			_, err = d.zstd.WriteTo(w)
		}
	default:
		_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{r}, d.buf)
	}
	return err
}

func (d *decompressor) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

// onlyReader and onlyWriter hide the methods that would make io.CopyBuffer leave its buffer unused.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
