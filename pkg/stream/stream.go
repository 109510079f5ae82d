package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"filippo.io/age"

	"cofre/pkg/fault"
)

// Compression is how the stream is compressed as a whole. Archives of pg_dump's custom format are compressed inside
// and need none.
type Compression string

// The compressions.
const (
	None Compression = "none" // the empty string means the same
	Gzip Compression = "gzip" // RFC 1952, one member, compressed on all processors
	Zstd Compression = "zstd" // RFC 8878, one frame with a checksum
)

// Options says what New makes of the source.
type Options struct {
	Compression Compression
	// Level is the compressor's: gzip 1 to 9, zstd 1 to 22 as in its tool; 0 means 1, the fastest.
	Level int
	// Recipients, when there are any, encrypt the stream to them with age, after compression.
	Recipients []age.Recipient
	// Concurrency is how many blocks are compressed at the same time; 0 means one for each processor. A block in
	// flight takes about 2 MiB with gzip and up to 8 MiB with zstd.
	Concurrency int
	// Tap, when set, gets the source's bytes before anything else, in order. An error of it fails the stream.
	Tap io.Writer
	// Finish, when set, is called once after the last byte of the source and before the stream may end. An error of
	// it fails the stream. This is the place for checks that need the whole, such as archive.Checker.Close.
	Finish func() error
	// OnProgress, when set, is called after every Read that gave bytes, on its goroutine: it must be quick.
	OnProgress func(Progress)
}

// Progress is how far a stream got, in bytes.
type Progress struct {
	RawBytes    int64 // taken from the source
	StoredBytes int64 // given to the caller of Read
}

// Result is what a stream was, once read to its end.
type Result struct {
	RawBytes    int64
	StoredBytes int64
	SHA256      string // of the stored bytes, lower-case hex
	// PeakBuffered is the most that ever waited in the queue between compressor and reader, in bytes.
	PeakBuffered int64
}

// Stream is the reading end of the pipeline. Read, Result and Close are for one goroutine; Progress is for all.
type Stream struct {
	o      Options
	src    *source
	queue  *queue // nil when bytes pass straight through
	wg     sync.WaitGroup
	hash   hash.Hash
	stored atomic.Int64
	err    error // what Read returns from now on
	closed bool
}

// ErrClosed is what Read returns after Close.
var ErrClosed = errors.New("stream: closed")

// New starts a pipeline that reads src. The stream owns src from now on: Close closes it, if it is an io.Closer, to
// end a read that hangs. Errors are faults about the options.
func New(src io.Reader, o Options) (*Stream, error) {
	s := &Stream{o: o, src: &source{r: src, tap: o.Tap, finish: o.Finish}, hash: sha256.New()}
	if o.Compression == "" {
		s.o.Compression = None
	}
	if err := checkLevel(s.o.Compression, o.Level); err != nil {
		return nil, err
	}
	if s.o.Compression == None && len(o.Recipients) == 0 {
		return s, nil
	}
	s.queue = newQueue()
	enc, err := newEncoder(s.queue, s.o)
	if err != nil {
		return nil, err
	}
	s.wg.Add(1)
	go s.pump(enc)
	return s, nil
}

// pump moves the source through the encoder into the queue. It is the pipeline's only goroutine of ours.
func (s *Stream) pump(enc *encoder) {
	defer s.wg.Done()
	buf := make([]byte, chunkSize)
	for {
		n, err := s.src.Read(buf)
		if n > 0 {
			if _, werr := enc.Write(buf[:n]); werr != nil {
				s.queue.end(werr)
				enc.abandon()
				return
			}
		}
		if err == io.EOF {
			s.queue.end(enc.Close())
			return
		}
		if err != nil {
			// The queue first: it refuses what abandoned compressors still write.
			s.queue.end(err)
			enc.abandon()
			return
		}
	}
}

// Read gives the next bytes to be stored. It returns io.EOF only after the source ended cleanly, the Tap took
// everything, Finish agreed, and the last byte was given out.
func (s *Stream) Read(p []byte) (int, error) {
	if s.err != nil || len(p) == 0 {
		return 0, s.err
	}
	var n int
	var err error
	if s.queue == nil {
		n, err = s.src.Read(p)
	} else {
		n, err = s.queue.Read(p)
	}
	if n > 0 {
		s.hash.Write(p[:n])
		s.stored.Add(int64(n))
		if s.o.OnProgress != nil {
			s.o.OnProgress(s.Progress())
		}
	}
	s.err = err
	return n, err
}

// Progress tells how far the stream got. It may be called at any time, from any goroutine.
func (s *Stream) Progress() Progress {
	return Progress{RawBytes: s.src.n.Load(), StoredBytes: s.stored.Load()}
}

// Result tells what was read. It is an error to ask before Read returned io.EOF.
func (s *Stream) Result() (Result, error) {
	if s.err != io.EOF {
		return Result{}, errors.New("stream: not read to its end")
	}
	r := Result{RawBytes: s.src.n.Load(), StoredBytes: s.stored.Load(), SHA256: hex.EncodeToString(s.hash.Sum(nil))}
	if s.queue != nil {
		r.PeakBuffered = s.queue.peak.Load()
	}
	return r, nil
}

// Close ends the pipeline and waits for its goroutines. Before the end of input it abandons the stream; the result
// stays available after it. It closes the source, whose error it returns when the stream was read to its end.
func (s *Stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if s.queue != nil {
		s.queue.end(ErrClosed)
		s.queue.drop()
	}
	var err error
	if c, ok := s.src.r.(io.Closer); ok {
		err = c.Close()
	}
	s.wg.Wait()
	if s.err == io.EOF {
		return err
	}
	if s.err == nil {
		s.err = ErrClosed
	}
	return nil
}

func checkLevel(c Compression, level int) error {
	highest := map[Compression]int{None: 0, Gzip: 9, Zstd: 22}
	top, ok := highest[c]
	if !ok {
		return fault.New(fault.Validation, fault.InvalidInput, "Use none, gzip or zstd.", "unknown compression %q", string(c))
	}
	if level < 0 || level > top {
		hint := fmt.Sprintf("Use a level from 1 to %d, or none for the fastest.", top)
		if c == None {
			hint = "Leave the level out, or choose gzip or zstd."
		}
		return fault.New(fault.Validation, fault.InvalidInput, hint, "compression level %d does not exist for %s", level, c)
	}
	return nil
}
