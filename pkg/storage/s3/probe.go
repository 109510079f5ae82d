package s3

import (
	"context"
	"errors"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// probeFolder holds the scratch objects of a probe.
const probeFolder = "probe-of-cofre"

var errDegraded = errors.New("looked before writing, because the service has no conditional writes")

func (s *Store) lacksCRC() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noCRC
}

func (s *Store) forgetCRC() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noCRC = true
}

func (s *Store) lacksConditions() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noCond
}

// degrade gives up conditional headers; it tells whether that is news.
func (s *Store) degrade() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noCond {
		return false
	}
	s.noCond = true
	s.log.Warn("the storage has no conditional writes: run one cofre at a time", "storage", s.place)
	return true
}

// Probe implements storage.Store.
func (s *Store) Probe(ctx context.Context) (storage.Capabilities, error) {
	s.mu.Lock()
	known := s.caps
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	p := probe{s: s, folder: probeFolder + "/" + newMark()}
	caps, err := p.run(ctx)
	if cerr := p.sweep(ctx); err == nil {
		err = cerr
	}
	if err != nil {
		return storage.Capabilities{}, err
	}
	s.mu.Lock()
	s.caps = &caps
	s.mu.Unlock()
	if !caps.CreateOnly || !caps.ReplaceIfUnchanged || !caps.CompleteCreateOnly {
		s.degrade()
	}
	if !caps.CRC64NVME {
		s.forgetCRC()
	}
	return caps, nil
}

// probe tries things out on scratch objects.
type probe struct {
	s      *Store
	folder string
	keys   []string
}

func (p *probe) key(name string) string {
	k := p.folder + "/" + name
	p.keys = append(p.keys, k)
	return k
}

func (p *probe) run(ctx context.Context) (c storage.Capabilities, err error) {
	c.MaxParts, c.EqualParts, c.MinPartSize = p.s.cfg.MaxParts, p.s.cfg.EqualParts, MinPartSize
	for _, err := range p.s.List(ctx, storage.ListOptions{Prefix: p.folder}) {
		if err != nil {
			return c, err // the first request: it names a missing bucket, credentials, or permission best
		}
	}
	key := p.key("conditions")
	first, err := p.s.Put(ctx, key, []byte("first"), storage.PutOptions{})
	if err != nil {
		return c, err
	}
	if c.CreateOnly, err = p.refuses(ctx, key, storage.Condition{IfAbsent: true}); err != nil {
		return c, err
	}
	if c.ReplaceIfUnchanged, err = p.replaces(ctx, key, first.ETag); err != nil {
		return c, err
	}
	if c.Tags, err = p.tags(ctx, key); err != nil {
		return c, err
	}
	if c.CRC64NVME, c.CompleteCreateOnly, err = p.upload(ctx, key); err != nil {
		return c, err
	}
	mode, err := p.s.lockMode(ctx)
	if err != nil {
		return c, err
	}
	c.ObjectLock = mode != ""
	return c, p.abandon(ctx)
}

// abandon does what follows a backup that failed: it finds its upload again, and frees it. Without these two
// permissions everything seems well until the first failure.
func (p *probe) abandon(ctx context.Context) error {
	key := p.key("abandoned")
	u, err := p.s.StartUpload(ctx, key, storage.UploadOptions{})
	if err != nil {
		return err
	}
	if _, err := p.s.PendingUploads(ctx, key); fault.HasCode(err, fault.Permission) {
		_ = u.Abort(ctx)
		return err
	}
	return p.s.AbortUpload(ctx, key, u.ID())
}

// refuses tells whether a write whose condition does not hold is refused.
func (p *probe) refuses(ctx context.Context, key string, cond storage.Condition) (bool, error) {
	if p.s.lacksConditions() {
		return false, nil
	}
	_, err := p.s.Put(ctx, key, []byte("second"), storage.PutOptions{Condition: cond})
	if storage.IsPrecondition(err) {
		return !p.s.lacksConditions(), nil
	}
	return false, err
}

func (p *probe) replaces(ctx context.Context, key, etag string) (bool, error) {
	if etag == "" {
		return false, nil
	}
	if p.s.lacksConditions() {
		return false, nil
	}
	now, err := p.s.Head(ctx, key)
	if err != nil {
		return false, err
	}
	if _, err := p.s.Put(ctx, key, []byte("third"), storage.PutOptions{Condition: storage.Condition{IfMatch: now.ETag}}); err != nil {
		if storage.IsPrecondition(err) {
			return false, nil
		}
		return false, err
	}
	return p.refuses(ctx, key, storage.Condition{IfMatch: now.ETag})
}

func (p *probe) tags(ctx context.Context, key string) (bool, error) {
	const name, value = "probe", "yes"
	err := p.s.SetTags(ctx, key, map[string]string{name: value})
	if err != nil {
		if fault.HasReason(err, storage.Unsupported) {
			return false, nil
		}
		return false, err
	}
	got, err := p.s.Tags(ctx, key)
	return err == nil && got[name] == value, err
}

// upload completes an upload over an object that is there, and one that is not.
func (p *probe) upload(ctx context.Context, taken string) (crc, createOnly bool, err error) {
	createOnly = !p.s.lacksConditions()
	for _, key := range []string{taken, p.key("upload")} {
		u, err := p.s.StartUpload(ctx, key, storage.UploadOptions{})
		if err != nil {
			return false, false, err
		}
		o, err := p.finish(ctx, u)
		if key == taken {
			if err == nil {
				createOnly = false
			} else if !storage.IsPrecondition(err) {
				return false, false, err
			}
			continue
		}
		if err != nil {
			return false, false, err
		}
		crc = o.CRC64NVME != ""
	}
	return crc, createOnly && !p.s.lacksConditions(), nil
}

func (p *probe) finish(ctx context.Context, u storage.Upload) (storage.Object, error) {
	_, err := u.Write(ctx, strings.NewReader("probe"))
	var o storage.Object
	if err == nil {
		o, err = u.Complete(ctx)
	}
	if err != nil {
		_ = u.Abort(ctx) // what matters is err; leftovers of the probe hold five bytes
	}
	return o, err
}

// sweep removes the scratch objects.
func (p *probe) sweep(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	var errs []error
	for _, k := range p.keys {
		errs = append(errs, p.s.Delete(ctx, k))
	}
	return errors.Join(errs...)
}
