package doctest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

// packagesOf are Debian packages whose programs are called by another name than their own.
var packagesOf = map[string]string{"ssh-keygen": "openssh-client", "dockerd": "docker.io", "ip": "iproute2", "java": "default-jre-headless", "mvn": "maven"}

// ours are programs that are built here, or lie in folders that tests put into PATH.
var ours = []string{"cofre", "age", "age-keygen", "psql", "pg_dump", "pg_restore", "pg_dumpall", "createdb", "dropdb", "pgbench", "postgres"}

// named are the programs behind expressions that name one when they run: none are paths of what setup or the test itself made.
var named = map[string]string{
	"bench/contestants.go aws":                                         "",
	"bench/contestants.go c.s.self":                                    "",
	"bench/crowd.go s.cofre":                                           "",
	"bench/lab/account.go program":                                     "",
	"bench/lab/awscli.go python":                                       "",
	"bench/lab/minio.go minioProgram()":                                "",
	"bench/lab/postgres.go psql":                                       "",
	"tools/gotest/cost.go args[0]":                                     "",
	"bench/machine.go command[0]":                                      "",
	"bench/measure/measure.go self":                                    "",
	"bench/measure/supervisor.go stage[0]":                             "",
	"bench/session.go s.cofre":                                         "",
	"functions/build_test.go name":                                     "sh make git find cp mkdir echo",
	"functions/docker_test.go program":                                 "dockerd",
	"internal/deployment/interpreter_test.go python":                   "",
	"internal/deployment/template_test.go program":                     "",
	"pkg/registry/process_test.go args[0]":                             "unshare",
	"internal/doctest/sandbox_test.go program":                         "bash curl jq gzip zstd",
	"internal/testenv/minio.go MinIOBinary()":                          "",
	"internal/pgserver/account.go program":                             "",
	"internal/pgserver/pooler.go program":                              "",
	"internal/testenv/postgres.go psql":                                "",
	"internal/testenv/versitygw.go program":                            "",
	"internal/testenv/testenv_test.go name":                            "",
	"internal/uitest/server_test.go path":                              "",
	"layers/pg_dump/layer_test.go alone":                               "",
	"layers/pg_dump/layer_test.go link":                                "",
	"layers/pg_dump/layer_test.go \"/some/where/\" + program":          "",
	"pkg/api/docs_test.go tool":                                        "bash curl jq",
	"pkg/api/fuzzing_test.go program":                                  "",
	"pkg/demo/link.go name":                                            "curl",
	"pkg/pgdump/compression.go c.PgDump":                               "",
	"pkg/pgdump/dump.go c.PgDump":                                      "",
	"pkg/pgdump/find.go file":                                          "",
	"pkg/pgdump/restrict.go path":                                      "",
	"pkg/pgdump/run.go path":                                           "",
	"pkg/stream/stream_test.go argv[0]":                                "gzip zstd",
	"internal/testenv/stores.go cached(\"bin\", \"gofakes3\")":         "",
	"internal/testenv/stores.go cached(\"bin\", \"rclone\")":           "",
	"internal/testenv/stores.go cached(\"sam\", \"bin\", \"python3\")": "",
	"internal/testenv/stores_heavy.go cached(\"bin\", \"versitygw\")":  "",
	"internal/testenv/stores_heavy.go cached(\"bin\", \"seaweedfs\")":  "",
}

