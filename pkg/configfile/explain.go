package configfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"cofre/pkg/jsonschema"
	"cofre/pkg/quantity"
	"cofre/pkg/spelling"
)

// keys are what may stand at each place of the file, for what the validator's messages do not say. TestKeys holds them
// against the schema.
var keys = map[string][]string{
	"":                   {"sources", "retention", "targets", "places", "channels"},
	"sources":            {"name", "connection", "databases", "schedule", "zone", "paused", "maxAge", "proofs", "checks", "proofTimeout", "format", "jobs", "rows", "restore", "retention", "objectLock", "maxSizeGB", "thresholds", "copies", "tags", "ping"},
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
	"channels":           {"name", "kind", "where", "key", "chat", "from", "to", "topic", "bus", "events", "sources", "severity", "language", "digest", "allowLocal"},
	"channels.where":     {"env", "file", "secret"},
	"channels.key":       {"env", "file", "secret"},
}

// explain notes what does not fit the schema, where, and what may stand there. What only follows from a misspelt key is not told.
func explain(all *Problems, doc *yaml.Node, violations []jsonschema.Violation) {
	unknown := map[string][]string{} // by place
	for _, v := range violations {
		if v.Keyword == "additionalProperties" {
			unknown[strings.Join(v.Place, "\x00")] = v.Names
		}
	}
	for _, v := range violations {
		here := unknown[strings.Join(v.Place, "\x00")]
		switch v.Keyword {
		case "additionalProperties":
			for _, key := range v.Names {
				unknownKey(all, doc, v.Place, key)
			}
		case "required":
			for _, key := range v.Names {
				if !slices.ContainsFunc(here, func(k string) bool { return spelling.Nearest(k, keys[schemaPath(v.Place)]) == key }) {
					misfit(all, doc, append(slices.Clone(v.Place), key), v.Place, "the key %q is missing", key)
				}
			}
		case "minProperties", "maxProperties":
			if got, _ := v.Got.(map[string]any); here == nil || len(got)-len(here) > 1 {
				misfit(all, doc, v.Place, v.Place, "want exactly one of the keys %s", strings.Join(keys[schemaPath(v.Place)], ", "))
			}
		default:
			value{all, doc, v}.explain()
		}
	}
}

func unknownKey(all *Problems, doc *yaml.Node, path []string, key string) {
	if all.full() {
		all.Count++
		return
	}
	line, known := lineOfKey(doc, path, key), keys[schemaPath(path)]
	if near := spelling.Nearest(key, known); near != "" {
		all.at(line, path, fmt.Sprintf("Write %s. It is in docs/operating.md.", near), "unknown key %.60q: did you mean %q?", key, near)
		return
	}
	all.at(line, path, hintOf(path), "unknown key %.60q; known are %s", key, strings.Join(known, ", "))
}

// misfit notes what is wrong at a path; of is what the manual is to be asked for.
func misfit(all *Problems, doc *yaml.Node, of, path []string, format string, args ...any) {
	if all.full() {
		all.Count++
		return
	}
	all.at(lineOf(doc, path), path, hintOf(of), format, args...)
}

// value is one that may not stand where it does.
type value struct {
	all *Problems
	doc *yaml.Node
	jsonschema.Violation
}

func (v value) note(format string, args ...any) {
	misfit(v.all, v.doc, v.Place, v.Place, format, args...)
}

func (v value) explain() {
	if v.Keyword == "pattern" {
		v.pattern(v.Place[len(v.Place)-1])
		return
	}
	plain := func(n float64) string { return quantity.Grouped(strconv.FormatFloat(n, 'f', -1, 64)) }
	n := func(size int) string { return plain(float64(size)) }
	limit := func() string { f, _ := v.Limit.Float64(); return plain(f) }
	got, _ := v.Got.(string)
	list, _ := v.Got.([]any)
	switch v.Keyword {
	case "type":
		v.note("want %s, not %s", words[v.Names[0]], words[jsonschema.TypeOf(v.Got)])
	case "enum":
		want := make([]string, len(v.Values))
		for i, one := range v.Values {
			want[i] = fmt.Sprint(one)
		}
		v.note("want one of %s", strings.Join(want, ", "))
	case "minLength":
		v.note("want %s characters or more, not %s", limit(), n(utf8.RuneCountInString(got)))
	case "maxLength":
		v.note("want at most %s characters, not %s", limit(), n(utf8.RuneCountInString(got)))
	case "maxItems":
		v.note("want at most %s items, not %s", limit(), n(len(list)))
	case "minimum":
		v.note("want %s or more, not %s", limit(), fmt.Sprint(v.Got))
	case "maximum":
		v.note("want at most %s, not %s", limit(), fmt.Sprint(v.Got))
	default:
		v.note("that may not stand here")
	}
}

// pattern explains the texts of a key.
func (v value) pattern(key string) {
	switch key {
	case "maxAge", "keepWithin":
		v.note("%.40q is no age: want a number of hours or days, such as 26h or 7d", v.Got)
	case "proofTimeout":
		v.note("%.40q is no length of time: want a number of minutes or hours, such as 90m or 6h", v.Got)
	case "topic":
		v.note("%.80q is no topic: want its ARN, such as arn:aws:sns:eu-west-1:123456789012:alerts", v.Got)
	case "bus":
		v.note("%.80q is no bus: want its ARN, such as arn:aws:events:eu-west-1:123456789012:event-bus/alerts, or its name", v.Got)
	case "env": // what stands there may be the URL itself, with its password
		if v.Place[0] == "channels" {
			v.note("want the name of a variable that holds it, such as SLACK_URL")
		} else {
			v.note("want the name of a variable that holds the connection URL, such as SHOP_URL")
		}
	case "file": // and here
		v.note("want the path of a file that holds it, and not what is in it")
	case "secret": // so may it here
		v.note("want the ARN of a secret in AWS Secrets Manager whose name begins with cofre/, such as arn:aws:secretsmanager:eu-west-1:123456789012:secret:cofre/shop/staging-AbCdEf")
	default:
		v.note("%.40q does not fit the pattern %s", v.Got, v.Text)
	}
}

// words are JSON's types as the file writes them.
var words = map[string]string{
	"object": "keys with values", "array": "a list, each item behind a dash", "string": "a text", "number": "a number", "integer": "a number", "boolean": "true or false", "null": "nothing",
}

// schemaPath is a path without the numbers of list items: what keys goes by.
func schemaPath(path []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(path), func(p string) bool { return p != "" && strings.Trim(p, "0123456789") == "" }), ".")
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
