package entry

import (
	"context"
	"fmt"
	"os"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/metrics"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
)

// Outcome is what a function answers about a backup.
type Outcome struct {
	ID       string          `json:"id"`
	Status   registry.Status `json:"status"`
	Database string          `json:"database,omitempty"`
	File     string          `json:"file,omitempty"`
	Size     int64           `json:"size,omitempty"`     // stored bytes
	Duration int64           `json:"duration,omitempty"` // milliseconds
	Code     fault.Code      `json:"code,omitempty"`     // why it failed
	Reason   fault.Reason    `json:"reason,omitempty"`
	Message  string          `json:"message,omitempty"`
}

func outcome(b backup.Backup) Outcome {
	o := Outcome{ID: b.ID, Status: b.Status, Database: b.Database, File: b.Filepath, Size: b.Size, Duration: b.Duration}
	if b.Error != nil {
		o.Code, o.Reason, o.Message = b.Error.Code, b.Error.Reason, b.Error.Message
	}
	return o
}

// scheduler is who makes what no user asked for.
const scheduler = "schedule"

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
	return s.Service.Reserve(ctx, backup.Request{CreatedBy: scheduler, Trigger: trigger, IdempotencyKey: j.Key})
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

func (s *Instance) run(ctx context.Context, id string) (backup.Backup, error) {
	b, err := s.Service.Run(ctx, id, nil)
	switch {
	case fault.HasReason(err, fault.Busy), fault.HasReason(err, fault.AlreadyExists):
		return s.follow(ctx, id)
	case b.ID != "":
		s.emit(ctx, metrics.Ended(b, err))
	}
	return b, err
}

// followEvery is how often somebody else's run is looked at.
const followEvery = 2 * time.Second

// follow waits for the end of a backup that somebody else makes, or has made.
func (s *Instance) follow(ctx context.Context, id string) (backup.Backup, error) {
	for {
		b, err := s.Service.Info(ctx, id)
		if err != nil {
			return b, err
		}
		switch b.Status {
		case registry.Success:
			return b, nil
		case registry.Failed:
			return b, recorded(b.Error)
		}
		select {
		case <-ctx.Done():
			f := fault.New(fault.BackupCreation, fault.Busy, "Look at it later: cofre status.", "somebody else is still making this backup")
			f.Transient = true
			return b, f
		case <-time.After(followEvery):
		}
	}
}

// Finalize ends a backup whose run has ended without recording that, because it was killed or timed out: the job's error
// says so. One that has ended is given as it is, and so is any without an error.
func Finalize(ctx context.Context, s *Instance, j Job) (any, error) {
	if j.Error == nil {
		b, err := s.Service.Info(ctx, j.ID)
		return outcome(b), err
	}
	b, err := s.Service.GiveUp(ctx, j.ID, j.Error.Fault())
	if err != nil {
		return nil, err
	}
	return outcome(b), nil
}

// Validate reads a backup back.
func Validate(ctx context.Context, s *Instance, j Job) (any, error) {
	return s.Service.Validate(ctx, j.ID, backup.ValidateOptions{})
}

// Backup makes a backup because its time has come: by the workflow where there is one, here otherwise.
func Backup(ctx context.Context, s *Instance, j Job) (any, error) {
	b, err := s.reserve(ctx, j)
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
	Failed  int   `json:"failed"`
}

// Cleanup removes expired backups and what dead runs left, and then measures the state of all backups.
func Cleanup(ctx context.Context, s *Instance, _ Job) (any, error) {
	r, err := s.Service.Cleanup(ctx, backup.CleanupOptions{})
	out := Swept{Removed: len(r.Removed), Kept: len(r.Kept), Freed: r.FreedBytes, Failed: len(r.Failures)}
	if merr := s.measure(ctx); err == nil {
		err = merr
	}
	return out, err
}

// Measure writes the gauges of the state of all backups.
func Measure(ctx context.Context, s *Instance, _ Job) (any, error) {
	return struct{}{}, s.measure(ctx)
}

func (s *Instance) measure(ctx context.Context) error {
	x, err := s.Service.Registry.Load(ctx)
	if err != nil {
		return err
	}
	expect := metrics.Expectation{QuotaBytes: s.Service.Limits.MaxTotalBytes, Database: s.Service.Engine.Database()}
	if line := s.Config().Schedule; line != "" {
		plan, err := schedule.Parse(line)
		if err != nil {
			return fmt.Errorf("BACKUP_SCHEDULE: %w", err)
		}
		expect.Schedule = plan
	}
	s.emit(ctx, metrics.State(time.Now(), x, expect))
	return nil
}

// emit writes metrics. A metric that is lost fails nothing.
func (s *Instance) emit(ctx context.Context, samples []metrics.Sample) {
	if err := metrics.EMF(os.Stdout, time.Now(), samples); err != nil {
		s.log.WarnContext(ctx, "metrics not written", "error", err.Error())
	}
}
