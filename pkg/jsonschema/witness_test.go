package jsonschema_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	witness "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"cofre/pkg/api/contract"
	"cofre/pkg/configfile"
	"cofre/pkg/jsonschema"
)

// pair is one schema, compiled by both.
type pair struct {
	name    string
	doc     any
	def     map[string]any
	ours    *jsonschema.Schema
	witness *witness.Schema
}

// pairs are all schemas of both documents, those within others too.
func pairs(t testing.TB) []pair {
	t.Helper()
	var all []pair
	for name, data := range map[string][]byte{"openapi": contract.Document(), "cofre": configfile.Schema} {
		doc, err := jsonschema.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		ours := jsonschema.NewCompiler(doc)
		theirs := witness.NewCompiler()
		theirs.DefaultDraft(witness.Draft2020)
		theirs.AssertFormat()
		if err := theirs.AddResource("x:"+name, doc); err != nil {
			t.Fatal(err)
		}
		var places []string
		if name == "cofre" {
			places = schemasWithin(doc, "")
		} else {
			places = schemasOf(doc, "")
		}
		for _, at := range places {
			p := pair{name: name + "#" + at, doc: doc, def: object(lookUp(doc, at))}
			if p.ours, err = ours.Compile(at); err != nil {
				t.Fatal(err)
			}
			if p.witness, err = theirs.Compile("x:" + name + "#" + (&url.URL{Path: at}).EscapedPath()); err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	if len(all) < 300 {
		t.Fatalf("only %d schemas were found", len(all))
	}
	return all
}

// schemasOf lists the places of an OpenAPI document's schemas.
func schemasOf(v any, at string) (places []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, sub := range v {
			here := at + "/" + jsonschema.Escape(name)
			switch {
			case name == "schema":
				places = append(places, schemasWithin(sub, here)...)
			case at == "/components/schemas":
				places = append(places, schemasWithin(sub, here)...)
			case name != "example" && name != "examples":
				places = append(places, schemasOf(sub, here)...)
			}
		}
	case []any:
		for i, sub := range v {
			places = append(places, schemasOf(sub, fmt.Sprint(at, "/", i))...)
		}
	}
	return places
}

// schemasWithin lists a schema's place, and those of the schemas within it.
func schemasWithin(v any, at string) []string {
	places := []string{at}
	def := object(v)
	for name, sub := range object(def["properties"]) {
		places = append(places, schemasWithin(sub, at+"/properties/"+jsonschema.Escape(name))...)
	}
	for _, keyword := range []string{"items", "additionalProperties", "propertyNames"} {
		if sub := object(def[keyword]); sub != nil {
			places = append(places, schemasWithin(sub, at+"/"+keyword)...)
		}
	}
	return places
}

func lookUp(v any, pointer string) any {
	for _, key := range strings.Split(pointer, "/")[1:] {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		if list, ok := v.([]any); ok {
			var i int
			fmt.Sscan(key, &i)
			v = list[i]
		} else {
			v = object(v)[key]
		}
	}
	return v
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

// saidByWitness is what the witness finds, as we say it, sorted.
func saidByWitness(s *witness.Schema, v any) []string {
	var invalid *witness.ValidationError
	if !errors.As(s.Validate(v), &invalid) {
		return nil
	}
	var out []string
	var walk func(e *witness.ValidationError)
	walk = func(e *witness.ValidationError) {
		said := jsonschema.Violation{Place: e.InstanceLocation, Keyword: strings.Join(e.ErrorKind.KeywordPath(), "/")}
		switch k := e.ErrorKind.(type) {
		case *kind.PropertyNames:
			said.Names, said.Place = []string{k.Property}, nil // its place changes while the witness goes on
			out = append(out, said.String())
			return
		case *kind.Type:
			said.Names = k.Want
			slices.Sort(said.Names)
		case *kind.Required:
			said.Names = k.Missing
		case *kind.AdditionalProperties:
			slices.Sort(k.Properties)
			said.Names = k.Properties
		case *kind.Enum:
			said.Values = k.Want
		case *kind.Format:
			said.Text = k.Want
		case *kind.Pattern:
			said.Text = k.Want
		case *kind.Minimum:
			said.Limit = k.Want
		case *kind.Maximum:
			said.Limit = k.Want
		case *kind.MinLength:
			said.Limit = jsonschema.Count(k.Want)
		case *kind.MaxLength:
			said.Limit = jsonschema.Count(k.Want)
		case *kind.MaxItems:
			said.Limit = jsonschema.Count(k.Want)
		case *kind.MinProperties:
			said.Limit = jsonschema.Count(k.Want)
		case *kind.MaxProperties:
			said.Limit = jsonschema.Count(k.Want)
		}
		if len(e.Causes) == 0 {
			out = append(out, said.String())
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	slices.Sort(out)
	return out
}

// lax is what the witness takes for numbers in a time: they may have a sign of their own.
var lax = regexp.MustCompile(`\d[-+:Tt][-+]\d`)

// agree holds a value against both, and fails where they say different things.
func (p pair) agree(t testing.TB, v any) (valid bool) {
	t.Helper()
	found := p.ours.Validate(v)
	var ours []string
	for _, x := range found {
		switch x.Keyword {
		case "type":
			x.Names = slices.Sorted(slices.Values(x.Names))
		case "propertyNames":
			x.Place = nil
		}
		ours = append(ours, x.String())
	}
	slices.Sort(ours)
	if lax.MatchString(fmt.Sprint(v)) {
		return len(found) == 0
	}
	if theirs := saidByWitness(p.witness, v); !slices.Equal(ours, theirs) {
		t.Fatalf("%s: %.2000q\nwe say %q\nthe witness says %q", p.name, fmt.Sprint(v), ours, theirs)
	}
	return len(found) == 0
}

// Both agree on values that were made to fit each schema, and on the same with something broken in them.
func TestAgreesWithWitness(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const each = 8
	var fit, broken int
	for _, p := range pairs(t) {
		m := maker{r, p.doc}
		var valid, invalid int
		for n := 0; n < each || n < 20*each && (valid == 0 || invalid == 0 && len(p.def) > 0); n++ {
			v := m.fitting(p.def)
			for range 4 {
				if p.agree(t, v) {
					valid++
				} else {
					invalid++
				}
				v = m.broken(v)
			}
		}
		if valid == 0 || invalid == 0 && len(p.def) > 0 {
			t.Errorf("%s: %d valid values were tried, and %d others", p.name, valid, invalid)
		}
		fit, broken = fit+valid, broken+invalid
	}
	t.Logf("%d valid values, %d others", fit, broken)
}

// FuzzAgreesWithWitness: both agree on any JSON.
func FuzzAgreesWithWitness(f *testing.F) {
	all := pairs(f)
	r := rand.New(rand.NewPCG(3, 4))
	for i, p := range all {
		if i%10 == 0 {
			f.Add(uint16(i), encode(maker{r, p.doc}.fitting(p.def)))
		}
	}
	f.Fuzz(func(t *testing.T, n uint16, data []byte) {
		v, err := jsonschema.Decode(data)
		if err != nil {
			return
		}
		if _, err := witness.UnmarshalJSON(bytes.NewReader(data)); err != nil {
			t.Fatalf("%q is one value to us, and not to the witness: %v", data, err)
		}
		if p := all[int(n)%len(all)]; !beyondWitness(v) {
			p.agree(t, v)
		}
	})
}

// beyondWitness reports whether the witness is wrong about a value, or takes for ever: times with a sign within them (T+1:02:03Z), and
// numbers with more than a thousand digits or zeros.
func beyondWitness(v any) bool {
	switch v := v.(type) {
	case string:
		return len(v) > 19 && strings.ContainsAny(v[10:19], "+-") || len(v) > 4 && strings.ContainsAny(v[len(v)-5:], "+-")
	case []any:
		return slices.ContainsFunc(v, beyondWitness)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), beyondWitness)
	}
	return jsonschema.TypeOf(v) == ""
}
