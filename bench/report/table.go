package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// table is Markdown that can also be read as it is: columns are padded, numbers stand right.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	width := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c), 3)
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, c := range cells {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i == 0 {
				c += pad
			} else {
				c = pad + c
			}
			fmt.Fprintf(&b, "| %s ", c)
		}
		b.WriteString("|\n")
	}
	line(t.header)
	for i, w := range width {
		if i == 0 {
			b.WriteString("|" + strings.Repeat("-", w+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", w+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// columns of the table of series; those that nothing was measured for are left out.
var columns = []struct {
	title string
	of    func(Run) float64
	text  func(float64) string
}{
	{"wall s", Wall, number},
	{"client CPU s", func(r Run) float64 { return r.ClientCPU }, number},
	{"server CPU s", func(r Run) float64 { return r.ServerCPU }, number},
	{"peak memory MB", PeakAnon, megabytes},
	{"stored MB", Stored, megabytes},
}

// seriesTable shows the median of every measurement.
func (b *Benchmark) seriesTable() string {
	t := table{header: []string{""}}
	var shown []int
	for i, c := range columns {
		for _, s := range b.Series {
			if Median(s.Values(c.of)) > 0 {
				shown = append(shown, i)
				t.header = append(t.header, c.title)
				break
			}
		}
	}
	for _, s := range b.Series {
		row := []string{s.Name}
		for _, i := range shown {
			text := ""
			if v := Median(s.Values(columns[i].of)); v > 0 {
				text = columns[i].text(v)
			}
			row = append(row, text)
		}
		t.add(row...)
	}
	return t.String()
}

// figureTable shows the figures beside their goals.
func (b *Benchmark) figureTable() string {
	t := table{header: []string{"figure", "measured", "lowest to highest", "goal", "met"}}
	for _, f := range b.Figures {
		spread, goal, met := "", "", ""
		if f.Low != f.High {
			spread = f.text(f.Low) + " to " + f.text(f.High)
		}
		if f.Goal != nil {
			goal, met = "≤ "+f.text(f.Goal.Bound), "no"
			if f.Goal.AtLeast {
				goal = "≥ " + f.text(f.Goal.Bound)
			}
			if f.Goal.Met(f.Value) {
				met = "yes"
			}
		}
		t.add(f.Name, f.text(f.Value), spread, goal, met)
	}
	return t.String()
}

func (f Figure) text(v float64) string {
	switch f.Unit {
	case "s":
		if v < 1 {
			return fmt.Sprintf("%.0f ms", v*1000)
		}
		return number(v) + " s"
	case "bytes":
		return megabytes(v) + " MB"
	case "count":
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// megabytes are 1,000,000 bytes.
func megabytes(v float64) string {
	if v < 10e6 {
		return fmt.Sprintf("%.1f", v/1e6)
	}
	return fmt.Sprintf("%.0f", v/1e6)
}
