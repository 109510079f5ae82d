package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Intent is intents/<id>.json: work that was begun and is not known to have ended.
type Intent struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"` // create or remove
	// Backup is the record as reserved.
	Backup Backup `json:"backup"`
	// Request is what the run needs besides the record; the registry does not look into it. No secrets.
	Request json.RawMessage `json:"request,omitempty"`
	// Runner names the run that holds the lease, "" when none does yet.
	Runner     string    `json:"runner,omitempty"`
	LeaseUntil time.Time `json:"leaseUntil"`
	UploadID   string    `json:"uploadId,omitempty"`
}

const (
	kindCreate = "create"
	kindRemove = "remove"
)

// Reserve begins a backup: its intent is written, then decide is asked inside the compare-and-swap (where
// limits hold over any number of processes; it may set the file name) and the record enters the index as
// in_progress. Whoever runs it must Claim it within launchWithin. When decide refuses, nothing stays behind.
func (r *Registry) Reserve(ctx context.Context, b Backup, request json.RawMessage, launchWithin time.Duration,
	decide func(*Index, *Backup) error) (Backup, error) {
	b.Status = InProgress
	if err := checkRecord(&b); err != nil {
		return b, fault.Wrap(err, fault.Internal, "", "Report this.", "refusing to reserve a backup with a bad record")
	}
	in := Intent{Version: IndexVersion, Kind: kindCreate, Backup: b, Request: request, LeaseUntil: r.now().Add(launchWithin).UTC()}
	if err := r.putJSON(ctx, IntentKey(b.ID), in, storage.Condition{IfAbsent: true}); err != nil {
		if storage.IsPrecondition(err) {
			return b, fault.Wrap(err, fault.Validation, fault.AlreadyExists, "Nothing to do: it is being made.", "backup %s was reserved already", b.ID)
		}
		return b, fmt.Errorf("reserve backup %s: %w", b.ID, err)
	}
	err := r.Update(ctx, func(x *Index) error {
		if x.Find(b.ID) != nil {
			return errUnchanged // our own write, whose answer was lost
		}
		if err := decide(x, &b); err != nil {
			return err
		}
		if x.Taken(b.Filepath, b.ID) {
			return fault.New(fault.Validation, fault.AlreadyExists, "Choose another name, or leave it out.", "a backup named %s exists already", b.Filepath)
		}
		x.Upsert(b)
		return nil
	})
	if err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if derr := r.store.Delete(undo, IntentKey(b.ID)); derr != nil {
			r.log.Warn("intent left behind; the next cleanup removes it", "backup_id", b.ID, "error", derr.Error())
		}
		return b, err
	}
	return b, nil
}

// Lease is the right of one run to work on one backup. It is not safe for use by several goroutines at once.
type Lease struct {
	r      *Registry
	intent Intent
	etag   string
}

// Claim takes the lease of a reserved backup for the run named runner. A second delivery of the same event
// gets reason busy while the first still runs, and not_found or already_exists when it has ended.
func (r *Registry) Claim(ctx context.Context, id, runner string) (*Lease, error) {
	in, etag, err := r.intent(ctx, id)
	if storage.IsNotFound(err) {
		return nil, r.whyNoIntent(ctx, id)
	}
	if err != nil {
		return nil, fmt.Errorf("claim backup %s: %w", id, err)
	}
	busy := fault.New(fault.Validation, fault.Busy, "Follow it with: cofre status "+id, "backup %s is being made by another run", id)
	switch {
	case in.Kind != kindCreate:
		return nil, fault.New(fault.Validation, fault.NotFound, "", "backup %s is being removed", id)
	case in.Runner != "" && in.Runner != runner:
		return nil, busy // even when its lease is over: Reconcile must end it first, so that it cannot wake up
	case in.Runner == "" && r.now().After(in.LeaseUntil):
		return nil, fault.New(fault.Validation, fault.Timeout, "Start a new backup.", "backup %s was reserved but not started in time", id)
	}
	// The file name may have been settled after the intent was written.
	x, err := r.Load(ctx)
	if err != nil {
		return nil, err
	}
	if b := x.Find(id); b != nil {
		in.Backup = *b
	}
	l := &Lease{r: r, intent: in, etag: etag}
	l.intent.Runner = runner
	if err := l.Renew(ctx); err != nil {
		if fault.HasReason(err, fault.Precondition) {
			return nil, busy
		}
		return nil, err
	}
	return l, nil
}

