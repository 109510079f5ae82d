package pgdump

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeSize is how much of the child's output the kernel holds, in bytes: the child goes on while we are busy.
const pipeSize = 1 << 20

// ownGroup puts a child into a process group of its own and has the kernel end it should we die.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// enlargePipe is best effort: unprivileged users have a common limit for all their pipes.
func enlargePipe(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize)
	})
}

// awaitExit waits until the child has ended, without reaping it, so that its process group still has a name.
func awaitExit(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}
