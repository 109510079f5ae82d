package local

// Directories made by versions that ran an S3 server over them (up to November 2026) are used as they are. What those
// versions knew of an object is in extended attributes of its file: user.metadata and user.X-Amz-Tagging (JSON),
// user.content-type, user.checksums. They are read where there is no sidecar. Unfinished uploads are folders
// .sgwtmp/multipart/<SHA-256 of the key>/<UUID>, which are found and aborted here.
//
// Locks are files below .sgwtmp/locks/<SHA-256 of "backups">. While they are there, older versions may still run: their
// lock of a key is taken besides our own, writing is refused while one of them holds it, and new tags go into the
// attributes too. The first cleanup writes sidecars for all objects that have attributes and removes the locks, which
// ends the transition.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/pause"
	"cofre/pkg/storage"

	"golang.org/x/sys/unix"
)

const (
	oldFolder  = ".sgwtmp"
	oldLocks   = oldFolder + "/locks"
	oldUploads = oldFolder + "/multipart"
	// oldLockWait is how long an older version's lock is waited for. It holds one for as long as the disk takes.
	oldLockWait = 2 * time.Second
)

// oldShards is the folder with the lock files.
func (s *Store) oldShards() string {
	sum := sha256.Sum256([]byte("backups"))
	return filepath.Join(s.own(oldLocks), hex.EncodeToString(sum[:]))
}

// hasOldLocks reports whether an older version has written here. It made no links.
func (s *Store) hasOldLocks() bool {
	dir, err := s.ownDir(oldLocks)
	if err == nil {
		dir.Close()
	}
	return err == nil
}

// lockOld takes an older version's lock.
func (s *Store) lockOld(ctx context.Context, key string, shard byte) (*os.File, error) {
	locks, err := s.ownDir(oldLocks)
	if err != nil {
		if gone(err) {
			return nil, nil // a cleanup of another process has ended the transition
		}
		return nil, err
	}
	defer locks.Close()
	shards := filepath.Base(s.oldShards())
	if err := unix.Mkdirat(int(locks.Fd()), shards, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	f, err := openBelow(locks, fmt.Sprintf("%s/%02x", shards, shard), os.O_RDWR|os.O_CREATE, 0o600, 0)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(oldLockWait); ; {
		err := flock(f)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errBusy) || time.Now().After(end) {
			f.Close()
			return nil, s.oldWriter(f.Name(), err)
		}
		if pause.For(ctx, 10*time.Millisecond) != nil {
			f.Close()
			return nil, ctx.Err()
		}
	}
}

// refuseOldWriters looks at all locks of older versions.
func (s *Store) refuseOldWriters(ctx context.Context) error {
	shards, err := os.ReadDir(s.oldShards())
	if err != nil {
		return nil // none was ever taken
	}
	for _, e := range shards {
		var n byte
		if _, err := fmt.Sscanf(e.Name(), "%02x", &n); err != nil || len(e.Name()) != 2 {
			continue
		}
		f, err := s.lockOld(ctx, "", n)
		if err != nil {
			return err
		}
		if f != nil {
			f.Close()
		}
	}
	return nil
}

func (s *Store) oldWriter(path string, err error) error {
	if !errors.Is(err, errBusy) {
		return s.op("lock", "").fault(err)
	}
	who := "a process"
	if pid := lockHolder(path); pid > 0 {
		who = fmt.Sprintf("process %d", pid)
	}
	return fault.Wrap(err, fault.Validation, OlderVersion, "Stop it, or update it: versions before and after the change of the local store do not write together.",
		"%s, of an older version of cofre, is writing to %s", who, s.root)
}

// lockHolder finds the process that holds a lock, 0 if it cannot be found (/proc/locks; see proc_locks(5)).
func lockHolder(path string) (pid int) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	data, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], fmt.Sprintf(":%d", st.Ino)) {
			continue
		}
		if _, err := fmt.Sscan(f[4], &pid); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

// Attributes of older versions.
const (
	oldMetadata    = "user.metadata"
	oldTags        = "user.X-Amz-Tagging"
	oldContentType = "user.content-type"
	oldChecksums   = "user.checksums"
)

