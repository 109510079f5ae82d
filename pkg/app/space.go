//go:build unix

package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeSpace gives the free and total bytes of the disk under a local backup directory, as its owner may use them.
func (a *App) freeSpace() (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(a.Directory, &st); err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", a.Directory, err)
	}
	size := int64(st.Bsize)
	used := int64(st.Blocks-st.Bfree) * size
	free = int64(st.Bavail) * size
	return free, used + free, nil // what is reserved for root is in neither
}
