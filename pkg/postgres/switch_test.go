package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

func switchTarget(t *testing.T, url string) postgres.Target {
	t.Helper()
	target, err := postgres.ParseTarget(url, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// marked makes a database with one table that says which it is.
func marked(t *testing.T, s *testenv.Server, mark string) (name string) {
	t.Helper()
	u := s.NewDatabase(t)
	testenv.LoadSQL(t, u, "CREATE TABLE mark AS SELECT '"+mark+"' AS which")
	parsed, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(parsed.Path, "/")
}

func markOf(t *testing.T, s *testenv.Server, database string) (mark string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL(database))
	if err != nil {
		return err.Error()
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), "SELECT which FROM mark").Scan(&mark); err != nil {
		return err.Error()
	}
	return mark
}

// TestSwitch: two databases change places while applications work in both and come back at once, and again, the other way round.
func TestSwitch(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			broken, restored := marked(t, s, "broken"), marked(t, s, "restored")
			keep := broken + " kept, \"quoted\""
			t.Cleanup(func() {
				s.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+postgres.QuoteIdent(keep)+" WITH (FORCE)")
			})
			to, in := s.URL(broken), s.URL
			if major == 17 { // as an owner who is no superuser
				role, password := s.NewRole(t, "CREATEDB")
				for _, db := range []string{broken, restored} {
					s.Exec(t, "postgres", "ALTER DATABASE "+db+" OWNER TO "+role)
				}
				to, in = s.URLAs(role, password, broken), func(db string) string { return s.URLAs(role, password, db) }
			}
			stop := busy(t, in, broken, restored)
			target := switchTarget(t, to)
			sw := postgres.Switch{From: restored, Name: broken, Keep: keep}
			look, err := sw.Look(t.Context(), target)
			if err != nil || !look.Replaces || look.Sessions == 0 {
				t.Errorf("%+v, %v", look, err)
			}
			if got := markOf(t, s, broken); got != "broken" {
				t.Errorf("after a look it is %q", got)
			}
			if done, err := sw.Do(t.Context(), target); err != nil || !done.Replaces {
				t.Fatalf("%+v, %v", done, err)
			}
			if a, b := markOf(t, s, broken), markOf(t, s, keep); a != "restored" || b != "broken" {
				t.Errorf("%q and %q", a, b)
			}
			back := postgres.Switch{From: keep, Name: broken, Keep: restored}
			if _, err := back.Do(t.Context(), target); err != nil {
				t.Fatal(err)
			}
			if a, b := markOf(t, s, broken), markOf(t, s, restored); a != "broken" || b != "restored" {
				t.Errorf("%q and %q", a, b)
			}
			// Where nobody has the name, it is given alone.
			s.Exec(t, "postgres", "DROP DATABASE "+broken+" WITH (FORCE)")
			if done, err := sw.Do(t.Context(), target); err != nil || done.Replaces {
				t.Errorf("%+v, %v", done, err)
			}
			if stop() == 0 {
				t.Error("nobody came back")
			}
			if got := markOf(t, s, broken); got != "restored" {
				t.Errorf("%q", got)
			}
		})
	}
}

// busy works in databases over several connections, which connect again at once when they are ended. What it returns stops them, and tells
// how many connections were made.
func busy(t *testing.T, url func(string) string, databases ...string) (stop func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var made atomic.Int64
	for i := range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				conn, err := pgx.Connect(ctx, url(databases[i%len(databases)]))
				if err != nil {
					continue
				}
				made.Add(1)
				for err == nil {
					_, err = conn.Exec(ctx, "SELECT pg_sleep(0.01)")
				}
				conn.Close(context.Background())
			}
		}()
	}
	for made.Load() < 4 {
		time.Sleep(time.Millisecond) // until they are there
	}
	var ended atomic.Bool
	end := func() int64 {
		if ended.CompareAndSwap(false, true) {
			cancel()
			for range 4 {
				<-done
			}
		}
		return made.Load() - 4
	}
	t.Cleanup(func() { end() })
	return end
}

