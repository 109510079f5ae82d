package registry

import (
	"context"
	"encoding/json"
	"fmt"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Cancellation is cancel/<id>.json: the wish that a running backup stops. Its run looks for it every few seconds.
type Cancellation struct {
	By string `json:"by"`
}

// Cause is what the record of a backup says that was stopped on request.
func (c Cancellation) Cause() error {
	return fault.New(fault.Canceled, fault.CanceledByUser, "Nothing was kept of it. Make another one when you are ready.", "the backup was canceled by %.200s", c.By)
}

// Cancel asks for the end of a backup that is being made. One that waits to be started is ended here and now; a run
// that is under way gets a note, which it finds within seconds. A backup that has ended is refused: already_exists.
func (r *Registry) Cancel(ctx context.Context, id, by string) error {
	if !ValidID(id) {
		return notFound(id)
	}
	in, o, err := r.intent(ctx, id)
	switch {
	case storage.IsNotFound(err):
		return r.whyNoIntent(ctx, id)
	case err != nil:
		return fmt.Errorf("cancel backup %s: %w", id, err)
	case in.Kind != kindCreate || !in.Admitted:
		return hasEnded(id)
	}
	c := Cancellation{By: by}
	if in.Runner == "" {
		_, err := r.takeOver(ctx, in, o, c.Cause())
		if !lost(err) {
			return err
		} // it was claimed just now
	}
	if _, err := r.putJSON(ctx, CancelKey(id), c, storage.Condition{}); err != nil {
		return fmt.Errorf("cancel backup %s: %w", id, err)
	}
	return nil
}

// Canceled gives the wish that this run stops, nil when there is none.
func (l *Lease) Canceled(ctx context.Context) (*Cancellation, error) {
	c, err := l.r.cancellation(ctx, CancelKey(l.id))
	if err != nil {
		return nil, fmt.Errorf("look whether %s was canceled: %w", l.id, err)
	}
	l.canceled = l.canceled || c != nil
	return c, nil
}

// cancellation reads the note at a key, nil where there is none.
func (r *Registry) cancellation(ctx context.Context, key string) (*Cancellation, error) {
	data, _, err := r.get(ctx, key)
	if storage.IsNotFound(err) {
		return nil, nil
	}
	if err != nil && !isDamaged(err) {
		return nil, err
	}
	c := parseCancellation(data)
	return &c, nil
}

// parseCancellation reads a note; one that cannot be read is a cancellation all the same.
func parseCancellation(data []byte) Cancellation {
	var c Cancellation
	if json.Unmarshal(data, &c) != nil || c.By == "" {
		c.By = "somebody"
	}
	return c
}

// GiveUp ends a backup whose run is known to be dead (whoever ran it says so), without waiting for the end of its lease.
// A run that is alive all the same notices, and stops. It gives the record that holds: a committed backup stays one.
// One that has ended before is given as it is.
func (r *Registry) GiveUp(ctx context.Context, id string, cause error) (Backup, error) {
	if !ValidID(id) {
		return Backup{}, notFound(id)
	}
	for try := 0; ; try++ {
		in, o, err := r.intent(ctx, id)
		switch {
		case storage.IsNotFound(err):
			return r.ended(ctx, id)
		case err != nil:
			return Backup{}, fmt.Errorf("give backup %s up: %w", id, err)
		case in.Kind == kindRemove || !in.Admitted:
			return Backup{}, notFound(id)
		}
		b, err := r.takeOver(ctx, in, o, cause)
		if !lost(err) || try == maxTakeovers {
			return b, err
		} // its run renewed the lease in between
	}
}

// Withdraw ends a backup that waits to be started, and no other: whoever was to start it cannot, and it may have been started
// elsewhere. One that is being made is busy, one that has ended already_exists.
func (r *Registry) Withdraw(ctx context.Context, id string, cause error) (Backup, error) {
	in, o, err := r.waiting(ctx, id)
	if err != nil {
		return in.Backup, err
	}
	b, err := r.takeOver(ctx, in, o, cause)
	if lost(err) { // it was claimed just now
		return b, busy(id)
	}
	return b, err
}

// Waiting gives a reserved backup that nobody has claimed yet, and what was reserved with it. One that is being made is
// busy, one that has ended already_exists.
func (r *Registry) Waiting(ctx context.Context, id string) (Backup, json.RawMessage, error) {
	in, _, err := r.waiting(ctx, id)
	if err != nil {
		return in.Backup, nil, err
	}
	return in.Backup, in.Request, nil
}

// waiting gives the intent of a backup that nobody has claimed yet.
func (r *Registry) waiting(ctx context.Context, id string) (Intent, storage.Object, error) {
	if !ValidID(id) {
		return Intent{}, storage.Object{}, notFound(id)
	}
	in, o, err := r.intent(ctx, id)
	switch {
	case storage.IsNotFound(err):
		return in, o, r.whyNoIntent(ctx, id)
	case err != nil:
		return in, o, fmt.Errorf("look at backup %s: %w", id, err)
	case in.Kind != kindCreate || !in.Admitted:
		return in, o, hasEnded(id)
	case in.Runner != "":
		return in, o, busy(id)
	}
	return in, o, nil
}

// maxTakeovers bounds how often a lease that is renewed at that moment is tried for.
const maxTakeovers = 5

// ended gives the record of a backup without an intent.
func (r *Registry) ended(ctx context.Context, id string) (Backup, error) {
	b, err := r.find(ctx, id)
	if err != nil {
		return Backup{}, err
	}
	if b == nil {
		return Backup{}, notFound(id)
	}
	return *b, nil
}

// takeOver takes an intent from its holder, whoever that is, and ends its backup.
func (r *Registry) takeOver(ctx context.Context, in Intent, o storage.Object, cause error) (Backup, error) {
	in.Kind, in.LeaseMS = kindEnd, r.lease.Milliseconds()
	l, err := r.acquire(ctx, in, o.ETag)
	if err != nil {
		return in.Backup, err
	}
	var rep Report
	if err := l.finishDead(ctx, cause, &rep); err != nil {
		return in.Backup, err
	}
	return r.ended(ctx, in.Backup.ID)
}
