//go:build !linux

package local

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// readLink reads a symbolic link in an open folder, and reports whether this user or root has made it. It looks before reading and behind it.
func readLink(at *os.File, name string) (to string, own bool, err error) {
	before, err := statAt(at, name)
	if err != nil {
		return "", false, err
	}
	if kind(before) != unix.S_IFLNK {
		return "", false, syscall.EINVAL
	}
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(int(at.Fd()), name, buf)
	if err != nil {
		return "", false, err
	}
	after, err := statAt(at, name)
	own = after.Ino == before.Ino && after.Uid == before.Uid && (after.Uid == 0 || int(after.Uid) == os.Geteuid())
	return string(buf[:n]), own, err
}
