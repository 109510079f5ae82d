package contents

import (
	"bytes"
	"errors"

	"github.com/zeebo/xxh3"
)

// Text counts rows of COPY's text format (https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"): a line feed ends
// a row and stands nowhere else, since the format writes one inside a value as \n. The end mark \. is no row, and it need not be
// there: a server does not send it, and pg_dump writes it into archives and scripts, with empty lines behind it.
//
// The zero value is ready.
type Text struct {
	tally Tally
	h     xxh3.Hasher // of a row that began in an earlier piece
	open  int64       // how many bytes of that row there were; 0 is none
	first [2]byte     // the first of them
	ended bool        // the end mark has been seen
}

var errBehindEnd = errors.New(`something follows the end mark "\." of COPY`)

// Write is io.Writer.
func (t *Text) Write(p []byte) (int, error) {
	for _, c := range p[t.take(p):] {
		if c != '\n' {
			return 0, errBehindEnd
		}
	}
	return len(p), nil
}

// take takes rows up to the end mark, and says how many bytes that were, the end mark's included.
func (t *Text) take(p []byte) int {
	at := 0
	for !t.ended && at < len(p) {
		i := bytes.IndexByte(p[at:], '\n')
		switch {
		case i < 0:
			if t.open == 0 {
				t.h.Reset()
			}
			t.more(p[at:])
			return len(p)
		case t.open > 0:
			t.more(p[at : at+i])
			if t.open == int64(len(t.first)) && string(t.first[:]) == endMark {
				t.ended = true
			} else {
				t.tally.row(t.open+1, t.h.Sum128())
			}
			t.open = 0
		case i == len(endMark) && string(p[at:at+i]) == endMark:
			t.ended = true
		default:
			t.tally.row(int64(i)+1, xxh3.Hash128(p[at:at+i]))
		}
		at += i + 1
	}
	return at
}

// endMark is the line behind the last row.
const endMark = `\.`

// more takes bytes of a row that does not lie in one piece.
func (t *Text) more(p []byte) {
	if t.open < int64(len(t.first)) {
		copy(t.first[t.open:], p)
	}
	t.open += int64(len(p))
	t.h.Write(p) // never fails
}

// Tally is Counter's.
func (t *Text) Tally() (Tally, error) {
	if t.open > 0 {
		return t.tally, errors.New("COPY's output ends inside a row")
	}
	return t.tally, nil
}

// Ended reports whether the end mark was there.
func (t *Text) Ended() bool { return t.ended }

// Reset is Counter's.
func (t *Text) Reset() { t.tally, t.open, t.ended = Tally{}, 0, false }

// Kind is Counter's.
func (t *Text) Kind() Kind { return TextRows }
