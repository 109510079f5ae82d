package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// Dump is a dump under way: a reader over the archive or script. It must be closed. Read and Close may be called by different
// goroutines; Read by one at a time.
type Dump struct {
	how     How
	source  io.Reader
	one     *lone // what the source comes from; nil when the engine makes it
	r       *run
	pieces  int           // of the plan
	done    chan struct{} // closed when nobody of the engine works any more; nil without
	end     func()
	closing sync.Once
	watch   *watch

	counts  counts
	written atomic.Int64 // pieces
	busy    atomic.Int64 // nanoseconds of all readers together
	ended   atomic.Bool  // Read has answered an end
}

// Tally is what was counted of a table's rows.
type Tally struct {
	contents.Tally
	Kind contents.Kind
	At   time.Time // when its last row had been read
}

// counts are what was counted of a dump.
type counts struct {
	tables  map[int32]Tally
	objects contents.LargeObjects
}

// How says how the dump is made.
func (d *Dump) How() How { return d.how }

// Pieces returns how many pieces are written, and how many there are; nothing where one pg_dump does the work.
func (d *Dump) Pieces() (written, all int) {
	if d.done == nil {
		return 0, 0
	}
	return int(d.written.Load()), d.pieces
}

// Tallies returns what was counted of each table, by the dump id of its entry, and of the large objects, nil where there is none. They
// are there once Read has answered io.EOF, and not before; and not at all where one pg_dump did the work.
func (d *Dump) Tallies() (map[int32]Tally, *contents.LargeObjects) {
	if d.done == nil || !d.ended.Load() {
		return nil, nil
	}
	<-d.done // a moment after the end was read
	if d.counts.objects.Count == 0 {
		return d.counts.tables, nil
	}
	return d.counts.tables, &d.counts.objects
}

// Waited is for how much of their time, in percent, readers have waited because what they had read was not taken: storage is slower than
// they are. It is known once Read has answered io.EOF, and 0 where one pg_dump did the work.
func (d *Dump) Waited() int {
	if d.done == nil || !d.ended.Load() {
		return 0
	}
	<-d.done
	d.r.spool.mu.Lock()
	defer d.r.spool.mu.Unlock()
	return int(min(100, 100*int64(d.r.spool.waited)/max(d.busy.Load(), 1)))
}

// Read reads the dump. io.EOF means that everything ended well. Any other end is a fault.
func (d *Dump) Read(p []byte) (int, error) {
	n, err := d.source.Read(p)
	if err != nil {
		d.ended.Store(true)
		// Who is stopped knows only that he was.
		if ended := d.watch.ended(); ended != nil && err != io.EOF {
			return n, ended
		}
		if err == io.EOF {
			d.watch.stopWatching()
		}
	}
	return n, err
}

// Close ends what still runs and waits until it is gone. It answers nil: whether the dump was complete is what Read says. It may
// be called several times.
func (d *Dump) Close() error {
	d.closing.Do(func() {
		_ = d.watch.end()
		if d.one != nil {
			_ = d.one.Close()
		}
		if d.done != nil {
			d.r.cancel(errClosed)
			_ = d.source.(*io.PipeReader).Close()
			<-d.done
		}
		if d.end != nil {
			d.end()
		}
	})
	return nil
}

var (
	errClosed  = errors.New("closed before it was read to its end")
	errTimeout = errors.New("timeout")
)

// launch sets the readers and the writer to work.
func (r *run) launch(h *archive.Head) (*Dump, error) {
	r.spool, r.limit = newSpool(len(r.readers)*r.o.Spool), newLimiter(r.o.BytesPerSecond, r.o.clock)
	c, level := r.compression(h)
	for _, x := range r.readers {
		var err error
		if x.framer, err = archive.NewFramer(c, level); err != nil {
			return nil, err
		}
		if err := x.pg.Encode(r.ctx, r.plan.encoding); err != nil {
			return nil, err
		}
	}
	for _, p := range r.plan.pieces {
		p.out = r.spool.output()
	}
	in, out := io.Pipe()
	d := &Dump{how: How{Parallel: true, Jobs: len(r.readers), BinaryTables: r.plan.binary}, source: in, r: r, pieces: len(r.plan.pieces), done: make(chan struct{}), end: r.end, watch: r.watch()}
	go func() {
		defer close(d.done)
		err := r.work(h, out, d)
		if err != nil {
			err = r.explain(err)
		}
		_ = out.CloseWithError(err) // nil is io.EOF
	}()
	return d, nil
}

