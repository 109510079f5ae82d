package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Value is what holds of one key, in the words of cofre.yaml, and where that comes from.
type Value struct {
	Key   string `json:"key"` // retention.keepDaily
	Value any    `json:"value"`
	From  From   `json:"from"`
}

// From is where a value comes from.
type From struct {
	Kind     FromKind `json:"kind"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`     // from 1
	Variable string   `json:"variable,omitempty"` // of the environment
}

// FromKind is what a value comes from.
type FromKind string

// What values come from.
const (
	ByFile        FromKind = "file"
	ByBucket      FromKind = "bucket" // it is kept beside the backups
	ByEnvironment FromKind = "environment"
	BySettings    FromKind = "settings" // saved for all sources, in the web UI
	ByDefault     FromKind = "default"
)

// String names it for people.
func (f From) String() string {
	switch f.Kind {
	case ByFile:
		return fmt.Sprintf("%s, line %d", f.File, f.Line)
	case ByBucket:
		return "made here"
	case ByEnvironment:
		if f.Variable != "" {
			return f.Variable
		}
		return "environment"
	case BySettings:
		return "settings of all sources"
	}
	return "default"
}

// Text is the value in one line.
func (v Value) Text() string { return textOf(v.Value) }

func textOf(value any) string {
	switch x := value.(type) {
	case []any:
		texts := make([]string, len(x))
		for i := range x {
			texts[i] = textOf(x[i])
		}
		return strings.Join(texts, ", ")
	case map[string]any:
		var texts []string
		for k, v := range x {
			texts = append(texts, k+"="+textOf(v))
		}
		slices.Sort(texts)
		return strings.Join(texts, ", ")
	}
	return fmt.Sprint(value)
}

// Flat lists what settings of any kind say by their keys, in the order of their fields: what is in a mapping has the keys on its way in front. Tags, whose keys are
// anybody's, are one value. Secrets are not among the fields.
func Flat(settings any) []Value {
	data, err := json.Marshal(settings)
	if err != nil { // a mistake in a type of this program
		panic(err)
	}
	var out []Value
	flatten(&out, "", data)
	return out
}

func flatten(out *[]Value, key string, data json.RawMessage) {
	if key == "tags" || data[0] != '{' {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil {
			*out = append(*out, Value{Key: key, Value: v})
		}
		return
	}
	d := json.NewDecoder(bytes.NewReader(data))
	_, _ = d.Token() // {
	for d.More() {
		name, err := d.Token()
		var inner json.RawMessage
		if err != nil || d.Decode(&inner) != nil {
			return
		}
		flatten(out, strings.TrimPrefix(key+"."+name.(string), "."), inner)
	}
}

// Values are what the settings say, and where each value comes from. Their defaults are those of the list.
func (l List) Values(s Settings) []Value {
	values := Flat(s)
	for i := range values {
		values[i].From = l.From(s, values[i].Key)
	}
	return values
}

// From is where the value of a key comes from.
func (l List) From(s Settings, key string) From {
	outer, _, _ := strings.Cut(key, ".")
	if slices.Contains(s.Defaulted, key) || slices.Contains(s.Defaulted, outer) {
		return l.DefaultFrom(outer, key)
	}
	switch s.Origin.Kind {
	case FromFile:
		return From{Kind: ByFile, File: s.Origin.File, Line: s.line(key)}
	case FromBucket:
		return From{Kind: ByBucket}
	}
	if from, said := l.Said[key]; said {
		return from
	}
	return From{Kind: ByEnvironment}
}

// DefaultFrom is where the default of the first of these keys that is said anywhere comes from.
func (l List) DefaultFrom(keys ...string) From {
	for _, key := range keys {
		if from, said := l.Said[key]; said {
			return from
		}
	}
	return From{Kind: ByDefault}
}

// line is where a key stands: its own line, or that of what it stands in.
func (s Settings) line(key string) int {
	for ; key != ""; key = key[:max(0, strings.LastIndex(key, "."))] {
		if line := s.Lines[key]; line > 0 {
			return line
		}
	}
	return s.Origin.Line
}
