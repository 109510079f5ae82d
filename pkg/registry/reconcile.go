package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

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

// Reconcile ends what dead processes left: every intent whose lease is over, or whose process was one of this machine and is
// gone, is taken over by compare-and-swap,
// so that one process works on it and a run that is still alive after all notices; then a tombstone is written
// to the manifest's key, create-only, the upload aborted, the object removed, and the index settled. A backup
// that was committed is completed instead. It may run at any time, by any number of processes.
func (r *Registry) Reconcile(ctx context.Context) (Report, error) {
	var rep Report
	ids, err := r.listIDs(ctx, IntentsPrefix, &rep)
	if err != nil {
		return rep, err
	}
	var asked time.Time
	now := func() (_ time.Time, err error) {
		if asked.IsZero() {
			asked, err = r.storeNow(ctx)
		}
		return asked, err
	}
	if err := r.reconcileRemovals(ctx, now, &rep); err != nil {
		return rep, err
	}
	for _, id := range ids {
		at, err := now()
		if err != nil {
			return rep, err
		}
		rep.note(id, r.reconcileOne(ctx, id, at, &rep))
		if ctx.Err() != nil {
			return rep, context.Cause(ctx)
		}
	}
	if err := r.reconcileOrphans(ctx, &rep); err != nil {
		return rep, err
	}
	if err := r.reconcilePins(ctx, now, &rep); err != nil {
		return rep, err
	}
	if err := r.mendSettings(ctx); err != nil {
		rep.problem("%v", err)
	}
	return rep, ctx.Err()
}

func (rep *Report) note(id string, err error) {
	if err != nil {
		rep.problem("backup %s: %v", id, err)
	}
}

// maxReported bounds the problems that a report names.
const maxReported = 1000

func (rep *Report) problem(format string, args ...any) {
	switch n := len(rep.Problems); {
	case n < maxReported:
		rep.Problems = append(rep.Problems, fault.Shorten(fmt.Sprintf(format, args...), fault.MaxText))
	case n == maxReported:
		rep.Problems = append(rep.Problems, "and more, which are not named")
	}
}

// listIDs gives the ids of <prefix><id>.json, ascending; other names are noted as problems.
func (r *Registry) listIDs(ctx context.Context, prefix string, rep *Report) ([]string, error) {
	var ids []string
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: prefix}) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		if id := idOf(o.Key, prefix); id == "" {
			rep.problem("%.200q is not an object of cofre; left alone", o.Key)
		} else if ids = append(ids, id); len(ids) > r.sizes.listed {
			return nil, r.errEndless(prefix)
		}
	}
	return ids, nil
}

// reconcileOne settles one intent; now is the service's time before the intent was read.
func (r *Registry) reconcileOne(ctx context.Context, id string, now time.Time, rep *Report) error {
	in, o, err := r.intent(ctx, id)
	if storage.IsNotFound(err) {
		return nil // ended meanwhile
	}
	if err != nil {
		return err
	}
	if in.Kind == kindRemove {
		return r.refuse(ctx, in, o, now)
	}
	if !in.expired(o.LastModified, now) && !in.abandoned() {
		if in.runs() {
			rep.Running = append(rep.Running, id)
		}
		return nil
	}
	cause := whyDead(in, o.LastModified)
	if in.Kind == kindCreate {
		in.Kind = kindEnd
	}
	in.LeaseMS = r.lease.Milliseconds()
	l, err := r.acquire(ctx, in, o.ETag)
	if lost(err) {
		return nil // it is alive after all, or another process has begun to end it
	}
	if err != nil {
		return err
	}
	if in.Kind == kindCopy {
		return l.finishCopy(ctx, rep)
	}
	return l.finishDead(ctx, cause, rep)
}

// whyDead is what the record of a dead run says.
func whyDead(in Intent, lastSign time.Time) error {
	if in.Runner == "" {
		return fault.New(fault.BackupCreation, fault.Timeout, "Create a new backup.", "the backup was queued but never started")
	}
	return fault.New(fault.BackupCreation, fault.RunLost, "Create a new backup, and find out why the process or machine stopped.",
		"the run ended without reporting an error (killed, or the machine went down); last seen %s", lastSign.UTC().Format("2006-01-02 15:04:05 MST"))
}

// finishDead ends a dead run whose intent was taken over.
func (l *Lease) finishDead(ctx context.Context, cause error, rep *Report) (err error) {
	defer func() {
		if err != nil {
			l.release(ctx)
		}
	}()
	if stands, err := l.r.standsAlone(ctx, l.id); stands || err != nil {
		if err == nil {
			l.r.log.Warn("intent of a finished backup removed", "backup_id", l.id)
			err = l.end(ctx)
		}
		return err
	}
	held, err := l.r.settle(ctx, failed(l.intent.Backup, cause), nil)
	if err != nil {
		return err
	}
	list := &rep.Failed
	if held.Status == Success {
		list = &rep.Completed
		if err := l.r.SetTags(ctx, held); err != nil {
			l.r.log.Warn("tags not set", "backup_id", l.id, "error", err.Error())
		}
	}
	if err := l.conclude(ctx, held); err != nil {
		return err
	}
	*list = append(*list, l.id)
	return nil
}

