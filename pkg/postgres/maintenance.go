package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"cofre/pkg/dbname"
	"cofre/pkg/fault"
)

// ConnectMaintenance connects to a maintenance database of the target's server, for what doing says, and returns
// the target that it connected to. The next one is tried when one is missing or closed to this role; other failures
// (no such host, a wrong password) would be the same everywhere.
func (t Target) ConnectMaintenance(ctx context.Context, doing string, p Policy) (*pgx.Conn, Target, error) {
	var first error
	for _, name := range dbname.Maintenance {
		if name == t.Database() {
			continue
		}
		other := t.WithDatabase(name)
		conn, err := ConnectRetry(ctx, other, p)
		if err == nil {
			return conn, other, nil
		}
		if first == nil {
			first = err
		}
		if !fault.HasReason(err, fault.DatabaseMissing) && !fault.HasReason(err, fault.MissingPrivilege) && !fault.HasReason(err, fault.NotAdmitted) {
			return nil, t, err
		}
	}
	f := fault.From(first)
	return nil, t, fault.Wrap(first, f.Code, f.Reason, "Let the role connect to one of them, or create the database by hand and leave --create out.",
		"cannot %s: that takes a connection to the database postgres or template1, and neither admits role %q", doing, t.User())
}
