package backup

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// A proof by order is made where there are no credentials for the storage: what runs in a backup can then reach no other one, and change no
// record. Whoever has the credentials orders it ([Service.OrderProof]): the order holds the backup's record and links, each to read one object, and one
// to write the result by. Links end with the session that signed them, so the order is renewed for as long as the proof lasts
// ([Service.RenewProof]). What the result says is from outside: [Service.SettleOrder] takes what a proof of this backup can say, and records that.
const (
	// OrderEvery is how often an order is to be renewed, and OrderLook how often whoever follows it reads it again. Links that a function of AWS
	// signs live for as long as any of its invocations may last, 15 minutes, at least.
	OrderEvery = 4 * time.Minute
	OrderLook  = time.Minute
	orderLinks = time.Hour      // that links live at most
	orderLease = 5 * OrderEvery // the record of a proof without a renewal
)

// Ordered is a proof that was ordered.
type Ordered struct {
	ID    string `json:"id"`    // of the backup
	Nonce string `json:"order"` // by which its result is known
	Link  string `json:"link"`  // to read the order by; a secret while it lives
}

// OrderProof orders the proof of a backup, which is refused where it cannot be proven.
func (s *Service) OrderProof(ctx context.Context, id string) (Ordered, error) {
	b, err := s.Provable(ctx, id)
	if err != nil {
		return Ordered{}, err
	}
	out := Ordered{ID: b.ID, Nonce: rand.Text()}
	if out.Link, err = s.order(ctx, b, out.Nonce); err != nil {
		return Ordered{}, err
	}
	return out, s.Registry.OrderAttempt(ctx, b.ID, Scheduler, out.Nonce, s.Now(), orderLease)
}

// order writes an order, and returns the link to it.
func (s *Service) order(ctx context.Context, b Backup, nonce string) (string, error) {
	linker, ok := s.Store.(storage.Linker)
	if !ok {
		return "", fault.New(fault.Validation, storage.Unsupported, "Prove it where the storage can be reached: cofre prove "+b.ID, "no links can be made to write to %s by", s.Store.Describe())
	}
	o := registry.ProofOrder{Nonce: nonce, Backup: b, Place: s.Location(""), Links: map[string]string{}}
	read := func(key string) (link string, err error) {
		made, err := s.Store.Presign(ctx, key, storage.PresignOptions{Expires: orderLinks})
		return made.URL, err
	}
	keys := []string{b.Filepath, registry.ManifestKey(b.ID)}
	if s.Registry.Checks() {
		keys = append(keys, registry.SignatureKey(b.ID))
	}
	if b.Contents != nil && b.Contents.Missing == "" {
		keys = append(keys, registry.ContentsKey(b))
	}
	var err error
	for _, key := range keys {
		if o.Links[key], err = read(key); err != nil {
			return "", err
		}
	}
	if o.Next, err = read(registry.ProofOrderKey(b.ID)); err != nil {
		return "", err
	}
	result, err := linker.PresignPut(ctx, registry.ProofResultKey(b.ID), registry.ResultSize, orderLinks)
	if err != nil {
		return "", err
	}
	o.Result = result.URL
	return o.Next, s.Registry.PutProofOrder(ctx, o)
}

// RenewProof renews an order and the record of its proof, which says how far that is.
func (s *Service) RenewProof(ctx context.Context, id, nonce string) error {
	b, err := s.toProve(ctx, id, false)
	if err != nil {
		return err
	}
	lease, err := s.Registry.OrderedAttempt(ctx, b.ID, nonce)
	if err != nil || lease == nil { // the proof of another order: that one is renewed by others
		return err
	}
	if _, err := s.order(ctx, b, nonce); err != nil {
		return err
	}
	r, err := s.Registry.ProofResult(ctx, b.ID, nonce)
	if err != nil { // none yet, or none that is one
		s.Log.Info("how far the proof is is not known", "backup_id", b.ID, "error", err.Error())
	}
	return lease.Update(ctx, func(a *registry.ProofAttempt) { a.Step = r.Step })
}

