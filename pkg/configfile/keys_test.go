package configfile

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"cofre/pkg/source"
)

// node is what these tests read of a schema.
type node struct {
	Description string           `json:"description"`
	Type        any              `json:"type"`
	Enum        []any            `json:"enum"`
	Pattern     string           `json:"pattern"`
	MaxLength   int              `json:"maxLength"`
	MaxItems    int              `json:"maxItems"`
	Minimum     *float64         `json:"minimum"`
	Maximum     *float64         `json:"maximum"`
	Properties  map[string]*node `json:"properties"`
	Items       *node            `json:"items"`
}

func (n *node) is(kind string) bool {
	switch t := n.Type.(type) {
	case string:
		return t == kind || t == "integer" && kind == "number"
	case []any:
		return slices.Contains(t, any(kind))
	}
	return n.Enum != nil && kind == "string"
}

// keysOfSchema calls do with each key, by its path without the numbers of items, such as sources.retention.days.
func keysOfSchema(t *testing.T, do func(path string, n *node)) {
	t.Helper()
	var schema node
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, n *node)
	walk = func(path string, n *node) {
		if n.Items != nil {
			walk(path, n.Items)
		}
		for key, p := range n.Properties {
			at := strings.TrimPrefix(path+"."+key, ".")
			do(at, p)
			walk(at, p)
		}
	}
	walk("", &schema)
}

// The example has each key of the schema, and fits; and what settings of its kinds say is listed under the keys of the file, each with its line.
func TestEveryKeyIsShown(t *testing.T) {
	f, err := Read("testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	note := func(list string, settings any) {
		shown[list] = true
		for _, v := range source.Flat(settings) {
			for key := list + "." + v.Key; key != ""; key = key[:max(0, strings.LastIndex(key, "."))] {
				shown[key] = true
			}
		}
	}
	for _, s := range f.Sources {
		note("sources", s)
		for _, v := range (source.List{}).Values(s) {
			if v.From.Kind != source.ByFile || v.From.Line < s.Origin.Line || v.Key == "retention.days" && v.From.Line != s.Origin.Line+14 {
				t.Errorf("%s of %s is from %+v", v.Key, s.Name, v.From)
			}
		}
	}
	for _, x := range f.Targets {
		note("targets", x)
	}
	for _, x := range f.Places {
		note("places", x)
	}
	for _, x := range f.Channels {
		note("channels", x)
	}
	note("retention", f.Retention)
	keysOfSchema(t, func(path string, _ *node) {
		if !shown[path] {
			t.Errorf("%s is not shown", path)
		}
	})
}

// Each key is refused where it has a value of a wrong type, or one that may not be, under its name and with its line.
func TestEveryKeyIsChecked(t *testing.T) {
	text, err := os.ReadFile("testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	keysOfSchema(t, func(path string, n *node) {
		if path == "sources.tags" { // whose keys are anybody's
			return
		}
		for _, wrong := range wrongOf(n) {
			var doc yaml.Node
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			root := doc.Content[0]
			for i := 0; i < len(root.Content); { // no other list need be read again
				if root.Content[i].Value == strings.Split(path, ".")[0] {
					i += 2
				} else {
					root.Content = slices.Delete(root.Content, i, i+2)
				}
			}
			at, where := firstOf(doc.Content[0], strings.Split(path, "."), nil)
			if at == nil {
				t.Errorf("%s is not in the example", path)
				return
			}
			*at = yaml.Node{}
			if err := yaml.Unmarshal([]byte(wrong), at); err != nil {
				t.Fatal(err)
			}
			*at = *at.Content[0]
			changed, err := yaml.Marshal(&doc)
			if err != nil {
				t.Fatal(err)
			}
			tried++
			var all *Problems
			if _, err := Parse("cofre.yaml", changed); !errors.As(err, &all) || !slices.ContainsFunc(all.List, func(p Problem) bool { return p.Line > 0 && strings.HasPrefix(p.Key+".", where+".") && p.Hint != "" }) {
				t.Errorf("%s may be %.60s: %v", where, wrong, err)
			}
		}
	})
	if tried < 200 {
		t.Errorf("only %d wrong values were tried", tried)
	}
}

// wrongOf are values that a key may not have, as YAML.
func wrongOf(n *node) (all []string) {
	for kind, value := range map[string]string{"string": "a text that nothing takes", "number": "7.5", "boolean": "true", "array": "[{a: 1}]", "object": "{nobody: 1}"} {
		if !n.is(kind) || kind == "string" && (n.Enum != nil || n.Pattern != "" && n.Pattern[0] == '^' && !strings.HasPrefix(n.Pattern, "^([^:]") && !strings.HasPrefix(n.Pattern, `^[^\x00`)) || kind == "number" && n.Type == "integer" || kind == "array" || kind == "object" && n.Properties != nil {
			all = append(all, value)
		}
	}
	all = append(all, "null")
	if n.MaxLength > 0 {
		all = append(all, strings.Repeat("x", n.MaxLength+1))
	}
	if n.Minimum != nil {
		all = append(all, strconv.FormatFloat(*n.Minimum-1, 'f', -1, 64))
	}
	if n.Maximum != nil {
		all = append(all, strconv.FormatFloat(*n.Maximum+1, 'f', -1, 64))
	}
	if n.MaxItems > 0 {
		all = append(all, "["+strings.Repeat("x, ", n.MaxItems+1)+"]")
	}
	return all
}

// firstOf finds the first value of a key in the example, and its path with the numbers of items.
func firstOf(n *yaml.Node, path, at []string) (*yaml.Node, string) {
	if n.Kind == yaml.SequenceNode {
		for i, item := range n.Content {
			if found, where := firstOf(item, path, append(slices.Clone(at), strconv.Itoa(i))); found != nil {
				return found, where
			}
		}
		return nil, ""
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != path[0] {
			continue
		}
		here := append(slices.Clone(at), path[0])
		if len(path) == 1 {
			return n.Content[i+1], strings.Join(here, ".")
		}
		return firstOf(n.Content[i+1], path[1:], here)
	}
	return nil, ""
}