// standsAlone reports whether a backup is on record as successful and has no manifest: it was known by its tags alone. No run of it
// can be under way, so an intent says nothing about it, whoever wrote that; a failure on record would take the backup along.
func (r *Registry) standsAlone(ctx context.Context, id string) (bool, error) {
	b, err := r.find(ctx, id)
	if err != nil || b == nil || b.Status != Success {
		return false, err
	}
	_, err = r.store.Head(ctx, ManifestKey(id))
	if storage.IsNotFound(err) {
		return true, nil
	}
	return false, err
}

// reconcileOrphans looks for what has no intent: entries in progress (the registry or the bucket was changed by
// hand), progress records, notes of cancellation, and objects that a run completed after it had been given up.
func (r *Registry) reconcileOrphans(ctx context.Context, rep *Report) error {
	status, err := r.listIDs(ctx, StatusPrefix, rep)
	if err != nil {
		return err
	}
	canceled, err := r.listIDs(ctx, CancelPrefix, rep)
	if err != nil {
		return err
	}
	x, err := r.Load(ctx)
	if err != nil {
		return err
	}
	for i := range x.Backups {
		if b := &x.Backups[i]; b.Status == InProgress {
			rep.note(b.ID, r.adopt(ctx, *b, rep))
		}
	}
	for _, id := range status {
		if b := x.Find(id); b == nil || b.Status != InProgress {
			rep.note(id, r.store.Delete(ctx, StatusKey(id)))
		}
	}
	for _, id := range canceled {
		if b := x.Find(id); b == nil || b.Status != InProgress {
			rep.note(id, r.store.Delete(ctx, CancelKey(id)))
		}
	}
	if err := r.sweepBesides(ctx, x, rep); err != nil {
		return err
	}
	known := paths{}
	if err := r.mendPages(ctx, known); err != nil {
		return err
	}
	for _, settle := range []func(context.Context) error{r.restatePages, r.sweepPages} {
		if err := settle(ctx); err != nil {
			rep.problem("%v", err)
		}
	}
	return r.sweepLate(ctx, x, known, rep)
}

// adopt ends an entry in progress that has no intent.
func (r *Registry) adopt(ctx context.Context, b Backup, rep *Report) error {
	if _, err := r.store.Head(ctx, IntentKey(b.ID)); !storage.IsNotFound(err) {
		return err
	}
	l, err := r.acquire(ctx, Intent{Kind: kindEnd, Backup: b, Admitted: true, Runner: "unknown", LeaseMS: r.lease.Milliseconds()}, "")
	if err != nil {
		if lost(err) {
			return nil
		}
		return err
	}
	if removed, err := l.unlessRemoved(ctx); removed || err != nil {
		return err
	}
	// It may have ended since the index was read: the entry is settled before the intent goes.
	x, err := r.Load(ctx)
	if err != nil {
		l.release(ctx)
		return err
	}
	if cur := x.Find(b.ID); cur == nil || cur.Status != InProgress {
		return l.end(ctx)
	}
	return l.finishDead(ctx, fault.New(fault.BackupCreation, fault.RunLost, "Create a new backup.", "the record of the running backup was lost"), rep)
}

// maxStrange is how many objects without a record are looked at by one cleanup.
const maxStrange = 100_000

// sweepLate deletes objects whose backup is on record as failed: a run that slept while it was given up may
// have completed its upload afterwards, and died before it could remove it.
func (r *Registry) sweepLate(ctx context.Context, x *Index, known paths, rep *Report) error {
	for i := range x.Backups {
		known.note(&x.Backups[i])
	}
	var strange []string
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: FilesPrefix}) {
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		if !known.has(o.Key) && validFilepath(o.Key) {
			strange = append(strange, o.Key)
		}
		if len(strange) == maxStrange {
			break // the next cleanup goes on
		}
	}
	for _, key := range strange {
		if err := r.sweepFailed(ctx, key, rep); err != nil && !storage.IsNotFound(err) {
			rep.problem("%s: %v", key, err)
		}
	}
	return nil
}

// sweepFailed deletes an object if the manifest of the backup that it names says failed.
func (r *Registry) sweepFailed(ctx context.Context, key string, rep *Report) error {
	o, err := r.store.Head(ctx, key)
	if err != nil {
		return err
	}
	id := o.Metadata[metadataBackupID]
	if !ValidID(id) {
		return nil
	}
	m, err := r.manifest(ctx, id)
	if err != nil || m.Backup.Status != Failed || m.Backup.Filepath != key {
		return err
	}
	l, err := r.acquire(ctx, Intent{Kind: kindEnd, Backup: m.Backup, Admitted: true, Runner: "unknown", LeaseMS: r.lease.Milliseconds()}, "")
	if lost(err) {
		return nil
	}
	if err == nil {
		if removed, rerr := l.unlessRemoved(ctx); removed || rerr != nil {
			return rerr
		}
		err = l.conclude(ctx, m.Backup)
	}
	if err == nil && !slices.Contains(rep.Failed, id) {
		rep.Failed = append(rep.Failed, id)
	}
	return err
}
