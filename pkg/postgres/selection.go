package postgres

import (
	"strings"
	"unicode"

	"cofre/pkg/fault"
)

// Selection says which part of a database a dump takes, in pg_dump's terms: every entry of the lists is a
// pattern as in psql (https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-PATTERNS). The zero
// value is everything.
type Selection struct {
	Schemas          []string // --schema
	ExcludeSchemas   []string // --exclude-schema
	Tables           []string // --table; then Schemas has no effect, as in pg_dump
	ExcludeTables    []string // --exclude-table
	ExcludeTableData []string // --exclude-table-data
	// The same with all that inherits from the tables, partitions above all: --table-and-children and so on, since pg_dump 16.
	TablesAndChildren, ExcludeTablesAndChildren, ExcludeTableDataAndChildren []string
	Extensions                                                               []string // --extension, since pg_dump 14
	ExcludeExtensions                                                        []string // --exclude-extension, since pg_dump 17
	ForeignData                                                              []string // --include-foreign-data, since pg_dump 13: servers
	SchemaOnly                                                               bool
	DataOnly                                                                 bool
	// LargeObjects takes large objects too when a part is picked (everything includes them), and NoLargeObjects leaves them out.
	LargeObjects, NoLargeObjects bool
	Statistics                   bool // --statistics, since pg_dump 18
	RowSecurity                  bool // --enable-row-security
}

// picksTables tells whether tables are named, so that no schema is taken whole.
func (s Selection) picksTables() bool { return len(s.Tables)+len(s.TablesAndChildren) > 0 }

// picks tells whether it is named what is taken (pg_dump's include_everything is off).
func (s Selection) picks() bool { return s.picksTables() || len(s.Schemas)+len(s.Extensions) > 0 }

// takesObjects tells whether large objects are taken.
func (s Selection) takesObjects() bool {
	return !s.SchemaOnly && !s.NoLargeObjects && (s.LargeObjects || !s.picks())
}

// kind is what a list of patterns does to the relations that match, in the words of the query over them.
type kind struct {
	name     string // of the pattern, in messages
	does     string
	children bool
	schemas  bool // the patterns are of schemas, or of extensions, and have one part
	patterns []string
}

// kinds are the lists of patterns that decide which relations are taken.
func (s Selection) kinds() []kind {
	return []kind{
		{"schema", "schema", false, true, s.Schemas}, {"excluded schema", "noschema", false, true, s.ExcludeSchemas},
		{"table", "table", false, false, s.Tables}, {"table with its children", "table", true, false, s.TablesAndChildren},
		{"excluded table", "exclude", false, false, s.ExcludeTables}, {"excluded table with its children", "exclude", true, false, s.ExcludeTablesAndChildren},
		{"table excluded from data", "nodata", false, false, s.ExcludeTableData},
		{"table excluded from data with its children", "nodata", true, false, s.ExcludeTableDataAndChildren},
		{"extension", "extension", false, true, s.Extensions}, {"excluded extension", "noextension", false, true, s.ExcludeExtensions},
	}
}

// Limits on what a caller may ask for.
const (
	maxPatterns      = 1000
	maxPatternLength = 600 // bytes; three quoted identifiers of 63 four-byte characters fit
)

// Check refuses contradictions and patterns that are empty, too long, or hold control characters other than
// the line breaks and tabs that a quoted name may have.
func (s Selection) Check() error {
	if s.SchemaOnly && s.DataOnly {
		return fault.New(fault.Validation, fault.InvalidInput, "Choose one of them, or none for both schema and data.",
			"schema only and data only exclude each other")
	}
	for _, list := range append(s.kinds(), kind{name: "foreign server", patterns: s.ForeignData}) {
		if len(list.patterns) > maxPatterns {
			return fault.New(fault.Validation, fault.InvalidInput, "Use patterns with * to name many at once.",
				"%d patterns for %s are more than %d", len(list.patterns), list.name, maxPatterns)
		}
		for _, p := range list.patterns {
			if what := badPattern(p); what != "" {
				return fault.New(fault.Validation, fault.InvalidInput, `Use names or patterns such as public.orders, sales.*, "Mixed Case".`,
					"the pattern %q for %s %s", shorten(p), list.name, what)
			}
		}
	}
	return nil
}

func badPattern(p string) string {
	switch {
	case strings.TrimSpace(p) == "":
		return "is empty"
	case len(p) > maxPatternLength:
		return "is too long"
	case strings.ToValidUTF8(p, "") != p:
		return "is not valid UTF-8"
	case strings.Count(p, `"`)%2 != 0:
		return "has a quotation mark that is not closed"
	}
	quoted := false
	for _, r := range p {
		switch {
		case r == '"':
			quoted = !quoted
		case r == 0 || (unicode.IsControl(r) && !(quoted && (r == '\n' || r == '\t' || r == '\r'))):
			return "contains a control character"
		}
	}
	return ""
}

func shorten(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "..."
	}
	return s
}

// patternRegexps turns a pattern into the regular expressions that psql and pg_dump make of it, for schema
// (empty when the pattern names none) and name. The rules are those of patternToSQLRegex in PostgreSQL's
// src/fe_utils/string_utils.c.
func patternRegexps(pattern string) (schema, name string) {
	var parts []string
	var b strings.Builder
	quoted := false
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '"' && quoted && i+1 < len(runes) && runes[i+1] == '"':
			b.WriteRune('"')
			i++
		case r == '"':
			quoted = !quoted
		case !quoted && r == '*':
			b.WriteString(".*")
		case !quoted && r == '?':
			b.WriteString(".")
		case !quoted && r == '.':
			parts = append(parts, b.String())
			b.Reset()
		case r == '$':
			b.WriteString(`\$`)
		case quoted && strings.ContainsRune(`|*+?()[]{}.^\`, r), r == '[' && i+1 < len(runes) && runes[i+1] == ']':
			b.WriteRune('\\')
			b.WriteRune(r)
		case !quoted && r >= 'A' && r <= 'Z':
			b.WriteRune(r + ('a' - 'A'))
		default:
			b.WriteRune(r)
		}
	}
	name = "^(" + b.String() + ")$"
	if len(parts) > 0 {
		schema = "^(" + parts[len(parts)-1] + ")$"
	}
	return schema, name
}
