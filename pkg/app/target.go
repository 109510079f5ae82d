package app

import (
	"context"
	"fmt"

	"cofre/pkg/backup"
	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/registry"
	"cofre/pkg/secret"
)

// RestoreTarget is the connection to a database of a target of the file, which may not exist yet; "" for none in particular. A name that
// is not in the file leads nowhere. Where the connection is a secret, it is read now. Errors name the target, never its connection.
func (c Config) RestoreTarget(ctx context.Context, name, database string) (postgres.Target, error) {
	t := c.File.Target(name)
	if t == nil {
		return postgres.Target{}, fault.New(fault.Validation, fault.NotFound, "Name servers to restore to under targets in cofre.yaml, the file that BACKUP_CONFIG leads to.", "there is no target of this name in cofre.yaml")
	}
	url, err := t.URL(ctx, c.getenv, secret.URL)
	if err != nil {
		return postgres.Target{}, err
	}
	to, err := postgres.ParseTarget(url, c.getenv)
	if err != nil {
		return postgres.Target{}, fmt.Errorf("target %s: %w", name, err)
	}
	return to.WithDatabase(database), nil
}

// targets are those of the file, and what each allows.
func (c Config) targets() []backup.RestoreTarget {
	var all []backup.RestoreTarget
	for _, t := range c.File.Targets {
		to := backup.RestoreTarget{Name: t.Name}
		for _, m := range []struct{ allow, mode string }{
			{configfile.AllowNew, registry.RestoreNew}, {configfile.AllowReplace, registry.RestoreReplace}, {configfile.AllowPart, registry.RestorePart},
		} {
			if t.Allows(m.allow) {
				to.Modes = append(to.Modes, m.mode)
			}
		}
		all = append(all, to)
	}
	return all
}
