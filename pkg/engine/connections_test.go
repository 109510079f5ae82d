package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/engine"
	"cofre/pkg/pgdump"
)

// Connections that were free when somebody looked, and are not when pg_dump or the readers want them, end no backup: the session gives
// its own back, and one pg_dump does it.
func TestConnectionsRunOut(t *testing.T) {
	small := testenv.PostgresWith(t, testenv.Options{Major: 18, Settings: []string{"max_connections = 8", "superuser_reserved_connections = 3", "max_wal_senders = 0"}})
	shared := testenv.Postgres(t, 18)
	for _, c := range []struct {
		name     string
		server   *testenv.Server
		role     string // its options
		database string // ALTER DATABASE
		room     int
	}{
		{"of the role", shared, "CONNECTION LIMIT 4", "", 4},
		{"of the database", shared, "", "CONNECTION LIMIT 4", 4},
		{"of the server", small, "", "", 5},
	} {
		url := c.server.NewDatabase(t)
		testenv.LoadSQL(t, url, wide)
		role, password := c.server.NewRole(t, c.role)
		c.server.Exec(t, "postgres", "GRANT pg_read_all_data TO "+role)
		if c.database != "" {
			c.server.Exec(t, "postgres", "ALTER DATABASE "+database(url)+" "+c.database)
		}
		as := c.server.URLAs(role, password, database(url))
		for _, way := range []struct {
			name  string
			never bool
			small int64
		}{{"several connections", false, 1}, {"small tables", false, 1 << 30}, {"one pg_dump", true, 1}} {
			t.Run(c.name+", "+way.name, func(t *testing.T) {
				o := options(t, as, 18)
				o.Never, o.Small = way.never, way.small
				waits, goOn := slow(t, &o.Client)
				asked := false
				o.HangUp = func(ctx context.Context) { _, err := o.Session.SchemaVersion(ctx, true); asked = err == nil }
				type result struct {
					d   *engine.Dump
					err error
				}
				started := make(chan result, 1)
				go func() {
					d, err := engine.Start(t.Context(), o)
					started <- result{d, err}
				}()
				waits()
				var others []*pgx.Conn
				for {
					conn, err := pgx.Connect(t.Context(), as)
					if err != nil {
						break
					}
					defer conn.Close(context.Background())
					others = append(others, conn)
				}
				if len(others) > c.room-1 {
					t.Fatalf("%d others", len(others))
				}
				goOn()
				r := <-started
				if r.err != nil {
					t.Fatal(r.err)
				}
				defer r.d.Close()
				if rows := check(t, all(t, r.d)).Rows; rows != 1500 {
					t.Errorf("%d rows", rows)
				}
				if how := r.d.How(); how.Parallel || !way.never && way.small == 1 && !strings.Contains(how.Reason, "no free connections") || !asked {
					t.Errorf("%+v, asked before the session was closed: %t", how, asked)
				}
			})
		}
	}
}

// slow makes pg_dump wait until it may go on.
func slow(t *testing.T, c *pgdump.Client) (waits, goOn func()) {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\ntouch %[1]s/waits\nwhile [ ! -e %[1]s/go ]; do sleep 0.01; done\nexec \"%[2]s\" \"$@\"\n", dir, c.PgDump)
	c.PgDump = filepath.Join(dir, "pg_dump")
	if err := os.WriteFile(c.PgDump, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	waits = func() {
		for {
			if _, err := os.Stat(dir + "/waits"); err == nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	goOn = func() {
		if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return waits, goOn
}

var documentedRole = regexp.MustCompile(`(?s)\nCREATE ROLE (\w+) .*?\nSQL\n`)

// The role that the documents recommend has as many connections as two backups use at a time, on a machine of four processors.
func TestRoleOfTheDocuments(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	m := documentedRole.FindSubmatch(docs)
	if m == nil {
		t.Fatal("docs/operating.md makes no role")
	}
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, wide+strings.TrimSuffix(string(m[0]), "SQL\n"))
	role := string(m[1])
	t.Cleanup(func() { s.Exec(t, "postgres", "DROP ROLE "+role) })
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for i, least := range []int{4, 3} {
		o := options(t, s.URLAs(role, "secret", database(url)), 18)
		o.Jobs, o.Spool, o.WatchAfter = 0, 64<<10, time.Millisecond
		if how := start(t, o).How(); how.Jobs < least {
			t.Errorf("backup %d at the same time reads over %d connections", i+1, how.Jobs)
		}
	}
}
