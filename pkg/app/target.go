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
	url, err := configfile.URL(ctx, t.Connection, fmt.Sprintf("target %q", name), c.getenv, secret.URL)
	if err != nil {
		return postgres.Target{}, err
	}
	to, err := postgres.ParseTarget(url, c.getenv)
	if err != nil {
		return postgres.Target{}, fmt.Errorf("target %s: %w", name, err)
	}
	return to.WithDatabase(database), nil
}

// proofTarget is the connection to the server of a target of the file that allows proofs.
func (c Config) proofTarget(ctx context.Context, name string) (postgres.Target, error) {
	if t := c.File.Target(name); t != nil && !t.Allows(configfile.AllowProof) {
		return postgres.Target{}, fault.New(fault.Validation, fault.InvalidInput, "What may be done at a target is in cofre.yaml, under allow: [proof] lets proofs be made there.",
			"the target %s does not allow proofs", name)
	}
	return c.RestoreTarget(ctx, name, "")
}

// checkProofTarget refuses a BACKUP_PROOF_TARGET where no proof can be made.
func (c Config) checkProofTarget() error {
	if t := c.File.Target(c.ProofTarget); c.ProofTarget != "" && (t == nil || !t.Allows(configfile.AllowProof)) {
		return fault.New(fault.Validation, fault.InvalidInput, "Name a target of cofre.yaml with allow: [proof], or leave the variable out: then proofs are made in servers of their own.",
			"BACKUP_PROOF_TARGET names no target of cofre.yaml that allows proofs")
	}
	return nil
}

// targets are those of the file, and what each allows.
func (c Config) targets() []backup.RestoreTarget {
	var all []backup.RestoreTarget
	for _, t := range c.File.Targets {
		to := backup.RestoreTarget{Name: t.Name, Switch: t.Allows(configfile.AllowSwitch)}
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
