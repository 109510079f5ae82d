// Package jsonschema holds JSON values against schemas: the part of JSON Schema 2020-12 that cofre's own documents use
// (api/openapi.yaml and cofre.schema.json). A keyword outside of that part is refused when the schema is compiled, so that
// nothing goes unchecked because nobody knew it:
//
//	of any value      type, enum, format (date-time, uri, uri-reference), $ref within the document
//	of objects        properties, required, additionalProperties, propertyNames, minProperties, maxProperties
//	of arrays         items, maxItems
//	of strings        minLength, maxLength, pattern (Go's syntax)
//	of numbers        minimum, maximum
//	says nothing      title, description, default, examples, $schema; the formats int64 and double
//
// A schema that leads back to itself is refused too: so a value is followed as deep as its schema goes, and no deeper.
//
// Full validators do more at every start of the program than all else that cofre does there: they compile the schemas of all
// drafts. One of them is the witness in the tests.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Decode reads one JSON value, numbers kept as they are written.
func Decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, nil
}

// Violation says where a value does not fit, and what was wanted.
type Violation struct {
	Place   []string // the way there: names of fields, numbers of elements; nil is the whole value
	Keyword string   // of the schema, such as "minLength"; Unreadable for what is no JSON
	Got     any      // what stands there

	Names  []string // type: those that may be; required: fields that are missing; additionalProperties: fields that are not known; propertyNames: the field
	Values []any    // enum
	Limit  *big.Rat // minimum, maxLength and the like
	Text   string   // pattern, format
}

// Unreadable is the keyword of a value that JSON does not have (a date that YAML knows, not-a-number), or of a number with a thousand
// digits or zeros.
const Unreadable = ""

// String says it for developers.
func (v Violation) String() string {
	wanted := strings.Join(v.Names, ", ") + v.Text
	if v.Limit != nil {
		wanted += v.Limit.RatString()
	}
	if v.Values != nil {
		wanted += fmt.Sprint(v.Values...)
	}
	return fmt.Sprintf("at /%s: %s: %s", strings.Join(v.Place, "/"), v.Keyword, wanted)
}

// Err makes one error of all violations, nil of none.
func Err(violations []Violation) error {
	if len(violations) == 0 {
		return nil
	}
	return fmt.Errorf("%v", violations)
}

// TypeOf names JSON's type of a value as [Decode] or a YAML decoder makes it: null, boolean, number, string, array or object; "" is
// what JSON does not have.
func TypeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	if rational(v) != nil {
		return "number"
	}
	return ""
}

// rational is the exact value of a number; nil of all else, and of a number whose exact value nothing could need and few
// machines could hold.
func rational(v any) *big.Rat {
	switch v.(type) {
	case json.Number, float32, float64, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
	default:
		return nil
	}
	const most = 1000
	s := fmt.Sprint(v)
	if len(s) > most {
		return nil
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(s), "e"); ok {
		if e, err := strconv.Atoi(exponent); err != nil || e < -most || e > most {
			return nil
		}
	}
	r, _ := new(big.Rat).SetString(s)
	return r
}

func equal(a, b any) bool {
	if x, y := rational(a), rational(b); x != nil && y != nil {
		return x.Cmp(y) == 0
	}
	return slices.Contains([]string{"null", "boolean", "string"}, TypeOf(a)) && TypeOf(a) == TypeOf(b) && a == b
}
