package configfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"cofre/pkg/fault"
	"cofre/pkg/jsonschema"
	"cofre/pkg/source"
)

// Parse reads the file's content, and no other file; name is for messages. Its error is as that of [Read].
func Parse(name string, data []byte) (File, error) {
	f, all := parse(name, data)
	return f, all.Err()
}

// parse returns what fits, and what does not.
func parse(name string, data []byte) (f File, all *Problems) {
	all = &Problems{File: name}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return f, all // an empty file says nothing
	} else if err != nil {
		all.unreadable(err)
		return f, all
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		all.add(0, nil, "Keep one, and move what the others say into it.", "it holds more than one document")
		return f, all
	}
	asText(&doc, map[*yaml.Node]bool{})
	var plain any
	if err := doc.Decode(&plain); err != nil {
		all.unreadable(err)
		return f, all
	}
	schema, err := compiled()
	if err != nil {
		all.Put(0, "", fault.From(fmt.Errorf("compile the schema of cofre.yaml: %w", err)))
		return f, all
	}
	if plain == nil {
		return f, all
	}
	violations := schema.Validate(plain)
	explain(all, &doc, violations)
	keys, ok := plain.(map[string]any)
	if !ok {
		return f, all
	}
	r := reading{doc: &doc, all: all}
	r.misfits(keys, violations)
	data, err = json.Marshal(keys) // whose names of keys are those of all doors
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		all.Put(0, "", fault.From(fmt.Errorf("read cofre.yaml: %w", err)))
		return File{}, all
	}
	r.check(&f)
	return f, all
}

// reading is a file that is being read: what its items say is looked at where they fit the schema.
type reading struct {
	doc   *yaml.Node
	all   *Problems
	unfit map[string]bool // items by list and number, such as sources.3
}

// misfits takes out what does not fit the schema, but for the names of items: another item of that name is one too many all the same.
func (r *reading) misfits(keys map[string]any, violations []jsonschema.Violation) {
	r.unfit = map[string]bool{}
	for _, v := range violations {
		switch list, _ := keys[first(v.Place)].([]any); {
		case len(v.Place) == 0: // an unknown key
		case list == nil || len(v.Place) == 1:
			delete(keys, v.Place[0])
		default:
			i, _ := strconv.Atoi(v.Place[1])
			r.unfit[v.Place[0]+"."+v.Place[1]] = true
			said, _ := list[i].(map[string]any)
			name, _ := said["name"].(string)
			list[i] = map[string]any{"name": name}
		}
	}
}

// linesOf notes where the keys of a mapping stand. What is merged into it stands elsewhere.
func linesOf(n *yaml.Node, under string, lines map[string]int) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := under + n.Content[i].Value
		lines[key] = n.Content[i].Line
		if under == "" { // no settings are nested deeper
			linesOf(n.Content[i+1], key+".", lines)
		}
	}
}

func first(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[0]
}

// check looks at what a schema cannot say, and leaves what fits in f.
func (r *reading) check(f *File) {
	targets := names{}
	f.Sources = items(r, "source", f.Sources, names{}, func(s *source.Settings, path []string, at source.Origin) string {
		s.Origin, s.Lines = at, map[string]int{}
		linesOf(nodeAt(r.doc, path), "", s.Lines)
		return s.Name
	}, func(s source.Settings, path []string) {
		for _, err := range s.Faults() {
			r.misfit(path, err)
		}
	})
	if f.Retention != nil {
		f.RetentionLines = map[string]int{}
		linesOf(nodeAt(r.doc, []string{"retention"}), "", f.RetentionLines)
	}
	for _, err := range f.Retention.Faults() {
		r.misfit([]string{"retention"}, err)
	}
	f.Targets = items(r, "target", f.Targets, targets, func(t *Target, path []string, at source.Origin) string {
		t.Line = at.Line
		return t.Name
	}, func(Target, []string) {})
	f.Places = items(r, "place", f.Places, names{}, func(p *Place, path []string, at source.Origin) string {
		p.Origin = at
		return p.Name
	}, func(p Place, path []string) {
		if what := p.Check(); what != "" {
			r.all.add(p.Origin.Line, path, hintOf(path), "location %q: %s", p.Name, what)
		}
	})
	f.Channels = items(r, "channel", f.Channels, names{}, func(c *Channel, path []string, at source.Origin) string {
		c.Origin = at
		return c.Name
	}, func(c Channel, path []string) {
		for _, what := range c.Check(c.Where != Connection{}, c.Key != Connection{}) {
			r.all.add(c.Origin.Line, path, hintOf(path), "channel %q: %s", c.Name, what)
		}
	})
	for _, s := range f.Sources {
		if len(s.Restore) == 0 {
			continue
		}
		line := s.Origin.Line
		if before := targets.add(s.Name, line); before > 0 {
			r.all.add(line, nil, "Give one of them another name.", "the source %q allows restores, and a target of its name stands in line %d", s.Name, before)
			continue
		}
		f.Targets = append(f.Targets, Target{Name: s.Name, Connection: s.Connection, Allow: s.Restore, Line: line})
	}
}