// maxAttribute is more than file systems that keep attributes in blocks allow, in bytes.
const maxAttribute = 64 << 10

func attribute(f *os.File, name string) []byte {
	buf := make([]byte, 4096)
	n, err := unix.Fgetxattr(int(f.Fd()), name, buf)
	if errors.Is(err, unix.ERANGE) {
		buf = make([]byte, maxAttribute)
		n, err = unix.Fgetxattr(int(f.Fd()), name, buf)
	}
	if err != nil {
		return nil
	}
	return buf[:n]
}

// oldSidecar makes a sidecar of a file's attributes; nil when it has none.
func oldSidecar(key string, f *os.File) *sidecar {
	checksums := attribute(f, oldChecksums)
	metadata, tags, kind := attribute(f, oldMetadata), attribute(f, oldTags), attribute(f, oldContentType)
	if checksums == nil && metadata == nil && tags == nil && kind == nil {
		return nil
	}
	return parseAttributes(key, metadata, tags, kind, checksums)
}

// parseAttributes takes what can be read; the rest is left out.
func parseAttributes(key string, metadata, tags, kind, checksums []byte) *sidecar {
	c := &sidecar{Version: sidecarVersion, Key: key}
	keep := func(set func(*sidecar)) {
		try := *c
		if set(&try); try.check() == nil {
			*c = try
		}
	}
	keep(func(c *sidecar) { c.ContentType = string(kind) })
	var m map[string]string
	if json.Unmarshal(metadata, &m) == nil {
		for name := range m { // how that version recognised its own writes
			if strings.HasPrefix(strings.ToLower(name), "cofre-") {
				delete(m, name)
			}
		}
		keep(func(c *sidecar) { c.Metadata = m })
	}
	var t map[string]string
	if json.Unmarshal(tags, &t) == nil {
		keep(func(c *sidecar) { c.Tags = t })
	}
	var sums struct{ Type, CRC64NVME string }
	if json.Unmarshal(checksums, &sums) == nil && sums.Type != "COMPOSITE" {
		keep(func(c *sidecar) { c.CRC64NVME = sums.CRC64NVME })
	}
	return c
}

// keepOldTags writes tags where older versions look for them.
func (s *Store) keepOldTags(f *os.File, tags map[string]string) {
	if !s.old.Load() || attribute(f, oldChecksums) == nil {
		return
	}
	data, err := json.Marshal(tags)
	if err == nil {
		err = unix.Fsetxattr(int(f.Fd()), oldTags, data, 0)
	}
	if err != nil {
		s.log.Warn("tags are not visible to older versions", "cause", err.Error())
	}
}

// passing are the names that older versions gave objects while they replaced others.
var passing = lazyregexp.New(`^\..+\.sgwtmp\.[0-9]+$`)

var uuid = lazyregexp.New(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// inProgress stood behind the name of an older upload's folder while it was completed.
const inProgress = ".inprogress"

// oldPending lists the unfinished uploads of a key that older versions have left.
func (s *Store) oldPending(key string) ([]storage.PendingUpload, error) {
	entries, err := os.ReadDir(s.oldUploadFolder(key))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	var out []storage.PendingUpload
	for _, e := range entries {
		id, _, _ := strings.Cut(e.Name(), ".")
		fi, ierr := e.Info()
		if ierr == nil && e.IsDir() && uuid().MatchString(id) {
			out = append(out, storage.PendingUpload{Key: key, UploadID: id, Initiated: fi.ModTime()})
		}
	}
	return out, err
}

func (s *Store) oldUploadFolder(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.own(oldUploads), hex.EncodeToString(sum[:]))
}

// abortOld removes an upload of an older version.
func (s *Store) abortOld(key, id string) error {
	root, err := os.OpenRoot(s.root) // out of which no link leads
	if err != nil {
		return err
	}
	defer root.Close()
	sum := sha256.Sum256([]byte(key))
	folder := oldUploads + "/" + hex.EncodeToString(sum[:])
	cut, err := fs.Glob(root.FS(), folder+"/"+id+".*"+inProgress)
	for _, path := range append(cut, folder+"/"+id) {
		err = errors.Join(err, root.RemoveAll(path))
	}
	_ = root.Remove(folder) // when it is empty
	return err
}
