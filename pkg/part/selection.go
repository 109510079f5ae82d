package part

import (
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/spelling"
)

// Selection says which part of an archive is meant. The zero value is all of it. Lists are of patterns as in psql; what they choose is
// narrowed by the exclusions, the sections and the list.
type Selection struct {
	Schemas        []string // with all that is in them
	Tables         []string // tables, views and sequences with all that belongs to them; not together with Schemas
	ExcludeSchemas []string
	ExcludeTables  []string
	Sections       []string // pre-data, data, post-data; empty is all
	SchemaOnly     bool     // no rows and no values of sequences
	DataOnly       bool     // nothing else
	// List names entries, in the order in which they are restored; nil is all.
	List *List
	// As puts the one table of Tables under another name; without a schema, in its own. See [Part.As].
	As *postgres.Table
	// Strict refuses exclusions that mean nothing, too.
	Strict bool
}

// Any reports whether a part is chosen.
func (s Selection) Any() bool {
	return s.names() || s.SchemaOnly || s.DataOnly || len(s.Sections) > 0 || s.List != nil
}

// names reports whether objects are chosen, or left out, by name.
func (s Selection) names() bool {
	return len(s.Schemas)+len(s.Tables)+len(s.ExcludeSchemas)+len(s.ExcludeTables) > 0
}

var sectionNames = map[string]archive.Section{"pre-data": archive.SectionPreData, "data": archive.SectionData, "post-data": archive.SectionPostData}

// maxPatterns bounds each list.
const maxPatterns = 1000

// patterns are a selection's, compiled.
type patterns struct{ schemas, tables, excludeSchemas, excludeTables []postgres.Pattern }

// Check refuses contradictions and what is not a pattern.
func (s Selection) Check() error {
	_, err := s.compile()
	return err
}

func (s Selection) compile() (p patterns, err error) {
	refuse := func(hint, what string, args ...any) (patterns, error) {
		return p, fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	switch {
	case len(s.Schemas) > 0 && len(s.Tables) > 0:
		return refuse("For a table of a schema write --table schema.table; for tables and whole schemas restore twice.",
			"schemas and tables are chosen together, which pg_dump and pg_restore understand differently")
	case s.SchemaOnly && s.DataOnly:
		return refuse("Choose one of them, or none for both.", "schema only and data only exclude each other")
	case len(s.Sections) > 0 && (s.SchemaOnly || s.DataOnly):
		return refuse("Leave one of them out: --data-only is --section data, --schema-only the two others.", "sections are chosen together with schema only or data only")
	}
	if s.As != nil && (len(s.Tables) != 1 || s.SchemaOnly || s.DataOnly || len(s.Sections)+len(s.ExcludeSchemas) > 0 || s.List != nil) {
		return refuse("Say which with --table, once; only --exclude-table goes with it.", "another name (--as) is for one table, with its rows")
	}
	for _, name := range s.Sections {
		if _, ok := sectionNames[name]; !ok {
			return refuse("Use pre-data, data or post-data; the option may be repeated.", "%.40q is not a section", name)
		}
	}
	for _, list := range []struct {
		given []string
		into  *[]postgres.Pattern
		parse func(string) (postgres.Pattern, error)
	}{{s.Schemas, &p.schemas, postgres.ParseSchemaPattern}, {s.Tables, &p.tables, postgres.ParsePattern},
		{s.ExcludeSchemas, &p.excludeSchemas, postgres.ParseSchemaPattern}, {s.ExcludeTables, &p.excludeTables, postgres.ParsePattern}} {
		if len(list.given) > maxPatterns {
			return refuse("Use patterns with * to name many at once, or a list.", "%d patterns are more than %d", len(list.given), maxPatterns)
		}
		for _, text := range list.given {
			one, err := list.parse(text)
			if err != nil {
				return p, err
			}
			*list.into = append(*list.into, one)
		}
	}
	return p, nil
}

// meant marks the relations that a pattern of tables means. A name without a schema that several schemas have is refused.
func (t *toc) meant(p postgres.Pattern, into []bool) (found int, err error) {
	var labels []string
	for n, i := range t.relations {
		if p.MatchRelation(n.schema, n.name) {
			into[i] = true
			labels = append(labels, t.head.Entries[i].Label())
		}
	}
	if slices.Sort(labels); len(labels) > 1 && p.Plain {
		return 0, fault.New(fault.Validation, fault.InvalidInput, "Give it with its schema: "+some(labels), "%d tables of the backup are named %.200q", len(labels), p.Text)
	}
	return len(labels), nil
}

// noMatch refuses a pattern that means nothing.
func noMatch(what string, p postgres.Pattern, names []string) error {
	hint := "Look at what the backup contains (cofre restore ID --list)."
	if near := like(p.Text, names); len(near) > 0 {
		hint = "There are: " + some(near)
	}
	return fault.New(fault.Validation, fault.NotFound, hint, what+" matches %.200q", p.Text)
}

// like gives the names that one that is not there may have meant.
func like(text string, names []string) []string {
	bare := func(s string) string {
		return strings.ToLower(strings.NewReplacer(`"`, "", "*", "", "?", "").Replace(s))
	}
	last := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	wanted := bare(text)
	var near []string
	short := make([]string, len(names))
	for i, n := range names {
		short[i] = last(bare(n))
		if w := last(wanted); w != "" && (strings.Contains(bare(n), w) || strings.Contains(w, short[i])) {
			near = append(near, n)
		}
	}
	if best := spelling.Nearest(last(wanted), short); best != "" {
		for i := range names {
			if short[i] == best && !slices.Contains(near, names[i]) {
				near = append([]string{names[i]}, near...)
			}
		}
	}
	return near
}

// maxListed bounds lists in messages.
const maxListed = 10

// some joins names for a message.
func some(names []string) string {
	if n := len(names); n > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), n-maxListed)
	}
	return strings.Join(names, ", ")
}
