// Contract writes the API's contract, read as YAML from standard input, as JSON to standard output: the form in which
// programs carry it, so that they need no YAML reader, and without what it only says to people. Keys are sorted; the same contract gives the same bytes.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
}

func run() error {
	dec := yaml.NewDecoder(os.Stdin)
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return fmt.Errorf("read the contract: %w", err)
	}
	quiet(doc)
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(doc)
}

// quiet takes summaries and descriptions out, but those of answers, which have to have one.
func quiet(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			quiet(e)
		}
	case map[string]any:
		if _, text := v["summary"].(string); text {
			delete(v, "summary")
		}
		if _, text := v["description"].(string); text && v["content"] == nil && v["headers"] == nil {
			delete(v, "description")
		}
		for _, e := range v {
			quiet(e)
		}
	}
}
