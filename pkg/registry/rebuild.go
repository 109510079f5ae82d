package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// damagedPrefix begins the names of damaged registries that were kept aside; a hash of the content follows,
// so that the same damage is kept once, however many processes find it.
const damagedPrefix = IndexKey + ".damaged-"

// Rebuild makes registry.json anew from the manifests (and from tags, where an object has no manifest), keeps
// the old one aside (of one that is too large to be read at once the beginning), and gives the new index. Settings come from settings.json. It is what Load does by itself when registry.json is missing or
// damaged. A registry.json from a newer version is refused and left untouched.
func (r *Registry) Rebuild(ctx context.Context) (*Index, error) {
	var old *snapshot
	data, o, err := r.getIndex(ctx)
	switch {
	case err == nil, errors.As(err, new(errDamaged)):
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
	x := &Index{Version: 1, Settings: r.defaults, Backups: []Backup{}}
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
		if len(x.Backups)+len(x.Pages)+len(x.open) == 0 {
			return &snapshot{index: x}, nil // nothing was ever stored here: reading needs no write
		}
		old = &snapshot{}
	} else {
		aside := fmt.Sprintf("%s%x", damagedPrefix, sha256.Sum256(old.data))[:len(damagedPrefix)+16]
		if _, err := r.put(ctx, aside, old.data, storage.Condition{}); err != nil {
			return nil, &errUnwritten{x, fmt.Errorf("keep the damaged one as %s: %w", aside, err)}
		}
	}
	read := x.hold()
	data, _, err := r.pack(ctx, x) // the pages that it replaces stay until the next cleanup, in case this does not become the index
	if err != nil {
		return nil, &errUnwritten{read, err}
	}
	o, err := r.put(ctx, IndexKey, data, old.unchanged())
	if storage.IsPrecondition(err) || storage.IsNotFound(err) {
		return r.othersIndex(ctx, read)
	}
	if err != nil {
		return nil, &errUnwritten{read, err}
	}
	x.etag = o.ETag
	if slices.ContainsFunc(x.Backups, func(b Backup) bool { return b.Status != InProgress }) { // else it is a first backup
		r.log.Warn("registry rebuilt", "backups", len(x.Backups))
	}
	return &snapshot{index: x, data: data, etag: o.ETag}, nil
}

// othersIndex reads what somebody else has written while mine was being made.
func (r *Registry) othersIndex(ctx context.Context, mine *Index) (*snapshot, error) {
	data, o, err := r.getIndex(ctx)
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
	x.etag = o.ETag
	return &snapshot{index: x, data: data, etag: o.ETag}, nil
}

// collect fills the index from intents, pages, manifests, tags and verifications. Intents come first: what ended
// after that has changed registry.json in doing so, which the write at the end of a rebuild notices.
func (r *Registry) collect(ctx context.Context, x *Index) error {
	removing, err := r.removing(ctx)
	if err != nil {
		return err
	}
	intents, err := readAll(ctx, r, IntentsPrefix, func(ctx context.Context, id string) (Intent, error) {
		in, _, err := r.intent(ctx, id)
		return in, err
	})
	if err != nil {
		return err
	}
	list, err := r.listRecords(ctx, ManifestsPrefix, "", "")
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(f found) bool { return removing[f.id] })
	verifications, err := r.listRecords(ctx, VerifiedPrefix, "", "")
	if err != nil {
		return err
	}
	records, err := r.adoptions(ctx)
	if err != nil {
		return err
	}
	known := paths{}
	loose, err := r.collectPages(ctx, x, list, verifications, known)
	if err != nil {
		return err
	}
	if loose, err = r.settleLoose(ctx, x, loose, verifications, records, known); err != nil {
		return err
	}
	manifests, err := r.readManifests(ctx, loose)
	if err != nil {
		return err
	}
	for _, b := range manifests {
		x.Backups = append(x.Backups, b)
	}
	for id, in := range intents {
		_, ended := manifests[id]
		if _, paged := x.pageAt(id); !ended && in.Kind != kindRemove && in.Admitted && !removing[id] && !(paged && contains(list, id)) {
			in.Backup.Status = InProgress
			x.Backups = append(x.Backups, in.Backup)
		}
	}
	x.sort()
	if err := r.collectTagged(ctx, x, removing, known); err != nil {
		return err
	}
	if err := r.verify(ctx, verifications, x.succeeded); err != nil { // what is in pages has its own
		return err
	}
	if err := r.openUnknown(ctx, x, records, len(x.Pages)); err != nil {
		return err
	}
	x.adopt(records)
	return r.collectPins(ctx, x)
}

