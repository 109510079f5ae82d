package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// bulkySQL makes about 16 MB that do not compress.
const bulkySQL = `
CREATE TABLE bulk (id int, noise bytea);
INSERT INTO bulk SELECT i, (SELECT string_agg(sha256((i * 1000 + j)::text::bytea), ''::bytea) FROM generate_series(1, 256) j) FROM generate_series(1, 2000) i;
`

// slow is a database with bulk in it behind a proxy that makes dumping it, 32 MB of text, take its time.
type slow struct {
	url   string // through the proxy
	port  string // of the proxy
	proxy *testenv.TCPProxy
}

func newSlow(t *testing.T, bytesPerSecond int64) slow {
	t.Helper()
	server := testenv.Postgres(t, testenv.NewestMajor)
	direct := server.NewDatabase(t)
	testenv.LoadSQL(t, direct, bulkySQL)
	proxy := testenv.Proxy(t, server.Addr())
	proxy.Throttle(testenv.ToClient, bytesPerSecond)
	_, port, _ := strings.Cut(proxy.Addr(), ":")
	return slow{server.URLThrough(proxy.Addr(), filepath.Base(direct)), port, proxy}
}

// environment is a cofre's own, without anything of this process's.
func environment(t *testing.T, url, directory string, more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir(), "TERM=xterm", "LC_ALL=C.UTF-8", "TZ=UTC",
		"DATABASE_URL=" + url, "BACKUP_DIRECTORY=" + directory, "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor),
		"BACKUP_CONNECT_RETRIES=0", "AWS_EC2_METADATA_DISABLED=true", "GORACE=" + testenv.GoRace,
	}, more...)
}

// cofre prepares a call of the program.
func cofre(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("cofre", args...)
	cmd.Env = env
	cmd.Dir = t.TempDir()
	return cmd
}

