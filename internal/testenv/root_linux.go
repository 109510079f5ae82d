package testenv

import (
	"os"
	"syscall"
)

// InRoot are attributes of a process that has a folder as its root directory and another user there: root itself, or, for whoever is
// not, a user namespace, which lets anybody change the root.
func InRoot(folder string, user int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Chroot: folder}
	switch {
	case os.Geteuid() != 0:
		a.Cloneflags = syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getgid(), Size: 1}}
	case user != 0:
		a.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	}
	return a
}
