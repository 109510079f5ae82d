package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each case is a package's test file, run for real.
func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		ok     bool
		want   []string
	}{
		"pass": {
			"import \"testing\"\nfunc TestA(t *testing.T) { t.Run(\"sub\", func(*testing.T) {}) }", true,
			[]string{"ok   example  2 tests", "2 passed, 0 failed, 0 skipped"},
		},
		"fail": {
			"import \"testing\"\nfunc TestA(t *testing.T) { t.Error(\"because\") }\nfunc TestB(*testing.T) {}", false,
			[]string{"FAIL example TestA", "because", "1 passed, 1 failed, 0 skipped"},
		},
		"skip": {
			"import \"testing\"\nfunc TestA(t *testing.T) { t.Skip(\"no server\") }\nfunc TestB(*testing.T) {}", false,
			[]string{"SKIP example TestA", "no server", "1 passed, 0 failed, 1 skipped"},
		},
		"crash": {
			"import \"os\"\nimport \"testing\"\nfunc TestA(*testing.T) { println(\"last words\"); os.Exit(3) }", false,
			[]string{"FAIL example", "last words", "0 passed, 1 failed, 0 skipped"},
		},
		"panic": {
			"import \"testing\"\nfunc TestA(*testing.T) { panic(\"boom\") }", false,
			[]string{"panic: boom", "0 passed, 1 failed, 0 skipped"},
		},
		"does not compile": {
			"import \"testing\"\nfunc TestA(*testing.T) { undefined() }", false,
			[]string{"undefined: undefined", "0 passed, 1 failed, 0 skipped"},
		},
		"no tests": {"", false, []string{"0 passed, 0 failed, 0 skipped"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "go.mod", "module example\n\ngo 1.26\n")
			write(t, dir, "a_test.go", "package example\n"+c.source+"\n")
			var out bytes.Buffer
			ok, err := run(dir, []string{"-count=1", "./..."}, &out)
			if ok != c.ok || err != nil {
				t.Errorf("ok %v, error %v", ok, err)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestNothingToTest(t *testing.T) {
	var out bytes.Buffer
	if ok, err := run(".", []string{"./does-not-exist"}, &out); ok {
		t.Errorf("error %v, output:\n%s", err, out.String())
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
