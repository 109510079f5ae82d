package postgres

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"cofre/pkg/pause"

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
	Lock string // what it waits for, for people: "table public.orders", "a lock"
	// Blockers are the sessions that it waits for: "session 4711 of role app (psql, idle in transaction for 3m0s)".
	Blockers []string
	By       []int // their process ids
}

// awaited is a query for what the session of a process id waits for, for people.
func awaited(pid string) string {
	return `coalesce((SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, l.relation, 0)
		FROM pg_catalog.pg_locks l WHERE l.pid = ` + pid + ` AND NOT l.granted AND l.relation IS NOT NULL LIMIT 1), 'a lock')`
}

// WaitingSessions lists the sessions of an application name that wait for a lock which somebody else holds or awaits.
func WaitingSessions(ctx context.Context, conn *pgx.Conn, application string) ([]Waiting, error) {
	rows, err := conn.Query(ctx, `SELECT a.pid, `+awaited("a.pid")+`,
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

// endWait is how long EndSessions waits for sessions to be gone.
const endWait = 10 * time.Second

// EndSessions ends the sessions of an application name that the role of the target may end, and waits until they are gone. A program that
// was stopped leaves its session behind when that waits for a lock: the server does not look whether anybody is there still, and
// everybody who wants the same table waits behind it.
func EndSessions(ctx context.Context, t Target, application string) error {
	ctx, cancel := context.WithTimeout(ctx, endWait)
	defer cancel()
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer Close(conn)
	// Whoever restores as another role logged in as himself.
	if _, err := conn.Exec(ctx, "SET ROLE NONE"); err != nil {
		return t.Explain(ctx, err)
	}
	for left := 1; left > 0; {
		err := conn.QueryRow(ctx, `SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
			WHERE application_name = $1 AND usename = session_user AND pid <> pg_catalog.pg_backend_pid()`, application).Scan(&left)
		if err == nil && left > 0 {
			err = pause.For(ctx, 50*time.Millisecond)
		}
		if err != nil {
			return t.Explain(ctx, err)
		}
	}
	return nil
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

// Behind is a session that waits for what others hold.
type Behind struct {
	PID     int
	Session string // for people: "session 4711 of role \"app\" (psql)"
	Lock    string // what it waits for, for people: "table public.orders", "a lock"
	Others  int    // that wait behind it in turn
}

// Watcher is a connection that looks who waits.
type Watcher struct {
	target Target
	conn   *pgx.Conn
}

// NewWatcher connects once more to the server that the session has reached, or, when it is closed, to the target. The caller
// closes it.
func (s *Session) NewWatcher(ctx context.Context, application string) (*Watcher, error) {
	first, _ := s.now()
	t := s.target.WithApplicationName(clip(application))
	if first == nil {
		return nil, errHungUp
	}
	conn, err := t.connectBeside(ctx, first)
	if err != nil {
		return nil, err
	}
	return &Watcher{t, conn}, nil
}

// Close hangs up.
func (w *Watcher) Close() { Close(w.conn) }

// Behind lists the sessions that wait for a lock which a session holds whose name in pg_stat_activity begins with prefix.
func (w *Watcher) Behind(ctx context.Context, prefix string) ([]Behind, error) {
	rows, err := w.conn.Query(ctx, `WITH waiting AS MATERIALIZED (
			SELECT a.pid, a.usename, a.application_name, pg_catalog.pg_blocking_pids(a.pid) AS by
			FROM pg_catalog.pg_stat_activity a WHERE a.wait_event_type = 'Lock'
		), own AS (SELECT pid FROM pg_catalog.pg_stat_activity WHERE pg_catalog.starts_with(application_name, $1))
		SELECT w.pid, coalesce(w.usename::text, ''), coalesce(w.application_name, ''),
			`+awaited("w.pid")+`, (SELECT count(*) FROM waiting o WHERE w.pid = ANY (o.by))
		FROM waiting w WHERE w.pid NOT IN (SELECT pid FROM own) AND w.by && ARRAY(SELECT pid FROM own) ORDER BY w.pid`, prefix)
	if err != nil {
		return nil, w.target.Explain(ctx, err)
	}
	var out []Behind
	var b Behind
	var role, app string
	_, err = pgx.ForEachRow(rows, []any{&b.PID, &role, &app, &b.Lock, &b.Others}, func() error {
		b.Session = describeSession(b.PID, role, app, "", 0)
		out = append(out, b)
		return nil
	})
	return out, w.target.Explain(ctx, err)
}

// Waits keeps book of sessions that wait, from one look at them to the next. The zero value is ready.
type Waits struct {
	since map[int]time.Time
	said  map[int]string
}

// See takes a look at who waits, by process id, and returns how long each has been seen to. Who is gone is forgotten.
func (w *Waits) See(now time.Time, pids []int) map[int]time.Duration {
	since, said, waited := map[int]time.Time{}, map[int]string{}, map[int]time.Duration{}
	for _, pid := range pids {
		began, known := w.since[pid]
		if !known {
			began = now
		}
		since[pid], waited[pid] = began, now.Sub(began)
		if what, ok := w.said[pid]; ok {
			said[pid] = what
		}
	}
	w.since, w.said = since, said
	return waited
}

// News reports whether something else is to be said of a session than the last time. From then on it was said.
func (w *Waits) News(pid int, what string) bool {
	if said, ok := w.said[pid]; ok && said == what {
		return false
	}
	w.said[pid] = what
	return true
}
