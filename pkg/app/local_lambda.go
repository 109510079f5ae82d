//go:build lambda

package app

import (
	"context"

	"cofre/pkg/fault"
)

// openLocal refuses a local directory: a function's disk goes with it, so the store of local directories is not
// linked into functions.
func (a *App) openLocal(context.Context, Config, Options) error {
	return fault.New(fault.Validation, fault.InvalidInput, "Set BACKUP_DIRECTORY=s3://bucket/prefix.",
		"BACKUP_DIRECTORY is a local directory, and a Lambda function keeps nothing on its disk")
}
