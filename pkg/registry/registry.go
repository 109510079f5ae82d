// Package registry keeps the records of backups in the bucket itself, with no other state.
//
// A backup exists when its manifest exists: manifests/<id>.json, written once, last, create-only. That one
// write is the commit point; a failed backup gets a manifest too (the record of its failure), so the same
// create-only write decides between a run and whoever gave it up for dead. registry.json is an index over
// the manifests, changed only by compare-and-swap, and rebuilt from them (or from the objects' tags) when it
// is missing or damaged. intents/<id>.json stands for work in flight, with a lease; [Registry.Reconcile] ends
// what a dead process left.
//
// restores/<id>.json is a restore that was asked for: its record, progress and lease in one object. proofs/<id>.json is the same of the last
// proof of a backup that was asked for.
//
// The order of a backup is Reserve, Claim, Lease.SetUpload, Commit (or Fail). Every step may be the last one
// before the power goes out; ARCHITECTURE.md says what is found then, and the tests stop after each of them.
//
// # Leases
//
// Whatever is removed on behalf of a backup (its upload, its object, its records) is removed by the holder of
// its intent, and there is one holder at a time: taking an intent over is a compare-and-swap. How long a
// holder has been silent is measured by the storage service's clock alone, so the clocks of the machines
// around it may be wrong by any amount.
package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/seal"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// Registry is one backup directory's records. It may be used by several goroutines, and any number of
// processes may have one each over the same bucket.
type Registry struct {
	store    storage.Store
	log      *slog.Logger
	lease    time.Duration
	ahead    time.Duration
	defaults Settings
	sign     func(ctx context.Context, manifest []byte) ([]byte, error)
	check    func(manifest, signature []byte) error
	shared   shared
	turn     chan struct{} // one compare-and-swap at a time from this process: others would only collide
	finished func(ctx context.Context, b Backup, by string) error
	// restoreEnded, see Options.
	restoreEnded func(ctx context.Context, x Restore, was RestoreState)
	sizes        sizes
	pages        pageCache
	told         toldPages
	dates        pageDates
	paging       chan struct{}
	mine         own // under turn
	key          *seal.Key
	kept         seen[Kept]
	sources      seen[source.Record]
	// oddETags is set once the service's ETags turn out to look like MD5 sums without being any.
	oddETags atomic.Bool
}

// Options tune a registry. The zero value is good.
type Options struct {
	Log      *slog.Logger  // default: nothing
	Lease    time.Duration // how long a run may be silent; default DefaultLease
	Ahead    time.Duration // added to the service's clock, so that tests need not wait for the end of a lease
	Defaults Settings      // written into a new registry.json
	// Finished, when set, is told of each removal that Reconcile finishes, and who had asked for it ("" where that is not known), before the
	// last trace of the removal goes. Its error keeps that trace, so that it is told again.
	Finished func(ctx context.Context, b Backup, by string) error
	// RestoreEnded, when set, is told of each restore that ends, by whoever recorded that: once, and again where a run that was given up
	// for dead (was is then RestoreInterrupted) has ended otherwise after all.
	RestoreEnded func(ctx context.Context, x Restore, was RestoreState)
	// Newest is how many backups registry.json keeps at least, and how many a page holds at most; default 10,000. Tests make it small.
	Newest int
	// Sign, when set, signs the manifests of successful backups.
	Sign func(ctx context.Context, manifest []byte) ([]byte, error)
	// Key, when set, seals and authenticates the settings that are kept; see Kept.
	Key *seal.Key
	// Check, when set, returns an error for a signature of a manifest that is not to be trusted; see Registry.Signed.
	Check func(manifest, signature []byte) error
}

// DefaultLease is how long a run may give no sign of life before others may end it. It is renewed at a
// third of that.
const DefaultLease = 2 * time.Minute

