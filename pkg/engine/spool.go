package engine

import (
	"sync"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
)

const (
	// SpoolPerJob is how many bytes of compressed pieces each reader may have ready before their turn, all readers together.
	SpoolPerJob = 12 << 20
	// blockBytes is one buffer of a spool.
	blockBytes = 256 << 10
	// ahead is how many buffers the piece whose turn it is may hold beyond that.
	ahead = 4
)

// spool keeps what readers have made until its turn comes. The piece whose turn it is always goes on, so that nobody waits for
// somebody who waits.
type spool struct {
	mu    sync.Mutex
	cond  sync.Cond
	limit int // bytes
	used  int
	turn  *output
	free  [][]byte
	err   error // why nobody needs to go on

	// For how long readers have waited for room that the writer did not make: it had something to write, and storage took its time.
	waited  time.Duration // of all readers together
	waiting int           // readers, now
	starved bool          // the writer waits for readers
	since   time.Time     // what waited has not counted
}

func newSpool(limit int) *spool {
	s := &spool{limit: limit}
	s.cond.L = &s.mu
	return s
}

// tick counts the time until now, before waiting or starved change.
func (s *spool) tick() {
	now := time.Now()
	if !s.starved {
		s.waited += time.Duration(s.waiting) * now.Sub(s.since)
	}
	s.since = now
}

// wait waits as a reader, or as the writer, until something has changed.
func (s *spool) wait(writer bool) {
	readers := 1
	if writer {
		readers = 0
	}
	s.tick()
	s.waiting, s.starved = s.waiting+readers, s.starved || writer
	s.cond.Wait()
	s.tick()
	s.waiting, s.starved = s.waiting-readers, s.starved && !writer
}

// stop ends all waiting.
func (s *spool) stop(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.cond.Broadcast()
}

// item is a step of an output: the begin of a part, some of its bytes, or its end.
type item struct {
	begin  *part
	oid    uint32 // of a large object that begins
	data   []byte
	end    bool
	sum    archive.Sum
	tally  Tally
	object *contents.LargeObject // that has ended
	block  []byte                // to be given back
}

// output is what a reader makes of one piece. Its writing end is the reader's, next is the writer's.
type output struct {
	s     *spool
	block []byte // the open one
	from  int    // where in it what was not handed on begins

	items  []item
	blocks int // in items
	done   bool
}

func (s *spool) output() *output { return &output{s: s} }

// Write takes framed bytes.
func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if o.block == nil {
			if err := o.take(); err != nil {
				return 0, err
			}
		}
		k := min(len(p), cap(o.block)-len(o.block))
		o.block = append(o.block, p[:k]...)
		p = p[k:]
		if len(o.block) == cap(o.block) {
			o.handOn(item{}, true)
		}
	}
	return n, nil
}

// take gets a buffer, when there is room.
func (o *output) take() error {
	s := o.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && s.used+blockBytes > s.limit && (s.turn != o || o.blocks >= ahead) {
		s.wait(false)
	}
	if s.err != nil {
		return s.err
	}
	s.used += blockBytes
	if n := len(s.free); n > 0 {
		o.block, s.free = s.free[n-1], s.free[:n-1]
	} else {
		o.block = make([]byte, 0, blockBytes)
	}
	o.from = 0
	return nil
}

// handOn makes what was written, and then a step, visible to the writer.
func (o *output) handOn(step item, full bool) {
	s := o.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(o.block) > o.from || full {
		x := item{data: o.block[o.from:]}
		o.from = len(o.block)
		if full {
			x.block, o.block = o.block, nil
			o.blocks++
		}
		o.items = append(o.items, x)
	}
	if step.begin != nil || step.oid != 0 || step.end {
		o.items = append(o.items, step)
	}
	if s.turn == o {
		s.cond.Broadcast()
	}
}

func (o *output) begin(p *part)          { o.handOn(item{begin: p}, false) }
func (o *output) beginObject(oid uint32) { o.handOn(item{oid: oid}, false) }
func (o *output) end(sum archive.Sum, t Tally) {
	o.handOn(item{end: true, sum: sum, tally: t}, false)
}
func (o *output) endObject(sum archive.Sum, l *contents.LargeObject) {
	o.handOn(item{end: true, sum: sum, object: l}, false)
}

// close says that the piece is complete.
func (o *output) close() {
	o.handOn(item{}, o.block != nil)
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.done = true
	o.s.cond.Broadcast()
}

// next waits for steps of the piece whose turn it is. more is false when there are none any more.
func (s *spool) next(o *output) (steps []item, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != o {
		s.turn = o
		s.cond.Broadcast()
	}
	for s.err == nil && len(o.items) == 0 && !o.done {
		s.wait(true)
	}
	if s.err != nil {
		return nil, false, s.err
	}
	steps, o.items = o.items, nil
	return steps, len(steps) > 0 || !o.done, nil
}

// await waits until it is the piece's turn, from when on nothing that it writes waits for another piece.
func (s *spool) await(o *output) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && s.turn != o {
		s.cond.Wait()
	}
	return s.err
}

// release takes a buffer back.
func (s *spool) release(o *output, block []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.blocks--
	s.used -= blockBytes
	s.free = append(s.free, block[:0])
	s.cond.Broadcast()
}
