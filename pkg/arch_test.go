// Package pkg_test holds the rules of who may import whom; ARCHITECTURE.md draws them.
package pkg_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packageInfo is what `go list -json` says of a package.
type packageInfo struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func listPackages(t *testing.T) []packageInfo {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "cofre/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []packageInfo
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p packageInfo
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 12 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// own lists, for each package of ours, which others of ours it may import. A package that is not here is an
// error: whoever adds one decides where it stands.
var own = map[string][]string{
	"web":                     {},
	"pkg/fault":               {},
	"pkg/wording":             {"pkg/lazyregexp"},
	"pkg/dbname":              {"pkg/fault"},
	"pkg/quantity":            {},
	"pkg/glob":                {},
	"pkg/address":             {},
	"pkg/place":               {"pkg/address", "pkg/fault", "pkg/lazyregexp", "pkg/source"},
	"pkg/retention":           {"pkg/source", "pkg/quantity"},
	"pkg/certificate":         {"pkg/quantity"},
	"pkg/event":               {"pkg/fault", "pkg/glob", "pkg/quantity", "pkg/wording"},
	"pkg/channel":             {"pkg/address", "pkg/lazyregexp", "pkg/source", "pkg/event", "pkg/fault", "pkg/pause"},
	"pkg/outbox":              {"pkg/event", "pkg/fault", "pkg/storage"},
	"pkg/schedule":            {"pkg/lazyregexp"},
	"pkg/source":              {"pkg/lazyregexp", "pkg/fault", "pkg/glob", "pkg/jsonlist", "pkg/schedule"},
	"pkg/jsonlist":            {},
	"pkg/spelling":            {},
	"pkg/pause":               {},
	"pkg/namedfile":           {},
	"pkg/lazyregexp":          {},
	"pkg/jsonschema":          {"pkg/lazyregexp"},
	"pkg/configfile":          {"pkg/channel", "pkg/place", "pkg/fault", "pkg/quantity", "pkg/jsonschema", "pkg/source", "pkg/namedfile", "pkg/spelling"},
	"pkg/storage":             {"pkg/fault"},
	"pkg/signature":           {"pkg/fault", "pkg/namedfile"},
	"pkg/cloud":               {"pkg/fault"},
	"pkg/kms":                 {"pkg/lazyregexp", "pkg/fault", "pkg/cloud"},
	"pkg/publish":             {"pkg/channel", "pkg/fault", "pkg/cloud"},
	"pkg/storage/s3":          {"pkg/address", "pkg/fault", "pkg/pause", "pkg/storage", "pkg/cloud"},
	"pkg/storage/local":       {"pkg/lazyregexp", "pkg/fault", "pkg/pause", "pkg/storage"},
	"pkg/storage/storagetest": {"pkg/fault", "pkg/storage", "pkg/storage/s3", "pkg/storage/local", "internal/testenv"},
	"pkg/tuples":              {},
	"pkg/archive":             {"pkg/lazyregexp", "pkg/fault", "pkg/tuples"},
	"pkg/stream":              {"pkg/fault"},
	"pkg/rows":                {"pkg/fault", "pkg/tuples"},
	"pkg/contents":            {"pkg/lazyregexp", "pkg/tuples"},
	"pkg/access":              {"pkg/fault"},
	"pkg/audit":               {"pkg/fault", "pkg/pause", "pkg/storage", "pkg/api/contract"},
	"pkg/postgres":            {"pkg/address", "pkg/lazyregexp", "pkg/fault", "pkg/quantity", "pkg/dbname", "pkg/pause", "pkg/jsonlist"},
	"pkg/scratch":             {"pkg/fault", "pkg/quantity", "internal/pgserver"},
	"pkg/part":                {"pkg/lazyregexp", "pkg/fault", "pkg/postgres", "pkg/archive", "pkg/spelling"},
	"pkg/pgdump":              {"pkg/lazyregexp", "pkg/fault", "pkg/postgres", "pkg/archive", "pkg/part", "pkg/rows"},
	"pkg/engine":              {"pkg/lazyregexp", "pkg/fault", "pkg/pause", "pkg/postgres", "pkg/pgdump", "pkg/archive", "pkg/contents", "pkg/rows", "pkg/tuples"},
	"pkg/seal":                {"pkg/fault"},
	"pkg/registry":            {"pkg/jsonlist", "pkg/fault", "pkg/pause", "pkg/seal", "pkg/storage", "pkg/source"},
	"pkg/overview":            {"pkg/fault", "pkg/quantity", "pkg/registry", "pkg/schedule", "pkg/source"},
	"pkg/backup":              {"pkg/channel", "pkg/place", "pkg/event", "pkg/fault", "pkg/quantity", "pkg/dbname", "pkg/pause", "pkg/contents", "pkg/overview", "pkg/storage", "pkg/registry", "pkg/retention", "pkg/archive", "pkg/rows", "pkg/stream", "pkg/source", "pkg/namedfile", "pkg/certificate"},
	"pkg/app": {"pkg/channel", "pkg/place", "pkg/event", "pkg/wording", "pkg/outbox", "pkg/lazyregexp", "pkg/fault", "pkg/pause", "pkg/quantity", "pkg/contents", "pkg/storage", "pkg/storage/s3", "pkg/storage/local", "pkg/registry", "pkg/backup",
		"pkg/postgres", "pkg/part", "pkg/pgdump", "pkg/engine", "pkg/archive", "pkg/stream", "pkg/signature", "pkg/kms", "pkg/api", "pkg/api/contract", "pkg/access", "pkg/audit", "pkg/configfile", "pkg/overview", "pkg/retention", "pkg/schedule", "pkg/scratch", "pkg/seal", "pkg/secret", "pkg/source", "pkg/namedfile", "pkg/spelling"},
	"functions": {"functions/internal/entry", "pkg/publish"}, // each of the entry points below it
	"functions/internal/entry": {"pkg/channel", "pkg/fault", "pkg/pause", "pkg/access", "pkg/app", "pkg/api", "pkg/api/contract", "pkg/api/gateway", "pkg/backup", "pkg/registry", "pkg/metrics", "pkg/schedule",
		"pkg/secret", "pkg/workflow"},
	"pkg/secret":   {"pkg/fault", "pkg/cloud"},
	"pkg/workflow": {"pkg/fault", "pkg/cloud"},
	"pkg/cli/term": {"pkg/lazyregexp", "pkg/quantity", "pkg/wording"},
	"pkg/demo":     {"pkg/lazyregexp", "web", "pkg/access", "pkg/api", "pkg/server", "pkg/fault", "pkg/app", "pkg/backup", "pkg/registry", "pkg/postgres", "pkg/pgdump", "pkg/cli/term", "internal/pgserver", "internal/process"},
	"pkg/cli": {"web", "pkg/channel", "pkg/publish", "pkg/place", "pkg/fault", "pkg/contents", "pkg/app", "pkg/backup", "pkg/registry", "pkg/demo", "pkg/storage", "pkg/postgres", "pkg/overview", "pkg/retention", "pkg/rows", "pkg/source", "pkg/cli/term",
		"pkg/access", "pkg/api", "pkg/api/contract", "pkg/audit", "pkg/metrics", "pkg/schedule", "pkg/secret", "pkg/server", "pkg/namedfile", "pkg/spelling", "pkg/certificate", "pkg/wording"},
	"pkg/api/contract": {"pkg/jsonschema", "pkg/lazyregexp"},
	"pkg/api":          {"pkg/wording", "pkg/channel", "pkg/place", "pkg/lazyregexp", "pkg/fault", "pkg/quantity", "pkg/contents", "pkg/backup", "pkg/overview", "pkg/registry", "pkg/retention", "pkg/rows", "pkg/source", "pkg/storage", "pkg/api/contract"},
	"pkg/api/gateway":  {"pkg/api"},
	"pkg/metrics":      {"pkg/fault", "pkg/overview", "pkg/registry"},
	"pkg/server":       {"pkg/fault", "pkg/pause", "pkg/api", "pkg/api/contract", "pkg/backup", "pkg/overview", "pkg/registry", "pkg/metrics", "pkg/namedfile", "pkg/source"},
	"cmd/cofre":        {"pkg/cli"},
}

// free are folders of tests, tools and measurements: they may import anything.
var free = []string{"internal", "bench", "tools", "scripts", "layers", "pkg/postgres/postgrestest"}

func isFree(path string) bool {
	for _, f := range free {
		if path == f || strings.HasPrefix(path, f+"/") {
			return true
		}
	}
	return false
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, "cofre/")
		if isFree(name) || name == "pkg" {
			continue
		}
		allowed, known := own[name]
		if !known && strings.HasPrefix(name, "functions/") {
			allowed, known = own["functions"], true
		}
		if !known {
			t.Errorf("package %s stands in no rule: add it to the table in this file, and to ARCHITECTURE.md", name)
			continue
		}
		for _, imp := range p.Imports {
			rest, ours := strings.CutPrefix(imp, "cofre/")
			if ours && !contains(allowed, rest) {
				t.Errorf("%s imports %s; it may import only %v", name, rest, allowed)
			}
		}
	}
}

