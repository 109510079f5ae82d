package api

import (
	"cmp"
	"context"
	"strconv"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

// switchDatabases puts a restored database in the place of another, or says what that would do.
func (a *API) switchDatabases(ctx context.Context, c *call) (answer, error) {
	var body contract.SwitchRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	o := backup.SwitchOrder{Target: body.Target, Database: body.Database, From: body.From, Keep: body.Keep, Confirm: body.Confirm, Restore: body.Restore, By: c.caller.Subject}
	do := a.Service.SwitchTo
	if body.DryRun {
		do = a.Service.PlanSwitch
	}
	c.note("dry_run", strconv.FormatBool(body.DryRun))
	within := cmp.Or(a.PlanTime, planTime)
	working, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	done, err := do(working, o)
	switch {
	case err != nil && working.Err() != nil && ctx.Err() == nil:
		return answer{}, fault.Wrap(err, fault.DatabaseConnection, fault.Timeout,
			"Look what the databases are called, with dryRun. If nothing was changed, end the sessions that hold them, and ask for it again.",
			"the switch took longer than %s; either both names were changed or none", within)
	case err != nil:
		return answer{}, err
	}
	c.resource = body.Restore
	c.note("target", body.Target) // what is refused may be a connection
	c.note("database", done.Database)
	c.note("from", done.From)
	if done.Kept != "" {
		c.note("kept", done.Kept)
	}
	return ok(contract.SwitchReport{
		DryRun: body.DryRun, Target: body.Target, Database: done.Database, From: done.From, Kept: done.Kept, Sessions: done.Sessions,
		Connected: each(done.Connected, func(s backup.Connected) contract.SwitchSession {
			return contract.SwitchSession{Database: s.Database, Role: s.Role, Application: s.Application, Address: s.Address, Sessions: s.Sessions}
		}),
	}), nil
}
