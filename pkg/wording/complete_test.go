package wording

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

func init() { WithHelp() }

// TestEveryTextIsSaid goes through the sources for what faults, findings, checks and the command line tell people, and wants words for each.
func TestEveryTextIsSaid(t *testing.T) {
	found := 0
	for _, dir := range packages(t) {
		p := readPackage(t, dir)
		for _, x := range p.texts() {
			found++
			for _, line := range strings.Split(x.text, "\n") {
				if pattern := core(line); strings.ContainsFunc(verbs.ReplaceAllString(pattern, ""), unicode.IsLetter) && !layout[pattern] && !Known(Portuguese, filledIn(pattern)) {
					t.Errorf("%s: %q", x.at, line)
				}
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d texts were found", found)
	}
}

// TestCheckNamesAreSaid does so for what checks are called, which may be a single word.
func TestCheckNamesAreSaid(t *testing.T) {
	found := 0
	for _, dir := range packages(t) {
		p := readPackage(t, dir)
		for _, f := range p.files {
			ast.Inspect(f, func(n ast.Node) bool {
				for _, text := range p.checkName(n) {
					found++
					if name := filledIn(text); text != "%s: %s" && !Known(Portuguese, name) {
						t.Errorf("%s: %q", p.set.Position(n.Pos()), text)
					}
				}
				return true
			})
		}
	}
	if found < 30 {
		t.Errorf("only %d checks were found", found)
	}
}

// checkName is what a Check that a piece of a source makes is called.
func (p *sources) checkName(n ast.Node) []string {
	var name ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		if strings.TrimPrefix(types.ExprString(n.Fun), "backup.") == "Failing" {
			name = n.Args[0]
		}
	case *ast.CompositeLit:
		if strings.TrimPrefix(typeOf(n), "backup.") != "Check" {
			break
		}
		for _, e := range n.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok && types.ExprString(pair.Key) == "Name" {
				name = pair.Value
			}
		}
	}
	if call, ok := name.(*ast.CallExpr); ok {
		var all []string
		for _, e := range p.returned[p.name(call)] {
			all = append(all, textsOf(e)...)
		}
		return all
	}
	return textsOf(name)
}

// typeOf is what the type of a literal is called, "" within another one that says it.
func typeOf(l *ast.CompositeLit) string {
	if l.Type == nil {
		return ""
	}
	return types.ExprString(l.Type)
}

// layout are lines of the command line that only put other words beside each other, and what programs write.
var layout = map[string]bool{
	"cofre %s%s, %s, %s": true, "retentionDays %d, maxBackups %d, defaultDirectory %q": true, "%s%s, %d kept": true, "%s of today would be removed by %s%s; %d kept then": true,
	"backup %s removed%s": true, "location %s is removed%s": true, "%s is damaged: %s%s": true, "backup %s did not come back as it was made: %s%s": true,
	"restoring backup %s takes about %s, and there is room for %s (%s)%s": true, "backup %s": true, "%s failed": true, "%s%s: want a number from 0 to %d": true, "%s does not exist": true, "the database %s": true, "backup %s, %s, %s, %s": true, "%s  backup %s, %s, %s, %s": true, "there is no %s": true, "the definition of %s %s": true, "(large objects)": true, "%s %s%s, %d kept": true, "%s %s  backup %s, %s, %s, %s": true,
}

var (
	verbs  = regexp.MustCompile(`%(?: x|[-+#*.0-9]*[a-z])`)
	around = regexp.MustCompile(`^(?:%s |[;,] |\s)+(?:(backup|channel|location|source|the|whoever|nothing) )`)
)

// core is a text without the sign in front of it, and without what joins it to the one before.
func core(line string) string {
	return strings.TrimSpace(strings.TrimLeft(around.ReplaceAllString(line, "$1 "), ";, "))
}

// packages are the folders of the packages whose words people read. What a demo says of a program that is not delivered is not among them.
func packages(t *testing.T) []string {
	var dirs []string
	add := func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		if slices.Contains([]string{"testdata", "storagetest", "postgrestest", "demo", "wording", "contract", "jsonschema"}, e.Name()) {
			return fs.SkipDir
		}
		dirs = append(dirs, path)
		return nil
	}
	if err := errors.Join(filepath.WalkDir("..", add), filepath.WalkDir("../../functions", add)); err != nil {
		t.Fatal(err)
	}
	return dirs
}

type sources struct {
	set   *token.FileSet
	dir   string
	files []*ast.File
	// told are the functions that make a text of their arguments: which of those are texts.
	told map[string][]int
	// returned are what functions of the package return, where that is one string.
	returned map[string][]ast.Expr
}

// readers are the packages that read backups: every error of theirs may be what is wrong with one, but for those that say by the package's
// name that a program used it wrongly.
var readers = []string{"archive", "contents", "jsonlist", "registry", "rows", "signature", "stream", "tuples"}

// fields are those of structures that are told.
var fields = []string{"Hint", "Text", "Detail", "Msg", "Where"}

type said struct{ at, text string }

