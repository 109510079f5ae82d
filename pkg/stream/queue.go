package stream

import (
	"io"
	"sync"
	"sync/atomic"
)

const (
	chunkSize   = 256 << 10
	queueChunks = 4
)

// queue is a bounded pipe of chunks: unlike io.Pipe it lets the writer run ahead, by queueChunks chunks.
type queue struct {
	mu    sync.Mutex
	moved sync.Cond // something was added, taken, or ended
	full  [][]byte  // waiting to be read
	free  [][]byte
	last  []byte // being written: not yet full
	cur   []byte // being read
	rest  []byte // unread part of cur
	made  int
	err   error // why no more comes; io.EOF is the good end

	waiting int64 // bytes in full and last
	peak    atomic.Int64
}

func newQueue() *queue {
	q := &queue{}
	q.moved.L = &q.mu
	return q
}

// Write adds bytes and waits while the queue is full. It fails once the queue has ended.
func (q *queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	total := len(p)
	for len(p) > 0 {
		for q.err == nil && q.last == nil && len(q.free) == 0 && q.made == queueChunks {
			q.moved.Wait()
		}
		if q.err != nil {
			return total - len(p), q.err
		}
		q.open()
		n := min(len(p), cap(q.last)-len(q.last))
		q.last = append(q.last, p[:n]...)
		p = p[n:]
		q.waiting += int64(n)
		q.peak.Store(max(q.peak.Load(), q.waiting))
		if len(q.last) == cap(q.last) {
			q.full, q.last = append(q.full, q.last), nil
		}
		q.moved.Broadcast()
	}
	return total, nil
}

// open makes sure that there is a chunk to write to.
func (q *queue) open() {
	switch {
	case q.last != nil:
	case len(q.free) > 0:
		q.last = q.free[len(q.free)-1]
		q.free = q.free[:len(q.free)-1]
	default:
		q.last = make([]byte, 0, chunkSize)
		q.made++
	}
}

// end says that no more comes: err, or io.EOF when it is nil. The first end counts. After a good end what is in the
// queue can still be read; after a bad one it is of no use.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
		if err == nil {
			q.err = io.EOF
		}
	}
	q.moved.Broadcast()
}

// drop frees what was not read.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.full, q.free, q.last, q.cur, q.rest = nil, nil, nil, nil, nil
}

// Read takes bytes, and waits while there are none.
func (q *queue) Read(p []byte) (int, error) {
	q.mu.Lock()
	for len(q.rest) == 0 {
		if q.err != nil && q.err != io.EOF {
			defer q.mu.Unlock()
			return 0, q.err
		}
		if q.next() {
			break
		}
		if q.err != nil {
			defer q.mu.Unlock()
			return 0, q.err
		}
		q.moved.Wait()
	}
	// The chunk being read belongs to the reader: it is copied without holding the writer up.
	rest := q.rest
	q.mu.Unlock()
	n := copy(p, rest)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rest = rest[n:]
	q.waiting -= int64(n)
	return n, nil
}

// next moves on to the oldest chunk, a full one or, when there is no other, the one being written.
func (q *queue) next() bool {
	if q.cur != nil {
		q.free = append(q.free, q.cur[:0])
		q.cur = nil
		q.moved.Broadcast()
	}
	switch {
	case len(q.full) > 0:
		q.cur = q.full[0]
		q.full = append(q.full[:0], q.full[1:]...)
	case q.err != nil && len(q.last) > 0:
		q.cur, q.last = q.last, nil
	default:
		return false
	}
	q.rest = q.cur
	return true
}
