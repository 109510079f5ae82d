package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/versity/versitygw/s3err"
)

func TestLongTemporaryFolder(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	must(t, os.MkdirAll(long, 0o700))
	t.Setenv("TMPDIR", long)
	_, store := start(t, Config{Directory: filepath.Join(long, "backups")})
	_, err := store.Put(t.Context(), "x", nil, storage.PutOptions{})
	must(t, err)
}

func TestDirectories(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for dir, want := range map[string]fault.Code{"": fault.Validation, file: fault.Validation, file + "/below": fault.Validation, "/proc/backups": fault.FileSystem} {
		_, err := Start(t.Context(), Config{Directory: dir})
		if f := fault.From(err); err == nil || f.Code != want || f.Hint == "" {
			t.Errorf("%q: %v", dir, err)
		}
	}
	for errno, want := range map[syscall.Errno]fault.Reason{syscall.ENOSPC: fault.StorageFull, syscall.EDQUOT: fault.StorageFull,
		syscall.EROFS: ReadOnly, syscall.EACCES: fault.AccessDenied, syscall.EPERM: fault.AccessDenied, syscall.EIO: fault.StorageFailed} {
		if f := fault.From(explainDirectory(&os.PathError{Op: "mkdir", Path: "x", Err: errno}, "x")); f.Reason != want || f.Hint == "" || f.Code == fault.Internal {
			t.Errorf("%v: %+v", errno, f)
		}
	}
}

// A directory of somebody else: Start says so. Root could write it, so another user tries.
func TestNoPermission(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "cofre-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(base) })
	must(t, os.Chmod(base, 0o755))
	exe := filepath.Join(base, "test")
	b, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(exe, b, 0o755))
	dir := filepath.Join(base, "backups")
	must(t, os.Mkdir(dir, 0o500))
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), roleVariable+"=start "+dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprint(fault.Permission, " ", fault.AccessDenied, " true "); err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%s, %v; want %s", out, err, want)
	}
}

// Errors of the disk reach the client with a code that says so.
func TestExplain(t *testing.T) {
	d := &disk{}
	for errno, want := range map[syscall.Errno]string{syscall.ENOSPC: "InsufficientStorage", syscall.EDQUOT: "InsufficientStorage",
		syscall.EROFS: "MethodNotAllowed", syscall.EACCES: "AccessDenied"} {
		err := d.explain(fmt.Errorf("link object: %w", &os.PathError{Op: "open", Path: "x", Err: errno}), t.TempDir(), "x")
		if api, ok := err.(s3err.APIError); !ok || api.Code != want {
			t.Errorf("%v becomes %v, want %s", errno, err, want)
		}
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	folder := s3err.GetAPIError(s3err.ErrExistingObjectIsDirectory)
	if err := d.explain(folder, dir, "folder"); err != folder {
		t.Errorf("a folder in the way: %v", err)
	}
	if err := d.explain(nil, dir, "x"); err != nil {
		t.Error(err)
	}
}
