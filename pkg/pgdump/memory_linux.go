package pgdump

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile gives a file that exists in memory only and starts at its beginning.
func memoryFile(name string, content io.Reader) (*os.File, error) {
	fd, err := unix.MemfdCreate("cofre-"+name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return filled(os.NewFile(uintptr(fd), name), content)
}
