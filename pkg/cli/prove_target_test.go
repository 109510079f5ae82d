package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

// What a proof leaves that was killed the next one at the target drops, or a cleanup; one that is stopped leaves nothing.
func TestKilledProofAtTarget(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	home := server.URL("postgres")
	role, password := server.NewRole(t, "CREATEDB")
	source := newSample(t)
	testenv.LoadSQL(t, source, "CREATE TABLE large AS SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 300000) i; CREATE INDEX ON large (repeat)")
	dir := t.TempDir()
	file := filepath.Join(dir, "cofre.yaml")
	if err := os.WriteFile(file, []byte("targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n    allow: [proof]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"DATABASE_URL=" + source, "BACKUP_DIRECTORY=" + filepath.Join(dir, "backups"), "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor), "PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		"BACKUP_CONFIG=" + file, "STAGING_URL=" + server.URLAs(role, password, "postgres"), "BACKUP_PROOF_TARGET=staging", "GORACE=" + testenv.GoRace}
	run := func(args ...string) string {
		t.Helper()
		out, err := cofre(t, env, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
		return string(out)
	}
	databases := func() string {
		value, _, err := postgres.FirstValue(context.Background(), postgrestest.Target(t, home), "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'cofre%'")
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	run("create", "--name", "shop", "--quiet")
	// end starts a proof and ends it with a signal when something was restored, and returns the database that it left.
	end := func(s syscall.Signal) string {
		t.Helper()
		cmd := cofre(t, env, "prove", "shop.dump", "--quiet")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "something to be restored", func() bool {
			name := databases()
			if name == "" {
				return false
			}
			at := postgrestest.Target(t, server.URL(name))
			n, _, err := postgres.FirstValue(context.Background(), at, "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'large'")
			return err == nil && n == "1"
		})
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) {
			t.Fatalf("it ended before: %v", err)
		}
		return databases()
	}
	if left := end(syscall.SIGINT); left != "" {
		t.Errorf("%s is there although it was stopped", left)
	}
	left := end(syscall.SIGKILL)
	if !strings.HasPrefix(left, "cofre_proof_") {
		t.Fatalf("there is %q", left)
	}
	// The server sees at once that the session of the lock is gone.
	time.Sleep(time.Second)
	if out := run("prove", "shop.dump"); !strings.Contains(out, "of the target staging, which others use") || !strings.Contains(out, "proven in part") || databases() != "" {
		t.Errorf("%s; there is %q", out, databases())
	}
	left = end(syscall.SIGKILL)
	time.Sleep(time.Second)
	run("cleanup", "--dry-run")
	if databases() != left {
		t.Errorf("a dry run dropped %s", left)
	}
	if out := run("cleanup"); !strings.Contains(out, left+" at staging was left by a proof that was killed: dropped") || databases() != "" {
		t.Errorf("%s; there is %q", out, databases())
	}
}
