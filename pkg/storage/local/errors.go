package local

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Reasons of this package.
const (
	// NoLocks: the file system has no file locks.
	NoLocks fault.Reason = "no_file_locks"
	// OtherDisk: a folder of the directory is on another file system.
	OtherDisk fault.Reason = "other_file_system"
	// OlderVersion: a process of an older version is writing.
	OlderVersion fault.Reason = "older_version_writes"
	// ForeignLink: a symbolic link of another user is in the way.
	ForeignLink fault.Reason = "foreign_link"
)

// op is one operation as people are told of it.
type op struct {
	verb  string // "write", "read", ...
	place string // a path
}

func (s *Store) op(verb, key string) op {
	return op{verb, filepath.Join(s.root, filepath.FromSlash(key))}
}

func (o op) told(err error, code fault.Code, reason fault.Reason, what, hint string) *fault.Error {
	return fault.Wrap(err, code, reason, hint, "cannot %s %s: %s", o.verb, o.place, what)
}

// fault makes the error of an operation public. It passes faults through.
func (o op) fault(err error) error {
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Canceled, "", "Run it again when you are ready.", "stopped while trying to %s %s", o.verb, o.place)
	case errors.Is(err, context.DeadlineExceeded):
		f := o.told(err, fault.FileSystem, fault.Timeout, "it took longer than allowed", "Try again, or allow more time.")
		f.Transient = true
		return f
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return o.told(err, fault.DiskSpace, fault.StorageFull, "the disk is full", "Free space there, or remove old backups with `cofre cleanup`.")
	case errors.Is(err, syscall.EROFS):
		return o.told(err, fault.Permission, storage.ReadOnly, "the file system is read-only", "Mount it read-write, or choose another location in BACKUP_DIRECTORY.")
	case errors.Is(err, fs.ErrPermission):
		return o.told(err, fault.Permission, fault.AccessDenied, "no permission", "Grant this user access (chown), or run cofre as the directory's owner.")
	case errors.Is(err, syscall.EXDEV):
		return o.told(err, fault.Validation, OtherDisk, "its folder is on another file system than the directory", "Mount the disk at the directory itself, or set BACKUP_DIRECTORY to a directory on it.")
	case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return o.told(err, fault.Validation, fault.AlreadyExists, "its name, or the beginning of it, is an object or a folder already", "Choose another name.")
	case errors.Is(err, fs.ErrNotExist):
		return o.told(err, fault.FileSystem, fault.NotFound, "it does not exist", "See what exists with `cofre list`.")
	case errors.Is(err, syscall.EFBIG):
		return o.told(err, fault.Validation, fault.LimitReached, "it is larger than the file system takes", "Choose a stronger compression, or leave tables out.")
	}
	return o.told(err, fault.FileSystem, fault.StorageFailed, "the file system failed", "Look at the disk's health (dmesg, smartctl), then try again.")
}

var errTaken = errors.New("there is an object of this name")

func (o op) precondition(hint string) error {
	return o.told(errTaken, fault.FileSystem, fault.Precondition, "it was changed by somebody else meanwhile", hint)
}

func explainDirectory(err error, dir string) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(err, fault.DiskSpace, fault.StorageFull, "Free space, run cofre cleanup, or choose another directory.", "the disk holding %s is full", dir)
	case errors.Is(err, syscall.EROFS):
		return fault.Wrap(err, fault.Permission, storage.ReadOnly, "Mount it read-write, or choose another directory.", "the file system of %s is read-only", dir)
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Permission, fault.AccessDenied, "Grant this user write access (chown), or choose another directory.", "no write permission on %s", dir)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, "Choose a directory.", "%s, or something above it, is a file", dir)
	}
	return fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Check the directory.", "cannot use the directory %s", dir)
}
