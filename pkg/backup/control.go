package backup

import (
	"context"
	"fmt"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Cancel asks for the end of a backup that is being made, on behalf of by. It ends within seconds, as failed with the
// code CanceledError and the reason canceled_by_user. One that has ended is refused: busy.
func (s *Service) Cancel(ctx context.Context, id, by string) (Backup, error) {
	b, err := s.Info(ctx, id)
	if err != nil {
		return b, err
	}
	over := fault.New(fault.Validation, fault.Busy, "There is nothing to stop.", "backup %s has ended", b.ID)
	if b.Status != registry.InProgress {
		return b, over
	}
	err = s.Registry.Cancel(ctx, b.ID, by)
	if fault.HasReason(err, fault.AlreadyExists) {
		return b, over
	}
	if err != nil {
		return b, err
	}
	s.Log.Info("backup canceled", "backup_id", b.ID, "database", b.Database)
	return s.Info(ctx, b.ID)
}

// GiveUp records that a backup failed whose run is known to be dead, and removes what it left. A backup that has ended
// before is given as it is.
func (s *Service) GiveUp(ctx context.Context, id string, cause error) (Backup, error) {
	b, err := s.Registry.GiveUp(ctx, id, cause)
	if err == nil && b.Status == registry.Failed {
		s.Log.Warn("backup abandoned", "backup_id", id, "error", cause.Error())
	}
	return b, err
}

// Withdraw records that a backup failed because whoever was to start it cannot. One that was started elsewhere goes on: busy.
// One that has ended is already_exists.
func (s *Service) Withdraw(ctx context.Context, id string, cause error) (Backup, error) {
	f := *fault.From(cause)
	f.Reason = fault.NotStarted
	b, err := s.Registry.Withdraw(ctx, id, &f)
	if err == nil {
		s.Log.Warn("backup abandoned before it was started", "backup_id", id, "error", cause.Error())
	}
	return b, err
}

// Settings gives the settings that count: those saved in the registry, or the environment's where none were saved.
func (s *Service) Settings(ctx context.Context) (registry.Settings, error) {
	v, err := s.Registry.Read(ctx)
	if err != nil {
		return registry.Settings{}, err
	}
	return s.SettingsOf(v.Settings()), nil
}

// SettingsOf gives the settings that count, where the registry says these: those that were saved, or the environment's.
func (s *Service) SettingsOf(saved registry.Settings) registry.Settings {
	if saved.SavedAt != nil {
		return s.fixed(saved)
	}
	return s.fixed(registry.Settings{MaxBackups: s.Limits.MaxBackups, RetentionDays: s.Limits.RetentionDays, DefaultDirectory: s.Defaults.Directory})
}

// SaveSettings replaces the settings for every door, and gives them as saved. They count from then on, whatever the
// environment says. expect, when it is not nil, is asked whether those that count until then are the ones that the caller
// has seen; it is asked where nobody can come in between. When they are not, nothing is changed: precondition_failed. by is who saves them.
func (s *Service) SaveSettings(ctx context.Context, set registry.Settings, by string, expect func(registry.Settings) bool) (registry.Settings, error) {
	if set.RetentionDays < 0 || set.RetentionDays > 36500 || set.MaxBackups < 0 || set.MaxBackups > 1_000_000 {
		return set, invalid("Use 0 to 36500 days and 0 to 1000000 backups; 0 is no limit.", "these settings are out of range")
	}
	if fixed := s.fixed(set); fixed.RetentionDays != set.RetentionDays || fixed.MaxBackups != set.MaxBackups {
		return set, invalid("Change it there, and save the rest as it is.", "days or maxBackups stand in cofre.yaml, under retention: %d days, %d backups", fixed.RetentionDays, fixed.MaxBackups)
	}
	dir := Request{Directory: set.DefaultDirectory}
	if err := checkDirectory(&dir); err != nil {
		return set, err
	}
	if err := s.allowed(dir.Directory); err != nil {
		return set, err
	}
	set.DefaultDirectory = dir.Directory
	set, err := s.Registry.SaveSettings(ctx, set, s.Now(), func(x *registry.Index) error {
		if expect == nil || expect(s.SettingsOf(x.Settings)) {
			return nil
		}
		return fault.New(fault.Validation, fault.Precondition, "Nothing was saved. Read them again, and save what you want to change of those.",
			"the settings were changed by somebody else meanwhile")
	})
	if err == nil {
		s.tell(event.Event{Kind: event.SettingsChanged, By: by, Detail: fmt.Sprintf("retentionDays %d, maxBackups %d, defaultDirectory %q", set.RetentionDays, set.MaxBackups, set.DefaultDirectory)})
	}
	return set, err
}

// Elsewhere tells whether a run ended at once because another one makes the backup, has made it, or is just reserving it
// (its record is seen a moment before it can be claimed).
func Elsewhere(err error) bool {
	return fault.HasReason(err, fault.Busy) || fault.HasReason(err, fault.AlreadyExists) || fault.HasReason(err, fault.NotFound)
}
