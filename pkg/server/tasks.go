package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/metrics"
	"cofre/pkg/registry"
)

// newScheduler makes the scheduler of a server: backups of each source, and cleanups with the audit trail's.
func (s *Server) newScheduler() *scheduler {
	return &scheduler{
		load: s.Service.Registry.Read, now: s.Now, sleep: s.pause, log: s.Log, tasks: s.tasks,
		failed: func(task string) { s.Metrics.Add(metrics.ScheduleFailures.Of(1, task)) },
	}
}

// tasks lists what is scheduled.
func (s *Server) tasks(ctx context.Context) ([]task, error) {
	var all []task
	if s.CleanupSchedule != nil {
		all = append(all, task{name: "cleanup", schedule: s.CleanupSchedule, last: lastCleanup, do: s.scheduledCleanup})
	}
	sources, err := s.Service.Sources(ctx)
	if err != nil {
		return nil, err
	}
	for _, of := range sources.Sources {
		plan, planned, err := of.Plan()
		if err != nil {
			s.Log.Error("the source has no schedule that can be read", "source", of.Name, "error", err.Error())
		}
		if !planned || of.Paused {
			continue
		}
		all = append(all, task{name: "backup", source: of.Name, schedule: plan, last: lastScheduled(of.Name), lost: lostOne(of.Name),
			do: func(ctx context.Context, o occasion) (bool, error) { return s.scheduledBackup(ctx, of.Name, o) }})
	}
	return all, nil
}

func lastScheduled(source string) func(*registry.View, time.Time) time.Time {
	return func(v *registry.View, now time.Time) time.Time { return v.LastScheduled(source, now) }
}

func lostOne(source string) func(*registry.View) bool {
	return func(v *registry.View) bool { return v.Lost(source) != nil }
}

func lastCleanup(v *registry.View, now time.Time) time.Time {
	if last := v.LastCleanup(); !last.After(now) {
		return last
	}
	return time.Time{}
}

// scheduledBackup makes the backup of a source that was due. Its idempotency key is that time: servers that think of it at the same
// moment reserve the same backup of the source, and one of them makes it. A server whose database is another one than the
// source's is refused, also when another server would make the backup: nobody else ever makes one of its own.
//
// So many wait for their turn as are due, and none is on record before it is its turn: one that waits takes nobody's place.
func (s *Server) scheduledBackup(ctx context.Context, name string, o occasion) (begun bool, err error) {
	service := s.Service
	req := backup.Request{Source: name, Trigger: backup.TriggerSchedule, CreatedBy: backup.Scheduler, IdempotencyKey: o.due.Format(time.RFC3339)}
	note := contract.AuditRecord{Action: "create", RequestID: o.request, Detail: map[string]string{"due": o.due.Format(time.RFC3339), "source": name}}
	all, err := service.Sources(ctx)
	if err != nil {
		return false, err
	}
	of, known := all.Find(name)
	if !known || of.Paused {
		return true, nil // since a moment ago
	}
	if err := service.AdmitSource(ctx, of); fault.HasReason(err, fault.ServerChanged) {
		s.record(ctx, note, o.log, err)
		return false, err
	}
	select {
	case s.launcher.turns <- struct{}{}:
		defer func() { <-s.launcher.turns }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	v, err := service.Registry.Read(ctx)
	if err != nil {
		return false, err
	}
	if b := v.BeingMade(name); service.HoldsUp(b) { // this time's, or one that takes longer than it is to the next: that is left out, as by one server
		o.log.Info("another server makes a backup of this source", "backup_id", b.ID, "due", o.due)
		return true, nil
	}
	b, err := service.ReserveInTurn(ctx, req, func(err error) { o.log.Info("a scheduled backup waits for others to end", "error", err.Error()) })
	log := o.log
	switch {
	case err != nil && ctx.Err() != nil:
		return false, context.Cause(ctx)
	case fault.HasReason(err, fault.Busy):
		log.Info("another server makes a backup of this source", "due", o.due, "error", err.Error())
		return true, nil
	case fault.HasReason(err, fault.AlreadyExists), err == nil && b.Status != registry.InProgress:
		log.Info("another server makes this backup", "backup_id", b.ID, "due", o.due)
		return true, nil
	case err != nil:
		s.record(ctx, note, log, err)
		return false, fmt.Errorf("reserve a backup: %w", err)
	}
	log = log.With("backup_id", b.ID)
	log.Info("scheduled backup", "due", o.due, "late_ms", max(0, s.Now().Sub(o.due).Milliseconds()))
	note.Resource = b.ID
	done := make(chan error, 1)
	err = s.launcher.start("backup", b.ID, func() {
		_, err := s.launcher.run(b.ID)
		select {
		case done <- err:
		default: // of a second run, nobody waits for
		}
	})
	if err != nil { // the server stops at this very moment
		_, err = s.launcher.withdraw(b.ID, err)
	} else {
		err = <-done
	}
	if backup.Elsewhere(err) {
		log.Info("another server makes this backup")
		return true, nil
	}
	if err != nil {
		log.Log(ctx, fault.Level(err), "scheduled backup failed", "code", string(fault.From(err).Code), "reason", string(fault.From(err).Reason), "error", err.Error())
	}
	s.record(ctx, note, log, err)
	return true, err
}

// scheduledCleanup removes expired backups, and what dead runs left; then expired audit records.
func (s *Server) scheduledCleanup(ctx context.Context, o occasion) (begun bool, err error) {
	rep, err := s.Service.Cleanup(ctx, backup.CleanupOptions{By: backup.Scheduler})
	note := contract.AuditRecord{Action: "cleanup", RequestID: o.request, Detail: map[string]string{
		"due": o.due.Format(time.RFC3339), "removed": strconv.Itoa(rep.RemovedCount), "dry_run": "false",
	}}
	if err == nil && len(rep.Failures) > 0 {
		f := rep.Failures[0]
		err = fmt.Errorf("%d backups could not be removed; the first, %s: %w", len(rep.Failures), f.ID,
			&fault.Error{Code: f.Error.Code, Reason: f.Error.Reason, Message: f.Error.Message, Hint: f.Error.Hint})
	}
	s.record(ctx, note, o.log, err)
	if err == nil {
		o.log.Info("scheduled cleanup", "due", o.due, "removed", rep.RemovedCount, "kept", rep.KeptCount, "bytes", rep.FreedBytes)
	}
	begun = err == nil
	// Also when a backup could not be removed: that may stay so for months, and records expire all the same.
	if s.TrimAudit != nil && ctx.Err() == nil {
		if terr := s.TrimAudit(ctx); terr != nil {
			err = errors.Join(err, fmt.Errorf("trim the audit trail: %w", terr))
		}
	}
	return begun, err
}

// record writes scheduled work into the audit trail.
func (s *Server) record(ctx context.Context, r contract.AuditRecord, log *slog.Logger, err error) {
	api.RecordScheduled(ctx, s.Audit, r, log, err)
}

// ended counts a run of this process that has ended.
func (s *Server) ended(b backup.Backup, err error) {
	s.Metrics.Add(metrics.Ended(b, err)...)
	if err == nil {
		s.waits.nudge()
	}
}

var _ api.Launcher = (*launcher)(nil)
