package entry

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/metrics"
	"cofre/pkg/pause"
	"cofre/pkg/registry"
)

// Outcome is what a function answers about a backup.
type Outcome struct {
	ID       string          `json:"id"`
	Status   registry.Status `json:"status"`
	Database string          `json:"database,omitempty"`
	File     string          `json:"file,omitempty"`
	Size     int64           `json:"size,omitempty"`     // stored bytes
	Duration int64           `json:"duration,omitempty"` // milliseconds
	Error    *Problem        `json:"error,omitempty"`    // why it failed
}

// Problem is the public part of a record's error.
type Problem struct {
	Code    fault.Code   `json:"code"`
	Reason  fault.Reason `json:"reason,omitempty"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
}

func outcome(b backup.Backup) Outcome {
	o := Outcome{ID: b.ID, Status: b.Status, Database: b.Database, File: b.Filepath, Size: b.Size, Duration: b.Duration}
	if e := b.Error; e != nil {
		o.Error = &Problem{e.Code, e.Reason, e.Message, e.Hint}
	}
	return o
}

// Reserve records a backup that is going to be made.
func Reserve(ctx context.Context, s *Instance, j Job) (any, error) {
	b, err := s.reserve(ctx, j)
	return outcome(b), err
}

func (s *Instance) reserve(ctx context.Context, j Job) (backup.Backup, error) {
	trigger := j.Trigger
	if trigger == "" {
		trigger = backup.TriggerSchedule
	}
	b, err := s.Service.Reserve(ctx, backup.Request{CreatedBy: backup.Scheduler, Trigger: trigger, IdempotencyKey: j.Key})
	if !fault.HasReason(err, fault.Busy) {
		s.record(ctx, contract.AuditRecord{Action: "create", Resource: b.ID}, err)
	}
	return b, err
}

// Engines that a workflow chooses from.
const (
	engineLambda    = "lambda"
	engineContainer = "container"
)

// Plan is where a backup is best made.
type Plan struct {
	backup.Estimate
	Engine string `json:"engine"` // lambda or container
}

// Choose tells which engine a reserved backup takes: this function when it has time enough, a container otherwise.
func Choose(ctx context.Context, s *Instance, j Job) (any, error) {
	e, err := s.Service.Estimate(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	p := Plan{Estimate: e, Engine: engineContainer}
	if e.Fits(remaining(ctx)) {
		p.Engine = engineLambda
	}
	return p, nil
}

// Run makes a reserved backup. When another delivery of the same work is at it, Run waits for its end, so that both give
// the same answer.
func Run(ctx context.Context, s *Instance, j Job) (any, error) {
	b, err := s.run(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	return outcome(b), nil
}

// lookEvery is how often somebody else's run is looked at.
const lookEvery = 2 * time.Second

func (s *Instance) run(ctx context.Context, id string) (backup.Backup, error) {
	for {
		b, err := s.Service.Run(ctx, id, nil)
		if !backup.Elsewhere(err) {
			if b.ID != "" {
				s.emit(metrics.Ended(b, err))
			}
			return b, err
		}
		b, err = s.Service.Info(ctx, id)
		switch {
		case err != nil:
			return b, err
		case b.Status == registry.Success:
			return b, nil
		case b.Status == registry.Failed:
			return b, recorded(b.Error)
		}
		if pause.For(ctx, lookEvery) != nil {
			f := fault.New(fault.BackupCreation, fault.Busy, "Look at it later: cofre status.", "somebody else is still making this backup")
			f.Transient = true
			return b, f
		}
	}
}

// Finalize ends a backup whose run has ended without recording that, because it was killed or timed out: the job's error
// says so. One that has ended is given as it is, and so is any without an error.
func Finalize(ctx context.Context, s *Instance, j Job) (any, error) {
	if j.Error == nil {
		b, err := s.Service.Info(ctx, j.ID)
		if err == nil {
			s.copyNew(ctx, b)
		}
		return outcome(b), err
	}
	before, err := s.Service.Info(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	b, err := s.Service.GiveUp(ctx, j.ID, j.Error.Fault())
	if err != nil {
		return nil, err
	}
	if before.Status == registry.InProgress && b.Status == registry.Failed { // its run could not count it
		s.emit(metrics.Ended(b, recorded(b.Error)))
	}
	return outcome(b), nil
}

// Validate reads a backup back.
func Validate(ctx context.Context, s *Instance, j Job) (any, error) {
	return s.Service.Validate(ctx, j.ID, backup.ValidateOptions{})
}

// Skipped is what a schedule answers whose source has another one, or whose backup of the time before is still being made.
type Skipped struct {
	Skipped string `json:"skipped"` // why
}

// Backup makes a backup of the environment's database because its time has come: by the workflow where there is one, here otherwise.
func Backup(ctx context.Context, s *Instance, j Job) (any, error) {
	name, own, err := s.ownSchedule(ctx)
	if err != nil {
		return nil, err
	}
	if !own {
		return Skipped{fmt.Sprintf("what cofre.yaml says of %q holds, its schedule too", name)}, nil
	}
	if !j.Due.IsZero() { // as a look at what is due calls it
		j.Key = backup.DueKey(j.Due)
	}
	b, err := s.reserve(ctx, j)
	if fault.HasReason(err, fault.Busy) {
		return Skipped{fault.From(err).Message}, nil
	}
	if err != nil {
		return nil, err
	}
	if s.workflow != nil && b.Status == registry.InProgress {
		return outcome(b), s.workflow.Launch(ctx, b.ID)
	}
	b, err = s.run(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	return outcome(b), nil
}

// Swept is what a cleanup did.
type Swept struct {
	Removed int   `json:"removed"`
	Kept    int   `json:"kept"`
	Freed   int64 `json:"freedBytes"`
}

// Cleanup removes expired backups and what dead runs left, then expired audit records, and measures the state of all
// backups whatever came of that.
func Cleanup(ctx context.Context, s *Instance, _ Job) (any, error) {
	out, err := s.sweep(ctx)
	if merr := s.measure(ctx); err == nil {
		err = merr
	}
	s.tellPeople(ctx)
	return out, err
}

func (s *Instance) sweep(ctx context.Context) (Swept, error) {
	r, err := s.Service.Cleanup(ctx, backup.CleanupOptions{By: backup.Scheduler})
	if err == nil && len(r.Failures) > 0 {
		first := r.Failures[0]
		err = fmt.Errorf("%d backups could not be removed; the first, %s: %w", len(r.Failures), first.ID, recorded(first.Error))
	}
	out := Swept{Removed: r.RemovedCount, Kept: r.KeptCount, Freed: r.FreedBytes}
	s.record(ctx, contract.AuditRecord{Action: "cleanup", Detail: map[string]string{"removed": strconv.Itoa(out.Removed), "dry_run": "false"}}, err)
	// Also when a backup could not be removed: that may stay so for months, and records expire all the same.
	if _, terr := s.TrimAudit(ctx); terr != nil && err == nil {
		err = fmt.Errorf("trim the audit trail: %w", terr)
	}
	return out, err
}

// Measure writes the gauges of the state of all backups, and tells people what is news of it.
func Measure(ctx context.Context, s *Instance, _ Job) (any, error) {
	err := s.measure(ctx)
	s.tellPeople(ctx)
	return struct{}{}, err
}

func (s *Instance) measure(ctx context.Context) error {
	o, err := s.Service.Overview(ctx, nil)
	if err != nil {
		return err
	}
	s.emit(metrics.State(o, s.Service.Limits.MaxTotalBytes))
	return nil
}

// emit writes metrics. A metric that is lost fails nothing.
func (s *Instance) emit(samples []metrics.Sample) {
	if err := metrics.EMF(os.Stdout, s.Config().MetricsNamespace, time.Now(), samples); err != nil {
		s.log.Warn("metrics not written", "error", err.Error())
	}
}

// record writes work that no user asked for into the audit trail.
func (s *Instance) record(ctx context.Context, r contract.AuditRecord, err error) {
	r.RequestID = s.invocation()
	api.RecordScheduled(ctx, s.Audit, r, s.log, err)
}