// work is done when everybody is.
func (r *run) work(h *archive.Head, out io.Writer, d *Dump) (err error) {
	unwatch := context.AfterFunc(r.ctx, func() { r.spool.stop(context.Cause(r.ctx)) })
	defer unwatch()
	var next atomic.Int64
	var all sync.WaitGroup
	for _, x := range r.readers {
		all.Add(1)
		go func() {
			defer all.Done()
			defer func(began time.Time) { d.busy.Add(int64(time.Since(began))) }(time.Now())
			for {
				i := int(next.Add(1)) - 1
				if i >= len(r.plan.pieces) || r.ctx.Err() != nil {
					return
				}
				if err := x.read(r.ctx, r, r.plan.pieces[i]); err != nil {
					r.spool.stop(err)
					r.cancel(err)
					return
				}
			}
		}()
	}
	if err = r.write(h, out, d); err != nil {
		r.spool.stop(err)
		r.cancel(err)
	}
	all.Wait()
	if err == nil && r.ctx.Err() == nil {
		// Without its locks, ranges may have missed rows.
		err = r.o.Session.Holds(r.ctx)
	}
	if cause := context.Cause(r.ctx); cause != nil {
		err = cause
	}
	return err
}

// write writes the pieces in their order.
func (r *run) write(h *archive.Head, out io.Writer, d *Dump) error {
	w, err := archive.NewWriter(out, h)
	if err != nil {
		return err
	}
	d.counts.tables = make(map[int32]Tally)
	for i, p := range r.plan.pieces {
		if err := r.writePiece(w, p, &d.counts); err != nil {
			return err
		}
		d.written.Add(1)
		r.plan.pieces[i] = nil
	}
	return w.Close()
}

func (r *run) writePiece(w *archive.Writer, p *piece, c *counts) error {
	var id int32
	if p.objects != nil {
		id = p.objects.id
		if p.objects.first {
			if err := w.LargeObjects(id); err != nil {
				return err
			}
		}
	}
	for {
		steps, more, err := r.spool.next(p.out)
		if err != nil || !more {
			return err
		}
		for _, s := range steps {
			switch {
			case s.begin != nil:
				if id = s.begin.id; s.begin.first {
					err = w.Data(id)
				}
			case s.oid != 0:
				err = w.LargeObject(s.oid)
			case s.end:
				err = w.Piece(s.sum)
				if s.object != nil {
					s.object.AddTo(&c.objects)
					break
				}
				t := c.tables[id]
				t.Add(s.tally.Tally)
				t.Kind, t.At = s.tally.Kind, s.tally.At
				c.tables[id] = t
			default:
				if len(s.data) > 0 {
					_, err = w.Write(s.data)
				}
				if s.block != nil {
					r.spool.release(p.out, s.block)
				}
			}
			if err != nil {
				return err
			}
		}
	}
}

// explain makes a fault of what ended the dump, in the words that one pg_dump's end has.
func (r *run) explain(err error) error {
	what := fmt.Sprintf("the dump of database %q", r.o.Dump.Target.Database())
	cause := context.Cause(r.ctx)
	switch {
	case errors.Is(cause, errTimeout):
		return pgdump.TimedOut(fault.BackupCreation, what, r.o.Dump.Timeout, "PGDUMP_TIMEOUT")
	case errors.Is(cause, errClosed):
		return pgdump.Canceled(cause)
	}
	var f *fault.Error
	switch {
	case r.standby && (postgres.Conflicts(err) || postgres.Conflicts(r.heard())):
		return pgdump.Outrun(err, fault.BackupCreation)
	case errors.As(err, &f) && f.Code == fault.DatabaseConnection:
		return r.broke(f)
	case f != nil:
		return f
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, context.Canceled):
		return pgdump.Canceled(cause)
	}
	return fault.Wrap(err, fault.BackupCreation, "", "Try again; if it happens again, set BACKUP_ENGINE=pg_dump.", "%s could not be made", what)
}

// heard is what the session knows of the end of its transaction: a server that ends a connection in the middle of a row cannot say why.
func (r *run) heard() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), time.Second)
	defer cancel()
	return r.o.Session.Holds(ctx)
}

// broke is for a connection that stood.
func (r *run) broke(f *fault.Error) error {
	c := *f
	c.Code = fault.BackupCreation
	switch f.Reason {
	case fault.ConnectionLost, fault.ServerStarting, fault.PortRefused, fault.HostUnreachable:
		c.Reason, c.Message = fault.ConnectionLost, "the connection to the database was lost while rows were read"
		c.Hint = "Try again. If it recurs, check the server log and any proxy or pooler in between."
	}
	return &c
}
