package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// sweepTime bounds looking whose an object is and deleting it, far below a lease: a process that slept in
// between must not wake up and delete what came to stand there.
const sweepTime = 20 * time.Second

// Remove deletes a backup and its records: an intent first, so that an interrupted removal is finished by
// Reconcile, then the index entry, the verification, the manifest, and last the object, so that at any moment
// a backup that is listed has its object. A running backup is refused (busy), one that another process is
// removing too, an unknown one is not_found. by is who asked.
func (r *Registry) Remove(ctx context.Context, id, by string) (Backup, error) {
	b, err := r.find(ctx, id)
	if err != nil {
		return Backup{}, err
	}
	if b == nil {
		return Backup{}, notFound(id)
	}
	if b.Status == InProgress {
		return *b, fault.New(fault.Validation, fault.Busy, "Wait for it to end, or stop it first; cofre cleanup ends one whose process died.", "backup %s is still being made", id)
	}
	if err := b.held(); err != nil {
		return *b, err
	}
	in := Intent{Kind: kindRemove, By: by, Backup: *b, Admitted: true, LeaseMS: r.lease.Milliseconds()}
	l, err := r.beginRemoval(ctx, in)
	if fault.HasReason(err, fault.StorageFull) {
		// There is no room for an intent: the object goes first. Dying behind it leaves a backup without its file, which
		// validate tells of and which can be removed again.
		if derr := (&Lease{r: r, id: id, intent: in}).deleteObject(ctx); derr != nil {
			return *b, fmt.Errorf("remove backup %s: %w", id, derr)
		}
		l, err = r.beginRemoval(ctx, in)
	}
	if err != nil {
		return *b, fmt.Errorf("remove backup %s: %w", id, err)
	}
	if err := l.remove(ctx); err != nil {
		if fault.HasReason(err, fault.Protected) { // pinned or locked meanwhile: nothing was removed
			return *b, errors.Join(err, l.end(ctx))
		}
		l.release(ctx)
		return *b, fmt.Errorf("remove backup %s: %w", id, err)
	}
	return *b, nil
}

// overtake acquires the intent of a removal whose present holder is silent for longer than its lease.
func (r *Registry) overtake(ctx context.Context, in Intent) (*Lease, error) {
	now, err := r.storeNow(ctx)
	if err != nil {
		return nil, err
	}
	cur, o, err := r.removal(ctx, in.Backup.ID)
	busy := errWorkedOn()
	if storage.IsNotFound(err) {
		return nil, busy // it has just ended
	}
	if err != nil {
		return nil, err
	}
	if !cur.expired(o.LastModified, now) {
		return nil, busy
	}
	l, err := r.acquire(ctx, in, o.ETag)
	if lost(err) {
		return nil, busy
	}
	return l, err
}

// remove is idempotent: Reconcile does it again after a crash in the middle.
func (l *Lease) remove(ctx context.Context) error {
	if err := l.takeOut(ctx); err != nil {
		return err
	}
	return l.removeStored(ctx)
}

// takeOut takes the backup out of the index.
func (l *Lease) takeOut(ctx context.Context) error {
	b := l.Backup()
	return l.r.update(ctx, []string{b.ID}, func(x *Index) error {
		if now := x.Find(b.ID); now != nil {
			if err := now.held(); err != nil {
				return err
			}
		}
		if !x.Remove(b.ID) {
			return errUnchanged
		}
		return nil
	})
}

// Sweep removes what the run has stored so far, its uploads and its object, and nothing of anybody else's, so
// that another attempt can begin. Reason precondition_failed means that the lease was lost.
func (l *Lease) Sweep(ctx context.Context) error {
	if err := l.Renew(ctx); err != nil {
		return err
	}
	return l.sweep(ctx)
}

// sweep aborts the upload, by recorded id and by key, and deletes the object. The holder of the intent calls it.
func (l *Lease) sweep(ctx context.Context) error {
	l.mu.Lock()
	in := l.intent
	l.mu.Unlock()
	if in.Runner == "" {
		return nil // never claimed: nothing is stored, and the file name may still be another backup's
	}
	b := in.Backup
	if in.UploadID != "" {
		if err := l.r.store.AbortUpload(ctx, b.Filepath, in.UploadID); err != nil {
			return fmt.Errorf("abort its upload: %w", err)
		}
	}
	pending, err := l.r.store.PendingUploads(ctx, b.Filepath)
	if err != nil {
		return fmt.Errorf("list its uploads: %w", err)
	}
	if len(pending) > 0 {
		// A failed backup's name may have been taken by a new one, whose upload this is then. It was reserved
		// before it began to upload, so that it stands in an index that is read now.
		x, err := l.r.Load(ctx)
		if err != nil {
			return err
		}
		if x.Taken(b.Filepath, b.ID) {
			pending = nil
		}
	}
	for _, p := range pending {
		if err := l.r.store.AbortUpload(ctx, p.Key, p.UploadID); err != nil {
			return fmt.Errorf("abort its upload: %w", err)
		}
	}
	return l.deleteObject(ctx)
}

// taken reports whether another backup has this file path, settled ones too.
func (r *Registry) taken(ctx context.Context, filepath, exceptID string) (taken bool, err error) {
	err = r.Reading(ctx, func(v *View) error {
		for b, err := range v.Walk(ctx, nil) {
			if err != nil {
				return err
			}
			if taken = b.Filepath == filepath && b.ID != exceptID && b.Status != Failed; taken {
				break
			}
		}
		return nil
	})
	return taken, err
}

// deleteObject removes the backup's object, but never one that says it belongs to another backup. One that
// says nothing (it was brought back from elsewhere) goes with a backup that was successful, if no other has
// that name.
func (l *Lease) deleteObject(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	b := l.Backup()
	o, err := l.r.store.Head(ctx, b.Filepath)
	if storage.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", b.Filepath, err)
	}
	mine := o.Metadata[metadataBackupID] == b.ID
	if !mine && o.Metadata[metadataBackupID] == "" && b.Status == Success {
		taken, err := l.r.taken(ctx, b.Filepath, b.ID)
		if err != nil {
			return err
		}
		mine = !taken
	}
	if !mine {
		l.r.log.Warn("object left alone: it belongs to another backup", "backup_id", b.ID, "key", b.Filepath)
		return nil
	}
	if err := l.r.store.Delete(ctx, b.Filepath); err != nil {
		return fmt.Errorf("remove %s: %w", b.Filepath, err)
	}
	return nil
}
