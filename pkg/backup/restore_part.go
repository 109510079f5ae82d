package backup

import (
	"context"
	"strings"

	"cofre/pkg/registry"
)

// Part says which part of a backup is restored, in pg_dump's terms: lists are of patterns as in psql. The zero value is all of it.
type Part struct {
	Schemas        []string // with all that is in them
	Tables         []string // tables, views and sequences with all that belongs to them
	ExcludeSchemas []string
	ExcludeTables  []string
	Sections       []string // pre-data, data, post-data
	SchemaOnly     bool
	DataOnly       bool
	// List is what RestoreList printed, with lines taken out or moved; nil is none.
	List []byte
	// WithDependencies restores what the part needs and the target lacks, too.
	WithDependencies bool
	// As puts the one table of Tables under another name, beside the one that is there: NAME or SCHEMA.NAME, as in SQL. "" does not.
	As string
	// Strict refuses exclusions that mean nothing, too; what is chosen always has to mean something.
	Strict bool
}

// record is the part as it stands in the record of a restore, where sections and lists have no place; nil for everything.
func (p Part) record() *registry.ChosenPart {
	if !p.Any() && !p.WithDependencies {
		return nil
	}
	return &registry.ChosenPart{Schemas: p.Schemas, Tables: p.Tables, ExcludeSchemas: p.ExcludeSchemas, ExcludeTables: p.ExcludeTables,
		WithDependencies: p.WithDependencies, As: p.As, DataOnly: p.DataOnly, SchemaOnly: p.SchemaOnly}
}

// PartOf is the part that the record of a restore says; everything for nil.
func PartOf(c *registry.ChosenPart) Part {
	if c == nil {
		return Part{}
	}
	return Part{Schemas: c.Schemas, Tables: c.Tables, ExcludeSchemas: c.ExcludeSchemas, ExcludeTables: c.ExcludeTables,
		WithDependencies: c.WithDependencies, As: c.As, DataOnly: c.DataOnly, SchemaOnly: c.SchemaOnly}
}

// Any reports whether a part is chosen.
func (p Part) Any() bool { return p.String() != "" }

// String says in words which part is chosen; "" for everything.
func (p Part) String() string {
	var out []string
	for _, list := range []struct {
		one, many string
		patterns  []string
	}{{"schema ", "schemas ", p.Schemas}, {"table ", "tables ", p.Tables}, {"without schema ", "without schemas ", p.ExcludeSchemas}, {"without table ", "without tables ", p.ExcludeTables}} {
		switch len(list.patterns) {
		case 0:
		case 1:
			out = append(out, list.one+list.patterns[0])
		default:
			out = append(out, list.many+strings.Join(list.patterns, ", "))
		}
	}
	switch {
	case p.SchemaOnly:
		out = append(out, "schema only")
	case p.DataOnly:
		out = append(out, "rows only")
	}
	if len(p.Sections) > 0 {
		out = append(out, "of "+strings.Join(p.Sections, " and "))
	}
	if p.List != nil {
		out = append(out, "by a list")
	}
	if p.As != "" {
		out = append(out, "as "+p.As)
	}
	return strings.Join(out, ", ")
}

// Listing is what an archive, or a part of one, holds.
type Listing struct {
	Backup  Backup        `json:"backup"`
	Entries []ListedEntry `json:"entries"`
	// Text is the same as pg_restore --list prints it: what Part.List takes, and pg_restore --use-list.
	Text []byte `json:"-"`
}

// ListedEntry is an entry of an archive's table of contents.
type ListedEntry struct {
	ID      int32  `json:"id"`
	Kind    string `json:"kind"` // "TABLE", "TABLE DATA", "INDEX"
	Schema  string `json:"schema,omitempty"`
	Name    string `json:"name"`
	Owner   string `json:"owner,omitempty"`
	Section string `json:"section"`
	Bytes   int64  `json:"bytes,omitempty"` // stored, of rows; 0 where that is not known
}

// RestoreList lists what a part of a backup holds. No database is needed.
func (s *Service) RestoreList(ctx context.Context, ref string, req RestoreRequest) (Listing, error) {
	b, err := s.restorable(ctx, ref, req)
	if err != nil {
		return Listing{}, err
	}
	if b.Format == FormatPlain {
		return Listing{}, invalid("See the tables with: cofre contents "+b.ID, "backup %s is an SQL script, which has no list", b.ID)
	}
	list, err := s.Engine.Entries(ctx, req.Part, s.restoreInput(ctx, b, nil, req.Part.Any(), nil))
	list.Backup = b
	return list, err
}
