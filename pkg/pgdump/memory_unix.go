//go:build unix && !linux

package pgdump

import (
	"io"
	"os"
)

// memoryFile gives a file without a name that starts at its beginning.
func memoryFile(name string, content io.Reader) (*os.File, error) {
	f, err := os.CreateTemp("", "cofre-"+name)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return filled(f, content)
}
