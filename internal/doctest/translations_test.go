package doctest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// translation is a page in Portuguese, and the English one that it follows.
type translation struct {
	name, of string
	whole    bool // it has every section and block; others have some of the blocks
}

var translations = []translation{
	{"docs/restore.pt-BR.md", "docs/restore.md", true},
	{"README.pt-BR.md", "README.md", false},
}

// TestTranslations: a page in Portuguese has the commands of the English one, directions for tests included, and what stands in
// code face there. Sentences are translated, and comments in commands.
func TestTranslations(t *testing.T) {
	pages := map[string]document{}
	for _, d := range documents(t) {
		pages[d.name] = d
	}
	for _, tr := range translations {
		d, of := pages[tr.name], pages[tr.of]
		for _, complaint := range slices.Concat(d.leads("English", of), of.leads("Português", d), untranslated(d, of, tr.whole)) {
			t.Error(complaint)
		}
		if len(d.blocks) < 4 {
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

// untranslated lists what a translation does not have as the page has that it follows.
func untranslated(d, of document, whole bool) (found []string) {
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
	a, b := d.sections(of), of.sections(d)
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
	marks       []string // code and targets of links
	rows        []string // the code in the first cell of each row of a table
}

// sections takes a page apart. Links within it are to the number of a heading; those to the same page in the other language do not count.
func (d document) sections(other document) (all []section) {
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
			switch {
			case ok:
				all[i].marks = append(all[i].marks, fmt.Sprintf("a link to heading %d", n+1))
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
	const english = "# Restore\n\n[Português](x.pt-BR.md)\n\nSee [below](#rows), [sizes](y.md#sizes) and `--plan`.\n\n<!-- check: rows shop 5 -->\n```sh\n" +
		"export A='#1'   # or two\n# then\ncofre list\n```\n\n## Rows\n\n| says | means |\n|---|---|\n| `no …` | with `--create` |\n\n```sql\nBEGIN; -- a remark\n```\n"
	const portuguese = "# Restauração\n\n[English](x.md)\n\n`--plan` antes; veja [abaixo](#as-linhas) e\n[os\ntamanhos](y.md#sizes).\n\n<!-- check: rows shop 5 -->\n```sh\n" +
		"export A='#1'  # ou dois, até três\n# depois,\n# à noite\ncofre list\n```\n\n## As linhas\n\n| diz | significa |\n|---|---|\n| `no …` | use `--create` |\n\n```sql\nBEGIN; -- um comentário\n```\n"
	read := func(name, text string) document {
		d, err := parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	of := read("x.md", english)
	compare := func(text string, whole bool) []string {
		d := read("x.pt-BR.md", text)
		return slices.Concat(d.leads("English", of), untranslated(d, of, whole))
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
		{"```sql\nBEGIN; -- um comentário\n```\n", "", "the block at x.md:21 is missing"},
		{"(#as-linhas)", "(#restauração)", "a link to heading 2"},
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
