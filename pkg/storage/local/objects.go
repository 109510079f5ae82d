package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	"os"
	"strings"
	"syscall"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"golang.org/x/sys/unix"
)

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	say := s.op("write", key)
	path, err := s.path(key)
	if err != nil {
		return storage.Object{}, err
	}
	if len(body) > storage.MaxSmall {
		return storage.Object{}, fault.New(fault.FileSystem, fault.LimitReached, "Nothing was written. Remove old backups, or use another backup directory for new ones.",
			"%s would take %d MB, more than the %d MB that can be read of it", key, len(body)>>20, storage.MaxSmall>>20)
	}
	out := storage.Object{Key: key, Size: int64(len(body)), ETag: etagOf(body), Metadata: lower(o.Metadata)}
	err = s.withReserve(ctx, func() error { return s.put(ctx, path, body, o, out) })
	if err != nil {
		return storage.Object{}, say.fault(err)
	}
	return out, nil
}

// put writes the new version aside and then, alone at the key, puts it into its place.
func (s *Store) put(ctx context.Context, path string, body []byte, o storage.PutOptions, out storage.Object) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	tmp, fi, err := s.stage(body)
	if err != nil {
		return err
	}
	defer os.Remove(tmp) // gone by then, if all went well
	if err := s.step("staged"); err != nil {
		return err
	}
	release, err := s.lock(ctx, out.Key)
	if err != nil {
		return err
	}
	defer release()
	if err := s.holds(out.Key, path, o.Condition); err != nil {
		return err
	}
	var c *sidecar
	if kind := contentType(out.Key, o.ContentType); len(o.Metadata) > 0 || kind != "" {
		c = &sidecar{ETag: out.ETag, Size: fi.Size(), Modified: fi.ModTime().UnixNano(), ContentType: kind, Metadata: out.Metadata}
	}
	if err := s.writeSidecar(out.Key, c); err != nil {
		return err
	}
	if err := s.step("described"); err != nil {
		return err
	}
	err = s.publish(tmp, out.Key, o.Condition.IfAbsent, !o.MayRevert)
	if errors.Is(err, fs.ErrExist) && o.Condition.IfAbsent {
		return s.taken(out.Key, path)
	}
	if err == nil {
		err = s.step("published")
	}
	return err
}

// holds reports, as an error, that a condition does not hold. The caller holds the key's lock.
func (s *Store) holds(key, path string, cond storage.Condition) error {
	switch {
	case cond.IfAbsent:
		if exists(path) {
			return s.taken(key, path)
		}
	case cond.IfMatch != "":
		o, err := s.Head(context.Background(), key)
		if storage.IsNotFound(err) || err == nil && o.ETag != cond.IfMatch {
			return s.op("write", key).precondition("Run it again.")
		}
		return err
	}
	return nil
}

// taken is the error about a name that something has.
func (s *Store) taken(key, path string) error {
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return fs.ErrExist
	}
	return s.op("write", key).precondition("Run it again.")
}

// contentType is what a sidecar must say; "" when the name says it.
func contentType(key, kind string) string {
	if kind == "" || kind == typeByName(key) {
		return ""
	}
	return kind
}

func typeByName(key string) string {
	switch {
	case strings.HasSuffix(key, ".json"):
		return "application/json"
	case strings.HasSuffix(key, ".zst"): // contents; backups say what they are
		return "application/zstd"
	}
	return "application/octet-stream"
}

// typeOf is an object's content type.
func typeOf(key string, c *sidecar) string {
	if c != nil && c.ContentType != "" {
		if _, _, err := mime.ParseMediaType(c.ContentType); err == nil {
			return c.ContentType
		}
	}
	return typeByName(key)
}

// lower is metadata as every store gives it: names in lower case.
func lower(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[strings.ToLower(k)] = v
	}
	return out
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	say := s.op("read", key)
	if err := s.canceled(ctx, say); err != nil {
		return nil, storage.Object{}, err
	}
	f, fi, err := s.openObject(key)
	if err != nil {
		return nil, storage.Object{}, say.fault(err)
	}
	defer f.Close()
	o, _ := s.describe(key, f, fi)
	if o.Size > storage.Most(ctx) {
		if err := fillETag(&o, f); err != nil {
			return nil, o, say.fault(err)
		}
		return nil, o, fault.New(fault.Validation, fault.LimitReached, "Download it instead.",
			"%s has %d bytes: too large to be read at once", say.place, o.Size)
	}
	body := make([]byte, o.Size)
	if _, err := io.ReadFull(f, body); err != nil {
		return nil, o, say.fault(err)
	}
	if o.ETag == "" {
		o.ETag = etagOf(body)
	}
	return body, o, nil
}

