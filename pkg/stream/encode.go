package stream

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"

	"cofre/pkg/fault"
)

// maxRecipients keeps age's header, of a few hundred bytes for each, far below what the queue holds.
const maxRecipients = 500

// gzipBlock is how much one processor compresses at a time, in bytes.
const gzipBlock = 512 << 10

// encoder is the chain of writers between source and queue: compression, then encryption.
type encoder struct {
	io.Writer
	gzip *pgzip.Writer
	zstd *zstd.Encoder
	age  io.WriteCloser
}

func newEncoder(w io.Writer, o Options) (*encoder, error) {
	e := &encoder{Writer: w}
	workers := o.Concurrency
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if len(o.Recipients) > maxRecipients {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Use a shared key for a group of people.",
			"%d recipients are more than the %d that are possible", len(o.Recipients), maxRecipients)
	}
	if len(o.Recipients) > 0 {
		a, err := age.Encrypt(w, o.Recipients...)
		if err != nil {
			return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput,
				"Check the list of recipients; ordinary and post-quantum keys cannot be mixed.", "cannot encrypt to the recipients")
		}
		e.age, e.Writer = a, a
	}
	level := max(o.Level, 1)
	var err error
	switch o.Compression {
	case Gzip:
		if e.gzip, err = pgzip.NewWriterLevel(e.Writer, level); err == nil {
			err = e.gzip.SetConcurrency(gzipBlock, workers)
			e.Writer = e.gzip
		}
	case Zstd:
		e.zstd, err = zstd.NewWriter(e.Writer, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
			zstd.WithEncoderConcurrency(workers), zstd.WithEncoderCRC(true), zstd.WithZeroFrames(true))
		e.Writer = e.zstd
	}
	if err != nil {
		return nil, fmt.Errorf("start %s compression: %w", o.Compression, err)
	}
	return e, nil
}

// Close writes what is left, in order, and ends the compressors' goroutines also when it fails.
func (e *encoder) Close() error {
	var err error
	switch {
	case e.zstd != nil:
		err = e.zstd.Close()
	case e.gzip != nil:
		err = e.gzip.Close()
		e.releaseGzip()
	}
	if err == nil && e.age != nil {
		err = e.age.Close()
	}
	return asError(err)
}

// abandon ends the compressors' goroutines. The queue has ended: nothing they still write arrives.
func (e *encoder) abandon() {
	if e.zstd != nil {
		e.zstd.Close()
	}
	if e.gzip != nil {
		e.releaseGzip()
	}
}

// releaseGzip waits for pgzip's goroutines. Its Close leaves them behind after an error; Reset does not.
func (e *encoder) releaseGzip() { e.gzip.Reset(io.Discard) }

// asError keeps a compressor from ending the stream by passing an end of input on as its own result.
func asError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("compress or encrypt: %v", err)
	}
	return err
}
