//go:build !linux

package testenv

import "syscall"

// InRoot are attributes of a process that has a folder as its root directory, which is root's to change.
func InRoot(folder string, user int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Chroot: folder}
	if user != 0 {
		a.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	}
	return a
}
