package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// Somebody else's lock: who it is is said after some seconds, and then the restore gives up, with nothing changed.
func TestRestoreWaitsForALock(t *testing.T) {
	for role, major := range map[string]int{"superuser": 15, "ordinary": 18} {
		t.Run(role, func(t *testing.T) {
			s := testenv.Postgres(t, major)
			data := source(t, major, pgdump.Custom)
			o := pgdump.RestoreOptions{Target: ordinary(t, s), LockWaitTimeout: 7 * time.Second}
			o.NoOwner = true
			if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			if role == "superuser" {
				o.Target = target(t, s.URL(o.Target.Database()))
			}
			before := fingerprint(t, o.Target)
			holder, err := target(t, s.URL(o.Target.Database())).WithApplicationName("long report").Connect(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer postgres.Close(holder)
			if _, err := holder.Exec(context.Background(), "BEGIN; SELECT count(*) FROM public.orders"); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var said []string
			o.Clean = true
			o.Remark = func(m string) {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, m)
			}
			started := time.Now()
			report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			wantFault(t, err, fault.Validation, fault.LockTimeout, "table", "orders", "long report", "was left as it was")
			if took := time.Since(started); took > 20*time.Second || !report.Unchanged {
				t.Errorf("%s, %+v", took, report)
			}
			if left := restoring(t, s, o.Target); left != 0 {
				t.Errorf("%d sessions of the restore are left, behind which others wait", left)
			}
			if len(said) != 1 || !strings.Contains(said[0], "long report") || !strings.Contains(said[0], "table") {
				t.Errorf("%q", said)
			}
			if diff := postgres.Diff(before, fingerprint(t, o.Target)); len(diff) > 0 {
				t.Errorf("%q", diff)
			}
			if _, err := holder.Exec(context.Background(), "COMMIT"); err != nil {
				t.Fatal(err)
			}
			if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A restore that is cancelled while it waits for a lock leaves no session behind, whichever program it was.
func TestCancelledWhileItWaits(t *testing.T) {
	for _, c := range []struct {
		major  int
		format pgdump.Format
		jobs   int
	}{{15, pgdump.Custom, 0}, {18, pgdump.Custom, 0}, {18, pgdump.Plain, 0}} {
		t.Run(fmt.Sprint(c.major, c.format), func(t *testing.T) {
			s := testenv.Postgres(t, c.major)
			data := source(t, c.major, c.format)
			o := pgdump.RestoreOptions{Target: target(t, s.NewDatabase(t)), Format: c.format}
			testenv.LoadSQL(t, s.URL(o.Target.Database()), "CREATE SCHEMA busy")
			holder, err := o.Target.WithApplicationName("long report").Connect(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer postgres.Close(holder)
			// Whoever creates anything waits for this one.
			if _, err := holder.Exec(context.Background(), "BEGIN; LOCK TABLE pg_catalog.pg_class IN EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				defer cancel()
				for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
					if restoring(t, s, o.Target, "wait_event_type = 'Lock'") > 0 {
						return
					}
				}
			}()
			_, err = client(t, 18).Restore(ctx, o, bytes.NewReader(data))
			wantFault(t, err, fault.Canceled, "")
			if left := restoring(t, s, o.Target); left != 0 {
				t.Errorf("%d sessions are left", left)
			}
		})
	}
}

// restoring counts the sessions of restores into a database.
func restoring(t *testing.T, s *testenv.Server, db postgres.Target, where ...string) (n int) {
	t.Helper()
	conn, err := target(t, s.URL("postgres")).Connect(context.Background())
	if err != nil {
		t.Error(err)
		return 0
	}
	defer postgres.Close(conn)
	err = conn.QueryRow(context.Background(), "SELECT count(*)::int FROM pg_stat_activity WHERE "+
		strings.Join(append(where, "datname = $1 AND application_name LIKE '% restore %'"), " AND "), db.Database()).Scan(&n)
	if err != nil {
		t.Error(err)
	}
	return n
}
