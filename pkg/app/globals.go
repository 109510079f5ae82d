package app

import (
	"context"

	"cofre/pkg/backup"
	"cofre/pkg/postgres"
)

// Globals implements backup.Engine.
func (e *database) Globals(ctx context.Context, o backup.RestoreOptions, script []byte, look bool) (backup.GlobalsReport, error) {
	t, err := e.restoreTarget(ctx, o)
	if err != nil {
		return backup.GlobalsReport{}, err
	}
	g, err := postgres.ParseGlobals(script)
	if err != nil {
		return backup.GlobalsReport{}, err
	}
	retries := e.retries()
	if look {
		retries = postgres.Policy{}
	}
	made, err := g.Make(ctx, t, retries, look)
	return backup.GlobalsReport(made), err
}
