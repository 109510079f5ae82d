package contents

import (
	"cmp"
	"slices"
	"strings"
)

// Thresholds say when a table that lost rows is worth a warning. The zero value warns of nothing.
type Thresholds struct {
	// LostPercent is how much of its rows a table must have lost, 1 to 100; 0 warns of nothing.
	LostPercent int
	// MinRows is how many rows it must have had; a smaller table comes and goes.
	MinRows int64
}

// Warning is a table that lost much of its rows since the backup before.
type Warning struct {
	Schema  string `json:"schema,omitempty"`
	Table   string `json:"table"`
	Before  int64  `json:"before"`            // rows
	After   int64  `json:"after"`             // rows
	Dropped bool   `json:"dropped,omitempty"` // the table is not there any more
}

// LargeObjectsTable is the name under which large objects are warned of.
const LargeObjectsTable = "(large objects)"

// Label is the table's name with its schema, as SQL has it.
func (w Warning) Label() string {
	if w.Schema == "" && w.Table == LargeObjectsTable {
		return "large objects"
	}
	return Qualified(w.Schema, w.Table)
}

// Percent is how much of its rows it lost, rounded down: 100 is all.
func (w Warning) Percent() int {
	if w.Before <= 0 {
		return 0
	}
	return int(float64(w.Before-w.After) / float64(w.Before) * 100)
}

// Warnings says which tables lost more than they may, those that lost most of their rows first.
func (d *Diff) Warnings(t Thresholds) []Warning {
	var out []Warning
	check := func(w Warning) {
		if t.LostPercent > 0 && w.Before >= max(t.MinRows, 1) && w.After < w.Before && w.Percent() >= t.LostPercent {
			out = append(out, w)
		}
	}
	for i := range d.Tables {
		x := &d.Tables[i]
		if x.Before == nil {
			continue
		}
		w := Warning{Schema: x.Schema, Table: x.Name, Before: x.Before.Rows, Dropped: x.Change == Went}
		if x.After != nil {
			w.After = x.After.Rows
		}
		check(w)
	}
	if l := d.LargeObjects; l != nil {
		check(Warning{Table: LargeObjectsTable, Before: l.Before.Rows, After: l.After.Rows})
	}
	slices.SortStableFunc(out, func(x, y Warning) int {
		return cmp.Or(cmp.Compare(y.Percent(), x.Percent()), cmp.Compare(y.Before, x.Before), strings.Compare(x.Label(), y.Label()))
	})
	return out
}
