package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// foreign starts a server that speaks another language.
func foreign(t *testing.T, major int, locale string, settings ...string) *testenv.Server {
	t.Helper()
	s := testenv.PostgresWith(t, testenv.Options{Major: major, Settings: append(settings, "lc_messages = '"+locale+"'"),
		HBA: []string{"host template1 refused 127.0.0.1/32 reject", "host all all 127.0.0.1/32 scram-sha-256"}})
	conn, err := target(t, s.URL("postgres")).Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	if _, err = conn.Exec(context.Background(), "SELECT * FROM nowhere"); err == nil || strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("it speaks English (%v); run: make setup", err)
	}
	return s
}

// An older server that speaks another language refuses pg_restore's SET transaction_timeout in that language. That is
// passed over, and nothing else is.
func TestRestoreInOtherLanguages(t *testing.T) {
	for _, locale := range []string{"de_DE.UTF-8", "fr_FR.UTF-8"} {
		s := foreign(t, 15, locale)
		role, password := s.NewRole(t, "")
		for i, o := range []pgdump.RestoreOptions{{Jobs: 2}, {Jobs: 2, Ranges: &pgdump.Ranges{}}, {Transaction: pgdump.Several}, {}, {Format: pgdump.Plain}} {
			if i > 0 && locale != "de_DE.UTF-8" {
				break // the words matter, and one way has shown them
			}
			for _, super := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%d, superuser %t", locale, i, super), func(t *testing.T) {
					name := fmt.Sprintf("into_%d_%t", i, super)
					s.Exec(t, "postgres", "CREATE DATABASE "+name)
					data := source(t, 15, o.Format)
					o := o
					if o.Target = target(t, s.URL(name)); !super && o.Format != pgdump.Plain {
						s.Exec(t, "postgres", "ALTER DATABASE "+name+" OWNER TO "+role)
						o.Target, o.NoOwner = target(t, s.URLAs(role, password, name)), true
					}
					if o.Ranges != nil {
						o.Ranges = ranges(t, data)
					}
					if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
						t.Fatal(err)
					}
					if got := query(t, o.Target, "SELECT count(*)::text FROM orders JOIN customer ON customer.id = customer"); got != "20000" {
						t.Errorf("%s rows", got)
					}
					report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
					if err == nil || len(report.Done) > 0 && o.Format != pgdump.Plain && o.Transaction != pgdump.One && report.Done["INDEX"] > 0 {
						t.Errorf("over what is there: %v %+v", err, report)
					}
					if strings.Contains(fault.From(err).Error(), "transaction_timeout") {
						t.Errorf("the error that does not matter is reported: %v", err)
					}
				})
			}
		}
	}
}

// What a connection fails on is told in any language, to cofre itself and by the programs.
func TestFaultsInOtherLanguages(t *testing.T) {
	for _, major := range []int{15, 18} {
		s := foreign(t, major, "de_DE.UTF-8")
		role, password := s.NewRole(t, "")
		s.Exec(t, "postgres", "CREATE ROLE refused LOGIN PASSWORD 'x'; CREATE ROLE nologin NOLOGIN PASSWORD 'x'")
		for _, sql := range []string{"CREATE DATABASE revoked", "REVOKE CONNECT ON DATABASE revoked FROM PUBLIC", "CREATE DATABASE closed ALLOW_CONNECTIONS false", "CREATE DATABASE shop", "CREATE DATABASE full_up CONNECTION LIMIT 0"} {
			s.Exec(t, "postgres", sql)
		}
		for _, c := range []struct {
			url    string
			reason fault.Reason
		}{
			{s.URLAs(role, "wrong", "postgres"), fault.LoginFailed},
			{s.URLAs("nobody", "x", "postgres"), fault.LoginFailed},
			{s.URLAs("nologin", "x", "postgres"), fault.LoginFailed},
			{s.URLAs("refused", "x", "template1"), fault.NotAdmitted},
			{s.URLAs("refused", "x", "template1") + "?sslmode=disable", fault.TLSRequired},
			{s.URLAs(role, password, "missing"), fault.DatabaseMissing},
			{s.URLAs(role, password, "revoked"), fault.MissingPrivilege},
			{s.URLAs(role, password, "closed"), fault.NotAdmitted},
			{s.URLAs(role, password, "full_up"), fault.TooManyClients},
		} {
			conn, err := target(t, c.url).Connect(context.Background())
			if err == nil {
				postgres.Close(conn)
			}
			if !fault.HasReason(err, c.reason) {
				t.Errorf("%d: want %s: %v", major, c.reason, err)
			}
		}
		testenv.LoadSQL(t, s.URL("shop"), "CREATE TABLE locked (i int); GRANT SELECT ON locked TO "+role+"; CREATE TABLE secret (i int)")
		conn, err := target(t, s.URL("shop")).Connect(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{s.URL("shop"), s.URLAs(role, password, "shop")} {
			_, err = dump(t, client(t, 18), pgdump.DumpOptions{Target: target(t, s.URLAs(role, password, "shop"))})
			if err == nil {
				t.Errorf("%d: a table without rights was dumped", major)
			}
			if _, err := conn.Exec(context.Background(), "BEGIN; LOCK TABLE public.locked"); err != nil {
				t.Fatal(err)
			}
			_, err = dump(t, client(t, 18), pgdump.DumpOptions{Target: target(t, url), LockWaitTimeout: 500 * time.Millisecond, Selection: postgres.Selection{Tables: []string{"locked"}}})
			if !fault.HasReason(err, fault.LockTimeout) || !fault.From(err).Transient {
				t.Errorf("%d: a lock: %v", major, err)
			}
			if _, err := conn.Exec(context.Background(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
		}
		postgres.Close(conn)
	}
}
