package engine

import (
	"fmt"
	"io"
	"slices"

	"cofre/pkg/rows"
	"cofre/pkg/tuples"
)

// NoBinaryTable is why all rows are text although Options.Binary is set and the engine did it.
const NoBinaryTable = "no table has only columns of types whose binary form is the same in every database"

// binaryTables chooses the tables whose rows are read in COPY's binary format, and says the types of their columns: those that can be
// shown without a server. All others are read as text.
func (r *run) binaryTables() (map[uint32][]string, error) {
	if !r.o.Binary {
		return nil, nil
	}
	all, err := r.o.Session.ColumnTypes(r.ctx)
	for oid, types := range all {
		if slices.ContainsFunc(types, func(t string) bool { return !rows.IsBinaryType(t) }) {
			delete(all, oid)
		}
	}
	return all, err
}

// copyOut is the end of a statement that reads rows.
func copyOut(binary bool) string {
	if binary {
		return " TO STDOUT WITH (FORMAT binary)"
	}
	return " TO STDOUT"
}

// seam makes one stream of the pieces of a table in COPY's binary format: each comes with a header, which is kept of the first alone,
// and with an end mark, which is kept of the last.
type seam struct {
	w    io.Writer
	part *part
	head []byte // of the piece, as far as it has come
	held []byte // what may be its end mark
}

func (s *seam) begin(w io.Writer, p *part) {
	s.w, s.part, s.head, s.held = w, p, s.head[:0], s.held[:0]
}

// Write is io.Writer.
func (s *seam) Write(p []byte) (int, error) {
	n := len(p)
	if missing := len(tuples.Header) - len(s.head); missing > 0 {
		k := min(missing, len(p))
		s.head, p = append(s.head, p[:k]...), p[k:]
		if k < missing {
			return n, nil
		}
		if string(s.head) != tuples.Header {
			return 0, fmt.Errorf("rows came in a form that is not known: % x", s.head)
		}
		if s.part.first {
			if _, err := s.w.Write(s.head); err != nil {
				return 0, err
			}
		}
	}
	// What is held goes on as far as it cannot be the end.
	k := max(0, min(len(s.held), len(s.held)+len(p)-len(tuples.End)))
	through := max(0, len(p)-len(tuples.End))
	for _, b := range [][]byte{s.held[:k], p[:through]} {
		if len(b) == 0 {
			continue
		}
		if _, err := s.w.Write(b); err != nil {
			return 0, err
		}
	}
	s.held = append(s.held[:copy(s.held, s.held[k:])], p[through:]...)
	return n, nil
}

// end ends the piece.
func (s *seam) end() error {
	if string(s.held) != tuples.End {
		return fmt.Errorf("rows ended in a form that is not known: % x", s.held)
	}
	if !s.part.last {
		return nil
	}
	_, err := s.w.Write(s.held)
	return err
}
