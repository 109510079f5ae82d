package registry

import (
	"context"
	"errors"
	"fmt"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Manifest is manifests/<id>.json: the commit record of a backup, successful or failed. It is written once,
// create-only, and never changed.
type Manifest struct {
	Version int     `json:"version"`
	Backup  Backup  `json:"backup"`
	Layout  *Layout `json:"layout,omitempty"` // of an archive in pg_dump's custom format
}

// Commit makes the backup exist: the manifest, create-only, then the index, then the intent's end. When the
// lease is lost, or the manifest's key is taken by somebody's record of this backup's failure, the run has
// lost: reason precondition_failed, and the object is garbage, for Fail to remove. After the manifest is
// written an error is not a failure of the backup: [ErrCommitted] wraps it, and Reconcile completes the rest.
func (l *Lease) Commit(ctx context.Context, b Backup) error {
	b.Status, b.Error = Success, nil
	if own := l.Backup(); b.ID != own.ID || b.Filepath != own.Filepath || b.Filename != own.Filename {
		return fault.New(fault.Internal, "", "Report this.", "refusing to commit %s (%s) with the lease of %s (%s)", b.ID, b.Filepath, own.ID, own.Filepath)
	}
	// The manifest decides; but a run that was given up long ago need not get that far, and may not once even
	// the record of its failure has been removed.
	if err := l.Renew(ctx); err != nil {
		return err
	}
	held, err := l.r.settle(ctx, b, l.layout)
	if err != nil {
		return err
	}
	if held.Status != Success {
		return fault.New(fault.BackupCreation, fault.Precondition, "Create a new backup.",
			"backup %s was marked failed by another process while this one was silent", b.ID)
	}
	if err := l.conclude(ctx, held); err != nil {
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

// IsCommitted tells whether err says that the backup is safe although something after its commit failed.
func IsCommitted(err error) bool {
	var c *ErrCommitted
	return errors.As(err, &c)
}

// Fail records that the backup failed, and then removes what it left: its upload and its object. When the
// backup turns out to be committed (an answer was lost), that record stands, is returned, and nothing is removed.
// It works after the lease was lost too.
func (l *Lease) Fail(ctx context.Context, b Backup, cause error) (Backup, error) {
	own := l.Backup()
	b.ID, b.Filename, b.Filepath = own.ID, own.Filename, own.Filepath
	l.r.keepLog(ctx, b.ID, l.log, cause)
	dead := failed(b, cause) // what is returned where nothing can be recorded must not look like a success that was never committed
	held, err := l.r.settle(ctx, dead, nil)
	if err != nil {
		return dead, fmt.Errorf("record the failure of %s: %w", b.ID, err)
	}
	if held.Status == Success {
		if err := l.Renew(ctx); lost(err) {
			return held, nil // whoever has it now completes the records
		}
	} else if err := l.regain(ctx); err != nil {
		return held, fmt.Errorf("remove what the failed backup %s left: %w", b.ID, err)
	}
	err = l.conclude(ctx, held)
	if err != nil {
		l.release(ctx)
	}
	return held, err
}

// failed gives the record of a backup's failure: nothing in it speaks of stored bytes.
func failed(b Backup, cause error) Backup {
	b.Status, b.Error, b.Stored = Failed, ErrorOf(cause), nil
	b.Size, b.Checksum, b.UncompressedSize, b.Contents, b.Globals = 0, "", 0, nil, nil
	b.setVerifications(nil)
	b.complete()
	return b
}

// settle writes the manifest, create-only, and gives the record that holds from now on: ours, or the one
// that was there first.
func (r *Registry) settle(ctx context.Context, b Backup, layout *Layout) (Backup, error) {
	b = b.bounded()
	if err := checkRecord(&b); err != nil {
		return b, fault.Wrap(err, fault.Internal, "", "Report this.", "refusing to write a bad manifest")
	}
	data, err := encode(Manifest{Version: recordVersion, Backup: b, Layout: layout})
	if err != nil {
		return b, err
	}
	if err := r.signManifest(ctx, b, data); err != nil {
		return b, err
	}
	_, err = r.put(ctx, ManifestKey(b.ID), data, storage.Condition{IfAbsent: true})
	if err == nil {
		return b, nil
	}
	m, there := r.manifest(ctx, b.ID)
	if there == nil {
		return m.Backup, nil
	}
	if storage.IsPrecondition(err) {
		err = there
	}
	return b, fmt.Errorf("write the manifest of %s: %w", b.ID, err)
}

func (r *Registry) manifest(ctx context.Context, id string) (Manifest, error) {
	m, _, err := r.manifestObject(ctx, id)
	return m, err
}

// manifestObject is manifest, with what the storage says of it.
func (r *Registry) manifestObject(ctx context.Context, id string) (Manifest, storage.Object, error) {
	data, o, err := r.get(ctx, ManifestKey(id))
	if err != nil {
		return Manifest{}, o, err
	}
	m, err := parseManifest(id, data)
	return m, o, err
}

func parseManifest(id string, data []byte) (Manifest, error) {
	var m Manifest
	if v := readHead(data, true).Version; v > recordVersion {
		return m, newerVersion(ManifestKey(id), v, recordVersion)
	}
	if err := decode(ManifestKey(id), data, &m); err != nil {
		return m, err
	}
	if err := checkRecord(&m.Backup); err != nil || m.Backup.ID != id || m.Backup.Status == InProgress || m.Version != recordVersion {
		return m, damagedRecord(err, ManifestKey(id))
	}
	if err := m.Backup.fit(len(data)); err != nil {
		return m, damagedRecord(err, ManifestKey(id))
	}
	return m, nil
}

// conclude is what follows the manifest: the leftovers of a failure, the index, the progress, the intent.
func (l *Lease) conclude(ctx context.Context, held Backup) error {
	if held.Status == Failed {
		if err := l.sweep(ctx); err != nil {
			return fmt.Errorf("remove what the failed backup %s left: %w", l.id, err)
		}
	}
	if err := l.record(ctx, held); err != nil {
		return err
	}
	return l.end(ctx)
}

// record puts the outcome into the index: once, because from then on the entry may have been validated or
// removed by others, and a process that slept meanwhile must not undo that.
func (l *Lease) record(ctx context.Context, b Backup) error {
	absent := false
	err := l.r.update(ctx, []string{b.ID}, func(x *Index) error {
		cur := x.Find(b.ID)
		absent = cur == nil
		if absent || cur.Status != InProgress {
			return errUnchanged
		}
		x.Upsert(b)
		return nil
	})
	if err != nil || !absent {
		return err
	}
	// Never admitted, or removed meanwhile: then the intent is somebody else's, or gone.
	if err := l.Renew(ctx); err != nil {
		if lost(err) {
			return nil
		}
		return err
	}
	return l.r.update(ctx, []string{b.ID}, func(x *Index) error {
		x.Upsert(b)
		return nil
	})
}
