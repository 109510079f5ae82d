package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"cofre/internal/testenv"
)

// secret is what must not stand in an argument: others on the machine see arguments, and so do process accounting and the
// logs of whatever starts programs.
var secret = []*regexp.Regexp{
	regexp.MustCompile(`://[^/@\s]*:[^/@\s]+@`),                                // user:password@
	regexp.MustCompile(`(?i)\bbearer\s+\S`),                                    // a header with a token
	regexp.MustCompile(`(?i)\bpassword=.`),                                     // of libpq, of AWS
	regexp.MustCompile(`(?i)\$\{?\w*(token|password|passwd|secret|pgpass)\b`),  // a variable's value
	regexp.MustCompile(`AGE-SECRET-KEY-1|PRIVATE KEY-----|\bwJalrXUtnFEMI\w*`), // keys
}

// secretOptions take a secret as their value, unless that is read from a file.
var secretOptions = []string{"--password", "--secret-string", "--passphrase", "--pass", "--token"}

// notArguments are builtins, whose arguments nobody sees, and what sets variables.
var notArguments = []string{"export", "printf", "echo", "read", "local", "declare", "unset", "[", "test", "set", ":"}

// secretsIn lists the commands of a script that have a secret among their arguments.
func secretsIn(name, text string) (found []string, err error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), name)
	if err != nil {
		return nil, err
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 || slices.Contains(notArguments, literal(call.Args[0])) {
			return true
		}
		option := ""
		for _, w := range call.Args[1:] {
			word := outer(text, w)
			bad := slices.ContainsFunc(secret, func(r *regexp.Regexp) bool { return r.MatchString(word) })
			value := word
			if name, given, ok := strings.Cut(word, "="); ok && slices.Contains(secretOptions, name) {
				option, value = name, given
			}
			bad = bad || slices.Contains(secretOptions, option) && !strings.HasPrefix(value, "file://") && !strings.HasPrefix(value, "-")
			if bad {
				found = append(found, fmt.Sprintf("%s:%d: %s … %s", name, w.Pos().Line(), literal(call.Args[0]), word))
			}
			option = word
		}
		return true
	})
	return found, nil
}

// outer is a word without the commands in it, which have arguments of their own.
func outer(text string, w *syntax.Word) string {
	out := []byte(text[w.Pos().Offset():w.End().Offset()])
	syntax.Walk(w, func(n syntax.Node) bool {
		nested, ok := n.(*syntax.CmdSubst)
		for i := 0; ok && i < int(nested.End().Offset()-nested.Pos().Offset()); i++ {
			out[int(nested.Pos().Offset()-w.Pos().Offset())+i] = ' '
		}
		return !ok
	})
	return string(out)
}

// TestNoSecretInArguments reads what documents, scripts and the help tell people to type, also what no test runs.
func TestNoSecretInArguments(t *testing.T) {
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language != "sh" && b.language != "bash" {
				continue
			}
			found, err := secretsIn(fmt.Sprintf("%s, block at line %d", d.name, b.line), b.text)
			if err != nil {
				t.Errorf("%s:%d: %v", d.name, b.line, err)
			}
			for _, f := range found {
				t.Errorf("%s: give it by a file, by standard input or by the environment", f)
			}
		}
	}
	var scripts []string
	for _, pattern := range []string{"scripts/*", "container/*", "layers/*/*.sh", "layers/*/lib/*.sh", "internal/doctest/testdata/*.sh"} {
		more, err := filepath.Glob(filepath.Join(testenv.Root(), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, more...)
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(text), "#!") && !strings.HasSuffix(path, ".sh") || strings.Contains(strings.SplitN(string(text), "\n", 2)[0], "python") {
			continue
		}
		found, err := secretsIn(filepath.Base(path), string(text))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, f := range found {
			t.Errorf("%s: give it by a file, by standard input or by the environment", f)
		}
	}
	// Lines of what is no shell script: the help, the template's comments, recipes.
	lines, err := filepath.Glob(filepath.Join(testenv.Root(), "pkg", "cli", "testdata", "help", "*.golden"))
	if err != nil || len(lines) < 10 {
		t.Fatalf("%d helps, %v", len(lines), err)
	}
	for _, path := range append(lines, filepath.Join(testenv.Root(), "template.yaml"), filepath.Join(testenv.Root(), "Makefile")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if (secret[0].MatchString(line) || strings.Contains(line, "Bearer ")) && !strings.Contains(line, "export ") {
				t.Errorf("%s:%d: a secret among arguments: %s", filepath.Base(path), i+1, strings.TrimSpace(line))
			}
		}
	}
}

// The test above sees what it is for.
func TestSecretsAreSeen(t *testing.T) {
	for script, want := range map[string]int{
		`psql postgresql://user:password@old-host:5432/shop -c 'SELECT 1'`:                            1,
		`curl -H "Authorization: Bearer $TOKEN" http://x`:                                             1,
		`x() { curl -H "Authorization: Bearer $TOKEN" "$@"; }`:                                        1,
		`export T=$(aws idp auth --auth-parameters USERNAME=a,PASSWORD="$password")`:                  1,
		`aws idp set --password "$pw"`:                                                                1,
		`aws s create --secret-string hello; aws s create --secret-string=hello`:                      2,
		`psql "host=x password=y"`:                                                                    1,
		`curl --user "me:$API_TOKEN" x`:                                                               1,
		`printf 'Authorization: Bearer %s' "$TOKEN" | curl -H @- http://x`:                            0,
		`export DATABASE_URL=postgresql://user:password@host:5432/shop`:                               0,
		`DATABASE_URL=postgresql://user:password@host:5432/shop cofre create`:                         0,
		`printf %s "$url" | aws s create --secret-string file:///dev/stdin`:                           0,
		`read -rs password; jq -n '{Password: env.password}' | aws idp set --cli-input-json file://x`: 0,
		`docker login --username AWS --password-stdin repository`:                                     0,
	} {
		found, err := secretsIn("x", script)
		if err != nil || len(found) != want {
			t.Errorf("%s: %v, %v, want %d", script, found, err, want)
		}
	}
}
