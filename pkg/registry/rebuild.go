package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"cofre/pkg/storage"
)

// damagedPrefix begins the names of damaged registries that were kept aside; a hash of the content follows,
// so that the same damage is kept once, however many processes find it.
const damagedPrefix = IndexKey + ".damaged-"

// Rebuild makes registry.json anew from the manifests (and from tags, where an object has no manifest), keeps
// the old one aside, and gives the new index. Settings come from settings.json. It is what Load does by itself when registry.json is missing or
// damaged. A registry.json from a newer version is refused and left untouched.
func (r *Registry) Rebuild(ctx context.Context) (*Index, error) {
	var old *snapshot
	data, o, err := r.store.Get(ctx, IndexKey)
	switch {
	case err == nil:
		old = &snapshot{data: data, etag: o.ETag}
	case !storage.IsNotFound(err):
		return nil, fmt.Errorf("read registry.json: %w", err)
	}
	s, err := r.rebuild(ctx, old)
	if err != nil {
		return nil, err
	}
	return s.index, nil
}

// rebuild replaces old (nil when there is none) by an index made from what the bucket holds.
func (r *Registry) rebuild(ctx context.Context, old *snapshot) (*snapshot, error) {
	x := &Index{Version: IndexVersion, Settings: r.defaults, Backups: []Backup{}}
	if old != nil {
		if err := refuseNewer(old.data); err != nil {
			return nil, err
		}
		x.salvage(old.data)
	}
	if err := r.collect(ctx, x); err != nil {
		return nil, fmt.Errorf("rebuild registry.json: %w", err)
	}
	if err := r.recallSettings(ctx, x); err != nil {
		return nil, fmt.Errorf("rebuild registry.json: %w", err)
	}
	if old == nil {
		if len(x.Backups) == 0 {
			return &snapshot{index: x}, nil // nothing was ever stored here: reading needs no write
		}
		old = &snapshot{}
	} else {
		aside := fmt.Sprintf("%s%x", damagedPrefix, sha256.Sum256(old.data))[:len(damagedPrefix)+16]
		if _, err := r.put(ctx, aside, old.data, storage.Condition{}); err != nil {
			return nil, &errUnwritten{x, fmt.Errorf("keep the damaged one as %s: %w", aside, err)}
		}
	}
	data, err := x.marshal()
	if err != nil {
		return nil, err
	}
	o, err := r.put(ctx, IndexKey, data, old.unchanged())
	if storage.IsPrecondition(err) || storage.IsNotFound(err) {
		return r.othersIndex(ctx, x)
	}
	if err != nil {
		return nil, &errUnwritten{x, err}
	}
	if slices.ContainsFunc(x.Backups, func(b Backup) bool { return b.Status != InProgress }) { // else it is a first backup
		r.log.Warn("registry rebuilt", "backups", len(x.Backups))
	}
	return &snapshot{index: x, data: data, etag: o.ETag}, nil
}

// othersIndex reads what somebody else has written while mine was being made.
func (r *Registry) othersIndex(ctx context.Context, mine *Index) (*snapshot, error) {
	data, o, err := r.store.Get(ctx, IndexKey)
	if err != nil {
		return nil, &errUnwritten{mine, err}
	}
	x, err := parseIndex(data)
	if errors.As(err, new(errDamaged)) {
		return nil, &errUnwritten{mine, err}
	}
	if err != nil {
		return nil, err
	}
	return &snapshot{index: x, data: data, etag: o.ETag}, nil
}

