package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"filippo.io/age"
	"github.com/creack/pty"
	xterm "golang.org/x/term"
)

// terminal is a program running on a pseudo-terminal of 100 columns.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	file *os.File
	done chan struct{}
	mu   sync.Mutex
	said bytes.Buffer
}

func onTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, cmd: cmd, file: f, done: make(chan struct{})}
	go func() {
		defer close(x.done)
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			x.mu.Lock()
			x.said.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EIO) {
					t.Errorf("read the terminal: %v", err)
				}
				return
			}
		}
	}()
	t.Cleanup(func() { f.Close() })
	return x
}

func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.said.String()
}

// expect waits until the text has appeared.
func (x *terminal) expect(text string) {
	x.t.Helper()
	waitFor(x.t, "the terminal to show "+text+"; it shows:\n"+x.screen(), func() bool { return strings.Contains(x.screen(), text) })
}

func (x *terminal) typeLine(text string) {
	x.t.Helper()
	if _, err := x.file.WriteString(text + "\r"); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the program's end and gives its exit code and everything it wrote.
func (x *terminal) end() (int, string) {
	x.t.Helper()
	err := x.cmd.Wait()
	<-x.done
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		x.t.Fatal(err)
	}
	return x.cmd.ProcessState.ExitCode(), x.screen()
}

// TestProgressBar guards the line that a terminal shows while a backup is made: without a percentage when nobody can
// know how much there is, with one when an earlier backup tells; and never anything of it in what remains.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	db := newSlow(t, 8_000_000)
	env := environment(t, db.url, t.TempDir())
	code, first := onTerminal(t, cofre(t, env, "create", "--name", "first")).end()
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, first)
	}
	for _, want := range []string{`\r.*connecting`, `dumping.* \d+\.\d MB  \d+\.\d [kM]B/s  0:0\d`, `\r\x1b\[K`} {
		if !regexp.MustCompile(want).MatchString(first) {
			t.Errorf("the terminal never showed %s:\n%q", want, first)
		}
	}
	for _, line := range strings.Split(first, "\r") {
		if strings.Contains(line, " % ") && !strings.Contains(line, "done") { // at the very end it is known
			t.Errorf("a percentage that nobody could know: %q", line)
		}
	}
	if !strings.Contains(first, "verify: cofre validate ") {
		t.Errorf("no word of what to do next:\n%q", first)
	}
	_, after, _ := strings.Cut(first[strings.LastIndex(first, "\r\x1b[K"):], "\r\x1b[K")
	if !regexp.MustCompile(`^\S*✓\S* backup `).MatchString(after) {
		t.Errorf("after the progress stands %q", after)
	}

	code, second := onTerminal(t, cofre(t, env, "create", "--name", "second")).end()
	if code != 0 || !regexp.MustCompile(`dumping.*━.*─.* [1-9]\d %  \d+\.\d MB`).MatchString(second) {
		t.Errorf("exit code %d, no bar with a percentage:\n%q", code, second)
	}
	for i, line := range regexp.MustCompile(`\r`).Split(second, -1) {
		if plain := regexp.MustCompile(`\x1b\[[0-9;]*[mK]`).ReplaceAllString(line, ""); strings.Contains(plain, "dumping") && len([]rune(plain)) > 99 {
			t.Errorf("line %d is wider than the terminal: %q", i, plain)
		}
	}

	for _, arg := range []string{"--no-progress", "--quiet"} {
		if _, out := onTerminal(t, cofre(t, env, "validate", "first.dump", arg)).end(); strings.Contains(out, "reading") {
			t.Errorf("%s shows progress: %q", arg, out)
		}
	}
	db.proxy.Heal()
	// Not a terminal: nothing, or with -v lines.
	out, err := cofre(t, env, "create", "--name", "third").CombinedOutput()
	if err != nil || bytes.ContainsAny(out, "\r\x1b") {
		t.Errorf("%v, %q", err, out)
	}
	out, err = cofre(t, env, "create", "--name", "fourth", "-v").CombinedOutput()
	if err != nil || bytes.ContainsAny(out, "\r\x1b") || !regexp.MustCompile(`(?m)^dumping: \d+ %, `).Match(out) {
		t.Errorf("%v, %q", err, out)
	}
}

