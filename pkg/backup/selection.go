package backup

import (
	"encoding/json"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// recorded returns a selection as it is on record: nil where nothing was chosen.
func recorded(sel registry.Selection) *registry.Selection {
	if !sel.Any() {
		return nil
	}
	return &sel
}

// sameSelection reports whether two selections choose the same, word for word.
func sameSelection(a, b *registry.Selection) bool {
	x, xerr := json.Marshal(a)
	y, yerr := json.Marshal(b)
	return xerr == nil && yerr == nil && string(x) == string(y)
}

// choice is one list of a selection's patterns.
type choice struct {
	does     string // in front of the patterns
	one      string // what one of them is
	patterns registry.Patterns
}

// choices are all lists of a selection.
func choices(s *registry.Selection) []choice {
	return []choice{
		{"schemas", "schema", s.Schemas}, {"not the schemas", "excluded schema", s.ExcludeSchemas},
		{"tables", "table", s.Tables}, {"tables with their children", "table with its children", s.TablesAndChildren},
		{"not the tables", "excluded table", s.ExcludeTables}, {"not the tables and their children", "excluded table with its children", s.ExcludeTablesAndChildren},
		{"no rows of", "table without data", s.ExcludeTableData}, {"no rows of these and their children:", "table without data with its children", s.ExcludeTableDataAndChildren},
		{"extensions", "extension", s.Extensions}, {"not the extensions", "excluded extension", s.ExcludeExtensions},
		{"rows of foreign tables on", "foreign server", s.ForeignData},
	}
}

// DescribeSelection says what was chosen, one thing at a time, with so many patterns of each list. It takes nil.
func DescribeSelection(s *registry.Selection, most int) (out []string) {
	if s == nil {
		return nil
	}
	for _, c := range choices(s) {
		if len(c.patterns) > 0 {
			out = append(out, c.does+" "+strings.Join(first(c.patterns, most), ", "))
		}
	}
	for _, f := range []struct {
		on   bool
		what string
	}{{s.LargeObjects != nil && *s.LargeObjects, "with large objects"}, {s.LargeObjects != nil && !*s.LargeObjects, "no large objects"},
		{s.RowSecurity, "only rows that row security shows"}, {s.Statistics, "with the planner's statistics"},
		{s.Lost, "a selection that is not known any more"}} {
		if f.on {
			out = append(out, f.what)
		}
	}
	return out
}

// DescribeExtras says what a backup holds besides what every backup of its part does; "" when there is nothing.
func DescribeExtras(b Backup) string {
	if b.Selection == nil {
		return ""
	}
	return strings.Join(DescribeSelection(&registry.Selection{Statistics: b.Selection.Statistics, ForeignData: b.Selection.ForeignData}, 5), "; ")
}

// checkSelection refuses what contradicts itself, as pg_dump does, and patterns that are not fit for a record.
func checkSelection(r Request) error {
	sel := r.Selection
	switch {
	case sel.WithDependencies && len(sel.Schemas)+len(sel.Tables)+len(sel.TablesAndChildren) == 0:
		return invalid("Use it with schemas or tables that are chosen (--schema, --table).", "the dependencies of everything are everything")
	case sel.Statistics && r.Content != ContentAll:
		return invalid("Leave the statistics out, or make a backup of definitions and rows.", "the planner's statistics go with definitions and rows together only")
	case len(sel.ForeignData) > 0 && r.Content == ContentSchema:
		return invalid("Leave the foreign servers out, or take rows too.", "a backup of definitions only holds no rows of foreign tables")
	case sel.LargeObjects != nil && *sel.LargeObjects && r.Content == ContentSchema:
		return invalid("Leave the large objects out, or take rows too.", "a backup of definitions only holds no large objects")
	}
	return checkPatterns(&sel)
}

// maxPatterns bounds each list of a selection, maxPattern each pattern, in bytes.
const (
	maxPatterns = 500
	maxPattern  = 300
)

func checkPatterns(sel *registry.Selection) error {
	total := 0
	for _, c := range choices(sel) {
		if len(c.patterns) > maxPatterns {
			return invalid("Use patterns, such as app.log_*.", "too many patterns (%d) of one kind: %s", len(c.patterns), c.one)
		}
		for _, p := range c.patterns {
			if p == "" {
				return invalid("Name it, or leave the option out.", "an empty %s pattern", c.one)
			}
			if err := checkText("the "+c.one+" pattern", p, maxPattern); err != nil {
				return err
			}
			total += len(p)
		}
	}
	if total > fault.MaxText {
		return invalid("Use patterns, such as app.log_*.", "the patterns are too long together (%d bytes, at most %d)", total, fault.MaxText)
	}
	return nil
}
