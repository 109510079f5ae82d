package registry

import (
	"context"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Manifest is manifests/<id>.json: the commit record of a backup, successful or failed. It is written once,
// create-only, and never changed.
type Manifest struct {
	Version int    `json:"version"`
	Backup  Backup `json:"backup"`
}

// Commit makes the backup exist: the manifest, create-only, then the index, then the intent's end. When the
// manifest's key is taken by somebody's record of this backup's failure, the run has lost: reason
// precondition_failed, and the object is garbage, for the caller to remove. After the manifest is written an
// error is not a failure of the backup: [ErrCommitted] wraps it, and Reconcile completes the rest.
func (l *Lease) Commit(ctx context.Context, b Backup) error {
	b.Status, b.Error = Success, nil
	held, err := l.r.settle(ctx, b)
	if err != nil {
		return err
	}
	if held.Status != Success {
		return fault.New(fault.BackupCreation, fault.Precondition, "Start a new backup.",
			"backup %s was marked failed by another process while this one was silent", b.ID)
	}
	if err := l.r.finish(ctx, held); err != nil {
		return &ErrCommitted{Err: err}
	}
	return nil
}

// ErrCommitted says that the backup is committed although tidying up after it failed.
type ErrCommitted struct{ Err error }

func (e *ErrCommitted) Error() string {
	return "the backup is safe, but recording it: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *ErrCommitted) Unwrap() error { return e.Err }

// Fail records that the backup failed. The caller has aborted the upload and removed the object. When the
// backup turns out to be committed (an answer was lost), that record stands and is returned.
func (l *Lease) Fail(ctx context.Context, b Backup, cause error) (Backup, error) {
	return l.r.fail(ctx, b, cause)
}

func (r *Registry) fail(ctx context.Context, b Backup, cause error) (Backup, error) {
	b.Status, b.Error, b.Stored = Failed, ErrorOf(cause), nil
	b.Size, b.Checksum, b.Verification, b.UncompressedSize = 0, "", nil, 0
	held, err := r.settle(ctx, b)
	if err != nil {
		return b, fmt.Errorf("record the failure of %s: %w", b.ID, err)
	}
	return held, r.finish(ctx, held)
}

// settle writes the manifest, create-only, and gives the record that holds from now on: ours, or the one
// that was there first.
func (r *Registry) settle(ctx context.Context, b Backup) (Backup, error) {
	err := r.putJSON(ctx, ManifestKey(b.ID), Manifest{Version: IndexVersion, Backup: b}, storage.Condition{IfAbsent: true})
	if err == nil {
		return b, nil
	}
	if !storage.IsPrecondition(err) {
		return b, fmt.Errorf("write the manifest of %s: %w", b.ID, err)
	}
	m, err := r.manifest(ctx, b.ID)
	return m.Backup, err
}

func (r *Registry) manifest(ctx context.Context, id string) (Manifest, error) {
	var m Manifest
	if _, err := r.getJSON(ctx, ManifestKey(id), &m); err != nil {
		return m, err
	}
	if m.Version > IndexVersion {
		return m, newerVersion(ManifestKey(id), m.Version)
	}
	if err := checkRecord(&m.Backup); err != nil || m.Backup.ID != id {
		return m, fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Look at that object; nothing was changed.", "%s is not a manifest of cofre", ManifestKey(id))
	}
	return m, nil
}

// finish is what follows the manifest: the index, the progress record, the intent.
func (r *Registry) finish(ctx context.Context, b Backup) error {
	if err := r.upsert(ctx, b); err != nil {
		return err
	}
	return r.endIntent(ctx, b.ID)
}

func (r *Registry) endIntent(ctx context.Context, id string) error {
	if err := r.store.Delete(ctx, StatusKey(id)); err != nil {
		return fmt.Errorf("remove the progress of %s: %w", id, err)
	}
	if err := r.store.Delete(ctx, IntentKey(id)); err != nil {
		return fmt.Errorf("remove the intent of %s: %w", id, err)
	}
	return nil
}

// Remove deletes a backup and its records: an intent first, so that an interrupted removal is finished by
// Reconcile, then the object, the manifest and the verification, then the index entry. A running backup is
// refused (busy), an unknown one too (not_found).
func (r *Registry) Remove(ctx context.Context, id string) (Backup, error) {
	x, err := r.Load(ctx)
	if err != nil {
		return Backup{}, err
	}
	b := x.Find(id)
	if b == nil {
		return Backup{}, notFound(id)
	}
	if b.Status == InProgress {
		return *b, fault.New(fault.Validation, fault.Busy, "Wait for it to end, or stop it first; cofre cleanup ends one whose process died.", "backup %s is still being made", id)
	}
	in := Intent{Version: IndexVersion, Kind: kindRemove, Backup: *b, LeaseUntil: r.now().Add(r.lease).UTC()}
	if err := r.putJSON(ctx, IntentKey(id), in, storage.Condition{IfAbsent: true}); err != nil && !storage.IsPrecondition(err) {
		return *b, fmt.Errorf("remove backup %s: %w", id, err)
	}
	return *b, r.remove(ctx, *b)
}

// remove is idempotent: Reconcile calls it again after a crash in the middle.
func (r *Registry) remove(ctx context.Context, b Backup) error {
	if err := r.deleteObject(ctx, b); err != nil {
		return err
	}
	for _, key := range []string{VerificationKey(b.ID), ManifestKey(b.ID)} {
		if err := r.store.Delete(ctx, key); err != nil {
			return fmt.Errorf("remove %s: %w", key, err)
		}
	}
	err := r.Update(ctx, func(x *Index) error {
		if !x.Remove(b.ID) {
			return errUnchanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.endIntent(ctx, b.ID)
}

// deleteObject removes a backup's object, but never one that says it belongs to another backup.
func (r *Registry) deleteObject(ctx context.Context, b Backup) error {
	o, err := r.store.Head(ctx, b.Filepath)
	if storage.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", b.Filepath, err)
	}
	if owner := o.Metadata[metadataBackupID]; owner != b.ID && (owner != "" || b.Status != Success) {
		r.log.Warn("object left alone: it belongs to another backup", "backup_id", b.ID, "key", b.Filepath)
		return nil
	}
	if err := r.store.Delete(ctx, b.Filepath); err != nil {
		return fmt.Errorf("remove %s: %w", b.Filepath, err)
	}
	return nil
}

// MarkCleanup notes when retention was last applied.
func (r *Registry) MarkCleanup(ctx context.Context, at time.Time) error {
	at = at.UTC()
	return r.Update(ctx, func(x *Index) error {
		x.LastCleanup = &at
		return nil
	})
}
