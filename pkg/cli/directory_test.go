package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
)

const testdataOfLocal = "../storage/local/testdata/"

// listed is what "cofre list" prints.
type listed struct {
	Backups []struct{ ID, Status, Filename string }
}

// A directory made before the local store had no server is used as it is, and taken over by the first cleanup.
func TestDirectoryOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	dir := testenv.OldDirectory(t, testdataOfLocal+"directory-v1.tar.gz")
	identity, err := filepath.Abs(testdataOfLocal + "directory-v1.identity")
	if err != nil {
		t.Fatal(err)
	}
	target := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	env := environment(t, target, dir, "BACKUP_AGE_IDENTITY_FILE="+identity)
	validate := func(when string) {
		t.Helper()
		var all listed
		answer(t, env, &all, "list")
		good := 0
		for _, b := range all.Backups {
			if b.Status != "success" {
				continue
			}
			good++
			var v struct{ Valid bool }
			if answer(t, env, &v, "validate", b.ID); !v.Valid {
				t.Errorf("%s: %s is not valid", when, b.Filename)
			}
		}
		if len(all.Backups) != 7 || good != 5 {
			t.Errorf("%s: %+v", when, all)
		}
	}
	validate("as it is")
	var any map[string]any
	answer(t, env, &any, "audit", "verify")
	answer(t, env, &any, "cleanup", "36500")
	if _, err := os.Stat(filepath.Join(dir, ".sgwtmp")); err == nil {
		t.Error("the first cleanup has not ended the transition")
	}
	validate("after a cleanup")
	// Nothing of the attributes is needed any more, nor the index.
	if err := os.Remove(filepath.Join(dir, "registry.json")); err != nil {
		t.Fatal(err)
	}
	validate("without the index")
	var all listed
	answer(t, env, &all, "list", "--search", "nightly")
	if len(all.Backups) != 1 {
		t.Fatalf("%+v", all)
	}
	answer(t, env, &any, "restore", all.Backups[0].ID, "--to", target)
}

// On a full disk all that is there can be listed, downloaded and restored, and backups can be removed.
func TestFullDisk(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	server := testenv.Postgres(t, testenv.NewestMajor)
	source := server.NewDatabase(t)
	testenv.LoadSQL(t, source, "CREATE TABLE a AS SELECT i, md5(i::text) FROM generate_series(1, 2000) i")
	dir := testenv.Disk(t, "size=6m")
	env := environment(t, source, dir)
	var any map[string]any
	for range 4 {
		answer(t, env, &any, "create")
	}
	empty := testenv.Fill(t, dir)
	wantExit(t, env, 8, fault.StorageFull, "create")
	var all listed
	answer(t, env, &all, "list")
	if len(all.Backups) < 4 {
		t.Fatalf("%+v", all)
	}
	var ids []string
	for _, b := range all.Backups {
		if b.Status == "success" {
			ids = append(ids, b.ID)
		}
	}
	answer(t, env, &any, "validate", ids[1])
	answer(t, env, &any, "restore", ids[0], "--to", server.NewDatabase(t))
	answer(t, env, &any, "download", ids[0], "-o", filepath.Join(t.TempDir(), "x.dump"))
	answer(t, env, &any, "delete", ids[3], "--yes")
	testenv.Fill(t, dir)
	answer(t, env, &any, "cleanup", "0")
	answer(t, env, &all, "list")
	good := 0
	for _, b := range all.Backups {
		if b.Status == "success" {
			good++
		}
	}
	if good != 1 {
		t.Errorf("left: %+v", all)
	}
	empty()
	answer(t, env, &any, "create")
	answer(t, env, &any, "audit", "verify")
}

// A directory mounted read-only gives back what is in it.
func TestReadOnlyDirectory(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	server := testenv.Postgres(t, testenv.NewestMajor)
	source := server.NewDatabase(t)
	testenv.LoadSQL(t, source, "CREATE TABLE a AS SELECT i FROM generate_series(1, 2000) i")
	dir := testenv.Disk(t, "size=6m")
	env := environment(t, source, dir)
	var made struct{ ID string }
	answer(t, env, &made, "create")
	testenv.ReadOnly(t, dir, true)
	var any map[string]any
	var all listed
	answer(t, env, &all, "list")
	answer(t, env, &any, "info", made.ID)
	answer(t, env, &any, "validate", made.ID)
	answer(t, env, &any, "download", made.ID, "-o", filepath.Join(t.TempDir(), "x.dump"))
	answer(t, env, &any, "restore", made.ID, "--to", server.NewDatabase(t))
	if len(all.Backups) != 1 {
		t.Errorf("%+v", all)
	}
	wantExit(t, env, 7, "read_only", "create")
	wantExit(t, env, 7, "read_only", "delete", made.ID, "--yes")
	testenv.ReadOnly(t, dir, false)
	answer(t, env, &any, "delete", made.ID, "--yes")
}

// What others may change is said by create and by doctor.
func TestOpenDirectory(t *testing.T) {
	t.Parallel()
	source := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	dir := t.TempDir()
	env := environment(t, source, dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "files")); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"create", "doctor"} {
		out, _ := cofre(t, env, command).CombinedOutput()
		if !strings.Contains(string(out), "mode 0777") || !strings.Contains(string(out), "is a symbolic link") {
			t.Errorf("%s says:\n%s", command, out)
		}
	}
}

// The link of "cofre url" works for as long as that runs.
func TestURLServes(t *testing.T) {
	t.Parallel()
	source := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	dir := t.TempDir()
	env := environment(t, source, dir)
	var made struct {
		ID   string
		Size int64
	}
	answer(t, env, &made, "create")
	cmd := cofre(t, env, "url", made.ID, "--expires", "4s")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || int64(len(body)) != made.Size {
		t.Errorf("%s, %d bytes, %v", resp.Status, len(body), err)
	}
	if err := cmd.Wait(); err != nil { // when it has expired
		t.Error(err)
	}
}

// wantExit runs a command that fails.
func wantExit(t *testing.T, env []string, code int, reason fault.Reason, args ...string) {
	t.Helper()
	cmd := cofre(t, env, append(args, "--json")...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), string(reason)) {
		t.Errorf("cofre %s exits with %d, want %d with %s:\n%s", strings.Join(args, " "), got, code, reason, out)
	}
}
