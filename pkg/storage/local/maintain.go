package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/storage"
)

// staleUpload is when an upload to which nothing was written must have been left behind. Those of runs that are known
// are aborted long before.
const staleUpload = 7 * 24 * time.Hour

// Maintain implements storage.Maintainer: it ends the transition from an older version, removes what killed processes
// left, and makes the reserve again.
func (s *Store) Maintain(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.takeOver(ctx); err != nil {
		return s.op("clean up", "").fault(err)
	}
	err := s.sweepSidecars(ctx)
	s.sweepUploads()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepTmp()
	s.fillReserve()
	if err != nil {
		return s.op("clean up", "").fault(err)
	}
	return nil
}

// takeOver writes sidecars for objects with attributes of an older version, and removes that version's locks.
func (s *Store) takeOver(ctx context.Context) error {
	if fi, err := os.Lstat(s.own(oldFolder)); err != nil || !fi.IsDir() {
		return nil
	}
	for o, err := range s.List(ctx, storage.ListOptions{}) {
		if err == nil {
			err = s.takeOverObject(ctx, o.Key)
		}
		if err != nil {
			return err
		}
	}
	if err := s.refuseOldWriters(ctx); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.root) // out of which no link leads
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.RemoveAll(oldLocks); err != nil {
		return err
	}
	for _, f := range []string{oldUploads, oldFolder} {
		_ = root.Remove(f) // when nothing unfinished is left
	}
	s.old.Store(false)
	return nil
}

func (s *Store) takeOverObject(ctx context.Context, key string) error {
	if exists(s.own(sidecarName(key))) {
		return nil
	}
	f, fi, err := s.openObject(key)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer f.Close()
	if c := oldSidecar(key, f); c == nil || len(c.Metadata)+len(c.Tags) == 0 {
		return nil
	}
	release, err := s.lock(ctx, key)
	if err != nil {
		return err
	}
	defer release()
	if exists(s.own(sidecarName(key))) || !named(f, filepath.Join(s.root, filepath.FromSlash(key))) {
		return nil // somebody was faster
	}
	c, err := s.fullSidecar(key, f, fi)
	if err != nil {
		return err
	}
	return s.writeSidecar(key, c)
}

// named reports whether a path still names an open file.
func named(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// sweepSidecars removes those of objects that are gone.
func (s *Store) sweepSidecars(ctx context.Context) error {
	dir, err := s.ownDir(metaFolder)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := s.readOwn(metaFolder+"/"+name, maxSidecar)
		if err != nil {
			continue
		}
		key := keyOf(data)
		if key == "" || filepath.Join(metaFolder, name) != sidecarName(key) || exists(filepath.Join(s.root, filepath.FromSlash(key))) {
			continue
		}
		if err := s.sweepSidecar(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweepSidecar(ctx context.Context, key string) error {
	release, err := s.lock(ctx, key)
	if err != nil {
		return err
	}
	defer release()
	if exists(filepath.Join(s.root, filepath.FromSlash(key))) {
		return nil
	}
	return s.writeSidecar(key, nil)
}

// sweepUploads removes uploads that nobody knows any more.
func (s *Store) sweepUploads() { s.sweep(uploadFolder, staleUpload) }

// Advice implements storage.Adviser.
func (s *Store) Advice(context.Context) []storage.Advice {
	var out []storage.Advice
	look := func(path string, others fs.FileMode) {
		fi, err := os.Lstat(path)
		if err != nil {
			return
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			to, _ := os.Readlink(path)
			out = append(out, storage.Advice{Message: fmt.Sprintf("%s is a symbolic link to %s: whoever may write there decides what is restored", path, strconv.Quote(to)),
				Hint: "Mount the disk at the backup directory itself, or move the folder back."})
			if fi, err = os.Stat(path); err != nil {
				return
			}
		}
		if mode := fi.Mode().Perm(); mode&others != 0 {
			out = append(out, storage.Advice{Message: fmt.Sprintf("%s has mode %04o: other users can change what is in it", path, mode),
				Hint: fmt.Sprintf("Run: chmod go-rwx %s", quoted(path))})
		}
	}
	look(s.root, 0o022)
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return out
	}
	for _, e := range entries {
		if e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
			look(filepath.Join(s.root, e.Name()), 0o022)
		}
	}
	look(s.own(keyFile), 0o077)
	return out
}

// quoted is a path as a shell reads it.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
