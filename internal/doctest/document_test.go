package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

// document is one Markdown file.
type document struct {
	name   string // relative to the checkout
	blocks []block
	lines  []line // outside of blocks
}

// line is a line of text. Paragraphs are not joined: a code span stays on one line here.
type line struct {
	number int
	text   string
}

// block is a fenced block.
type block struct {
	line     int // of its first line
	language string
	text     string
	notRun   string   // why it cannot run in a test; "" when it runs
	before   []string // shell commands that make the situation
	after    []string // shell commands that prove what the document promises
	exit     int      // the status it ends with
}

// documents reads every document, in the order in which somebody would read them.
func documents(t *testing.T) []document {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "README.pt-BR.md"}
	more, err := filepath.Glob(filepath.Join(testenv.Root(), "docs", "*.md"))
	if err != nil || len(more) < 2 {
		t.Fatalf("found %d documents in docs/: %v", len(more), err)
	}
	for _, m := range more {
		names = append(names, "docs/"+filepath.Base(m))
	}
	var all []document
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(testenv.Root(), name))
		if err != nil {
			t.Fatal(err)
		}
		d, err := parse(name, string(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// directive is a comment that speaks to this test.
var directive = regexp.MustCompile(`(?s)^<!--\s*(not run|test|check|exit):\s*(.*?)\s*-->$`)

// parse takes a document apart. Fences are three backticks at the beginning of a line.
func parse(name, text string) (document, error) {
	d := document{name: name}
	var open *block
	var next block // directives for the next block
	fresh := true  // next has no directives yet
	for i, s := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(s, "```")
		m := directive.FindStringSubmatch(s)
		switch {
		case open != nil && isFence:
			d.blocks, open = append(d.blocks, *open), nil
		case open != nil:
			open.text += s + "\n"
		case isFence:
			b := next
			b.line, b.language = i+2, strings.TrimSpace(fence)
			if !fresh && b.language != "sh" {
				return d, fmt.Errorf("%s:%d: a comment for the test stands before a block that is not sh", name, i+1)
			}
			open, next, fresh = &b, block{}, true
		case m != nil:
			fresh = false
			if err := next.direct(m[1], m[2]); err != nil {
				return d, fmt.Errorf("%s:%d: %w", name, i+1, err)
			}
		case strings.TrimSpace(s) != "" && !fresh:
			return d, fmt.Errorf("%s:%d: a comment for the test has no block behind it", name, i)
		default:
			d.lines = append(d.lines, line{i + 1, s})
		}
	}
	if open != nil {
		return d, fmt.Errorf("%s:%d: a block is not closed", name, open.line)
	}
	return d, nil
}

// direct takes one directive.
func (b *block) direct(what, value string) error {
	switch what {
	case "not run":
		b.notRun = value
	case "test":
		b.before = append(b.before, value)
	case "check":
		b.after = append(b.after, value)
	case "exit":
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("exit: %w", err)
		}
		b.exit = n
	}
	if value == "" {
		return fmt.Errorf("the comment %q says nothing", what)
	}
	return nil
}

// span is a piece of inline code.
type span struct {
	line int
	text string
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// spans lists the inline code of a document.
func (d document) spans() []span {
	var out []span
	for _, l := range d.lines {
		for _, m := range codeSpan.FindAllStringSubmatch(l.text, -1) {
			out = append(out, span{l.number, m[1]})
		}
	}
	return out
}

// table gives the cells of the first table whose head row holds all of these words.
func (d document) table(t *testing.T, head ...string) [][]string {
	t.Helper()
	var rows [][]string
	inside := false
	for _, l := range d.lines {
		row, ok := strings.CutPrefix(strings.TrimSpace(l.text), "|")
		switch {
		case !ok && inside:
			return rows[1:] // without the rule below the head
		case !ok:
			continue
		}
		cells := strings.Split(strings.TrimSuffix(row, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if inside {
			rows = append(rows, cells)
			continue
		}
		inside = true
		for _, h := range head {
			inside = inside && strings.Contains(row, h)
		}
	}
	if !inside {
		t.Fatalf("%s has no table with the columns %q", d.name, head)
	}
	return rows[1:]
}

func TestParse(t *testing.T) {
	d, err := parse("x.md", "text `a b`\n\n<!-- test: one -->\n<!-- check: two -->\n<!-- exit: 6 -->\n```sh\nfalse\n```\n<!-- not run: why -->\n\n```sh\nreboot\n```\n```json\n{}\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 7, language: "sh", text: "false\n", before: []string{"one"}, after: []string{"two"}, exit: 6},
		{line: 12, language: "sh", text: "reboot\n", notRun: "why"},
		{line: 15, language: "json", text: "{}\n"},
	}
	if fmt.Sprint(d.blocks) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", d.blocks, want)
	}
	if s := d.spans(); len(s) != 1 || s[0] != (span{1, "a b"}) {
		t.Errorf("spans %v", s)
	}
	for _, bad := range []string{"```sh\n", "<!-- not run: -->\n```sh\n```\n", "<!-- exit: 1 -->\ntext\n", "<!-- exit: x -->\n```sh\n```\n", "<!-- exit: 1 -->\n```ini\n```\n"} {
		if _, err := parse("x.md", bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}
