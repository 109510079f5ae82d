// Package local keeps objects as files below one directory, without a server. It implements [storage.Store].
//
//	store, err := local.Open(local.Config{Directory: "/srv/backups"})
//
// # What lies in the directory
//
// Objects are plain files under their keys, mode 0600, in folders of mode 0700: /srv/backups/registry.json,
// /srv/backups/files/backup_2025-01-09_14-30-00.dump. Copies of them restore without anything else. The folder .cofre
// holds the rest:
//
//	meta/<SHA-256 of the key>.json  metadata, tags, content type and checksum of an object that has any ([sidecar])
//	uploads/<SHA-256 of the key>.<id>  the bytes of an unfinished upload; completing it gives them the object's name
//	tmp/        what is being written, before it gets its name
//	locks/      the locks by which writers, of any process, take turns
//	reserve/    room for removing things when the disk is full
//	link-key    what download links are signed with; a new one is made when it is gone
//
// # Writing
//
// A new version is a new file. It and its folder reach the disk before the write is acknowledged. New names come into
// being by link(2), which fails where there is one; versions are replaced by rename(2). Writers of one key hold a lock
// (flock(2), which also works between processes and, where the server has locks, over NFS) while they look at the
// present version and put theirs in its place. Readers need no lock: they have a whole version open, or none. The ETag
// is the SHA-256 of what is stored; that of an upload, which nothing replaces, is its id.
//
// Reading writes nothing, so that it works in a read-only directory and on a full disk.
//
// # What is not trusted
//
// Whoever may write to the directory may put anything there. Everything read from .cofre is bounded and checked. A
// symbolic link is followed only where this user or root has made it, and never in .cofre; [Store.Advice] tells of it, as
// it does of folders that others may write to. What is put in a folder's place after a look at it makes no difference
// (folders.go).
//
// # Directories of older versions
//
// See legacy.go.
package local

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"golang.org/x/sys/unix"
)

// Config says where objects are. Only Directory is required.
type Config struct {
	// Directory holds the objects. The first write makes it when it does not exist. Any name will do.
	Directory string
	// LinkBase is the URL below which Handler is served. Without it there are no links.
	LinkBase string
	// Volatile leaves out waiting for the disk, and the reserve. For tests.
	Volatile bool
	// Reserve is how many bytes are kept for removing things on a full disk. 0: a 256th of the disk, up to 32 MiB.
	Reserve int64
	// Logger gets warnings. Nil: none.
	Logger *slog.Logger
}

// Store is a directory. It is safe for concurrent use, by several processes too.
type Store struct {
	root     string // absolute, links resolved
	linkBase string
	volatile bool
	reserve  int64
	log      *slog.Logger
	slots    [lockFiles]chan struct{} // of this process; see lock

	mu       sync.Mutex
	prepared bool
	old      atomic.Bool // an older version's locks are there
	spent    bool        // part of the reserve was used

	// at, when set, is called between the steps of a write. An error of it is the end of the process. For tests.
	at func(step string) error
}

var (
	_ storage.Store      = (*Store)(nil)
	_ storage.Maintainer = (*Store)(nil)
	_ storage.Adviser    = (*Store)(nil)
)

// Folders and files of the store's own, below the directory.
const (
	ownFolder     = ".cofre"
	metaFolder    = ownFolder + "/meta"
	uploadFolder  = ownFolder + "/uploads"
	tmpFolder     = ownFolder + "/tmp"
	lockFolder    = ownFolder + "/locks"
	reserveFolder = ownFolder + "/reserve"
	keyFile       = ownFolder + "/link-key"
)

// Open prepares a Store. It writes nothing.
func Open(c Config) (*Store, error) {
	if c.Directory == "" {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Set BACKUP_DIRECTORY to a directory, for example /srv/backups.", "no directory is given")
	}
	root, err := filepath.Abs(c.Directory)
	if err != nil {
		return nil, explainDirectory(err, c.Directory)
	}
	// Resolved, so that a link that is changed later does not move a running service.
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	} else if !os.IsNotExist(err) {
		return nil, explainDirectory(err, root)
	}
	if fi, err := os.Stat(root); err == nil && !fi.IsDir() {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Choose a directory.", "%s is a file", root)
	}
	s := &Store{root: root, linkBase: c.LinkBase, volatile: c.Volatile, reserve: c.Reserve, log: c.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for i := range s.slots {
		s.slots[i] = make(chan struct{}, 1)
	}
	return s, nil
}

// Directory is the absolute path of the directory.
func (s *Store) Directory() string { return s.root }

// Describe implements storage.Store.
func (s *Store) Describe() string { return s.root }

// own is the path of one of the store's own files.
func (s *Store) own(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

// step is a moment at which a test may end the process.
func (s *Store) step(name string) error {
	if s.at == nil {
		return nil
	}
	return s.at(name)
}

// staleAfter is when a file in tmp must have been left behind. It lives for seconds.
const staleAfter = 24 * time.Hour

// prepare makes the folders before the first write, and refuses a place that cannot do what writing needs.
func (s *Store) prepare(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return s.op("write to", "").fault(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared {
		return nil
	}
	if err := s.makeFolders(); err != nil {
		return err
	}
	if err := s.tryLocks(); err != nil {
		return err
	}
	s.old.Store(s.hasOldLocks())
	if s.old.Load() {
		if err := s.refuseOldWriters(ctx); err != nil {
			return err
		}
	}
	s.sweepTmp()
	s.fillReserve()
	for _, a := range s.Advice(ctx) {
		s.log.Warn(a.Message, "hint", a.Hint)
	}
	s.prepared = true
	return nil
}

func (s *Store) makeFolders() error {
	if err := os.MkdirAll(s.root, 0o700); err != nil {
		return explainDirectory(err, s.root)
	}
	made := false
	for _, f := range []string{ownFolder, metaFolder, uploadFolder, tmpFolder, lockFolder, reserveFolder} {
		err := os.Mkdir(s.own(f), 0o700)
		made = made || err == nil
		if err != nil && !os.IsExist(err) {
			return explainDirectory(err, s.root)
		}
		if fi, err := os.Lstat(s.own(f)); err != nil || !fi.IsDir() {
			return fault.Wrap(err, fault.Validation, fault.InvalidInput, "Remove it; cofre makes a folder there.", "%s is not a folder", s.own(f))
		}
	}
	if !made {
		return nil
	}
	for _, f := range []string{ownFolder, "."} {
		if err := s.syncFolder(f); err != nil {
			return explainDirectory(err, s.root)
		}
	}
	return nil
}

// sweepTmp removes what killed processes left behind.
func (s *Store) sweepTmp() { s.sweep(tmpFolder, staleAfter) }

// sweep removes the files of one of the store's own folders to which nothing was written for a time. The next process tries again.
func (s *Store) sweep(folder string, age time.Duration) {
	dir, err := s.ownDir(folder)
	if err != nil {
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, name := range names {
		if st, err := statAt(dir, name); err == nil && kind(st) == unix.S_IFREG && time.Since(time.Unix(st.Mtim.Unix())) > age {
			_ = removeAt(dir, name, 0)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
