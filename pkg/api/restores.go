package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// restoreTargets lists where restores may go.
func (a *API) restoreTargets(context.Context, *call) (answer, error) {
	out := contract.ListRestoreTargetsResponse{Targets: []contract.RestoreTarget{}}
	if a.LaunchRestore == nil {
		return ok(out), nil
	}
	for _, t := range a.Service.Targets {
		out.Targets = append(out.Targets, contract.RestoreTarget{Name: t.Name, Switch: t.Switch, Modes: each(t.Modes, func(m string) contract.RestoreMode { return contract.RestoreMode(m) })})
	}
	return ok(out), nil
}

// createRestore reserves a restore and hands it to whoever makes it.
func (a *API) createRestore(ctx context.Context, c *call) (answer, error) {
	var params contract.CreateRestoreParams
	order, err := a.restoreOrder(c, &params)
	if err != nil {
		return answer{}, err
	}
	order.IdempotencyKey, order.Look = params.IdempotencyKey, a.serves("planRestore")
	x, err := a.Service.StartRestore(ctx, order)
	if err != nil {
		return answer{}, err
	}
	c.resource = x.ID
	c.noteRestore(x)
	if x.State == registry.RestoreReserved { // not one that an earlier delivery of this request has begun
		if err := a.LaunchRestore(ctx, x); err != nil {
			if !x.CreatedAt.Before(c.started.Truncate(time.Millisecond)) { // an earlier one may wait elsewhere
				a.abandonRestore(ctx, c, x.ID, err)
			}
			return answer{}, fmt.Errorf("start restore %s: %w", x.ID, err)
		}
	}
	return accepted(restoreLocation(x.ID), restore(x)), nil
}

// restoreOrder reads what createRestore and planRestore get; params may be nil.
func (a *API) restoreOrder(c *call, params any) (backup.RestoreOrder, error) {
	var body contract.CreateRestoreRequest
	if err := c.read(params, &body); err != nil {
		return backup.RestoreOrder{}, err
	}
	if a.LaunchRestore == nil {
		return backup.RestoreOrder{}, fixed(fault.Validation, fault.InvalidInput, "Ask a cofre server; on AWS, restores need the parameters ContainerImage and ConfigurationKey.", "no restores are made here")
	}
	c.note("backup", fault.Shorten(body.Backup, 100))
	c.note("mode", fault.Shorten(string(body.Mode), 100))
	p := body.Part
	return backup.RestoreOrder{
		Backup: body.Backup, Target: body.Target, Database: body.Database, Mode: string(body.Mode), Confirm: body.Confirm, Globals: body.Globals,
		NoOwner: body.NoOwner, NoPrivileges: body.NoPrivileges, By: c.caller.Subject,
		Part: backup.Part{Schemas: p.Schemas, Tables: p.Tables, ExcludeSchemas: p.ExcludeSchemas, ExcludeTables: p.ExcludeTables,
			WithDependencies: p.WithDependencies, As: p.As, DataOnly: p.DataOnly, SchemaOnly: p.SchemaOnly},
	}, nil
}

func restoreLocation(id string) string { return "/api/restore/status/" + id }

// noteRestore puts what a restore is about into the audit record.
func (c *call) noteRestore(x registry.Restore) {
	if c.detail == nil {
		c.detail = map[string]string{}
	}
	noteRestore(c.detail, x)
}

func noteRestore(detail map[string]string, x registry.Restore) {
	detail["backup"], detail["target"], detail["database"], detail["mode"] = x.Backup, x.Target, x.Database, x.Mode
	if part := backup.PartOf(x.Part).String(); part != "" {
		detail["part"] = part
	}
	if x.Globals {
		detail["globals"] = "true"
	}
}

// abandonRestore ends a restore that nobody is going to make.
func (a *API) abandonRestore(ctx context.Context, c *call, id string, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	if _, err := a.Service.WithdrawRestore(ctx, id, cause); err != nil && !backup.Elsewhere(err) {
		c.log.Warn("restore not started and not ended; the next cleanup does it", "restore_id", id, "error", err.Error())
	}
}

func (a *API) listRestores(ctx context.Context, c *call) (answer, error) {
	var p contract.ListRestoresParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	all, more, err := a.Service.ListRestores(ctx, p.Cursor, p.Limit)
	if err != nil {
		return answer{}, err
	}
	out := contract.ListRestoresResponse{Restores: each(all, restore)}
	if more && len(all) > 0 {
		out.Next = all[len(all)-1].ID
	}
	return ok(out), nil
}

func (a *API) restoreStatus(ctx context.Context, c *call) (answer, error) {
	x, err := a.Service.RestoreStatus(ctx, c.resource)
	if err != nil {
		return answer{}, err
	}
	out := ok(restore(x))
	if x.Live() {
		out.header = http.Header{"Retry-After": {number(pollEvery)}}
	}
	return out, nil
}

func (a *API) cancelRestore(ctx context.Context, c *call) (answer, error) {
	x, err := a.Service.CancelRestore(ctx, c.resource, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	c.noteRestore(x)
	return accepted(restoreLocation(x.ID), restore(x)), nil
}

// restore is a record as the contract shows it.
func restore(x registry.Restore) contract.Restore {
	out := contract.Restore{
		ID: x.ID, Backup: x.Backup, Target: x.Target, Database: x.Database, Mode: contract.RestoreMode(x.Mode), Globals: x.Globals, NoOwner: x.NoOwner, NoPrivileges: x.NoPrivileges,
		CreatedBy: x.By, State: contract.RestoreState(x.State), Phase: contract.RestorePhase(x.Phase), Message: x.Notice, BytesRead: x.Read, BytesTotal: x.Total,
		CreatedAt: x.CreatedAt, StartedAt: x.StartedAt, EndedAt: x.EndedAt, HalfFilled: x.HalfFilled,
	}
	if p := x.Part; p != nil {
		out.Part = contract.RestorePart{Schemas: p.Schemas, Tables: p.Tables, ExcludeSchemas: p.ExcludeSchemas, ExcludeTables: p.ExcludeTables,
			WithDependencies: p.WithDependencies, As: p.As, DataOnly: p.DataOnly, SchemaOnly: p.SchemaOnly}
	}
	if x.GlobalsMade != nil {
		out.GlobalsMade = restoreGlobals(*x.GlobalsMade)
	}
	if w := x.Switched; w != nil {
		out.Switched = contract.RestoreSwitched{Database: w.Database, Kept: w.Kept, By: w.By, At: w.At}
	}
	if x.Error != nil {
		out.Error = backupError(*x.Error)
		out.Error.Messages = backup.Said(*x.Error)
		if x.Error.Reason == fault.ExitStatus && len(out.Error.Messages) == 0 {
			out.Error.Hint = "Look for this restore's id in the log of cofre."
		}
	}
	if d := x.Restored; d != nil {
		out.Restored = contract.RestoredSummary{Tool: d.Tool, Duration: d.Duration, Failed: d.Failed, LeftOut: d.LeftOut, Warnings: d.Warnings, Statements: d.Statements}
	}
	return out
}
