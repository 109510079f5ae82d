package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cofre/pkg/jsonschema"
	"cofre/pkg/lazyregexp"
)

// parameter is one parameter of an operation.
type parameter struct {
	name     string
	in       FieldErrorIn
	required bool
	kind     string // the schema's type: string, integer, boolean, or array, which is of texts and given by repeating the parameter
	def      any    // its default; nil when there is none
	schema   *jsonschema.Schema
}

func (op *Operation) addParameter(v any, pointer string) error {
	def, pointer := op.contract.resolve(v, pointer)
	p := parameter{in: FieldErrorIn(def["in"].(string))}
	p.name, _ = def["name"].(string)
	p.required, _ = def["required"].(bool)
	schema, _ := op.contract.resolve(def["schema"], "")
	p.kind, _ = schema["type"].(string)
	p.def = schema["default"]
	if !slices.Contains([]string{"string", "integer", "boolean", "array"}, p.kind) {
		return fmt.Errorf("parameter %s has the type %q, which is not provided for", p.name, p.kind)
	}
	var err error
	p.schema, err = op.contract.compile(pointer + "/schema")
	op.parameters = append(op.parameters, p)
	return err
}

// Values are a request's parameters and body, after they were held against the contract.
type Values struct {
	parameters map[string]any
	body       any // nil when there was none
}

// Parameters fills a parameters type of this package. Absent ones have their default.
func (v Values) Parameters(into any) error { return fill(v.parameters, into) }

// Path gives a parameter of the path.
func (v Values) Path(name string) string {
	s, _ := v.parameters[name].(string)
	return s
}

// Body fills a request type of this package. It leaves it as it is when there was no body.
func (v Values) Body(into any) error {
	if v.body == nil {
		return nil
	}
	return fill(v.body, into)
}

func fill(v, into any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// Check holds a request against the contract: its path and query parameters, its headers, its body (nil for none).
// What does not fit is listed; the values are good only when that list is empty.
func (op *Operation) Check(path map[string]string, query url.Values, header http.Header, body []byte) (Values, []FieldError) {
	v := Values{parameters: map[string]any{}}
	var wrong []FieldError
	known := map[string]bool{}
	for _, p := range op.parameters {
		var given []string
		switch p.in {
		case FieldErrorInPath:
			given = []string{path[p.name]}
		case FieldErrorInQuery:
			known[p.name] = true
			given = query[p.name]
		default:
			given = header.Values(p.name)
		}
		value, problem := p.read(given)
		if problem != "" {
			wrong = append(wrong, FieldError{In: p.in, At: p.name, Detail: problem})
		} else if value != nil {
			v.parameters[p.name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !known[name] {
			wrong = append(wrong, FieldError{In: FieldErrorInQuery, At: brief(name), Detail: "there is no such parameter"})
		}
	}
	var bodyWrong []FieldError
	v.body, bodyWrong = op.checkBody(body)
	return v, append(wrong, bodyWrong...)
}

// integerForm is an integer as a query says it.
var integerForm = lazyregexp.New(`^-?(0|[1-9][0-9]{0,17})$`)

// read makes a parameter's value of what was given, or says what is wrong with that.
func (p parameter) read(given []string) (value any, problem string) {
	switch {
	case len(given) == 0 && p.required:
		return nil, "it is missing"
	case len(given) == 0:
		return p.def, ""
	case len(given) > 1 && p.kind != "array":
		return nil, "it is given more than once"
	case slices.ContainsFunc(given, func(s string) bool { return !utf8.ValidString(s) }):
		return nil, "it is not UTF-8"
	}
	s := given[0]
	switch {
	case p.kind == "array": // of texts
		list := make([]any, len(given))
		for i := range given {
			list[i] = given[i]
		}
		value = list
	case p.kind == "integer" && !integerForm().MatchString(s):
		return nil, "it must be a whole number"
	case p.kind == "integer":
		value = json.Number(s)
	case p.kind == "boolean" && s != "true" && s != "false":
		return nil, "it must be true or false"
	case p.kind == "boolean":
		value = s == "true"
	default:
		value = s
	}
	if wrong := violations(p.schema.Validate(value)); len(wrong) > 0 {
		return nil, wrong[0].Detail
	}
	return value, ""
}

func (op *Operation) checkBody(body []byte) (any, []FieldError) {
	bad := func(detail string) []FieldError {
		return []FieldError{{In: FieldErrorInBody, At: "", Detail: detail}}
	}
	switch {
	case len(body) == 0 && op.bodyNeeded:
		return nil, bad("a body is needed")
	case len(body) == 0:
		return nil, nil
	case !op.HasBody:
		return nil, bad("there must be no body")
	case !utf8.Valid(body):
		return nil, bad("it is not UTF-8")
	}
	v, err := jsonschema.Decode(body)
	if err != nil {
		return nil, bad("it is not JSON: " + jsonProblem(err))
	}
	if v, err = plainNumbers(v); err != nil {
		return nil, bad(err.Error())
	}
	return v, violations(op.body.Validate(v))
}

// jsonProblem tells what is wrong with JSON, without repeating it.
func jsonProblem(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it ends too early"
	case errors.As(err, &syntax):
		return fmt.Sprintf("a mistake at byte %d", syntax.Offset)
	}
	return "it cannot be read as one value"
}

// plainNumbers writes every whole number without point and exponent (1.0 and 1e2 are integers to JSON Schema, and not
// to Go), and refuses numbers that nothing here could need.
func plainNumbers(v any) (any, error) {
	var err error
	switch t := v.(type) {
	case map[string]any:
		for k := range t {
			if t[k], err = plainNumbers(t[k]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range t {
			if t[i], err = plainNumbers(t[i]); err != nil {
				return nil, err
			}
		}
	case json.Number:
		s := t.String()
		if len(s) > 40 {
			return nil, errors.New("it holds a number with too many digits")
		}
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			return t, nil
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f > 1e18 || f < -1e18 || f != 0 && f > -1e-18 && f < 1e-18 || f == 0 && strings.ContainsAny(s, "123456789") {
			return nil, errors.New("it holds a number out of range")
		}
		if f == float64(int64(f)) {
			return json.Number(strconv.FormatInt(int64(f), 10)), nil
		}
	}
	return v, nil
}
