package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"golang.org/x/sys/unix"
)

// path is where an object lies. It refuses unusable keys, and folders that are links of other users.
func (s *Store) path(key string) (string, error) {
	if err := storage.CheckKey(key); err != nil {
		return "", err
	}
	if err := s.checkFolders(key); err != nil {
		return "", err
	}
	return filepath.Join(s.root, filepath.FromSlash(key)), nil
}

// checkFolders looks at the folders above a key.
func (s *Store) checkFolders(key string) error {
	for i, r := range key {
		if r != '/' {
			continue
		}
		fi, err := os.Lstat(filepath.Join(s.root, filepath.FromSlash(key[:i])))
		if err != nil {
			return nil // whoever needs it says so
		}
		if fi.Mode()&fs.ModeSymlink != 0 && !ours(fi) {
			return s.foreign(key[:i])
		}
	}
	return nil
}

func (s *Store) foreign(key string) error {
	return fault.New(fault.Permission, ForeignLink, "Look at who made it (ls -ld); remove it, or let this user or root make it.",
		"%s is a symbolic link of another user and is not followed", s.op("", key).place)
}

// ours reports whether this user or root has made a file.
func ours(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

// openObject opens an object's file for reading. What is not a regular file does not exist.
func (s *Store) openObject(key string) (*os.File, fs.FileInfo, error) {
	path, err := s.path(key)
	if err != nil {
		return nil, nil, err
	}
	// Without waiting for somebody to write to a FIFO.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		fi, lerr := os.Lstat(path)
		if lerr == nil && !ours(fi) {
			return nil, nil, s.foreign(key)
		}
		f, err = os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	}
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

func random() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// stage writes a file that has no name of its own yet, and makes it durable. The caller removes it.
func (s *Store) stage(body []byte) (path string, fi fs.FileInfo, err error) {
	path = filepath.Join(s.own(tmpFolder), random())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", nil, err
	}
	_, err = f.Write(body)
	if err == nil {
		err = s.sync(f)
	}
	if err == nil {
		fi, err = f.Stat()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		os.Remove(path)
		return "", nil, err
	}
	return path, fi, nil
}

func (s *Store) sync(f *os.File) error {
	if s.volatile {
		return nil
	}
	return f.Sync()
}

// syncFolder makes names durable. Some file systems cannot sync folders, and need not.
func (s *Store) syncFolder(path string) error {
	if s.volatile {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// publish gives a file the name of an object, and makes that durable: with create only where nothing has it
// (fs.ErrExist), else in the place of what has it. The caller holds the key's lock.
func (s *Store) publish(from, to string, create bool) error {
	for try := 0; ; try++ {
		if err := s.makeParents(to); err != nil {
			return err
		}
		var err error
		if create {
			err = s.link(from, to)
		} else {
			err = os.Rename(from, to)
		}
		// Another writer may have removed a folder that had just become empty.
		if errors.Is(err, fs.ErrNotExist) && try < 100 && exists(from) {
			continue
		}
		if err != nil {
			return err
		}
		return s.syncFolder(filepath.Dir(to))
	}
}

// link gives a file a second name and takes the first one away. Where the file system has no links, the lock that the
// caller holds is what keeps others away.
func (s *Store) link(from, to string) error {
	err := os.Link(from, to)
	if errors.Is(err, fs.ErrExist) && sameFile(from, to) {
		err = nil // NFS: the answer to the first try was lost
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EMLINK) {
		if exists(to) {
			return fs.ErrExist
		}
		return os.Rename(from, to)
	}
	if err != nil {
		return err
	}
	if err := s.step("linked"); err != nil {
		return err
	}
	return os.Remove(from)
}

func sameFile(a, b string) bool {
	x, err := os.Lstat(a)
	if err != nil {
		return false
	}
	y, err := os.Lstat(b)
	return err == nil && os.SameFile(x, y)
}

// makeParents makes the folders above a path, durably.
func (s *Store) makeParents(path string) error {
	dir := filepath.Dir(path)
	if len(dir) <= len(s.root) {
		return nil
	}
	err := os.Mkdir(dir, 0o700)
	switch {
	case err == nil:
		return s.syncFolder(filepath.Dir(dir))
	case errors.Is(err, fs.ErrExist):
		return nil // a file in this place fails in what follows
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := s.makeParents(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.syncFolder(filepath.Dir(dir))
}

// removeParents removes the folders above a path that have become empty.
func (s *Store) removeParents(path string) {
	for dir := filepath.Dir(path); len(dir) > len(s.root); dir = filepath.Dir(dir) {
		if syscall.Rmdir(dir) != nil { // not empty, or a link
			return
		}
	}
}

// otherDisk reports whether a key's folder is on another file system than what is being written.
func (s *Store) otherDisk(key string) bool {
	top, _, deep := strings.Cut(key, "/")
	if !deep {
		return false
	}
	a, err := os.Stat(filepath.Join(s.root, top))
	if err != nil {
		return false
	}
	b, err := os.Stat(s.own(ownFolder))
	if err != nil {
		return false
	}
	x, ok := a.Sys().(*syscall.Stat_t)
	y, ok2 := b.Sys().(*syscall.Stat_t)
	return ok && ok2 && x.Dev != y.Dev
}

func (s *Store) canceled(ctx context.Context, o op) error {
	if err := ctx.Err(); err != nil {
		return o.fault(err)
	}
	return nil
}
