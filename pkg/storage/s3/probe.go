package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// probeFolder holds the scratch objects of a probe.
const probeFolder = "probe-of-cofre"

// racers is how many writers a probe lets race for one object, and races how often: some services compare and write in
// two steps, which does not show every time.
const (
	racers = 8
	races  = 3
)

// Probe implements storage.Store.
func (s *Store) Probe(ctx context.Context) (storage.Capabilities, error) {
	if s.cfg.Known != nil {
		return *s.cfg.Known, nil
	}
	select {
	case s.learning <- struct{}{}:
		defer func() { <-s.learning }()
	case <-ctx.Done():
		return storage.Capabilities{}, s.op("look at", "").fault(ctx.Err())
	}
	s.mu.Lock()
	known := s.probed
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	return s.tryOut(ctx)
}

// tryOut makes a probe, and keeps what it finds.
func (s *Store) tryOut(ctx context.Context) (storage.Capabilities, error) {
	p := probe{s: s.scratch(), folder: probeFolder + "/" + newMark()}
	err := p.run(ctx)
	if cerr := p.sweep(ctx); err == nil {
		err = cerr
	}
	if err != nil {
		return storage.Capabilities{}, err
	}
	mode, err := s.lockMode(ctx)
	if err != nil {
		return storage.Capabilities{}, err
	}
	s.adopt(p.s.missing())
	caps := s.capabilities(mode != "")
	s.mu.Lock()
	s.probed = &caps
	s.mu.Unlock()
	s.setLearned(true)
	s.keep(ctx, time.Now())
	return caps, nil
}

