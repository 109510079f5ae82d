package contents

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"cofre/pkg/tuples"
)

// Binary counts rows of COPY's binary format. Header and end are no rows.
//
// The zero value is ready.
type Binary struct {
	tally Tally
	r     tuples.Reader
	h     xxh3.Hasher
	row   int64 // bytes of a row that does not lie in one piece, so far
}

// Write is io.Writer.
func (b *Binary) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k, whole := b.r.Whole(p)
		if whole {
			b.tally.row(int64(k), xxh3.Hash128(p[:k]))
		} else {
			var part tuples.Part
			var err error
			if part, k, err = b.r.Next(p); err != nil {
				return 0, err
			}
			b.take(part, p[:k])
		}
		p = p[k:]
	}
	return n, nil
}

// take takes a part of a row that does not lie in one piece.
func (b *Binary) take(part tuples.Part, p []byte) {
	switch part {
	case tuples.Row:
		b.h.Reset()
		b.row = 0
		b.hash(binary.BigEndian.AppendUint16(nil, uint16(b.r.Number())))
	case tuples.Field:
		b.hash(binary.BigEndian.AppendUint32(nil, uint32(b.r.Number())))
	case tuples.Data:
		b.hash(p)
	default:
		return
	}
	if b.r.Between() {
		b.tally.row(b.row, b.h.Sum128())
	}
}

func (b *Binary) hash(p []byte) {
	b.row += int64(len(p))
	b.h.Write(p) // never fails
}

// Tally is Counter's. Without the end it fails too: a server sends it in each piece.
func (b *Binary) Tally() (Tally, error) { return b.tally, b.r.Close() }

// Reset is Counter's.
func (b *Binary) Reset() { b.tally, b.r = Tally{}, tuples.Reader{} }

// Kind is Counter's.
func (b *Binary) Kind() Kind { return BinaryRows }
