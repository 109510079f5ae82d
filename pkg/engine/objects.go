package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"cofre/pkg/contents"
	"cofre/pkg/postgres"
	"cofre/pkg/tuples"
)

// objectChunk is how much of a large object the server gives at once, in bytes.
const objectChunk = 1 << 20

// objectsQuery reads large objects chunk by chunk, in the order of the list. lo_get checks the same rights as pg_dump's lo_open, and
// fills holes. The order of a join's result is nobody's promise, so that it is checked.
const objectsQuery = `COPY (SELECT o.oid, c.i, pg_catalog.lo_get(o.oid, c.i * %[2]d, %[2]d)
	FROM pg_catalog.unnest('{%[1]s}'::pg_catalog.oid[]) AS o (oid),
		LATERAL (SELECT pg_catalog.lo_lseek64(pg_catalog.lo_open(o.oid, x'40000'::pg_catalog.int4), 0, 2) AS size OFFSET 0) s,
		LATERAL pg_catalog.generate_series(0::pg_catalog.int8, greatest((s.size - 1) / %[2]d, 0)) AS c (i)) TO STDOUT WITH (FORMAT binary)`

// readObjects reads large objects, each into a stream of its own.
func (x *reader) readObjects(ctx context.Context, r *run, p *piece) error {
	if len(p.objects.oids) == 0 {
		return nil
	}
	var list []string
	for _, oid := range p.objects.oids {
		list = append(list, strconv.FormatUint(uint64(oid), 10))
	}
	sink := &objectSink{ctx: ctx, x: x, out: p.out, limit: r.limit, oids: p.objects.oids}
	return x.pg.Copy(ctx, postgres.Read{Name: r.o.name(p.name), Copy: []string{fmt.Sprintf(objectsQuery, strings.Join(list, ","), objectChunk)}}, sink)
}

// objectSink takes rows (oid, number of the chunk, bytes) in COPY's binary format.
type objectSink struct {
	ctx     context.Context // of the read
	x       *reader
	out     *output
	limit   *limiter
	oids    []uint32 // that are still to come
	open    bool     // the first of them has begun
	chunk   int64    // the next one of it
	counter *contents.LargeObject

	in     tuples.Reader
	field  int // of the row that comes, from 1
	number []byte
	oid    uint32
}

func (s *objectSink) Begin() error { return nil }

func (s *objectSink) Write(p []byte) (int, error) {
	if err := s.limit.take(s.ctx, len(p)); err != nil {
		return 0, err
	}
	if err := s.in.Walk(p, s); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Row implements tuples.Visitor.
func (s *objectSink) Row(fields int) error {
	s.field = 0
	if fields != 3 {
		return fmt.Errorf("a row of large objects has %d fields", fields)
	}
	return nil
}

// Field implements tuples.Visitor.
func (s *objectSink) Field(length int) error {
	s.field, s.number = s.field+1, s.number[:0]
	if want := []int{4, 8}; s.field <= len(want) && length != want[s.field-1] || length < 0 || length > objectChunk {
		return fmt.Errorf("field %d of a row of large objects has %d bytes", s.field, length)
	}
	return nil
}

// Data implements tuples.Visitor.
func (s *objectSink) Data(p []byte) error {
	if s.field == 3 {
		_, _ = s.counter.Write(p)
		_, err := s.x.framer.Write(p)
		return err
	}
	s.number = append(s.number, p...)
	switch {
	case s.field == 1 && len(s.number) == 4:
		s.oid = binary.BigEndian.Uint32(s.number)
	case s.field == 2 && len(s.number) == 8:
		return s.row(s.oid, int64(binary.BigEndian.Uint64(s.number)))
	}
	return nil
}

// row begins a chunk.
func (s *objectSink) row(oid uint32, chunk int64) error {
	if s.open && chunk == 0 {
		if err := s.endObject(); err != nil {
			return err
		}
	}
	if len(s.oids) == 0 || s.oids[0] != oid || chunk != s.chunk || s.open && s.counter.Bytes != chunk*objectChunk {
		return fmt.Errorf("chunk %d of large object %d was not expected", chunk, oid)
	}
	s.chunk++
	if s.open {
		return nil
	}
	s.open, s.counter = true, contents.NewLargeObject(oid)
	s.out.beginObject(oid)
	s.x.framer.Reset(s.out)
	return nil
}

func (s *objectSink) endObject() error {
	sum, err := s.x.framer.Close()
	if err != nil {
		return err
	}
	s.out.endObject(sum, s.counter)
	s.oids, s.open, s.chunk, s.counter = s.oids[1:], false, 0, nil
	return nil
}

func (s *objectSink) End() error {
	if s.open {
		if err := s.endObject(); err != nil {
			return err
		}
	}
	if s.in.Close() != nil || len(s.oids) > 0 {
		return fmt.Errorf("%d large objects did not come", len(s.oids))
	}
	return nil
}
