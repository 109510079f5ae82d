package local

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/storage"

	"github.com/minio/crc64nvme"
	"golang.org/x/sys/unix"
)

// An upload is one file, to which its bytes are appended as they come. Completing it gives it the object's name: nothing
// is copied, whatever its size.

// ahead is after how many bytes the disk is told to begin writing, so that completing has little left to wait for.
const ahead = 8 << 20

// uploadID is when the upload began, in nanoseconds since 1970, and a random number.
var uploadID = lazyregexp.New(`^[0-9a-f]{16}-[0-9a-f]{32}$`)

// state is how far an upload is.
type state int

const (
	started   state = iota
	writing         // Write was called; it stays so when Write fails
	written         // to its end
	completed       // and in its place
	aborted
)

type upload struct {
	s       *Store
	key     string
	id      string
	path    string // of the object
	file    *os.File
	options storage.UploadOptions
	sum     hash.Hash64
	size    int64

	mu    sync.Mutex
	state state
}

// uploadName is the name of an upload's file in its folder.
func uploadName(key, id string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:]) + "." + id
}

// uploadPath is the file of an upload.
func (s *Store) uploadPath(key, id string) string {
	return filepath.Join(s.own(uploadFolder), uploadName(key, id))
}

// StartUpload implements storage.Store.
func (s *Store) StartUpload(ctx context.Context, key string, o storage.UploadOptions) (storage.Upload, error) {
	say := s.op("start an upload to", key)
	path, err := s.path(key)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if s.otherDisk(key) {
		return nil, say.fault(syscall.EXDEV)
	}
	u := &upload{s: s, key: key, path: path, options: o, sum: crc64nvme.New()}
	dir, err := s.ownDir(uploadFolder)
	if err != nil {
		return nil, say.fault(err)
	}
	defer dir.Close()
	name := uploadName(key, "new-"+random())
	if u.file, err = openOne(dir, name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600, 0); err != nil {
		return nil, say.fault(err)
	}
	fi, err := u.file.Stat()
	if err == nil { // by the storage's clock, which is another one on a network file system
		u.id = fmt.Sprintf("%016x-%s", fi.ModTime().UnixNano(), random())
		err = unix.Renameat(int(dir.Fd()), name, int(dir.Fd()), uploadName(key, u.id))
	}
	if err == nil {
		err = s.syncDir(dir)
	}
	if err != nil {
		u.file.Close()
		_ = removeAt(dir, name, 0)
		return nil, say.fault(err)
	}
	return u, nil
}

// ID implements storage.Upload.
func (u *upload) ID() string { return u.id }

var errOrder = errors.New("an upload is written once, to its end, and then completed or aborted")

// advance goes from one state to the next, and refuses calls out of order.
func (u *upload) advance(from, to state) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state != from {
		return fault.Wrap(errOrder, fault.Internal, "", "", "cannot write %s", u.path)
	}
	u.state = to
	return nil
}

// sourceError marks an error of the reader, which is not one of the storage's.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read the data to store: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// Write implements storage.Upload.
func (u *upload) Write(ctx context.Context, r io.Reader) (int64, error) {
	if err := u.advance(started, writing); err != nil {
		return 0, err
	}
	say := u.s.op("write", u.key)
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var begun int64
	for {
		if err := ctx.Err(); err != nil {
			return u.size, say.fault(err)
		}
		n, end, err := storage.Fill(r, *buf)
		if err != nil {
			return u.size + int64(n), &sourceError{err}
		}
		u.sum.Write((*buf)[:n])
		if _, err := u.file.Write((*buf)[:n]); err != nil {
			return u.size, say.fault(err)
		}
		u.size += int64(n)
		if u.size-begun >= ahead && !u.s.volatile {
			beginWriting(u.file, begun, u.size-begun)
			begun = u.size
		}
		if u.options.Progress != nil && (n > 0 || u.size == 0) {
			u.options.Progress(u.size)
		}
		if end {
			return u.size, u.advance(writing, written)
		}
	}
}

// Complete implements storage.Upload.
func (u *upload) Complete(ctx context.Context) (storage.Object, error) {
	say := u.s.op("complete the upload of", u.key)
	u.mu.Lock()
	ready := u.state == written
	u.mu.Unlock()
	if !ready {
		return storage.Object{}, fault.Wrap(errOrder, fault.Internal, "", "", "cannot complete the upload of %s", u.path)
	}
	o, err := u.complete(ctx, say)
	if err != nil {
		return storage.Object{}, say.fault(err)
	}
	u.mu.Lock()
	u.state = completed
	u.mu.Unlock()
	u.file.Close() // all of it is on the disk
	return o, nil
}

