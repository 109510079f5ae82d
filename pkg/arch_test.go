// Package pkg_test holds the rules of who may import whom; ARCHITECTURE.md draws them.
package pkg_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// packageInfo is what `go list -json` says of a package.
type packageInfo struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func listPackages(t *testing.T) []packageInfo {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "cofre/...").Output()
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
	"pkg/retention":           {},
	"pkg/schedule":            {},
	"pkg/source":              {"pkg/fault"},
	"pkg/configfile":          {"pkg/fault", "pkg/source"},
	"pkg/storage":             {"pkg/fault"},
	"pkg/signature":           {"pkg/fault"},
	"pkg/storage/s3":          {"pkg/fault", "pkg/storage"},
	"pkg/storage/local":       {"pkg/fault", "pkg/storage"},
	"pkg/storage/storagetest": {"pkg/fault", "pkg/storage", "pkg/storage/s3", "pkg/storage/local", "internal/testenv"},
	"pkg/archive":             {"pkg/fault"},
	"pkg/stream":              {"pkg/fault"},
	"pkg/access":              {"pkg/fault"},
	"pkg/audit":               {"pkg/fault", "pkg/storage", "pkg/api/contract"},
	"pkg/postgres":            {"pkg/fault"},
	"pkg/pgdump":              {"pkg/fault", "pkg/postgres", "pkg/archive"},
	"pkg/registry":            {"pkg/fault", "pkg/storage", "pkg/source"},
	"pkg/overview":            {"pkg/fault", "pkg/registry", "pkg/schedule", "pkg/source"},
	"pkg/backup":              {"pkg/fault", "pkg/overview", "pkg/storage", "pkg/registry", "pkg/retention", "pkg/archive", "pkg/stream", "pkg/source"},
	"pkg/app": {"pkg/fault", "pkg/storage", "pkg/storage/s3", "pkg/storage/local", "pkg/registry", "pkg/backup",
		"pkg/postgres", "pkg/pgdump", "pkg/archive", "pkg/stream", "pkg/signature", "pkg/api", "pkg/access", "pkg/audit", "pkg/configfile", "pkg/overview", "pkg/schedule", "pkg/source"},
	"functions": {"functions/internal/entry"}, // each of the entry points below it
	"functions/internal/entry": {"pkg/fault", "pkg/access", "pkg/app", "pkg/api", "pkg/api/contract", "pkg/api/gateway", "pkg/backup", "pkg/registry", "pkg/metrics", "pkg/schedule",
		"pkg/secret", "pkg/workflow"},
	"pkg/secret":   {"pkg/fault"},
	"pkg/workflow": {"pkg/fault"},
	"pkg/cli/term": {},
	"pkg/demo":     {"web", "pkg/access", "pkg/api", "pkg/server", "pkg/fault", "pkg/app", "pkg/backup", "pkg/registry", "pkg/postgres", "pkg/pgdump", "pkg/cli/term", "internal/testenv/pgserver", "internal/testenv/process"},
	"pkg/cli": {"web", "pkg/fault", "pkg/app", "pkg/backup", "pkg/registry", "pkg/demo", "pkg/storage", "pkg/postgres", "pkg/overview", "pkg/retention", "pkg/source", "pkg/cli/term",
		"pkg/access", "pkg/api", "pkg/api/contract", "pkg/audit", "pkg/metrics", "pkg/schedule", "pkg/secret", "pkg/server"},
	"pkg/api/contract": {},
	"pkg/api":          {"pkg/fault", "pkg/backup", "pkg/overview", "pkg/registry", "pkg/retention", "pkg/storage", "pkg/api/contract"},
	"pkg/api/gateway":  {"pkg/api"},
	"pkg/metrics":      {"pkg/fault", "pkg/overview", "pkg/registry"},
	"pkg/server":       {"pkg/fault", "pkg/api", "pkg/api/contract", "pkg/backup", "pkg/overview", "pkg/registry", "pkg/metrics"},
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
	"github.com/aws/aws-sdk-go-v2":  {"pkg/storage/s3", "pkg/secret", "pkg/workflow"},
	"github.com/aws/aws-lambda-go":  {"functions", "pkg/api"},
	"golang.org/x/crypto/ssh":       {"pkg/signature", "pkg/stream"},
	"github.com/versity/versitygw":  {}, // a witness in tests, in a module of its own
	"github.com/jackc/pgx":          {"pkg/postgres"},
	"github.com/santhosh-tekuri":    {"pkg/api/contract", "pkg/configfile"},
	"github.com/coreos/go-oidc":     {"pkg/access"},
	"github.com/go-jose/go-jose":    {"pkg/access"},
	"github.com/prometheus":         {"pkg/metrics"},
	"github.com/robfig/cron":        {}, // a witness in the tests of pkg/schedule
	"os/exec":                       {"pkg/pgdump", "pkg/demo"},
	"github.com/spf13/cobra":        {"pkg/cli"},
	"github.com/klauspost/compress": {"pkg/archive", "pkg/stream"},
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
