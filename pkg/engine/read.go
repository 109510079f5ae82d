package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// reader is one of the sessions that read rows.
type reader struct {
	pg     *postgres.Reader
	framer *archive.Framer
}

// connect opens the readers' sessions, which lock the large tables at once. Fewer may be had than were wanted. reason says why
// there is none.
func (r *run) connect() (reason string, err error) {
	var large []postgres.FrozenTable
	for _, t := range r.frozen.Tables {
		if t.Heap && t.Bytes > r.o.Piece {
			large = append(large, t)
		}
	}
	type result struct {
		pg  *postgres.Reader
		err error
	}
	results := make(chan result)
	for i := range r.jobs {
		go func() {
			pg, err := r.o.Session.NewReader(r.ctx, r.o.name("reader "+strconv.Itoa(i+1)))
			if err == nil {
				// What is refused is read by the session, piece by piece.
				if _, err = pg.Lock(r.ctx, large); err != nil {
					pg.Close()
				}
			}
			results <- result{pg, err}
		}()
	}
	for range r.jobs {
		x := <-results
		switch {
		case x.err == nil:
			r.readers = append(r.readers, &reader{pg: x.pg})
		case errors.Is(x.err, postgres.ErrOtherServer):
			reason = "the address leads to more than one server"
		default:
			err = errors.Join(err, x.err)
		}
	}
	switch {
	case reason != "":
		return reason, nil
	case len(r.readers) > 0:
		if err != nil {
			r.o.Log.Debug("fewer connections than wanted", "error", err.Error())
		}
		r.jobs = len(r.readers)
		return "", nil
	case fault.HasReason(err, fault.TooManyClients):
		return noRoom, nil
	}
	return "", err
}

// read makes one piece.
func (x *reader) read(ctx context.Context, r *run, p *piece) error {
	if p.objects != nil {
		if err := x.readObjects(ctx, r, p); err != nil {
			return fmt.Errorf("read %s: %w", p.name, err)
		}
		p.out.close()
		return nil
	}
	sink := &tableSink{ctx: ctx, x: x, p: p, limit: r.limit}
	what := postgres.Read{Name: r.o.name(p.name), Tables: p.tables, Copy: p.copy}
	err := x.pg.Copy(ctx, what, sink)
	if errors.Is(err, postgres.ErrRefused) {
		r.o.Log.Debug("read by the session that holds the locks", "piece", p.name)
		// Only one can have the session: who had it before his turn could wait for room that only who waits for the session makes.
		if err = r.spool.await(p.out); err == nil {
			err = r.o.Session.Copy(ctx, r.plan.encoding, what, sink)
		}
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	p.out.close()
	return nil
}

// tableSink takes the rows of a piece's tables.
type tableSink struct {
	ctx     context.Context // of the read
	x       *reader
	p       *piece
	i       int // of the part
	counter contents.Counter
	to      io.Writer // of the part's bytes in the archive
	limit   *limiter

	text   contents.Text
	binary contents.Binary
	seam   seam
}

func (s *tableSink) Begin() error {
	p := &s.p.parts[s.i]
	s.p.out.begin(p)
	s.x.framer.Reset(s.p.out)
	s.counter, s.to = &s.text, s.x.framer
	if p.binary {
		s.seam.begin(s.x.framer, p)
		s.counter, s.to = &s.binary, &s.seam
	}
	s.counter.Reset()
	return nil
}

func (s *tableSink) Write(b []byte) (int, error) {
	if err := s.limit.take(s.ctx, len(b)); err != nil {
		return 0, err
	}
	if _, err := s.counter.Write(b); err != nil {
		return 0, err
	}
	return s.to.Write(b)
}

func (s *tableSink) End() error {
	tally, err := s.counter.Tally()
	if err != nil {
		return err
	}
	switch p := s.p.parts[s.i]; {
	case p.binary:
		err = s.seam.end()
	case p.last:
		_, err = io.WriteString(s.x.framer, archive.CopyEnd)
	}
	if err != nil {
		return err
	}
	sum, err := s.x.framer.Close()
	if err != nil {
		return err
	}
	s.p.out.end(sum, Tally{tally, s.counter.Kind(), time.Now().UTC().Truncate(time.Millisecond)})
	s.i++
	return nil
}
