package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ownerFile is locked by the process that owns a folder. The lock goes with the process.
const ownerFile = "owner.lock"

// Dir is a temporary folder that belongs to this process.
type Dir struct {
	Path string
	lock *os.File
}

// prefix of the names of all folders made here. Names are short: sockets lie in some of the folders, and the name of a socket may
// have 107 bytes in all.
const prefix = "cofre-"

// NewDir makes a folder for something called name, which every user may enter, in the system's
// temporary folder. Folders made here whose owner died without removing them are removed first.
func NewDir(name string) (*Dir, error) { return NewDirIn(os.TempDir(), name) }

// NewDirIn is NewDir for another folder than the system's temporary one.
func NewDirIn(parent, name string) (*Dir, error) {
	sweep(parent)
	path, err := makeDir(filepath.Join(parent, prefix+name+"-"))
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	d := &Dir{Path: path}
	if err := d.own(); err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("lock temporary folder: %w", err)
	}
	return d, nil
}

// makeDir makes a folder whose name begins so and goes on with what nobody can tell before.
func makeDir(begin string) (string, error) {
	for {
		path := begin + rand.Text()[:6]
		if err := os.Mkdir(path, 0o700); !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
}

// own locks the owner file before it appears under its name, so that nobody ever sees it
// without a lock while its owner lives.
func (d *Dir) own() error {
	if err := os.Chmod(d.Path, 0o755); err != nil {
		return err
	}
	hidden := filepath.Join(d.Path, ownerFile+".new")
	f, err := os.OpenFile(hidden, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return err
	}
	d.lock = f
	return os.Rename(hidden, filepath.Join(d.Path, ownerFile))
}

// Remove removes the folder and everything in it.
func (d *Dir) Remove() error {
	defer d.lock.Close()
	if err := os.RemoveAll(d.Path); err != nil {
		return fmt.Errorf("remove temporary folder: %w", err)
	}
	return nil
}

// sweep removes folders whose owner is gone. Failures are left to the next sweep: a folder may
// belong to another user, or be in use for a moment longer.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, prefix+"*", ownerFile))
	for _, lock := range left {
		f, err := os.OpenFile(lock, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(lock))
		}
		f.Close()
	}
}
