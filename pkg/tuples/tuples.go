// Package tuples follows COPY's binary format (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format") in pieces of
// any size: a header of 11 bytes of signature, 4 of flags, 4 of the length of an extension, and that; then for each row a 16-bit
// number of fields, and for each field a 32-bit length, -1 for NULL, and its bytes; at the end a number of fields of -1. All numbers
// are signed and have their most significant byte first.
//
// It keeps nothing of what it is given but a number that falls across two pieces.
package tuples

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Header is what PostgreSQL begins with: no flags, no extension. End is what follows the last row.
const (
	Header = signature + "\x00\x00\x00\x00\x00\x00\x00\x00"
	End    = "\xff\xff"

	signature = "PGCOPY\n\xff\r\n\x00"
)

// Part is what Next has found.
type Part byte

// The parts.
const (
	Partial Part = iota // of the header, or of a number
	Begin               // the header has ended
	Row                 // a row of Number fields begins
	Field               // a field of Number bytes begins; -1 is NULL
	Data                // bytes of the field
	Ended               // the end mark
)

// Reader follows one stream. The zero value is at its beginning.
type Reader struct {
	state  state
	atom   [len(Header)]byte // of a number, or the header, that falls across two pieces
	have   int               // bytes of atom
	number int
	left   int64 // of an extension, or of a field
	fields int   // left in the row
}

type state byte

const (
	inHeader state = iota
	inExtension
	beforeRow
	beforeField
	inField
	atEnd
)

// Number is that of the last Row or Field.
func (r *Reader) Number() int { return r.number }

// Between reports whether the next byte begins a row, or the end mark: when the last part was of a row, that has ended.
func (r *Reader) Between() bool { return r.state == beforeRow && r.have == 0 }

// FieldEnds reports, behind a Field or Data, whether that was all of the field.
func (r *Reader) FieldEnds() bool { return r.state != inField }

// Visitor is shown rows as they come.
type Visitor interface {
	Row(fields int) error
	// Field begins the row's next field; a length of -1 is NULL.
	Field(length int) error
	// Data are some of the field's bytes, valid during the call.
	Data(p []byte) error
}

// Walk shows what is in the next bytes.
func (r *Reader) Walk(p []byte, v Visitor) error {
	for len(p) > 0 {
		part, n, err := r.Next(p)
		if err != nil {
			return err
		}
		switch part {
		case Row:
			err = v.Row(r.number)
		case Field:
			err = v.Field(r.number)
		case Data:
			err = v.Data(p[:n])
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Close is an error where the end mark is missing.
func (r *Reader) Close() error {
	if r.state != atEnd {
		return errors.New("COPY's binary output has no end")
	}
	return nil
}

// Whole returns the length of the row that p begins with, if p has all of it and the reader is between rows. The reader need not be
// told of it: it stays there. Nearly all rows lie in one piece.
func (r *Reader) Whole(p []byte) (n int, ok bool) {
	if !r.Between() || len(p) < 2 || p[0] >= 0x80 {
		return 0, false
	}
	at := 2
	for range binary.BigEndian.Uint16(p) {
		if len(p)-at < 4 {
			return 0, false
		}
		l := int32(binary.BigEndian.Uint32(p[at:]))
		at += 4
		if l < -1 || int64(l) > int64(len(p)-at) {
			return 0, false
		}
		at += int(max(l, 0))
	}
	return at, true
}

// Next takes some of p, which is not empty, and says what it was and how many bytes.
func (r *Reader) Next(p []byte) (part Part, n int, err error) {
	switch r.state {
	case atEnd:
		return Ended, 0, errors.New("something follows the end of COPY's binary output")
	case inField, inExtension:
		n = int(min(int64(len(p)), r.left))
		r.left -= int64(n)
		switch {
		case r.state == inField:
			part = Data
			if r.left == 0 {
				r.behindField()
			}
		case r.left == 0:
			part, r.state = Begin, beforeRow
		}
		return part, n, nil
	}
	want := [...]int{inHeader: len(Header), beforeRow: 2, beforeField: 4}[r.state]
	n = copy(r.atom[r.have:want], p)
	if r.have += n; r.have < want {
		return Partial, n, nil
	}
	r.have = 0
	part, err = r.take(r.atom[:want])
	return part, n, err
}

func (r *Reader) behindField() {
	r.state = beforeField
	if r.fields == 0 {
		r.state = beforeRow
	}
}

// take handles the header or a number.
func (r *Reader) take(atom []byte) (Part, error) {
	switch r.state {
	case inHeader:
		flags, extension := binary.BigEndian.Uint32(atom[11:]), int32(binary.BigEndian.Uint32(atom[15:]))
		if string(atom[:11]) != signature {
			return Partial, errors.New("it does not begin like COPY's binary output")
		}
		if flags>>16 != 0 || extension < 0 {
			return Partial, fmt.Errorf("COPY's binary output has flags %x and an extension of %d bytes, which are not known", flags, extension)
		}
		r.left, r.state = int64(extension), inExtension
		if extension > 0 {
			return Partial, nil
		}
		r.state = beforeRow
		return Begin, nil
	case beforeRow:
		r.number = int(int16(binary.BigEndian.Uint16(atom)))
		switch {
		case r.number == -1:
			r.state = atEnd
			return Ended, nil
		case r.number < 0:
			return Partial, fmt.Errorf("a row with %d fields", r.number)
		}
		r.fields = r.number
		r.behindField()
		return Row, nil
	}
	r.number = int(int32(binary.BigEndian.Uint32(atom)))
	if r.number < -1 {
		return Partial, fmt.Errorf("a field of %d bytes", r.number)
	}
	r.fields--
	r.left, r.state = int64(max(r.number, 0)), inField
	if r.left == 0 {
		r.behindField()
	}
	return Field, nil
}

// Counter counts the rows of a stream that is written to it. Write fails when it cannot be COPY's binary output.
type Counter struct {
	Reader
	Rows int64
}

// Write is io.Writer.
func (c *Counter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if k, whole := c.Whole(p); whole {
			c.Rows++
			p = p[k:]
			continue
		}
		part, k, err := c.Next(p)
		if err != nil {
			return 0, err
		}
		if part >= Row && c.Between() {
			c.Rows++
		}
		p = p[k:]
	}
	return n, nil
}
