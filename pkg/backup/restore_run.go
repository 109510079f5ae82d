package backup

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/registry"
)

// restoring is one process's work on one restore.
type restoring struct {
	s     *Service
	lease *registry.RestoreLease

	mu          sync.Mutex
	phase       string
	read, total int64
	notice      string
}

// RunRestore makes a reserved restore. It returns the record as it stands at the end; the error is nil only when it succeeded. A second
// delivery of the same id does nothing and gets reason busy or already_exists. When ctx ends, the restore is stopped and recorded as
// interrupted within seconds.
func (s *Service) RunRestore(ctx context.Context, id string) (registry.Restore, error) {
	return s.runRestore(ctx, id, "")
}

// RunRestoreAsked is RunRestore for whoever knows what was asked for: where the record says something else by then, nothing is done.
func (s *Service) RunRestoreAsked(ctx context.Context, asked registry.Restore) (registry.Restore, error) {
	return s.RunRestoreRequest(ctx, asked.ID, asked.Request())
}

// RunRestoreRequest is RunRestoreAsked for whoever knows the registry.Restore.Request of what was asked for.
func (s *Service) RunRestoreRequest(ctx context.Context, id, request string) (registry.Restore, error) {
	if request == "" {
		return registry.Restore{}, invalid("Give the one that came with the restore.", "what was asked for is not said")
	}
	return s.runRestore(ctx, id, request)
}

func (s *Service) runRestore(ctx context.Context, id, request string) (registry.Restore, error) {
	runner, err := s.newID()
	if err != nil {
		return registry.Restore{}, err
	}
	lease, err := s.Registry.ClaimRestore(ctx, id, runner, s.Now())
	if err != nil {
		return registry.Restore{}, err
	}
	x := lease.Restore()
	r := &restoring{s: s, lease: lease, phase: registry.RestoreChecking, total: x.Total}
	if request != "" && x.Request() != request {
		return r.settle(ctx, Restored{}, invalid("Find out who could write to the storage, and ask for the restore again.",
			"the record of restore %s does not say any more what was asked for; nothing was changed", id))
	}
	work, end := context.WithCancelCause(ctx)
	defer end(nil)
	beat, stop := context.WithCancel(work)
	var kept sync.WaitGroup
	kept.Go(func() { r.keep(beat, end) })
	got, err := r.restore(work, x)
	stop()
	kept.Wait()
	if cause := context.Cause(work); err != nil && work.Err() != nil {
		err = restoreStopped(cause, err)
	}
	return r.settle(ctx, got, err)
}

// restore does what the record says. What may be done is looked at again: whoever may write to the storage may have changed the record.
func (r *restoring) restore(ctx context.Context, x registry.Restore) (Restored, error) {
	order := orderOf(x)
	if err := r.s.checkOrder(order); err != nil {
		return Restored{}, err
	}
	req := order.request()
	req.Progress, req.Remark = r.progress, r.remark
	got, err := r.s.restore(ctx, x.Backup, req)
	if fault.HasReason(err, fault.AlreadyExists) { // nobody is to drop what another restore has just made
		if going := r.s.restoringAlready(ctx, order, x.ID); fault.HasReason(going, fault.Busy) {
			err = going
		}
	}
	return got, err
}

// restoreStopped makes one fault of "somebody wanted an end" and whatever that made fail first.
func restoreStopped(cause, err error) error {
	if f := fault.From(cause); f.Code != fault.Internal {
		return f
	}
	return fault.Wrap(fmt.Errorf("%w (%w)", cause, err), fault.Canceled, "", "Ask for the restore again when you are ready.", "the restore was stopped before it was finished")
}

func (r *restoring) progress(read, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read, r.total, r.phase = max(r.read, read), total, registry.RestoreRestoring
	if r.read >= total {
		r.phase = registry.RestoreFinishing
	}
}

func (r *restoring) remark(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notice = line
}

// show puts the progress into the record.
func (r *restoring) show(x *registry.Restore) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x.Phase, x.Read, x.Total, x.Notice = r.phase, r.read, r.total, r.notice
}

