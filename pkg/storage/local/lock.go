package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"

	"golang.org/x/sys/unix"
)

// lockFiles is how many locks there are. Keys share them. All files are made beforehand, so that deleting on a full
// disk needs none.
const lockFiles = 64

// lockWait is how long a writer waits for another one, which holds a lock for as long as a disk takes to acknowledge.
const lockWait = 30 * time.Second

var errBusy = errors.New("another process holds the lock")

func lockFile(n int) string { return filepath.Join(lockFolder, strconv.Itoa(n)) }

// tryLocks makes the lock files and finds out whether the file system has locks.
func (s *Store) tryLocks() error {
	for n := range lockFiles {
		f, err := s.openOwn(lockFile(n), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return explainDirectory(err, s.root)
		}
		if n == 0 {
			err = flock(f)
		}
		f.Close()
		if err != nil && !errors.Is(err, errBusy) {
			return fault.Wrap(err, fault.FileSystem, NoLocks,
				"Mount it with locks (NFS: without nolock), choose another directory, or use an S3 service.",
				"the file system of %s has no locks", s.root)
		}
	}
	return nil
}

// flock takes a lock without waiting; errBusy says that another one has it.
func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EACCES):
			return errBusy
		default:
			return err
		}
	}
}

// lock lets one writer at a time at a key, among all processes. An older version's lock of the key is taken too while
// its processes may be running.
func (s *Store) lock(ctx context.Context, key string) (release func(), err error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(key))
	n := int(sum[0]) % lockFiles
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, errBusy)
	defer cancel()
	slot := s.slots[n]
	select {
	case slot <- struct{}{}: // writers of this process queue here, and not at the file
	case <-ctx.Done():
		return nil, s.busy(ctx, key)
	}
	f, err := s.lockFile(ctx, lockFile(n))
	var old *os.File
	if err == nil && s.old.Load() {
		if old, err = s.lockOld(ctx, key, sum[0]); err != nil {
			f.Close()
		}
	}
	if err != nil {
		<-slot
		if ctx.Err() != nil {
			return nil, s.busy(ctx, key)
		}
		return nil, s.op("lock", key).fault(err)
	}
	return func() {
		if old != nil {
			old.Close()
		}
		f.Close() // which releases the lock
		<-slot
	}, nil
}

// lockFile opens and locks one of the store's own files, and waits for it until ctx ends.
func (s *Store) lockFile(ctx context.Context, name string) (*os.File, error) {
	f, err := s.openOwn(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for wait := 200 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		if err = flock(f); !errors.Is(err, errBusy) {
			break
		}
		if pause.For(ctx, wait) != nil {
			f.Close()
			return nil, ctx.Err()
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// busy tells a lock that was not to be had from a caller that gave up.
func (s *Store) busy(ctx context.Context, key string) error {
	if !errors.Is(context.Cause(ctx), errBusy) {
		return s.op("lock", key).fault(ctx.Err())
	}
	f := s.op("lock", key).told(errBusy, fault.FileSystem, fault.Timeout, "another process holds its lock",
		"Try again; if it comes back, look for a stopped cofre with ps.")
	f.Transient = true
	return f
}