// settleLoose writes pages of the manifests that no page has, as far as they are beyond the newest and fill a page, and returns the
// others. One page of them is in memory at a time. Where nothing may be written they are all among the others.
func (r *Registry) settleLoose(ctx context.Context, x *Index, loose, verifications []found, records []source.Record, known paths) (rest []found, err error) {
	for len(loose) >= r.sizes.newest+r.sizes.step+r.sizes.page {
		run := loose[:r.sizes.page]
		i, held := x.pageAt(run[0].id)
		if held {
			rest, loose = append(rest, run[0]), loose[1:]
			continue
		}
		if i < len(x.Pages) && x.Pages[i].First <= run[len(run)-1].id { // too few for a page before the next one
			few := len(between(run, "", x.Pages[i].First))
			rest, loose = append(rest, run[:few]...), loose[few:]
			continue
		}
		backups, err := r.recallSome(ctx, run, verifications, records)
		if err != nil {
			return nil, err
		}
		pages, err := r.writeParts(ctx, &segment{backups: backups})
		if err != nil {
			r.log.Debug("no page can be written: the records stay in memory", "error", err.Error())
			break
		}
		for i := range backups {
			known.note(&backups[i])
		}
		x.Pages = slices.Insert(x.Pages, i, pages...)
		loose = loose[len(run):]
	}
	return append(rest, loose...), nil
}

// recallSome returns the records of these manifests, by id, with what is recorded of them elsewhere.
func (r *Registry) recallSome(ctx context.Context, list, verifications []found, records []source.Record) ([]Backup, error) {
	g, err := r.segmentOf(ctx, list)
	if err != nil {
		return nil, err
	}
	if err := r.verify(ctx, between(verifications, list[0].id, list[len(list)-1].id), g.succeeded); err != nil {
		return nil, err
	}
	adopt(g.backups, records)
	return g.backups, nil
}

// segmentOf returns the records of manifests, which are listed by id.
func (r *Registry) segmentOf(ctx context.Context, list []found) (*segment, error) {
	manifests, err := r.readManifests(ctx, list)
	g := &segment{backups: make([]Backup, 0, len(manifests))}
	for _, f := range list {
		if b, ok := manifests[f.id]; ok {
			g.backups = append(g.backups, b)
		}
	}
	return g, err
}

// adoptions returns the records of the sources, which say what they adopted.
func (r *Registry) adoptions(ctx context.Context) ([]source.Record, error) {
	records, unread, err := r.Sources(ctx)
	if err != nil {
		return nil, err
	}
	for name, err := range unread {
		if !isDamaged(err) {
			return nil, err // it may say that the source has adopted backups, which would be lost
		}
		r.log.Warn("record skipped", "key", SourceKey(name), "error", err.Error())
	}
	return records, nil
}

// verify adds what verifications/ holds of those listed to their records, which find gives; nil is one that is of no interest.
func (r *Registry) verify(ctx context.Context, list []found, find func(string) *Backup) error {
	list = slices.DeleteFunc(slices.Clone(list), func(f found) bool { return find(f.id) == nil })
	marks, err := readSome(ctx, r, VerifiedPrefix, list, func(ctx context.Context, id string) (verified, error) {
		var v verified
		_, err := r.getJSON(ctx, VerificationKey(id), &v)
		return v, err
	})
	if err != nil {
		return err
	}
	for id, v := range marks {
		applyVerified(find(id), v)
	}
	return nil
}

func (r *Registry) readManifests(ctx context.Context, list []found) (map[string]Backup, error) {
	byRule := r.defaultLock(ctx)
	return readSome(ctx, r, ManifestsPrefix, list, func(ctx context.Context, id string) (Backup, error) {
		m, o, err := r.manifestObject(ctx, id)
		if err == nil {
			m.Backup.ObjectLock = lockOf(o, byRule)
		}
		return m.Backup, err
	})
}

