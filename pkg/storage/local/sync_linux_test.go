package local

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// When a backup is said to be stored, the disk has its bytes, then its name, and the names of the folders made for it.
func TestUploadsAreDurable(t *testing.T) {
	s := open(t, Config{Volatile: true})
	synced := traceSyncs(t, syncerVariable+"="+s.root+" upload durable")
	at := func(is func(path string) bool) int { return slices.IndexFunc(synced, is) }
	body := at(func(path string) bool { return filepath.Dir(path) == s.own(uploadFolder) })
	if body < 0 {
		t.Fatalf("the bytes are nowhere: %q", synced)
	}
	for _, folder := range []string{s.root, filepath.Join(s.root, "files"), filepath.Join(s.root, "files/daily")} {
		last := -1
		for i, path := range synced {
			if path == folder {
				last = i
			}
		}
		if last < body {
			t.Errorf("the names in %s are not on the disk behind the bytes: %q", folder, synced)
		}
	}
	if got, err := os.ReadFile(filepath.Join(s.root, "files/daily/x.dump")); err != nil || string(got) != "body" {
		t.Errorf("%q, %v", got, err)
	}
}

// What was removed does not come back with a power failure.
func TestRemovalsAreDurable(t *testing.T) {
	s := open(t, Config{Volatile: true})
	put(t, s, "intents/0.json", "other")
	put(t, s, "intents/1.json", "old")
	synced := traceSyncs(t, syncerVariable+"="+s.root+" delete durable")
	if !slices.Contains(synced, filepath.Join(s.root, "intents")) {
		t.Errorf("synced: %q", synced)
	}
}

// A record that may revert after a power failure does not wait for the disk to know its name. Any other does, and the contents of both
// are on the disk before they get one, so that none is ever half there.
func TestMayRevert(t *testing.T) {
	for _, what := range []string{"create", "replace"} {
		for _, keep := range []string{"durable", "revert"} {
			t.Run(what+" "+keep, func(t *testing.T) {
				s := open(t, Config{Volatile: true})
				put(t, s, "intents/0.json", "other")
				if what == "replace" {
					put(t, s, "intents/1.json", "old")
				}
				synced := traceSyncs(t, syncerVariable+"="+strings.Join([]string{s.root, what, keep}, " "))
				body := slices.IndexFunc(synced, func(path string) bool { return filepath.Dir(path) == s.own(tmpFolder) })
				name := slices.Index(synced, filepath.Join(s.root, "intents"))
				if body < 0 || (name > body) != (keep == "durable") || keep == "revert" && name >= 0 {
					t.Errorf("synced, in this order: %q", synced)
				}
				if got, _, err := s.Get(t.Context(), "intents/1.json"); err != nil || string(got) != "new" {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
	}
}

// traceSyncs runs this program with a variable, and returns what it calls fsync for, as the kernel sees it.
func traceSyncs(t *testing.T, variable string) (synced []string) {
	t.Helper()
	runtime.LockOSThread() // which is the tracer
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	must(t, cmd.Start())
	pid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Release() }() // it was waited for below
	var ws unix.WaitStatus
	_, err := unix.Wait4(pid, &ws, 0, nil)
	must(t, err)
	must(t, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL))
	must(t, unix.PtraceSyscall(pid, 0))
	for {
		thread, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		if err == unix.EINTR {
			continue
		}
		must(t, err)
		signal := 0
		switch {
		case thread == pid && (ws.Exited() || ws.Signaled()):
			if ws.ExitStatus() != 0 {
				t.Fatalf("the writer ended with %v", ws)
			}
			return synced
		case !ws.Stopped():
			continue
		case ws.StopSignal() == unix.SIGTRAP|0x80:
			if fd, ok := syncCall(thread); ok {
				path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", thread, fd))
				must(t, err)
				synced = append(synced, path)
			}
		case ws.StopSignal() != unix.SIGTRAP && ws.StopSignal() != unix.SIGSTOP:
			signal = int(ws.StopSignal()) // the writer's own
		}
		if err := unix.PtraceSyscall(thread, signal); err != nil && err != unix.ESRCH {
			t.Fatal(err)
		}
	}
}

// syncCall reports whether a thread is about to call fsync or fdatasync, and for which file: struct ptrace_syscall_info of ptrace(2).
func syncCall(thread int) (fd uint64, ok bool) {
	var info struct {
		op     uint8
		_      [7]byte
		ip, sp uint64
		nr     uint64
		args   [6]uint64
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	entry := errno == 0 && info.op == unix.PTRACE_SYSCALL_INFO_ENTRY
	return info.args[0], entry && (info.nr == unix.SYS_FSYNC || info.nr == unix.SYS_FDATASYNC)
}
