package registry

import (
	"context"
	"errors"
	"fmt"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Report says what Reconcile found and did. The lists hold backup ids.
type Report struct {
	Running   []string `json:"running,omitempty"`   // alive: left alone
	Completed []string `json:"completed,omitempty"` // committed, tidied up after a crash
	Failed    []string `json:"failed,omitempty"`    // given up for dead, marked failed, leftovers removed
	Removed   []string `json:"removed,omitempty"`   // a removal was finished
	Problems  []string `json:"problems,omitempty"`  // could not be settled now; the next call tries again
}

// Reconcile ends what dead processes left: for every intent whose lease is over it writes a tombstone to the
// manifest's key, create-only, which fences a run that is still alive after all; then aborts the upload,
// removes the object, and settles the index. A backup that was committed is completed instead. It may run at
// any time, by any number of processes.
func (r *Registry) Reconcile(ctx context.Context) (Report, error) {
	var rep Report
	ids := map[string]bool{}
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: IntentsPrefix}) {
		if err != nil {
			return rep, fmt.Errorf("list intents: %w", err)
		}
		id := idOf(o.Key, IntentsPrefix)
		if id == "" {
			rep.Problems = append(rep.Problems, o.Key+" is not an intent of cofre; left alone")
			continue
		}
		ids[id] = true
	}
	for id := range ids {
		if err := r.reconcileOne(ctx, id, &rep); err != nil {
			if ctx.Err() != nil {
				return rep, context.Cause(ctx)
			}
			rep.Problems = append(rep.Problems, fmt.Sprintf("backup %s: %v", id, err))
		}
	}
	return rep, r.reconcileOrphans(ctx, &rep)
}

// reconcileOne settles one intent.
func (r *Registry) reconcileOne(ctx context.Context, id string, rep *Report) error {
	in, _, err := r.intent(ctx, id)
	if storage.IsNotFound(err) {
		return nil // ended meanwhile
	}
	if err != nil {
		return err
	}
	if r.now().Before(in.LeaseUntil) {
		rep.Running = append(rep.Running, id)
		return nil
	}
	if in.Kind == kindRemove {
		if err := r.remove(ctx, in.Backup); err != nil {
			return err
		}
		rep.Removed = append(rep.Removed, id)
		return nil
	}
	held, err := r.settleDead(ctx, in)
	if err != nil {
		return err
	}
	if held.Status == Success {
		if err := r.setTags(ctx, held); err != nil {
			r.log.Warn("tags not set", "backup_id", id, "error", err.Error())
		}
		rep.Completed = append(rep.Completed, id)
	} else {
		if err := r.sweep(ctx, in); err != nil {
			return err
		}
		rep.Failed = append(rep.Failed, id)
	}
	return r.finish(ctx, held)
}

// settleDead writes the tombstone of a run that gives no sign of life, or finds its manifest.
func (r *Registry) settleDead(ctx context.Context, in Intent) (Backup, error) {
	b := in.Backup
	cause := fault.New(fault.BackupCreation, fault.ConnectionLost, "Start a new backup; look why the machine or the process went away.",
		"the run stopped without a word (killed, or the machine went down); no sign of life since %s", in.LeaseUntil.Format("2006-01-02 15:04:05 MST"))
	if in.Runner == "" {
		cause = fault.New(fault.BackupCreation, fault.Timeout, "Start a new backup.", "the backup was reserved but nobody started it")
	}
	b.Status, b.Error = Failed, ErrorOf(cause)
	b.Size, b.Checksum, b.Verification, b.Stored = 0, "", nil, nil
	return r.settle(ctx, b)
}

// sweep removes what a dead run left in the bucket: its upload, by recorded id and by key, and its object.
func (r *Registry) sweep(ctx context.Context, in Intent) error {
	if in.UploadID != "" {
		if err := r.store.AbortUpload(ctx, in.Backup.Filepath, in.UploadID); err != nil {
			return fmt.Errorf("abort its upload: %w", err)
		}
	}
	pending, err := r.store.PendingUploads(ctx, in.Backup.Filepath)
	if err != nil {
		return fmt.Errorf("list its uploads: %w", err)
	}
	for _, p := range pending {
		if err := r.store.AbortUpload(ctx, p.Key, p.UploadID); err != nil {
			return fmt.Errorf("abort its upload: %w", err)
		}
	}
	b := in.Backup
	b.Status = Failed
	return r.deleteObject(ctx, b)
}

// reconcileOrphans looks at index entries in progress that have no intent any more: the process died
// between removing the intent and nothing (never), or the registry was edited by hand. Their manifest decides.
func (r *Registry) reconcileOrphans(ctx context.Context, rep *Report) error {
	x, err := r.Load(ctx)
	if err != nil {
		return err
	}
	for _, b := range x.Backups {
		if b.Status != InProgress {
			continue
		}
		if _, _, err := r.intent(ctx, b.ID); !storage.IsNotFound(err) {
			continue
		}
		m, err := r.manifest(ctx, b.ID)
		if storage.IsNotFound(err) {
			m.Backup, err = r.settleDead(ctx, Intent{Backup: b, LeaseUntil: b.CreatedAt, Runner: "unknown"})
		}
		if err == nil {
			err = r.upsert(ctx, m.Backup)
		}
		if err != nil {
			rep.Problems = append(rep.Problems, fmt.Sprintf("backup %s: %v", b.ID, err))
			continue
		}
		if m.Backup.Status == Success {
			rep.Completed = append(rep.Completed, b.ID)
		} else {
			rep.Failed = append(rep.Failed, b.ID)
		}
	}
	return nil
}

// IsCommitted tells whether err says that the backup is safe although something after its commit failed.
func IsCommitted(err error) bool {
	var c *ErrCommitted
	return errors.As(err, &c)
}
