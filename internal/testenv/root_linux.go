package testenv

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// InRoot are attributes of a process that has a folder as its root directory and another user there: root itself, or, for whoever is
// not, a user namespace, which lets anybody change the root.
func InRoot(folder string, user int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Chroot: folder}
	switch {
	case os.Geteuid() != 0 || !known(user): // as in a process of InMountNamespace that another user than root has started
		a.Cloneflags = syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getgid(), Size: 1}}
	case user != 0:
		a.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	}
	return a
}

// known reports whether this user namespace has a user of this number.
func known(user int) bool {
	data, err := os.ReadFile("/proc/self/uid_map") // user_namespaces(7): first here, first outside, how many
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(data)) {
		var here, outside, n int
		if _, err := fmt.Sscan(line, &here, &outside, &n); err == nil && user >= here && user-here < n {
			return true
		}
	}
	return false
}
