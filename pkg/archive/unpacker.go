package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"cofre/pkg/tuples"
)

// unpacker is the sink that decompresses blocks, each in a goroutine of its own. As many run at the same time as
// there are workers, and each has a queue of a few MiB, so that small tables are decompressed side by side and a
// large one does not let the reader run ahead.
type unpacker struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	o      Options
	m      *machine

	slots chan *decompressor // the free ones
	large largeWindow
	wg    sync.WaitGroup
	free  chan []byte // buffers to use again

	job *job // of the block being read
	buf []byte

	in, out atomic.Int64 // bytes of data, stored and decompressed

	mu      sync.Mutex
	err     *FormatError // the first
	other   error
	results map[int]result
}

// job is one block on its way to a decompressor.
type job struct {
	d     *dataEntry
	start int64 // offset in the archive
	queue chan piece
}

// piece is some of a stream's bytes; last is true for its last piece, which may be empty.
type piece struct {
	buf  []byte
	blob uint32 // the large object's oid, or 0
	last bool
}

type result struct{ bytes, rows int64 }

const (
	pieceSize   = 256 << 10
	queueLength = 16

	defaultMaxRatio   = 2000
	defaultRatioFloor = 8 << 30
)

func newUnpacker(ctx context.Context, cancel context.CancelCauseFunc, o Options) *unpacker {
	if o.MaxRatio <= 0 {
		o.MaxRatio = defaultMaxRatio
	}
	if o.RatioFloor <= 0 {
		o.RatioFloor = defaultRatioFloor
	}
	if o.Workers <= 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), 4)
	}
	u := &unpacker{ctx: ctx, cancel: cancel, o: o, results: map[int]result{},
		slots: make(chan *decompressor, o.Workers), free: make(chan []byte, o.Workers*(queueLength+1)+1)}
	if o.MaxWindow <= 0 {
		o.MaxWindow = defaultMaxWindow
	}
	for range o.Workers {
		u.slots <- &decompressor{maxWindow: o.MaxWindow, large: &u.large}
	}
	return u
}

func (u *unpacker) attach(m *machine) { u.m, m.sink = m, u }

func (u *unpacker) startBlock(d *dataEntry) error {
	select {
	case dec := <-u.slots:
		u.job = &job{d: d, start: u.m.blockStart, queue: make(chan piece, queueLength)}
		u.wg.Add(1)
		go u.run(u.job, dec)
		return nil
	case <-u.ctx.Done():
		return context.Cause(u.ctx)
	}
}

func (u *unpacker) startStream() error { return nil }

