package cli

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"cofre/internal/process"
	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// served is a running "cofre serve".
type served struct {
	t        *testing.T
	cmd      *exec.Cmd
	url      string
	secret   string // of development mode
	out, log *process.Log
}

// startServer starts one, and waits until it says where it is.
func startServer(t *testing.T, env []string, options ...string) *served {
	t.Helper()
	s := &served{t: t, out: testenv.Log(t), log: testenv.Log(t)}
	s.cmd = cofre(t, env, append([]string{"serve", "--listen", "127.0.0.1:0", "--json"}, options...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.out.File(), s.log.File()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	var doc announcement
	waitFor(t, "the server to say where it is", func() bool { return json.Unmarshal([]byte(s.out.String()), &doc) == nil })
	if s.url, s.secret = doc.URL, doc.Secret; len(s.secret) < 16 || doc.SignIn != "development" || !strings.HasPrefix(s.url, "http://127.0.0.1:") {
		t.Fatalf("it says %s", s.out)
	}
	return s
}

// create asks for a backup, and waits until its dump is under way.
func (s *served) create(env []string) string {
	s.t.Helper()
	var token struct{ Token string }
	s.post("/dev/token", `{"role":"ADMIN","secret":"`+s.secret+`"}`, "", &token)
	var b backup.Backup
	s.post("/api/backup/create", "{}", token.Token, &b)
	waitFor(s.t, "the dump to be under way", func() bool {
		var r backup.StatusReport
		answer(s.t, env, &r, "status", b.ID)
		return r.Detail != nil && r.Detail.DumpBytes > 1<<20
	})
	return b.ID
}

func (s *served) post(path, body, token string, into any) {
	s.t.Helper()
	req, err := http.NewRequest("POST", s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 202 || json.Unmarshal(data, into) != nil {
		s.t.Fatalf("%s, %v: %s\n%s", resp.Status, err, data, s.log)
	}
}

func (s *served) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// stopping waits until a signal has come to it: of two at once it may see one.
func (s *served) stopping() {
	s.t.Helper()
	waitFor(s.t, "the server to say that it stops", func() bool { return strings.Contains(s.log.String(), `"stopping"`) })
}

// ends waits for the exit code.
func (s *served) ends(want int) {
	s.t.Helper()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	}
	if got != want {
		s.t.Errorf("it ended with %d (%v), want %d\n%s", got, err, want, s.log)
	}
	if line, err := firstBadLine(s.log.String()); err != nil && want == 0 {
		s.t.Errorf("a line of the log is not JSON: %s", line)
	}
}

func firstBadLine(log string) (string, error) {
	for line := range strings.Lines(log) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			return line, err
		}
	}
	return "", nil
}

// TestServeStops guards how a server ends by signals: with grace, without on the second one, at once on the third; and
// what another one finds after a kill.
func TestServeStops(t *testing.T) {
	t.Parallel()
	db := newSlow(t, 400_000)
	dir := t.TempDir()
	env := environment(t, db.url, dir, "BACKUP_MAX_CONCURRENT=4")
	record := func(id string) backup.Backup {
		t.Helper()
		var b backup.Backup
		answer(t, env, &b, "info", id)
		return b
	}

	s := startServer(t, env, "--grace", "1h")
	id := s.create(env)
	s.signal(syscall.SIGTERM)
	s.stopping()
	s.signal(syscall.SIGTERM)
	s.ends(exitStopped)
	if b := record(id); b.Status != registry.Failed || b.Error == nil || b.Error.Code != "CanceledError" {
		t.Errorf("after a second signal: %s, %+v", b.Status, b.Error)
	}
	waitFor(t, "pg_dump to be gone", func() bool { return !dumping(t, db.port) })
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left in the backup directory: %v", left)
	}

	s = startServer(t, env, "--grace", "300ms")
	id = s.create(env)
	s.signal(syscall.SIGINT)
	s.ends(exitStopped)
	if b := record(id); b.Status != registry.Failed || b.Error == nil || b.Error.Code != "CanceledError" {
		t.Errorf("after the time of grace: %s, %+v", b.Status, b.Error)
	}

	s = startServer(t, env)
	id = s.create(env)
	s.signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
	waitFor(t, "pg_dump to be gone", func() bool { return !dumping(t, db.port) })
	longAgo(t, dir)
	s = startServer(t, env) // on the same machine: the process is seen to be gone, and its lease is not waited for
	second := s.create(env)
	waitFor(t, "the killed server's backup to be settled", func() bool { return record(id).Status == registry.Failed })
	if b := record(id); b.Ended() != registry.Interrupted {
		t.Errorf("a killed server's backup is %s, %+v", b.Ended(), b.Error)
	}
	// It is logged behind its record.
	waitFor(t, "the log to speak of it", func() bool { return strings.Contains(s.log.String(), `"backup_id":"`+id+`"`) })
	s.signal(syscall.SIGTERM)
	s.stopping()
	db.proxy.Heal()
	s.ends(exitOK)
	if b := record(second); b.Status != registry.Success {
		t.Errorf("with grace: %s, %+v", b.Status, b.Error)
	}
	s = startServer(t, env)
	s.signal(syscall.SIGTERM)
	s.ends(exitOK)
	if files := leftovers(t, dir); len(files) != 1 {
		t.Errorf("in the backup directory are %v", files)
	}
}