// outside lists the dependencies that only certain packages may import, so that each stays replaceable in one
// place.
var outside = map[string][]string{
	"github.com/aws/aws-sdk-go-v2":  {"pkg/storage/s3", "pkg/cloud", "pkg/secret", "pkg/workflow", "pkg/kms", "pkg/publish"},
	"github.com/aws/aws-lambda-go":  {"functions", "pkg/api"},
	"golang.org/x/crypto/ssh":       {"pkg/signature", "pkg/stream"},
	"github.com/versity/versitygw":  {}, // a witness in tests, in a module of its own
	"github.com/jackc/pgx":          {"pkg/postgres"},
	"github.com/santhosh-tekuri":    {}, // a witness in the tests of pkg/jsonschema
	"github.com/coreos/go-oidc":     {"pkg/access"},
	"github.com/go-jose/go-jose":    {"pkg/access"},
	"github.com/prometheus":         {"pkg/metrics"},
	"github.com/robfig/cron":        {}, // a witness in the tests of pkg/schedule
	"github.com/emersion":           {}, // a mail server for the tests of pkg/channel
	"net/smtp":                      {"pkg/channel"},
	"os/exec":                       {"pkg/pgdump", "pkg/demo", "pkg/scratch"},
	"github.com/spf13/cobra":        {"pkg/cli"},
	"github.com/klauspost/compress": {"pkg/archive", "pkg/stream"},
	"github.com/zeebo/xxh3":         {"pkg/contents"},
	"github.com/minio/minio-go":     {},
	"github.com/minio/minio":        {},
}