// New gives the registry in a store. It does no input or output.
func New(store storage.Store, o Options) *Registry {
	r := &Registry{store: store, log: o.Log, lease: o.Lease, ahead: o.Ahead, defaults: o.Defaults, sign: o.Sign, check: o.Check, finished: o.Finished, restoreEnded: o.RestoreEnded, shared: shared{turn: make(chan struct{}, 1)}, turn: make(chan struct{}, 1)}
	r.key = o.Key
	r.paging, r.sizes = make(chan struct{}, 1), usualSizes
	if n := o.Newest; n > 0 {
		r.sizes.newest, r.sizes.step, r.sizes.page = n, max(1, n/10), n
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.lease <= 0 {
		r.lease = DefaultLease
	}
	return r
}

// errUnchanged ends an update that has nothing to write.
var errUnchanged = errors.New("unchanged")

// Update changes the index by compare-and-swap: change is called with the present index, again after each
// collision with another writer and after a write whose answer was lost, so it must depend on nothing but its
// argument and be harmless when its effect is there already. An error of change ends the update and is
// returned; nothing is written then, nor when change leaves the index as it is.
func (r *Registry) Update(ctx context.Context, change func(*Index) error) error {
	return r.update(ctx, nil, change)
}

// update is Update for a change that concerns these backups, which may have settled.
func (r *Registry) update(ctx context.Context, ids []string, change func(*Index) error) error {
	return r.updateOpen(ctx, func(ctx context.Context, x *Index) error { return r.openPages(ctx, x, ids) }, change)
}

// updateOpen is Update for a change that is made to an index in which open has opened pages.
func (r *Registry) updateOpen(ctx context.Context, open func(context.Context, *Index) error, change func(*Index) error) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() {
		if len(r.mine.data) > maxOwn {
			r.mine = own{}
		}
	}()
	s := r.mine.snapshot()
	r.mine = own{}
	if s != nil && len(s.index.Pages) == 0 && len(s.index.Backups) < r.sizes.newest { // no page would be written in vain
		if done, err := r.swap(ctx, s, open, change); done && err == nil && r.mine.data != nil {
			return nil
		}
	}
	var unsure error // of a write that may have taken place
	for try := 0; ; try++ {
		began := time.Now()
		s, err := r.load(ctx)
		if err != nil {
			return cmp.Or(unsure, err)
		}
		done, err := r.swap(ctx, s, open, change)
		switch {
		case done || err == nil:
			return err
		case storage.IsPrecondition(err), storage.IsNotFound(err): // somebody was faster
		case unsure == nil && ctx.Err() == nil:
			unsure = err // look once whether it is there all the same
		default:
			return err
		}
		if try == maxCollisions {
			return fault.Wrap(err, fault.FileSystem, fault.Busy,
				"Nothing was lost. Try again; if it goes on, look who else writes to this backup directory.",
				"registry.json was changed by others %d times in a row", try+1)
		}
		if err := pause.For(ctx, backoff(try, time.Since(began))); err != nil {
			return err
		}
	}
}

// swap is one attempt of an update. done tells that there is nothing to try again.
func (r *Registry) swap(ctx context.Context, s *snapshot, open func(context.Context, *Index) error, change func(*Index) error) (done bool, err error) {
	if err := open(ctx, s.index); err != nil {
		return !storage.IsPrecondition(err), err
	}
	if err := change(s.index); err != nil {
		if errors.Is(err, errUnchanged) {
			err = nil
		}
		return true, err
	}
	data, replaced, err := r.pack(ctx, s.index)
	if err != nil || bytes.Equal(data, s.data) {
		return !storage.IsPrecondition(err), err
	}
	o, err := r.store.Put(ctx, IndexKey, data, jsonOptions(s.unchanged()))
	if err != nil {
		return false, fmt.Errorf("write registry.json: %w", err)
	}
	r.mine = own{data, o.ETag, time.Now()}
	r.removeReplaced(ctx, replaced)
	return true, nil
}

// own is registry.json as this process wrote it last. Who changes it again at once need not read it again: if somebody else has
// changed it meanwhile, the compare-and-swap finds that out, as it does for whoever read it and then was slow. Only a write counts:
// what a change says otherwise, it has to say of the present one.
type own struct {
	data []byte
	etag string
	at   time.Time
}

const (
	ownFor = time.Second
	maxOwn = 1 << 20 // bytes: a larger one is neither kept in memory nor sent in vain
)