// items looks at each item of a list, what of names them: notes where it stands and its name, which must be its alone, looks at what it says, and returns
// those that fit.
func items[T any](r *reading, what string, list []T, taken names, named func(*T, []string, source.Origin) string, check func(T, []string)) []T {
	fit := list[:0]
	for i := range list {
		path := []string{what + "s", strconv.Itoa(i)}
		line, before := lineOf(r.doc, path), r.all.Count
		name := named(&list[i], path, source.Origin{Kind: source.FromFile, File: r.all.File, Line: line})
		if stands := taken.add(name, line); stands > 0 && name != "" {
			r.all.add(line, append(path, "name"), "Give one of them another name.", "the %s %q stands in line %d already", what, name, stands)
		}
		if r.unfit[strings.Join(path, ".")] {
			continue
		}
		if check(list[i], path); r.all.Count == before {
			fit = append(fit, list[i])
		}
	}
	return slices.Clip(fit)
}

// misfit notes what settings refuse of what a path leads to, with the line of the key that their words begin with.
func (r *reading) misfit(path []string, err error) {
	why := fault.From(err)
	key, _, named := strings.Cut(why.Message, ":")
	if at := append(slices.Clone(path), strings.Split(key, ".")...); named && !strings.Contains(key, " ") {
		path = at
	}
	r.all.Put(lineOf(r.doc, path), strings.Join(path, "."), fault.New(fault.Validation, fault.InvalidInput, hintOf(path), "%s", why.Message))
}

// readChecks reads the checks of all sources.
func (f File) readChecks(name string, all *Problems) {
	for i := range f.Sources {
		s := &f.Sources[i]
		if s.Checks == "" {
			continue
		}
		path := s.Checks
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(name), path)
		}
		var err error
		if s.Asked, err = ReadChecks(path); err != nil {
			why := *fault.From(err)
			why.Message = fmt.Sprintf("the checks of the source %q: %s", s.Name, why.Message)
			all.Put(s.Origin.Line, "", &why)
		}
	}
}

// asText makes texts of what YAML takes for something that JSON does not have: dates, numbers that are none, and keys that are no texts.
func asText(n *yaml.Node, seen map[*yaml.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	text := func(n *yaml.Node, tags ...string) {
		if n.Kind == yaml.ScalarNode && slices.Contains(tags, n.ShortTag()) {
			n.Tag = "!!str"
		}
	}
	text(n, "!!timestamp")
	if strings.HasSuffix(strings.ToLower(n.Value), ".nan") || strings.HasSuffix(strings.ToLower(n.Value), ".inf") {
		text(n, "!!float")
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			text(c, "!!int", "!!float", "!!bool", "!!null", "!!timestamp")
		}
		asText(c, seen)
	}
	if n.Alias != nil {
		asText(n.Alias, seen)
	}
}

// names are where names stand, which must differ by more than case.
type names map[string]int

// add notes a name, and returns the line in which it stands already, or 0.
func (n names) add(name string, line int) int {
	folded := strings.ToLower(name)
	before := n[folded]
	n[folded] = line
	return before
}

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.Decode(Schema)
	if err != nil {
		return nil, err
	}
	return jsonschema.NewCompiler(doc).Compile("")
})

// lineOf finds the line of what a path leads to, or of the last thing on its way that is there.
func lineOf(doc *yaml.Node, path []string) int { return nodeAt(doc, path).Line }

// nodeAt finds what a path leads to, or the last thing on its way that is there.
func nodeAt(n *yaml.Node, path []string) *yaml.Node {
	for n.Kind == yaml.DocumentNode || n.Kind == yaml.AliasNode {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
			continue
		}
		n = n.Content[0]
	}
	if len(path) == 0 {
		return n
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == path[0] {
				return nodeAt(n.Content[i+1], path[1:])
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(n.Content) {
			return nodeAt(n.Content[i], path[1:])
		}
	}
	return n
}
