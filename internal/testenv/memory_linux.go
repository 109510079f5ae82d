package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"cofre/internal/process"
)

// memory is where Linux has files that lie in memory.
const memory = "/dev/shm"

// inMemory returns a folder whose files lie in memory, or "" when this machine has none with room for what the tests' servers
// write. Tests make and drop hundreds of databases of 300 files each. On a disk that can be a third of all that they take: ext4
// without a journal, which virtual machines often have, passes over the inodes that were freed in the last minutes one by one.
var inMemory = sync.OnceValue(func() string {
	if !hasRoom(4<<30, 8<<30) {
		return ""
	}
	probe, err := os.MkdirTemp(memory, "cofre-probe-")
	if err != nil {
		return ""
	}
	os.Remove(probe)
	return memory
})

// hasRoom tells whether so much can be written there, on a machine that has so much memory left.
func hasRoom(files, left uint64) bool {
	var fs unix.Statfs_t
	return unix.Statfs(memory, &fs) == nil && fs.Type == unix.TMPFS_MAGIC && fs.Bavail*uint64(fs.Bsize) >= files && available() >= left
}

// useMemory makes a folder in memory the temporary one of this process and its children, where this machine has room for what they write
// and programs find there all that they find on a disk. What they make and remove costs a fifth less of the processors than on a
// disk as above. It returns what is to be done at the end.
func useMemory() (end func()) {
	if os.Getenv("TMPDIR") != "" || !hasRoom(8<<30, 12<<30) {
		return func() {}
	}
	dir, err := process.NewDirIn(memory, "t") // short: sockets lie in it
	if err != nil {
		return func() {}
	}
	end = func() {
		if err := dir.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "testenv:", err)
		}
	}
	if !likeDisk(dir.Path) || os.Chmod(dir.Path, 0o777|os.ModeSticky) != nil || os.Setenv("TMPDIR", dir.Path) != nil {
		end()
		return func() {}
	}
	return end
}

// likeDisk tells whether programs can be run from a folder, its files have attributes of their users, and are read and written past
// the cache where somebody wants that, as MinIO does: memory can do the latter two since Linux 6.6.
func likeDisk(dir string) bool {
	var fs unix.Statfs_t
	file := filepath.Join(dir, "probe")
	defer os.Remove(file)
	if unix.Statfs(dir, &fs) != nil || fs.Flags&unix.MS_NOEXEC != 0 || os.WriteFile(file, nil, 0o600) != nil || unix.Setxattr(file, "user.cofre", []byte("x"), 0) != nil {
		return false
	}
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_DIRECT, 0)
	return err == nil && unix.Close(fd) == nil
}

// available returns the bytes of memory that programs can have without swapping, 0 when that is unknown.
func available() (bytes uint64) {
	info, _ := os.ReadFile("/proc/meminfo")
	_, rest, _ := strings.Cut(string(info), "\nMemAvailable:")
	fmt.Sscan(rest, &bytes) // kB, see proc_meminfo(5)
	return bytes << 10
}
