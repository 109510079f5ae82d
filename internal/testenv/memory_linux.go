package testenv

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// inMemory returns a folder whose files lie in memory, or "" when this machine has none with room for what the tests' servers
// write. Tests make and drop hundreds of databases of 300 files each. On a disk that can be a third of all that they take: ext4
// without a journal, which virtual machines often have, passes over the inodes that were freed in the last minutes one by one.
var inMemory = sync.OnceValue(func() string {
	const dir, disk, memory = "/dev/shm", 4 << 30, 8 << 30
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil || fs.Type != unix.TMPFS_MAGIC || fs.Bavail*uint64(fs.Bsize) < disk || available() < memory {
		return ""
	}
	probe, err := os.MkdirTemp(dir, "cofre-probe-")
	if err != nil {
		return ""
	}
	os.Remove(probe)
	return dir
})

// available returns the bytes of memory that programs can have without swapping, 0 when that is unknown.
func available() (bytes uint64) {
	info, _ := os.ReadFile("/proc/meminfo")
	_, rest, _ := strings.Cut(string(info), "\nMemAvailable:")
	fmt.Sscan(rest, &bytes) // kB, see proc_meminfo(5)
	return bytes << 10
}