// TestDeleteAsks guards the last question before a backup is gone.
func TestDeleteAsks(t *testing.T) {
	env := environment(t, newSample(t), t.TempDir())
	env = append(env, "BACKUP_SOURCE=till")
	var b struct{ Database string }
	answer(t, env, &b, "create", "--name", "only")
	answer(t, env, &b, "create", "--name", "part", "--schema-only") // stands in for no whole one

	x := onTerminal(t, cofre(t, env, "delete", "only.dump"))
	x.expect(`This is the only verified backup of source "till".`)
	x.expect("Type the source's name")
	x.typeLine(b.Database)
	if code, out := x.end(); code != exitStopped || !strings.Contains(out, "Nothing was deleted.") {
		t.Errorf("the database's name is not the source's, but it ended with %d: %s", code, out)
	}
	x = onTerminal(t, cofre(t, env, "delete", "part.dump"))
	x.expect(`This is the only verified backup of source "till", schema only.`)
	x.typeLine("till")
	if code, out := x.end(); code != 0 {
		t.Errorf("the source's name ended it with %d: %s", code, out)
	}

	answer(t, env, &b, "create", "--name", "other")
	x = onTerminal(t, cofre(t, env, "delete", "other.dump"))
	x.expect("[y/N] ")
	x.typeLine("")
	if code, _ := x.end(); code != exitStopped {
		t.Errorf("no answer is no, but it ended with %d", code)
	}
	x = onTerminal(t, cofre(t, env, "delete", "other.dump"))
	x.expect("[y/N] ")
	x.typeLine("\x03") // Ctrl-C
	if code, _ := x.end(); code != exitStopped {
		t.Errorf("Ctrl-C ended it with %d", code)
	}
	x = onTerminal(t, cofre(t, env, "delete", "other.dump"))
	x.expect("[y/N] ")
	x.typeLine("y")
	if code, out := x.end(); code != 0 {
		t.Errorf("yes ended it with %d: %s", code, out)
	}
	x = onTerminal(t, cofre(t, env, "delete", "only.dump", "--yes"))
	if code, out := x.end(); code != 0 || strings.Contains(out, "?") {
		t.Errorf("--yes ended it with %d: %s", code, out)
	}
}

// TestSecretIsAskedFor guards the question for a connection URL: what is typed is not shown, and one Ctrl-C ends it and leaves the terminal as it was.
func TestSecretIsAskedFor(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	env := environment(t, "", t.TempDir(), "BACKUP_SERVER_KEY="+key.String())
	state := func(x *terminal) *xterm.State {
		t.Helper()
		is, err := xterm.GetState(int(x.file.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	x := onTerminal(t, cofre(t, env, "source", "add", "shop"))
	x.expect("connection URL of the source: ")
	x.typeLine("postgresql://u:hunter2@127.0.0.1:1/d")
	if code, out := x.end(); code != 0 || strings.Contains(out, "hunter2") || !strings.Contains(out, "source shop is kept") {
		t.Errorf("ended with %d: %s", code, out)
	}
	usual := state(x)
	x = onTerminal(t, cofre(t, env, "source", "add", "wiki"))
	x.expect("connection URL of the source: ")
	waitFor(t, "the terminal to show nothing", func() bool { return !reflect.DeepEqual(state(x), usual) })
	if _, err := x.file.WriteString("\x03"); err != nil { // Ctrl-C, and no Enter
		t.Fatal(err)
	}
	if code, out := x.end(); code != exitStopped || !reflect.DeepEqual(state(x), usual) {
		t.Errorf("Ctrl-C ended it with %d, and the terminal is as it was: %v\n%s", code, reflect.DeepEqual(state(x), usual), out)
	}
}

// TestNarrowTerminal guards the table where there is little room.
func TestNarrowTerminal(t *testing.T) {
	env := environment(t, newSample(t), t.TempDir())
	var b struct{ ID string }
	answer(t, env, &b, "create", "--output", "a-long/directory/for-this", "--name", "and-a-long-name-for-the-file-too")
	for _, width := range []uint16{60, 80, 100, 140} {
		cmd := cofre(t, env, "list")
		f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: width})
		if err != nil {
			t.Fatal(err)
		}
		out, _ := io.ReadAll(f) // ends with EIO on Linux
		f.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		text := regexp.MustCompile(`\x1b\[[0-9;]*[mK]`).ReplaceAllString(string(out), "")
		if !strings.Contains(text, b.ID) {
			t.Errorf("%d columns: the id is missing:\n%s", width, text)
		}
		for _, line := range strings.Split(text, "\r\n")[:2] {
			if len([]rune(line)) > int(width) {
				t.Errorf("%d columns: too long: %q", width, line)
			}
		}
	}
}
