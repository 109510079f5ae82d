package registry

// Selection is what was chosen of the database; patterns as pg_dump takes them. What names a part of it makes a backup a part, and the
// rest adds to what pg_dump writes by itself.
type Selection struct {
	Schemas          Patterns `json:"schemas,omitempty"`
	ExcludeSchemas   Patterns `json:"excludeSchemas,omitempty"`
	Tables           Patterns `json:"tables,omitempty"`
	ExcludeTables    Patterns `json:"excludeTables,omitempty"`
	ExcludeTableData Patterns `json:"excludeTableData,omitempty"`
	// The same for tables and all that inherit from them, partitions above all.
	TablesAndChildren           Patterns `json:"tablesAndChildren,omitempty"`
	ExcludeTablesAndChildren    Patterns `json:"excludeTablesAndChildren,omitempty"`
	ExcludeTableDataAndChildren Patterns `json:"excludeTableDataAndChildren,omitempty"`
	Extensions                  Patterns `json:"extensions,omitempty"`
	ExcludeExtensions           Patterns `json:"excludeExtensions,omitempty"`
	// LargeObjects leaves large objects out (false), or takes them with a part that would come without (true).
	LargeObjects *bool `json:"largeObjects,omitempty"`
	// RowSecurity takes only those rows that policies show to the role that reads.
	RowSecurity bool `json:"rowSecurity,omitempty"`
	// WithDependencies adds what the selected objects need outside of the selection.
	WithDependencies bool `json:"withDependencies,omitempty"`

	// Statistics takes what the planner knows of tables, too.
	Statistics bool `json:"statistics,omitempty"`
	// ForeignData are foreign servers. The rows of their tables, which are elsewhere, are taken too.
	ForeignData Patterns `json:"foreignData,omitempty"`

	// Lost tells that something was chosen and what it was is not known any more: a record made from tags.
	Lost bool `json:"lost,omitempty"`
}

// Picks tells whether the selection names what is taken, so that all else is left out.
func (s *Selection) Picks() bool {
	return s != nil && len(s.Schemas)+len(s.Tables)+len(s.TablesAndChildren)+len(s.Extensions) > 0
}

// Part tells whether what was chosen is a part of the database.
func (s *Selection) Part() bool {
	return s.Picks() || s != nil && (len(s.ExcludeSchemas)+len(s.ExcludeTables)+len(s.ExcludeTableData)+len(s.ExcludeTablesAndChildren)+
		len(s.ExcludeTableDataAndChildren)+len(s.ExcludeExtensions) > 0 || s.LargeObjects != nil && !*s.LargeObjects || s.RowSecurity || s.Lost)
}

// Any tells whether anything was chosen.
func (s *Selection) Any() bool {
	return s.Part() || s != nil && (s.LargeObjects != nil || s.WithDependencies || s.Statistics || len(s.ForeignData) > 0)
}

// part is what of the selection makes a part, nil where it is none.
func (s *Selection) part() *Selection {
	if !s.Part() {
		return nil
	}
	p := *s
	p.Statistics, p.ForeignData = false, nil
	return &p
}
