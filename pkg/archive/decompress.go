package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

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

	maxWindow int64
	large     *largeWindow
}

// largeWindow is the decoder, shared by all workers, for frames with more than an ordinary window: they are
// decompressed one at a time and in the same memory, which so does not grow with the number of workers or tables.
type largeWindow struct {
	sync.Mutex
	z *zstd.Decoder
}

func (l *largeWindow) close() {
	if l.z != nil {
		l.z.Close()
	}
}

// Windows of zstd frames, in bytes: how far back a frame may refer, and so the memory that decompressing it takes. The
// zstd tool accepts 128 MiB without being asked for more, and pg_dump makes that with "--compress=zstd:long"; its
// ordinary levels need 8 MiB at most.
const (
	ordinaryWindow   = 8 << 20
	defaultMaxWindow = 128 << 20
)

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
			return &limitError{fmt.Sprintf("its zstd data asks for more than %d bytes of memory", d.maxWindow)}
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

// decode picks the decoder. They read through d.br: gzip's byte by byte, and copy sees there what was left.
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
		err = d.unzstd(w)
	default:
		_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{r}, d.buf)
	}
	return err
}

// unzstd decompresses zstd frames. What comes after the first frame may not ask for more memory than that did.
func (d *decompressor) unzstd(w io.Writer) error {
	first, err := d.br.Peek(zstd.HeaderMaxSize)
	if err != nil && err != io.EOF {
		return err
	}
	var h zstd.Header
	if h.Decode(first) == nil && h.WindowSize > ordinaryWindow {
		d.large.Lock()
		defer d.large.Unlock()
		if d.large.z == nil {
			if d.large.z, err = newZstd(d.maxWindow); err != nil {
				return err
			}
		}
		return runZstd(d.large.z, w, d.br)
	}
	if d.zstd == nil {
		if d.zstd, err = newZstd(min(ordinaryWindow, d.maxWindow)); err != nil {
			return err
		}
	}
	return runZstd(d.zstd, w, d.br)
}

// newZstd makes a decoder that never decodes small inputs in one go: the memory that takes is for the input to choose.
func newZstd(window int64) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxWindow(uint64(max(window, 1<<10))), zstd.WithDecodeBuffersBelow(0),
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
}

func runZstd(z *zstd.Decoder, w io.Writer, r io.Reader) error {
	if err := z.Reset(onlyReader{r}); err != nil {
		return err
	}
	_, err := z.WriteTo(w)
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
