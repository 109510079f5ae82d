package entry

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// RestoreOutcome is what a function answers about a restore.
type RestoreOutcome struct {
	ID         string                `json:"id"`
	State      registry.RestoreState `json:"state"`
	HalfFilled bool                  `json:"halfFilled,omitempty"`
	Error      *Problem              `json:"error,omitempty"` // why it did not succeed
}

// SettleRestore gives the record of a restore whose container has ended. One that nobody has begun by then is ended: the container
// could not be started, or ended at once. One that still runs goes on somewhere, or was killed: it is interrupted once its lease is over, so that
// whoever asks again sees its end.
func SettleRestore(ctx context.Context, s *Instance, j Job) (any, error) {
	x, err := s.Service.RestoreStatus(ctx, j.ID)
	if err == nil && x.State == registry.RestoreReserved && j.Error != nil {
		if x, err = s.Service.WithdrawRestore(ctx, j.ID, notStarted(j.Error)); backup.Elsewhere(err) {
			x, err = s.Service.RestoreStatus(ctx, j.ID)
		}
	}
	if err != nil {
		return nil, err
	}
	o := RestoreOutcome{ID: x.ID, State: x.State, HalfFilled: x.HalfFilled}
	if e := x.Error; e != nil {
		o.Error = &Problem{e.Code, e.Reason, e.Message, e.Hint}
	}
	return o, nil
}

// notStarted is why nobody began a restore. What Step Functions says besides is in its execution: it may name what is nobody's business.
func notStarted(c *Caught) error {
	return fault.New(fault.BackupCreation, fault.NotStarted, "Whoever runs cofre finds the reason in the execution of the workflow for restores. Nothing was changed: ask for the restore again.",
		"the container that was to make the restore did not begin it (%.100s)", c.Error)
}

// Proving is what a schedule of proofs has begun.
type Proving struct {
	IDs []string `json:"ids"` // of the backups that are being proven, or were because of this event
}

// Prove has the newest good whole backup of each source proven, because its time has come. A source whose backup cannot be proven does not
// keep others from it, and fails the invocation in the end.
func Prove(ctx context.Context, s *Instance, j Job) (any, error) {
	if s.workflow == nil {
		return nil, fault.New(fault.Validation, fault.TargetLacks, "Deploy with ProofImage.", "no proofs are made here")
	}
	refs, err := s.Service.LatestProvable(ctx)
	if err != nil {
		return nil, err
	}
	out := Proving{IDs: []string{}}
	var failed error
	for _, ref := range refs {
		id, begun, err := s.scheduledProof(ctx, ref, j.Due)
		if begun || err != nil {
			s.record(ctx, proofNote(id), err)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("prove %s: %w", id, err))
			continue
		}
		out.IDs = append(out.IDs, id)
	}
	return out, failed
}

// scheduledProof has a backup proven, unless an earlier delivery of the same event has seen to that.
func (s *Instance) scheduledProof(ctx context.Context, ref string, due time.Time) (id string, begun bool, err error) {
	b, err := s.Service.Provable(ctx, ref)
	if err != nil {
		return ref, false, err
	}
	last, err := s.Service.LastAttempt(ctx, b.ID)
	if err != nil {
		return b.ID, false, err
	}
	if last != nil && last.By == backup.Scheduler && !due.IsZero() && !last.AskedAt.Before(due) {
		return b.ID, false, nil
	}
	return b.ID, true, s.launchProof(ctx, b.ID, backup.Scheduler)
}

// launchProof puts a proof on record and starts the workflow that makes it.
func (s *Instance) launchProof(ctx context.Context, id, by string) error {
	return s.Service.LaunchProof(ctx, id, by, true, func(asked *backup.AskedProof) error { return s.workflow.LaunchProof(ctx, id, asked.At()) })
}

// proofNote is what the audit trail has of a proof that was asked for by schedule.
func proofNote(ref string) contract.AuditRecord {
	if registry.ValidID(ref) {
		return contract.AuditRecord{Action: "prove", Resource: ref}
	}
	return contract.AuditRecord{Action: "prove", Detail: map[string]string{"ref": fault.Shorten(ref, 100)}}
}

// ProofOutcome is what a function answers about a proof.
type ProofOutcome struct {
	ID    string              `json:"id"` // of the backup
	State registry.ProofState `json:"state"`
	Error *Problem            `json:"error,omitempty"` // why it could not be made
}

// OrderProof orders a proof, which the container makes without credentials; see [backup.Service.OrderProof].
func OrderProof(ctx context.Context, s *Instance, j Job) (any, error) {
	return s.Service.OrderProof(ctx, j.ID)
}

// RenewProof renews the order of a proof that is being made.
func RenewProof(ctx context.Context, s *Instance, j Job) (any, error) {
	return struct{}{}, s.Service.RenewProof(ctx, j.ID, j.Order)
}

// SettleProof ends a proof whose container has ended. What came of one that was ordered is recorded here; one that nobody has begun by then could
// not be made.
func SettleProof(ctx context.Context, s *Instance, j Job) (any, error) {
	if j.Order == "" {
		return s.withdrawProof(ctx, j)
	}
	x, err := s.Service.SettleOrder(ctx, j.ID, j.Order, proofNotBegun(j.Error))
	if err != nil {
		return nil, err
	}
	o := ProofOutcome{ID: j.ID, State: x.State}
	note := proofNote(j.ID)
	var failed error
	if e := x.Error; e != nil {
		o.Error, failed = &Problem{e.Code, e.Reason, e.Message, e.Hint}, recorded(e)
	} else {
		note.Detail = map[string]string{"proven": strconv.FormatBool(x.State == registry.ProofProven)}
	}
	s.record(ctx, note, failed)
	return o, nil
}

// proofNotBegun is why a container has not begun a proof; nil where nobody says that.
func proofNotBegun(c *Caught) error {
	if c == nil {
		return nil
	}
	return fault.New(fault.BackupCreation, fault.NotStarted, "Whoever runs cofre finds the reason in the execution of the workflow for proofs. Ask for the proof again.",
		"the container that was to make the proof did not begin it (%.100s)", c.Error)
}

// withdrawProof ends the record of a proof that could not be ordered.
func (s *Instance) withdrawProof(ctx context.Context, j Job) (any, error) {
	cause := proofNotBegun(j.Error)
	if j.Error != nil {
		if f := fault.From(j.Error.Fault()); fault.Known(fault.Code(strings.TrimSuffix(j.Error.Error, transient))) { // as this function has said
			cause = f
		}
	}
	a, err := s.Service.LastAttempt(ctx, j.ID)
	if err == nil && j.Error != nil {
		a, err = s.Service.SettleProof(ctx, j.ID, cause)
	}
	if err != nil {
		return nil, err
	}
	o := ProofOutcome{ID: j.ID, State: registry.ProofFailed}
	if a != nil {
		o.State = a.State
		if e := a.Error; e != nil {
			o.Error = &Problem{e.Code, e.Reason, e.Message, e.Hint}
		}
	}
	return o, nil
}
