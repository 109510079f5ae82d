package jsonschema_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maker makes values by schemas of a document, and breaks them.
type maker struct {
	r   *rand.Rand
	doc any
}

// fitting makes a value that most often fits the schema.
func (m maker) fitting(def map[string]any) any {
	if ref, ok := def["$ref"].(string); ok {
		return m.fitting(object(lookUp(m.doc, strings.TrimPrefix(ref, "#"))))
	}
	if values, ok := def["enum"].([]any); ok {
		return values[m.r.IntN(len(values))]
	}
	kind := def["type"]
	if several, ok := kind.([]any); ok {
		kind = several[m.r.IntN(len(several))]
	}
	switch kind {
	case "object":
		return m.object(def)
	case "array":
		list := []any{}
		for range m.r.IntN(4) {
			list = append(list, m.fitting(object(def["items"])))
		}
		return list
	case "string":
		return m.text(def)
	case "boolean":
		return m.r.IntN(2) == 0
	case "integer":
		return json.Number(strconv.Itoa(m.number(def)))
	case "number":
		return json.Number(fmt.Sprintf("%d.%d", m.number(def), m.r.IntN(100)))
	}
	return nil
}

func (m maker) object(def map[string]any) any {
	o := map[string]any{}
	properties := object(def["properties"])
	required, _ := def["required"].([]any)
	most := limit(def, "maxProperties", 1000)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if slices.Contains(required, any(name)) || m.r.IntN(2) == 0 && len(o) < most {
			o[name] = m.fitting(object(properties[name]))
		}
	}
	if names := slices.Sorted(maps.Keys(properties)); len(o) == 0 && limit(def, "minProperties", 0) > 0 {
		o[names[0]] = m.fitting(object(properties[names[0]]))
	}
	if extra := object(def["additionalProperties"]); extra != nil {
		for range m.r.IntN(3) {
			name := "x"
			if names := object(def["propertyNames"]); names != nil {
				name, _ = m.fitting(names).(string)
			}
			o[name] = m.fitting(extra)
		}
	}
	return o
}

func (m maker) number(def map[string]any) int {
	from := limit(def, "minimum", -5)
	return from + m.r.IntN(max(1, limit(def, "maximum", from+1000)-from))
}

func limit(def map[string]any, keyword string, otherwise int) int {
	n, err := strconv.Atoi(fmt.Sprint(def[keyword]))
	if err != nil {
		return otherwise
	}
	return n
}

func (m maker) text(def map[string]any) string {
	switch def["format"] {
	case "date-time":
		at := time.Unix(m.r.Int64N(4e9), m.r.Int64N(2)*123456789)
		return at.In(time.FixedZone("", (m.r.IntN(9)-4)*1800)).Format(time.RFC3339Nano)
	case "uri", "uri-reference":
		return []string{"https://h.example/a?b=c#d", "s3://b/k", "http://[::1]:80/", "about:blank"}[m.r.IntN(4)]
	}
	if expr, ok := def["pattern"].(string); ok {
		re, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			panic(err)
		}
		var out strings.Builder
		m.match(re, &out)
		return out.String()
	}
	return strings.Repeat("é", max(limit(def, "minLength", 0), m.r.IntN(6)))
}

// match writes something that a regular expression matches.
func (m maker) match(re *syntax.Regexp, out *strings.Builder) {
	times := func(from, to int) {
		if to < 0 || to > from+5 {
			to = from + 5
		}
		for range from + m.r.IntN(to-from+1) {
			m.match(re.Sub[0], out)
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		out.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		i := m.r.IntN(len(re.Rune)/2) * 2
		out.WriteRune(re.Rune[i] + m.r.Int32N(min(re.Rune[i+1]-re.Rune[i]+1, 60)))
	case syntax.OpAlternate:
		m.match(re.Sub[m.r.IntN(len(re.Sub))], out)
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			m.match(sub, out)
		}
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpStar:
		times(0, -1)
	case syntax.OpPlus:
		times(1, -1)
	case syntax.OpRepeat:
		times(re.Min, re.Max)
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpEmptyMatch:
	default:
		panic("a pattern has " + re.Op.String())
	}
}

// strange are values that something is wrong with for most schemas.
var strange = []any{nil, true, "", "x", "a\nb", strings.Repeat("ä", 300), json.Number("-1"), json.Number("1.5"), json.Number("1.0"), json.Number("1e2"), json.Number("1e30"), json.Number("0.1e1"),
	[]any{}, []any{nil}, map[string]any{}, map[string]any{"é/~": nil}, "2026-01-02T03:04:60Z", "2016-12-31t23:59:60z", "2016-12-31T22:59:60-01:00", "2026-02-30T00:00:00Z", "2026-01-02T03:04:05,1Z",
	"2026-01-02T3:04:05.12Z", "2026-01-02T03:04:05.Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+0100", "http://[::1", "http://::1/", "http://[fe80::1%25lo]/", `a\b`, "//h", "%zz", ":"}

// broken changes one place of a copy of a value.
func (m maker) broken(v any) any {
	switch t := v.(type) {
	case map[string]any:
		o := maps.Clone(t)
		names := slices.Sorted(maps.Keys(o))
		switch n := m.r.IntN(6); {
		case n == 0:
			o["unknown"+strconv.Itoa(m.r.IntN(3))] = m.some()
			return o
		case n == 1 || len(names) == 0:
			return m.some()
		case n == 2:
			delete(o, names[m.r.IntN(len(names))])
			return o
		default:
			name := names[m.r.IntN(len(names))]
			o[name] = m.broken(o[name])
			return o
		}
	case []any:
		list := slices.Clone(t)
		switch n := m.r.IntN(100); {
		case n < 25 || len(list) == 0:
			return m.some()
		case n == 25: // more than any schema takes
			return slices.Repeat(list[:1], 1001)
		default:
			i := m.r.IntN(len(list))
			list[i] = m.broken(list[i])
			return list
		}
	case string:
		if m.r.IntN(2) == 0 && len(t) > 0 { // another character somewhere
			i := m.r.IntN(len(t))
			return strings.ToValidUTF8(t[:i]+string(rune(' '+m.r.IntN(95)))+t[i+1:], "?")
		}
	}
	return m.some()
}

func (m maker) some() any { return strange[m.r.IntN(len(strange))] }

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