func TestOnlyOnePackageKnowsEachDependency(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, "cofre/")
		if isFree(name) || strings.HasSuffix(name, "test") {
			continue
		}
		for _, imp := range p.Imports {
			for dep, users := range outside {
				if (imp == dep || strings.HasPrefix(imp, dep+"/")) && !contains(users, name) && !underAny(name, users) {
					t.Errorf("%s imports %s; only %v may", name, imp, users)
				}
			}
		}
	}
}

// Regular expressions of a package are compiled when they are first used (pkg/lazyregexp), and not whenever the program starts.
func TestNoRegexpIsCompiledAtStart(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			name = filepath.Join(p.Dir, name)
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range compiledAtStart(file) {
				t.Errorf("%s compiles a regular expression when the program starts: use lazyregexp.New", fset.Position(call.Pos()))
			}
		}
	}
}

// compiledAtStart finds the calls in the values of a file's variables, and in its init functions, that compile regular expressions.
func compiledAtStart(file *ast.File) []*ast.CallExpr {
	var found []*ast.CallExpr
	for _, d := range file.Decls {
		if f, isFunc := d.(*ast.FuncDecl); isFunc && (f.Recv != nil || f.Name.Name != "init") {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok {
					if x, ok := f.X.(*ast.Ident); ok && x.Name == "regexp" && strings.Contains(f.Sel.Name, "Compile") {
						found = append(found, call)
					}
				}
			}
			_, literal := n.(*ast.FuncLit)
			return !literal
		})
	}
	return found
}

func TestFindsRegexpsCompiledAtStart(t *testing.T) {
	const source = `package x
var a = regexp.MustCompile("a")
var b = []*regexp.Regexp{regexp.MustCompilePOSIX("b")}
var later = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("c") })
func init() { a, _ = regexp.Compile("d") }
func used() { regexp.MustCompile("e") }
`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if found := compiledAtStart(file); len(found) != 3 {
		t.Errorf("%d calls were found, want those of a, b and init", len(found))
	}
}

// A witness in tests stays one: what a program links, it initialises at every start, and this one compiles the schemas of all drafts
// of JSON Schema then.
func TestNoProgramLinksWitnesses(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "cofre/cmd/cofre", "cofre/functions/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	linked := strings.Fields(string(out))
	if !contains(linked, "cofre/pkg/jsonschema") {
		t.Fatalf("the programs link %d packages, and not pkg/jsonschema", len(linked))
	}
	for _, name := range linked {
		for _, witness := range []string{"github.com/santhosh-tekuri/", "github.com/robfig/cron/", "github.com/minio/minio-go/", "github.com/emersion/"} {
			if strings.HasPrefix(name, witness) {
				t.Errorf("a program links %s, which is a witness for tests", name)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func underAny(name string, folders []string) bool {
	for _, f := range folders {
		if strings.HasPrefix(name, f+"/") {
			return true
		}
	}
	return false
}
