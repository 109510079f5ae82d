package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// RestoreLease is the right of one holder to work on one restore. It is safe for use by several goroutines.
type RestoreLease struct {
	*holder[Restore, *Restore]
	canceled atomic.Bool // a note was seen
}

func (x *Restore) key() string { return RestoreKey(x.ID) }

func (x *Restore) writing() {
	*x = x.bounded()
	x.Beat++
}

func (x *Restore) tokenIn(stored []byte) string {
	cur, err := parseRestore(x.ID, stored)
	if err != nil {
		return ""
	}
	return cur.Token
}

// ReserveRestore begins a restore: its record is written, create-only. Whoever runs it must claim it within launchWithin.
func (r *Registry) ReserveRestore(ctx context.Context, x Restore, launchWithin time.Duration) (Restore, error) {
	x.State, x.LeaseMS, x.CreatedAt = RestoreReserved, launchWithin.Milliseconds(), x.CreatedAt.UTC().Truncate(time.Millisecond)
	l := r.holdRestore(x, "")
	if err := l.rec.check(); err != nil {
		return x, fault.Wrap(err, fault.Internal, "", "Report this.", "refusing to reserve a restore with a bad record")
	}
	err := l.Update(ctx, func(*Restore) {})
	if lost(err) {
		return x, fault.Wrap(err, fault.Validation, fault.AlreadyExists, "Nothing to do: it was asked for already.", "restore %s was reserved already", x.ID)
	}
	return l.Restore(), err
}

// ClaimRestore takes the lease of a reserved restore for the run named runner, which begins at this time. A second delivery of the
// same event gets reason busy while the first still runs, and already_exists when it has ended; one that comes too late gets timeout,
// and the restore is marked failed.
func (r *Registry) ClaimRestore(ctx context.Context, id, runner string, at time.Time) (*RestoreLease, error) {
	x, o, err := r.restore(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case !x.Live():
		return nil, restoreHasEnded(id)
	case x.Runner != "":
		return nil, fault.New(fault.Validation, fault.Busy, "Follow it by its status.", "restore %s is in use by another process", id)
	}
	now, err := r.storeNow(ctx)
	if err != nil {
		return nil, err
	}
	late := x.expired(o.LastModified, now)
	x.Runner, x.Process, x.LeaseMS = runner, self(), r.lease.Milliseconds()
	x.State, x.Phase, x.StartedAt = RestoreRunning, RestoreChecking, at.UTC().Truncate(time.Millisecond)
	l := r.holdRestore(x, o.ETag)
	err = l.Update(ctx, func(x *Restore) {
		if late {
			x.end(RestoreFailed, at, restoreNotBegun(id))
		}
	})
	switch {
	case lost(err):
		return nil, fault.Wrap(err, fault.Validation, fault.Busy, "Follow it by its status.", "restore %s is in use by another process", id)
	case err != nil:
		return nil, err
	case late:
		return nil, restoreNotBegun(id)
	}
	return l, nil
}

// holdRestore is a new holder of a record, which it has not written yet: one that has this ETag, or none.
func (r *Registry) holdRestore(x Restore, etag string) *RestoreLease {
	x.Version, x.Token = recordVersion, rand.Text()
	return &RestoreLease{holder: newHolder[Restore, *Restore](r, x, x.Token, etag)}
}

// Restore gives the record as it was last written.
func (l *RestoreLease) Restore() Restore { return l.record() }

// Update changes the record, and so extends the lease, by compare-and-swap. Reason precondition_failed means that it was lost: the run
// must stop.
func (l *RestoreLease) Update(ctx context.Context, change func(*Restore)) error {
	was, x, err := l.write(ctx, change)
	switch {
	case err == nil:
	case taken(err):
		return fault.Wrap(err, fault.BackupCreation, fault.Precondition, "Look at its record.", "restore %s was given up for dead by another process and must stop", x.ID)
	default:
		return fmt.Errorf("renew the lease of restore %s: %w", x.ID, err)
	}
	if ended := l.r.restoreEnded; ended != nil && !x.Live() && x.State != was.State {
		ended(ctx, x, was.State)
	}
	return nil
}

// reclaim takes a record back that says that this run died, for its end: nobody goes on with a restore, so that the run knows better. It
// reports false where the record says anything else.
func (l *RestoreLease) reclaim(ctx context.Context) bool {
	ours := l.Restore()
	x, o, err := l.r.restore(ctx, ours.ID)
	if err != nil || !x.givenUp() || x.Runner != ours.Runner {
		return false
	}
	x.HalfFilled = false
	x.Version, x.Token = recordVersion, rand.Text()
	l.again(x, x.Token, o.ETag)
	return true
}

