package configfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"cofre/pkg/jsonschema"
	"cofre/pkg/spelling"
)

// gravest picks what to tell of all that does not fit: a key that nobody knows first, since a misspelt one is also missing under
// its right name, and then what stands first in the file.
func gravest(doc *yaml.Node, all []jsonschema.Violation) jsonschema.Violation {
	rank := func(v jsonschema.Violation) (int, int) {
		if v.Keyword == "additionalProperties" {
			return 0, lineOf(doc, v.Place)
		}
		return 1, lineOf(doc, v.Place)
	}
	return slices.MinFunc(all, func(a, b jsonschema.Violation) int {
		rankA, lineA := rank(a)
		rankB, lineB := rank(b)
		return cmp.Or(rankA-rankB, lineA-lineB, slices.Compare(a.Place, b.Place))
	})
}

// keys are what may stand at each place of the file, for what the validator's messages do not say. TestKeys holds them
// against the schema.
var keys = map[string][]string{
	"":                   {"sources", "retention", "targets", "places", "channels"},
	"sources":            {"name", "connection", "databases", "schedule", "zone", "paused", "maxAge", "proofs", "checks", "proofTimeout", "format", "jobs", "rows", "restore", "retention", "objectLock", "thresholds", "copies", "tags", "ping"},
	"sources.connection": {"env", "file", "secret"},
	"retention":          {"days", "maxBackups", "keepLast", "keepWithin", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly", "keepLabels", "zone"},
	"sources.objectLock": {"mode", "days"},
	"sources.retention":  {"days", "maxBackups", "keepLast", "keepWithin", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly", "keepLabels", "zone"},
	"sources.thresholds": {"rowsLostPercent", "rowsLostMinimum"},
	"sources.ping":       {"env", "file", "secret", "allowLocal"},
	"targets":            {"name", "connection", "allow"},
	"targets.connection": {"env", "file", "secret"},
	"places":             {"name", "directory", "endpoint", "region", "accessKey", "secretKey", "storageClass"},
	"places.accessKey":   {"env", "file"},
	"places.secretKey":   {"env", "file"},
	"channels":           {"name", "kind", "where", "key", "chat", "from", "to", "events", "sources", "severity", "language", "digest", "allowLocal"},
	"channels.where":     {"env", "file", "secret"},
	"channels.key":       {"env", "file", "secret"},
}

// explain says what does not fit, where, and what may stand there.
func explain(name string, doc *yaml.Node, v jsonschema.Violation) error {
	path := v.Place
	line, at := lineOf(doc, path), readable(path)
	known := keys[schemaPath(path)]
	switch v.Keyword {
	case "additionalProperties":
		key := v.Names[0]
		line = lineOfKey(doc, path, key)
		if near := spelling.Nearest(key, known); near != "" {
			return wrong(name, line, "%sunknown key %.60q: did you mean %q?", at, key, near)
		}
		return wrong(name, line, "%sunknown key %.60q; known are %s", at, key, strings.Join(known, ", "))
	case "required":
		return wrong(name, line, "%sthe key %q is missing", at, v.Names[0])
	case "minProperties", "maxProperties":
		return wrong(name, line, "%swant exactly one of the keys %s", at, strings.Join(known, ", "))
	case "type":
		return wrong(name, line, "%swant %s, not %s", at, words[v.Names[0]], words[jsonschema.TypeOf(v.Got)])
	case "pattern":
		switch path[len(path)-1] {
		case "maxAge", "keepWithin":
			return wrong(name, line, "%s%.40q is no age: want a number of hours or days, such as 26h or 7d", at, v.Got)
		case "proofTimeout":
			return wrong(name, line, "%s%.40q is no length of time: want a number of minutes or hours, such as 90m or 6h", at, v.Got)
		case "env": // what stands there may be the URL itself, with its password
			if path[0] == "channels" {
				return wrong(name, line, "%swant the name of a variable that holds it, such as SLACK_URL", at)
			}
			return wrong(name, line, "%swant the name of a variable that holds the connection URL, such as SHOP_URL", at)
		case "secret": // so may it here
			return wrong(name, line, "%swant the ARN of a secret in AWS Secrets Manager whose name begins with cofre/, such as "+
				"arn:aws:secretsmanager:eu-west-1:123456789012:secret:cofre/shop/staging-AbCdEf", at)
		}
	}
	return wrong(name, line, "%s%s", at, limits(v))
}

// limits says what all other keywords of the schema want, numbers in groups of three digits.
func limits(v jsonschema.Violation) string {
	p := message.NewPrinter(language.English)
	switch got := v.Got.(type) {
	case string:
		switch v.Keyword {
		case "pattern":
			return fmt.Sprintf("%s does not match pattern %s", quote(got), quote(v.Text))
		case "minLength", "maxLength":
			return p.Sprintf("%s: got %d, want %d", v.Keyword, utf8.RuneCountInString(got), v.Limit.Num().Int64())
		}
	case []any:
		if v.Keyword == "maxItems" {
			return p.Sprintf("%s: got %d, want %d", v.Keyword, len(got), v.Limit.Num().Int64())
		}
	}
	switch v.Keyword {
	case "enum":
		want := make([]string, len(v.Values))
		for i, value := range v.Values {
			want[i] = quote(fmt.Sprint(value))
		}
		return "value must be one of " + strings.Join(want, ", ")
	case "minimum", "maximum":
		got, _ := strconv.ParseFloat(fmt.Sprint(v.Got), 64)
		want, _ := v.Limit.Float64()
		return p.Sprintf("%s: got %v, want %v", v.Keyword, got, want)
	}
	return fmt.Sprintf("invalid jsonType %T", v.Got)
}

// quote puts a text between single quotes.
func quote(s string) string {
	s = strings.ReplaceAll(strconv.Quote(s), `\"`, `"`)
	return "'" + strings.ReplaceAll(s[1:len(s)-1], `'`, `\'`) + "'"
}

// words are JSON's types as the file writes them.
var words = map[string]string{
	"object": "keys with values", "array": "a list, each item behind a dash", "string": "a text", "number": "a number", "integer": "a number", "boolean": "true or false", "null": "nothing",
}

// schemaPath is a path without the numbers of list items: what keys goes by.
func schemaPath(path []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(path), func(p string) bool { return p != "" && strings.Trim(p, "0123456789") == "" }), ".")
}

// readable is a path for people, with a colon behind it; "" for the whole file.
func readable(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return fmt.Sprintf("%.200s: ", strings.Join(path, "."))
}

// lineOfKey finds the line of a key of the mapping that a path leads to.
func lineOfKey(doc *yaml.Node, path []string, key string) int {
	n := nodeAt(doc, path)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i].Line
		}
	}
	return lineOf(doc, path)
}
