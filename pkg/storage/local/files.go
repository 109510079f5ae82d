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
			return foreign(s.op("", key[:i]).place)
		}
	}
	return nil
}

// ours reports whether this user or root has made a file.
func ours(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

// openObject opens an object's file for reading. What is not a regular file does not exist.
func (s *Store) openObject(key string) (*os.File, fs.FileInfo, error) {
	if err := storage.CheckKey(key); err != nil {
		return nil, nil, err
	}
	// Without waiting for somebody to write to a FIFO.
	f, err := s.below(key, unix.O_RDONLY|unix.O_NONBLOCK, 0, maxLinks)
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
	name := tmpFolder + "/" + random()
	path = s.own(name)
	f, err := s.openOwn(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
		_ = s.removeOwn(name)
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

// syncFolder makes names in one of the store's own folders durable.
func (s *Store) syncFolder(name string) error {
	dir, err := s.ownDir(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return s.syncDir(dir)
}

// syncDir makes names in a folder durable. Some file systems cannot sync folders, and need not.
func (s *Store) syncDir(dir *os.File) error {
	if s.volatile {
		return nil
	}
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// publish gives a file the name of an object, and makes that durable where it has to be: with create only where nothing has it
// (fs.ErrExist), else in the place of what has it. The caller holds the key's lock.
func (s *Store) publish(from, key string, create, durable bool) error {
	for try := 0; ; try++ {
		err := s.publishOnce(from, key, create, durable)
		// Another writer may have removed a folder that had just become empty.
		if !errors.Is(err, fs.ErrNotExist) || try == 100 || !exists(from) {
			return err
		}
	}
}

func (s *Store) publishOnce(from, key string, create, durable bool) error {
	dir, name, err := s.makeFolder(key)
	if err != nil {
		return err
	}
	defer dir.Close()
	if create {
		err = s.link(from, dir, name)
	} else {
		err = renameTo(from, dir, name)
	}
	if err != nil || !durable {
		return err
	}
	return s.syncDir(dir)
}

// link gives a file a second name and takes the first one away. Where the file system has no links, the lock that the
// caller holds is what keeps others away.
func (s *Store) link(from string, dir *os.File, name string) error {
	err := again(func() error { return unix.Linkat(unix.AT_FDCWD, from, int(dir.Fd()), name, 0) })
	if errors.Is(err, fs.ErrExist) && sameFile(from, dir, name) {
		err = nil // NFS: the answer to the first try was lost
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EMLINK) {
		if _, err := statAt(dir, name); err == nil {
			return fs.ErrExist
		}
		return renameTo(from, dir, name)
	}
	if err != nil {
		return pathError("link", dir, name, err)
	}
	if err := s.step("linked"); err != nil {
		return err
	}
	return os.Remove(from)
}

func renameTo(from string, dir *os.File, name string) error {
	err := again(func() error { return unix.Renameat(unix.AT_FDCWD, from, int(dir.Fd()), name) })
	return pathError("rename", dir, name, err)
}

func sameFile(from string, dir *os.File, name string) bool {
	var a unix.Stat_t
	if unix.Lstat(from, &a) != nil {
		return false
	}
	b, err := statAt(dir, name)
	return err == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// otherDisk reports whether a key's folder is on another file system than what is being written.
func (s *Store) otherDisk(key string) bool {
	top, _, deep := strings.Cut(key, "/")
	if !deep {
		return false
	}
	var a, b unix.Stat_t
	return unix.Stat(filepath.Join(s.root, top), &a) == nil && unix.Stat(s.own(ownFolder), &b) == nil && a.Dev != b.Dev
}

func (s *Store) canceled(ctx context.Context, o op) error {
	if err := ctx.Err(); err != nil {
		return o.fault(err)
	}
	return nil
}
