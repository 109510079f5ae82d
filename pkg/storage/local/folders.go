package local

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"cofre/pkg/fault"

	"golang.org/x/sys/unix"
)

// Whoever may write to the directory may put a symbolic link in a folder's place between a look at it and its use. So folders are opened,
// one name after the other and without following links, and what is written, read or removed is named below what was opened. Only a
// link of this user or root is followed, the one that was looked at.

// maxLinks is how many links one path may lead through.
const maxLinks = 10

// folder opens a folder of objects; "" is the directory itself.
func (s *Store) folder(name string) (*os.File, error) {
	return s.below(name, unix.O_RDONLY|unix.O_DIRECTORY, 0, maxLinks)
}

// parent opens the folder that an object lies in.
func (s *Store) parent(key string) (dir *os.File, name string, err error) {
	above, name := path.Split(key)
	dir, err = s.folder(above)
	return dir, name, err
}

// ownDir opens one of the store's own folders, which are never links.
func (s *Store) ownDir(name string) (*os.File, error) {
	return s.below(name, unix.O_RDONLY|unix.O_DIRECTORY, 0, 0)
}

// openOwn opens one of the store's own files, which are never links, and never wait for anybody.
func (s *Store) openOwn(name string, flags int, mode uint32) (*os.File, error) {
	return s.below(name, flags|unix.O_NONBLOCK, mode, 0)
}

// below opens a path below the directory.
func (s *Store) below(name string, flags int, mode uint32, links int) (*os.File, error) {
	root, err := os.Open(s.root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return openBelow(root, name, flags, mode, links)
}

// openBelow opens a path below an open folder, or an absolute one.
func openBelow(at *os.File, name string, flags int, mode uint32, links int) (*os.File, error) {
	if path.IsAbs(name) {
		root, err := os.Open("/")
		if err != nil {
			return nil, err
		}
		defer root.Close()
		at = root
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	if len(parts) == 0 {
		parts = []string{"."}
	}
	opened := at
	for i, part := range parts {
		how := unix.O_RDONLY | unix.O_DIRECTORY
		if i == len(parts)-1 {
			how = flags
		}
		next, err := openOne(opened, part, how, mode, links)
		if opened != at {
			opened.Close()
		}
		if err != nil {
			return nil, err
		}
		opened = next
	}
	return opened, nil
}

// openOne opens a name in an open folder.
func openOne(at *os.File, name string, flags int, mode uint32, links int) (*os.File, error) {
	full := filepath.Join(at.Name(), name)
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat(int(at.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		return err
	})
	if err == nil {
		return os.NewFile(uintptr(fd), full), nil
	}
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EMLINK) {
		to, own, lerr := readLink(at, name)
		switch {
		case lerr != nil: // not a link
		case !own:
			return nil, foreign(full)
		case links == 0:
			err = syscall.ELOOP
		default:
			return openBelow(at, to, flags, mode, links-1)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: full, Err: err}
}

func foreign(path string) error {
	return fault.New(fault.Permission, ForeignLink, "Look at who made it (ls -ld); remove it, or let this user or root make it.",
		"%s is a symbolic link of another user and is not followed", path)
}

// makeFolder opens the folder that an object is to lie in, and makes what is missing of it, durably.
func (s *Store) makeFolder(key string) (dir *os.File, name string, err error) {
	above, name := path.Split(key)
	dir, err = s.folder("")
	if err != nil {
		return nil, "", err
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(above, "/"), "/") {
		if part == "" {
			break
		}
		err := again(func() error { return unix.Mkdirat(int(dir.Fd()), part, 0o700) })
		if err == nil {
			err = s.syncDir(dir)
		} else if errors.Is(err, fs.ErrExist) {
			err = nil // a file in this place fails in what follows
		}
		var next *os.File
		if err == nil {
			next, err = openOne(dir, part, unix.O_RDONLY|unix.O_DIRECTORY, 0, maxLinks)
		}
		dir.Close()
		if err != nil {
			return nil, "", err
		}
		dir = next
	}
	return dir, name, nil
}

// removeFolders removes the folders above an object that have become empty.
func (s *Store) removeFolders(key string) {
	for above := path.Dir(key); above != "."; above = path.Dir(above) {
		dir, name, err := s.parent(above)
		if err != nil {
			return
		}
		err = removeAt(dir, name, unix.AT_REMOVEDIR)
		dir.Close()
		if err != nil { // not empty, or a link
			return
		}
	}
}

func removeAt(dir *os.File, name string, flags int) error {
	err := again(func() error { return unix.Unlinkat(int(dir.Fd()), name, flags) })
	return pathError("remove", dir, name, err)
}

// removeOwn removes one of the store's own files.
func (s *Store) removeOwn(name string) error {
	dir, err := s.ownDir(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return removeAt(dir, path.Base(name), 0)
}

func pathError(what string, dir *os.File, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: what, Path: filepath.Join(dir.Name(), name), Err: err}
}

// statAt looks at a name in an open folder, not at what a link there leads to.
func statAt(dir *os.File, name string) (st unix.Stat_t, err error) {
	err = again(func() error { return unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

func kind(st unix.Stat_t) uint32 { return uint32(st.Mode) & unix.S_IFMT }

// again repeats what a signal has interrupted.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
