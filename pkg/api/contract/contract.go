package contract

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cofre/pkg/jsonschema"
)

//go:embed openapi.gen.json
var document []byte

// Document is the contract as JSON.
func Document() []byte { return bytes.Clone(document) }

// Contract is the document, ready to hold requests and answers against. It is safe for use by several goroutines.
type Contract struct {
	operations []*Operation
	doc        map[string]any

	mu       sync.Mutex // guards compiler
	compiler *jsonschema.Compiler
}

// Operation is one operation of the contract.
type Operation struct {
	ID     string // operationId
	Method string
	Path   string // template: /api/backup/{id}
	// Permission is what the caller's role must have; empty asks for nothing.
	Permission string
	// DetailPermission is what the caller's role must have to be told everything.
	DetailPermission string
	// Anonymous tells that it may be called without a token.
	Anonymous bool
	// HasBody tells that it takes a body.
	HasBody bool

	segments   []string
	parameters []parameter
	body       *jsonschema.Schema
	bodyNeeded bool
	answers    map[string]any // by status
	contract   *Contract
}

// Load reads the contract that this program was built with. It costs some milliseconds; do it once.
func Load() (*Contract, error) {
	raw, err := jsonschema.Decode(document)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	c := &Contract{doc: raw.(map[string]any), compiler: jsonschema.NewCompiler(raw)}
	for path, item := range object(c.doc["paths"]) {
		item := object(item)
		for method, def := range item {
			if method == "parameters" {
				continue
			}
			op, err := c.operation(strings.ToUpper(method), path, object(def), item["parameters"])
			if err != nil {
				return nil, fmt.Errorf("read the contract: %s %s: %w", method, path, err)
			}
			c.operations = append(c.operations, op)
		}
	}
	slices.SortFunc(c.operations, func(a, b *Operation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	return c, nil
}

// Operations lists all operations, by path and method.
func (c *Contract) Operations() []*Operation { return slices.Clone(c.operations) }

func (c *Contract) operation(method, path string, def map[string]any, shared any) (*Operation, error) {
	op := &Operation{Method: method, Path: path, segments: strings.Split(path, "/"), contract: c}
	op.ID, _ = def["operationId"].(string)
	op.Permission, _ = def["x-permission"].(string)
	op.DetailPermission, _ = def["x-detail-permission"].(string)
	for _, s := range array(def["security"]) {
		if len(object(s)) == 0 {
			op.Anonymous = true
		}
	}
	at := "/paths/" + jsonschema.Escape(path)
	for i, p := range array(shared) {
		if err := op.addParameter(p, fmt.Sprintf("%s/parameters/%d", at, i)); err != nil {
			return nil, err
		}
	}
	at += "/" + strings.ToLower(method)
	for i, p := range array(def["parameters"]) {
		if err := op.addParameter(p, fmt.Sprintf("%s/parameters/%d", at, i)); err != nil {
			return nil, err
		}
	}
	if body := object(def["requestBody"]); body != nil {
		op.HasBody = true
		op.bodyNeeded, _ = body["required"].(bool)
		var err error
		if op.body, err = c.compile(at + "/requestBody/content/application~1json/schema"); err != nil {
			return nil, err
		}
	}
	op.answers = map[string]any{}
	for status := range object(def["responses"]) {
		op.answers[status] = at + "/responses/" + status
	}
	return op, nil
}

// compile makes the schema that stands at a JSON pointer into the document.
func (c *Contract) compile(pointer string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile(pointer)
}

// resolve follows the $ref that an object of the document may be, and gives the object and its JSON pointer.
func (c *Contract) resolve(v any, pointer string) (map[string]any, string) {
	o := object(v)
	ref, ok := o["$ref"].(string)
	if !ok {
		return o, pointer
	}
	pointer = strings.TrimPrefix(ref, "#")
	return c.resolve(c.at(pointer), pointer)
}

// at gives what stands at a JSON pointer.
func (c *Contract) at(pointer string) any {
	var v any = c.doc
	for _, key := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		v = object(v)[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]
	}
	return v
}

// Prose tells whether a property of a schema is a text for people. The object has its words in other languages.
func (c *Contract) Prose(schema, property string) bool {
	prose, _ := object(object(object(object(object(c.doc["components"])["schemas"])[schema])["properties"])[property])["x-prose"].(bool)
	return prose
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func array(v any) []any {
	a, _ := v.([]any)
	return a
}

// Find gives the operation for a method and a path, and the parameters in the path. Plain segments win over
// parameters, as the specification says. Without an operation, allow lists the methods that the path has; it is empty
// for an unknown path.
func (c *Contract) Find(method, path string) (op *Operation, params map[string]string, allow []string) {
	segments := strings.Split(path, "/")
	best := ""
	for _, o := range c.operations {
		if o.matches(segments) && (best == "" || strings.Count(o.Path, "{") < strings.Count(best, "{")) {
			best = o.Path
		}
	}
	for _, o := range c.operations {
		if o.Path != best {
			continue
		}
		allow = append(allow, o.Method)
		if o.Method == method {
			op = o
		}
	}
	if op == nil {
		return nil, nil, allow
	}
	params = map[string]string{}
	for i, s := range op.segments {
		if strings.HasPrefix(s, "{") {
			params[strings.Trim(s, "{}")] = segments[i]
		}
	}
	return op, params, nil
}

func (op *Operation) matches(segments []string) bool {
	if len(segments) != len(op.segments) {
		return false
	}
	for i, s := range op.segments {
		if s != segments[i] && (!strings.HasPrefix(s, "{") || segments[i] == "") {
			return false
		}
	}
	return true
}

// Answers tells whether the operation has an answer with this status.
func (op *Operation) Answers(status int) bool { return op.answers[strconv.Itoa(status)] != nil }
