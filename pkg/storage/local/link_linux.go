package local

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// readLink reads a symbolic link in an open folder, and reports whether this user or root has made it: of one and the same link.
func readLink(at *os.File, name string) (to string, own bool, err error) {
	fd, err := unix.Openat(int(at.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", false, err
	}
	if kind(st) != unix.S_IFLNK {
		return "", false, syscall.EINVAL
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	return string(buf[:max(n, 0)]), st.Uid == 0 || int(st.Uid) == os.Geteuid(), err
}
