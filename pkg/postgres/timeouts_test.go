package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

// Timeouts that a role or a database has for its sessions end nothing that is asked for a backup: not the first question, and not a
// session that waits while others read.
func TestTimeoutsOfARole(t *testing.T) {
	for _, major := range []int{15, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			url := s.NewDatabase(t)
			testenv.LoadSQL(t, url, postgrestest.ManyTables(300))
			name := target(t, url).Database()
			role, password := s.NewRole(t, "")
			s.Exec(t, "postgres", "GRANT pg_read_all_data, pg_read_all_settings TO "+role)
			settings := []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"}
			if major >= 17 {
				settings = append(settings, "transaction_timeout")
			}
			for i, setting := range settings {
				s.Exec(t, "postgres", fmt.Sprintf("ALTER %s SET %s = '2ms'", []string{"ROLE " + role, "DATABASE " + name}[i%2], setting))
			}
			db := target(t, s.URLAs(role, password, name))
			session, err := postgres.OpenSession(t.Context(), db, postgres.Policy{})
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			ctx := t.Context()
			for _, step := range []struct {
				name string
				do   func() error
			}{
				{"pooler", func() error { return session.RefuseTransactionPooler(ctx) }},
				{"inspect", func() error { _, err := session.Inspect(ctx, postgres.Selection{}); return err }},
				{"inspect and measure", func() error { _, err := postgres.Inspect(ctx, db, postgres.Selection{}); return err }},
				{"identify", func() error { _, err := session.Identify(ctx); return err }},
				{"needs", func() error {
					_, err := session.WithNeeds(ctx, postgres.Selection{Tables: []string{"many_7"}})
					return err
				}},
				{"remarks", func() error { _, err := session.RestoreRemarks(ctx, postgres.Selection{}); return err }},
				{"dumped", func() error { _, err := session.Dumped(ctx, true); return err }},
				{"spare", func() error { _, err := session.Spare(ctx); return err }},
				{"schema", func() error { _, err := session.SchemaVersion(ctx, false); return err }},
				{"freeze", func() error { _, err := session.Freeze(ctx, postgres.FreezeOptions{Wait: time.Minute}); return err }},
				{"measure", func() error { _, err := session.Measure(ctx); return err }},
				{"reader", func() error {
					r, err := session.NewReader(ctx, "reader")
					if err != nil {
						return err
					}
					defer r.Close()
					time.Sleep(20 * time.Millisecond)
					return r.Encode(ctx, "UTF8")
				}},
				{"watcher", func() error {
					w, err := session.NewWatcher(ctx, "watcher")
					if err != nil {
						return err
					}
					defer w.Close()
					time.Sleep(20 * time.Millisecond)
					_, err = w.Behind(ctx, "reader")
					return err
				}},
				{"holds", func() error { return session.Holds(ctx) }},
				{"thaw", func() error { return session.Thaw(ctx) }},
				{"fingerprint", func() error {
					_, err := postgres.TakeFingerprint(ctx, db, postgres.FingerprintOptions{SchemaOnly: true})
					return err
				}},
				{"another connection", func() error {
					conn, err := db.Connect(ctx)
					if err != nil {
						return err
					}
					defer postgres.Close(conn)
					time.Sleep(20 * time.Millisecond)
					tx, err := conn.BeginTx(ctx, pgx.TxOptions{})
					if err != nil {
						return err
					}
					time.Sleep(20 * time.Millisecond)
					_, err = tx.Exec(ctx, "SELECT pg_catalog.pg_sleep(0.02)")
					return err
				}},
			} {
				time.Sleep(20 * time.Millisecond) // between two questions
				if err := step.do(); err != nil {
					t.Errorf("%s: %v", step.name, err)
				}
			}
		})
	}
}