// collect fills the index from intents, manifests, tags and verifications. Intents come first: what ended
// after that has changed registry.json in doing so, which the write at the end of a rebuild notices.
func (r *Registry) collect(ctx context.Context, x *Index) error {
	intents, err := readAll(ctx, r, IntentsPrefix, func(ctx context.Context, id string) (Intent, error) {
		in, _, err := r.intent(ctx, id)
		return in, err
	})
	if err != nil {
		return err
	}
	manifests, err := readAll(ctx, r, ManifestsPrefix, func(ctx context.Context, id string) (Backup, error) {
		m, err := r.manifest(ctx, id)
		return m.Backup, err
	})
	if err != nil {
		return err
	}
	for id, b := range manifests {
		if in := intents[id]; in.Kind != kindRemove || in.Undecided {
			x.Backups = append(x.Backups, b)
		}
	}
	for id, in := range intents {
		if _, ended := manifests[id]; !ended && in.Kind != kindRemove && in.Admitted {
			in.Backup.Status = InProgress
			x.Backups = append(x.Backups, in.Backup)
		}
	}
	x.sort()
	if err := r.collectTagged(ctx, x, intents); err != nil {
		return err
	}
	marks, err := readAll(ctx, r, VerifiedPrefix, func(ctx context.Context, id string) (verified, error) {
		var v verified
		_, err := r.getJSON(ctx, VerificationKey(id), &v)
		return v, err
	})
	if err != nil {
		return err
	}
	for id, v := range marks {
		if b := x.Find(id); b != nil && b.Status == Success {
			applyVerified(b, v)
		}
	}
	records, err := r.Sources(ctx)
	x.adopt(records)
	return err
}

// collectTagged adds finished objects that no record knows, from their tags. What tags do not hold is lost:
// see fromTags.
func (r *Registry) collectTagged(ctx context.Context, x *Index, intents map[string]Intent) error {
	known := map[string]bool{}
	for i := range x.Backups {
		if b := &x.Backups[i]; b.Status != Failed {
			known[b.Filepath] = true
		}
	}
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: FilesPrefix}) {
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		if known[o.Key] || !validFilepath(o.Key) {
			continue
		}
		tags, err := r.store.Tags(ctx, o.Key)
		if storage.IsNotFound(err) {
			continue
		}
		if err != nil {
			r.log.Warn("object without a record, and its tags cannot be read", "key", o.Key, "error", err.Error())
			continue
		}
		b, err := fromTags(o.Key, o.Size, tags)
		if err != nil {
			r.log.Warn("object without a record", "key", o.Key, "why", err.Error())
			continue
		}
		if in := intents[b.ID]; x.Find(b.ID) == nil && (in.Kind != kindRemove || in.Undecided) {
			x.Upsert(b)
		}
	}
	return nil
}

// readers is how many records are read at once.
const readers = 16

// largeRecord is the size in bytes from which records are read one at a time, so that many of them do not fill the memory.
const largeRecord = 1 << 20

// readAll reads every <prefix><id>.json. One that vanished meanwhile is passed over; one that is not what
// cofre writes is passed over with a warning, so that a single bad object cannot hide the rest. Any other
// error ends it.
func readAll[T any](ctx context.Context, r *Registry, prefix string, read func(ctx context.Context, id string) (T, error)) (map[string]T, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		found = make(chan storage.Object)
		out   = map[string]T{}
		mu    sync.Mutex
		large sync.Mutex
		wg    sync.WaitGroup
	)
	one := func(o storage.Object, id string) (T, error) {
		if o.Size > largeRecord {
			large.Lock()
			defer large.Unlock()
		}
		return read(ctx, id)
	}
	for range readers {
		wg.Go(func() {
			for o := range found {
				id := idOf(o.Key, prefix)
				v, err := one(o, id)
				switch {
				case err == nil:
					mu.Lock()
					out[id] = v
					mu.Unlock()
				case storage.IsNotFound(err):
				case isDamaged(err):
					r.log.Warn("record passed over", "key", prefix+id+".json", "error", err.Error())
				default:
					stop(err)
				}
			}
		})
	}
	var err error
	for o, lerr := range r.store.List(ctx, storage.ListOptions{Prefix: prefix}) {
		if lerr != nil {
			err = fmt.Errorf("list %s: %w", prefix, lerr)
			break
		}
		if idOf(o.Key, prefix) != "" {
			found <- o
		}
	}
	close(found)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the first failure; listing only noticed its echo
	}
	return out, err
}
