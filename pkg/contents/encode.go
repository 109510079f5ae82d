package contents

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The form is JSON lines: an object of one member each, whose name says what it is. The first is "contents", the header; then
// come "table", "sequence", "largeObjects" and "definition" in any order. Lines of other names are for versions to come, and
// passed over.
type line struct {
	Contents     *Header       `json:"contents,omitempty"`
	Table        *Table        `json:"table,omitempty"`
	Sequence     *Sequence     `json:"sequence,omitempty"`
	LargeObjects *LargeObjects `json:"largeObjects,omitempty"`
	Definition   *Definition   `json:"definition,omitempty"`
}

// Encode writes contents as JSON lines, which Version is the version of.
func Encode(w io.Writer, c *Contents) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	e := json.NewEncoder(bw)
	e.SetEscapeHTML(false)
	head := c.Header // c may be read by others meanwhile
	head.Version = Version
	if err := e.Encode(line{Contents: &head}); err != nil {
		return err
	}
	for i := range c.Tables {
		if err := e.Encode(line{Table: &c.Tables[i]}); err != nil {
			return err
		}
	}
	for i := range c.Sequences {
		if err := e.Encode(line{Sequence: &c.Sequences[i]}); err != nil {
			return err
		}
	}
	if c.LargeObjects != nil {
		if err := e.Encode(line{LargeObjects: c.LargeObjects}); err != nil {
			return err
		}
	}
	for i := range c.Definitions {
		if err := e.Encode(line{Definition: &c.Definitions[i]}); err != nil {
			return err
		}
	}
	return bw.Flush()
}

// Bounds of what Decode takes.
const (
	maxLine  = 1 << 20
	maxItems = 2 << 20
	maxCount = 1 << 50 // rows, bytes
	// Bytes of the shortest lines that Encode writes of something, without any name. A shorter one would take more memory than text.
	shortTable, shortSequence, shortDefinition = 90, 35, 70
)

// ErrNewer: the contents were written by a newer version.
var ErrNewer = errors.New("the contents were written by a newer cofre")

// Decode reads what Encode wrote. Memory grows with what r gives, of which each line is at most 1 MiB; the caller bounds r.
func Decode(r io.Reader) (*Contents, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	var c Contents
	for n := 1; s.Scan(); n++ {
		var l line
		if n > maxItems {
			return nil, fmt.Errorf("more than %d lines", maxItems)
		}
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if (l.Contents != nil) != (n == 1) {
			return nil, fmt.Errorf("line %d: a header belongs into the first line, and only there", n)
		}
		if len(s.Bytes()) < l.shortest() {
			return nil, fmt.Errorf("line %d: %.40q is not what stands there of anything", n, s.Bytes())
		}
		if err := c.take(l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if c.Version == 0 {
		return nil, errors.New("there is no header")
	}
	return &c, nil
}

func (l *line) shortest() int {
	switch {
	case l.Table != nil:
		return shortTable
	case l.Sequence != nil:
		return shortSequence
	case l.Definition != nil:
		return shortDefinition
	}
	return 0
}

func (c *Contents) take(l line) error {
	var counts []int64
	switch {
	case l.Contents != nil:
		if l.Contents.Version > Version {
			return ErrNewer
		}
		if l.Contents.Version < 1 {
			return fmt.Errorf("version %d", l.Contents.Version)
		}
		c.Header = *l.Contents
	case l.Table != nil:
		t := *l.Table
		counts = []int64{t.Rows, t.Bytes, t.Stored, t.Offset}
		c.Tables = append(c.Tables, t)
	case l.Sequence != nil:
		c.Sequences = append(c.Sequences, *l.Sequence)
	case l.LargeObjects != nil:
		counts = []int64{l.LargeObjects.Count, l.LargeObjects.Bytes, l.LargeObjects.Stored}
		c.LargeObjects = l.LargeObjects
	case l.Definition != nil:
		c.Definitions = append(c.Definitions, *l.Definition)
	}
	for _, n := range counts {
		if n < 0 || n > maxCount {
			return fmt.Errorf("%d is no number of rows or bytes", n)
		}
	}
	return nil
}
