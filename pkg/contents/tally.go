package contents

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// Kind names what rows were hashed and how, with its version. Hashes of different kinds say nothing of each other.
type Kind string

// The kinds that there are.
const (
	// TextRows: each row of COPY's text format without the line feed at its end.
	TextRows Kind = "sum128-xxh3-text-1"
	// BinaryRows: each tuple of COPY's binary format, from its number of fields to the end of its last field.
	BinaryRows Kind = "sum128-xxh3-binary-1"
)

// Sum is a sum of rows' hashes modulo 2^128. The zero value is that of no rows.
type Sum struct{ Hi, Lo uint64 }

// Add returns the sum of both.
func (s Sum) Add(o Sum) Sum {
	lo, carry := bits.Add64(s.Lo, o.Lo, 0)
	hi, _ := bits.Add64(s.Hi, o.Hi, carry)
	return Sum{hi, lo}
}

// String gives 32 hex digits, the most significant first.
func (s Sum) String() string {
	b, _ := s.AppendText(nil)
	return string(b)
}

// AppendText is encoding.TextAppender: String's form.
func (s Sum) AppendText(b []byte) ([]byte, error) {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], s.Hi)
	binary.BigEndian.PutUint64(raw[8:], s.Lo)
	return hex.AppendEncode(b, raw[:]), nil
}

// MarshalText is encoding.TextMarshaler: String's form.
func (s Sum) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText reads what String gives.
func (s *Sum) UnmarshalText(b []byte) error {
	var raw [16]byte
	if len(b) != 2*len(raw) {
		return fmt.Errorf("a hash of %d characters, not 32", len(b))
	}
	if _, err := hex.Decode(raw[:], b); err != nil {
		return fmt.Errorf("a hash: %w", err)
	}
	*s = Sum{binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])}
	return nil
}

// Tally is what was counted of rows. Tallies of the pieces of a table, of the same kind, add up.
type Tally struct {
	Rows  int64
	Bytes int64 // of the rows, line feeds included; without COPY's header and end
	Hash  Sum
}

// Add adds the tally of more rows.
func (t *Tally) Add(o Tally) {
	t.Rows += o.Rows
	t.Bytes += o.Bytes
	t.Hash = t.Hash.Add(o.Hash)
}

// row adds one row, of n bytes.
func (t *Tally) row(n int64, h xxh3.Uint128) {
	t.Rows++
	t.Bytes += n
	t.Hash = t.Hash.Add(Sum{h.Hi, h.Lo})
}

// HashStrings hashes strings, each with a zero byte behind it.
func HashStrings(all ...string) Sum {
	var h xxh3.Hasher
	for _, s := range all {
		h.WriteString(s)
		h.Write([]byte{0})
	}
	u := h.Sum128()
	return Sum{u.Hi, u.Lo}
}

// LargeObject hashes one large object that is written to it, for LargeObjects.
type LargeObject struct {
	Bytes int64
	h     xxh3.Hasher
}

// NewLargeObject begins one.
func NewLargeObject(oid uint32) *LargeObject {
	var o LargeObject
	o.h.Write(binary.BigEndian.AppendUint32(nil, oid))
	return &o
}

// Write is io.Writer; it never fails.
func (o *LargeObject) Write(p []byte) (int, error) {
	o.Bytes += int64(len(p))
	return o.h.Write(p)
}

// AddTo adds the large object.
func (o *LargeObject) AddTo(l *LargeObjects) {
	u := o.h.Sum128()
	l.Count++
	l.Bytes += o.Bytes
	l.Hash = l.Hash.Add(Sum{u.Hi, u.Lo})
}

// Counter counts the rows of COPY's output that is written to it. Write fails when that cannot be COPY's output; the counter
// must be Reset then. It keeps nothing of what it is given, takes a few KiB, and is for one goroutine.
type Counter interface {
	Write(p []byte) (int, error)
	// Tally is what was counted since the last Reset. It fails when the output ended inside a row.
	Tally() (Tally, error)
	// Reset begins a new piece, or a new table.
	Reset()
	Kind() Kind
}
