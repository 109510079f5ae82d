package jsonschema

import (
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cofre/pkg/lazyregexp"
)

// Schema is a schema, ready to hold values against. It never changes.
type Schema struct {
	types         []string
	enum          []any
	format        string
	ref           *Schema
	properties    map[string]*Schema
	required      []string
	closed        bool    // there are no properties but these
	additional    *Schema // of the properties that properties does not name
	propertyNames *Schema
	items         *Schema
	pattern       func() *regexp.Regexp
	limits        map[string]*big.Rat // by keyword: minimum, maxLength and the like
}

// Compiler compiles the schemas of one document. It is for one goroutine at a time.
type Compiler struct {
	document any
	compiled map[string]*Schema // by JSON pointer; nil while it is being compiled
}

// NewCompiler takes a document that [Decode] has read.
func NewCompiler(document any) *Compiler {
	return &Compiler{document: document, compiled: map[string]*Schema{}}
}

// Compile makes the schema that stands at a JSON pointer into the document, such as /components/schemas/Backup; "" is the whole
// document.
func (c *Compiler) Compile(pointer string) (*Schema, error) {
	if s, known := c.compiled[pointer]; known {
		if s == nil {
			return nil, fmt.Errorf("schema #%s leads back to itself", pointer)
		}
		return s, nil
	}
	def, err := c.at(pointer)
	if err != nil {
		return nil, err
	}
	c.compiled[pointer] = nil
	s := &Schema{limits: map[string]*big.Rat{}}
	for _, keyword := range slices.Sorted(maps.Keys(def)) {
		if err := c.keyword(s, keyword, def[keyword], pointer); err != nil {
			delete(c.compiled, pointer)
			return nil, err
		}
	}
	c.compiled[pointer] = s
	return s, nil
}

// keyword takes one keyword of a schema.
func (c *Compiler) keyword(s *Schema, keyword string, v any, pointer string) (err error) {
	place := pointer + "/" + Escape(keyword)
	ok := true
	switch keyword {
	case "title", "description", "default", "examples", "$schema", "x-go-type", "x-prose": // the last two say what Go makes of it, and that people read it
	case "type":
		if s.types, ok = texts(v); !ok {
			var one string
			one, ok = v.(string)
			s.types = []string{one}
		}
		for _, t := range s.types {
			ok = ok && slices.Contains([]string{"null", "boolean", "integer", "number", "string", "array", "object"}, t)
		}
	case "enum":
		s.enum, ok = v.([]any)
		for _, value := range s.enum {
			ok = ok && equal(value, value) // scalars, and no others
		}
	case "format":
		s.format, ok = v.(string)
		ok = ok && formats[s.format] != nil
	case "$ref":
		ref, _ := v.(string)
		var inside string
		if inside, ok = strings.CutPrefix(ref, "#"); ok {
			s.ref, err = c.Compile(inside)
		}
	case "properties":
		s.properties, err = c.each(v, place)
	case "required":
		s.required, ok = texts(v)
	case "additionalProperties":
		switch open := v.(type) {
		case bool:
			s.closed = !open
		default:
			s.additional, err = c.Compile(place)
		}
	case "propertyNames":
		s.propertyNames, err = c.Compile(place)
	case "items":
		s.items, err = c.Compile(place)
	case "pattern":
		var expr string
		if expr, ok = v.(string); ok {
			s.pattern = lazyregexp.New(expr)
		}
	case "minProperties", "maxProperties", "maxItems", "minLength", "maxLength", "minimum", "maximum":
		s.limits[keyword] = rational(v)
		ok = s.limits[keyword] != nil
	default:
		return fmt.Errorf("schema #%s has the keyword %q, which pkg/jsonschema does not know", pointer, keyword)
	}
	if !ok {
		return fmt.Errorf("schema #%s: %v is not provided for", place, v)
	}
	return err
}

// each compiles the schemas of an object of schemas.
func (c *Compiler) each(v any, place string) (map[string]*Schema, error) {
	all := map[string]*Schema{}
	defs, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("schema #%s is not an object of schemas", place)
	}
	for name := range defs {
		s, err := c.Compile(place + "/" + Escape(name))
		if err != nil {
			return nil, err
		}
		all[name] = s
	}
	return all, nil
}

// at finds the schema at a JSON pointer.
func (c *Compiler) at(pointer string) (map[string]any, error) {
	v := c.document
	for _, key := range strings.Split(pointer, "/")[1:] {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(in) {
				return nil, fmt.Errorf("there is no schema #%s", pointer)
			}
			v = in[i]
		default:
			v = nil
		}
	}
	def, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("there is no schema #%s", pointer)
	}
	return def, nil
}

// Escape writes a name as a JSON pointer has it.
func Escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i := range list {
		if out[i], ok = list[i].(string); !ok {
			return nil, false
		}
	}
	return out, true
}
