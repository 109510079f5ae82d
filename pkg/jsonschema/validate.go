package jsonschema

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Validate lists what does not fit; nil is a value that does. The value is of the types that [Decode] makes, or of Go's numbers
// in place of json.Number. Below a value of a wrong type, outside of an enum or of a wrong format nothing more is looked at.
func (s *Schema) Validate(v any) []Violation {
	var found []Violation
	s.validate(v, nil, &found)
	return found
}

func (s *Schema) validate(v any, place []string, found *[]Violation) {
	report := func(x Violation) {
		x.Place, x.Got = slices.Clone(place), v
		*found = append(*found, x)
	}
	kind := TypeOf(v)
	switch {
	case kind == "":
		report(Violation{Keyword: Unreadable})
		return
	case len(s.types) > 0 && !slices.Contains(s.types, kind) && !(kind == "number" && slices.Contains(s.types, "integer") && rational(v).IsInt()):
		report(Violation{Keyword: "type", Names: s.types})
		return
	case s.enum != nil && !slices.ContainsFunc(s.enum, func(e any) bool { return equal(e, v) }):
		report(Violation{Keyword: "enum", Values: s.enum})
		return
	}
	if text, ok := v.(string); ok && s.format != "" && !formats[s.format](text) {
		report(Violation{Keyword: "format", Text: s.format})
		return
	}
	if s.ref != nil {
		s.ref.validate(v, place, found)
	}
	// measure holds a size against the limits: those with min in their names are lower ones.
	measure := func(size *big.Rat, keywords ...string) {
		for _, keyword := range keywords {
			limit := s.limits[keyword]
			if limit != nil && (strings.HasPrefix(keyword, "min") && size.Cmp(limit) < 0 || strings.HasPrefix(keyword, "max") && size.Cmp(limit) > 0) {
				report(Violation{Keyword: keyword, Limit: limit})
			}
		}
	}
	switch v := v.(type) {
	case map[string]any:
		measure(count(len(v)), "minProperties", "maxProperties")
		s.object(v, place, report, found)
	case []any:
		measure(count(len(v)), "maxItems")
		for i := 0; s.items != nil && i < len(v); i++ {
			s.items.validate(v[i], append(place, strconv.Itoa(i)), found)
		}
	case string:
		measure(count(utf8.RuneCountInString(v)), "minLength", "maxLength")
		if s.pattern != nil && !s.pattern().MatchString(v) {
			report(Violation{Keyword: "pattern", Text: s.pattern().String()})
		}
	case nil, bool:
	default:
		measure(rational(v), "minimum", "maximum")
	}
}

func (s *Schema) object(v map[string]any, place []string, report func(Violation), found *[]Violation) {
	var missing, unknown []string
	for _, name := range s.required {
		if _, ok := v[name]; !ok {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		report(Violation{Keyword: "required", Names: missing})
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if field, known := s.properties[name]; known {
			field.validate(v[name], append(place, name), found)
		} else if s.additional != nil {
			s.additional.validate(v[name], append(place, name), found)
		} else if s.closed {
			unknown = append(unknown, name)
		}
		if s.propertyNames != nil && len(s.propertyNames.Validate(name)) > 0 {
			report(Violation{Keyword: "propertyNames", Names: []string{name}})
		}
	}
	if unknown != nil {
		report(Violation{Keyword: "additionalProperties", Names: unknown})
	}
}

func count(n int) *big.Rat { return new(big.Rat).SetInt64(int64(n)) }