// answer runs a call to its end, without the race detector, and decodes the document that it prints.
func answer(t *testing.T, env []string, into any, args ...string) {
	t.Helper()
	cmd := cofre(t, env, append(args, "--json")...)
	cmd.Path = filepath.Join(plain(t), "cofre")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cofre %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("cofre %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// waitFor polls until done, at most four minutes: what is looked at once a minute takes longer on a busy machine.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); !done(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// inTheMiddle tells whether a backup under way has dumped some megabytes.
func inTheMiddle(t *testing.T, env []string) func() bool {
	var id string
	return func() bool {
		time.Sleep(300 * time.Millisecond) // each question is a process that takes as much of a processor
		if id == "" {
			var l backup.List
			if answer(t, env, &l, "list"); len(l.Backups) == 0 || l.Backups[0].Status != registry.InProgress {
				return false
			}
			id = l.Backups[0].ID
		}
		var s backup.StatusReport
		answer(t, env, &s, "status", id)
		return s.Detail != nil && s.Detail.DumpBytes > 2<<20
	}
}

// TestStop guards the end by a signal: exit code 130 within seconds, pg_dump gone, the upload aborted, the failure
// recorded, earlier backups untouched.
func TestStop(t *testing.T) {
	t.Parallel()
	// Where these tests are started by nohup their programs would not hear of a terminal that goes away, and are right in that.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	db := newSlow(t, 400_000)
	s3 := testenv.MinIO(t)
	bucket := s3.NewBucket(t)
	local := t.TempDir()
	for _, test := range []struct {
		name   string
		env    []string
		signal []syscall.Signal
	}{
		{"Ctrl-C over a directory", environment(t, db.url, local), []syscall.Signal{syscall.SIGINT}},
		{"SIGTERM over a bucket", environment(t, db.url, "s3://"+bucket+"/p", s3.Env()...), []syscall.Signal{syscall.SIGTERM}},
		{"a terminal that goes away", environment(t, db.url, local), []syscall.Signal{syscall.SIGHUP}},
		{"impatience", environment(t, db.url, t.TempDir()), []syscall.Signal{syscall.SIGINT, syscall.SIGINT}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := cofre(t, test.env, "create", "--name", "stopped", "--json")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the dump to be under way", inTheMiddle(t, test.env))
			start := time.Now()
			for _, s := range test.signal {
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			err := cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitStopped {
				t.Fatalf("ended with %v, want exit code 130\n%s%s", err, stdout.Bytes(), stderr.Bytes())
			}
			if took := time.Since(start); took > 30*time.Second { // of the 80 that the dump would take
				t.Errorf("it took %v to stop", took)
			}
			waitFor(t, "pg_dump to be gone", func() bool { return !dumping(t, db.port) })
			if len(test.signal) > 1 {
				var l backup.List
				answer(t, test.env, &l, "list") // whatever it left, the records can be read
				return
			}
			checkStopped(t, test.env, stdout.Bytes(), stderr.String())
		})
	}
	if left := leftovers(t, local); len(left) > 0 {
		t.Errorf("left in the backup directory: %v", left)
	}
	for part := range s3.Client(t).ListIncompleteUploads(context.Background(), bucket, "p/files/stopped.dump", true) {
		t.Errorf("pending upload left: %+v", part)
	}
	for o := range s3.Client(t).ListObjects(context.Background(), bucket, minio.ListObjectsOptions{Prefix: "p/files/", Recursive: true}) {
		t.Errorf("object left: %s", o.Key)
	}
}

// TestCanceled guards what is said when somebody else cancels a backup: by whom, and in every view that it was canceled and did
// not fail.
func TestCanceled(t *testing.T) {
	t.Parallel()
	db := newSlow(t, 1_000_000)
	env := environment(t, db.url, t.TempDir())
	create := cofre(t, env, "create")
	var stderr bytes.Buffer
	create.Stderr = &stderr
	if err := create.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the dump to be under way", inTheMiddle(t, env))
	var l backup.List
	answer(t, env, &l, "list")
	c, err := app.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Service.Cancel(t.Context(), l.Backups[0].ID, "ana"); err != nil {
		t.Fatal(err)
	}
	_ = create.Wait()
	if code := create.ProcessState.ExitCode(); code != exitStopped || !strings.Contains(stderr.String(), "cofre: the backup was canceled by ana") || !strings.Contains(stderr.String(), "recorded as canceled; nothing was stored") {
		t.Errorf("it ended with %d: %s", code, stderr.String())
	}
	for args, want := range map[string]string{
		"list": " canceled ", "list --outcome canceled": " canceled ", "list --outcome failed": "No matching backups",
		"info " + l.Backups[0].ID: l.Backups[0].ID + "  canceled\n", "status " + l.Backups[0].ID: "canceled", "source list": "no good backup yet",
	} {
		out, _ := cofre(t, env, strings.Fields(args)...).CombinedOutput()
		if !strings.Contains(string(out), want) || strings.Contains(string(out), "failed") {
			t.Errorf("%s: %s", args, out)
		}
	}
}

// TestWatch guards status --watch: it stays until another process's backup has ended, and ends as that one did.
func TestWatch(t *testing.T) {
	t.Parallel()
	db := newSlow(t, 400_000)
	env := environment(t, db.url, t.TempDir())
	for _, stop := range []bool{true, false} {
		create := cofre(t, env, "create")
		if err := create.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the dump to be under way", inTheMiddle(t, env))
		var l backup.List
		answer(t, env, &l, "list")
		text, err := cofre(t, env, "status", l.Backups[0].ID).Output()
		if err != nil || !regexp.MustCompile(`running  dumping, .*[kM]B dumped, .* stored, .*B/s, read over \d+ connections at once, \d+ of \d+ pieces, \d+:\d+ elapsed`).Match(text) {
			t.Errorf("%v, status says %s", err, text)
		}
		watch := cofre(t, env, "status", l.Backups[0].ID, "--watch", "--json")
		var doc bytes.Buffer
		watch.Stdout = &doc
		if err := watch.Start(); err != nil {
			t.Fatal(err)
		}
		want, status, how := 0, "completed", syscall.Signal(0)
		if stop {
			want, status, how = exitStopped, "failed", syscall.SIGINT
		} else {
			db.proxy.Heal()
		}
		if err := create.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		_ = create.Wait()
		_ = watch.Wait()
		var r backup.StatusReport
		if err := json.Unmarshal(doc.Bytes(), &r); err != nil || r.Status != status || watch.ProcessState.ExitCode() != want {
			t.Errorf("watching ended with %d, want %d; it says %s", watch.ProcessState.ExitCode(), want, doc.Bytes())
		}
	}
}

// TestServedLink guards url over a directory: the link works while the command runs, and Ctrl-C is its normal end.
func TestServedLink(t *testing.T) {
	env := environment(t, newSample(t), t.TempDir())
	var b backup.Backup
	answer(t, env, &b, "create")
	cmd := cofre(t, env, "url", b.ID)
	out, errs := testenv.Log(t), testenv.Log(t)
	cmd.Stdout, cmd.Stderr = out.File(), errs.File()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the link", func() bool { return strings.Contains(errs.String(), "Ctrl-C ends that") })
	link := strings.TrimSpace(out.String())
	resp, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, resp.Body); err != nil || hex.EncodeToString(h.Sum(nil)) != b.Checksum {
		t.Errorf("the link gives %s, %v, not the backup", resp.Status, err)
	}
	resp.Body.Close()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ended it with %v: %s", err, errs.String())
	}
	if resp, err := http.Get(link); err == nil {
		resp.Body.Close()
		t.Errorf("the link still works: %s", resp.Status)
	}
}

func checkStopped(t *testing.T, env []string, stdout []byte, stderr string) {
	t.Helper()
	var doc failure
	if err := json.Unmarshal(stdout, &doc); err != nil || doc.Error == nil || doc.Error.Code != "CanceledError" {
		t.Errorf("--json says %s (%v)", stdout, err)
	}
	if !strings.Contains(stderr, "cofre: stopped by ") || !strings.Contains(stderr, "→ ") {
		t.Errorf("people are told %q", stderr)
	}
	var b backup.Backup
	answer(t, env, &b, "info", doc.Backup.ID)
	if b.Status != registry.Failed || b.Error == nil || b.Error.Code != "CanceledError" {
		t.Errorf("recorded as %s, %+v", b.Status, b.Error)
	}
}

// dumping tells whether a pg_dump that talks to this port runs.
func dumping(t *testing.T, port string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lines {
		text, err := os.ReadFile(f)
		if err == nil && bytes.Contains(text, []byte("pg_dump")) && bytes.Contains(text, []byte(port)) {
			return true
		}
	}
	return false
}

// leftovers lists the files of backups and of unfinished uploads in a backup directory.
func leftovers(t *testing.T, dir string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		first, _, _ := strings.Cut(rel, "/")
		if err == nil && d.Type().IsRegular() && (first == "files" || strings.HasPrefix(rel, ".cofre/uploads/") || strings.HasPrefix(rel, ".cofre/tmp/")) {
			left = append(left, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// longAgo has a process killed days ago, as far as its unfinished small files tell: the next one sweeps those away that are older than a day,
// for younger ones may be another process's. A bucket has none.
func longAgo(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".cofre", "tmp", "*"))
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-48 * time.Hour)
	for _, f := range files {
		if err := os.Chtimes(f, before, before); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}
