package configfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
)

const whole = `# everything that may stand there
sources:
  - name: shop
    connection: {env: SHOP_URL}
    maxAge: 26h
    proofs: weekly
  - name: blog
    connection:
      file: %s
    maxAge: 7d
  - name: wiki
    connection: {env: WIKI_URL}
targets:
  - name: staging
    connection: {env: STAGING_URL}
  - name: shop
    connection: {env: SHOP_URL}
    allow: [new, replace, part, proof]
  - name: closed
    connection: {env: SHOP_URL}
    allow: []
`

func TestParse(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(secret, []byte("postgresql://blog@db/blog\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Parse("cofre.yaml", []byte(strings.Replace(whole, "%s", secret, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Sources) != 3 || f.Sources[0].Age() != 26*time.Hour || f.Sources[1].Age() != 7*24*time.Hour || f.Sources[2].Age() != 0 || f.Sources[1].Origin != (source.Origin{Kind: source.FromFile, File: "cofre.yaml", Line: 7}) || f.Sources[0].ProveEvery() != 7*24*time.Hour || f.Sources[1].ProveEvery() != 0 {
		t.Errorf("it says %+v", f)
	}
	env := func(k string) string { return map[string]string{"SHOP_URL": "postgresql://shop@db/shop"}[k] }
	for i, want := range []string{"postgresql://shop@db/shop", "postgresql://blog@db/blog"} {
		if url, err := URL(t.Context(), f.Sources[i].Connection, "it", env, nil); err != nil || url != want {
			t.Errorf("%s: %q %v", f.Sources[i].Name, url, err)
		}
	}
	if _, err := URL(t.Context(), f.Sources[2].Connection, "it", env, nil); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), "WIKI_URL") {
		t.Errorf("a variable that is not set: %v", err)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		if f, err := Parse("x", []byte(empty)); err != nil || len(f.Sources) != 0 {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

// The checks of a source are read with the file, out of a file beside it; what is wrong with one is refused, with the line of its source. The text of
// the file alone leads to no other file.
func TestChecksOfASource(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := "sources:\n  - name: shop\n    connection: {env: SHOP_URL}\n    checks: shop.yaml\n    proofTimeout: 90m\n  - name: blog\n    connection: {env: BLOG_URL}\n"
	file := write("cofre.yaml", text)
	write("shop.yaml", "checks:\n  - name: rows\n    query: SELECT 1\n    expect: 1\n")
	f, err := Read(file)
	if err != nil || len(f.Sources[0].Asked) != 1 || f.Sources[0].Asked[0].Expect != "1" || f.Sources[1].Asked != nil || f.Sources[0].ProofTime() != 90*time.Minute || f.Sources[1].ProofTime() != 0 {
		t.Errorf("%+v, %v", f.Sources, err)
	}
	for wrong, want := range map[string]string{"checks: []\n": "it holds 0 checks", "checks:\n  - name: rows\n    qery: SELECT 1\n": "qery", "checks:\n  - name: rows\n": "check 1 has no name or no query"} {
		write("shop.yaml", wrong)
		if _, err := Read(file); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), `cofre.yaml, line 2: the checks of the source "shop"`) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if f, err := Parse(file, []byte(text)); err != nil || f.Sources[0].Asked != nil {
		t.Errorf("%+v, %v", f, err)
	}
}

// What a target allows, and where its connection is to be had. A variable or a file that holds nothing is refused: an empty URL would be
// whatever PGHOST says.
func TestTargets(t *testing.T) {
	f, err := Parse("cofre.yaml", []byte(strings.Replace(whole, "%s", "/url", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]bool{"staging": {true, false}, "shop": {true, true}, "closed": {false, false}} {
		if target := f.Target(name); target == nil || target.Allows(AllowNew) != want[0] || target.Allows(AllowReplace) != want[1] || target.Allows(AllowProof) != want[1] || target.Allows("") {
			t.Errorf("%s: %+v", name, target)
		}
	}
	if f.Target("wiki") != nil || f.Target("") != nil || f.Target("Shop") != nil || f.Target("staging").Line != 14 {
		t.Errorf("it says %+v", f.Targets)
	}
	env := func(k string) string { return map[string]string{"SHOP_URL": "postgresql://shop@db/postgres"}[k] }
	noSecret := func(context.Context, string) (string, error) { return "", errors.New("no secret was named") }
	if url, err := URL(t.Context(), f.Target("shop").Connection, "shop", env, noSecret); err != nil || url != "postgresql://shop@db/postgres" {
		t.Errorf("%q %v", url, err)
	}
	if _, err := URL(t.Context(), f.Target("staging").Connection, `target "staging"`, env, noSecret); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), `target "staging"`) || !strings.Contains(err.Error(), "STAGING_URL") {
		t.Errorf("a variable that is not set: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if url, err := URL(t.Context(), source.Connection{File: empty}, "it", env, noSecret); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), empty) {
		t.Errorf("an empty file: %q %v", url, err)
	}
}

// A connection may be a secret of a certain kind of name; what the secret holds is asked for when it is needed.
func TestTargetOfASecret(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cofre/shop/staging-AbCdEf"
	f, err := Parse("cofre.yaml", []byte("targets:\n  - name: staging\n    connection: {secret: '"+arn+"'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	url, err := URL(t.Context(), f.Target("staging").Connection, `target "staging"`, os.Getenv, func(_ context.Context, arn string) (string, error) {
		asked = append(asked, arn)
		return "postgresql://staging@db/postgres", nil
	})
	if err != nil || url != "postgresql://staging@db/postgres" || !slices.Equal(asked, []string{arn}) {
		t.Errorf("%q %v, asked for %q", url, err, asked)
	}
	denied := fault.New(fault.Permission, fault.AccessDenied, "Grant it.", "it may not be read")
	if _, err := URL(t.Context(), f.Target("staging").Connection, `target "staging"`, os.Getenv, func(context.Context, string) (string, error) { return "", denied }); !fault.HasReason(err, fault.AccessDenied) || !strings.Contains(err.Error(), `target "staging"`) {
		t.Errorf("a secret that cannot be read: %v", err)
	}
	for name, text := range map[string]string{
		"another name":   "targets:\n  - name: a\n    connection: {secret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:billing-AbCdEf'}\n",
		"another way up": "targets:\n  - name: a\n    connection: {secret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:billing/cofre/x'}\n",
		"a URL":          "targets:\n  - name: a\n    connection: {secret: 'postgresql://u:hidden@h/d'}\n",
		"of a source":    "sources:\n  - name: a\n    connection: {secret: '" + strings.Replace(arn, "cofre/", "", 1) + "'}\n",
		"two ways":       "targets:\n  - name: a\n    connection: {env: A, secret: '" + arn + "'}\n",
	} {
		if _, err := Parse("cofre.yaml", []byte(text)); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), "line 3") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What does not fit is refused with its line.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"sources:\n  - name: a\n    connection: {env: A}\n    maxage: 3h\n":   "line 4",
		"sources:\n  - name: a\n    connection: {env: A}\n    maxAge: soon\n": "line 4",
		"sources:\n  - name: a\n":                                                              "line 2",
		"sources:\n  - connection: {env: A}\n":                                                 "line 2",
		"sources:\n  - name: a\n    connection: postgresql://u:hidden@h/d\n":                   "line 3",
		"sources:\n  - name: a\n    connection: {env: A, file: b}\n":                           "line 3",
		"sources:\n  - name: a\n    connection: {env: 'A B'}\n":                                "line 3",
		"sources:\n  - {name: a, connection: {env: A}}\n  - {name: a, connection: {env: B}}\n": "line 3",
		"sources:\n  - {name: a, connection: {env: A}}\n  - {name: A, connection: {env: B}}\n": "line 3",
		"targets:\n  - {name: a, connection: {env: A}}\n  - {name: A, connection: {env: B}}\n": "line 3",
		"targets:\n  - name: a\n":                                                              "line 2",
		"source: []\n":                                                                         "line 1",
		"- a\n":                                                                                "line 1",
		"sources: [\n":                                                                         "cofre.yaml",
		"a: 1\n---\nb: 2\n":                                                                    "more than one",
		"sources:\n  - name: \"a\\u0001\"\n    connection: {env: A}\n":                         "line 2",
	} {
		_, err := Parse("cofre.yaml", []byte(text))
		if !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("a secret is told: %v", err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.yaml")); !fault.HasReason(err, fault.InvalidInput) {
		t.Errorf("a file that is not there: %v", err)
	}
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, make([]byte, MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(large); !fault.HasReason(err, fault.InvalidInput) {
		t.Errorf("a large file: %v", err)
	}
}

// A wrong key is told by its name, its line and the key that was meant; a wrong value by what may stand there.
func TestExplained(t *testing.T) {
	const one = "sources:\n  - name: a\n    "
	for text, want := range map[string]string{
		one + "conection: {env: A}\n":                                               `cofre.yaml, line 3: sources.0: unknown key "conection": did you mean "connection"?`,
		one + "connection: {env: A}\n    maxage: 3h\n":                              `line 4: sources.0: unknown key "maxage": did you mean "maxAge"?`,
		one + "connection:\n      env: A\n      fil: b\n":                           `line 5: sources.0.connection: unknown key "fil": did you mean "file"?`,
		one + "connection: {env: A}\n    keep: 3\n":                                 `line 4: sources.0: unknown key "keep"; known are name, connection, databases`,
		one + "connection: {env: A}\n    retention: 3\n":                            "line 4: sources.0.retention: want keys with values, not a number",
		one + "connection: {env: A}\n    retention:\n      keepDayly: 3\n":          `line 5: sources.0.retention: unknown key "keepDayly": did you mean "keepDaily"?`,
		one + "connection: {env: A}\n    retention:\n      zone: Lisbon\n":          `line 5: retention.zone: there is no time zone "Lisbon"; they are called like Europe/Lisbon`,
		one + "connection: {env: A}\n    objectLock: {mode: compliance, days: 7}\n": "line 4: sources.0.objectLock.mode: want one of none, governance, COMPLIANCE",
		one + "connection: {env: A}\n    objectLock: {mode: governance}\n":          "line 4: objectLock: want a number of days with a mode",
		"retention: {keepWithin: long}\n":                                           `line 1: retention.keepWithin: "long" is no age: want a number of hours or days`,
		"retention: {keepDaily: -1}\n":                                              "line 1: retention.keepDaily: want 0 or more, not -1",
		"Source: []\n":                                                              `line 1: unknown key "Source": did you mean "sources"?`,
		one + "connection: {env: A, file: b}\n":                                     "line 3: sources.0.connection: want exactly one of the keys env, file, secret",
		one + "connection: {}\n":                                                    "line 3: sources.0.connection: want exactly one of the keys env, file, secret",
		"sources:\n  - name: a\n":                                                   `line 2: sources.0: the key "connection" is missing`,
		one + "connection: postgresql://u:hidden@h/d\n":                             "line 3: sources.0.connection: want keys with values, not a text",
		one + "connection: {env: 'postgresql://u:hidden@h/d'}\n":                    "line 3: sources.0.connection.env: want the name of a variable",
		one + "connection: {env: A}\n    maxAge: soon\n":                            `line 4: sources.0.maxAge: "soon" is no age: want a number of hours or days`,
		one + "connection: {env: A}\n    proofs: hourly\n":                          "line 4: sources.0.proofs: want one of daily, weekly, monthly, never",
		one + "connection: {env: A}\n    maxAge: 26\n":                              "line 4: sources.0.maxAge: want a text, not a number",
		"targets:\n  - name: a\n    conection: {env: A}\n":                          `line 3: targets.0: unknown key "conection": did you mean "connection"?`,
		"targets:\n  - {name: a, connection: {env: A}, allow: [drop]}\n":            "line 2: targets.0.allow.0: want one of new, replace, part, switch, proof",
		"targets:\n  - {name: a, connection: 'postgresql://u:hidden@h/d'}":          "line 2: targets.0.connection: want keys with values, not a text",
		"sources: {name: a}\n":                                                      "line 1: sources: want a list, each item behind a dash, not keys with values",
		"- a\n":                                                                     "line 1: want keys with values, not a list",
		"a: &a {name: x}\nsources:\n  - {<<: *a, conection: {env: A}}":              `unknown key "a"; known are sources, retention, targets`,
		one + "connection: {env: A}\n    proofTimeout: 90s\n":                       `line 4: sources.0.proofTimeout: "90s" is no length of time: want a number of minutes or hours, such as 90m or 6h`,
	} {
		_, err := Parse("cofre.yaml", []byte(text))
		if f := fault.From(err); err == nil || !strings.Contains(f.Message, want) || strings.Contains(f.Error(), "hidden") || !strings.Contains(f.Hint, "docs/operating.md") {
			t.Errorf("%q:\n%v\nwant %s", text, err, want)
		}
	}
}

// All that is wrong is told in one run, each with its line, its key and what to do; what only follows from a misspelt key is not. What fits is returned.
func TestAllProblems(t *testing.T) {
	const text = `sources:
  - name: shop
    conection: {env: SHOP_URL}
    maxAge: soon
  - name: blog
    connection: {env: BLOG_URL}
    schedule: "0 25 * * *"
    zone: Nowhere
    rows: binary
    format: plain
  - {name: Shop, connection: {env: A}}
  - {name: wiki, connection: {env: WIKI_URL}}
retention: {keepDaily: -1, zone: Lisbon}
targets:
  - {name: staging, allow: [drop, new]}
channels:
  - {name: team, kind: slack, where: {env: TEAM_URL}, chat: "-1", from: nobody}
chanels: []
`
	f, err := Parse("cofre.yaml", []byte(text))
	var all *Problems
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all.List {
		got = append(got, fmt.Sprintf("%d %s", p.Line, p.Key))
		if p.Hint == "" || p.Code != fault.Validation {
			t.Errorf("%d: %+v", p.Line, p.Error)
		}
	}
	want := []string{"3 sources.0", "4 sources.0.maxAge", "7 sources.1.schedule", "8 sources.1.zone", "9 sources.1.rows", "11 sources.2.name", "13 retention.keepDaily", "15 targets.0", "15 targets.0.allow.0", "17 channels.0", "17 channels.0", "17 channels.0", "18 "}
	if !slices.Equal(got, want) || all.Count != len(want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if first := fault.From(err); !strings.HasPrefix(first.Message, `cofre.yaml, line 3: sources.0: unknown key "conection": did you mean "connection"?`) || !strings.Contains(first.Hint, "All 13 problems") {
		t.Errorf("%+v", first)
	}
	if len(f.Sources) != 1 || f.Sources[0].Name != "wiki" || f.Sources[0].Origin.Line != 12 || len(f.Targets)+len(f.Channels) != 0 || f.Retention != nil {
		t.Errorf("what fits is %+v", f)
	}
	many := "sources: [" + strings.Repeat("{a: 1}, ", 900) + "]"
	if _, err := Parse("cofre.yaml", []byte(many)); !errors.As(err, &all) || len(all.List) != maxProblems || all.Count != 2700 {
		t.Errorf("%d of %d: %v", len(all.List), all.Count, err)
	}
}

// What is told of keys is what the schema has.
func TestKeys(t *testing.T) {
	type node struct {
		Properties map[string]*node `json:"properties"`
		Items      *node            `json:"items"`
	}
	var schema node
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(at string, n *node)
	walk = func(at string, n *node) {
		if n.Items != nil {
			n = n.Items
		}
		if len(n.Properties) == 0 {
			return
		}
		found++
		if got, want := slices.Sorted(slices.Values(keys[at])), slices.Sorted(maps.Keys(n.Properties)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, the schema has %q", at, got, want)
		}
		for name, child := range n.Properties {
			walk(strings.TrimPrefix(at+"."+name, "."), child)
		}
	}
	walk("", &schema)
	if found != len(keys) {
		t.Errorf("%d places, the schema has %d", len(keys), found)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("a: &a [*a, *a]\n"))
	f.Add([]byte("sources:\n  - {name: a, connection: {env: A}, maxAge: 1}\n  - {name: A, connection: {env: B}, restore: [new]}\ntargets: [{name: a}]\nretention: 3\nx: y\n"))
	f.Add([]byte("checks:\n  - name: a\n    query: SELECT 1\n    expect: 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("x", data)
		if err != nil && fault.From(err).Code != fault.Validation {
			t.Errorf("%v", err)
		}
		if all := (*Problems)(nil); errors.As(err, &all) && (len(all.List) == 0 || len(all.List) > maxProblems || len(all.List) > all.Count || !slices.IsSortedFunc(all.List, func(a, b Problem) int { return a.Line - b.Line })) {
			t.Errorf("%d of %d problems: %v", len(all.List), all.Count, err)
		}
		for _, s := range file.Sources {
			if _, ok, err := s.Plan(); err != nil || ok && s.Schedule == "" || s.Age() < 0 || s.Check() != nil || s.Origin.Line < 1 {
				t.Errorf("%+v: %v", s, err)
			}
			if d := s.ProofTime(); d < 0 || d == 0 && s.ProofTimeout != "" {
				t.Errorf("%q is %s", s.ProofTimeout, d)
			}
		}
		checks, err := parseChecks("x", data)
		if err != nil && fault.From(err).Code != fault.Validation || err == nil && (len(checks) == 0 || len(checks) > maxChecks || checks[0].Query == "" || checks[0].Expect == "") {
			t.Errorf("%+v, %v", checks, err)
		}
	})
}

// The server of a source is a target where the source says so, under its name, and not otherwise.
func TestSourceAsTarget(t *testing.T) {
	const sources = "sources:\n  - name: shop\n    connection: {env: SHOP_URL}\n    restore: [new, part]\n  - name: wiki\n    connection: {env: WIKI_URL}\n"
	f, err := Parse("cofre.yaml", []byte(sources))
	if err != nil {
		t.Fatal(err)
	}
	shop := f.Target("shop")
	if shop == nil || !shop.Allows(AllowNew) || !shop.Allows(AllowPart) || shop.Allows(AllowReplace) || shop.Line != 2 || f.Target("wiki") != nil {
		t.Fatalf("targets are %+v", f.Targets)
	}
	url, err := URL(t.Context(), shop.Connection, "shop", func(name string) string { return "postgresql://" + name }, nil)
	if err != nil || url != "postgresql://SHOP_URL" {
		t.Errorf("%q %v", url, err)
	}
	for what, text := range map[string]string{
		"two of a name":    sources + "targets:\n  - name: Shop\n    connection: {env: OTHER_URL}\n",
		"what nobody does": strings.Replace(sources, "part", "drop", 1),
	} {
		if _, err := Parse("cofre.yaml", []byte(text)); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Every key is in the manual, and every one has a description for editors.
func TestKeysAreDocumented(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	keysOfSchema(t, func(path string, n *node) {
		found++
		if n.Description == "" || !strings.HasSuffix(n.Description, ".") {
			t.Errorf("%s has no description", path)
		}
		key := path[strings.LastIndex(path, ".")+1:]
		if !strings.Contains(string(manual), "`"+key+"`") && !strings.Contains(string(manual), key+":") {
			t.Errorf("docs/operating.md does not say what %s is", path)
		}
	})
	if found < 90 {
		t.Errorf("%d keys", found)
	}
}