// Canceled gives the wish that this run stops, nil when there is none.
func (l *RestoreLease) Canceled(ctx context.Context) (*Cancellation, error) {
	id := l.Restore().ID
	c, err := l.r.cancellation(ctx, restoreCancelKey(id))
	if err != nil {
		return nil, fmt.Errorf("look whether restore %s was canceled: %w", id, err)
	}
	if c != nil {
		l.canceled.Store(true)
	}
	return c, nil
}

// End records how the restore ended, and gives the record that holds: another's, when the lease was lost. A run that was given up for dead
// and came to its end all the same corrects that, unless it was stopped for it. change adds what was restored.
func (l *RestoreLease) End(ctx context.Context, state RestoreState, at time.Time, cause error, change func(*Restore)) (Restore, error) {
	end := func(x *Restore) {
		x.end(state, at, cause)
		if change != nil {
			change(x)
		}
	}
	err := l.Update(ctx, end)
	if lost(err) && l.Restore().Runner != "" && !lost(cause) && l.reclaim(ctx) {
		err = l.Update(ctx, end)
	}
	x := l.Restore()
	if err != nil {
		if held, _, herr := l.r.restore(ctx, x.ID); herr == nil {
			return held, err
		}
		return x, err
	}
	if l.canceled.Load() {
		if err := l.r.store.Delete(ctx, restoreCancelKey(x.ID)); err != nil {
			l.r.log.Warn("the note of a cancellation was left behind; the next cleanup removes it", "restore_id", x.ID, "error", err.Error())
		}
	}
	return x, nil
}

// CancelRestore asks for the end of a restore, on behalf of by. One that waits is ended here and now; a run that is under way gets a
// note, which it finds within seconds. One that has ended is refused: busy.
func (r *Registry) CancelRestore(ctx context.Context, id, by string, at time.Time) (Restore, error) {
	for try := 0; ; try++ {
		x, o, err := r.restore(ctx, id)
		switch {
		case err != nil:
			return x, err
		case !x.Live():
			return x, fault.New(fault.Validation, fault.Busy, "There is nothing to stop.", "restore %s has ended", id)
		case x.abandoned():
			return r.settleRestore(ctx, x, o, time.Time{})
		case x.Runner == "" && try < maxTakeovers:
			l := r.holdRestore(x, o.ETag)
			x, err := l.End(ctx, RestoreCanceled, at, restoreCanceled(by), nil)
			if lost(err) {
				continue // it was claimed just now
			}
			return x, err
		}
		if _, err := r.putJSON(ctx, restoreCancelKey(id), Cancellation{By: by}, storage.Condition{}); err != nil {
			return x, fmt.Errorf("cancel restore %s: %w", id, err)
		}
		return x, nil
	}
}

// WithdrawRestore ends a restore that waits to be begun, and no other: whoever was to begin it cannot. One that was begun is busy, one that
// has ended already_exists.
func (r *Registry) WithdrawRestore(ctx context.Context, id string, at time.Time, cause error) (Restore, error) {
	x, o, err := r.restore(ctx, id)
	switch {
	case err != nil:
		return x, err
	case !x.Live():
		return x, restoreHasEnded(id)
	case x.Runner == "":
		if x, err = r.holdRestore(x, o.ETag).End(ctx, RestoreFailed, at, cause, nil); !lost(err) {
			return x, err
		}
	}
	return x, fault.New(fault.Validation, fault.Busy, "Follow it by its status.", "restore %s was begun by another run", id)
}

// KeepRestore lets a reserved restore wait for as long again as it may, on behalf of whoever is going to begin it. One that was begun is
// busy, one that has ended already_exists.
func (r *Registry) KeepRestore(ctx context.Context, id string) error {
	x, o, err := r.restore(ctx, id)
	switch {
	case err != nil:
		return err
	case !x.Live():
		return restoreHasEnded(id)
	case x.Runner == "":
		if err = r.holdRestore(x, o.ETag).Update(ctx, func(*Restore) {}); !lost(err) {
			return err
		}
	}
	return fault.New(fault.Validation, fault.Busy, "Follow it by its status.", "restore %s was begun by another run", id)
}

func restoreCanceled(by string) error {
	return fault.New(fault.Canceled, fault.CanceledByUser, "Ask for the restore again when you are ready.", "the restore was canceled by %.200s", by)
}

// RestoreCause is what the record of a restore says that was stopped on request.
func (c Cancellation) RestoreCause() error { return restoreCanceled(c.By) }

func restoreHasEnded(id string) error {
	return fault.New(fault.Validation, fault.AlreadyExists, "Look at its record.", "restore %s has ended already", id)
}