func readPackage(t *testing.T, dir string) *sources {
	p := &sources{set: token.NewFileSet(), dir: dir, returned: map[string][]ast.Expr{}, told: map[string][]int{
		"fault.New": {2, 3}, "fault.Wrap": {3, 4}, "p.note": {0}, "p.printf": {0}, "p.bar": {0}, "m.integerIn": {1}, "valueError": {0},
	}}
	if filepath.Base(dir) == "server" {
		p.told["refused"] = []int{2}
	}
	if slices.Contains(readers, filepath.Base(dir)) {
		p.told["errors.New"], p.told["fmt.Errorf"] = []int{0}, []int{0}
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(p.set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		p.files = append(p.files, f)
	}
	p.learnReturns()
	for p.learn() { // until nothing is found that hands its arguments on
	}
	return p
}

// learnReturns finds the functions that make a single string.
func (p *sources) learnReturns() {
	for _, f := range p.files {
		for _, d := range f.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil || decl.Type.Results == nil || len(decl.Type.Results.List) != 1 {
				continue
			}
			if result, ok := decl.Type.Results.List[0].Type.(*ast.Ident); !ok || result.Name != "string" {
				continue
			}
			ast.Inspect(decl.Body, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
					p.returned[decl.Name.Name] = append(p.returned[decl.Name.Name], r.Results[0])
				}
				_, inner := n.(*ast.FuncLit)
				return !inner
			})
		}
	}
}

// learn finds functions that hand arguments of theirs to one that tells them, or put them into a field that is told.
func (p *sources) learn() (more bool) {
	for _, f := range p.files {
		for _, d := range f.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil {
				continue
			}
			var params []string
			for _, field := range decl.Type.Params.List {
				for _, name := range field.Names {
					params = append(params, name.Name)
				}
			}
			hand := func(e ast.Expr) {
				for _, name := range p.handedOn(e) {
					if at := slices.Index(params, name); at >= 0 && !slices.Contains(p.told[decl.Name.Name], at) {
						p.told[decl.Name.Name] = append(p.told[decl.Name.Name], at)
						more = true
					}
				}
			}
			ast.Inspect(decl.Body, func(n ast.Node) bool {
				for _, e := range p.tells(n) {
					hand(e)
				}
				return true
			})
		}
	}
	return more
}

// name is what a call calls: a function or method of the package by its name alone.
func (p *sources) name(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && p.told[x.Name+"."+f.Sel.Name] != nil {
			return x.Name + "." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

func (p *sources) texts() []said {
	var all []said
	var add func(e ast.Expr)
	add = func(e ast.Expr) {
		if call, ok := e.(*ast.CallExpr); ok { // the place of a fault, which a function of the package names
			name := p.name(call)
			list := p.returned[name]
			delete(p.returned, name)
			for _, e := range list {
				add(e)
			}
		}
		for _, text := range textsOf(e) {
			if p.misuse(text) {
				continue
			}
			if strings.ContainsFunc(strings.NewReplacer("%s", "", "%d", "", "%q", "", "%v", "", `\n`, "").Replace(text), unicode.IsLetter) && strings.Contains(strings.TrimSpace(text), " ") {
				all = append(all, said{p.set.Position(e.Pos()).String(), text})
			}
		}
	}
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			for _, e := range p.tells(n) {
				add(e)
			}
			return true
		})
	}
	return all
}

// tells are what a piece of a source tells people: arguments of what tells them, fields that are told, and what is in an error of one text.
func (p *sources) tells(n ast.Node) (told []ast.Expr) {
	switch n := n.(type) {
	case *ast.CallExpr:
		for _, i := range p.told[p.name(n)] {
			if i < len(n.Args) {
				told = append(told, n.Args[i])
			}
		}
	case *ast.CompositeLit:
		if name, ok := n.Type.(*ast.Ident); ok && len(n.Elts) == 1 && (strings.HasSuffix(name.Name, "Error") || strings.HasPrefix(name.Name, "err")) {
			if _, named := n.Elts[0].(*ast.KeyValueExpr); !named {
				told = append(told, n.Elts[0])
			}
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && slices.Contains(fields, key.Name) {
			told = append(told, n.Value)
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if s, ok := l.(*ast.SelectorExpr); ok && i < len(n.Rhs) && slices.Contains(fields, s.Sel.Name) {
				told = append(told, n.Rhs[i])
			}
		}
	}
	return told
}

// misuse reports whether a text is for who writes a program with the package.
func (p *sources) misuse(text string) bool { return strings.HasPrefix(text, filepath.Base(p.dir)+": ") }

// handedOn are the names that a text is made of as a whole, as a part, or as the pattern of a Sprintf.
func (p *sources) handedOn(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.Ident:
		return []string{e.Name}
	case *ast.ParenExpr:
		return p.handedOn(e.X)
	case *ast.BinaryExpr:
		if left := textsOf(e.X); len(left) > 0 && p.misuse(left[0]) {
			return nil
		}
		return append(p.handedOn(e.X), p.handedOn(e.Y)...)
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return p.handedOn(e.Args[0])
		}
	}
	return nil
}

// textsOf are the texts that an expression makes: a literal, parts with + between, or the pattern of a Sprintf. What is not known is %s.
func textsOf(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{text}
		}
	case *ast.ParenExpr:
		return textsOf(e.X)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			left, right := textsOf(e.X), textsOf(e.Y)
			if len(left)+len(right) == 0 {
				return nil
			}
			if len(left) == 0 {
				left = []string{"%s"}
			}
			if len(right) == 0 {
				right = []string{"%s"}
			}
			return []string{left[0] + right[0]}
		}
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return textsOf(e.Args[0])
		}
	}
	return nil
}

// filledIn is a text as it is made of a pattern.
func filledIn(pattern string) string {
	p := parse(strings.TrimSpace(pattern))
	text := p.pieces[0]
	for i, v := range p.verbs {
		switch v {
		case 'd':
			text += "7"
		case 'q':
			text += `"ab"`
		default:
			text += fmt.Sprintf("a%db", i)
		}
		text += p.pieces[i+1]
	}
	return text
}
