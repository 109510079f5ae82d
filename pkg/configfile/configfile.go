// Package configfile reads cofre.yaml, which BACKUP_CONFIG names: what cofre looks after, for those who keep that in a file.
//
//	sources:
//	  - name: shop
//	    connection:
//	      env: SHOP_URL             # or file: /run/secrets/shop-url
//	    maxAge: 26h
//
// The file is held against a JSON schema ([Schema]), which editors can use too. It never holds a connection URL itself, so
// that it can lie in git.
package configfile

import (
	"bytes"
	_ "embed" // the schema
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"cofre/pkg/fault"
	"cofre/pkg/source"
)

// Schema is the JSON schema of the file (draft 2020-12).
//
//go:embed cofre.schema.json
var Schema []byte

// File is what the file says.
type File struct {
	Sources []Source `yaml:"sources"`
}

// Source is one thing that is backed up.
type Source struct {
	Name       string     `yaml:"name"`
	Connection Connection `yaml:"connection"`
	Age        string     `yaml:"maxAge"`
	Line       int        `yaml:"-"` // in the file, from 1
}

// Connection says where a connection URL is to be had. One of the two is set.
type Connection struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
}

// MaxAge is how old the last good backup may be; 0 where the file does not say.
func (s Source) MaxAge() time.Duration {
	if s.Age == "" {
		return 0
	}
	n, err := strconv.Atoi(s.Age[:len(s.Age)-1])
	if err != nil {
		return 0 // the schema has refused that
	}
	unit := time.Hour
	if strings.HasSuffix(s.Age, "d") {
		unit = 24 * time.Hour
	}
	return time.Duration(n) * unit
}

// URL returns the connection URL. Errors name the variable or the file, never what is in it.
func (s Source) URL(getenv func(string) string) (string, error) {
	if name := s.Connection.Env; name != "" {
		if v := strings.TrimSpace(getenv(name)); v != "" {
			return v, nil
		}
		return "", fault.New(fault.Validation, fault.InvalidInput, "For example: export "+name+"=postgresql://user@host:5432/shop",
			"source %q has its connection in the variable %s, which is not set", s.Name, name)
	}
	data, err := readBounded(s.Connection.File)
	if err != nil {
		return "", fault.Wrap(err, fault.Validation, fault.InvalidInput, "Let it hold the connection URL, readable by this user.", "the connection of source %q cannot be read", s.Name)
	}
	return strings.TrimSpace(string(data)), nil
}

// maxSize bounds the file, and each file that it names.
const maxSize = 1 << 20

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxSize)
	}
	return data, err
}

// Read reads the file. Whatever is wrong with it is a ValidationError that says where.
func Read(name string) (File, error) {
	data, err := readBounded(name)
	if err != nil {
		return File{}, fault.Wrap(err, fault.Validation, fault.InvalidInput, "BACKUP_CONFIG names the file cofre.yaml.", "the configuration cannot be read")
	}
	return Parse(name, data)
}

// Parse reads the file's content; name is for messages.
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
	if err := doc.Decode(&f); err != nil {
		return f, wrong(name, 0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	seen := map[string]int{}
	for i := range f.Sources {
		s := &f.Sources[i]
		s.Line = lineOf(&doc, []string{"sources", strconv.Itoa(i)})
		if err := source.CheckName(s.Name); err != nil {
			return f, wrong(name, s.Line, "%s", fault.From(err).Message)
		}
		if before := seen[s.Name]; before > 0 {
			return f, wrong(name, s.Line, "the source %q stands in line %d already", s.Name, before)
		}
		seen[s.Name] = s.Line
	}
	return f, nil
}

// Source returns the source of this name, or nil.
func (f File) Source(name string) *Source {
	for i := range f.Sources {
		if f.Sources[i].Name == name {
			return &f.Sources[i]
		}
	}
	return nil
}

func wrong(name string, line int, format string, args ...any) error {
	where := name
	if line > 0 {
		where += fmt.Sprintf(", line %d", line)
	}
	return fault.New(fault.Validation, fault.InvalidInput, "See docs/operating.md for what may stand there.", "%s: "+format, append([]any{where}, args...)...)
}

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("cofre.schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("cofre.schema.json")
})

// check holds the content against the schema and says where it does not fit.
func check(name string, doc *yaml.Node, plain any) error {
	schema, err := compiled()
	if err != nil {
		return fmt.Errorf("compile the schema of cofre.yaml: %w", err)
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(plain); {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		return wrong(name, 0, "it is not a mapping of names to values")
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	at := strings.Join(invalid.InstanceLocation, ".")
	if at != "" {
		at += ": "
	}
	return wrong(name, lineOf(doc, invalid.InstanceLocation), "%s%s", at, invalid.ErrorKind.LocalizedString(printer))
}

// lineOf finds the line of what a path leads to; 0 where it leads nowhere.
func lineOf(n *yaml.Node, path []string) int {
	for n.Kind == yaml.DocumentNode || n.Kind == yaml.AliasNode {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
			continue
		}
		n = n.Content[0]
	}
	if len(path) == 0 {
		return n.Line
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == path[0] {
				return lineOf(n.Content[i+1], path[1:])
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(n.Content) {
			return lineOf(n.Content[i], path[1:])
		}
	}
	return n.Line
}

// printer writes the validator's messages in English.
var printer = message.NewPrinter(language.English)
