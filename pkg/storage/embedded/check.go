package embedded

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"cofre/pkg/fault"

	"golang.org/x/sys/unix"
)

// testAttribute is as long as what an object carries: tags, metadata, checksums.
const testAttribute = 1500

// prepare makes the directory and tries out what the service needs of it. It returns its absolute path.
func prepare(dir string) (string, error) {
	if dir == "" {
		return "", fault.New(fault.Validation, fault.InvalidInput, "Set BACKUP_DIRECTORY to a directory, for example /srv/backups.", "no directory is given")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", explainDirectory(err, dir)
	}
	if err := os.MkdirAll(locks(abs), 0o700); err != nil {
		return "", explainDirectory(err, abs)
	}
	// Resolved, so that a link that is changed later does not move a running service.
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", explainDirectory(err, abs)
	}
	f, err := os.CreateTemp(filepath.Join(abs, workFolder), "check-")
	if err != nil {
		return "", explainDirectory(err, abs)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write([]byte("cofre")); err != nil {
		return "", explainDirectory(err, abs)
	}
	if err := unix.Fsetxattr(int(f.Fd()), "user.cofre", make([]byte, testAttribute), 0); err != nil {
		if noRoom := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT); noRoom && full(abs) {
			return "", explainDirectory(syscall.ENOSPC, abs)
		}
		return "", fault.Wrap(err, fault.FileSystem, NoAttributes,
			"Choose a directory on ext4, XFS, Btrfs or ZFS (not tmpfs of a kernel before 6.6, FAT, or NFS before 4.2), or use an S3 service.",
			"the file system of %s has no extended attributes, or too little room for them", abs)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return "", fault.Wrap(err, fault.FileSystem, NoLocks,
			"Mount it with locks (NFS: without nolock), choose another directory, or use an S3 service.",
			"the file system of %s has no locks", abs)
	}
	return abs, nil
}

// full tells whether a file system has no room left, for data or for files.
func full(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Blocks > 0 && (st.Bavail == 0 || st.Files > 0 && st.Ffree == 0)
}

// Reasons of this package.
const (
	// NoAttributes: the file system has no extended attributes.
	NoAttributes fault.Reason = "no_extended_attributes"
	// NoLocks: the file system has no file locks.
	NoLocks fault.Reason = "no_file_locks"
	// ReadOnly: the directory cannot be written.
	ReadOnly fault.Reason = "read_only"
)

func explainDirectory(err error, dir string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(err, fault.DiskSpace, fault.StorageFull, "Free space on its disk, or choose another one.", "the disk of %s is full", dir)
	case errors.Is(err, syscall.EROFS):
		return fault.Wrap(err, fault.Permission, ReadOnly, "Mount it for writing, or choose another directory.", "the file system of %s is read-only", dir)
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Permission, fault.AccessDenied, "Give this user the directory (chown), or choose another one.", "%s cannot be written by this user", dir)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, "Choose a directory.", "%s, or something above it, is a file", dir)
	}
	return fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Check the directory.", "cannot use the directory %s", dir)
}