// TestSwitchRefused: what cannot work is refused before a name is changed or a session ended.
func TestSwitchRefused(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: 18, Settings: []string{"max_prepared_transactions = 5"}})
	name, from, other := marked(t, s, "name"), marked(t, s, "from"), marked(t, s, "other")
	owner, ownersPassword := s.NewRole(t, "CREATEDB")
	plain, plainsPassword := s.NewRole(t, "")
	for _, db := range []string{name, from} {
		s.Exec(t, "postgres", "ALTER DATABASE "+db+" OWNER TO "+owner)
	}
	s.Exec(t, "postgres", "CREATE DATABASE pattern IS_TEMPLATE true")
	held, err := pgx.Connect(t.Context(), s.URL(from)) // of the superuser
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close(context.Background())
	as := func(role, password string) postgres.Target { return switchTarget(t, s.URLAs(role, password, name)) }
	super := switchTarget(t, s.URL(name))
	refused := func(what string, target postgres.Target, sw postgres.Switch, code fault.Code, reason fault.Reason, text string) {
		t.Helper()
		if sw.Name == "" {
			sw.Name = name
		}
		if sw.Keep == "" {
			sw.Keep = "kept"
		}
		for _, do := range []func(context.Context, postgres.Target) (postgres.Switched, error){sw.Look, sw.Do} {
			_, err := do(t.Context(), target)
			if f := fault.From(err); err == nil || f.Code != code || f.Reason != reason || !strings.Contains(f.Message, text) {
				t.Errorf("%s: %s, %s: %v", what, f.Code, f.Reason, err)
			}
		}
		if err := held.Ping(t.Context()); err != nil {
			t.Fatalf("%s: a session was ended: %v", what, err)
		}
	}
	refused("no such database", super, postgres.Switch{From: "nowhere"}, fault.Validation, fault.DatabaseMissing, `no database "nowhere"`)
	refused("a name that is taken", super, postgres.Switch{From: from, Keep: other}, fault.Validation, fault.AlreadyExists, "exists already")
	refused("the same name twice", super, postgres.Switch{From: name}, fault.Validation, fault.InvalidInput, "not three databases")
	refused("the server's own", super, postgres.Switch{From: "postgres"}, fault.Validation, fault.InvalidInput, "the server's own")
	refused("no name", super, postgres.Switch{From: strings.Repeat("x", 64)}, fault.Validation, fault.InvalidInput, "is not valid")
	refused("a template", super, postgres.Switch{From: "pattern"}, fault.Validation, fault.InvalidInput, "is a template")
	refused("a role without CREATEDB", as(plain, plainsPassword), postgres.Switch{From: from}, fault.Permission, fault.MissingPrivilege, "may not rename databases")
	refused("another's database", as(owner, ownersPassword), postgres.Switch{From: other}, fault.Permission, fault.MissingPrivilege, "does not belong to role")
	refused("a superuser's session", as(owner, ownersPassword), postgres.Switch{From: from}, fault.Permission, fault.MissingPrivilege, "may not end the sessions of")
	s.Exec(t, from, "BEGIN; INSERT INTO mark VALUES ('x'); PREPARE TRANSACTION 'two'")
	refused("a prepared transaction", super, postgres.Switch{From: from}, fault.Validation, fault.TargetLacks, "prepared transactions")
	s.Exec(t, from, "ROLLBACK PREPARED 'two'")
	// An owner with CREATEDB may, once nobody else is in there; either both names change or none.
	held.Close(t.Context())
	if _, err := (postgres.Switch{From: from, Name: name, Keep: "kept"}).Do(t.Context(), as(owner, ownersPassword)); err != nil {
		t.Error(err)
	}
	if a, b := markOf(t, s, name), markOf(t, s, "kept"); a != "from" || b != "name" {
		t.Errorf("%q and %q", a, b)
	}
}

// While a restore holds one of the two databases, neither gets another name: what is not whole takes nobody's place.
func TestSwitchWaitsForRestores(t *testing.T) {
	for _, major := range []int{15, 18} {
		s := testenv.Postgres(t, major)
		broken, restored := marked(t, s, "broken"), marked(t, s, "restored")
		for _, held := range []string{broken, restored} {
			h, err := postgres.HoldDatabase(t.Context(), switchTarget(t, s.URL(held)))
			if err != nil {
				t.Fatal(err)
			}
			sw := postgres.Switch{From: restored, Name: broken, Keep: broken + "_kept"}
			for _, do := range []func(context.Context, postgres.Target) (postgres.Switched, error){sw.Look, sw.Do} {
				if _, err := do(t.Context(), switchTarget(t, s.URL(broken))); !fault.HasReason(err, fault.Busy) {
					t.Errorf("%d, %s is held: %v", major, held, err)
				}
			}
			h.Release()
		}
		if b, r := markOf(t, s, broken), markOf(t, s, restored); b != "broken" || r != "restored" {
			t.Errorf("%d: %s, %s", major, b, r)
		}
	}
}
