// Package configfile reads cofre.yaml, which BACKUP_CONFIG names: what cofre looks after, for those who keep that in a file.
//
//	sources:
//	  - name: shop
//	    connection:
//	      env: SHOP_URL             # or file: /run/secrets/shop-url
//	    maxAge: 26h
//	targets:
//	  - name: staging
//	    connection:
//	      file: /run/secrets/staging-url
//	    allow: [new]
//	channels:
//	  - name: team
//	    kind: slack
//	    where:
//	      env: SLACK_URL
//
// The file is held against a JSON schema ([Schema]), which editors can use too. It never holds a connection URL itself, so
// that it can lie in git.
package configfile

import (
	"bytes"
	"context"
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"cofre/pkg/fault"
	"cofre/pkg/jsonschema"
	"cofre/pkg/namedfile"
	"cofre/pkg/source"
)

// Schema is the JSON schema of the file (draft 2020-12).
//
//go:embed cofre.schema.json
var Schema []byte

// File is what the file says.
type File struct {
	Sources []Source `json:"sources"`
	// Retention is what is kept of all sources for which nothing else is said; nil where the file says nothing of it.
	Retention *Retention `json:"retention"`
	Targets   []Target   `json:"targets"`
	// Places are second places, where copies go.
	Places []Place `json:"places"`
	// Channels are how people are told of what happens.
	Channels []Channel `json:"channels"`
}

// Source is what the file says of one thing that is backed up.
type Source struct {
	source.Settings
	// Checks is the path of a file of checks, which [Read] reads: relative to the folder of this file. Asked is what stands in it.
	Checks    string     `json:"checks"`
	Asked     []Check    `json:"-"`
	Timeout   string     `json:"proofTimeout"` // of each of its proofs: 90m, 6h; "" is the environment's
	Retention *Retention `json:"retention"`
	// ObjectLock is nil where the file says nothing of it.
	ObjectLock *ObjectLock `json:"objectLock"`
	Ping       *Ping       `json:"ping"` // nil: nobody is
}

// ObjectLock says for how long new backups are locked by the storage, and how.
type ObjectLock struct {
	Mode string `json:"mode"` // none, governance, or COMPLIANCE
	Days int    `json:"days"`
}

// ProofTimeout is how long a proof of it may take; 0 where the file does not say.
func (s Source) ProofTimeout() time.Duration {
	d, _ := time.ParseDuration(s.Timeout) // what is none the schema has refused
	return d
}

// Connection says where a secret text is to be had.
type Connection = source.Connection

// hours reads 26h, or 7d; 0 for nothing.
func hours(age string) int {
	return int(source.Settings{MaxAge: age}.Age() / time.Hour)
}

// URL returns the connection URL that a reference of a source or a target leads to; of names whose it is, in errors. It is never empty: that
// would be whatever the environment leads to. secret reads the one that the secret with an ARN holds. Errors name the variable, the file or the
// secret, never what is in it.
func URL(ctx context.Context, c Connection, of string, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	return read(ctx, c, of, "connection", "postgresql://user@host:5432/shop", getenv, secret)
}

// read returns what a reference leads to, which is what of names has as its what.
func read(ctx context.Context, c Connection, of, what, example string, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	if name := c.Env; name != "" {
		if v := strings.TrimSpace(getenv(name)); v != "" {
			return v, nil
		}
		return "", fault.New(fault.Validation, fault.InvalidInput, "For example: export "+name+"="+example,
			"%s has its %s in the variable %s, which is not set", of, what, name)
	}
	if c.Secret != "" {
		text, err := secret(ctx, c.Secret)
		if err != nil {
			return "", fmt.Errorf("%s: %w", of, err)
		}
		return text, nil
	}
	hint := "Let it hold the " + what + ", such as " + example + ", readable by this user."
	data, err := namedfile.Read(c.File, MaxSize)
	if err != nil {
		return "", fault.Wrap(err, fault.Validation, fault.InvalidInput, hint, "the %s of %s cannot be read", what, of)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fault.New(fault.Validation, fault.InvalidInput, hint, "%s has its %s in the file %.200q, which is empty", of, what, c.File)
	}
	return text, nil
}

// MaxSize bounds the file, and each file that it names, in bytes.
const MaxSize = 1 << 20

// Read reads the file, and the files of checks that it names. Whatever is wrong with them is a ValidationError that says where.
func Read(name string) (File, error) {
	data, err := namedfile.Read(name, MaxSize)
	if err != nil {
		return File{}, fault.Wrap(err, fault.Validation, fault.InvalidInput, "BACKUP_CONFIG names the file cofre.yaml.", "the configuration cannot be read")
	}
	f, err := Parse(name, data)
	if err != nil {
		return f, err
	}
	return f, f.readChecks(name)
}

// readChecks reads the checks of all sources.
func (f File) readChecks(name string) (err error) {
	for i := range f.Sources {
		s := &f.Sources[i]
		if s.Checks == "" {
			continue
		}
		path := s.Checks
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(name), path)
		}
		if s.Asked, err = ReadChecks(path); err != nil {
			return fmt.Errorf("%s, line %d: the checks of the source %q: %w", name, s.Origin.Line, s.Name, err)
		}
	}
	return nil
}

