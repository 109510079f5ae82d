package local

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"cofre/pkg/storage"

	"golang.org/x/sys/unix"
)

// The reserve is a few files of nothing. What removes backups has to write first: its intent, the index without them,
// its audit record. On a full disk such writes (storage.Freeing) take one file of the reserve away after the other.
// Once there is room again, the files are made again.

const (
	reserveFiles = 4
	maxReserve   = 32 << 20 // bytes in all
	minReserve   = 256 << 10
)

func (s *Store) reserveFile(n int) string {
	return filepath.Join(s.own(reserveFolder), strconv.Itoa(n))
}

// withReserve runs a write, and again with room from the reserve when there was none and it may.
func (s *Store) withReserve(ctx context.Context, write func() error) error {
	err := write()
	for noRoom(err) && storage.IsFreeing(ctx) && s.spend() {
		err = write()
	}
	return err
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// spend gives up one file of the reserve.
func (s *Store) spend() bool {
	for n := range reserveFiles {
		if s.removeOwn(reserveFolder+"/"+strconv.Itoa(n)) == nil {
			s.mu.Lock()
			s.spent = true
			s.mu.Unlock()
			return true
		}
	}
	return false
}

// refill makes the reserve again after something was removed.
func (s *Store) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent {
		s.fillReserve()
	}
}

// fillReserve makes what is missing of the reserve, as long as that leaves three times as much free. Whoever calls it holds s.mu.
func (s *Store) fillReserve() {
	var st unix.Statfs_t
	if s.volatile && s.reserve == 0 || unix.Statfs(s.own(reserveFolder), &st) != nil {
		return
	}
	size := s.reserve
	if size == 0 {
		size = max(minReserve, min(maxReserve, int64(uint64(st.Blocks)*uint64(st.Bsize)/256)))
	}
	size /= reserveFiles
	for n := range reserveFiles {
		if exists(s.reserveFile(n)) {
			continue
		}
		if unix.Statfs(s.own(reserveFolder), &st) != nil || int64(uint64(st.Bavail)*uint64(st.Bsize)) < 4*size {
			return
		}
		if s.makeReserve(reserveFolder+"/"+strconv.Itoa(n), size) != nil {
			return
		}
	}
	s.spent = false
}

func (s *Store) makeReserve(name string, size int64) error {
	f, err := s.openOwn(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	ok, err := allocate(f, size)
	if !ok && err == nil { // bytes that no file system makes smaller
		_, err = io.CopyN(f, rand.NewChaCha8([32]byte([]byte(random()))), size)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = s.removeOwn(name)
	}
	return err
}
