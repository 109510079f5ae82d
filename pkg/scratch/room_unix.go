//go:build unix

package scratch

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"cofre/pkg/fault"
)

// base is what an empty server and its log of changes take.
const base = 1 << 30

// checkRoom refuses to begin what the disk has no room for.
func checkRoom(bytes int64) error {
	var st unix.Statfs_t
	dir := os.TempDir()
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	if free, need := int64(st.Bavail)*int64(st.Bsize), bytes+base; free < need {
		return fault.New(fault.FileSystem, fault.StorageFull, "Make room there, or set TMPDIR to a folder on a larger disk.",
			"restoring the backup takes about %d MB in %s, and %d MB are free", need>>20, dir, free>>20)
	}
	return nil
}
