package api

import (
	"context"
	"fmt"
	"net/http"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// createRestore reserves a restore and hands it to whoever makes it.
func (a *API) createRestore(ctx context.Context, c *call) (answer, error) {
	var body contract.CreateRestoreRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	if a.LaunchRestore == nil {
		return answer{}, fixed(fault.Validation, fault.InvalidInput, "Ask cofre's own server.", "no restores are made here")
	}
	c.note("backup", fault.Shorten(body.Backup, 100))
	c.note("mode", fault.Shorten(string(body.Mode), 100))
	x, err := a.Service.StartRestore(ctx, backup.RestoreOrder{
		Backup: body.Backup, Target: body.Target, Database: body.Database, Mode: string(body.Mode), Confirm: body.Confirm,
		NoOwner: body.NoOwner, NoPrivileges: body.NoPrivileges, By: c.caller.Subject,
	})
	if err != nil {
		return answer{}, err
	}
	c.resource = x.ID
	c.noteRestore(x)
	if err := a.LaunchRestore(ctx, x.ID); err != nil {
		a.abandonRestore(ctx, c, x.ID, err)
		return answer{}, fmt.Errorf("start restore %s: %w", x.ID, err)
	}
	return accepted(restoreLocation(x.ID), restore(x)), nil
}

func restoreLocation(id string) string { return "/api/restore/status/" + id }

// noteRestore puts what a restore is about into the audit record.
func (c *call) noteRestore(x registry.Restore) {
	c.note("backup", x.Backup)
	c.note("target", x.Target)
	c.note("database", x.Database)
	c.note("mode", x.Mode)
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
		ID: x.ID, Backup: x.Backup, Target: x.Target, Database: x.Database, Mode: contract.RestoreMode(x.Mode), NoOwner: x.NoOwner, NoPrivileges: x.NoPrivileges,
		CreatedBy: x.By, State: contract.RestoreState(x.State), Phase: contract.RestorePhase(x.Phase), Message: x.Notice, BytesRead: x.Read, BytesTotal: x.Total,
		CreatedAt: x.CreatedAt, StartedAt: x.StartedAt, EndedAt: x.EndedAt, HalfFilled: x.HalfFilled,
	}
	if x.Error != nil {
		out.Error = backupError(*x.Error)
	}
	if d := x.Restored; d != nil {
		out.Restored = contract.RestoredSummary{Tool: d.Tool, Duration: d.Duration, Failed: d.Failed, LeftOut: d.LeftOut, Warnings: d.Warnings, Statements: d.Statements}
	}
	return out
}
