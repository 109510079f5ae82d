//go:build unix && !linux

package pgdump

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ownGroup puts a child into a process group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func enlargePipe(*os.File) {}

// awaitExit waits until the child has ended, without reaping it, so that its process group still has a name.
// Lacking waitid, it looks again whenever some child has ended: a group of zombies alone refuses signals.
func awaitExit(pid int) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for syscall.Kill(-pid, 0) == nil {
		select {
		case <-ended:
		case <-time.After(time.Second):
		}
	}
}