// snapshot returns it, nil where it is not worth a try.
func (o own) snapshot() *snapshot {
	if o.etag == "" || time.Since(o.at) > ownFor {
		return nil
	}
	x, err := parseIndex(o.data)
	if err != nil {
		return nil
	}
	x.etag = o.etag
	return &snapshot{index: x, data: o.data, etag: o.etag}
}

const maxCollisions = 300

// backoff is a random wait that grows with the collisions in a row and with how long an attempt took, so that
// one or two attempts are under way at once, however slow the service and however many the writers: about
// two attempts for each update of 32 writers.
func backoff(try int, attempt time.Duration) time.Duration {
	most := max(attempt, time.Millisecond) << min(try+1, 6)
	return rand.N(min(most, 3*time.Second))
}

// SetVerification records the outcome of a verification, first in an object of its own, so that a rebuild finds
// it again, then in the index. Stronger proofs stay. An unknown backup is not_found.
func (r *Registry) SetVerification(ctx context.Context, id string, v Verification, uncompressed int64) (Backup, error) {
	b, err := r.find(ctx, id)
	if err != nil {
		return Backup{}, err
	}
	if b == nil {
		return Backup{}, notFound(id)
	}
	mark, err := r.keepVerification(ctx, *b, v.bounded(), uncompressed)
	if err != nil {
		return Backup{}, fmt.Errorf("record the verification of %s: %w", id, err)
	}
	var out Backup
	err = r.update(ctx, []string{id}, func(x *Index) error {
		b := x.Find(id)
		if b == nil {
			return notFound(id)
		}
		applyVerified(b, mark)
		out = *b
		return nil
	})
	if fault.HasReason(err, fault.NotFound) { // removed while it was being validated
		if derr := r.store.Delete(ctx, VerificationKey(id)); derr != nil {
			r.log.Warn("verification of a removed backup left behind", "backup_id", id, "error", derr.Error())
		}
	}
	return out, err
}

// keepVerification adds a verification to verifications/<id>.json, by compare-and-swap: two may end at the same time.
func (r *Registry) keepVerification(ctx context.Context, b Backup, v Verification, uncompressed int64) (verified, error) {
	for try := 0; ; try++ {
		var mark verified
		o, err := r.getJSON(ctx, VerificationKey(b.ID), &mark)
		condition := storage.Condition{IfMatch: o.ETag}
		switch {
		case storage.IsNotFound(err):
			condition = storage.Condition{IfAbsent: true}
		case isDamaged(err):
			mark = verified{}
		case err != nil:
			return mark, err
		}
		applyVerified(&b, mark)
		b.addVerifications(v)
		mark = verified{Verification: *b.Verification, Verifications: b.Verifications, UncompressedSize: max(uncompressed, mark.UncompressedSize)}
		_, err = r.putJSON(ctx, VerificationKey(b.ID), mark, condition)
		if err == nil || !storage.IsPrecondition(err) && !storage.IsNotFound(err) || try == maxCollisions {
			return mark, err
		}
		if err := pause.For(ctx, backoff(try, time.Millisecond)); err != nil {
			return mark, err
		}
	}
}

// verified is what verifications/<id>.json holds.
type verified struct {
	Verification     Verification  `json:"verification"`
	Verifications    Verifications `json:"verifications,omitempty"`
	UncompressedSize int64         `json:"uncompressedSize,omitempty"`
}

func applyVerified(b *Backup, v verified) {
	more := slices.Clone(v.Verifications[:min(len(v.Verifications), maxVerifications)])
	if len(more) == 0 && !v.Verification.At.IsZero() {
		more = []Verification{v.Verification}
	}
	for i := range more {
		more[i] = more[i].believable()
	}
	b.addVerifications(more...)
	if v.UncompressedSize > 0 && v.UncompressedSize <= maxUncompressed {
		b.UncompressedSize = v.UncompressedSize
	}
}

// MarkCleanup notes when retention was last applied.
func (r *Registry) MarkCleanup(ctx context.Context, at time.Time) error {
	at = at.UTC()
	return r.Update(ctx, func(x *Index) error {
		x.LastCleanup = &at
		return nil
	})
}

func notFound(id string) error {
	return fault.New(fault.Validation, fault.NotFound, "List the backups there are with: cofre list", "there is no backup %.40q", id)
}
