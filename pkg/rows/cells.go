package rows

import "unicode/utf8"

// Cell is a value of a small table for a screen: nil is NULL.
type Cell = *string

// Cells keeps rows in memory, within bounds.
type Cells struct {
	Columns []string
	Rows    [][]Cell
	Cut     int  // cells that are not there in full
	Full    bool // MaxBytes was reached: there may be more rows

	maxCell, maxBytes int
	size              int
	row               []Cell
	cell              []byte
	cut               bool
	text              text
}

// NewCells makes a Reader that keeps rows in c: of each value maxCell bytes at most, in whole characters, and no more
// than maxBytes of all, behind which no further row comes.
func NewCells(c *Cells, maxCell, maxBytes int, o Options) (*Reader, error) {
	*c = Cells{Rows: [][]Cell{}, maxCell: maxCell, maxBytes: maxBytes, text: text{ascii: o.ASCII}}
	return newReader(c, o)
}

func (c *Cells) raw() bool             { return false }
func (c *Cells) flush() error          { return nil }
func (c *Cells) head(columns []string) { c.Columns = columns }
func (c *Cells) null(int)              { c.row = append(c.row, nil) }

func (c *Cells) begin(int) {
	c.text.reset()
	c.cell, c.cut = c.cell[:0], false
}

func (c *Cells) data(p []byte) error {
	return c.text.whole(p, func(p []byte) error {
		if room := min(c.maxCell, c.maxBytes-c.size) - len(c.cell); len(p) > room || c.cut {
			p, c.cut = p[:max(room, 0)], true
		}
		c.cell = append(c.cell, p...)
		return nil
	})
}

func (c *Cells) end() error {
	if err := c.text.complete(); err != nil {
		return err
	}
	if c.cut {
		c.Cut++
	}
	s := wholeText(c.cell)
	c.size += len(s)
	c.row = append(c.row, &s)
	return nil
}

func (c *Cells) endRow() error {
	c.size += 8 * len(c.row)
	c.Rows, c.row = append(c.Rows, c.row), nil
	if c.size >= c.maxBytes {
		c.Full = true
		return ErrEnough
	}
	return nil
}

// wholeText leaves half a character at the end out.
func wholeText(b []byte) string {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if last := b[len(b)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				b = b[:len(b)-i]
			}
			break
		}
	}
	return string(b)
}
