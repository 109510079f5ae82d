package uitest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cofre/internal/process"
	"cofre/internal/testenv"
	"cofre/web"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// program builds cofre once for all tests, with the UI in it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cofre-ui-")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "cofre"), testenv.Build(dir, "./cmd/cofre")
})

// site is a running "cofre serve": its address, and the secret that signs in there.
type site struct{ url, secret string }

// serve starts "cofre serve" on a free port with these variables. It ends with the test.
func serve(t *testing.T, env ...string) site {
	t.Helper()
	if !web.Built() {
		t.Fatal("the web UI is not built; run: make build")
	}
	path, err := program()
	if err != nil {
		t.Fatalf("build cofre: %v", err)
	}
	cmd := exec.Command(path, "serve", "--listen", "127.0.0.1:0", "--grace", "0s", "--json")
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PGDUMP_PATH=" + filepath.Join(testenv.ClientBin(testenv.NewestMajor), "pg_dump"),
	}, env...)
	out, log := testenv.Log(t), testenv.Log(t)
	cmd.Stdout, cmd.Stderr = out.File(), log.File()
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatalf("start cofre serve: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGTERM, 20*time.Second); err != nil && !strings.Contains(err.Error(), "exit status") {
			t.Errorf("stop cofre serve: %v", err)
		}
		if t.Failed() {
			lines := strings.Split(log.String(), "\n")
			lines = slices.DeleteFunc(lines, func(l string) bool {
				return strings.Contains(l, `"msg":"request"`) && strings.Contains(l, `"level":"INFO"`)
			})
			t.Logf("cofre serve:\n%s", strings.Join(lines, "\n"))
		}
	})
	// The announcement is one document over several lines.
	var said struct {
		URL    string `json:"url"`
		Secret string `json:"secret"`
	}
	for end := time.Now().Add(time.Minute); json.Unmarshal([]byte(out.String()), &said) != nil || said.URL == ""; time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.Done():
			end = time.Time{}
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("cofre serve announces nothing: %s\n%s", out, log)
		}
	}
	return site{said.URL, said.Secret}
}

// drive runs a program of web/e2e against a server, with these variables beside the test's own.
func drive(t *testing.T, script string, s site, env ...string) {
	t.Helper()
	root := testenv.Root()
	shots := os.Getenv("COFRE_SCREENSHOTS")
	if shots == "" {
		shots = filepath.Join(root, ".cache", "ui-screenshots")
	}
	if _, err := os.Stat(filepath.Join(root, "web", "node_modules", "playwright-core")); err != nil {
		t.Fatalf("%v; run: make setup", err)
	}
	cmd := exec.Command("node", script)
	cmd.Dir = filepath.Join(root, "web", "e2e")
	cmd.Env = append(append(os.Environ(), "COFRE_SCREENSHOTS="+shots, "COFRE_URL="+s.url, "COFRE_SECRET="+s.secret), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, out)
	}
	t.Logf("%s", out)
}
