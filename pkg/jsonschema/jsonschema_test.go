package jsonschema_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"cofre/pkg/jsonschema"
)

func compile(schema string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.Decode([]byte(schema))
	if err != nil {
		return nil, err
	}
	return jsonschema.NewCompiler(doc).Compile("")
}

// A schema that would be checked in part only is refused, with its place.
func TestRefusesSchemas(t *testing.T) {
	for schema, want := range map[string]string{
		`{"allOf":[{}]}`:           `schema # has the keyword "allOf"`,
		`{"items":{"minItems":1}}`: `schema #/items has the keyword "minItems"`,
		`{"$ref":"#"}`:             "schema # leads back to itself",
		`{"properties":{"a/b":{"items":{"$ref":"#"}}}}`: "schema # leads back to itself",
		`{"$ref":"#/items"}`:                            "there is no schema #/items",
		`{"$ref":"other.json"}`:                         "schema #/$ref: other.json is not provided for",
		`{"type":"text"}`:                               "schema #/type",
		`{"type":3}`:                                    "schema #/type",
		`{"format":"email"}`:                            "schema #/format: email",
		`{"enum":[[]]}`:                                 "schema #/enum",
		`{"enum":"a"}`:                                  "schema #/enum",
		`{"required":["a",1]}`:                          "schema #/required",
		`{"properties":[]}`:                             "schema #/properties",
		`{"properties":{"a/b":{"x":1}}}`:                `schema #/properties/a~1b has the keyword "x"`,
		`{"items":[]}`:                                  "there is no schema #/items",
		`{"additionalProperties":1}`:                    "there is no schema #/additionalProperties",
		`{"minLength":"1"}`:                             "schema #/minLength",
		`{"maximum":1e99999999}`:                        "schema #/maximum",
		`{"pattern":1}`:                                 "schema #/pattern",
		`[]`:                                            "there is no schema #",
	} {
		if _, err := compile(schema); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", schema, err, want)
		}
	}
}

// What YAML knows and JSON does not is refused, and so are numbers that would take for ever.
func TestUnreadable(t *testing.T) {
	s, err := compile(`{"additionalProperties":{"type":"number","minimum":0}}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{time.Time{}, math.NaN(), math.Inf(1), map[any]any{1: 2}, json.Number("1e99999999"), json.Number("1e-99999999"), json.Number("1e9999999999999999999"), json.Number(strings.Repeat("9", 1001))} {
		found := s.Validate(map[string]any{"a": v})
		if len(found) != 1 || found[0].Keyword != jsonschema.Unreadable || found[0].Place[0] != "a" {
			t.Errorf("%.40v: %v", v, found)
		}
	}
	for _, v := range []any{7, int64(7), uint64(math.MaxUint64), 0.5, float32(0.5), json.Number("1e308")} {
		if found := s.Validate(map[string]any{"a": v}); found != nil {
			t.Errorf("%v: %v", v, found)
		}
	}
}

// Numbers are compared exactly: a float64 cannot tell these apart.
func TestExact(t *testing.T) {
	s, err := compile(`{"maximum":9007199254740993,"enum":[9007199254740993,9007199254740994]}`)
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]string{"9007199254740993": "", "9007199254740993.0": "", "9007199254740994": "maximum", "9007199254740992": "enum"} {
		found := s.Validate(json.Number(number))
		got := ""
		if len(found) > 0 {
			got = found[0].Keyword
		}
		if got != want {
			t.Errorf("%s: %q, want %q", number, got, want)
		}
	}
}

// Violations of one value keep their own places.
func TestPlaces(t *testing.T) {
	s, err := compile(`{"items":{"properties":{"a":{"items":{"type":"string"}},"b":{"type":"null"}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.Decode([]byte(`[{"a":["x",1,2],"b":0},{"b":1}]`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.Validate(v) {
		got = append(got, strings.Join(x.Place, "/"))
	}
	if want := "0/a/1 0/a/2 0/b 1/b"; strings.Join(got, " ") != want {
		t.Errorf("at %q, want %s", got, want)
	}
}

func TestDecode(t *testing.T) {
	for _, text := range []string{"", "{", "{}{}", "{}]", "{}}", "1 2"} {
		if v, err := jsonschema.Decode([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, v)
		}
	}
	if v, err := jsonschema.Decode([]byte(" 1.50 \n")); err != nil || v != json.Number("1.50") {
		t.Errorf("read as %v, %v", v, err)
	}
}
