package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cofre/pkg/jsonschema"
)

// maxViolations bounds what an answer lists.
const maxViolations = 10

// violations makes a list for people and programs of what a schema's validation says. Values are never repeated; of
// names that the caller made up there is a short, quoted form.
func violations(all []jsonschema.Violation) []FieldError {
	var out []FieldError
	for _, v := range all {
		at := ""
		for _, key := range v.Place {
			at += "/" + jsonschema.Escape(brief(key))
		}
		out = append(out, FieldError{In: FieldErrorInBody, At: at, Detail: explain(v)})
	}
	slices.SortFunc(out, func(a, b FieldError) int { return strings.Compare(a.At+"\x00"+a.Detail, b.At+"\x00"+b.Detail) })
	out = slices.CompactFunc(out, func(a, b FieldError) bool { return a.At == b.At && a.Detail == b.Detail })
	return out[:min(len(out), maxViolations)]
}

// bounds say what the keywords with a limit ask for.
var bounds = map[string]string{
	"minLength": "have %s characters at least", "maxLength": "have %s characters at most", "minimum": "be %s at least", "maximum": "be %s at most",
	"maxItems": "have %s elements at most", "maxProperties": "have %s fields at most",
}

// explain says in a few words what a keyword asks for.
func explain(v jsonschema.Violation) string {
	switch v.Keyword {
	case "type":
		return "it must be of the type " + strings.Join(v.Names, " or ")
	case "additionalProperties":
		names := make([]string, min(len(v.Names), 3))
		for i := range names {
			names[i] = strconv.Quote(brief(v.Names[i]))
		}
		return "there is no field " + strings.Join(names, ", ")
	case "required":
		return "it lacks " + strings.Join(v.Names, ", ")
	case "enum":
		values := make([]string, len(v.Values))
		for i, value := range v.Values {
			values[i] = fmt.Sprint(value)
		}
		return "it must be one of " + strings.Join(values, ", ")
	case "pattern":
		return "it has a form, or a character, that is not allowed here"
	case "format":
		return "it must be a " + v.Text
	case "minLength", "maxLength", "minimum", "maximum", "maxItems", "maxProperties":
		return fmt.Sprintf("it must "+bounds[v.Keyword], v.Limit.RatString())
	case "propertyNames":
		return "a field's name has a form, or a character, that is not allowed here"
	}
	return "it does not fit the contract"
}

// brief shortens a name that the caller made up to printable ASCII of 40 bytes at most.
func brief(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r < ' ', r == 0x7f, r > '~' && r != '…', strings.ContainsRune(`<>&"'\`, r):
			return '?'
		}
		return r
	}, s)
}
