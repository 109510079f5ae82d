package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"

	"mvdan.cc/sh/v3/syntax"
)

// translation is a page in Portuguese, and the English one that it follows.
type translation struct {
	name, of string
	whole    bool // it has every section and block; others have some of the blocks
}

var translations = []translation{
	{"docs/restore.pt-BR.md", "docs/restore.md", true},
	{"docs/ui.pt-BR.md", "docs/ui.md", true},
	{"README.pt-BR.md", "README.md", false},
}

// TestTranslations: a page in Portuguese has the headings, pictures and commands of the English one, directions for tests included, and what
// stands in code face there. Sentences are translated, and comments in commands. Its links lead to pages in Portuguese where there are any.
func TestTranslations(t *testing.T) {
	pages := map[string]document{}
	for _, d := range documents(t) {
		pages[d.name] = d
	}
	same := headingsOf(pages, translations)
	for _, tr := range translations {
		d, of := pages[tr.name], pages[tr.of]
		for _, complaint := range slices.Concat(d.leads("English", of), of.leads("Português", d), untranslated(d, of, tr.whole, same), d.leadsAway(of, translations)) {
			t.Error(complaint)
		}
		if len(d.blocks) < 3 {
			t.Errorf("%s has only %d blocks", tr.name, len(d.blocks))
		}
		if apart[tr.name] == "" {
			t.Errorf("the commands of %s would be run a second time", tr.name)
		}
	}
	for name := range pages {
		if strings.Contains(name, ".pt-BR.") && !slices.ContainsFunc(translations, func(tr translation) bool { return tr.name == name }) {
			t.Errorf("%s follows no page: add it to the table in this file", name)
		}
	}
}

// leads complains when there is no line at the top with a link to the same page in another language.
func (d document) leads(language string, to document) []string {
	want := fmt.Sprintf("[%s](%s)", language, filepath.Base(to.name))
	if !slices.ContainsFunc(d.lines[:min(5, len(d.lines))], func(l line) bool { return l.text == want }) {
		return []string{fmt.Sprintf("%s has no line %s at its top", d.name, want)}
	}
	return nil
}

// headingsOf says of each page that is there in two languages, and of each of its headings as a link names them, what it is in both.
func headingsOf(pages map[string]document, all []translation) map[string]string {
	same := map[string]string{}
	for _, tr := range all {
		for _, name := range []string{tr.name, tr.of} {
			same[name] = tr.of
			n := 0
			for _, l := range pages[name].lines {
				if m := heading.FindStringSubmatch(l.text); m != nil {
					n++
					same[name+"#"+anchor(m[1])] = fmt.Sprintf("heading %d of %s", n, tr.of)
				}
			}
		}
	}
	return same
}

// leadsAway complains of links to a page in English that is there in Portuguese too, but for the one that this page follows.
func (d document) leadsAway(of document, all []translation) (found []string) {
	for _, l := range d.lines {
		for _, m := range linked.FindAllStringSubmatch(codeSpan.ReplaceAllString(l.text, "code"), -1) {
			file, _, _ := strings.Cut(m[1], "#")
			file = filepath.Join(filepath.Dir(d.name), file)
			for _, tr := range all {
				if file == tr.of && file != of.name {
					found = append(found, fmt.Sprintf("%s:%d: the link %s leads to English, and there is %s", d.name, l.number, m[1], tr.name))
				}
			}
		}
	}
	return found
}

