package registry

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// A copy is a backup that lies in a second location too: the same object, and the same records to the byte, so that a signature of the first
// place counts in the second, and the second is a whole place that needs no other. The lease of the copying lies among the second location's
// intents. Nothing there speaks of a copy before its manifest is written, and a copy that failed leaves no record: it is made again.

// Original is what belongs to a backup besides its object, as it is stored.
type Original struct {
	Backup    Backup
	manifest  []byte
	signature []byte // nil where it is not signed
	contents  []byte // nil where they are not known
	globals   []byte // nil where none were kept
}

// Original reads what belongs to a good backup. Where signatures count, one that is not signed by a trusted key is refused: a second location
// would be as bad as the first.
func (r *Registry) Original(ctx context.Context, id string) (o Original, err error) {
	b, err := r.find(ctx, id)
	if err != nil {
		return o, err
	}
	if b == nil {
		return o, notFound(id)
	}
	if b.Status != Success || b.Damaged() {
		return o, fault.New(fault.Validation, fault.InvalidInput, "Copy a good one.", "backup %s is no good backup, and is not copied", id)
	}
	if r.Checks() {
		if _, err := r.Signed(ctx, id); err != nil {
			return o, err
		}
	}
	if o.manifest, _, err = r.get(ctx, ManifestKey(id)); err != nil {
		if storage.IsNotFound(err) {
			err = fault.New(fault.Validation, fault.ObjectMissing, "Make a new backup: that one can be copied.", "backup %s has no manifest, only tags", id)
		}
		return o, err
	}
	m, err := parseManifest(id, o.manifest)
	if err != nil {
		return o, err
	}
	if o.Backup = m.Backup; o.Backup.Status != Success {
		return o, fault.New(fault.Validation, fault.StructureDamaged, "Look who could write there.", "the manifest of backup %s says that it %s", id, o.Backup.Status)
	}
	if o.signature, _, err = r.get(ctx, SignatureKey(id)); storage.IsNotFound(err) {
		o.signature, err = nil, nil
	}
	if err != nil {
		return o, err
	}
	if c := o.Backup.Contents; c != nil && c.SHA256 != "" {
		if o.contents, err = r.GetContents(ctx, o.Backup); err != nil && !fault.HasReason(err, fault.ContentsMissing) {
			return o, err
		}
	}
	if g := o.Backup.Globals; g != nil && g.SHA256 != "" {
		if o.globals, err = r.GetGlobals(ctx, o.Backup); err != nil && !fault.HasReason(err, fault.ObjectMissing) {
			return o, err
		}
	}
	return o, nil
}

// Metadata is the user metadata of the object.
func (o *Original) Metadata() map[string]string { return ObjectMetadata(o.Backup.ID) }

// Copied reports whether a backup lies in this place, as it does in another one: with its record and its object. What is under its id and is
// something else is a fault: already_exists, or size_mismatch and checksum_mismatch of a copy that is not as it was made.
func (r *Registry) Copied(ctx context.Context, o *Original) (bool, error) {
	if there, err := r.recorded(ctx, o); err != nil || !there {
		return false, err
	}
	spoilt := func(reason fault.Reason, what string) error {
		return fault.New(fault.Validation, reason, "Validate it there. Remove it there when it is damaged, and copy it again.", "the copy of backup %s in %s is not as it was made: %s", o.Backup.ID, r.store.Describe(), what)
	}
	switch obj, err := r.store.Head(ctx, o.Backup.Filepath); {
	case storage.IsNotFound(err): // its file is gone: it is sent again
		return false, nil
	case err != nil:
		return false, err
	case obj.Size != o.Backup.Size:
		return false, spoilt(fault.SizeMismatch, fmt.Sprintf("it has %d bytes, the record says %d", obj.Size, o.Backup.Size))
	}
	if b, err := r.find(ctx, o.Backup.ID); err != nil {
		return false, err
	} else if b != nil && b.Damaged() {
		return false, spoilt(fault.ChecksumMismatch, "a validation found it damaged")
	}
	return true, nil
}

