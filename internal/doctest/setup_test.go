package doctest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"cofre/internal/testenv"
)

// setupScript is scripts/setup: the words that each of its functions installs, and the functions that it calls.
type setupScript struct {
	words, calls map[string][]string
	usual        []string // the parts that are set up when none is named
	known        []string // those that it knows when they are named
}

// readSetup takes scripts/setup apart. Packages are the arguments of install behind the reason, those that "set --" gathers for
// it, and the words of a loop.
func readSetup(t *testing.T) setupScript {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(), "scripts", "setup"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(string(text)), "scripts/setup")
	if err != nil {
		t.Fatal(err)
	}
	s := setupScript{words: map[string][]string{}, calls: map[string][]string{}}
	read := func(in string, n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			return in == n.Name.Value
		case *syntax.WordIter:
			for _, w := range n.Items {
				s.words[in] = append(s.words[in], literal(w))
			}
		case *syntax.CaseItem:
			if in == "" {
				part, _, _ := strings.Cut(flat(n.Patterns[0]), "-")
				s.known = append(s.known, part)
			}
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				break
			}
			name := literal(n.Args[0])
			s.calls[in] = append(s.calls[in], name)
			if len(n.Args) > 2 && (name == "install" || name == "set" && literal(n.Args[1]) == "--") {
				for _, w := range n.Args[2:] {
					s.words[in] = append(s.words[in], literal(w))
				}
			}
		}
		return true
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if f, ok := n.(*syntax.FuncDecl); ok {
			syntax.Walk(f, func(n syntax.Node) bool { return read(f.Name.Value, n) })
		}
		return n == nil || read("", n)
	})
	for _, w := range s.words[""] {
		if part, _, _ := strings.Cut(w, "-"); slices.Contains(s.parts(), part) {
			s.usual = append(s.usual, part)
		}
	}
	for _, part := range s.parts() {
		if !slices.Contains(s.known, part) {
			t.Errorf("scripts/setup has setup_%s, and does not know the part %s", part, part)
		}
	}
	return s
}

// parts lists all of them, without what stands behind a dash.
func (s setupScript) parts() (all []string) {
	for name := range maps.Keys(s.calls) {
		if part, ok := strings.CutPrefix(name, "setup_"); ok {
			all = append(all, part)
		}
	}
	return all
}

// brought lists the packages of some parts.
func (s setupScript) brought(parts ...string) (all []string) {
	var add func(function string, depth int)
	add = func(function string, depth int) {
		all = append(all, s.words[function]...)
		for _, c := range s.calls[function] {
			if c != "" && s.calls[c] != nil && depth < 5 {
				add(c, depth+1)
			}
		}
	}
	for _, p := range parts {
		add("setup_"+p, 0)
	}
	return all
}