// Head implements storage.Store.
func (s *Store) Head(ctx context.Context, key string) (storage.Object, error) {
	say := s.op("look at", key)
	if err := s.canceled(ctx, say); err != nil {
		return storage.Object{}, err
	}
	f, fi, err := s.openObject(key)
	if err != nil {
		return storage.Object{}, say.fault(err)
	}
	defer f.Close()
	o, _ := s.describe(key, f, fi)
	if err := fillETag(&o, f); err != nil {
		return o, say.fault(err)
	}
	return o, nil
}

// Delete implements storage.Store. It needs no room: where there is none for a lock file, it goes without.
func (s *Store) Delete(ctx context.Context, key string) error {
	say := s.op("delete", key)
	path, err := s.path(key)
	if err != nil {
		return err
	}
	if !exists(path) && !exists(s.own(sidecarName(key))) {
		return s.canceled(ctx, say) // and nothing is made for it
	}
	release, err := s.lock(ctx, key)
	if err != nil && !fault.HasReason(err, fault.StorageFull) {
		return say.fault(err)
	}
	if err == nil {
		defer release()
	}
	dir, name, err := s.parent(key)
	if err != nil && !gone(err) {
		return say.fault(err)
	}
	if err == nil {
		defer dir.Close()
		if st, err := statAt(dir, name); err == nil && kind(st) == unix.S_IFDIR {
			return nil // a folder is not an object
		}
		if err := removeAt(dir, name, 0); err != nil && !gone(err) {
			return say.fault(err)
		}
	}
	if err := s.step("removed"); err != nil {
		return err
	}
	if err := s.writeSidecar(key, nil); err != nil {
		return say.fault(err)
	}
	if dir != nil {
		if err := s.syncDir(dir); err != nil {
			return say.fault(err)
		}
		s.removeFolders(key)
	}
	s.refill()
	return nil
}

// gone reports that there is nothing of a name, or of a folder above it.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// SetTags implements storage.Store.
func (s *Store) SetTags(ctx context.Context, key string, tags map[string]string) error {
	say := s.op("tag", key)
	if _, err := s.path(key); err != nil {
		return err
	}
	if err := storage.CheckTags(tags); err != nil {
		return err
	}
	if err := s.withReserve(ctx, func() error { return s.setTags(ctx, key, tags) }); err != nil {
		return say.fault(err)
	}
	return nil
}

func (s *Store) setTags(ctx context.Context, key string, tags map[string]string) error {
	if path, _ := s.path(key); !exists(path) {
		return fs.ErrNotExist // before anything is made for it
	}
	release, err := s.lock(ctx, key)
	if err != nil {
		return err
	}
	defer release()
	f, fi, err := s.openObject(key)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := s.fullSidecar(key, f, fi)
	if err != nil {
		return err
	}
	c.Tags = tags
	s.keepOldTags(f, tags)
	return s.writeSidecar(key, c)
}

// fullSidecar is a sidecar for an object, whether it has one or not.
func (s *Store) fullSidecar(key string, f *os.File, fi fs.FileInfo) (*sidecar, error) {
	o, c := s.describe(key, f, fi)
	if c != nil && c.ETag != "" {
		return c, nil
	}
	if err := fillETag(&o, f); err != nil {
		return nil, err
	}
	if c == nil {
		c = &sidecar{}
	}
	c.ETag, c.Size, c.Modified = o.ETag, fi.Size(), fi.ModTime().UnixNano()
	return c, nil
}

// Tags implements storage.Store.
func (s *Store) Tags(ctx context.Context, key string) (map[string]string, error) {
	say := s.op("read the tags of", key)
	if err := s.canceled(ctx, say); err != nil {
		return nil, err
	}
	f, _, err := s.openObject(key)
	if err != nil {
		return nil, say.fault(err)
	}
	defer f.Close()
	tags := map[string]string{}
	if c := s.sidecar(key, f); c != nil {
		for k, v := range c.Tags {
			tags[k] = v
		}
	}
	return tags, nil
}
