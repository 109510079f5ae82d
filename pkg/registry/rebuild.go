package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"cofre/pkg/storage"
)

// Rebuild makes registry.json anew from the manifests (and from tags, where an object has no manifest), keeps
// the old one aside, and gives the new index. It is what Load does by itself when registry.json is missing or
// damaged. A registry.json from a newer version is refused and left untouched.
func (r *Registry) Rebuild(ctx context.Context) (*Index, error) {
	data, o, err := r.store.Get(ctx, IndexKey)
	if storage.IsNotFound(err) {
		x, _, err := r.rebuild(ctx, nil, "")
		return x, err
	}
	if err != nil {
		return nil, fmt.Errorf("read registry.json: %w", err)
	}
	if err := refuseNewer(data); err != nil {
		return nil, err
	}
	x, _, err := r.rebuild(ctx, data, o.ETag)
	return x, err
}

func refuseNewer(data []byte) error {
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &head) == nil && head.Version > IndexVersion {
		return newerVersion(IndexKey, head.Version)
	}
	return nil
}

// rebuild replaces the index read at etag ("" when there is none) by one made from what the bucket holds.
// damaged, when not nil, is kept aside first.
func (r *Registry) rebuild(ctx context.Context, damaged []byte, etag string) (*Index, string, error) {
	x := &Index{Version: IndexVersion, Settings: r.defaults}
	var old Index
	if json.Unmarshal(damaged, &old) == nil && old.Version == IndexVersion {
		x.Settings, x.LastCleanup = old.Settings, old.LastCleanup
	}
	if err := r.collect(ctx, x); err != nil {
		return nil, "", fmt.Errorf("rebuild registry.json: %w", err)
	}
	if damaged != nil {
		aside := fmt.Sprintf("registry.json.damaged-%s", r.now().UTC().Format("20060102T150405.000Z"))
		if _, err := r.store.Put(ctx, aside, damaged, jsonOptions(storage.Condition{})); err != nil {
			return nil, "", fmt.Errorf("keep the damaged registry.json aside: %w", err)
		}
	}
	data, err := x.marshal()
	if err != nil {
		return nil, "", err
	}
	o, err := r.store.Put(ctx, IndexKey, data, jsonOptions(storage.Condition{IfMatch: etag, IfAbsent: etag == ""}))
	if storage.IsPrecondition(err) || (err != nil && storage.IsNotFound(err)) {
		return r.load(ctx) // somebody else rebuilt it, or wrote it, meanwhile
	}
	if err != nil {
		return nil, "", fmt.Errorf("write the rebuilt registry.json: %w", err)
	}
	if len(x.Backups) > 0 {
		r.log.Warn("registry rebuilt", "backups", len(x.Backups))
	}
	return x, o.ETag, nil
}

// collect fills the index from manifests, verifications, intents and, last, tags.
func (r *Registry) collect(ctx context.Context, x *Index) error {
	manifests, err := readAll(ctx, r, ManifestsPrefix, func(id string) (Backup, error) {
		m, err := r.manifest(ctx, id)
		return m.Backup, err
	})
	if err != nil {
		return err
	}
	for _, b := range manifests {
		x.Upsert(b)
	}
	marks, err := readAll(ctx, r, VerifiedPrefix, func(id string) (idVerified, error) {
		v := idVerified{id: id}
		_, err := r.getJSON(ctx, VerificationKey(id), &v.verified)
		return v, err
	})
	if err != nil {
		return err
	}
	for _, v := range marks {
		if b := x.Find(v.id); b != nil {
			applyVerified(b, v.verified)
		}
	}
	intents, err := readAll(ctx, r, IntentsPrefix, func(id string) (Intent, error) {
		in, _, err := r.intent(ctx, id)
		return in, err
	})
	if err != nil {
		return err
	}
	for _, in := range intents {
		if in.Kind == kindCreate && x.Find(in.Backup.ID) == nil {
			x.Upsert(in.Backup)
		}
	}
	return r.collectTagged(ctx, x)
}

type idVerified struct {
	id string
	verified
}

// collectTagged adds finished objects that no record knows, from their tags.
func (r *Registry) collectTagged(ctx context.Context, x *Index) error {
	known := map[string]bool{}
	for _, b := range x.Backups {
		if b.Status != Failed {
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
		if x.Find(b.ID) == nil {
			x.Upsert(b)
		}
	}
	return nil
}

// readAll reads every <prefix><id>.json with eight readers. One that vanished meanwhile is passed over; one
// that is not what cofre writes is passed over with a warning, so that a single bad object cannot hide the rest.
func readAll[T any](ctx context.Context, r *Registry, prefix string, read func(id string) (T, error)) ([]T, error) {
	ids := make(chan string)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		out   []T
		first error
	)
	for range 8 {
		wg.Go(func() {
			for id := range ids {
				v, err := read(id)
				mu.Lock()
				switch {
				case err == nil:
					out = append(out, v)
				case storage.IsNotFound(err):
				case isDamaged(err):
					r.log.Warn("record passed over", "key", prefix+id+".json", "error", err.Error())
				case first == nil:
					first = err
				}
				mu.Unlock()
			}
		})
	}
	var listErr error
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: prefix}) {
		if err != nil {
			listErr = fmt.Errorf("list %s: %w", prefix, err)
			break
		}
		if id := idOf(o.Key, prefix); id != "" {
			ids <- id
		}
	}
	close(ids)
	wg.Wait()
	if listErr != nil {
		return nil, listErr
	}
	return out, first
}
