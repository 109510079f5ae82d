package backup

import (
	"context"
	"time"

	"cofre/pkg/dbname"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// SwitchOrder asks for a switch at a target.
type SwitchOrder struct {
	Target   string
	Database string // the name that From takes
	From     string // the database that was restored; or to undo that, the one that was kept
	Keep     string // the name under which the database that has the name is kept; "" is one with the time
	// Confirm repeats Database, where a database has that name and would lose it.
	Confirm string
	// Restore is the id of the one whose record is to say what its database is called; "" for none.
	Restore string
	By      string
}

// request is what an order asks for, of Service.Switch and Service.LookAtSwitch.
func (o SwitchOrder) request() SwitchRequest {
	return SwitchRequest{Target: o.Target, Database: o.Database, From: o.From, Keep: o.Keep, Free: o.Confirm != o.Database}
}

// PlanSwitch tells what the switch of an order would do, and refuses what it would. Nothing need be confirmed.
func (s *Service) PlanSwitch(ctx context.Context, o SwitchOrder) (Switched, error) {
	if _, err := s.checkSwitch(ctx, o); err != nil {
		return Switched{}, err
	}
	return s.LookAtSwitch(ctx, o.request())
}

// SwitchTo makes the switch of an order. The same order with the names the other way round undoes it. That the record of its restore does not say
// so is no reason to fail.
func (s *Service) SwitchTo(ctx context.Context, o SwitchOrder) (Switched, error) {
	x, err := s.checkSwitch(ctx, o)
	if err != nil {
		return Switched{}, err
	}
	done, err := s.Switch(ctx, o.request())
	if err != nil || o.Restore == "" {
		return done, err
	}
	to, _ := switchedTo(x, done)
	if to != nil {
		to.By, to.At = o.By, s.Now().UTC().Truncate(time.Millisecond)
	}
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if _, err := s.Registry.NoteSwitch(noting, o.Restore, to); err != nil {
		s.Log.Error("databases were switched, which the record of the restore does not say", "restore_id", o.Restore, "database", done.Database, "from", done.From, "kept", done.Kept, "error", err.Error())
	}
	return done, nil
}

// checkSwitch refuses an order by what it says, and gives the restore that it is about.
func (s *Service) checkSwitch(ctx context.Context, o SwitchOrder) (x registry.Restore, err error) {
	t, err := s.target(o.Target)
	if err != nil {
		return x, err
	}
	if !t.Switch {
		return x, invalid("What may be done at a target is in cofre.yaml, under allow: [switch] lets databases be renamed there.", "the target %s does not allow databases to take each other's place", t.Name)
	}
	for _, name := range []string{o.Database, o.From, o.Keep} {
		if name == "" && name == o.Keep {
			continue
		}
		if err := dbname.CheckRequested(name); err != nil {
			return x, err
		}
		if err := s.restoringAlready(ctx, RestoreOrder{Target: o.Target, Database: name}, ""); err != nil {
			return x, err
		}
	}
	if o.Restore == "" {
		return x, nil
	}
	if x, err = s.RestoreStatus(ctx, o.Restore); err != nil {
		return x, err
	}
	if _, of := switchedTo(x, Switched{Database: o.Database, From: o.From}); !of || x.Target != o.Target || x.State != registry.RestoreSucceeded {
		return x, fault.New(fault.Validation, fault.InvalidInput, "Look at that restore: it says what its database is called now.", "restore %s did not restore one of these databases at target %s", x.ID, o.Target)
	}
	return x, nil
}

// switchedTo is what the record of a restore says after a switch: where its database is now, nil under the name that it was restored under. of reports
// whether the switch concerns that database at all.
func switchedTo(x registry.Restore, done Switched) (to *registry.SwitchedTo, of bool) {
	now := x.Database
	if x.Switched != nil {
		now = x.Switched.Database
	}
	to = &registry.SwitchedTo{Database: done.Database, Kept: done.Kept}
	switch now {
	case done.From:
	case done.Database: // it is the one that is kept
		to = &registry.SwitchedTo{Database: done.Kept}
	default:
		return nil, false
	}
	if to.Database == x.Database {
		to = nil
	}
	return to, true
}
