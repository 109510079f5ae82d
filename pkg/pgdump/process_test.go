package pgdump_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
)

// misbehaving gives a client whose pg_dump is a script, and a database that it does not look at.
func misbehaving(t *testing.T, script string) (pgdump.Client, pgdump.DumpOptions) {
	t.Helper()
	s := testenv.Postgres(t, 18)
	file := filepath.Join(program(t, script), "pg_dump")
	return pgdump.Client{PgDump: file, Version: "18.0", Major: 18}, pgdump.DumpOptions{
		Target: target(t, s.NewDatabase(t)), Compression: pgdump.Compression{Algorithm: pgdump.None},
	}
}

func TestExitStatusAfterOutput(t *testing.T) {
	c, o := misbehaving(t, `printf 'half of the output'; echo "pg_dump: error: something new, password=$PGPASSWORD at postgres://u:$PGPASSWORD@h/d" >&2; exit 7`)
	d, err := c.Dump(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := io.ReadAll(d)
	wantFault(t, err, fault.BackupCreation, fault.ExitStatus, "status 7", "something new")
	if string(data) != "half of the output" {
		t.Errorf("%q", data)
	}
	if secret := testenv.Postgres(t, 18).Password; strings.Contains(err.Error()+d.Stderr(), secret) {
		t.Errorf("the password is in %q", err)
	}
}

// What pg_dump may have started must not live on, nor keep the reader waiting.
func TestDescendantsAreEnded(t *testing.T) {
	c, o := misbehaving(t, `sleep 1000 & echo $! ; exit 0`)
	d, err := c.Dump(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	started := time.Now()
	data, err := io.ReadAll(d)
	if err != nil || time.Since(started) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(started), err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	wantEnded(t, pid)
}

// wantEnded waits until a process has ended; a zombie that nobody has waited for yet counts as ended.
func wantEnded(t *testing.T, pid int) {
	t.Helper()
	for range 100 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

// A program that ignores SIGTERM is ended all the same.
func TestStubbornProgramIsKilled(t *testing.T) {
	c, o := misbehaving(t, `trap '' TERM; echo x; while true; do sleep 1; done`)
	ctx, cancel := context.WithCancel(context.Background())
	d, err := c.Dump(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(d, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = io.ReadAll(d)
	wantFault(t, err, fault.Canceled, "")
	gone(t, d.PID())
}

func TestProgramThatCannotStart(t *testing.T) {
	c, o := misbehaving(t, "")
	if err := os.WriteFile(c.PgDump, []byte("#!/nowhere/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := c.Dump(context.Background(), o)
	wantFault(t, err, fault.BackupCreation, fault.ClientMissing)
}

// parentEnv makes this test binary a process that starts a dump and waits to be killed.
const parentEnv = "COFRE_TEST_PARENT"

func beParent(url string) {
	t := &testing.T{}
	d, err := client(t, 18).Dump(context.Background(), pgdump.DumpOptions{Target: target(t, url)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(d.PID())
	select {}
}

// When cofre is killed, its pg_dump ends with it.
func TestDumpEndsWithItsParent(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := bigDatabase(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"="+s.URL(db.Database()))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%q", line)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("pg_dump does not run: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Error(err)
	}
	wantEnded(t, pid)
}
