package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// MaxRestores is how many records of restores are kept.
const MaxRestores = 1000

// restore reads a record; its ETag and date are in the object.
func (r *Registry) restore(ctx context.Context, id string) (Restore, storage.Object, error) {
	unknown := fault.New(fault.Validation, fault.NotFound, "List the restores there are.", "there is no restore %.40q", id)
	if !ValidID(id) {
		return Restore{}, storage.Object{}, unknown
	}
	data, o, err := r.get(ctx, RestoreKey(id))
	switch {
	case storage.IsNotFound(err):
		return Restore{}, o, unknown
	case err == nil:
		var x Restore
		if x, err = parseRestore(id, data); err == nil {
			return x, o, nil
		}
	}
	if isDamaged(err) {
		return Restore{}, o, fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Look at its database, and at who could write to the storage; then ask for the restore again if it is needed.",
			"the record of restore %s is damaged, so that nothing tells how it went", id)
	}
	return Restore{}, o, fmt.Errorf("read restore %s: %w", id, err)
}

// Restore gives a record as it stands. One whose process died is interrupted, also where nobody has recorded that yet.
func (r *Registry) Restore(ctx context.Context, id string) (Restore, error) {
	x, o, err := r.restore(ctx, id)
	if err != nil || !x.Live() {
		return x, err
	}
	// The service's clock alone decides. It is asked where this machine's says that there may be a reason.
	if !x.abandoned() && !x.expired(o.LastModified, time.Now().Add(r.ahead)) {
		return x, nil
	}
	now, err := r.storeNow(ctx)
	if err != nil {
		return x, err
	}
	return r.settleRestore(ctx, x, o, now)
}

// Restores gives the newest records, the newest first: at most limit, and only those older than the id before where it is not "". more
// tells that there are others behind them.
func (r *Registry) Restores(ctx context.Context, before string, limit int) (list []Restore, more bool, err error) {
	ids, err := r.restoreIDs(ctx)
	if err != nil {
		return nil, false, err
	}
	slices.Reverse(ids)
	ids = ids[:min(len(ids), MaxRestores)]
	if before != "" {
		i := slices.IndexFunc(ids, func(id string) bool { return id < before })
		if i < 0 {
			i = len(ids)
		}
		ids = ids[i:]
	}
	for i, id := range ids {
		if len(list) == limit {
			return list, i < len(ids), nil
		}
		x, err := r.Restore(ctx, id)
		switch {
		case fault.HasReason(err, fault.NotFound): // removed meanwhile
			continue
		case isDamaged(err), fault.HasReason(err, fault.NewerVersion):
			r.log.Warn("record of a restore skipped", "restore_id", id, "error", err.Error())
			continue
		case err != nil:
			return nil, false, err
		}
		list = append(list, x)
	}
	return list, false, nil
}

// restoreIDs lists the ids of all records, ascending.
func (r *Registry) restoreIDs(ctx context.Context) ([]string, error) {
	var ids []string
	err := r.eachRestoreObject(ctx, func(o storage.Object) {
		if id := idOf(o.Key, RestoresPrefix); id != "" {
			ids = append(ids, id)
		}
	})
	return ids, err
}

func (r *Registry) eachRestoreObject(ctx context.Context, do func(storage.Object)) error {
	n := 0
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: RestoresPrefix}) {
		if err != nil {
			return fmt.Errorf("list the restores: %w", err)
		}
		if n++; n > r.sizes.listed {
			return r.errEndless(RestoresPrefix)
		}
		do(o)
	}
	return nil
}

// SettleRestores records of those restores whose process died that they were interrupted, and gives them.
func (r *Registry) SettleRestores(ctx context.Context) ([]Restore, error) {
	ids, err := r.restoreIDs(ctx)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	now, err := r.storeNow(ctx)
	if err != nil {
		return nil, err
	}
	var died []Restore
	for _, id := range ids {
		x, o, err := r.restore(ctx, id)
		if err == nil && x.Live() {
			was := x.State
			if x, err = r.settleRestore(ctx, x, o, now); err == nil && x.State != was && !x.Live() {
				died = append(died, x)
			}
		}
		switch {
		case ctx.Err() != nil:
			return died, context.Cause(ctx)
		case err != nil && !fault.HasReason(err, fault.NotFound):
			r.log.Warn("restore not settled; the next cleanup tries again", "restore_id", id, "error", err.Error())
		}
	}
	return died, nil
}

// settleRestore takes a restore over whose lease is over at the service's time now, or whose process is gone, and records that.
func (r *Registry) settleRestore(ctx context.Context, x Restore, o storage.Object, now time.Time) (Restore, error) {
	if !x.abandoned() && !x.expired(o.LastModified, now) {
		return x, nil
	}
	l := r.holdRestore(x, o.ETag)
	err := l.Update(ctx, func(x *Restore) { x.die(o.LastModified) })
	if lost(err) { // it is alive after all, or somebody else was faster
		x, _, err := r.restore(ctx, x.ID)
		return x, err
	}
	return l.Restore(), err
}

// NoteSwitch records what became of the name of a database that was restored. One that goes on is busy.
func (r *Registry) NoteSwitch(ctx context.Context, id string, to *SwitchedTo) (Restore, error) {
	for try := 0; ; try++ {
		x, o, err := r.restore(ctx, id)
		switch {
		case err != nil:
			return x, err
		case x.Live():
			return x, fault.New(fault.Validation, fault.Busy, "Wait until it has ended.", "restore %s goes on", id)
		}
		l := r.holdRestore(x, o.ETag)
		if err := l.Update(ctx, func(x *Restore) { x.Switched = to }); !lost(err) || try == maxTakeovers {
			return l.Restore(), err
		}
	}
}

// ForgetRestores removes the records of restores that have ended: what is beyond the newest MaxRestores, and what was asked for before
// oldest, where that is not zero. It gives how many.
func (r *Registry) ForgetRestores(ctx context.Context, oldest time.Time) (n int, err error) {
	var ids, notes, keys []string
	err = r.eachRestoreObject(ctx, func(o storage.Object) {
		if id := idOf(o.Key, RestoresPrefix); id != "" {
			ids = append(ids, id)
		} else if isOnceKey(o.Key) {
			keys = append(keys, o.Key)
		} else if id, ok := strings.CutSuffix(strings.TrimPrefix(o.Key, RestoresPrefix), cancelSuffix); ok && ValidID(id) {
			notes = append(notes, id)
		}
	})
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		asked, err := ulid.ParseStrict(id)
		if err != nil || len(ids)-i <= MaxRestores && (oldest.IsZero() || !ulid.Time(asked.Time()).Before(oldest)) {
			continue
		}
		if x, _, err := r.restore(ctx, id); err == nil && x.Live() || err != nil && !isDamaged(err) {
			continue // also one that cannot be read now, or was written by a newer version
		}
		if err := r.store.Delete(ctx, RestoreKey(id)); err != nil {
			return n, fmt.Errorf("remove the record of restore %s: %w", id, err)
		}
		n++
	}
	for _, id := range notes {
		if x, _, err := r.restore(ctx, id); err == nil && x.Live() || err != nil && !fault.HasReason(err, fault.NotFound) {
			continue
		}
		if err := r.store.Delete(ctx, restoreCancelKey(id)); err != nil {
			return n, fmt.Errorf("remove a note of a cancellation: %w", err)
		}
	}
	return n, r.forgetOnce(ctx, keys)
}
