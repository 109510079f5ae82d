// Package registry keeps the records of backups in the bucket itself, with no other state.
//
// A backup exists when its manifest exists: manifests/<id>.json, written once, last, create-only. That one
// write is the commit point; a failed backup gets a manifest too (the record of its failure), so the same
// create-only write decides between a run and whoever gave it up for dead. registry.json is an index over
// the manifests, changed only by compare-and-swap, and rebuilt from them (or from the objects' tags) when it
// is missing or damaged. intents/<id>.json stands for work in flight, with a lease; [Registry.Reconcile] ends
// what a dead process left.
//
// The order of a backup is Reserve, Claim, Lease.SetUpload, Commit (or Fail). Every step may be the last one
// before the power goes out; ARCHITECTURE.md says what is found then, and the tests stop after each of them.
package registry

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Registry is one backup directory's records. It may be used by several goroutines, and any number of
// processes may have one each over the same bucket.
type Registry struct {
	store    storage.Store
	now      func() time.Time
	log      *slog.Logger
	lease    time.Duration
	defaults Settings
	mu       sync.Mutex // one compare-and-swap at a time from this process: others would only collide
}

// Options tune a registry. The zero value is good.
type Options struct {
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // default: nothing
	Lease    time.Duration    // how long a run may be silent; default DefaultLease
	Defaults Settings         // written into a new registry.json
}

// DefaultLease is how long a run may give no sign of life before others may end it. It is renewed at a
// third of that.
const DefaultLease = 2 * time.Minute

// New gives the registry in a store. It does no input or output.
func New(store storage.Store, o Options) *Registry {
	r := &Registry{store: store, now: o.Now, log: o.Log, lease: o.Lease, defaults: o.Defaults}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.lease <= 0 {
		r.lease = DefaultLease
	}
	return r
}

// Load reads the index: one request when all is well. A missing or damaged registry.json is rebuilt first.
func (r *Registry) Load(ctx context.Context) (*Index, error) {
	x, _, err := r.load(ctx)
	return x, err
}

// load gives the index and the ETag that it was read at.
func (r *Registry) load(ctx context.Context) (*Index, string, error) {
	var damage errDamaged
	for try := 0; ; try++ {
		data, o, err := r.store.Get(ctx, IndexKey)
		if storage.IsNotFound(err) {
			return r.rebuild(ctx, nil, "")
		}
		if err != nil {
			return nil, "", fmt.Errorf("read registry.json: %w", err)
		}
		x, err := parseIndex(data)
		if err == nil && !torn(data, o.ETag) {
			return x, o.ETag, nil
		}
		if err == nil {
			err = errDamaged{"its bytes do not match its ETag"}
		}
		if !errors.As(err, &damage) {
			return nil, "", err
		}
		if try == 2 { // a write by somebody else may be under way; a damage stays
			r.log.Warn("registry damaged, rebuilding", "why", damage.why)
			return r.rebuild(ctx, data, o.ETag)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, "", err
		}
	}
}

// torn tells whether the bytes were read in the middle of a replacement: services whose ETag is the MD5 of
// the content let us see that.
func torn(data []byte, etag string) bool {
	etag = strings.Trim(etag, `"`)
	if len(etag) != 32 {
		return false
	}
	want, err := hex.DecodeString(etag)
	sum := md5.Sum(data)
	return err == nil && string(sum[:]) != string(want)
}

// errUnchanged ends an update that has nothing to write.
var errUnchanged = errors.New("unchanged")

// Update changes the index by compare-and-swap: change is called with the present index, again after each
// collision with another writer, so it must depend on nothing but its argument and be harmless when its
// effect is there already. An error of change ends the update and is returned; nothing is written then.
func (r *Registry) Update(ctx context.Context, change func(*Index) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for try := 0; ; try++ {
		x, etag, err := r.load(ctx)
		if err != nil {
			return err
		}
		if err := change(x); err != nil {
			if errors.Is(err, errUnchanged) {
				return nil
			}
			return err
		}
		data, err := x.marshal()
		if err != nil {
			return err
		}
		_, err = r.store.Put(ctx, IndexKey, data, jsonOptions(storage.Condition{IfMatch: etag, IfAbsent: etag == ""}))
		if err == nil {
			return nil
		}
		if !storage.IsPrecondition(err) && !storage.IsNotFound(err) {
			return fmt.Errorf("write registry.json: %w", err)
		}
		if try == maxCollisions {
			return fault.Wrap(err, fault.FileSystem, fault.Busy,
				"Nothing was lost. Try again; if it goes on, look who else writes to this backup directory.",
				"registry.json was changed by others %d times in a row", try+1)
		}
		if err := sleep(ctx, backoff(try)); err != nil {
			return err
		}
	}
}

const maxCollisions = 200

// backoff is a random wait that grows to 160 ms: enough for 32 writers, short for two.
func backoff(try int) time.Duration {
	return time.Duration(rand.Int64N(int64(5*time.Millisecond) << min(try, 5)))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func jsonOptions(c storage.Condition) storage.PutOptions {
	return storage.PutOptions{ContentType: "application/json", Condition: c}
}

// upsert puts a record into the index; doing it twice is harmless.
func (r *Registry) upsert(ctx context.Context, b Backup) error {
	return r.Update(ctx, func(x *Index) error {
		if !x.Upsert(b) {
			return errUnchanged
		}
		return nil
	})
}

// SetVerification records the outcome of a validation, first in an object of its own, so that a rebuild finds
// it again, then in the index.
func (r *Registry) SetVerification(ctx context.Context, id string, v Verification, uncompressed int64) (Backup, error) {
	if err := r.putJSON(ctx, VerificationKey(id), verified{Verification: v, UncompressedSize: uncompressed}, storage.Condition{}); err != nil {
		return Backup{}, fmt.Errorf("record the verification of %s: %w", id, err)
	}
	var out Backup
	err := r.Update(ctx, func(x *Index) error {
		b := x.Find(id)
		if b == nil {
			return notFound(id)
		}
		applyVerified(b, verified{v, uncompressed})
		out = *b
		return nil
	})
	return out, err
}

// verified is what verifications/<id>.json holds.
type verified struct {
	Verification     Verification `json:"verification"`
	UncompressedSize int64        `json:"uncompressedSize,omitempty"`
}

func applyVerified(b *Backup, v verified) {
	b.Verification = &v.Verification
	if v.UncompressedSize > 0 {
		b.UncompressedSize = v.UncompressedSize
	}
}

func notFound(id string) error {
	return fault.New(fault.Validation, fault.NotFound, "List the backups there are with: cofre list", "there is no backup %s", id)
}
