package registry

import (
	"context"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Whoever makes backups writes intents, and must not be able to have backups removed by that. So removals have a folder of their
// own, which the roles that may remove backups write alone. Versions until November 2026 put them among the intents, and nothing
// tells what such a version left from a forgery. So no removal follows from anything there. It is told of, and what it may have
// begun is undone: the backup is listed again as far as its records are there, and goes by the next cleanup or when somebody
// removes it, like any other. The object among the intents goes with it.

// errRefused says that an object among the intents is not acted on.
func errRefused(id string) error {
	return fault.New(fault.Validation, fault.Forged, "Look who may write to the storage. Remove that object; or the backup, if it is to go: cofre delete "+id,
		"%s asks for the removal of a backup, which no cofre of this version writes there; it was left alone, and goes when the backup is removed", IntentKey(id))
}

// refuse settles an object among the intents that asks for a removal; see above.
func (r *Registry) refuse(ctx context.Context, in Intent, o storage.Object, now time.Time) error {
	id := in.Backup.ID
	if removed, err := r.isRemoved(ctx, id); removed || err != nil {
		return err
	}
	if in.expired(o.LastModified, now) { // else an older version may be at work
		if left, err := r.relist(ctx, in.Backup); err != nil {
			return err
		} else if !left {
			return r.store.Delete(ctx, IntentKey(id))
		}
	}
	return errRefused(id)
}

// isRemoved reports whether a backup is being removed by who may.
func (r *Registry) isRemoved(ctx context.Context, id string) (bool, error) {
	_, err := r.store.Head(ctx, RemovalKey(id))
	if storage.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// relist puts a backup into the index that is not there and whose records are. left is false when there is nothing of it.
func (r *Registry) relist(ctx context.Context, was Backup) (left bool, err error) {
	if b, err := r.find(ctx, was.ID); b != nil || err != nil {
		return true, err
	}
	b, ok, err := r.findLost(ctx, was.ID)
	proof := ManifestKey(was.ID)
	if err == nil && !ok {
		proof = was.Filepath
		b, left, err = r.fromObject(ctx, was)
		ok = b.ID != ""
	}
	if err != nil || !ok {
		return left, err
	}
	err = r.update(ctx, []string{b.ID}, func(x *Index) error {
		if x.Find(b.ID) != nil || x.Taken(b.Filepath, b.ID) {
			return errUnchanged
		}
		x.Upsert(b)
		return nil
	})
	if err != nil {
		return true, err
	}
	// It may have been removed since it was looked for. Whoever does that shows in removals/ until its records are gone.
	gone, err := r.isRemoved(ctx, b.ID)
	if err == nil && !gone {
		_, err = r.store.Head(ctx, proof)
		gone = storage.IsNotFound(err)
	}
	if gone {
		err = (&Lease{r: r, id: b.ID, intent: Intent{Backup: b}}).takeOut(ctx)
	}
	return true, err
}

// fromObject returns the record of a backup that has lost its manifest, from the tags of its object. there tells whether that object
// says that it is this backup's.
func (r *Registry) fromObject(ctx context.Context, was Backup) (b Backup, there bool, err error) {
	o, err := r.store.Head(ctx, was.Filepath)
	if storage.IsNotFound(err) {
		return b, false, nil
	}
	if err != nil || o.Metadata[metadataBackupID] != was.ID {
		return b, false, err
	}
	tags, err := r.store.Tags(ctx, was.Filepath)
	if err != nil {
		return b, true, err
	}
	if b, err = fromTags(was.Filepath, o.Size, tags); err != nil || b.ID != was.ID {
		return Backup{}, true, nil // nothing says what it is
	}
	return b, true, nil
}

// settleRun makes sure that no run works on a backup that is to be removed. The lease of the removal is held already, and whoever
// begins to end a run looks for removals behind that (see unlessRemoved): so at least one of two sees the other.
// refused is true where there is an object that asks for a removal, which goes with the backup.
func (r *Registry) settleRun(ctx context.Context, id string) (refused bool, err error) {
	in, o, err := r.intent(ctx, id)
	if storage.IsNotFound(err) || isDamaged(err) { // nobody holds a lease by what is no intent
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if in.Kind == kindRemove {
		return true, nil
	}
	now, err := r.storeNow(ctx)
	if err != nil {
		return false, err
	}
	if !in.expired(o.LastModified, now) && !in.abandoned() {
		return false, errWorkedOn()
	}
	cause, copied := whyDead(in, o.LastModified), in.Kind == kindCopy
	if in.LeaseMS = r.lease.Milliseconds(); !copied {
		in.Kind = kindEnd
	}
	l, err := r.acquire(ctx, in, o.ETag)
	if lost(err) {
		return false, errWorkedOn()
	}
	if err != nil {
		return false, err
	}
	if copied {
		return false, l.end(ctx) // what it had sent goes with the backup
	}
	return false, l.finishDead(ctx, cause, &Report{})
}

func errWorkedOn() error {
	return fault.New(fault.Validation, fault.Busy, "Try again in a few minutes. If that process has died, run cofre cleanup.", "the backup is in use by another process")
}

// unlessRemoved ends a lease that was just taken to end a run, where the backup is being removed: there is nothing to end then.
func (l *Lease) unlessRemoved(ctx context.Context) (removed bool, err error) {
	removed, err = l.r.isRemoved(ctx, l.id)
	switch {
	case err != nil:
		l.release(ctx)
		return true, fmt.Errorf("look whether %s is being removed: %w", l.id, err)
	case removed:
		return true, l.end(ctx)
	}
	return false, nil
}

// beginRemoval takes the lease of a removal. One whose holder is silent for longer than its lease is taken over.
func (r *Registry) beginRemoval(ctx context.Context, in Intent) (*Lease, error) {
	l, err := r.acquire(ctx, in, "")
	if lost(err) {
		l, err = r.overtake(ctx, in)
	}
	if err != nil {
		return l, err
	}
	if l.stray, err = r.settleRun(ctx, in.Backup.ID); err != nil {
		if eerr := l.end(ctx); eerr != nil {
			r.log.Warn("removal left behind; the next cleanup ends it", "backup_id", in.Backup.ID, "error", eerr.Error())
		}
		return nil, err
	}
	return l, nil
}

// removing returns the backups whose removal is decided: what is left of them is no backup any more.
func (r *Registry) removing(ctx context.Context) (map[string]bool, error) {
	return readAll(ctx, r, RemovalsPrefix, func(ctx context.Context, id string) (bool, error) {
		in, _, err := r.removal(ctx, id)
		return !in.Undecided, err
	})
}

// reconcileRemovals finishes removals whose holder is gone.
func (r *Registry) reconcileRemovals(ctx context.Context, now func() (time.Time, error), rep *Report) error {
	ids, err := r.listIDs(ctx, RemovalsPrefix, rep)
	if err != nil {
		return err
	}
	for _, id := range ids {
		at, err := now()
		if err != nil {
			return err
		}
		rep.note(id, r.reconcileRemoval(ctx, id, at, rep))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (r *Registry) reconcileRemoval(ctx context.Context, id string, now time.Time, rep *Report) error {
	in, o, err := r.removal(ctx, id)
	if storage.IsNotFound(err) {
		return nil // ended meanwhile
	}
	if err != nil || !in.expired(o.LastModified, now) {
		return err
	}
	in.LeaseMS = r.lease.Milliseconds()
	l, err := r.acquire(ctx, in, o.ETag)
	if lost(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.finishRemoval(ctx, rep); err != nil {
		if fault.HasReason(err, fault.Protected) { // pinned since somebody asked, and listed: nothing was removed
			return l.end(ctx)
		}
		l.release(ctx)
		return err
	}
	return nil
}
