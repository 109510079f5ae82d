package contract

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// maxViolations bounds what an answer lists.
const maxViolations = 10

// violations makes a list for people and programs of what a schema's validation says. Values are never repeated; of
// names that the caller made up there is a short, quoted form.
func violations(err error) []FieldError {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return nil
	}
	var out []FieldError
	collect(v, &out)
	slices.SortFunc(out, func(a, b FieldError) int { return strings.Compare(a.At+"\x00"+a.Detail, b.At+"\x00"+b.Detail) })
	out = slices.Compact(out)
	return out[:min(len(out), maxViolations)]
}

// collect walks to the leaves, which say what is wrong.
func collect(v *jsonschema.ValidationError, out *[]FieldError) {
	if _, names := v.ErrorKind.(*kind.PropertyNames); len(v.Causes) > 0 && !names {
		for _, c := range v.Causes {
			collect(c, out)
		}
		return
	}
	at := ""
	for _, key := range v.InstanceLocation {
		at += "/" + escape(brief(key))
	}
	*out = append(*out, FieldError{In: FieldErrorInBody, At: at, Detail: explain(v.ErrorKind)})
}

// explain says in a few words what a keyword asks for.
func explain(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "it must be of the type " + strings.Join(k.Want, " or ")
	case *kind.AdditionalProperties:
		names := make([]string, min(len(k.Properties), 3))
		for i := range names {
			names[i] = strconv.Quote(brief(k.Properties[i]))
		}
		return "there is no field " + strings.Join(names, ", ")
	case *kind.Required:
		return "it lacks " + strings.Join(k.Missing, ", ")
	case *kind.Enum:
		return "it must be one of " + strings.Trim(fmt.Sprint(k.Want), "[]")
	case *kind.Pattern:
		return "it has a form, or a character, that is not allowed here"
	case *kind.Format:
		return "it must be a " + k.Want
	case *kind.MinLength:
		return fmt.Sprintf("it must have %d characters at least", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("it must have %d characters at most", k.Want)
	case *kind.Minimum:
		return "it must be " + k.Want.RatString() + " at least"
	case *kind.Maximum:
		return "it must be " + k.Want.RatString() + " at most"
	case *kind.MaxItems:
		return fmt.Sprintf("it must have %d elements at most", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("it must have %d fields at most", k.Want)
	case *kind.PropertyNames:
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
