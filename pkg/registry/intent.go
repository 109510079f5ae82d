package registry

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Intent is intents/<id>.json, or removals/<id>.json: work that was begun and is not known to have ended.
type Intent struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"` // create, copy or end; in removals/ remove
	// Backup is the record as reserved. Before Admitted is set its limits and file name are not decided, and no
	// rebuild takes it for a backup.
	Backup   Backup `json:"backup"`
	Admitted bool   `json:"admitted,omitempty"`
	// Undecided is set in a removal that may still be given up, because the backup has not left the index. A rebuild lists it.
	Undecided bool `json:"undecided,omitempty"`
	// By is who asked for a removal.
	By string `json:"by,omitempty"`
	// Request is what the run needs besides the record; the registry does not look into it. No secrets.
	Request json.RawMessage `json:"request,omitempty"`
	// Runner names the run that holds the lease, "" when none does yet.
	Runner string `json:"runner,omitempty"`
	// Process is what runs it, where that can be told; see [Intent.abandoned].
	Process *Process `json:"process,omitempty"`
	// LeaseMS is how long after this object's date, by the service's clock, others must leave it alone.
	LeaseMS  int64  `json:"leaseMs"`
	UploadID string `json:"uploadId,omitempty"`
	// Token is random and new with every holder; Beat counts a holder's writes. No two writes are equal.
	Token string `json:"token"`
	Beat  int64  `json:"beat"`
}

const (
	kindCreate = "create"
	kindEnd    = "end" // a create that was given up: only its leftovers and its record are left to settle
	kindRemove = "remove"
	kindCopy   = "copy" // of a backup of another place: see copy.go
)

// expired tells whether the holder has been silent for longer than its lease at the service's time now.
func (in *Intent) expired(written, now time.Time) bool {
	return now.Sub(written) > in.lease()+dateStep
}

// runs reports whether it is the lease of a run, which a process holds.
func (in *Intent) runs() bool { return in.Kind == kindCreate || in.Kind == kindCopy }

// abandoned reports whether the process of the run is known to be gone, whatever is left of its lease.
func (in *Intent) abandoned() bool {
	return in.runs() && in.Runner != "" && in.Process.gone(self())
}

// intent reads an intent; its ETag and date are in the object.
func (r *Registry) intent(ctx context.Context, id string) (Intent, storage.Object, error) {
	return r.intentAt(ctx, IntentKey(id), id)
}

// removal reads the intent of a removal.
func (r *Registry) removal(ctx context.Context, id string) (Intent, storage.Object, error) {
	return r.intentAt(ctx, RemovalKey(id), id)
}

func (r *Registry) intentAt(ctx context.Context, key, id string) (Intent, storage.Object, error) {
	data, o, err := r.get(ctx, key)
	if err != nil {
		return Intent{}, o, err
	}
	in, err := parseIntent(key, id, data)
	return in, o, err
}

func parseIntent(key, id string, data []byte) (Intent, error) {
	var in Intent
	if err := decodeVersioned(key, data, 0, &in); err != nil {
		return in, err
	}
	if err := checkRecord(&in.Backup); err != nil || in.Backup.ID != id || in.Version < 1 || key == RemovalKey(id) && in.Kind != kindRemove {
		return in, damagedRecord(err, key)
	}
	if err := in.Backup.fit(len(data)); err != nil {
		return in, damagedRecord(err, key)
	}
	return in, nil
}

// acquire takes an intent: a new one where etag is "", else the one that has this ETag. When somebody was
// faster the reason is precondition_failed.
func (r *Registry) acquire(ctx context.Context, in Intent, etag string) (*Lease, error) {
	in.Version, in.Token = recordVersion, rand.Text()
	if !in.runs() {
		in.Process = nil // only a run is given up by it
	}
	l := &Lease{r: r, id: in.Backup.ID, token: in.Token, intent: in, etag: etag}
	return l, l.Renew(ctx)
}

