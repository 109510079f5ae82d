package entry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/registry"
)

const (
	// dueTime is for how long one look waits for places for what is due; the next one goes on.
	dueTime = 4 * time.Minute
	// awaitPlace is how long it waits before it looks again whether a backup has ended.
	awaitPlace = 10 * time.Second
	// ownTime is how late a backup of the environment's database is before a look begins it: it has a schedule of its own, which delivers again
	// and again what was not taken.
	ownTime = 15 * time.Minute
	// launches is how often it is tried to start a workflow.
	launches = 3
)

// StartedDue is what a look at what is due has begun.
type StartedDue struct {
	Started []Begun  `json:"started"`
	LeftOut []string `json:"leftOut,omitempty"` // sources whose backup of the time before is still being made
	Waiting int      `json:"waiting"`           // for others to end; the next look begins them
}

// Begun is one backup that a look has begun, or that another delivery of the same look has.
type Begun struct {
	Source string          `json:"source"`
	Due    time.Time       `json:"due"`
	ID     string          `json:"id"`
	Status registry.Status `json:"status"`
}

// StartDue begins the scheduled backups of all sources whose time has come; see [backup.Service.Due]. Each is known by its source and its time, so that a
// look that is delivered twice begins one. No more are begun than may be made at once: the others wait for theirs to end. A source that fails keeps no other
// from its backup, and fails the invocation in the end.
func StartDue(ctx context.Context, s *Instance, j Job) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, dueTime)
	defer cancel()
	all, err := s.Service.Sources(ctx)
	if err != nil {
		return nil, err
	}
	due, failed, err := s.Service.Due(ctx, all, s.Config().FileChanged)
	if err != nil {
		return nil, err
	}
	// People are told of what is on record: which databases of followed servers are gone, and which came back. It keeps no backup waiting.
	if err := s.Service.NoteVanished(ctx, all); err != nil && ctx.Err() == nil {
		s.log.Warn("databases that are gone were not put on record", "error", err.Error())
	}
	now := time.Now()
	due = slices.DeleteFunc(due, func(d backup.Due) bool {
		return d.Source.Origin.Environment() && now.Sub(d.At) < ownTime
	})
	out := StartedDue{Started: []Begun{}}
	for len(due) > 0 {
		b, err := s.begin(ctx, due[0])
		if fault.HasReason(err, fault.LimitReached) {
			if pause.For(ctx, awaitPlace) != nil {
				out.Waiting = len(due)
				break
			}
			continue
		}
		if errors.Is(err, errLeftOut) {
			out.LeftOut = append(out.LeftOut, due[0].Source.Name)
		} else if err != nil {
			failed[due[0].Source.Name] = err
		} else {
			out.Started = append(out.Started, Begun{due[0].Source.Name, due[0].At.UTC(), b.ID, b.Status})
		}
		due = due[1:]
	}
	return out, errors.Join(notBegun(failed), s.copyLate(context.WithoutCancel(ctx), now))
}

// notBegun says which sources' backups could not be begun, and why, as the first of them failed; nil where all could.
func notBegun(failed map[string]error) error {
	if len(failed) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(failed))
	first := *fault.From(failed[names[0]])
	var said []string
	for _, name := range names {
		first.Err = errors.Join(first.Err, fmt.Errorf("source %s: %w", name, failed[name]))
		said = append(said, fmt.Sprintf("%s (%s)", name, fault.From(failed[name]).Message))
	}
	first.Message = fault.Shorten("backups that are due could not be begun: "+strings.Join(said, ", "), fault.MaxText)
	return &first
}

// errLeftOut says that the backup of the time before is still being made: no second one is begun beside it.
var errLeftOut = errors.New("left out")

// begin reserves a backup that is due and starts the workflow that makes it; without one it is made here.
func (s *Instance) begin(ctx context.Context, d backup.Due) (backup.Backup, error) {
	b, err := s.Service.Reserve(ctx, backup.Request{Source: d.Source.Name, CreatedBy: backup.Scheduler, Trigger: backup.TriggerSchedule, IdempotencyKey: d.Key()})
	switch {
	case fault.HasReason(err, fault.LimitReached):
		return b, err
	case fault.HasReason(err, fault.Busy):
		return b, errLeftOut
	}
	s.record(ctx, contract.AuditRecord{Action: "create", Resource: b.ID, Detail: map[string]string{"due": d.Key(), "source": d.Source.Name}}, err)
	if err != nil || b.Status != registry.InProgress {
		return b, err
	}
	if s.workflow == nil {
		made, err := s.run(ctx, b.ID)
		return made, err
	}
	err = launched(ctx, func() error { return s.workflow.Launch(ctx, b.ID) })
	if err != nil { // it is on record as failed, so that people see it where they look for the backup
		if w, werr := s.Service.Withdraw(context.WithoutCancel(ctx), b.ID, err); werr == nil {
			b = w
		} else if !backup.Elsewhere(werr) {
			err = errors.Join(err, werr)
		}
	}
	return b, err
}

// launched starts an execution, again where that may help.
func launched(ctx context.Context, start func() error) error {
	for n := 1; ; n++ {
		err := start()
		if err == nil || n == launches || !fault.From(err).Transient || pause.For(ctx, time.Duration(n)*time.Second) != nil {
			return err
		}
	}
}

// ownSchedule tells whether what the stack's own schedule makes is there to be made by it: the environment's database is. Where cofre.yaml has a source of
// that name, what stands there counts, its schedule too.
func (s *Instance) ownSchedule(ctx context.Context) (name string, own bool, err error) {
	all, err := s.Service.Sources(ctx)
	if err != nil {
		return "", false, err
	}
	of, found := all.Find(all.Default)
	return cmp.Or(of.Name, all.Default), !found || of.Origin.Environment(), nil
}
