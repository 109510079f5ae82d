package cli

import (
	"context"
	"os"
	"os/user"
	"strconv"

	"cofre/pkg/api/contract"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// acted writes what a command did into the audit trail: every command that changes something, or hands data out, calls it once for
// each backup that it was about, with the error with which that ended. ref is the backup's id, or what the user typed. A trail that
// cannot be written is a warning, as what was done is done.
func (p *program) acted(ctx context.Context, a *app.App, action, ref string, failed error, detail map[string]string) {
	r := contract.AuditRecord{
		Actor: actor(), Action: action, Outcome: contract.AuditOutcomeAllowed, UserAgent: "cofre/" + p.build().Version, Detail: detail,
	}
	r.Source, _ = os.Hostname()
	switch {
	case registry.ValidID(ref):
		r.Resource = ref
	case ref != "":
		r.Detail = with(detail, "ref", ref)
	}
	if failed != nil {
		if ctx.Err() != nil {
			failed = stopped(ctx, failed)
		}
		f := fault.From(failed)
		r.Outcome, r.Code, r.Reason = contract.AuditOutcomeFailed, string(f.Code), string(f.Reason)
	}
	// Ctrl-C ended the work, not the duty to tell of it.
	if err := a.Audit.Append(context.WithoutCancel(ctx), r); err != nil {
		p.log.Log(ctx, fault.LevelBeside(err, failed), "this stands in no audit trail", "error", fault.From(err).Error())
	}
}

// actor is who runs the command, as in records.
func actor() string { return "local:" + userName() }

// userName is who runs the command, for this machine.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

func with(detail map[string]string, k, v string) map[string]string {
	out := map[string]string{k: v}
	for k, v := range detail {
		out[k] = v
	}
	return out
}

// cleaned records a cleanup, and removes the audit records that are older than they are kept.
func (p *program) cleaned(ctx context.Context, a *app.App, rep backup.CleanupReport, failed error) {
	detail := map[string]string{"removed": strconv.Itoa(rep.RemovedCount), "freed_bytes": strconv.FormatInt(rep.FreedBytes, 10)}
	if failed == nil {
		failed = notRemoved(rep)
	}
	p.acted(storage.Freeing(ctx), a, "cleanup", "", failed, detail)
	if ctx.Err() != nil {
		return
	}
	if _, err := a.TrimAudit(ctx); err != nil {
		p.log.Log(ctx, fault.LevelBeside(err, failed), "old audit records were not removed", "error", fault.From(err).Error())
	}
}