// scratch is the same place with nothing known about it, for a probe.
func (s *Store) scratch() *Store {
	cfg := s.cfg
	cfg.Known = &storage.Capabilities{} // there is no probe within the probe
	return &Store{cfg: cfg, client: s.client, patient: s.patient, presign: s.presign, place: s.place, log: discard,
		unsignedParts: s.unsignedParts, learning: make(chan struct{}, 1)}
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

func (p *probe) run(ctx context.Context) error {
	for _, err := range p.s.List(ctx, storage.ListOptions{Prefix: p.folder}) {
		if err != nil {
			return err // the first request: it names a missing bucket, credentials, or permission best
		}
	}
	key := p.key("conditions")
	for _, try := range []func(context.Context, string) error{p.create, p.replace, p.createAgain, p.tags, p.upload, p.abandon} {
		if err := try(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// create tells whether a create-only write is refused where there is an object, and whether one of several is let through.
func (p *probe) create(ctx context.Context, key string) error {
	if _, err := p.s.put(ctx, key, []byte("first"), storage.PutOptions{}); err != nil {
		return err
	}
	onlyNew := storage.Condition{IfAbsent: true}
	if err := p.refused(ctx, key, createOnly, onlyNew); err != nil || p.s.lacks(createOnly) {
		return err
	}
	for n := 0; n < races && !p.s.lacks(writersAtOnce); n++ {
		if err := p.race(ctx, p.key(fmt.Sprint("race-", n)), onlyNew); err != nil {
			return err
		}
	}
	return nil
}

// replace does the same for a write over an object that is unchanged.
func (p *probe) replace(ctx context.Context, key string) error {
	now, err := p.s.Head(ctx, key)
	if err != nil {
		return err
	}
	if now.ETag == "" {
		p.s.lack(replaceIfUnchanged)
		return nil
	}
	unchanged := storage.Condition{IfMatch: now.ETag}
	if _, err := p.s.put(ctx, key, []byte("third"), storage.PutOptions{Condition: unchanged}); storage.IsPrecondition(err) {
		p.s.lack(replaceIfUnchanged)
		return nil
	} else if err != nil {
		return err
	}
	if err := p.refused(ctx, key, replaceIfUnchanged, unchanged); err != nil || p.s.lacks(replaceIfUnchanged) {
		return err
	}
	for n := 0; n < races && !p.s.lacks(writersAtOnce); n++ {
		if now, err = p.s.Head(ctx, key); err != nil {
			return err
		}
		if err := p.race(ctx, key, storage.Condition{IfMatch: now.ETag}); err != nil {
			return err
		}
	}
	return nil
}

// refused notes f as missing when a write whose condition does not hold is not refused.
func (p *probe) refused(ctx context.Context, key string, f feature, c storage.Condition) error {
	_, err := p.s.put(ctx, key, []byte("second"), storage.PutOptions{Condition: c})
	if err == nil {
		p.s.lack(f)
	}
	if storage.IsPrecondition(err) {
		return nil
	}
	return err
}

// race finds out whether more than one of several writers gets through.
func (p *probe) race(ctx context.Context, key string, c storage.Condition) error {
	var won atomic.Int32
	var all sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		all.Go(func() {
			_, err := p.s.put(ctx, key, []byte(newMark()), storage.PutOptions{Condition: c})
			if err == nil {
				won.Add(1)
			} else if !storage.IsPrecondition(err) {
				errs[i] = err
			}
		})
	}
	all.Wait()
	if won.Load() > 1 {
		p.s.lack(writersAtOnce)
	}
	if won.Load() > 0 {
		return nil
	}
	return errors.Join(errs...)
}

// createAgain tells whether a name can be taken again after its object was deleted. Where versions are kept, some services
// take the mark of the deletion for an object.
func (p *probe) createAgain(ctx context.Context, _ string) error {
	key := p.key("deleted")
	if _, err := p.s.put(ctx, key, []byte("first"), storage.PutOptions{}); err != nil {
		return err
	}
	if err := p.s.Delete(ctx, key); err != nil {
		return err
	}
	if p.s.lacks(createOnly) {
		return nil
	}
	_, err := p.s.put(ctx, key, []byte("second"), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})
	if storage.IsPrecondition(err) {
		p.s.lack(deletedNames)
		return nil
	}
	return err
}

// tags tells whether an object can have tags and is still itself afterwards: some services take them for its new contents.
func (p *probe) tags(ctx context.Context, _ string) error {
	const name, value, body = "probe", "yes", "tagged"
	key := p.key("tags")
	before, err := p.s.put(ctx, key, []byte(body), storage.PutOptions{})
	if err != nil {
		return err
	}
	err = p.s.SetTags(ctx, key, map[string]string{name: value})
	var got map[string]string
	if err == nil {
		got, err = p.s.Tags(ctx, key)
	}
	if fault.HasCode(err, fault.Permission) || ctx.Err() != nil {
		return err
	}
	after, data := storage.Object{}, []byte(nil)
	if err == nil && got[name] == value {
		if data, after, err = p.s.Get(ctx, key); err != nil {
			return err
		}
	}
	if string(data) != body || before.ETag != "" && after.ETag != before.ETag {
		p.s.lack(objectTags)
	}
	return nil
}

// upload completes an upload over an object that is there, and one that is not. A refused one is ended, which must leave the
// object alone.
func (p *probe) upload(ctx context.Context, taken string) error {
	stands, err := p.s.Head(ctx, taken)
	if err != nil {
		return err
	}
	switch err := p.uploaded(ctx, taken); {
	case err == nil:
		p.s.lack(completeCreateOnly)
	case !storage.IsPrecondition(err):
		return err
	default:
		if now, err := p.s.Head(ctx, taken); storage.IsNotFound(err) || err == nil && now.ETag != stands.ETag {
			p.s.lack(abortUploads)
		}
	}
	key := p.key("upload")
	if err := p.uploaded(ctx, key); err != nil {
		return err
	}
	o, err := p.s.Head(ctx, key)
	if err == nil && o.CRC64NVME == "" && !p.s.lacks(wholeCRC) {
		p.s.lack(partCRC)
	}
	return err
}

// uploaded makes one whole upload. When it cannot be completed it is ended.
func (p *probe) uploaded(ctx context.Context, key string) error {
	u, err := p.s.StartUpload(ctx, key, storage.UploadOptions{})
	if err != nil {
		return err
	}
	_, err = u.Write(ctx, strings.NewReader("probe"))
	if err == nil {
		_, err = u.Complete(ctx)
	}
	if err != nil {
		_ = u.Abort(ctx) // what matters is err; leftovers of the probe hold five bytes
	}
	return err
}

// abandon does what follows a backup that failed: it finds its upload again, and frees it. Without these two
// permissions everything seems well until the first failure.
func (p *probe) abandon(ctx context.Context, _ string) error {
	key := p.key("abandoned")
	u, err := p.s.StartUpload(ctx, key, storage.UploadOptions{})
	if err != nil {
		return err
	}
	left, err := p.s.PendingUploads(ctx, key)
	if fault.HasCode(err, fault.Permission) {
		_ = u.Abort(ctx)
		return err
	}
	if err == nil && len(left) == 0 {
		p.s.lack(listUploads)
	}
	return p.s.AbortUpload(ctx, key, u.ID())
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