// whyNoIntent says why there is nothing to claim.
func (r *Registry) whyNoIntent(ctx context.Context, id string) error {
	x, err := r.Load(ctx)
	if err != nil {
		return err
	}
	if x.Find(id) == nil {
		return notFound(id)
	}
	return fault.New(fault.Validation, fault.AlreadyExists, "Nothing to do.", "backup %s has ended already", id)
}

// Backup gives the record as it was reserved.
func (l *Lease) Backup() Backup { return l.intent.Backup }

// Request gives what was reserved with the record.
func (l *Lease) Request() json.RawMessage { return l.intent.Request }

// Interval is how often to call Renew.
func (l *Lease) Interval() time.Duration { return l.r.lease / 3 }

// Renew extends the lease. Reason precondition_failed means that it was lost: the run must stop.
func (l *Lease) Renew(ctx context.Context) error {
	in := l.intent
	in.LeaseUntil = l.r.now().Add(l.r.lease).UTC()
	return l.put(ctx, in)
}

// SetUpload records where the bytes go before any are sent, so that others can abort the upload.
func (l *Lease) SetUpload(ctx context.Context, uploadID string) error {
	in := l.intent
	in.UploadID = uploadID
	in.LeaseUntil = l.r.now().Add(l.r.lease).UTC()
	return l.put(ctx, in)
}

func (l *Lease) put(ctx context.Context, in Intent) error {
	data, err := encode(in)
	if err != nil {
		return err
	}
	key := IntentKey(in.Backup.ID)
	o, err := l.r.store.Put(ctx, key, data, jsonOptions(storage.Condition{IfMatch: l.etag}))
	if storage.IsPrecondition(err) {
		// A lost answer looks the same as a lost lease: see whose bytes are there.
		if now, cur, gerr := l.r.store.Get(ctx, key); gerr == nil && bytes.Equal(now, data) {
			o, err = cur, nil
		}
	}
	if storage.IsPrecondition(err) || storage.IsNotFound(err) {
		return fault.Wrap(err, fault.BackupCreation, fault.Precondition, "Look at: cofre info "+in.Backup.ID,
			"this run was given up for dead by another one and must stop")
	}
	if err != nil {
		return fmt.Errorf("renew the lease of %s: %w", in.Backup.ID, err)
	}
	l.intent, l.etag = in, o.ETag
	return nil
}

// intent reads an intent and its ETag.
func (r *Registry) intent(ctx context.Context, id string) (Intent, string, error) {
	var in Intent
	o, err := r.getJSON(ctx, IntentKey(id), &in)
	if err != nil {
		return in, "", err
	}
	if in.Version > IndexVersion {
		return in, "", newerVersion(IntentKey(id), in.Version)
	}
	if err := checkRecord(&in.Backup); err != nil || in.Backup.ID != id {
		return in, "", fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Look at that object; nothing was changed.", "%s is not an intent of cofre", IntentKey(id))
	}
	return in, o.ETag, nil
}

func encode(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(data, '\n'), nil
}

func (r *Registry) putJSON(ctx context.Context, key string, v any, c storage.Condition) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	_, err = r.store.Put(ctx, key, data, jsonOptions(c))
	return err
}

func (r *Registry) getJSON(ctx context.Context, key string, v any) (storage.Object, error) {
	data, o, err := r.store.Get(ctx, key)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return o, fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Look at that object; nothing was changed.", "%s is not what cofre writes there", key)
	}
	return o, nil
}
