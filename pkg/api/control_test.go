package api_test

import (
	"context"
	"fmt"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// control is api.Control over the registry, for runs of this process that have not begun.
type control struct{ app *app.App }

// Cancel claims a backup that waits to be started and records it as failed.
func (c control) Cancel(ctx context.Context, id, by string) (backup.Backup, error) {
	b, err := c.app.Service.Info(ctx, id)
	if err != nil {
		return b, err
	}
	if b.Status != registry.InProgress {
		return b, fault.New(fault.Validation, fault.Busy, "There is nothing to stop.", "backup %s has ended", id)
	}
	lease, err := c.app.Service.Registry.Claim(ctx, id, by)
	if err != nil {
		return b, err
	}
	if _, err := lease.Fail(ctx, b, fault.New(fault.Canceled, "", "Make another one.", "stopped by %s", by)); err != nil {
		return b, fmt.Errorf("cancel %s: %w", id, err)
	}
	return c.app.Service.Info(ctx, id)
}

func (c control) Settings(ctx context.Context) (registry.Settings, error) {
	x, err := c.app.Service.Registry.Load(ctx)
	if err != nil {
		return registry.Settings{}, err
	}
	return x.Settings, nil
}

func (c control) SaveSettings(ctx context.Context, s registry.Settings) error {
	return c.app.Service.Registry.Update(ctx, func(x *registry.Index) error {
		x.Settings = s
		return nil
	})
}