// linked is the end of a link, where its words may be on the line before.
var linked = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// untranslated lists what a translation does not have as the page has that it follows; same is of [headingsOf].
func untranslated(d, of document, whole bool, same map[string]string) (found []string) {
	say := func(line int, format string, args ...any) {
		found = append(found, fmt.Sprintf("%s:%d: ", d.name, line)+fmt.Sprintf(format, args...))
	}
	next := 0
	for _, b := range d.blocks {
		at := slices.IndexFunc(of.blocks[next:], func(o block) bool { return bare(o) == bare(b) })
		switch {
		case at < 0:
			say(b.line, "%s has no such block, with these comments for the test, behind the ones before", of.name)
			continue
		case at > 0 && whole:
			say(b.line, "the block at %s:%d is missing in front of this one", of.name, of.blocks[next].line)
		}
		next += at + 1
	}
	if !whole {
		return found
	}
	if next < len(of.blocks) {
		say(0, "the block at %s:%d is missing", of.name, of.blocks[next].line)
	}
	a, b := d.sections(of, same), of.sections(d, same)
	for i := range min(len(a), len(b)) {
		if a[i].level != b[i].level {
			say(a[i].line, "a heading of level %d, and %s:%d has one of level %d", a[i].level, of.name, b[i].line, b[i].level)
			return found
		}
		for _, s := range without(b[i].marks, a[i].marks) {
			say(a[i].line, "this section does not have %s, which %s has in the one at line %d", s, of.name, b[i].line)
		}
		for _, s := range without(a[i].marks, b[i].marks) {
			say(a[i].line, "this section has %s, which %s does not have in the one at line %d", s, of.name, b[i].line)
		}
		for j, row := range b[i].rows {
			if j >= len(a[i].rows) || a[i].rows[j] != row {
				say(a[i].line, "row %d of this section's tables is not that of %s: %s", j+1, of.name, row)
				break
			}
		}
		if len(a[i].rows) > len(b[i].rows) {
			say(a[i].line, "more rows than %s has", of.name)
		}
	}
	if len(a) != len(b) {
		say(0, "%d headings, and %s has %d", len(a), of.name, len(b))
	}
	return found
}

// without lists those of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// bare is a block as text, its place and its comments left out.
func bare(b block) string {
	switch b.line = 0; b.language {
	case "sh":
		b.text = withoutComments(b.text)
	case "sql":
		b.text = sqlComment.ReplaceAllString(b.text, "")
	}
	return fmt.Sprintf("%+v", b)
}

var (
	sqlComment = regexp.MustCompile(`(?m)(?:^| +)-- .*$`)
	struckLine = regexp.MustCompile(`(?m)^[ \t]*\x00+\n`)
	struck     = regexp.MustCompile(`[ \t]*\x00+`)
)

// withoutComments leaves out lines and ends of lines that are a shell's comments.
func withoutComments(text string) string {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).Parse(strings.NewReader(text), "")
	if err != nil {
		return text // TestNoSecretInArguments reports it
	}
	out := []byte(text)
	syntax.Walk(file, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.Comment); ok {
			for i := int(c.Hash.Offset()); i < len(out) && out[i] != '\n'; i++ {
				out[i] = 0
			}
		}
		return true
	})
	return struck.ReplaceAllString(struckLine.ReplaceAllString(string(out), ""), "")
}

// section is what stands below a heading, as far as it is the same in every language.
type section struct {
	line, level int
	marks       []string // code, and targets of links and pictures
	rows        []string // the code in the first cell of each row of a table
}

// sections takes a page apart. Links within it, and to a page that is there in both languages (same), are to the number of a heading; those to
// the same page in the other language do not count.
func (d document) sections(other document, same map[string]string) (all []section) {
	own := map[string]int{}
	var texts []string
	for _, l := range d.lines {
		m := heading.FindStringSubmatch(l.text)
		if m == nil && len(all) == 0 {
			continue
		}
		if m != nil {
			own["#"+anchor(m[1])] = len(all)
			all, texts = append(all, section{line: l.number, level: strings.Index(l.text, " ")}), append(texts, "")
		}
		s := &all[len(all)-1]
		for _, c := range codeSpan.FindAllString(l.text, -1) {
			s.marks = append(s.marks, c)
		}
		if row, ok := strings.CutPrefix(l.text, "|"); ok {
			cell, _, _ := strings.Cut(row, " | ")
			s.rows = append(s.rows, strings.Join(codeSpan.FindAllString(cell, -1), " "))
		}
		texts[len(all)-1] += codeSpan.ReplaceAllString(l.text, "code") + "\n"
	}
	for i := range all {
		for _, m := range link.FindAllStringSubmatch(texts[i], -1) { // its words may be on two lines
			n, ok := own[m[1]]
			both := same[filepath.Join(filepath.Dir(d.name), m[1])]
			switch {
			case ok:
				all[i].marks = append(all[i].marks, fmt.Sprintf("a link to heading %d", n+1))
			case both != "" && both != d.name && both != other.name:
				all[i].marks = append(all[i].marks, "a link to "+both)
			case m[1] != filepath.Base(other.name):
				all[i].marks = append(all[i].marks, "a link to "+m[1])
			}
		}
		slices.Sort(all[i].marks)
		all[i].marks = slices.Compact(all[i].marks)
	}
	return all
}