// collectTagged adds finished objects that no record knows, from their tags. What tags do not hold is lost:
// see fromTags.
func (r *Registry) collectTagged(ctx context.Context, x *Index, removing map[string]bool, known paths) error {
	for i := range x.Backups {
		known.note(&x.Backups[i])
	}
	return r.eachTagged(ctx, known, func(b Backup) (err error) {
		if x.Find(b.ID) == nil && !removing[b.ID] {
			if b, err = r.withoutManifest(ctx, b); err == nil {
				x.Upsert(b)
			}
		}
		return err
	})
}

// eachTagged calls add with a record, made from its tags, of each object that is not known.
func (r *Registry) eachTagged(ctx context.Context, known paths, add func(Backup) error) error {
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: FilesPrefix}) {
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		if known.has(o.Key) || !validFilepath(o.Key) {
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
		if err := add(b); err != nil {
			return err
		}
	}
	return nil
}

// withoutManifest returns the record of a backup that was made from tags. A manifest that is there and cannot be read is damage:
// nobody knows what else it said.
func (r *Registry) withoutManifest(ctx context.Context, b Backup) (Backup, error) {
	m, err := r.manifest(ctx, b.ID)
	switch {
	case err == nil: // written meanwhile
		return m.Backup, nil
	case storage.IsNotFound(err):
		return b, nil
	case !isDamaged(err):
		return b, err
	}
	b.addVerifications(Verification{Level: LevelStream, Problems: []Problem{{Reason: fault.StructureDamaged,
		Detail: "its manifest cannot be read, and what is shown here is from its tags, which say less"}}})
	return b, nil
}

// readers is how many records are read at once.
const readers = 16

// largeRecord is the size in bytes from which records are read one at a time, so that many of them do not fill the memory.
const largeRecord = 1 << 20

// found is a record that a listing showed.
type found struct {
	id string
	at time.Time
}

func (r *Registry) errEndless(prefix string) error {
	return fault.New(fault.FileSystem, fault.LimitReached, "Look at the service, and at proxies in between; and who may write to the storage.",
		"there are more than %d objects in %s, or the storage lists without an end", r.sizes.listed, prefix)
}

// listRecords returns every <prefix><id>.json with an id from first to last; "" is no limit.
func (r *Registry) listRecords(ctx context.Context, prefix, first, last string) ([]found, error) {
	var out []found
	o := storage.ListOptions{Prefix: prefix}
	if first != "" {
		o.After = prefix + first // which is no key, and before the first one
	}
	for o, err := range r.store.List(ctx, o) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		id := idOf(o.Key, prefix)
		if last != "" && id > last {
			break
		}
		if id != "" {
			if len(out) == r.sizes.listed {
				return nil, r.errEndless(prefix)
			}
			out = append(out, found{id, o.LastModified})
		}
	}
	return out, nil
}

// readAll reads every <prefix><id>.json; see readSome.
func readAll[T any](ctx context.Context, r *Registry, prefix string, read func(ctx context.Context, id string) (T, error)) (map[string]T, error) {
	list, err := r.listRecords(ctx, prefix, "", "")
	if err != nil {
		return nil, err
	}
	return readSome(ctx, r, prefix, list, read)
}

// readSome reads some <prefix><id>.json. One that vanished meanwhile is passed over; one that is not what
// cofre writes is passed over with a warning, so that a single bad object cannot hide the rest. Any other
// error ends it.
func readSome[T any](ctx context.Context, r *Registry, prefix string, list []found, read func(ctx context.Context, id string) (T, error)) (map[string]T, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		queue = make(chan found)
		out   = map[string]T{}
		mu    sync.Mutex
		large sync.Mutex
		wg    sync.WaitGroup
	)
	one := func(f found) (T, error) {
		v, err := read(storage.Within(ctx, largeRecord), f.id)
		if fault.HasReason(err, fault.LimitReached) { // whatever the listing said
			large.Lock()
			defer large.Unlock()
			return read(ctx, f.id)
		}
		return v, err
	}
	for range min(readers, len(list)) {
		wg.Go(func() {
			for f := range queue {
				v, err := one(f)
				switch {
				case err == nil:
					mu.Lock()
					out[f.id] = v
					mu.Unlock()
				case storage.IsNotFound(err):
				case isDamaged(err):
					r.log.Warn("record skipped", "key", prefix+f.id+".json", "error", err.Error())
				default:
					stop(err)
				}
			}
		})
	}
	for _, f := range list {
		if ctx.Err() != nil {
			break
		}
		queue <- f
	}
	close(queue)
	wg.Wait()
	return out, context.Cause(ctx) // the first failure
}
