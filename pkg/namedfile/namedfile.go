// Package namedfile reads files that an option, a variable or another file names: small ones, of which the name may be wrong.
package namedfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Read returns what is in a file of at most most bytes. What is not a regular file is refused and not read: a pipe that nobody
// writes to, or a terminal, would never end. Standard input and other descriptors that the caller has opened (/dev/stdin,
// /dev/fd/63 from a shell's "<(command)") are read to their end where they are pipes.
func Read(name string, most int64) ([]byte, error) {
	f, mode, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !mode.IsRegular() && !(mode.Type() == os.ModeNamedPipe && callers(name)) {
		return nil, notRegular(name, mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return data, err
}

// Open opens a regular file for reading, of any size, and refuses anything else.
func Open(name string) (*os.File, error) {
	f, mode, err := open(name)
	if err == nil && !mode.IsRegular() {
		f.Close()
		return nil, notRegular(name, mode)
	}
	return f, err
}

// open does not wait for a pipe's writer.
func open(name string) (*os.File, os.FileMode, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Mode(), nil
}

// callers tells whether a name stands for a descriptor of this process.
func callers(name string) bool {
	name = filepath.Clean(name)
	return name == "/dev/stdin" || strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/self/fd/")
}

// notRegular names what is not a regular file.
func notRegular(name string, mode os.FileMode) error {
	kind := "something else"
	switch {
	case mode.IsDir():
		kind = "a directory"
	case mode&os.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&os.ModeSocket != 0:
		kind = "a socket"
	case mode&os.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("%s is %s, not a regular file", name, kind)
}
