package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

// sources is what the Go files of the checkout say, as far as documents speak of it.
type sources struct {
	tests   map[string]bool // names of Test, Fuzz and Benchmark functions
	literal []string        // string literals outside of tests
	codes   map[string]bool // error codes of pkg/fault
}

// readSources parses every Go file.
func readSources(t *testing.T) sources {
	t.Helper()
	s := sources{tests: map[string]bool{}, codes: map[string]bool{}}
	err := filepath.WalkDir(testenv.Root(), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != testenv.Root() {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		test := strings.HasSuffix(path, "_test.go")
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if test {
					s.tests[n.Name.Name] = true
				}
			case *ast.BasicLit:
				if v, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && !test {
					s.literal = append(s.literal, v)
					if filepath.Base(filepath.Dir(path)) == "fault" && errorCode.MatchString(v) && !strings.Contains(v, " ") {
						s.codes[v] = true
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.tests) < 50 || len(s.codes) < 8 || len(s.literal) < 1000 {
		t.Fatalf("the sources were not understood: %d tests, %d codes, %d literals", len(s.tests), len(s.codes), len(s.literal))
	}
	return s
}

var testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)

// TestNames: tests and error codes that a document names exist.
func TestNames(t *testing.T) {
	s := readSources(t)
	for _, d := range documents(t) {
		for _, l := range d.texts() {
			for _, name := range testName.FindAllString(l.text, -1) {
				if !s.tests[name] {
					t.Errorf("%s:%d: there is no test %s", d.name, l.line, name)
				}
			}
			for _, code := range errorCode.FindAllString(l.text, -1) {
				if !s.codes[code] {
					t.Errorf("%s:%d: there is no error code %s", d.name, l.line, code)
				}
			}
		}
	}
	// Every code is explained where recovery is.
	for code := range s.codes {
		if !slices.ContainsFunc(documents(t)[2].lines, func(l line) bool { return strings.Contains(l.text, "`"+code+"`") }) {
			t.Errorf("ARCHITECTURE.md does not explain %s", code)
		}
	}
}

// TestMessages: the messages that docs/restore.md explains are those of the program. An ellipsis stands for what
// differs from case to case.
func TestMessages(t *testing.T) {
	s := readSources(t)
	var table [][]string
	for _, d := range documents(t) {
		if d.name == "docs/restore.md" {
			table = d.table(t, "cofre says", "means")
		}
	}
	if len(table) < 8 {
		t.Fatalf("docs/restore.md explains only %d messages", len(table))
	}
	for _, row := range table {
		for _, m := range codeSpan.FindAllStringSubmatch(row[0], -1) {
			parts := strings.Split(m[1], "…")
			if !slices.ContainsFunc(s.literal, func(lit string) bool {
				return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(lit, strings.TrimSpace(p)) })
			}) {
				t.Errorf("docs/restore.md: cofre never says %q", m[1])
			}
		}
	}
}

// TestPackages: ARCHITECTURE.md lists every package, and no other.
func TestPackages(t *testing.T) {
	cmd := exec.Command("go", "list", "-e", "./...")
	cmd.Dir = testenv.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	list := documents(t)[2].blocks[0].text
	for _, p := range strings.Fields(string(out)) {
		p = strings.TrimPrefix(p, "cofre/")
		top, _, _ := strings.Cut(p, "/")
		if p == "pkg" || regexp.MustCompile(`(?m)(^|\s)`+regexp.QuoteMeta(p)+`[\s:,]`).MatchString(list) {
			continue
		}
		if top == "pkg" || top == "cmd" || top == "internal" && strings.Count(p, "/") == 1 {
			t.Errorf("ARCHITECTURE.md does not list the package %s", p)
		}
	}
}

// place finds what looks like a path of the checkout.
var place = regexp.MustCompile(`^(?:pkg|cmd|internal|docs|layers|scripts|tools|bench|functions)/[\w./-]*$|^[\w-]+\.(?:md|go)$|^Makefile$`)

// TestPlaces: files and folders that a document names exist.
func TestPlaces(t *testing.T) {
	for _, d := range documents(t) {
		for _, s := range d.spans() {
			if !place.MatchString(s.text) {
				continue
			}
			if _, err := os.Stat(filepath.Join(testenv.Root(), s.text)); err != nil {
				t.Errorf("%s:%d: there is no %s", d.name, s.line, s.text)
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#+ +(.+?)\s*$`)
)

// TestLinks: relative links lead somewhere, to the heading too.
func TestLinks(t *testing.T) {
	anchors := map[string]map[string]bool{}
	for _, d := range documents(t) {
		anchors[d.name] = map[string]bool{}
		for _, l := range d.lines {
			if m := heading.FindStringSubmatch(l.text); m != nil {
				anchors[d.name][anchor(m[1])] = true
			}
		}
	}
	count := 0
	for _, d := range documents(t) {
		for _, l := range d.lines {
			for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(l.text, "code"), -1) {
				file, part, hasPart := strings.Cut(m[1], "#")
				if strings.Contains(m[1], "://") {
					continue
				}
				count++
				name := d.name
				if file != "" {
					name = filepath.Join(filepath.Dir(d.name), file)
				}
				if _, err := os.Stat(filepath.Join(testenv.Root(), name)); err != nil {
					t.Errorf("%s:%d: the link %s leads nowhere", d.name, l.number, m[1])
				} else if hasPart && anchors[name] != nil && !anchors[name][part] {
					t.Errorf("%s:%d: %s has no heading #%s", d.name, l.number, name, part)
				}
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d links were found", count)
	}
}

// TestContents: a page that begins with its contents, three links or more to its own headings before the first of them, leaves no heading of the second and third level
// out, so that whoever looks at the beginning finds all of it.
func TestContents(t *testing.T) {
	own := regexp.MustCompile(`\]\(#([^)\s]+)\)`)
	pages := 0
	for _, d := range documents(t) {
		contents, left := map[string]bool{}, []string{}
		begun := false
		for _, l := range d.lines {
			if m := heading.FindStringSubmatch(l.text); m != nil && strings.HasPrefix(l.text, "##") {
				begun = true
				if !contents[anchor(m[1])] && !strings.HasPrefix(l.text, "####") {
					left = append(left, m[1])
				}
			}
			for _, m := range own.FindAllStringSubmatch(l.text, -1) {
				if !begun {
					contents[m[1]] = true
				}
			}
		}
		if len(contents) < 3 {
			continue
		}
		pages++
		for _, title := range left {
			t.Errorf("%s: its contents do not lead to %q", d.name, title)
		}
	}
	if pages < 3 {
		t.Errorf("only %d pages have contents", pages)
	}
}

// anchor gives a heading's anchor, as code hosts make it: lower case, spaces to dashes, punctuation dropped.
func anchor(s string) string {
	s = strings.ToLower(strings.ReplaceAll(s, " ", "-"))
	return regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(s, "")
}
