package postgres

import (
	"regexp"
	"strings"

	"cofre/pkg/fault"
)

// Pattern is a pattern of names as in psql and pg_dump that names are held against here, without a server.
type Pattern struct {
	Text string
	// Plain reports whether it stands for one name: it has no wildcards.
	Plain bool

	schema, name *regexp.Regexp // schema is nil where the pattern names none
}

// ParsePattern reads a pattern of relations: NAME, or SCHEMA.NAME.
func ParsePattern(text string) (Pattern, error) { return parsePattern(text, true) }

// ParseSchemaPattern reads a pattern of schemas.
func ParseSchemaPattern(text string) (Pattern, error) { return parsePattern(text, false) }

func parsePattern(text string, relation bool) (Pattern, error) {
	refuse := func(what string) (Pattern, error) {
		return Pattern{}, fault.New(fault.Validation, fault.InvalidInput, `Use names or patterns such as public.orders, sales.*, "Mixed Case".`,
			"the pattern %q %s", shorten(text), what)
	}
	if what := badPattern(text); what != "" {
		return refuse(what)
	}
	dots, plain := 0, true
	quoted := false
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '.':
			dots++
		case strings.ContainsRune(`*?|+()[]{}^\`, r):
			plain = false
		}
	}
	switch {
	case relation && dots > 1:
		return refuse("has more than a schema and a name")
	case !relation && dots > 0:
		return refuse("has more than the name of a schema")
	}
	schema, name := patternRegexps(text)
	p := Pattern{Text: text, Plain: plain}
	for _, part := range []struct {
		source string
		into   **regexp.Regexp
	}{{schema, &p.schema}, {name, &p.name}} {
		if part.source == "" {
			continue
		}
		compiled, err := regexp.Compile("(?s)" + part.source) // as in PostgreSQL, a dot stands for a line break too
		if err != nil {
			return refuse("is not a pattern")
		}
		*part.into = compiled
	}
	return p, nil
}

// Qualified reports whether the pattern names schemas, too.
func (p Pattern) Qualified() bool { return p.schema != nil }

// MatchRelation reports whether a relation is meant. Without a schema in the pattern that of the relation does not matter.
func (p Pattern) MatchRelation(schema, name string) bool {
	return (p.schema == nil || p.schema.MatchString(schema)) && p.name.MatchString(name)
}

// MatchSchema reports whether a schema is meant, by a pattern of ParseSchemaPattern.
func (p Pattern) MatchSchema(name string) bool { return p.name.MatchString(name) }
