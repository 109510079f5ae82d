package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// refusal connects and asks for a session of its own.
func refusal(t *testing.T, url string) error {
	t.Helper()
	to := target(t, url)
	conn, err := to.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	started := time.Now()
	err = to.RefuseTransactionPooler(t.Context(), conn)
	t.Logf("after %s: %v", time.Since(started).Round(100*time.Microsecond), err)
	if served := conn.QueryRow(t.Context(), "SELECT 1").Scan(new(int)); served != nil {
		t.Errorf("the connection does not work any more: %v", served)
	}
	return err
}

// A pooler by transaction is found by what it does, on every major: with one server connection and with several, handed out
// last first or in turn, idle or busy. Pools by session and servers are not taken for one.
func TestTransactionPooler(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		s := testenv.Postgres(t, major)
		url := s.NewDatabase(t)
		db := target(t, url).Database()
		for _, c := range []struct {
			name     string
			settings []string
			refused  bool
			warm     int // server connections that lie in the pool before
		}{
			{"session", []string{"pool_mode = session"}, false, 0},
			{"session, several idle", []string{"pool_mode = session", "default_pool_size = 4"}, false, 3},
			{"session, in turn", []string{"pool_mode = session", "server_round_robin = 1"}, false, 3},
			{"session, one connection", []string{"pool_mode = session", "default_pool_size = 1"}, false, 0},
			{"transaction", []string{"pool_mode = transaction"}, true, 0},
			{"transaction, several idle", []string{"pool_mode = transaction"}, true, 3},
			{"transaction, one connection", []string{"pool_mode = transaction", "default_pool_size = 1"}, true, 0},
			{"transaction, in turn", []string{"pool_mode = transaction", "server_round_robin = 1"}, true, 3},
			{"transaction, in turn, two", []string{"pool_mode = transaction", "server_round_robin = 1"}, true, 2},
			{"transaction, reset each time", []string{"pool_mode = transaction", "server_reset_query_always = 1"}, true, 0},
			{"transaction, no prepared statements", []string{"pool_mode = transaction", "max_prepared_statements = 0"}, true, 0},
			{"statement", []string{"pool_mode = statement"}, true, 0},
		} {
			t.Run(fmt.Sprint(major, " ", c.name), func(t *testing.T) {
				p := testenv.PgBouncer(t, s, c.settings...)
				warm(t, p.URL(db), c.warm)
				err := refusal(t, p.URL(db))
				if c.refused != fault.HasReason(err, fault.TransactionPooler) || !c.refused && err != nil {
					t.Errorf("got %v", err)
				}
				if f := fault.From(err); err != nil && (f.Code != fault.DatabaseConnection || !strings.Contains(f.Hint, "pool_mode=session")) {
					t.Errorf("%s | %s", f, f.Hint)
				}
			})
		}
		if err := refusal(t, url); err != nil {
			t.Errorf("%d, without a pooler: %v", major, err)
		}
		through := testenv.Proxy(t, s.Addr())
		if err := refusal(t, s.URLThrough(through.Addr(), db)); err != nil {
			t.Errorf("%d, through a proxy that only passes bytes on: %v", major, err)
		}
	}
}

// warm leaves n server connections in a pool.
func warm(t *testing.T, url string, n int) {
	t.Helper()
	var conns []*pgx.Conn
	for range n {
		conn, err := target(t, url).Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		postgres.Close(conn)
	}
}

// The connection string is believed, either way.
func TestPoolerSaidByTheConnectionString(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	err := refusal(t, url+"?pgbouncer=true")
	if !fault.HasReason(err, fault.TransactionPooler) || !strings.Contains(fault.From(err).Hint, "remove pgbouncer=true") {
		t.Error(err)
	}
	p := testenv.PgBouncer(t, s, "pool_mode = transaction")
	if err := refusal(t, p.URL(target(t, url).Database())+"?pgbouncer=false"); err != nil {
		t.Error(err)
	}
	if _, err := postgres.ParseTarget(url+"?pgbouncer=yes", env()); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), "true, false") {
		t.Error(err)
	}
}

// A pool whose every connection is busy for a while is found too, and a pool by session with no connection to spare is none.
func TestBusyPooler(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t)).Database()
	p := testenv.PgBouncer(t, s, "pool_mode = transaction", "default_pool_size = 2")
	ctx, stop := context.WithCancel(t.Context())
	var idle []chan struct{}
	for range 6 {
		done := make(chan struct{})
		idle = append(idle, done)
		go func() {
			defer close(done)
			conn, err := target(t, p.URL(db)).Connect(ctx)
			for err == nil && ctx.Err() == nil {
				_, err = conn.Exec(ctx, "BEGIN; SELECT pg_sleep(0.02); COMMIT")
			}
			if conn != nil {
				postgres.Close(conn)
			}
		}()
	}
	for range 3 {
		if err := refusal(t, p.URL(db)); !fault.HasReason(err, fault.TransactionPooler) {
			t.Error(err)
		}
	}
	stop()
	for _, done := range idle {
		<-done
	}
}

// What cofre asks a database leaves nothing behind on a session that the pooler hands to somebody else.
func TestNothingOutlivesATransaction(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		s := testenv.Postgres(t, major)
		db := target(t, s.NewDatabase(t)).Database()
		p := testenv.PgBouncer(t, s, "pool_mode = transaction", "default_pool_size = 1")
		settings := func() []string {
			conn, err := target(t, p.URL(db)).Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer postgres.Close(conn)
			rows, err := conn.Query(t.Context(), `SELECT pg_backend_pid() || ' ' || name || '=' || setting FROM pg_settings
				WHERE context IN ('user', 'superuser') AND name <> 'application_name' ORDER BY name`)
			if err != nil {
				t.Fatal(err)
			}
			all, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		before := settings()
		through := target(t, p.URL(db))
		if _, err := postgres.Inspect(t.Context(), through, postgres.Selection{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := postgres.Empty(t.Context(), through); err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.TakeFingerprint(t.Context(), through, postgres.FingerprintOptions{}); err != nil {
			t.Fatal(err)
		}
		conn, err := through.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.SchemaVersion(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if err := through.RefuseTransactionPooler(t.Context(), conn); !fault.HasReason(err, fault.TransactionPooler) {
			t.Error(err)
		}
		postgres.Close(conn)
		if err := postgres.CreateDatabase(t.Context(), through, "never_made", postgres.Locale{}); !fault.HasReason(err, fault.TransactionPooler) {
			t.Errorf("a database was made through it: %v", err)
		}
		after := settings()
		for i := range before {
			if i >= len(after) || before[i] != after[i] {
				t.Fatalf("%d: %q is not in %q", major, before[i], after[max(0, i-1):min(i+2, len(after))])
			}
		}
	}
}