// Parse reads the file's content, and no other file; name is for messages.
func Parse(name string, data []byte) (File, error) {
	var f File
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return f, nil // an empty file says nothing
	} else if err != nil {
		return f, wrong(name, 0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return f, wrong(name, 0, "it holds more than one document")
	}
	var plain any
	if err := doc.Decode(&plain); err != nil {
		return f, wrong(name, 0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if plain == nil {
		return f, nil
	}
	if err := check(name, &doc, plain); err != nil {
		return f, err
	}
	if err := fill(&f, plain); err != nil {
		return f, wrong(name, 0, "%s", err)
	}
	sources, targets := names{}, names{}
	for i := range f.Sources {
		s := &f.Sources[i]
		place := []string{"sources", strconv.Itoa(i)}
		s.Origin = source.Origin{Kind: source.FromFile, File: name, Line: lineOf(&doc, place)}
		if err := s.Check(); err != nil {
			return f, misfit(name, &doc, place, err)
		}
		if err := sources.take(name, "source", s.Name, s.Origin.Line); err != nil {
			return f, err
		}
		if l := s.ObjectLock; l != nil && (l.Mode == "none") != (l.Days == 0) {
			return f, wrong(name, lineOf(&doc, []string{"sources", strconv.Itoa(i), "objectLock"}), "sources.%d.objectLock: want a number of days with a mode, and none without", i)
		}
		if err := s.Retention.check(name, lineOf(&doc, []string{"sources", strconv.Itoa(i), "retention", "zone"})); err != nil {
			return f, err
		}
	}
	if err := f.Retention.check(name, lineOf(&doc, []string{"retention", "zone"})); err != nil {
		return f, err
	}
	for i := range f.Targets {
		t := &f.Targets[i]
		t.Line = lineOf(&doc, []string{"targets", strconv.Itoa(i)})
		if err := targets.take(name, "target", t.Name, t.Line); err != nil {
			return f, err
		}
	}
	for _, s := range f.Sources {
		if s.Ping != nil && !s.Ping.whole() {
			return f, wrong(name, s.Origin.Line, "source %q: ping wants exactly one of the keys env, file, secret", s.Name)
		}
	}
	places := names{}
	for i := range f.Places {
		p := &f.Places[i]
		p.Line = lineOf(&doc, []string{"places", strconv.Itoa(i)})
		if err := places.take(name, "place", p.Name, p.Line); err != nil {
			return f, err
		}
		if what := p.check(); what != "" {
			return f, wrong(name, p.Line, "place %q: %s", p.Name, what)
		}
	}
	channels := names{}
	for i := range f.Channels {
		c := &f.Channels[i]
		c.Line = lineOf(&doc, []string{"channels", strconv.Itoa(i)})
		if err := channels.take(name, "channel", c.Name, c.Line); err != nil {
			return f, err
		}
		if what := c.check(); what != "" {
			return f, wrong(name, c.Line, "channel %q: %s", c.Name, what)
		}
	}
	for _, s := range f.Sources {
		if len(s.Restore) == 0 {
			continue
		}
		line := s.Origin.Line
		if before := targets.add(s.Name, line); before > 0 {
			return f, wrong(name, line, "the source %q allows restores, and a target of its name stands in line %d", s.Name, before)
		}
		f.Targets = append(f.Targets, Target{Name: s.Name, Connection: s.Connection, Allow: s.Restore, Line: line})
	}
	return f, nil
}

// names are where names stand, which must differ by more than case.
type names map[string]int

// take notes a name, and refuses one that stands there already; file and what it is of are for the message.
func (n names) take(file, what, name string, line int) error {
	if before := n.add(name, line); before > 0 {
		return wrong(file, line, "the %s %q stands in line %d already", what, name, before)
	}
	return nil
}

// add notes a name, and returns the line in which it stands already, or 0.
func (n names) add(name string, line int) int {
	folded := strings.ToLower(name)
	before := n[folded]
	n[folded] = line
	return before
}

// fill puts what was checked into f. It goes through JSON, whose names of keys are those of all doors.
func fill(f *File, plain any) error {
	data, err := json.Marshal(plain)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, f)
}

// misfit says what Settings.Check refused of the source at a place, with the line of the key that it names.
func misfit(name string, doc *yaml.Node, place []string, err error) error {
	text := fault.From(err).Message
	key, _, _ := strings.Cut(text, ":")
	line := lineOf(doc, place)
	if path := append(slices.Clone(place), strings.Split(key, ".")...); !strings.ContainsAny(key, " ") && nodeAt(doc, path) != nodeAt(doc, place) {
		line = lineOf(doc, path)
	}
	return wrong(name, line, "%s", text)
}

func wrong(name string, line int, format string, args ...any) error {
	where := name
	if line > 0 {
		where += fmt.Sprintf(", line %d", line)
	}
	return fault.New(fault.Validation, fault.InvalidInput, "See docs/operating.md for what may stand there.", "%s: "+format, append([]any{where}, args...)...)
}

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.Decode(Schema)
	if err != nil {
		return nil, err
	}
	return jsonschema.NewCompiler(doc).Compile("")
})

// check holds the content against the schema and says where it does not fit.
func check(name string, doc *yaml.Node, plain any) error {
	schema, err := compiled()
	if err != nil {
		return fmt.Errorf("compile the schema of cofre.yaml: %w", err)
	}
	if all := schema.Validate(plain); len(all) > 0 {
		return explain(name, doc, gravest(doc, all))
	}
	return nil
}

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
