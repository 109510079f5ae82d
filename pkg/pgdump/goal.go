package pgdump

import (
	"context"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// goal is what matters about the server to restore to.
type goal struct {
	major      int
	version    string
	locks      int // that the server's lock table holds for all sessions together, at least
	database   string
	roles      []string
	extensions []string // that could be created
}

func (g goal) knowsTransactionTimeout() bool { return g.major >= transactionTimeoutSince }

func lookAtGoal(ctx context.Context, t postgres.Target) (goal, error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return goal{}, err
	}
	defer postgres.Close(conn)
	g := goal{database: t.Database()}
	var num int
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int),
		ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles), ARRAY(SELECT name::text FROM pg_catalog.pg_available_extensions)`).
		Scan(&num, &g.version, &g.locks, &g.roles, &g.extensions)
	g.major = num / 10000
	return g, t.Explain(ctx, err)
}

// misses refuses an archive that cannot be restored because the server lacks extensions.
func (g goal) misses(h *archive.Head, o RestoreOptions) error {
	var extensions []string
	for _, e := range h.Entries {
		if e.Desc == "EXTENSION" && !slices.Contains(g.extensions, e.Tag) {
			extensions = append(extensions, e.Tag)
		}
	}
	if len(extensions) > 0 && !o.DataOnly {
		return fault.New(fault.Validation, fault.TargetLacks, "Install them on the target server (package postgresql-contrib or the extension's own), then try again.",
			"the target server does not have the extensions %s; nothing was changed", strings.Join(extensions, ", "))
	}
	return nil
}

// perEntry are the locks that creating a kind of object takes until the transaction ends: a table has a TOAST table
// and that one's index.
var perEntry = map[string]int{"TABLE": 4, "MATERIALIZED VIEW": 5, "INDEX": 2, "CONSTRAINT": 2, "FK CONSTRAINT": 2, "SEQUENCE": 2, "TRIGGER": 2}

// locks estimates the locks that one transaction needs to restore everything.
func locks(h *archive.Head) int {
	n := 0
	for _, e := range h.Entries {
		switch each := perEntry[e.Desc]; {
		case e.Desc == "BLOB METADATA":
			n += 1 + strings.Count(e.Defn, "\n")
		case each > 0:
			n += each
		default:
			n++
		}
	}
	return n
}
