package local

import (
	"context"
	"errors"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// probeFolder holds the scratch objects of a probe.
const probeFolder = "probe-of-cofre"

// Probe implements storage.Store. It does what a backup does, since network file systems differ in what they keep of
// what they promise.
func (s *Store) Probe(ctx context.Context) (storage.Capabilities, error) {
	caps := storage.Capabilities{} // no parts, so no bounds of them
	folder := probeFolder + "/" + random()
	err := s.probe(ctx, folder, &caps)
	for _, name := range []string{"conditions", "upload"} {
		if derr := s.Delete(context.WithoutCancel(ctx), folder+"/"+name); err == nil {
			err = derr
		}
	}
	if err != nil {
		return storage.Capabilities{}, err
	}
	return caps, nil
}

func (s *Store) probe(ctx context.Context, folder string, c *storage.Capabilities) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	key := folder + "/conditions"
	first, err := s.Put(ctx, key, []byte("first"), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})
	if err != nil {
		return err
	}
	if c.CreateOnly, err = refused(s.Put(ctx, key, []byte("second"), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})); err != nil {
		return err
	}
	if _, err = s.Put(ctx, key, []byte("third"), storage.PutOptions{Condition: storage.Condition{IfMatch: first.ETag}}); err != nil {
		return err
	}
	if c.ReplaceIfUnchanged, err = refused(s.Put(ctx, key, []byte("fourth"), storage.PutOptions{Condition: storage.Condition{IfMatch: first.ETag}})); err != nil {
		return err
	}
	if err := s.SetTags(ctx, key, map[string]string{"probe": "yes"}); err != nil {
		return err
	}
	tags, err := s.Tags(ctx, key)
	if err != nil {
		return err
	}
	c.Tags = tags["probe"] == "yes"
	if c.CompleteCreateOnly, err = refused(s.tryUpload(ctx, key)); err != nil {
		return err
	}
	o, err := s.tryUpload(ctx, folder+"/upload")
	c.CRC64NVME = o.CRC64NVME != ""
	if body, _, gerr := s.Get(ctx, key); err == nil && (gerr != nil || string(body) != "third") {
		return fault.Wrap(gerr, fault.FileSystem, fault.StorageFailed, "Choose a directory on another file system.", "%s does not keep what is written to it", s.root)
	}
	return err
}

// refused reports whether a write whose condition does not hold was refused.
func refused(_ storage.Object, err error) (bool, error) {
	if storage.IsPrecondition(err) {
		return true, nil
	}
	return false, err
}

func (s *Store) tryUpload(ctx context.Context, key string) (storage.Object, error) {
	u, err := s.StartUpload(ctx, key, storage.UploadOptions{})
	if err != nil {
		return storage.Object{}, err
	}
	_, err = u.Write(ctx, strings.NewReader("probe"))
	var o storage.Object
	if err == nil {
		o, err = u.Complete(ctx)
	}
	if err != nil {
		err = errors.Join(err, u.Abort(ctx))
	}
	return o, err
}
