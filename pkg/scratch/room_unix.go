//go:build unix

package scratch

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"cofre/pkg/fault"
	"cofre/pkg/quantity"
)

// base is what an empty server and its log of changes take.
const base = 1 << 30

// checkRoom refuses to begin what the disk has no room for.
func checkRoom(bytes int64) error {
	room, err := Room()
	if err == nil && room < bytes {
		err = fault.New(fault.FileSystem, fault.StorageFull, "Make room there, or set TMPDIR to a folder on a larger disk.",
			"restoring the backup takes about %s in %s, and %s are free", quantity.Bytes(bytes+base), os.TempDir(), quantity.Bytes(room+base))
	}
	return err
}

// Room gives the bytes that are free for what is restored; below 0 where not even an empty server has room.
func Room() (int64, error) {
	free, err := freeIn(os.TempDir())
	return free - base, err
}

// Free gives the bytes that are left on the disk of the server's data.
func (s *Server) Free() (int64, error) { return freeIn(s.Data()) }

func freeIn(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
