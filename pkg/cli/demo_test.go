package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/demo"
)

// demoEnvironment gives the demo a temporary folder of its own, so that everything it leaves is seen.
func demoEnvironment(t *testing.T) (env []string, tmp string) {
	t.Helper()
	tmp, err := os.MkdirTemp("", "demo") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o777); err != nil { // the server runs as another user
		t.Fatal(err)
	}
	env = environment(t, "postgresql://nobody@nowhere.invalid/x", "/nowhere", "TMPDIR="+tmp, "COFRE_DEMO_POSTGRES="+testenv.ServerBin(testenv.NewestMajor),
		"PGHOST=nowhere.invalid", "BACKUP_RETENTION_DAYS=1")
	return env, tmp
}

// checkGone guards that the demo leaves neither files nor processes.
func checkGone(t *testing.T, tmp string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range lines {
		if text, err := os.ReadFile(f); err == nil && bytes.Contains(text, []byte(tmp+"/")) {
			t.Errorf("still running: %q", text)
		}
	}
}

// TestDemo guards the tour: every step told, the two databases equal, nothing left.
func TestDemo(t *testing.T) {
	env, tmp := demoEnvironment(t)
	out, err := cofre(t, env, "demo", "--rows", "5000").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`✓ .* a throwaway PostgreSQL 18\.`, `✓ .* a sample database, the shop "loja"`, `✓ .* a backup: `, `✓ .* another: `, `STATUS +SOURCE`, `ok +loja +tuesday.dump`,
		`✓ .* validated: `, `✓ .* restored straight from storage`, `no difference`, `vendas.pedidos \(9 partitions\) +\d+ +\d+ +same`,
		`✓ .* downloaded by curl through a presigned link, SHA-256 as recorded:`, `http://127\.0\.0\.1:\d+/`, `stock pg_restore 18\..* reads it`, `✓ .* the web UI and the API, health checked: http://127\.0\.0\.1:\d+/`, `✓ .* cleaned up`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the demo does not tell %q", want)
		}
	}
	if bytes.Contains(out, []byte("warning")) {
		t.Error("the demo warns of something")
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
	checkGone(t, tmp)
}

// TestDemoForPrograms guards demo --json, and that the sample is the same each time.
func TestDemoForPrograms(t *testing.T) {
	env, tmp := demoEnvironment(t)
	var r demo.Report
	answer(t, env, &r, "demo", "--rows", "2000")
	if !r.OK || r.Compared < 1500 || r.Tables != 25 || len(r.Different) != 0 || r.Backup == nil || r.Downloaded != r.Backup.Checksum || len(r.Steps) < 8 {
		t.Errorf("%+v", r)
	}
	checkGone(t, tmp)
}

// TestDemoKeeps guards --keep: what it prints works until Ctrl-C, which ends everything well.
func TestDemoKeeps(t *testing.T) {
	env, tmp := demoEnvironment(t)
	cmd := cofre(t, env, "demo", "--rows", "2000", "--keep")
	out := testenv.Log(t)
	cmd.Stdout, cmd.Stderr = out.File(), out.File()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the demo to be there", func() bool { return strings.Contains(out.String(), "The link works until") })
	said := out.String()
	variable := func(name string) string {
		m := regexp.MustCompile(`export ` + name + `=(\S+)`).FindStringSubmatch(said)
		if m == nil {
			t.Fatalf("no %s in:\n%s", name, said)
		}
		return m[1]
	}
	yours := environment(t, variable("DATABASE_URL"), variable("BACKUP_DIRECTORY"))
	var b struct{ ID, Filename string }
	answer(t, yours, &b, "create", "--name", "mine")
	var l struct{ Total int }
	if answer(t, yours, &l, "list"); l.Total != 3 {
		t.Errorf("%d backups, want the demo's two and mine", l.Total)
	}
	ui := regexp.MustCompile(`the web UI: (http://\S+)`).FindStringSubmatch(said)
	if resp, err := http.Get(ui[1]); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the web UI: %v, %v", resp, err)
	}
	link := regexp.MustCompile(`'(http://[^']+)'`).FindStringSubmatch(said)
	resp, err := http.Get(link[1])
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK || n == 0 {
		t.Errorf("the link gives %s, %d bytes, %v", resp.Status, n, err)
	}
	resp.Body.Close()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ended it with %v\n%s", err, out.String())
	}
	if strings.Contains(out.String(), "warning") {
		t.Errorf("it warns of something\n%s", out.String())
	}
	checkGone(t, tmp)
}

// TestDemoStops guards Ctrl-C in the middle: nothing stays.
func TestDemoStops(t *testing.T) {
	env, tmp := demoEnvironment(t)
	cmd := cofre(t, env, "demo", "--rows", "3000000")
	out := testenv.Log(t)
	cmd.Stdout, cmd.Stderr = out.File(), out.File()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "PostgreSQL to be there", func() bool { return strings.Contains(out.String(), "a throwaway PostgreSQL") })
	time.Sleep(300 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitStopped {
		t.Errorf("ended with %v\n%s", err, out.String())
	}
	checkGone(t, tmp)
}

// TestDemoFinds guards where the server's programs are looked for.
func TestDemoFinds(t *testing.T) {
	env, _ := demoEnvironment(t)
	empty := t.TempDir()
	for _, bad := range []string{"/nowhere", empty} {
		out, err := cofre(t, append(env, "COFRE_DEMO_POSTGRES="+bad), "demo", "--json").Output()
		var doc failure
		if jerr := json.Unmarshal(out, &doc); err == nil || jerr != nil || doc.Error == nil || !strings.Contains(doc.Error.Message, "COFRE_DEMO_POSTGRES") {
			t.Errorf("%s: %v, %s", bad, err, out)
		}
	}
}
