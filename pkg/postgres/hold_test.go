package postgres_test

import (
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

// One restore at a time holds a database; who is second learns who is first. It ends with its session, however that ends.
func TestHoldDatabase(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url, other := server.NewDatabase(t), server.NewDatabase(t)
	to := postgrestest.Target(t, url)
	hold := func(to postgres.Target) *postgres.Hold {
		t.Helper()
		h, err := postgres.HoldDatabase(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	refused := func(to postgres.Target) {
		t.Helper()
		_, err := postgres.HoldDatabase(t.Context(), to)
		if f := fault.From(err); !fault.HasReason(err, fault.Busy) || !strings.Contains(f.Message, to.Database()) || !strings.Contains(f.Message, `role "postgres"`) || f.Hint == "" {
			t.Fatalf("%v", err)
		}
	}
	looks := func(content string) {
		t.Helper()
		d, err := postgres.LookAt(t.Context(), to, false, postgres.Policy{})
		if err != nil || !strings.Contains(d.Restoring, content) || content == "" && d.Restoring != "" {
			t.Errorf("%v: %q", err, d.Restoring)
		}
	}
	looks("")
	first := hold(to)
	refused(to)
	looks("session ")
	hold(postgrestest.Target(t, other)).Release() // another database is not held
	first.Release()
	looks("")
	second := hold(to)
	server.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+to.Database()+"' AND pid <> pg_backend_pid()")
	hold(to).Release()
	second.Release() // of a session that is gone
	looks("")

	pooler := testenv.PgBouncer(t, server, "pool_mode = transaction")
	if _, err := postgres.HoldDatabase(t.Context(), postgrestest.Target(t, pooler.URL(to.Database()))); !fault.HasReason(err, fault.TransactionPooler) {
		t.Errorf("through a pooler by transaction: %v", err)
	}
	hold(to).Release()
}
