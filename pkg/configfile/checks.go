package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
	"cofre/pkg/source"
)

// Bounds of a file of checks.
const (
	maxChecksFile = 256 << 10
	maxChecks     = 200
)

// ReadChecks reads a file of checks:
//
//	checks:
//	  - name: orders came in yesterday
//	    query: SELECT max(placed_at) > now() - interval '2 days' FROM orders
//	  - name: one shop
//	    query: SELECT count(*) FROM shops
//	    expect: 1
func ReadChecks(path string) ([]source.Question, error) {
	data, err := namedfile.Read(path, maxChecksFile)
	if err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Name a YAML file with a list of checks.", "the file of checks %.200q cannot be read", path)
	}
	return parseChecks(path, data)
}

func parseChecks(path string, data []byte) ([]source.Question, error) {
	bad := func(err error) error {
		return fault.New(fault.Validation, fault.InvalidInput, "Write a list \"checks:\" with name, query and, unless it is true, expect.", "%.200s is not a file of checks: %v", path, err)
	}
	var file struct {
		Checks []source.Question `yaml:"checks"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, bad(err)
	}
	if n := len(file.Checks); n == 0 || n > maxChecks {
		return nil, bad(fmt.Errorf("it holds %d checks, and may hold 1 to %d", n, maxChecks))
	}
	for i := range file.Checks {
		c := &file.Checks[i]
		if c.Name == "" || c.Query == "" {
			return nil, bad(fmt.Errorf("check %d has no name or no query", i+1))
		}
		if c.Expect == "" {
			c.Expect = "true"
		}
	}
	return file.Checks, nil
}
