package postgres

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// WithApplicationName gives the same connection under another application_name, by which its sessions can be found.
func (t Target) WithApplicationName(name string) Target {
	t.settings = maps.Clone(t.settings)
	t.settings["application_name"] = name
	t.config = t.config.Copy()
	t.config.RuntimeParams = maps.Clone(t.config.RuntimeParams)
	t.config.RuntimeParams["application_name"] = name
	return t
}

// ApplicationName gives the name that the target's sessions have.
func (t Target) ApplicationName() string { return t.settings["application_name"] }

// Waiting is a session that waits for a lock.
type Waiting struct {
	PID  int
	Lock string // what it waits for, for people: "table public.orders"; "" when that is not known
	// Blockers are the sessions that it waits for: "session 4711 of role app (psql, idle in transaction for 3m0s)".
	Blockers []string
	By       []int // their process ids
}

// WaitingSessions lists the sessions of an application name that wait for a lock which somebody else holds or awaits.
func WaitingSessions(ctx context.Context, conn *pgx.Conn, application string) ([]Waiting, error) {
	rows, err := conn.Query(ctx, `SELECT a.pid, coalesce((SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, l.relation, 0)
			FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND NOT l.granted AND l.relation IS NOT NULL LIMIT 1), ''),
			coalesce(b.pid, 0), coalesce(b.usename::text, ''), coalesce(b.application_name, ''), coalesce(b.state, ''),
			coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - b.state_change), 0)::bigint
		FROM pg_catalog.pg_stat_activity a, LATERAL unnest(pg_catalog.pg_blocking_pids(a.pid)) AS by (pid) LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = by.pid
		WHERE a.application_name = $1 AND a.wait_event_type = 'Lock' AND coalesce(b.application_name, '') <> $1 ORDER BY 1, 3`, application)
	if err != nil {
		return nil, err
	}
	var out []Waiting
	var w Waiting
	var blocker, seconds int
	var role, app, state string
	_, err = pgx.ForEachRow(rows, []any{&w.PID, &w.Lock, &blocker, &role, &app, &state, &seconds}, func() error {
		if len(out) == 0 || out[len(out)-1].PID != w.PID {
			out = append(out, Waiting{PID: w.PID, Lock: w.Lock})
		}
		last := &out[len(out)-1]
		last.By = append(last.By, blocker)
		last.Blockers = append(last.Blockers, describeSession(blocker, role, app, state, time.Duration(seconds)*time.Second))
		return nil
	})
	return out, err
}

func describeSession(pid int, role, app, state string, since time.Duration) string {
	if pid == 0 {
		return "a prepared transaction (pg_prepared_xacts)"
	}
	var about []string
	if app != "" {
		about = append(about, app)
	}
	if state != "" { // hidden from roles that are not its own
		about = append(about, fmt.Sprintf("%s for %s", state, since))
	}
	s := fmt.Sprintf("session %d", pid)
	if role != "" {
		s += fmt.Sprintf(" of role %q", role)
	}
	if len(about) > 0 {
		s += " (" + strings.Join(about, ", ") + ")"
	}
	return s
}
