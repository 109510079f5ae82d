package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's own program stand in for gotest where that starts a package's tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == measured {
		os.Exit(measure(os.Args[2:]))
	}
	os.Exit(m.Run())
}

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
		"killed": {
			"import \"os\"\nimport \"testing\"\nfunc TestA(*testing.T) { p, _ := os.FindProcess(os.Getpid()); p.Kill(); select {} }", false,
			[]string{"FAIL example", "signal: killed", "0 passed, 1 failed, 0 skipped"},
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

// What tests cost is that of what they start, too, whatever stands in front of it on its line.
func TestCost(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example\n\ngo 1.26\n")
	write(t, dir, "a_test.go", `package example

import (
	"os"
	"os/exec"
	"testing"
)

func TestA(t *testing.T) {
	os.Stdout.WriteString("without an end of line")
	if err := exec.Command("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done").Run(); err != nil {
		t.Error(err)
	}
}
`)
	var out bytes.Buffer
	r := newReport(&out)
	if ok, err := r.run(dir, []string{"-count=1", "./..."}); !ok || err != nil {
		t.Fatalf("%v, %v:\n%s", ok, err, out.String())
	}
	if len(r.costly) != 1 || r.costly[0].time < 20*time.Millisecond || r.cost != r.costly[0].time || len(r.slow) != 1 {
		t.Errorf("%v, %v in all; %v", r.costly, r.cost, r.slow)
	}
	r.times(time.Hour, r.cost+time.Minute)
	for _, want := range []string{"cost example  ", "slow example TestA  ", "3600 s, and ", ", 60 of them to compile and link"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

// The longest come first, and not all of them.
func TestLongest(t *testing.T) {
	var all []taken
	for i := range 2 * most {
		all = append(all, taken{fmt.Sprint(i), time.Duration(i * 7 % (2 * most))})
	}
	got := longest(all)
	if len(got) != most || got[0].time != 2*most-1 || got[most-1].time != most {
		t.Error(got)
	}
}
