package app

import (
	"context"
	"log/slog"

	"cofre/pkg/api/contract"
)

// logTrail is an audit trail in the log alone, for want of one in the bucket.
type logTrail struct{ log *slog.Logger }

// Append implements api.Auditor.
func (t logTrail) Append(_ context.Context, r contract.AuditRecord) error {
	t.log.Info("audit", "actor", r.Actor, "action", r.Action, "backup_id", r.Resource, "outcome", string(r.Outcome), "request_id", r.RequestID)
	return nil
}

// List implements api.Auditor.
func (logTrail) List(context.Context, contract.ListAuditParams) (contract.ListAuditResponse, error) {
	return contract.ListAuditResponse{}, nil
}
