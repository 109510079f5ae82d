package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"
)

// Lease is the right of one holder to work on one backup. It is safe for use by several goroutines.
type Lease struct {
	r     *Registry
	id    string // the backup's
	token string // ours in the intent

	layout   *Layout // for the manifest
	log      string  // what the run noted
	canceled bool    // a note in cancel/ was seen
	stray    bool    // of a removal: there is an object among the intents that asks for one, too
	mu       sync.Mutex
	intent   Intent // as last written
	etag     string
	written  bool // by this holder
}

// Claim takes the lease of a reserved backup for the run named runner. A second delivery of the same event
// gets reason busy while the first still runs, and not_found or already_exists when it has ended; one that
// comes after launchWithin gets timeout, and the backup is marked failed. A run that claims again under its
// own name begins anew: what it left is removed first.
func (r *Registry) Claim(ctx context.Context, id, runner string) (*Lease, error) {
	if !ValidID(id) || runner == "" {
		return nil, notFound(id)
	}
	in, o, err := r.intent(ctx, id)
	if storage.IsNotFound(err) {
		return nil, r.whyNoIntent(ctx, id)
	}
	if err != nil {
		return nil, fmt.Errorf("claim backup %s: %w", id, err)
	}
	switch {
	case !in.Admitted: // being reserved this very moment, or nobody ever finished that: Reconcile ends it then
		return nil, busy(id)
	case in.Kind == kindRemove:
		return nil, fault.New(fault.Validation, fault.NotFound, "", "backup %s is being removed", id)
	case in.Kind != kindCreate:
		return nil, hasEnded(id)
	case in.Runner != "" && in.Runner != runner:
		return nil, busy(id) // even when its lease is over: Reconcile must end it first, so that it cannot wake up
	}
	b, err := r.find(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case b == nil: // by its intent it was there: where the storage has no conditional writes, an update may be lost
		if err := r.readmit(ctx, in.Backup); err != nil {
			return nil, err
		}
	case b.Status != InProgress:
		return nil, hasEnded(id) // its intent is just on the way out
	}
	again, allowed := in.Runner == runner, in.lease()
	in.Runner, in.Process, in.LeaseMS = runner, self(), r.lease.Milliseconds()
	l, err := r.acquire(ctx, in, o.ETag)
	if fault.HasReason(err, fault.Precondition) {
		return nil, busy(id)
	}
	if err != nil {
		return nil, err
	}
	if again {
		err = l.beginAnew(ctx)
	} else {
		err = l.inTime(ctx, o.LastModified, allowed)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// readmit puts a reservation back into the index.
func (r *Registry) readmit(ctx context.Context, b Backup) error {
	r.log.Warn("the reservation was lost from the index, and is put back", "backup_id", b.ID)
	return r.Update(ctx, func(x *Index) error {
		if x.Find(b.ID) != nil {
			return errUnchanged
		}
		b.Status = InProgress
		x.Upsert(b)
		return nil
	})
}

func busy(id string) error {
	return fault.New(fault.Validation, fault.Busy, "Follow it with: cofre status "+id, "backup %s is in use by another process", id)
}

// whyNoIntent says why there is nothing to claim.
func (r *Registry) whyNoIntent(ctx context.Context, id string) error {
	b, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case b == nil:
		return notFound(id)
	case b.Status == InProgress:
		return fault.New(fault.Validation, fault.NotFound, "Create a new backup; cofre cleanup ends this one.", "the reservation of backup %s is lost", id)
	}
	return hasEnded(id)
}

// beginAnew clears the way for a run that was interrupted and comes again under the same name.
func (l *Lease) beginAnew(ctx context.Context) error {
	_, err := l.r.manifest(ctx, l.id)
	switch {
	case storage.IsNotFound(err):
		return l.Sweep(ctx)
	case err != nil:
		return err
	}
	return hasEnded(l.id) // but for its records, which Reconcile completes
}

// inTime ends a backup that was claimed too late: whoever asked for it has long looked elsewhere.
func (l *Lease) inTime(ctx context.Context, reserved time.Time, allowed time.Duration) error {
	b := l.Backup()
	o, err := l.r.store.Head(ctx, IntentKey(b.ID))
	if err != nil {
		l.release(ctx)
		return fmt.Errorf("claim backup %s: %w", b.ID, err)
	}
	if o.LastModified.Add(l.r.ahead).Sub(reserved) <= allowed+dateStep {
		return nil
	}
	late := fault.New(fault.Validation, fault.Timeout, "Create a new backup.", "backup %s was reserved but not started in time", b.ID)
	if _, err := l.Fail(ctx, b, late); err != nil {
		l.r.log.Warn("failure not recorded; the next cleanup does it", "backup_id", b.ID, "error", err.Error())
	}
	return late
}

// key is where the intent stands. Its kind does not change from or to a removal.
func (l *Lease) key() string {
	if l.intent.Kind == kindRemove {
		return RemovalKey(l.id)
	}
	return IntentKey(l.id)
}

// Backup gives the record as it was reserved.
func (l *Lease) Backup() Backup {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.intent.Backup
}

// Request gives what was reserved with the record.
func (l *Lease) Request() json.RawMessage { return l.intent.Request }

// Interval is how often to call Renew.
func (l *Lease) Interval() time.Duration { return l.r.lease / 3 }

// Renew extends the lease. Reason precondition_failed means that it was lost: the run must stop.
func (l *Lease) Renew(ctx context.Context) error {
	return l.put(ctx, func(*Intent) {})
}

// SetUpload records where the bytes go before any are sent, so that others can abort the upload.
func (l *Lease) SetUpload(ctx context.Context, uploadID string) error {
	return l.put(ctx, func(in *Intent) { in.UploadID = uploadID })
}

// put changes the intent, and so extends the lease, by compare-and-swap.
func (l *Lease) put(ctx context.Context, change func(*Intent)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.intent
	change(&in)
	in.Beat++
	data, err := encode(in)
	if err != nil {
		return err
	}
	// After a power failure it may be as it was before a run's last word: that run is as dead, and was as alive.
	etag, err := l.r.exchange(ctx, l.key(), l.etag, data, l.written && in.runs(), func(now []byte) bool {
		cur, err := parseIntent(l.key(), l.id, now)
		return err == nil && cur.Token == l.token
	})
	switch {
	case err == nil:
		l.intent, l.etag, l.written = in, etag, true
		return nil
	case taken(err):
		return fault.Wrap(err, fault.BackupCreation, fault.Precondition, "Look at its record: cofre info "+l.id,
			"this run was given up for dead by another one and must stop")
	}
	return fmt.Errorf("renew the lease of %s: %w", l.id, err)
}

// exchange writes, on behalf of its holder, an object that has this ETag ("" where there is none yet), and returns its new one. ours
// reports whether what is there is still the holder's; an error for which taken holds says that it is not.
func (r *Registry) exchange(ctx context.Context, key, etag string, data []byte, mayRevert bool, ours func(now []byte) bool) (string, error) {
	for try := 0; ; try++ {
		options := jsonOptions(storage.Condition{IfMatch: etag, IfAbsent: etag == ""})
		options.MayRevert = mayRevert
		o, err := r.store.Put(ctx, key, data, options)
		if err == nil {
			return o.ETag, nil
		}
		// A lost answer, to this write or the one before, looks the same as a lost lease: see whose it is now.
		now, there, gerr := r.store.Get(ctx, key)
		switch {
		case gerr != nil || !ours(now):
		case bytes.Equal(now, data):
			return there.ETag, nil
		case taken(err) && try < 2:
			etag = there.ETag
			continue
		}
		return "", err
	}
}

// taken tells whether an error of exchange says that the object is another's, or gone.
func taken(err error) bool { return storage.IsPrecondition(err) || storage.IsNotFound(err) }

// lost tells whether an error of put says that somebody else holds the intent.
func lost(err error) bool { return fault.HasReason(err, fault.Precondition) }

// regain makes sure of the lease for ending the backup, also after it was lost: the other holder is waited
// for, a few seconds, and then what is left is taken care of here.
func (l *Lease) regain(ctx context.Context) error {
	toEnd := func(in *Intent) { in.Kind, in.LeaseMS = kindEnd, l.r.lease.Milliseconds() }
	err := l.put(ctx, toEnd)
	for try := 0; lost(err) && try < 20; try++ {
		if _, _, gerr := l.r.intent(ctx, l.id); storage.IsNotFound(gerr) {
			l.mu.Lock()
			l.etag = ""
			l.mu.Unlock()
			if err = l.put(ctx, toEnd); !lost(err) {
				break
			}
		}
		if serr := pause.For(ctx, 250*time.Millisecond); serr != nil {
			return serr
		}
	}
	return err
}

// release lets others take over at once, after an error that kept the work from being finished.
func (l *Lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := l.put(ctx, func(in *Intent) { in.LeaseMS = -2 * dateStep.Milliseconds() }); err != nil && !lost(err) {
		l.r.log.Warn("lease not given back; it ends by itself", "backup_id", l.id, "error", err.Error())
	}
}

// end removes the progress record and the intent, unless the intent is somebody else's by now.
func (l *Lease) end(ctx context.Context) error {
	l.mu.Lock()
	key := l.key()
	l.mu.Unlock()
	in, _, err := l.r.intentAt(ctx, key, l.id)
	switch {
	case storage.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("look at the intent of %s: %w", l.id, err)
	case in.Token != l.token:
		return nil
	}
	if err := l.r.store.Delete(ctx, StatusKey(l.id)); err != nil {
		return fmt.Errorf("remove the progress of %s: %w", l.id, err)
	}
	if l.canceled {
		if err := l.r.store.Delete(ctx, CancelKey(l.id)); err != nil {
			return fmt.Errorf("remove the cancellation of %s: %w", l.id, err)
		}
	}
	if err := l.r.store.Delete(ctx, key); err != nil {
		return fmt.Errorf("remove the intent of %s: %w", l.id, err)
	}
	return nil
}
