package backup

import (
	"context"
	"strings"
	"time"

	"cofre/pkg/registry"
)

// PinOptions say for how long a backup is pinned, why and by whom.
type PinOptions struct {
	Until  time.Time // zero: until somebody takes the pin off
	Reason string
	By     string
}

// maxPinYears is how far ahead a pin may end.
const maxPinYears = 100

// Pin keeps a backup from being removed, by retention and by hand. A pin that is there already is replaced.
func (s *Service) Pin(ctx context.Context, ref string, o PinOptions) (Backup, error) {
	o.Reason = strings.TrimSpace(o.Reason)
	if err := registry.CheckPinReason(o.Reason); err != nil {
		return Backup{}, err
	}
	now := s.Now()
	if !o.Until.IsZero() && (!o.Until.After(now) || o.Until.After(now.AddDate(maxPinYears, 0, 0))) {
		return Backup{}, invalid("Name a day to come, within a hundred years.", "a pin cannot end on %s", o.Until.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	b, err := s.Info(ctx, ref)
	if err != nil {
		return b, err
	}
	b, err = s.Registry.SetPin(ctx, b.ID, &registry.Pin{At: now, By: o.By, Until: o.Until, Reason: o.Reason})
	if err == nil {
		s.Log.Info("backup pinned", "backup_id", b.ID)
	}
	return b, err
}

// Unpin takes a backup's pin off. Where there is none it changes nothing.
func (s *Service) Unpin(ctx context.Context, ref string) (Backup, error) {
	b, err := s.Info(ctx, ref)
	if err != nil {
		return b, err
	}
	b, err = s.Registry.SetPin(ctx, b.ID, nil)
	if err == nil {
		s.Log.Info("pin taken off", "backup_id", b.ID)
	}
	return b, err
}
