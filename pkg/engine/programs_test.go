package engine_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/engine"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres/postgrestest"
)

// Timeouts that a role has for its sessions end no backup and no restore: neither what is asked before, nor the programs' own first
// questions.
func TestTimeoutsOfARole(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, wide+postgrestest.ManyTables(100))
	role, password := s.NewRole(t, "")
	s.Exec(t, "postgres", "GRANT pg_read_all_data TO "+role)
	for _, setting := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout"} {
		s.Exec(t, "postgres", "ALTER ROLE "+role+" SET "+setting+" = '2ms'")
	}
	for _, never := range []bool{false, true} {
		o := options(t, s.URLAs(role, password, database(url)), 18)
		o.Never = never
		d, err := engine.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if d.How().Parallel == never {
			t.Errorf("%+v", d.How())
		}
		data := all(t, d)
		_ = d.Close()
		to := s.NewDatabase(t)
		s.Exec(t, "postgres", "ALTER DATABASE "+database(to)+" OWNER TO "+role)
		_, err = client(t, 18).Restore(t.Context(), pgdump.RestoreOptions{Target: target(t, s.URLAs(role, password, database(to))), NoOwner: true}, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// pg_dump goes to the server that the session has reached, and to no other that the connection string names.
func TestOneOfSeveralHosts(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: 18, TLS: true, CertHost: "db.example"})
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, wide)
	for _, c := range []struct{ name, hosts, port, more string }{
		{"an address", "127.0.0.1", fmt.Sprint(s.Port), ""},
		{"a socket", s.SocketDir, fmt.Sprint(s.Port), ""},
		{"a name that is verified", "db.example", fmt.Sprint(s.Port), "sslmode=verify-full sslrootcert=" + s.CAFile + " hostaddr=127.0.0.1,127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Nobody listens at the first host when the session is opened, and somebody does afterwards.
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			first := l.Addr().(*net.TCPAddr)
			_ = l.Close()
			o := options(t, fmt.Sprintf("host=127.0.0.1,%s port=%d,%s user=postgres password=%s dbname=%s %s", c.hosts, first.Port, c.port, s.Password, database(url), c.more), 18)
			if l, err = net.ListenTCP("tcp", first); err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var came atomic.Int32
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					came.Add(1)
					_ = conn.Close()
				}
			}()
			for _, never := range []bool{false, true} {
				o.Never = never
				d, err := engine.Start(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if how := d.How(); how.Parallel == never {
					t.Errorf("%+v", how)
				}
				if rows := check(t, all(t, d)).Rows; rows != 1500 {
					t.Errorf("%d rows", rows)
				}
				_ = d.Close()
				if err := o.Session.Thaw(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := came.Load(); n > 0 {
				t.Errorf("%d connections to another host", n)
			}
			if known, err := o.Session.Dumped(t.Context(), false); err != nil || strings.Contains(known.Programs.ClientConninfo(), ",") {
				t.Errorf("%s: %v", known.Programs.ClientConninfo(), err)
			}
		})
	}
}