// Reserve begins a backup: its intent is written, then decide is asked inside the compare-and-swap (where
// limits hold over any number of processes; it may set the file name) and the record enters the index as
// in_progress. Whoever runs it must Claim it within launchWithin. When decide refuses, nothing stays behind.
// An id that was used before, or a file name that is in use, is refused: already_exists; and as ErrOccupied, where it
// is an object that no record knows.
func (r *Registry) Reserve(ctx context.Context, b Backup, request json.RawMessage, launchWithin time.Duration,
	decide func(*Index, *Backup) error) (Backup, error) {
	b.Status = InProgress
	b = b.bounded()
	if err := checkRecord(&b); err != nil {
		return b, fault.Wrap(err, fault.Internal, "", "Report this.", "refusing to reserve a backup with a bad record")
	}
	l, err := r.acquire(ctx, Intent{Kind: kindCreate, Backup: b, Request: request, LeaseMS: launchWithin.Milliseconds()}, "")
	if fault.HasReason(err, fault.Precondition) {
		return b, fault.Wrap(err, fault.Validation, fault.AlreadyExists, "Nothing to do: it is being made.", "backup %s was reserved already", b.ID)
	}
	if err != nil {
		l.withdraw(ctx, false, err)
		return b, fmt.Errorf("reserve backup %s: %w", b.ID, err)
	}
	admitted, entered, err := r.admit(ctx, b, decide)
	if err == nil {
		err = r.vacant(ctx, admitted)
	}
	if err == nil {
		err = l.put(ctx, func(in *Intent) { in.Backup, in.Admitted = admitted, true })
	}
	if err != nil {
		l.withdraw(ctx, entered, err)
		return b, err
	}
	return admitted, nil
}

// admit puts the record into the index, if decide agrees. entered tells that it may be there after an error.
func (r *Registry) admit(ctx context.Context, b Backup, decide func(*Index, *Backup) error) (_ Backup, entered bool, _ error) {
	admitted := b
	err := r.update(ctx, []string{b.ID}, func(x *Index) error {
		if old := x.Find(b.ID); old != nil {
			if entered && old.Status == InProgress {
				return errUnchanged // our own write, whose answer was lost
			}
			return hasEnded(b.ID)
		}
		c := b
		if err := decide(x, &c); err != nil {
			return err
		}
		c.ID, c.Status = b.ID, InProgress
		if err := checkRecord(&c); err != nil {
			return fault.Wrap(err, fault.Internal, "", "Report this.", "refusing to reserve a backup with a bad record")
		}
		if x.Taken(c.Filepath, c.ID) {
			return fault.New(fault.Validation, fault.AlreadyExists, "Choose another name, or leave it out.", "a backup named %s exists already", c.Filepath)
		}
		x.Upsert(c)
		admitted, entered = c, true
		return nil
	})
	return admitted, entered, err
}

// ErrOccupied refuses a file name under which there is an object that no record knows, such as one that is just being
// removed. The same backup may be reserved again under another name.
var ErrOccupied = errors.New("there is an object of that name already, although no backup has it")

// vacant refuses an occupied file name: better now than when the dump is done. Where that cannot be seen, completing
// the upload finds it.
func (r *Registry) vacant(ctx context.Context, b Backup) error {
	if _, err := r.store.Head(ctx, b.Filepath); err == nil {
		return fault.Wrap(ErrOccupied, fault.Validation, fault.AlreadyExists,
			"Choose another name; or look at the object that is there: no backup has its name, and it may be on its way out.",
			"no backup can be stored as %s", b.Filepath)
	}
	return ctx.Err()
}

// withdraw undoes a reservation, on a context of its own: the index entry, if it may be there, then the intent,
// if it is still ours. failed is why.
func (l *Lease) withdraw(ctx context.Context, entered bool, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var err error
	if entered {
		err = l.r.Update(ctx, func(x *Index) error {
			if b := x.Find(l.id); b == nil || b.Status != InProgress {
				return errUnchanged
			}
			x.Remove(l.id)
			return nil
		})
	}
	if err == nil {
		err = l.end(ctx)
	}
	if err != nil {
		l.r.log.Log(ctx, fault.LevelBeside(err, failed), "reservation left behind; the next cleanup ends it", "backup_id", l.id, "error", err.Error())
	}
}

func hasEnded(id string) error {
	return fault.New(fault.Validation, fault.AlreadyExists, "Look at it with: cofre info "+id, "backup %s has ended already", id)
}
