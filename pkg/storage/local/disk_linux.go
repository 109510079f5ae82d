package local

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// beginWriting asks the kernel to write a range now, without waiting for it.
func beginWriting(f *os.File, at, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), at, length, unix.SYNC_FILE_RANGE_WRITE)
}

// allocate takes room for a file; ok is false where the file system cannot.
func allocate(f *os.File, size int64) (ok bool, err error) {
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	return true, err
}
