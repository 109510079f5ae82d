package local

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"cofre/pkg/storage"
)

// sidecar is what is known of an object besides its bytes, as JSON. Most objects have none.
type sidecar struct {
	Version int    `json:"version"`
	Key     string `json:"key"`
	// ETag holds while the file is the one that was written: it has this size in bytes and this time of
	// modification, in nanoseconds since 1970.
	ETag        string            `json:"etag"`
	Size        int64             `json:"size"`
	Modified    int64             `json:"modified_ns"`
	ContentType string            `json:"content_type,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	CRC64NVME   string            `json:"crc64nvme,omitempty"`
}

const (
	sidecarVersion = 1
	maxSidecar     = 64 << 10 // bytes
	maxMetadata    = 8 << 10  // bytes of names and values
	maxEntries     = 64       // of metadata
)

var errSidecar = errors.New("it is damaged")

// parseSidecar reads a sidecar, which may be anything: only what an object can have comes out.
func parseSidecar(data []byte, key string) (*sidecar, error) {
	if len(data) > maxSidecar {
		return nil, fmt.Errorf("%w: larger than %d bytes", errSidecar, maxSidecar)
	}
	var c sidecar
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", errSidecar, err)
	}
	if c.Version < 1 || c.Version > sidecarVersion {
		return nil, fmt.Errorf("%w: unknown version %d", errSidecar, c.Version)
	}
	if c.Key != key {
		return nil, fmt.Errorf("%w: it is another object's", errSidecar)
	}
	return &c, c.check()
}

func (c *sidecar) check() error {
	size := 0
	for k, v := range c.Metadata {
		size += len(k) + len(v)
	}
	texts := append([]string{c.ETag, c.ContentType}, flat(c.Metadata)...)
	for _, t := range append(texts, flat(c.Tags)...) {
		if storage.CheckText(t) != nil {
			return fmt.Errorf("%w: control characters", errSidecar)
		}
	}
	switch {
	case size > maxMetadata, len(c.Metadata) > maxEntries, len(c.ETag) > 200, len(c.ContentType) > 200:
		return fmt.Errorf("%w: too long", errSidecar)
	case c.Size < 0:
		return fmt.Errorf("%w: a negative size", errSidecar)
	case storage.CheckTags(c.Tags) != nil:
		return fmt.Errorf("%w: its tags are too many or too long", errSidecar)
	case c.CRC64NVME != "" && !validCRC(c.CRC64NVME):
		return fmt.Errorf("%w: its checksum is none", errSidecar)
	}
	return nil
}

func flat(m map[string]string) []string {
	out := make([]string, 0, 2*len(m))
	for k, v := range m {
		out = append(out, k, v)
	}
	return out
}

func validCRC(text string) bool {
	b, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(b) == 8
}

func sidecarName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(metaFolder, hex.EncodeToString(sum[:])+".json")
}

// sidecar reads an object's sidecar, or what an older version kept in the file's attributes. nil: there is none.
// A damaged one counts as none: the object is what matters.
func (s *Store) sidecar(key string, f *os.File) *sidecar {
	data, err := s.readOwn(sidecarName(key), maxSidecar)
	if err == nil {
		c, err := parseSidecar(data, key)
		if err == nil {
			return c
		}
		s.log.Warn("an object's metadata cannot be read", "key", key, "cause", err.Error())
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("an object's metadata cannot be read", "key", key, "cause", err.Error())
	}
	return oldSidecar(key, f)
}

// readOwn reads one of the store's own files, a regular one that should be small.
func (s *Store) readOwn(name string, most int64) ([]byte, error) {
	f, err := s.openOwn(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, errors.Join(syscall.EINVAL, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%w: larger than %d bytes", errSidecar, most)
	}
	return data, err
}

// writeSidecar puts a sidecar in the place of the present one, durably. nil removes it. The caller holds the key's lock.
func (s *Store) writeSidecar(key string, c *sidecar) error {
	if c == nil {
		err := s.removeOwn(sidecarName(key))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	c.Version, c.Key = sidecarVersion, key
	if err := c.check(); err != nil {
		return storage.BadKey("or its metadata cannot be kept: %v", err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	tmp, _, err := s.stage(data)
	if err != nil {
		return err
	}
	dir, err := s.ownDir(metaFolder)
	if err == nil {
		defer dir.Close()
		err = renameTo(tmp, dir, filepath.Base(sidecarName(key)))
	}
	if err != nil {
		os.Remove(tmp)
		return err
	}
	return s.syncDir(dir)
}

// current is the ETag in a sidecar while the file is the one that it was written for, else "".
func (c *sidecar) current(fi fs.FileInfo) string {
	if c.Size == fi.Size() && c.Modified == fi.ModTime().UnixNano() {
		return c.ETag
	}
	return ""
}

// describe is the object in a file, without an ETag where that takes reading the file.
func (s *Store) describe(key string, f *os.File, fi fs.FileInfo) (storage.Object, *sidecar) {
	o := storage.Object{Key: key, Size: fi.Size(), LastModified: fi.ModTime(), Metadata: map[string]string{}}
	c := s.sidecar(key, f)
	if c != nil {
		o.CRC64NVME, o.Metadata, o.ETag = c.CRC64NVME, lower(c.Metadata), c.current(fi)
	}
	return o, c
}

// fillETag reads the file for the ETag, if it has to.
func fillETag(o *storage.Object, f *os.File) error {
	switch {
	case o.ETag != "":
		return nil
	case o.Size > storage.MaxSmall:
		// Put here by somebody else; no condition is ever about it.
		o.ETag = fmt.Sprintf(`"file-%x-%x"`, o.Size, o.LastModified.UnixNano())
		return nil
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(f, 0, o.Size))
	if err == nil && n < o.Size {
		err = io.ErrUnexpectedEOF
	}
	o.ETag = etag(sum.Sum(nil))
	return err
}

// etag is the ETag of contents with this SHA-256.
func etag(sum []byte) string { return `"sha256-` + base64.RawURLEncoding.EncodeToString(sum) + `"` }

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return etag(sum[:])
}

// keyOf is the key in a sidecar, "" if there is none that could be.
func keyOf(data []byte) string {
	var c struct {
		Key string `json:"key"`
	}
	if json.Unmarshal(data, &c) != nil || storage.CheckKey(c.Key) != nil {
		return ""
	}
	return c.Key
}