// The test above sees what it is for.
func TestUntranslated(t *testing.T) {
	const english = "# Restore\n\n[Português](x.pt-BR.md)\n\n![A plan](images/plan.png)\n\nSee [below](#rows), [sizes](y.md#sizes), [the button](z.md#button) and `--plan`.\n\n<!-- check: rows shop 5 -->\n```sh\n" +
		"export A='#1'   # or two\n# then\ncofre list\n```\n\n## Rows\n\n| says | means |\n|---|---|\n| `no …` | with `--create` |\n\n```sql\nBEGIN; -- a remark\n```\n"
	const portuguese = "# Restauração\n\n[English](x.md)\n\n![Um plano](images/plan.png)\n\n`--plan` antes; veja [abaixo](#as-linhas), [o botão](z.pt-BR.md#botão) e\n[os\ntamanhos](y.md#sizes).\n\n<!-- check: rows shop 5 -->\n```sh\n" +
		"export A='#1'  # ou dois, até três\n# depois,\n# à noite\ncofre list\n```\n\n## As linhas\n\n| diz | significa |\n|---|---|\n| `no …` | use `--create` |\n\n```sql\nBEGIN; -- um comentário\n```\n"
	read := func(name, text string) document {
		d, err := parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	of := read("x.md", english)
	both := []translation{{"x.pt-BR.md", "x.md", true}, {"z.pt-BR.md", "z.md", true}}
	same := headingsOf(map[string]document{"z.md": read("z.md", "# Z\n\n## Button\n"), "z.pt-BR.md": read("z.pt-BR.md", "# Z\n\n## Botão\n")}, both)
	compare := func(text string, whole bool) []string {
		d := read("x.pt-BR.md", text)
		return slices.Concat(d.leads("English", of), untranslated(d, of, whole, same), d.leadsAway(of, both))
	}
	if found := compare(portuguese, true); found != nil {
		t.Errorf("a faithful page is refused: %q", found)
	}
	_, part, _ := strings.Cut(portuguese, "## As linhas")
	if found := compare("# Linhas\n\n[English](x.md)\n"+part, false); found != nil {
		t.Errorf("a page with some of the blocks is refused: %q", found)
	}
	for _, c := range []struct{ old, new, complaint string }{
		{"cofre list", "cofre list --utc", "has no such block"},
		{"'#1'", "'#2'", "has no such block"},
		{"BEGIN;", "COMMIT;", "has no such block"},
		{"rows shop 5 ", "rows shop 6 ", "has no such block"},
		{"```sql\nBEGIN; -- um comentário\n```\n", "", "the block at x.md:23 is missing"},
		{"(#as-linhas)", "(#restauração)", "a link to heading 2"},
		{"images/plan.png", "images/home.png", "does not have a link to images/plan.png"},
		{"#botão", "#z", "does not have a link to heading 2 of z.md"},
		{"z.pt-BR.md#botão", "z.md#button", "leads to English"},
		{"y.md#sizes", "y.md", "a link to y.md#sizes"},
		{"`--plan`", "`--list`", "has `--list`, which"},
		{"`--create`", "--create", "does not have `--create`"},
		{"| `no …` |", "| no |", "row 3 of this section's tables"},
		{"## As linhas", "### As linhas", "a heading of level 3"},
		{"## As linhas", "## As linhas\n\n## Outra", "3 headings"},
		{"[English](x.md)", "", "no line [English](x.md)"},
	} {
		found := strings.Join(compare(strings.Replace(portuguese, c.old, c.new, 1), true), "\n")
		if !strings.Contains(found, c.complaint) {
			t.Errorf("%q for %q: %q does not say %q", c.new, c.old, found, c.complaint)
		}
	}
}

// What the web UI says names pages in its own language, and headings that are there.
func TestMessagesNamePages(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testenv.Root(), "web/src/i18n/*.ts"))
	named := regexp.MustCompile(`(docs/[\w.-]+\.md)(?:, “([^”]+)”)?`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			page, err := os.ReadFile(filepath.Join(testenv.Root(), m[1]))
			if err != nil || m[2] != "" && !strings.Contains(string(page), "\n## "+m[2]+"\n") {
				t.Errorf("%s names %s, which is not there: %v", filepath.Base(file), m[0], err)
			}
			own := strings.TrimSuffix(m[1], ".md") + ".pt-BR.md"
			if _, err := os.Stat(filepath.Join(testenv.Root(), own)); err == nil && strings.HasSuffix(file, "pt-BR.ts") {
				t.Errorf("%s names %s, and there is %s", filepath.Base(file), m[1], own)
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d pages are named", found)
	}
}