func (u *unpacker) data(p []byte) error {
	u.in.Add(int64(len(p)))
	for len(p) > 0 {
		if u.buf == nil {
			select {
			case u.buf = <-u.free:
			default:
				u.buf = make([]byte, 0, pieceSize)
			}
		}
		n := min(len(p), cap(u.buf)-len(u.buf))
		u.buf = append(u.buf, p[:n]...)
		p = p[n:]
		if len(u.buf) == cap(u.buf) {
			if err := u.send(false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (u *unpacker) send(last bool) error {
	select {
	case u.job.queue <- piece{u.buf, u.m.blobID, last}:
		u.buf = nil
		return nil
	case <-u.ctx.Done():
		return context.Cause(u.ctx)
	}
}

func (u *unpacker) endStream() error { return u.send(true) }

func (u *unpacker) endBlock() error {
	close(u.job.queue)
	u.job = nil
	return nil
}

// wait ends the goroutines and gives what they found wrong. With a reader's error that came first (readErr), blocks
// in flight are given up.
func (u *unpacker) wait(readErr error) error {
	if readErr != nil {
		u.cancel(readErr)
	}
	if u.job != nil {
		close(u.job.queue)
		u.job = nil
	}
	u.wg.Wait()
	for range cap(u.slots) {
		(<-u.slots).close()
	}
	u.large.close()
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.err != nil:
		return u.err
	case readErr == nil:
		return u.other
	}
	return nil
}

// run decompresses one block.
func (u *unpacker) run(j *job, dec *decompressor) {
	defer u.wg.Done()
	defer func() { u.slots <- dec }()
	var res result
	for {
		first, ok := <-j.queue
		if !ok {
			break
		}
		if err := u.stream(j, dec, first, &res); err != nil {
			u.fail(j, err)
			break
		}
	}
	u.mu.Lock()
	u.results[j.d.index] = res
	u.mu.Unlock()
}

// stream decompresses one stream of a block to its end.
func (u *unpacker) stream(j *job, dec *decompressor, first piece, res *result) error {
	in := &pieceReader{u: u, queue: j.queue, cur: first}
	in.take(first)
	defer in.release()
	w := &meter{u: u, copied: j.d.copied}
	if u.o.Data != nil {
		w.to = u.o.Data(Stream{DumpID: j.d.id, LargeObject: first.blob})
	}
	err := dec.copy(w, in, u.m.head.Compression)
	res.bytes += w.n
	if err != nil {
		return err
	}
	if j.d.desc != descBlobs && j.d.copied != notCopied {
		rows, err := w.copyRows()
		res.rows += rows
		if err != nil {
			return err
		}
	}
	if w.to != nil {
		return w.to.Close()
	}
	return nil
}

// fail records what is wrong with a block and stops everything.
func (u *unpacker) fail(j *job, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var limit *limitError
	switch {
	case u.ctx.Err() != nil: // the end of something else
		u.other = err
		return
	case errors.As(err, &limit):
		u.err = &FormatError{Offset: j.start, Where: j.d.label(), Msg: limit.msg, Limit: true}
	default:
		u.err = &FormatError{Offset: j.start, Where: j.d.label(), Msg: err.Error()}
	}
	u.cancel(u.err)
}

// fill adds what the goroutines counted to a summary. They have ended.
func (u *unpacker) fill(s *Summary) {
	if s.Kind != KindCustom {
		return
	}
	for i, r := range u.results {
		s.Index[i].UncompressedBytes, s.Index[i].Rows = r.bytes, r.rows
		s.UncompressedBytes += r.bytes
		s.Rows += r.rows
	}
}

// limitError says which limit of Options an archive goes beyond.
type limitError struct{ msg string }

func (e *limitError) Error() string { return e.msg }

// meter is where decompressed data ends: it counts, and remembers the last bytes.
type meter struct {
	u        *unpacker
	to       io.WriteCloser // may be nil
	copied   copyFormat
	n, lines int64
	tail     []byte
	tuples   tuples.Counter
}

func (w *meter) Write(p []byte) (int, error) {
	if w.u.ctx.Err() != nil {
		return 0, context.Cause(w.u.ctx)
	}
	w.n += int64(len(p))
	switch w.copied {
	case copyText:
		w.lines += int64(bytes.Count(p, []byte{'\n'}))
		w.tail = append(w.tail, p[max(0, len(p)-len(copyEnd)-1):]...)
		if over := len(w.tail) - len(copyEnd) - 1; over > 0 {
			w.tail = w.tail[:copy(w.tail, w.tail[over:])]
		}
	case copyBinary:
		if _, err := w.tuples.Write(p); err != nil {
			return 0, err
		}
	}
	out, in, o := w.u.out.Add(int64(len(p))), w.u.in.Load(), &w.u.o
	switch {
	case o.MaxUncompressed > 0 && out > o.MaxUncompressed:
		return 0, &limitError{fmt.Sprintf("the data is larger than the %d bytes allowed", o.MaxUncompressed)}
	case out > o.RatioFloor && out/o.MaxRatio > in:
		return 0, &limitError{fmt.Sprintf("%d bytes became more than %d, beyond the ratio of %d allowed", in, out, o.MaxRatio)}
	}
	if w.to != nil {
		return w.to.Write(p)
	}
	return len(p), nil
}

// copyEnd is what pg_dump writes after a table's last row (pg_dump.c dumpTableData_copy).
const copyEnd = "\\.\n\n\n"

// copyRows gives the number of rows, once a table's data is complete.
func (w *meter) copyRows() (int64, error) {
	if w.copied == copyBinary {
		return w.tuples.Rows, w.tuples.Close()
	}
	if string(w.tail) != "\n"+copyEnd && !(w.n == int64(len(copyEnd)) && string(w.tail) == copyEnd) {
		return 0, errors.New(`it does not end with COPY's end mark "\.": rows are missing`)
	}
	return w.lines - int64(bytes.Count([]byte(copyEnd), []byte{'\n'})), nil
}

// pieceReader reads one stream from a job's queue.
type pieceReader struct {
	u     *unpacker
	queue <-chan piece
	cur   piece
	p     []byte // unread part of cur
}

func (r *pieceReader) take(p piece) { r.cur, r.p = p, p.buf }

func (r *pieceReader) Read(p []byte) (int, error) {
	for len(r.p) == 0 {
		if r.cur.last {
			return 0, io.EOF
		}
		r.release()
		next, ok := <-r.queue
		if !ok { // the reader of the archive gave up
			return 0, context.Cause(r.u.ctx)
		}
		r.take(next)
	}
	n := copy(p, r.p)
	r.p = r.p[n:]
	return n, nil
}

// release gives the current buffer back.
func (r *pieceReader) release() {
	if r.cur.buf != nil {
		select {
		case r.u.free <- r.cur.buf[:0]:
		default:
		}
		r.cur.buf, r.p = nil, nil
	}
}
