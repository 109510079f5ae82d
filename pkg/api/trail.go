package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// record writes what happened into the audit trail. It works on a context of its own: a caller who hangs up leaves a
// record too. When it cannot be written the answer stands, as what was done is done; the log has all of it.
func (a *API) record(ctx context.Context, c *call, out answer) {
	r := contract.AuditRecord{
		Actor: "anonymous", Action: action(c.op), Resource: c.resource, Outcome: contract.AuditOutcomeAllowed,
		Source: addressOf(c.request), UserAgent: brief(c.request.UserAgent()), RequestID: c.id, Detail: c.detail,
	}
	if c.known {
		r.Actor, r.Name, r.Role = c.caller.Subject, c.caller.Name, c.caller.Role
	}
	if f := out.problem; f != nil {
		r.Outcome, r.Code, r.Reason = contract.AuditOutcomeFailed, string(f.Code), string(f.Reason)
		if out.status == http.StatusUnauthorized || out.status == http.StatusForbidden {
			r.Outcome = contract.AuditOutcomeDenied
		}
	}
	switch {
	case r.Outcome == contract.AuditOutcomeAllowed && c.op.Anonymous:
		return // whoever watches the health asks every few seconds
	case r.Outcome == contract.AuditOutcomeAllowed && polled[c.op.ID] && !a.polls.first(r.Actor+" "+c.op.ID+" "+r.Resource, a.Now()):
		return
	case !c.known:
		missed, let := a.denials.let(a.Now())
		if !let {
			c.log.Warn("denied, and not recorded in the audit trail: there are too many", "reason", r.Reason, "source", r.Source)
			return
		}
		if missed > 0 {
			r.Detail = map[string]string{"not_recorded_before": strconv.Itoa(missed)}
		}
	}
	within := settle
	if deadline, ok := ctx.Deadline(); ok { // a function's: it is ended before its answer when this takes longer
		within = min(within, max(0, time.Until(deadline))+lastMoment)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	if err := a.Audit.Append(freeing(ctx, r.Action), r); err != nil {
		notRecorded(c.log, r, err)
	}
}

// freeing lets the record of a removal have room on a full disk.
func freeing(ctx context.Context, action string) context.Context {
	if action == "delete" || action == "cleanup" {
		return storage.Freeing(ctx)
	}
	return ctx
}

// RecordScheduled writes work that no user asked for into the audit trail: r has the action and what it was about, err is how it
// ended. It works on a context of its own, and when it cannot be written the work stands, as what was done is done.
func RecordScheduled(ctx context.Context, trail Auditor, r contract.AuditRecord, log *slog.Logger, err error) {
	r.Actor = backup.Scheduler
	recordDone(ctx, trail, r, log, err)
}

// RecordRoomMade writes a cleanup into the audit trail that a backup made necessary which by asked for, since the quota was full. It
// works as RecordScheduled does.
func RecordRoomMade(ctx context.Context, trail Auditor, by string, rep backup.CleanupReport, log *slog.Logger, err error) {
	if err == nil && len(rep.Failures) > 0 {
		e := rep.Failures[0].Error
		err = &fault.Error{Code: e.Code, Reason: e.Reason, Message: e.Message}
	}
	recordDone(ctx, trail, contract.AuditRecord{Actor: by, Action: "cleanup", Detail: map[string]string{
		"because": "the quota was full", "removed": strconv.Itoa(rep.RemovedCount), "dry_run": "false",
	}}, log, err)
}

// RecordEnded writes into the audit trail how work ended that r.Actor had asked for and that took longer than the request. It works as
// RecordScheduled does.
func RecordEnded(ctx context.Context, trail Auditor, r contract.AuditRecord, log *slog.Logger, err error) {
	recordDone(ctx, trail, r, log, err)
}

func recordDone(ctx context.Context, trail Auditor, r contract.AuditRecord, log *slog.Logger, err error) {
	r.Outcome = contract.AuditOutcomeAllowed
	if err != nil {
		f := fault.From(err)
		r.Outcome, r.Code, r.Reason = contract.AuditOutcomeFailed, string(f.Code), string(f.Reason)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if err := trail.Append(freeing(ctx, r.Action), r); err != nil {
		notRecorded(log, r, err)
	}
}

// RecordFinishedRemoval writes into the audit trail that a removal was finished whose process had died. Who had asked for it is the
// actor.
func RecordFinishedRemoval(ctx context.Context, trail Auditor, b backup.Backup, by string) error {
	return trail.Append(freeing(ctx, "delete"), contract.AuditRecord{
		Actor: cmp.Or(by, "unknown"), Action: "delete", Resource: b.ID, Outcome: contract.AuditOutcomeAllowed,
		Detail: map[string]string{"finished": "the removal had been interrupted", "filepath": b.Filepath},
	})
}

// RecordRestoreEnded writes into the audit trail how a restore ended; who had asked for it is the actor. One that was recorded as
// interrupted before, which was wrong, names that.
func RecordRestoreEnded(ctx context.Context, trail Auditor, x registry.Restore, was registry.RestoreState, log *slog.Logger) {
	r := contract.AuditRecord{Actor: cmp.Or(x.By, "unknown"), Action: "restore_end", Resource: x.ID, Outcome: contract.AuditOutcomeAllowed, Detail: map[string]string{
		"state": string(x.State), "half_filled": strconv.FormatBool(x.HalfFilled),
	}}
	noteRestore(r.Detail, x)
	if x.State != registry.RestoreSucceeded {
		r.Outcome = contract.AuditOutcomeFailed
	}
	if x.Error != nil {
		r.Code, r.Reason = string(x.Error.Code), string(x.Error.Reason)
	}
	if !x.StartedAt.IsZero() {
		r.Detail["duration_ms"] = strconv.FormatInt(max(x.EndedAt.Sub(x.StartedAt).Milliseconds(), 0), 10)
	}
	if was == registry.RestoreInterrupted {
		r.Detail["recorded_before"] = string(was)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if err := trail.Append(ctx, r); err != nil {
		notRecorded(log, r, err)
	}
}

// recordTime bounds it: a function whose time is up has other things to settle, too.
const recordTime = 10 * time.Second

// notRecorded logs a record that the trail does not have.
func notRecorded(log *slog.Logger, r contract.AuditRecord, err error) {
	key := "backup_id"
	if strings.HasPrefix(r.Action, "restore_") {
		key = "restore_id"
	}
	log.Error("audit record not written", "action", r.Action, "subject", r.Actor, "outcome", string(r.Outcome), key, r.Resource, "error", err.Error())
}

// lastMoment is what a record gets of the time that is left for the answer once a request's time is over.
const lastMoment = 500 * time.Millisecond

// action names an operation in the audit trail: by the permission it asks for, which people know from the role table,
// and by its own name where several operations share one.
func action(op *contract.Operation) string {
	switch op.ID {
	case "getBackup":
		return "info"
	case "getBackupStatus":
		return "status"
	case "getBackupContents":
		return "contents"
	case "getBackupLog":
		return "log"
	case "unpinBackup":
		return "unpin"
	case "diffBackups":
		return "diff"
	case "getBackupRows":
		return "rows"
	case "proveBackup":
		return "prove"
	case "getHealth":
		return "health"
	case "getSession":
		return "session"
	case "getMetricsSummary":
		return "metrics"
	case "listDatabases":
		return "databases"
	case "listRestoreTargets":
		return "restore_targets"
	case "planRestore":
		return "restore_plan"
	case "listRestores":
		return "restore_list"
	case "getRestoreStatus":
		return "restore_status"
	case "cancelRestore":
		return "restore_cancel"
	case "switchDatabases":
		return "restore_switch"
	case "listSources":
		return "source_list"
	case "testSource":
		return "source_test"
	case "createSource":
		return "source_create"
	case "putSource":
		return "source_change"
	case "deleteSource":
		return "source_remove"
	case "getSource":
		return "source_info"
	case "createPlace":
		return "place_create"
	case "putPlace":
		return "place_change"
	case "deletePlace":
		return "place_remove"
	case "getPlace":
		return "place_info"
	case "listPlaces":
		return "place_list"
	case "testPlace":
		return "place_test"
	case "createChannel":
		return "channel_create"
	case "putChannel":
		return "channel_change"
	case "deleteChannel":
		return "channel_remove"
	case "getChannel":
		return "channel_info"
	case "tryChannel":
		return "channel_try"
	case "listChannels":
		return "channel_list"
	case "testChannel":
		return "channel_test"
	case "listEvents":
		return "event_list"
	}
	return op.Permission
}

// Strangers without a token can call as often as they like. So that they cannot fill the trail, this many of their
// calls are recorded at once, and one more each denialEvery.
const (
	denialBurst = 60
	denialEvery = time.Second
)

// denials bounds the records of strangers.
type denials struct {
	mu     sync.Mutex
	spent  int       // of the burst
	since  time.Time // when the first of spent was
	missed int       // since the last record
}

// let tells whether one more may be recorded now, and how many were not before it.
func (d *denials) let(now time.Time) (missed int, let bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if back := int(now.Sub(d.since) / denialEvery); back > 0 || back < 0 {
		d.spent = max(0, d.spent-max(back, 0))
		d.since = now
	}
	if d.spent >= denialBurst {
		d.missed++
		return 0, false
	}
	d.spent++
	missed, d.missed = d.missed, 0
	return missed, true
}

// polled are the operations that a page which somebody has open asks for again and again.
var polled = map[string]bool{"getBackupStatus": true, "getSession": true, "getMetricsSummary": true, "listRestores": true, "listRestoreTargets": true, "getRestoreStatus": true, "listSources": true, "listPlaces": true, "listChannels": true, "listEvents": true}

// pollSpan is how long asking for the same thing counts as one action of the same caller: whoever follows a backup asks
// every few seconds, and a trail of that would hide everything else.
const pollSpan = 10 * time.Minute

// polls remembers who follows what.
type polls struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

// maxPolls bounds what is remembered; beyond it is forgotten, at the price of a few more records.
const maxPolls = 4096

// first tells whether this is the first time within the span.
func (p *polls) first(who string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.seen[who]; ok && now.Sub(at) < pollSpan {
		return false
	}
	if p.seen == nil || len(p.seen) >= maxPolls {
		p.seen = map[string]time.Time{}
	}
	p.seen[who] = now
	return true
}

// audit gives a page of the trail.
func (a *API) audit(ctx context.Context, c *call) (answer, error) {
	var p contract.ListAuditParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	page, err := a.Audit.List(ctx, p)
	if err != nil {
		return answer{}, err
	}
	if page.Records == nil {
		page.Records = []contract.AuditRecord{}
	}
	return ok(page), nil
}
