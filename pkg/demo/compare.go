package demo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/postgres"
)

// comparison is one line of the table of what was compared.
type comparison struct {
	name   string
	parts  int // partitions
	a, b   int64
	differ bool
}

func (d *demo) compare(ctx context.Context) error {
	var lines []comparison
	err := d.do("comparing", func(bar *term.Bar) (string, error) {
		a, err := d.fingerprint(ctx, bar, source)
		if err != nil {
			return "", err
		}
		b, err := d.fingerprint(ctx, bar, copyOf)
		if err != nil {
			return "", err
		}
		d.Compared, d.Tables = a.Rows, a.Tables
		if diff := postgres.Diff(a, b); len(diff) > 0 {
			d.Different = diff
			return "", fault.New(fault.Validation, fault.RestoreIncomplete, "This is a defect of cofre: please report it with this output.",
				"the restored database is not equal to the source: %s", strings.Join(diff[:min(5, len(diff))], "; "))
		}
		lines = compareTables(a, b)
		return fmt.Sprintf("compared %q with %q: every row of %d tables and partitions hashed on both sides, %d sequences,\n"+
			"%d large objects (%s), %d definitions, owners and privileges: no difference",
			source, copyOf, a.Tables, a.Sequence, a.LOs, term.Bytes(a.LOBytes), len(a.Entries)-a.Tables), nil
	})
	if err != nil {
		return err
	}
	t := term.Table{Columns: []term.Column{{Title: "TABLE"}, {Title: "ROWS", Right: true}, {Title: "RESTORED", Right: true}, {Title: "CONTENT"}}}
	for _, l := range lines {
		name := l.name
		if l.parts > 0 {
			name = fmt.Sprintf("%s (%d partitions)", name, l.parts)
		}
		same := term.Cell{Text: "same", Paint: d.Look.Green}
		if l.differ {
			same = term.Cell{Text: "DIFFERENT", Paint: d.Look.Red}
		}
		t.Add(term.Cell{Text: name}, term.Cell{Text: term.Count(l.a)}, term.Cell{Text: term.Count(l.b)}, same)
	}
	d.say("")
	if err := t.Write(d.Out, d.Look); err != nil {
		return err
	}
	d.say("")
	return nil
}

// partition is how the sample names partitions: pedidos_2024t1, pedidos_outros, movimentos_p0.
var partition = lazyregexp.New(`_(\d{4}t\d|outros|p\d)$`)

// compareTables puts the contents side by side, partitions of one table together.
func compareTables(a, b postgres.Fingerprint) []comparison {
	sums := map[string]*comparison{}
	for key, in := range a.Entries {
		name, ok := strings.CutPrefix(key, "content ")
		if !ok {
			continue
		}
		whole := partition().ReplaceAllString(name, "")
		c := sums[whole]
		if c == nil {
			c = &comparison{name: whole}
			sums[whole] = c
		}
		if whole != name {
			c.parts++
		}
		c.a += rowsOf(in)
		c.b += rowsOf(b.Entries[key])
		c.differ = c.differ || in != b.Entries[key]
	}
	var out []comparison
	for _, c := range slices.SortedFunc(maps.Values(sums), func(x, y *comparison) int { return cmp.Compare(x.name, y.name) }) {
		out = append(out, *c)
	}
	return out
}

// rowsOf reads the count of a content entry: "rows=N hash=H".
func rowsOf(entry string) int64 {
	var n int64
	if _, err := fmt.Sscanf(entry, "rows=%d", &n); err != nil {
		return 0
	}
	return n
}
