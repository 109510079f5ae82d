package doctest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// called is a program that is called by its name, and where.
type called struct {
	program string
	where   string // file:line
}

// shell is what a shell script calls and declares.
type shell struct {
	calls     []called
	functions []string
	sources   []string // base names of the scripts that it reads
}

// builtins are the shell's own.
var builtins = strings.Fields(". : [ alias bg break builtin cd command continue declare echo eval exec exit export fg getopts hash jobs kill let local " +
	"mapfile printf pushd popd pwd read readonly return set shift shopt source test times trap true false type ulimit umask unalias unset wait")

// runners call the program that is their first argument which is neither an option, its value by its looks, nor a variable's setting.
var runners = []string{"env", "exec", "command", "nice", "nohup", "sudo", "xargs"}

// readShell takes a script apart. Words that hold a variable are paths, or programs that were named where it was set.
func readShell(name, text string, bash bool) (shell, error) {
	language := syntax.LangPOSIX
	if bash {
		language = syntax.LangBash
	}
	file, err := syntax.NewParser(syntax.Variant(language)).Parse(strings.NewReader(text), name)
	if err != nil {
		return shell{}, err
	}
	var s shell
	var failed error
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			s.functions = append(s.functions, n.Name.Value)
		case *syntax.CallExpr:
			if err := s.call(name, n.Args); err != nil {
				failed = err
			}
		}
		return true
	})
	return s, failed
}

// call notes a call, and what the program or builtin that it names calls in its turn.
func (s *shell) call(name string, words []*syntax.Word) error {
	if len(words) == 0 {
		return nil
	}
	program := literal(words[0])
	where := fmt.Sprintf("%s:%d", name, words[0].Pos().Line())
	rest := words[1:]
	if program != "" && !strings.Contains(program, "/") {
		s.calls = append(s.calls, called{program, where})
	}
	switch {
	case (program == "." || program == "source") && len(rest) > 0:
		if path := flat(rest[0]); path != "" {
			s.sources = append(s.sources, filepath.Base(path))
		}
	case program == "command" && len(rest) > 0 && literal(rest[0]) == "-v":
	case program == "trap" && len(rest) > 0 && literal(rest[0]) != "-":
		return s.nested(where, flat(rest[0]))
	case program == "sh" || program == "bash":
		for i, w := range rest[:max(0, len(rest)-1)] {
			if option := literal(w); strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--") && strings.HasSuffix(option, "c") {
				return s.nested(where, flat(rest[i+1]))
			}
		}
	case program == "find":
		for i, w := range rest[:max(0, len(rest)-1)] {
			if option := literal(w); option == "-exec" || option == "-execdir" {
				return s.call(name, rest[i+1:i+2])
			}
		}
	case program == "unshare" || program == "chroot":
		for i, w := range rest {
			if inner := literal(w); inner == "sh" || inner == "bash" {
				return s.call(name, rest[i:])
			}
		}
	case slices.Contains(runners, program):
		for i, w := range rest {
			if text := flat(w); !strings.HasPrefix(text, "-") && !strings.Contains(text, "=") && strings.Trim(text, "0123456789{}") != "" && text[0] != '\\' {
				return s.call(name, rest[i:])
			}
		}
	}
	return nil
}

// nested reads a script that is an argument.
func (s *shell) nested(where, text string) error {
	inner, err := readShell(where, text, true)
	s.calls = append(s.calls, inner.calls...)
	s.functions = append(s.functions, inner.functions...)
	s.sources = append(s.sources, inner.sources...)
	return err
}

// literal is a word without anything to expand, or "".
func literal(w *syntax.Word) string {
	var b strings.Builder
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		default:
			return ""
		}
	}
	return b.String()
}

// flat is a word's text, with x for what is expanded.
func flat(w *syntax.Word) string {
	var b strings.Builder
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			b.WriteString(flat(&syntax.Word{Parts: p.Parts}))
		default:
			b.WriteString("x")
		}
	}
	return b.String()
}

func TestReadShell(t *testing.T) {
	s, err := readShell("x", `
. "$LAYER/lib/packages.sh"
say() { printf '%s\n' "$*" | sed s/a/b/; }
command -v absent || A=1 exec nice -n 5 env B=2 prog "$(inner --x)" >"$f"
trap 'rm -rf "$d"' EXIT
bash -euo pipefail -c 'one | two' && find . -name x -exec three {} + | xargs -r four
"$dynamic" five; bin/six; [ -e x ] && ! seven
unshare --mount sh -euc 'mount "$1"' sh x
`, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range s.calls {
		if !slices.Contains(builtins, c.program) && !slices.Contains(s.functions, c.program) {
			got = append(got, c.program)
		}
	}
	slices.Sort(got)
	want := strings.Fields("bash env find four inner mount nice one prog rm sed seven sh three two unshare xargs")
	if !slices.Equal(got, want) || !slices.Equal(s.sources, []string{"packages.sh"}) || !slices.Equal(s.functions, []string{"say"}) {
		t.Errorf("calls %q\nwant  %q\nsources %q, functions %q", got, want, s.sources, s.functions)
	}
}