// ProveOrdered makes a proof that was ordered, on a service whose store has the order's links. It records nothing: tell is told of each step, and in
// the end of what was found, or why nothing was.
func (s *Service) ProveOrdered(ctx context.Context, order registry.ProofOrder, o ProveOptions, tell func(context.Context, registry.ProofResult) error) (Proved, error) {
	now := registry.ProofResult{Backup: order.Backup.ID, Nonce: order.Nonce}
	enter := o.Enter
	o.Enter = func(step string) {
		now.Step = step
		if err := tell(ctx, now); err != nil {
			s.Log.Warn("how far the proof is was not told", "backup_id", now.Backup, "error", err.Error())
		}
		if enter != nil {
			enter(step)
		}
	}
	done := Proved{Backup: order.Backup}
	b, err := s.trusted(ctx, order.Backup, false)
	if err == nil {
		err = provable(b)
	}
	if err == nil {
		done, err = s.measure(ctx, b, o)
	}
	if err != nil {
		now.Error = registry.ErrorOf(err)
	} else {
		now.Proof = &done.Proof
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if terr := tell(ctx, now); terr != nil && err == nil {
		err = fmt.Errorf("tell what the proof found: %w", terr)
	}
	return done, err
}

// Settled is what came of a proof that was ordered.
type Settled struct {
	State    registry.ProofState
	Error    *registry.Error // why it could not be made
	Recorded bool            // a verification was
}

// SettleOrder ends a proof that was ordered: it records what its result says, as far as that is what a proof of this backup can find, and why there is
// none otherwise: for cause, where its process did not begin.
func (s *Service) SettleOrder(ctx context.Context, id, nonce string, cause error) (Settled, error) {
	lease, err := s.Registry.OrderedAttempt(ctx, id, nonce)
	if err != nil {
		return Settled{}, err
	}
	r, err := s.Registry.ProofResult(ctx, id, nonce)
	switch {
	case fault.HasReason(err, fault.StructureDamaged), storage.IsNotFound(err):
		s.Log.Warn("there is no result of the proof", "backup_id", id, "error", err.Error())
	case err != nil:
		return Settled{}, err
	}
	out, failed := Settled{State: registry.ProofFailed}, notProven(r, cause)
	if r.Proof != nil {
		var b Backup
		if b, err = s.good(ctx, id, false); err != nil {
			return out, err
		}
		var since time.Duration
		if lease != nil {
			since = s.Now().Sub(lease.Attempt().StartedAt)
		}
		if failed = believable(b, r.Proof, since); failed == nil {
			r.Proof.At = s.Now().UTC().Truncate(time.Millisecond)
			by := Scheduler
			if lease != nil {
				by = lease.Attempt().By
			}
			if err := s.recordProof(ctx, &Proved{Backup: b, Proof: *r.Proof, DurationMS: since.Milliseconds()}, by); err != nil {
				return out, err
			}
			out.Recorded, out.State = true, map[bool]registry.ProofState{true: registry.ProofProven, false: registry.ProofDisproven}[r.Proof.OK]
		}
	}
	out.Error = registry.ErrorOf(failed)
	if lease == nil {
		return out, nil
	}
	err = lease.End(ctx, s.Now(), r.Step, out.State == registry.ProofProven, failed)
	if fault.HasReason(err, fault.Precondition) { // another proof's by now
		err = nil
	}
	return out, err
}

// notProven is why a proof that was ordered could not be made.
func notProven(r registry.ProofResult, cause error) error {
	switch e := r.Error; {
	case e != nil:
		return &fault.Error{Code: e.Code, Reason: e.Reason, Message: e.Message, Hint: e.Hint}
	case cause != nil && r.Step == "":
		return cause
	}
	return fault.New(fault.BackupCreation, fault.RunLost, "Ask for the proof again.", "the process that was to make it ended without telling what it found")
}

// believable refuses a result that no proof of this backup can have: whatever ran in the backup may have written it. What it cannot refuse is a result that
// is right in all that is known of the backup without restoring it.
func believable(b Backup, v *registry.Verification, since time.Duration) error {
	p := v.Proof
	refuse := func(format string, args ...any) error {
		return fault.New(fault.Validation, fault.StructureDamaged, "Look at the log of the proof, and at who could write into this backup.",
			"the result of the proof is not one that a proof of backup %s can have: %s", b.ID, fmt.Sprintf(format, args...))
	}
	if since > 0 && time.Duration(p.Restore)*time.Millisecond > since+time.Minute {
		return refuse("it took longer than since it was asked for")
	}
	c := b.Contents
	counted := c != nil && c.Missing == ""
	switch {
	case counted && p.Computed && b.Encryption == "none":
		return refuse("it says that nothing was counted when the backup was made")
	case !counted && !p.Computed && v.OK:
		return refuse("it compared with what was counted when the backup was made, and nothing was")
	case !v.OK || !counted || b.Encryption != "none":
		return nil // what was wrong may have been anything
	case p.OfRows > 0 && p.OfRows != c.Rows:
		return refuse("it says that the backup has %d rows, and it has %d", p.OfRows, c.Rows)
	case p.OfRows == 0 && (p.Tables != c.Tables || p.Rows != c.Rows):
		return refuse("it compared %d rows of %d tables, and the backup has %d of %d", p.Rows, p.Tables, c.Rows, c.Tables)
	case p.OfRows > 0 && v.Level != registry.LevelProvenInPart:
		return refuse("it calls a sample everything")
	}
	return nil
}
