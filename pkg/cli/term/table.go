package term

import (
	"io"
	"strings"
)

// Column is one column of a table.
type Column struct {
	Title string
	Right bool // numbers
	Words bool // its cells are words of cofre, also where they are one alone
	// Shrink is the least width in columns to which its text may be shortened; 0 never shortens.
	Shrink int
	// Drop says in which order columns are left out of a terminal that is too narrow, 1 first; 0 never.
	Drop int
}

// Cell is one field. Its text is cleaned when it is written.
type Cell struct {
	Text  string
	Paint Paint
}

// Table is rows under headings.
type Table struct {
	Columns []Column
	rows    [][]Cell
}

// Add adds a row with one cell per column.
func (t *Table) Add(cells ...Cell) {
	for i := range cells {
		cells[i].Text = Clean(cells[i].Text)
	}
	t.rows = append(t.rows, cells)
}

const gap = "  "

// Write writes the table, fitted to the look's width when that is known.
func (t *Table) Write(w io.Writer, l Look) error {
	t = t.said(l)
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = Width(c.Title)
		for _, r := range t.rows {
			widths[i] = max(widths[i], Width(r[i].Text))
		}
	}
	if l.Width != nil {
		t.fit(widths, l.Width())
	}
	var b strings.Builder
	head := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = Cell{c.Title, l.Dim}
	}
	for _, r := range append([][]Cell{head}, t.rows...) {
		t.line(&b, r, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// said is the table in the look's language: its titles, and of the cells what is more than one word. Single words may be names.
func (t *Table) said(l Look) *Table {
	if l.Language == "" {
		return t
	}
	said := &Table{Columns: append([]Column(nil), t.Columns...)}
	for i := range said.Columns {
		said.Columns[i].Title = l.Say(said.Columns[i].Title)
	}
	for _, r := range t.rows {
		r = append([]Cell(nil), r...)
		for i := range r {
			if strings.Contains(r[i].Text, " ") || t.Columns[i].Words {
				r[i].Text = l.Say(r[i].Text)
			}
		}
		said.rows = append(said.rows, r)
	}
	return said
}

// fit makes the widths add up to at most total: text is shortened first, then whole columns go (width -1).
func (t *Table) fit(widths []int, total int) {
	if total <= 0 {
		return
	}
	over := func() int {
		n := -len(gap)
		for _, w := range widths {
			if w >= 0 {
				n += w + len(gap)
			}
		}
		return n - total
	}
	shrink := func() {
		for i, c := range t.Columns {
			if o := over(); o > 0 && c.Shrink > 0 && widths[i] > c.Shrink {
				widths[i] = max(c.Shrink, widths[i]-o)
			}
		}
	}
	full := append([]int(nil), widths...)
	shrink()
	for order := 1; over() > 0 && order <= len(t.Columns); order++ {
		for i, c := range t.Columns {
			if c.Drop == order {
				full[i] = -1
			}
		}
		copy(widths, full)
		shrink()
	}
}

func (t *Table) line(b *strings.Builder, cells []Cell, widths []int) {
	var line strings.Builder
	pending := "" // spaces, written only when something follows them
	for i, c := range cells {
		if widths[i] < 0 {
			continue
		}
		text := Shorten(c.Text, widths[i])
		pad := strings.Repeat(" ", widths[i]-Width(text))
		if t.Columns[i].Right {
			pending, pad = pending+pad, ""
		}
		line.WriteString(pending)
		if c.Paint != nil {
			text = c.Paint(text)
		}
		line.WriteString(text)
		pending = pad + gap
	}
	b.WriteString(strings.TrimRight(line.String(), " "))
	b.WriteByte('\n')
}

// Pairs is a list of names and values.
type Pairs struct{ rows [][2]string }

// Add adds a pair, unless the value is empty. Newlines in the value are kept; the rest is cleaned.
func (p *Pairs) Add(name, value string) {
	if value != "" {
		p.rows = append(p.rows, [2]string{name, value})
	}
}

// Write writes the pairs, values in one column.
func (p *Pairs) Write(w io.Writer, l Look) error {
	wide := 0
	for i, r := range p.rows {
		if p.rows[i][0] = l.Say(r[0]); strings.Contains(r[1], " ") {
			p.rows[i][1] = l.Say(r[1])
		}
		wide = max(wide, Width(p.rows[i][0]))
	}
	var b strings.Builder
	for _, r := range p.rows {
		name := l.Dim(r[0]) + strings.Repeat(" ", wide-Width(r[0]))
		for _, v := range strings.Split(r[1], "\n") {
			b.WriteString("  " + name + gap + Clean(v) + "\n")
			name = strings.Repeat(" ", wide)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
