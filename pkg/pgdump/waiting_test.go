package pgdump_test

import (
	"bytes"
	"context"
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
