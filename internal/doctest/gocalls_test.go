package doctest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// goCalls is what a Go file calls, its scripts among it.
type goCalls struct {
	shell
	dynamic []called // the expressions that name a program when the test runs
	tags    string   // the build constraint
}

// scripted are functions of tests that take a script.
var scripted = []string{"shell", "pgDumpWrapper"}

// goReader walks through a file.
type goReader struct {
	goCalls
	name string
	set  *token.FileSet
	err  error
}

// readGo finds the programs that exec.Command, CommandContext, LookPath and measure.Stage name, and those that scripts in
// its strings call.
func readGo(name, text string) (goCalls, error) {
	r := goReader{name: name, set: token.NewFileSet()}
	file, err := parser.ParseFile(r.set, name, text, parser.ParseComments)
	if err != nil {
		return goCalls{}, err
	}
	for _, c := range file.Comments {
		if line, ok := strings.CutPrefix(c.List[0].Text, "//go:build "); ok {
			r.tags = line
		}
	}
	ast.Inspect(file, r.visit)
	return r.goCalls, r.err
}

func (r *goReader) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch fun := types.ExprString(n.Fun); {
		case (fun == "exec.Command" || fun == "exec.LookPath") && len(n.Args) > 0:
			r.program(n.Args[0], n.Args[1:])
		case fun == "exec.CommandContext" && len(n.Args) > 1:
			r.program(n.Args[1], n.Args[2:])
		case slices.Contains(scripted, fun):
			for _, a := range n.Args {
				if text, ok := constant(a); ok {
					r.script(a, text)
				}
			}
		}
	case *ast.CompositeLit:
		switch kind := types.ExprString(n.Type); {
		case strings.TrimPrefix(kind, "measure.") == "Stage" && len(n.Elts) > 0:
			r.program(n.Elts[0], n.Elts[1:])
		case kind == "exec.Cmd":
			r.dynamic = append(r.dynamic, called{"exec.Cmd{}", r.at(n)})
		}
	case *ast.BasicLit:
		if text, ok := constant(n); ok && (strings.HasPrefix(text, "#!/bin/") || strings.Contains(text, `$REAL "$@"`)) {
			r.script(n, text)
		}
	}
	return true
}

func (r *goReader) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", r.name, r.set.Position(n.Pos()).Line)
}

// script reads what a string holds, or the end of one that is put together.
func (r *goReader) script(n ast.Node, text string) {
	if err := r.nested(r.at(n), strings.TrimLeft(text, " &|;")); err != nil {
		r.err = err
	}
}

// program notes one that is called with these arguments.
func (r *goReader) program(e ast.Expr, args []ast.Expr) {
	path, ok := constant(e)
	switch {
	case !ok && !isPath(e):
		r.dynamic = append(r.dynamic, called{types.ExprString(e), r.at(e)})
		return
	case !ok, strings.Contains(path, "/") && !strings.HasPrefix(path, "/bin/") && !strings.HasPrefix(path, "/usr/bin/"): // its own
		return
	}
	path = filepath.Base(path)
	r.calls = append(r.calls, called{path, r.at(e)})
	if path != "sh" && path != "bash" {
		return
	}
	for i, a := range args[:max(0, len(args)-1)] {
		option, _ := constant(a)
		if text, ok := constant(args[i+1]); ok && strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--") && strings.HasSuffix(option, "c") {
			r.script(args[i+1], text)
		}
	}
}

// constant is the value of a string literal.
func constant(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// isPath tells whether an expression is a path by its looks: of this program itself, or below a folder that it names.
func isPath(e ast.Expr) bool {
	text := types.ExprString(e)
	return text == "os.Args[0]" || strings.HasPrefix(text, "filepath.Join(") || strings.HasPrefix(text, "testenv.")
}

func TestReadGo(t *testing.T) {
	g, err := readGo("x_test.go", "//go:build sam\n\npackage x\n\nfunc f() {\n"+
		"exec.Command(\"one\", \"-x\")\nexec.CommandContext(ctx, `two`)\nexec.LookPath(\"three\")\nexec.Command(what)\nexec.Command(filepath.Join(a, \"b\"))\n"+
		"exec.Command(\"/usr/bin/four\")\nexec.Command(\"/rie\")\nexec.Command(\"./check\")\n_ = measure.Stage{\"five\"}\n_ = exec.Cmd{Path: p}\n"+
		"exec.Command(\"sh\", \"-c\", `six | seven`)\nos.WriteFile(f, []byte(\"#!/bin/sh\\neight\\n\"), 0o755)\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	var got, dynamic []string
	for _, c := range g.calls {
		got = append(got, c.program)
	}
	for _, c := range g.dynamic {
		dynamic = append(dynamic, c.program)
	}
	if want := "one two three four five sh six seven eight"; strings.Join(got, " ") != want || g.tags != "sam" || strings.Join(dynamic, " ") != "what exec.Cmd{}" {
		t.Errorf("got %q, %q, %q", got, dynamic, g.tags)
	}
}
