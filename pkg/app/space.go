//go:build unix

package app

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeSpace gives the free and total bytes of the disk under a local backup directory, as its owner may use them; of one that the first backup will make, the
// disk on which it does.
func (a *App) freeSpace() (free, total int64, err error) {
	var st unix.Statfs_t
	dir := a.Directory
	err = unix.Statfs(dir, &st)
	for errors.Is(err, unix.ENOENT) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		err = unix.Statfs(dir, &st)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", a.Directory, err)
	}
	size := int64(st.Bsize)
	used := int64(st.Blocks-st.Bfree) * size
	free = int64(st.Bavail) * size
	return free, used + free, nil // what is reserved for root is in neither
}
