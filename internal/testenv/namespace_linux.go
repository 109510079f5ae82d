package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

const namespaceVariable = "COFRE_TEST_NAMESPACE"

// InMountNamespace runs a test again in a process with mounts of its own, and reports whether this is that process: the
// caller returns when it is not. It needs root, or a system on which users may make namespaces, and fails without.
func InMountNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceVariable) == t.Name() {
		if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
			t.Fatalf("make the mounts private: %v", err)
		}
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), namespaceVariable+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Fatalf("this test mounts file systems, which this user may not: run it as root, or allow user namespaces "+
			"(sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0): %v", err)
	}
	if err != nil {
		t.Fatalf("in the process with its own mounts: %v\n%s", err, out)
	}
	return false
}

// Disk mounts an empty file system in memory. Only in a process of InMountNamespace.
func Disk(t *testing.T, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("cofre-test", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// Proc mounts /proc in a root, which containers have. Only in a process of InMountNamespace.
func Proc(t *testing.T, root string) {
	t.Helper()
	dir := filepath.Join(root, "proc")
	err := os.Mkdir(dir, 0o555)
	if err == nil {
		err = syscall.Mount("/proc", dir, "", syscall.MS_BIND|syscall.MS_REC, "")
	}
	if err != nil {
		t.Fatalf("mount /proc in %s: %v", root, err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// ReadOnly makes a disk read-only, or writable again.
func ReadOnly(t *testing.T, dir string, on bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if on {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("cofre-test", dir, "tmpfs", flags, ""); err != nil {
		t.Fatalf("remount the small disk: %v", err)
	}
}

// Fill takes all room of a disk, and returns what gives it back.
func Fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	f, err := os.CreateTemp(dir, ".fill-")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for err = error(nil); err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	return func() { os.Remove(f.Name()) }
}
