package doctest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// documentTime bounds the commands of one document.
const documentTime = 5 * time.Minute

// apart are documents whose commands are not run here at all, and why.
var apart = map[string]string{
	"docs/benchmarks.md":    "made by a program; its commands measure for minutes, and bench has tests of its own",
	"docs/restore.pt-BR.md": "its commands are those of docs/restore.md, which TestTranslations sees to",
	"docs/ui.pt-BR.md":      "its commands are those of docs/ui.md, which TestTranslations sees to",
	"README.pt-BR.md":       "its commands are among those of README.md, which TestTranslations sees to",
}

// TestCommands runs the sh blocks of every document.
func TestCommands(t *testing.T) {
	ran, marked := 0, 0
	for _, d := range documents(t) {
		var run []block
		for _, b := range d.blocks {
			switch {
			case b.language != "sh":
			case apart[d.name] != "":
				marked++
				t.Logf("%s:%d is not run: %s", d.name, b.line, apart[d.name])
			case b.notRun != "":
				marked++
				t.Logf("%s:%d is not run: %s", d.name, b.line, b.notRun)
			default:
				run = append(run, b)
			}
		}
		ran += len(run)
		if len(run) > 0 {
			t.Run(d.name, func(t *testing.T) { runBlocks(t, newSandbox(t), d.name, run) })
		}
	}
	t.Logf("%d blocks ran, %d are marked as not run", ran, marked)
	if ran < 40 {
		t.Errorf("only %d blocks ran: are the documents still read?", ran)
	}
}

// marker is what the script prints around a block.
var marker = regexp.MustCompile(`(?m)^@@ (begin|end) (\d+)(?: (\d+))?\n`)

// runBlocks types the blocks into one shell, and reports each as a subtest.
func runBlocks(t *testing.T, s *sandbox, name string, blocks []block) {
	prelude, err := filepath.Abs(filepath.Join("testdata", "sandbox.sh"))
	if err != nil {
		t.Fatal(err)
	}
	file := s.path("script")
	if err := os.WriteFile(file, []byte(s.script(prelude, blocks)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), documentTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", file)
	cmd.Dir, cmd.Env = s.path("checkout"), s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	results := collect(string(out))
	for _, b := range blocks {
		t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
			r, ok := results[b.line]
			switch {
			case !ok:
				t.Errorf("%s:%d was not reached", name, b.line)
			case !r.ended:
				t.Errorf("%s:%d failed (%v):\n%s\n--- it said:\n%s", name, b.line, err, b.text, r.output)
			case r.status != b.exit:
				t.Errorf("%s:%d ended with status %d, want %d:\n%s\n--- it said:\n%s", name, b.line, r.status, b.exit, b.text, r.output)
			case testing.Verbose():
				t.Logf("%s\n--- it said:\n%s", b.text, r.output)
			}
		})
	}
	if len(results) == 0 {
		t.Errorf("the sandbox did not come about: %v\n%s", err, out)
	}
}

// script puts the blocks behind each other, with markers in between. The shell ends at the first failure.
func (s *sandbox) script(prelude string, blocks []block) string {
	var b strings.Builder
	fmt.Fprintf(&b, "exec 2>&1 </dev/null\nset -eo pipefail\n. %s\n", prelude)
	for _, bl := range blocks {
		fmt.Fprintf(&b, "printf '\\n@@ begin %d\\n'\n", bl.line)
		for _, situation := range bl.before {
			fmt.Fprintf(&b, "%s\n", situation)
		}
		text := s.replace.Replace(bl.text)
		if bl.exit != 0 { // in a shell of its own, so that this one goes on
			text = "set +e\n(set -e\n" + text + ")\nstatus=$?\nset -e\n"
		} else {
			text += "status=0\n"
		}
		for _, check := range bl.after {
			text += check + " || { echo '--- the check behind it failed'; exit 1; }\n"
		}
		fmt.Fprintf(&b, "%sprintf '\\n@@ end %d %%d\\n' $status\n", text, bl.line)
	}
	return b.String()
}

// result is what became of a block.
type result struct {
	output string
	ended  bool
	status int
}

// collect takes the output apart, by the lines of the blocks.
func collect(out string) map[int]result {
	results := map[int]result{}
	marks := marker.FindAllStringSubmatchIndex(out, -1)
	for i, m := range marks {
		end := len(out)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		line, _ := strconv.Atoi(out[m[4]:m[5]])
		r := results[line]
		if out[m[2]:m[3]] == "begin" {
			r.output = strings.TrimSpace(out[m[1]:end])
		} else {
			r.ended = true
			r.status, _ = strconv.Atoi(out[m[6]:m[7]])
		}
		results[line] = r
	}
	return results
}

func TestCollect(t *testing.T) {
	got := collect("before\n\n@@ begin 3\nhello\nworld\n\n@@ end 3 0\n\n@@ begin 9\n\n@@ end 9 6\n\n@@ begin 12\nhalf")
	want := map[int]result{3: {"hello\nworld", true, 0}, 9: {"", true, 6}, 12: {"half", false, 0}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