// keep publishes the progress, which renews the lease, and looks for a cancellation, until ctx ends.
func (r *restoring) keep(ctx context.Context, end context.CancelCauseFunc) {
	written := time.Now()
	once := func() bool {
		was := r.lease.Restore()
		now := was
		if r.show(&now); now.Phase != was.Phase || now.Read != was.Read || now.Total != was.Total || now.Notice != was.Notice || time.Since(written) > r.lease.Interval() {
			written = time.Now()
			if !r.publish(ctx, end) {
				return false
			}
		}
		return !r.canceled(ctx, end)
	}
	if r.canceled(ctx, end) || pause.For(ctx, publishFirst) != nil {
		return
	}
	if once() {
		every(ctx, publishEvery, once)
	}
}

// publish writes the progress. It reports false where the lease is lost, and then ends the run.
func (r *restoring) publish(ctx context.Context, end context.CancelCauseFunc) bool {
	once, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	err := r.lease.Update(once, r.show)
	switch {
	case fault.HasReason(err, fault.Precondition):
		end(err)
		return false
	case err != nil && ctx.Err() == nil:
		r.s.Log.Warn("lease not renewed, trying again", "restore_id", r.lease.Restore().ID, "error", err.Error())
	}
	return true
}

// canceled looks whether somebody asked for the end of this run, and then ends it.
func (r *restoring) canceled(ctx context.Context, end context.CancelCauseFunc) bool {
	once, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	c, err := r.lease.Canceled(once)
	if err != nil && ctx.Err() == nil {
		r.s.Log.Warn("cancellation not looked for, trying again", "restore_id", r.lease.Restore().ID, "error", err.Error())
	}
	if c == nil {
		return false
	}
	end(c.RestoreCause())
	return true
}

// left adds to the end of a restore what was left of its database.
func left(cause error, got RestoreReport, half bool, x registry.Restore) error {
	f := *fault.From(cause)
	switch {
	case half:
		f.Message += fmt.Sprintf("; the database %q of target %s may be half filled", x.Database, x.Target)
		if x.Mode == registry.RestorePart {
			f.Hint = "Look at what is there of the part, and drop it, before anybody uses it. " + f.Hint
		} else {
			f.Hint = "Drop that database before anybody uses it. " + f.Hint
		}
	case got.Created:
		f.Message += fmt.Sprintf("; the database %q of target %s was made, and is empty", x.Database, x.Target)
	default:
		return cause
	}
	return &f
}

// settle records how the restore ended, on a context of its own.
func (r *restoring) settle(ctx context.Context, got Restored, cause error) (registry.Restore, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	x := r.lease.Restore()
	state, half := registry.RestoreSucceeded, false
	if cause != nil {
		state = registry.RestoreFailed
		if f := fault.From(cause); f.Reason == fault.CanceledByUser {
			state = registry.RestoreCanceled
		} else if f.Code == fault.Canceled {
			state = registry.RestoreInterrupted
		}
		half = got.Target.Database != "" && !got.Target.Unchanged // the engine was asked
		if state != registry.RestoreFailed || !half {             // a failure says itself what is half filled
			cause = left(cause, got.Target, half, x)
		}
	}
	held, err := r.lease.End(ctx, state, r.s.Now(), cause, func(x *registry.Restore) {
		r.show(x)
		x.HalfFilled, x.Notice, x.GlobalsMade = half, "", got.Globals
		if t := got.Target; cause == nil || fault.HasReason(cause, fault.RestoredInPart) {
			x.Restored = &registry.Restored{Tool: t.Tool, Duration: max(r.s.Now().Sub(x.StartedAt).Milliseconds(), 0),
				Failed: len(t.Failed), LeftOut: len(t.LeftOut), Warnings: t.Warnings, Statements: t.Statements}
		}
	})
	if err != nil {
		level := fault.LevelBeside(err, cause)
		if level == slog.LevelWarn {
			level = slog.LevelError
		}
		r.s.Log.Log(ctx, level, "how a restore ended was not recorded; the next cleanup does it", "restore_id", x.ID, "state", string(state), "error", err.Error())
	}
	return held, cause
}