func (u *upload) complete(ctx context.Context, say op) (storage.Object, error) {
	s := u.s
	if err := s.sync(u.file); err != nil {
		return storage.Object{}, err
	}
	release, err := s.lock(ctx, u.key)
	if err != nil {
		return storage.Object{}, err
	}
	defer release()
	fi, err := u.still(say)
	if err != nil {
		return storage.Object{}, err
	}
	if exists(u.path) {
		return storage.Object{}, u.taken(say)
	}
	o := storage.Object{Key: u.key, Size: fi.Size(), ETag: `"upload-` + u.id + `"`, LastModified: fi.ModTime(),
		Metadata: lower(u.options.Metadata), CRC64NVME: crcText(u.sum.Sum64())}
	err = s.writeSidecar(u.key, &sidecar{ETag: o.ETag, Size: o.Size, Modified: fi.ModTime().UnixNano(),
		ContentType: contentType(u.key, u.options.ContentType), Metadata: o.Metadata, CRC64NVME: o.CRC64NVME})
	if err != nil {
		return storage.Object{}, err
	}
	if err := s.step("described"); err != nil {
		return storage.Object{}, err
	}
	err = s.publish(s.uploadPath(u.key, u.id), u.key, true, true)
	if errors.Is(err, fs.ErrExist) {
		return storage.Object{}, u.taken(say)
	}
	if err == nil {
		err = s.step("published")
	}
	return o, err
}

// still makes sure that nobody has aborted the upload, and that all that was written is there.
func (u *upload) still(say op) (fs.FileInfo, error) {
	fi, err := u.file.Stat()
	if err != nil {
		return nil, err
	}
	named, err := os.Lstat(u.s.uploadPath(u.key, u.id))
	if err != nil || !os.SameFile(fi, named) {
		return nil, say.told(err, fault.FileSystem, fault.NotFound, "the upload was aborted by somebody else", "Run it again.")
	}
	if fi.Size() != u.size {
		return nil, fault.New(fault.Validation, fault.SizeMismatch, "Run it again; something else has written to the file.",
			"the upload of %s has %d bytes, but %d were written", u.path, fi.Size(), u.size)
	}
	return fi, nil
}

func (u *upload) taken(say op) error {
	if fi, err := os.Stat(u.path); err == nil && fi.IsDir() {
		return fs.ErrExist
	}
	return say.told(errTaken, fault.FileSystem, fault.Precondition, "another object has this name already", "Choose another name.")
}

// crcText is a CRC64NVME as S3 writes it: base64 of eight bytes, big endian.
func crcText(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
}

// Abort implements storage.Upload.
func (u *upload) Abort(ctx context.Context) error {
	u.mu.Lock()
	done := u.state == completed
	if !done {
		u.state = aborted
	}
	u.mu.Unlock()
	if done {
		return nil
	}
	u.file.Close() // again is harmless
	return u.s.AbortUpload(context.WithoutCancel(ctx), u.key, u.id)
}

// AbortUpload implements storage.Store.
func (s *Store) AbortUpload(ctx context.Context, key, id string) error {
	say := s.op("abort an upload to", key)
	if err := storage.CheckKey(key); err != nil {
		return err
	}
	if err := s.canceled(ctx, say); err != nil {
		return err
	}
	switch {
	case uploadID().MatchString(id):
		if err := s.removeOwn(uploadFolder + "/" + uploadName(key, id)); err != nil && !gone(err) {
			return say.fault(err)
		}
	case uuid().MatchString(id):
		if err := s.abortOld(key, id); err != nil {
			return say.fault(err)
		}
	}
	return nil
}

// PendingUploads implements storage.Store.
func (s *Store) PendingUploads(ctx context.Context, key string) ([]storage.PendingUpload, error) {
	say := s.op("list unfinished uploads to", key)
	if err := storage.CheckKey(key); err != nil {
		return nil, err
	}
	if err := s.canceled(ctx, say); err != nil {
		return nil, err
	}
	out, err := s.oldPending(key)
	if err != nil {
		return nil, say.fault(err)
	}
	entries, err := os.ReadDir(s.own(uploadFolder))
	if err != nil && !gone(err) {
		return nil, say.fault(err)
	}
	prefix := uploadName(key, "")
	for _, e := range entries {
		id, mine := strings.CutPrefix(e.Name(), prefix)
		if !mine || !uploadID().MatchString(id) {
			continue
		}
		began, err := strconv.ParseInt(id[:16], 16, 64)
		if err == nil {
			out = append(out, storage.PendingUpload{Key: key, UploadID: id, Initiated: time.Unix(0, began)})
		}
	}
	return out, nil
}