// recorded reports whether the record of a backup lies in this place, as it does in another one.
func (r *Registry) recorded(ctx context.Context, o *Original) (bool, error) {
	data, _, err := r.get(ctx, ManifestKey(o.Backup.ID))
	switch {
	case storage.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case !bytes.Equal(data, o.manifest):
		return false, fault.New(fault.Validation, fault.AlreadyExists, "Find out who wrote there. Nothing was changed.", "%s has another backup %s", r.store.Describe(), o.Backup.ID)
	}
	return true, nil
}

// Copy is a good backup as this place has it.
type Copy struct {
	SHA256 string    // of its record
	At     time.Time // when its manifest was written here, by the storage's clock
}

// Has returns the good backup with this id whose manifest and file lie in this place, and nil where there is none.
func (r *Registry) Has(ctx context.Context, id string) (*Copy, error) {
	data, obj, err := r.get(ctx, ManifestKey(id))
	if storage.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(id, data)
	if err != nil || m.Backup.Status != Success {
		return nil, err
	}
	if file, err := r.store.Head(ctx, m.Backup.Filepath); storage.IsNotFound(err) || err == nil && file.Size != m.Backup.Size {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return &Copy{m.Backup.Checksum, obj.LastModified.UTC().Truncate(time.Second)}, nil
}

// Copying reports whether somebody copies a backup to this place right now.
func (r *Registry) Copying(ctx context.Context, id string) (bool, error) {
	in, obj, err := r.intent(ctx, id)
	if storage.IsNotFound(err) {
		return false, nil
	}
	if err != nil || in.Kind != kindCopy || in.abandoned() {
		return false, err
	}
	now, err := r.storeNow(ctx)
	return err == nil && !in.expired(obj.LastModified, now), err
}

// BeginCopy takes the lease of copying a backup to this place. there is true where it is copied already; then there is no lease. While
// another process copies it the reason is busy. What a process left that died is removed first.
func (r *Registry) BeginCopy(ctx context.Context, o *Original, runner string) (l *Lease, there bool, err error) {
	id := o.Backup.ID
	if there, err = r.Copied(ctx, o); err != nil {
		return nil, false, err
	}
	if there {
		return nil, true, r.recordCopy(ctx, o.Backup)
	}
	if gone, err := r.isRemoved(ctx, id); err != nil || gone {
		if err == nil {
			err = errWorkedOn()
		}
		return nil, false, err
	}
	if taken, err := r.taken(ctx, o.Backup.Filepath, id); err != nil || taken {
		if err == nil {
			err = fault.New(fault.Validation, fault.AlreadyExists, "Give the second location a directory of its own.", "%s has another backup under the name %s", r.store.Describe(), o.Backup.Filepath)
		}
		return nil, false, err
	}
	// Without an index the first manifest would look like one whose index was lost.
	if _, err := r.store.Head(ctx, IndexKey); storage.IsNotFound(err) {
		if err := r.Update(ctx, func(*Index) error { return nil }); err != nil {
			return nil, false, err
		}
	}
	in := Intent{Kind: kindCopy, Backup: o.Backup, Runner: runner, Process: self(), LeaseMS: r.lease.Milliseconds()}
	l, err = r.acquire(ctx, in, "")
	if lost(err) {
		l, err = r.overtakeCopy(ctx, in)
	}
	if err != nil {
		return nil, false, err
	}
	// Somebody may have come to its end since the first look.
	if there, err = r.Copied(ctx, o); err != nil || there {
		return nil, there, r.closeCopy(ctx, l, err)
	}
	return l, false, nil
}

// overtakeCopy takes the lease of one that died.
func (r *Registry) overtakeCopy(ctx context.Context, in Intent) (*Lease, error) {
	id := in.Backup.ID
	busy := fault.New(fault.Validation, fault.Busy, "Wait for it to end.", "backup %s is being copied to %s by another process", id, r.store.Describe())
	cur, obj, err := r.intent(ctx, id)
	switch {
	case storage.IsNotFound(err): // it has just ended
		return nil, busy
	case err != nil:
		return nil, err
	case cur.Kind != kindCopy:
		return nil, errWorkedOn()
	}
	if !cur.abandoned() {
		now, err := r.storeNow(ctx)
		if err != nil {
			return nil, err
		}
		if !cur.expired(obj.LastModified, now) {
			return nil, busy
		}
	}
	in.UploadID = cur.UploadID
	l, err := r.acquire(ctx, in, obj.ETag)
	if lost(err) {
		return nil, busy
	}
	if err != nil {
		return nil, err
	}
	if err := l.abortUploads(ctx); err != nil {
		l.release(ctx)
		return nil, err
	}
	return l, nil
}

// abortUploads ends what was begun to be sent and not completed.
func (l *Lease) abortUploads(ctx context.Context) error {
	l.mu.Lock()
	id, path := l.intent.UploadID, l.intent.Backup.Filepath
	l.mu.Unlock()
	if id == "" {
		return nil
	}
	if err := l.r.store.AbortUpload(ctx, path, id); err != nil {
		return fmt.Errorf("abort the upload of a copy: %w", err)
	}
	return nil
}

// CommitCopy makes the copy exist, whose object is stored: what lies beside it, its signature, its manifest, create-only, then the index.
func (l *Lease) CommitCopy(ctx context.Context, o *Original) error {
	b, r := o.Backup, l.r
	if err := l.Renew(ctx); err != nil {
		return err
	}
	if o.contents != nil {
		if _, err := l.putBeside(ctx, contentsBeside, o.contents); err != nil {
			return fmt.Errorf("copy the contents of %s: %w", b.ID, err)
		}
	}
	if o.globals != nil {
		if _, err := l.putBeside(ctx, globalsBeside, o.globals); err != nil {
			return fmt.Errorf("copy the globals of %s: %w", b.ID, err)
		}
	}
	if o.signature != nil {
		if _, err := r.store.Put(ctx, SignatureKey(b.ID), o.signature, storage.PutOptions{ContentType: "text/plain"}); err != nil {
			return fmt.Errorf("copy the signature of %s: %w", b.ID, err)
		}
	}
	if _, err := r.put(ctx, ManifestKey(b.ID), o.manifest, storage.Condition{IfAbsent: true}); err != nil {
		if there, cerr := r.recorded(ctx, o); cerr != nil || !there {
			return fmt.Errorf("copy the manifest of %s: %w", b.ID, err)
		}
	}
	if err := r.recordCopy(ctx, b); err != nil {
		return &ErrCommitted{Err: err}
	}
	if err := r.SetTags(ctx, b); err != nil && !fault.HasReason(err, storage.Unsupported) {
		r.log.Warn("tags not set", "backup_id", b.ID, "error", err.Error())
	}
	return r.closeCopy(ctx, l, nil)
}

// recordCopy puts a copy into the index, where it is not there yet.
func (r *Registry) recordCopy(ctx context.Context, b Backup) error {
	return r.update(ctx, []string{b.ID}, func(x *Index) error {
		if x.Find(b.ID) != nil {
			return errUnchanged
		}
		x.Upsert(b)
		return nil
	})
}

// AbandonCopy ends the copying without a copy: what was begun to be sent is aborted.
func (l *Lease) AbandonCopy(ctx context.Context) error {
	if err := l.abortUploads(ctx); err != nil {
		l.release(ctx)
		return err
	}
	return l.r.closeCopy(ctx, l, nil)
}

// closeCopy ends a lease. Where nothing may be deleted its intent stays, and says that nobody holds it.
func (r *Registry) closeCopy(ctx context.Context, l *Lease, cause error) error {
	err := l.end(ctx)
	if fault.HasCode(err, fault.Permission) {
		l.release(ctx)
		err = nil
	}
	if cause != nil {
		return cause
	}
	return err
}

// finishCopy ends the lease of a copying whose process died: the copy is there, or is made again some day.
func (l *Lease) finishCopy(ctx context.Context, rep *Report) error {
	m, err := l.r.manifest(ctx, l.id)
	switch {
	case err == nil && m.Backup.Status == Success:
		if err = l.r.recordCopy(ctx, m.Backup); err == nil {
			rep.Completed = append(rep.Completed, l.id)
			err = l.end(ctx)
		}
	case err == nil: // somebody's record of a failure: nothing was copied over it
		err = l.end(ctx)
	case storage.IsNotFound(err):
		if err = l.Sweep(ctx); err == nil {
			err = l.end(ctx)
		}
	}
	if err != nil {
		l.release(ctx)
	}
	return err
}
