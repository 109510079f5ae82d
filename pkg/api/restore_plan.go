package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// planTime is how long a look at a target may take.
const planTime = 20 * time.Second

// planRestore looks at what a restore would do.
func (a *API) planRestore(ctx context.Context, c *call) (answer, error) {
	order, err := a.restoreOrder(c, nil)
	if err != nil {
		return answer{}, err
	}
	within := cmp.Or(a.PlanTime, planTime)
	looking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	plan, err := a.Service.PlanRestore(looking, order)
	switch {
	case err != nil && looking.Err() != nil && ctx.Err() == nil:
		return answer{}, fault.Wrap(err, fault.DatabaseConnection, fault.Timeout,
			"Try again; if it stays so, look whether the target answers at all. A backup whose signature counts is read whole first: a large one takes longer than a request may.",
			"the look at the backup and at the target took longer than %s; nothing was changed", within)
	case err != nil:
		return answer{}, err
	}
	c.note("target", order.Target) // what is refused may be a connection
	c.note("database", order.Database)
	return ok(restorePlan(plan, order)), nil
}

// Bounds of a plan, which an archive or a server may have much to say to.
const (
	planLines = 100
	planText  = 1000 // bytes of a line
)

// restorePlan is a plan as the contract shows it.
func restorePlan(p backup.Plan, o backup.RestoreOrder) contract.RestorePlan {
	out := contract.RestorePlan{
		Ready: len(p.Problems) == 0, Backup: p.Backup.ID, Target: o.Target, Database: o.Database, Mode: contract.RestoreMode(cmp.Or(o.Mode, registry.RestoreNew)),
		Part: planLine(p.Part), Exists: p.Exists, Content: planLine(p.Content), Locale: planLine(p.Locale), From: planLine(p.From), Server: planLine(p.Server), Role: planLine(p.Role),
		Tool: planLine(p.Tool), Jobs: p.Jobs, OneTransaction: p.OneTransaction, Read: max(p.Read, 0),
	}
	var cut bool
	out.Dropped, cut = planList(p.Dropped, cut, planLine)
	out.Warnings, cut = planList(p.Warnings, cut, planLine)
	out.LeftOut, cut = planList(p.LeftOut, cut, func(l backup.LeftOut) contract.RestoreLeftOut {
		return contract.RestoreLeftOut{Entry: planLine(l.Entry), Reason: planLine(l.Reason)}
	})
	out.Problems, cut = planList(p.Problems, cut, func(e *registry.Error) contract.BackupError {
		return backupError(registry.Error{Code: e.Code, Reason: e.Reason, Message: planLine(strings.TrimSuffix(e.Message, "; nothing was changed")), Hint: planLine(e.Hint)})
	})
	kinds := slices.SortedFunc(maps.Keys(p.Makes), func(a, b string) int {
		return cmp.Or(p.Makes[b]-p.Makes[a], strings.Compare(a, b))
	})
	out.Makes, cut = planList(kinds, cut, func(kind string) contract.RestoreCount {
		return contract.RestoreCount{Kind: planLine(kind), Count: max(p.Makes[kind], 0)}
	})
	if g := p.Globals; g != nil {
		out.Globals = restoreGlobals(*g)
		for _, list := range []*[]string{&out.Globals.Roles, &out.Globals.Tablespaces, &out.Globals.NotMade, &out.Globals.Lesser, &out.Globals.NoPassword} {
			*list, cut = planList(*list, cut, planLine)
		}
	}
	if l := p.Last; l != nil {
		out.Last = contract.RestoreRehearsal{Backup: l.ID, At: l.At, Size: l.Size, Duration: l.DurationMS}
	}
	out.Truncated = cut
	return out
}

func planLine(s string) string { return fault.Shorten(s, planText) }

// planList converts the first elements, and reports whether there are more, or were before.
func planList[A, B any](all []A, before bool, f func(A) B) ([]B, bool) {
	return each(all[:min(len(all), planLines)], f), before || len(all) > planLines
}

func restoreGlobals(g registry.MadeGlobals) contract.RestoreGlobals {
	return contract.RestoreGlobals{Roles: g.Roles, Tablespaces: g.Tablespaces, Memberships: g.Memberships, Settings: g.Settings, Privileges: g.Privileges, Comments: g.Comments, There: g.There,
		NotMade: g.NotMade, Lesser: g.Lesser, NoPassword: g.NoPassword}
}