// basePrograms are there without scripts/setup.
func basePrograms(t *testing.T) []string {
	t.Helper()
	list, err := os.ReadFile(filepath.Join("testdata", "debian-bookworm.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(strings.Fields(string(list)), []string{"go", "gofmt"}, builtins, ours)
}

// TestEveryProgramIsBrought holds what tests, scripts and documents call against a Debian 12 that has git, make and Go and what
// scripts/setup brings to it: a program that happens to be on the machines where the tests run is missing on a newcomer's.
// "make bare" tries the same for real, and writes the list of the programs of such a Debian.
func TestEveryProgramIsBrought(t *testing.T) {
	base := basePrograms(t)
	setup := readSetup(t)
	usual, all := setup.brought(setup.usual...), setup.brought(setup.parts()...)
	if !slices.Contains(usual, "curl") || !slices.Contains(usual, "python3") || slices.Contains(usual, "docker.io") || !slices.Contains(all, "docker.io") {
		t.Fatalf("scripts/setup brings %q, and with all parts %q: is it still understood?", usual, all)
	}
	calls := 0
	check := func(c called, functions, brought []string) {
		calls++
		name := c.program
		if p, ok := packagesOf[name]; ok {
			name = p
		}
		if !slices.Contains(functions, c.program) && !slices.Contains(base, c.program) && !slices.Contains(brought, name) {
			t.Errorf("%s calls %s, which neither a minimal Debian has nor scripts/setup brings (see packagesOf, ours)", c.where, c.program)
		}
	}
	scripts, goFiles := callers(t)
	for _, s := range scripts {
		brought := usual
		if s.name == "scripts/bare" || s.name == "scripts/setup" {
			brought = all
		}
		for _, c := range s.calls {
			check(c, functionsOf(scripts, s.name, s.shell), brought)
		}
	}
	used := map[string]bool{}
	for name, g := range goFiles {
		brought := usual
		if strings.Contains(g.tags, "sam") || strings.Contains(g.tags, "stores") {
			brought = all
		}
		for _, c := range g.calls {
			check(c, functionsOf(scripts, name, g.shell), brought)
		}
		for _, d := range g.dynamic {
			key := name + " " + d.program
			programs, ok := named[key]
			if used[key] = true; !ok {
				t.Errorf("%s calls %s: say in the table named what that can be, under %q", d.where, d.program, key)
			}
			for _, p := range strings.Fields(programs) {
				check(called{p, d.where}, nil, brought)
			}
		}
	}
	for key := range named {
		if !used[key] {
			t.Errorf("the table named has %q, which is called no more", key)
		}
	}
	if calls < 300 {
		t.Errorf("only %d calls were found: are the sources still read?", calls)
	}
}

// source is one script.
type source struct {
	name string
	shell
}

// functionsOf are the functions of a script and of those that it reads. What only is read has those of its folder, too.
func functionsOf(scripts []source, name string, s shell) []string {
	names := s.functions
	for _, other := range scripts {
		beside := filepath.Ext(name) == ".sh" && filepath.Dir(other.name) == filepath.Dir(name)
		if beside || slices.Contains(s.sources, filepath.Base(other.name)) {
			names = append(names, other.functions...)
		}
	}
	return names
}

var (
	recipe    = regexp.MustCompile(`(?m)^\t[@-]*((?:.*\\\n)*.*)$|\$\(shell ([^()]*)\)`)
	variable  = regexp.MustCompile(`\$\([^()]*(?:\([^()]*\)[^()]*)*\)|\$[@<*^]`)
	testExec  = regexp.MustCompile(`(?m)^(?:! |\? )?exec (.*?)(?: &)?$`)
	nodeExec  = regexp.MustCompile(`\b(?:exec|execFile|spawn)(?:Sync)?\(\s*"([^"]*)"`)
	pythonRun = regexp.MustCompile(`\b(?:subprocess|os\.system|os\.exec)`)
)

// found lists what an expression's groups match.
func found(e *regexp.Regexp, text string) (all []line) {
	for _, m := range e.FindAllStringSubmatchIndex(text, -1) {
		for i := 2; i < len(m); i += 2 {
			if m[i] >= 0 {
				all = append(all, line{1 + strings.Count(text[:m[i]], "\n"), text[m[i]:m[i+1]]})
			}
		}
	}
	return all
}

// quotedForShell writes a line of a test script for a shell: there two quotes stand for one between quotes.
func quotedForShell(line string) string {
	var out strings.Builder
	quoted := false
	for i := 0; i < len(line); i++ {
		if line[i] == '\'' {
			if quoted && strings.HasPrefix(line[i+1:], "'") {
				out.WriteString(`'"'"'`)
				i++
				continue
			}
			quoted = !quoted
		}
		out.WriteByte(line[i])
	}
	return out.String()
}

// callers reads everything in the checkout that calls programs.
func callers(t *testing.T) (scripts []source, goFiles map[string]goCalls) {
	t.Helper()
	goFiles = map[string]goCalls{}
	shellOf := func(name, text string, bash bool) {
		s, err := readShell(name, text, bash)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		scripts = append(scripts, source{name, s})
	}
	root := testenv.Root()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if err != nil || d.IsDir() {
			if slices.Contains([]string{".cache", ".git", "bin", "lib", "web/dist", "web/node_modules", ".aws-sam"}, name) {
				return fs.SkipDir
			}
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		text, ext := string(data), filepath.Ext(path)
		switch {
		case ext == ".go":
			if goFiles[name], err = readGo(name, text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case d.Name() == "Makefile" || ext == ".mk":
			for _, l := range found(recipe, text) {
				text := variable.ReplaceAllString(strings.ReplaceAll(l.text, "$(GOTEST)", "go run"), "x/x")
				shellOf(fmt.Sprintf("%s:%d", name, l.number), strings.ReplaceAll(text, "$$", "$"), false)
			}
		case ext == ".txt" && strings.HasPrefix(name, "pkg/cli/testdata/"):
			for _, l := range found(testExec, text) {
				shellOf(fmt.Sprintf("%s:%d", name, l.number), quotedForShell(l.text), true)
			}
		case ext == ".mjs":
			for _, l := range found(nodeExec, text) {
				shellOf(fmt.Sprintf("%s:%d", name, l.number), l.text, true)
			}
		case ext == ".py":
			if pythonRun.MatchString(text) {
				t.Errorf("%s calls programs, which this test does not look for", name)
			}
		case ext == ".sh" || strings.HasPrefix(text, "#!/bin/"):
			shellOf(name, text, strings.HasPrefix(text, "#!/bin/bash") || strings.Contains(name, "doctest"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(scripts, documentScripts(t)...), goFiles
}

// documentScripts reads the blocks of the documents that tests run.
func documentScripts(t *testing.T) (scripts []source) {
	t.Helper()
	for _, d := range documents(t) {
		first, functions := len(scripts), []string(nil)
		for _, b := range d.blocks {
			if (b.language == "sh" || b.language == "bash") && b.notRun == "" && apart[d.name] == "" {
				name := fmt.Sprintf("%s:%d", d.name, b.line)
				s, err := readShell(name, ". sandbox.sh\n"+strings.Join(append(append(b.before, b.text), b.after...), "\n"), true)
				if err != nil {
					t.Error(err)
				}
				scripts, functions = append(scripts, source{name, s}), append(functions, s.functions...)
			}
		}
		for i := range scripts[first:] { // one shell runs all blocks
			scripts[first+i].functions = functions
		}
	}
	return scripts
}
