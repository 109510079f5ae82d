package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// wantConnection tries to connect and checks the reason of the failure.
func wantConnection(t *testing.T, name, url string, code fault.Code, reason fault.Reason, transient bool, parts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := target(t, url).Connect(ctx)
	if err == nil {
		conn.Close(ctx)
		t.Errorf("%s: it connected", name)
		return
	}
	f := &fault.Error{}
	if !errors.As(err, &f) || f.Code != code || f.Reason != reason || f.Transient != transient {
		t.Errorf("%s: got %s %q transient %t, want %s %q %t: %v", name, f.Code, f.Reason, f.Transient, code, reason, transient, err)
		return
	}
	if f.Hint == "" {
		t.Errorf("%s: no hint", name)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error()+f.Hint, p) {
			t.Errorf("%s: %v; %s does not say %q", name, err, f.Hint, p)
		}
	}
	t.Logf("%s: %v | %s", name, err, f.Hint)
}

func TestConnectionFaults(t *testing.T) {
	s := testenv.Postgres(t, 18)
	base := s.NewDatabase(t)
	role, password := s.NewRole(t, "")
	nologin, nologinPassword := s.NewRole(t, "")
	s.Exec(t, "postgres", "ALTER ROLE "+nologin+" NOLOGIN")
	db := target(t, base).Database()
	s.Exec(t, "postgres", fmt.Sprintf("REVOKE CONNECT ON DATABASE %s FROM PUBLIC", db))
	at := func(user, password, hostport, db string) string {
		return fmt.Sprintf("postgres://%s:%s@%s/%s", user, password, hostport, db)
	}
	here := fmt.Sprintf("127.0.0.1:%d", s.Port)
	connection := fault.DatabaseConnection
	wantConnection(t, "wrong password", at("postgres", "wrong", here, db), connection, fault.LoginFailed, false, `role "postgres"`, "percent-encode")
	wantConnection(t, "no password", fmt.Sprintf("postgres://postgres@%s/%s?passfile=/nowhere", here, db), connection, fault.LoginFailed, false, "No password was given")
	wantConnection(t, "unknown role", at("nobody_here", "x", here, db), connection, fault.LoginFailed, false)
	wantConnection(t, "role without login", at(nologin, nologinPassword, here, "postgres"), connection, fault.LoginFailed, false)
	wantConnection(t, "unknown database", at("postgres", s.Password, here, "no_such"), connection, fault.DatabaseMissing, false, `"no_such"`)
	wantConnection(t, "no right to connect", at(role, password, here, db), fault.Permission, fault.MissingPrivilege, false)
	wantConnection(t, "unknown host", at("u", "p", "no-such-host.invalid:5432", "db"), connection, fault.HostUnknown, false, "no-such-host.invalid")
	wantConnection(t, "closed port", at("u", "p", "127.0.0.1:1", "db"), connection, fault.PortRefused, true, "127.0.0.1 port 1")
	wantConnection(t, "no socket", "postgres://u@/db?host="+t.TempDir(), connection, fault.PortRefused, true, ".s.PGSQL.5432")
	wantConnection(t, "TLS asked, not offered", base+"?sslmode=require", connection, fault.TLSRefused, false, "sslmode=prefer")
	wantConnection(t, "several hosts, all wrong", "postgres://u:p@127.0.0.1:1,no-such-host.invalid:2/db", connection, fault.PortRefused, true)

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	wantConnection(t, "nobody answers", fmt.Sprintf("postgres://u:p@%s/db?connect_timeout=1", silent.Addr()), connection, fault.HostUnreachable, true, "timed out")
	plainly := refusingTLS(t)
	for _, mode := range []string{"", "&sslmode=prefer", "&sslmode=allow"} { // a connection without TLS is welcome: its own trouble counts
		wantConnection(t, "no TLS, then nobody answers"+mode, fmt.Sprintf("postgres://u:p@%s/db?connect_timeout=1%s", plainly, mode), connection, fault.HostUnreachable, true, "timed out")
	}
	wantConnection(t, "no TLS", fmt.Sprintf("postgres://u:p@%s/db?sslmode=require", plainly), connection, fault.TLSRefused, false)
	closing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closing.Close()
	go func() {
		for {
			c, err := closing.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	wantConnection(t, "closes at once", fmt.Sprintf("postgres://u:p@%s/db?sslmode=disable", closing.Addr()), connection, fault.ConnectionLost, true)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = target(t, base).Connect(ctx)
	if !fault.HasCode(err, fault.Canceled) {
		t.Error(err)
	}
	if _, err := target(t, fmt.Sprintf("postgres://postgres:%s@127.0.0.1:1,%s/%s", s.Password, here, db)).Connect(context.Background()); err != nil {
		t.Errorf("the second of two hosts: %v", err)
	}
}

// refusingTLS is the address of a server that refuses TLS and says nothing more.
func refusingTLS(t *testing.T) net.Addr {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				request := make([]byte, 8)
				if _, err := io.ReadFull(c, request); err == nil && request[4] == 4 && request[5] == 210 { // SSLRequest
					c.Write([]byte("N"))
				}
			}()
		}
	}()
	return l.Addr()
}

func TestTLSFaults(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: 18, TLS: true, CertHost: "db.example", HBA: []string{"hostssl all all all scram-sha-256", "local all all scram-sha-256"}})
	url := s.URL("postgres")
	connection := fault.DatabaseConnection
	ca := "&sslrootcert=" + s.CAFile
	wantConnection(t, "no TLS", url+"?sslmode=disable", connection, fault.TLSRequired, false, "sslmode=require")
	wantConnection(t, "another authority", url+"?sslmode=verify-ca&sslrootcert="+testenv.OtherCA(t), connection, fault.TLSCertificate, false, "sslrootcert")
	wantConnection(t, "another name", url+"?sslmode=verify-full"+ca, connection, fault.TLSCertificate, false, "does not match the host name")
	wantConnection(t, "public authorities", url+"?sslmode=verify-full&sslrootcert=system", connection, fault.TLSCertificate, false)
	named := strings.Replace(url, "@127.0.0.1:", "@db.example:", 1) + "?sslmode=verify-full&hostaddr=127.0.0.1" + ca
	for _, ok := range []string{url + "?sslmode=prefer", url + "?sslmode=require", url + "?sslmode=verify-ca" + ca, named} {
		conn, err := target(t, ok).Connect(context.Background())
		if err != nil {
			t.Errorf("%s: %v", ok, err)
			continue
		}
		conn.Close(context.Background())
	}
	if _, err := postgres.ParseTarget(url+"?sslmode=verify-full&sslrootcert="+filepath.Join(t.TempDir(), "ca.pem"), env()); !fault.HasReason(err, fault.InvalidInput) {
		t.Error(err)
	}
}

// A server that answers and is not what the connection string asks for is told apart from trouble with TLS, which is tried first.
func TestAskedOfTheServer(t *testing.T) {
	s := testenv.Postgres(t, 18)
	plain := s.URL("postgres")
	connection, other := fault.DatabaseConnection, testenv.PostgresWith(t, testenv.Options{Major: 15})
	for _, mode := range []string{"", "&sslmode=disable", "&sslmode=allow"} {
		wantConnection(t, "a standby wanted, none there"+mode, plain+"?target_session_attrs=standby"+mode, connection, fault.ServerRole, false, "target_session_attrs=standby", "is no standby", "prefer-standby")
		wantConnection(t, "channel binding without TLS"+mode, plain+"?channel_binding=require"+mode, connection, fault.AuthenticationWay, false, "channel_binding=require", "needs TLS")
		wantConnection(t, "another way to log in"+mode, plain+"?require_auth=md5"+mode, connection, fault.AuthenticationWay, false, "require_auth=md5")
	}
	wantConnection(t, "a read only server wanted", plain+"?target_session_attrs=read-only", connection, fault.ServerRole, false, "takes writes")
	list := strings.Replace(plain, s.Addr(), s.Addr()+","+other.Addr()+",127.0.0.1:1", 1)
	list = strings.Replace(list, s.Password, "wrong", 1)
	wantConnection(t, "none of several is a standby, and no password", list+"?target_session_attrs=standby", connection, fault.LoginFailed, false)
	both := strings.Replace(plain, s.Addr(), s.Addr()+",127.0.0.1:1", 1)
	wantConnection(t, "none of several is a standby", both+"?target_session_attrs=standby", connection, fault.ServerRole, false, "each of the hosts", "127.0.0.1")
	other.Exec(t, "postgres", "ALTER DATABASE postgres SET default_transaction_read_only = on")
	wantConnection(t, "a writable server wanted", other.URL("postgres")+"?target_session_attrs=read-write", connection, fault.ServerRole, false, "takes no writes")
	tls := testenv.PostgresWith(t, testenv.Options{Major: 18, TLS: true, HBA: []string{"host all all all trust", "local all all trust"}})
	wantConnection(t, "channel binding without a login", tls.URL("postgres")+"?channel_binding=require", connection, fault.AuthenticationWay, false, "scram-sha-256")
	if f := fault.From(func() error {
		_, err := target(t, tls.URL("postgres")+"?sslmode=verify-full&channel_binding=require").Connect(t.Context())
		return err
	}()); f.Reason != fault.TLSCertificate {
		t.Errorf("what is wrong with TLS is told as something else: %v", f)
	}
}

// What a pooler alone says is explained too.
func TestPoolerFaults(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t)).Database()
	connection := fault.DatabaseConnection
	p := testenv.PgBouncer(t, s)
	wantConnection(t, "a setting that it does not track", p.URL(db)+"?options=-c%20lock_timeout%3D1s", connection, fault.ParameterRefused, false, "the parameter options", "Remove options")
	wantConnection(t, "an option of the server", p.URL(db)+"?options=-B%2016", connection, fault.ParameterRefused, false, "the parameter options", "Remove options")
	wantConnection(t, "unknown database", p.URL("no_such_database"), connection, fault.DatabaseMissing, false, `"no_such_database"`)
	wantConnection(t, "wrong password", strings.Replace(p.URL(db), s.Password, "wrong", 1), connection, fault.LoginFailed, false)
	failing := target(t, p.URL(db)).ExplainMessage("08P01", "server login has been failing, cached error: connect failed (server_login_retry)")
	if failing.Reason != fault.ServerStarting || !failing.Transient {
		t.Error(failing)
	}
	older := target(t, p.URL(db)).ExplainMessage("08P01", "unsupported startup parameter: extra_float_digits")
	if older.Reason != fault.ParameterRefused || !strings.Contains(older.Hint, "ignore_startup_parameters") {
		t.Errorf("pgbouncer before 1.20: %v | %s", older, older.Hint)
	}
	p = testenv.PgBouncer(t, s, "max_client_conn = 3")
	var full error
	for range 6 {
		conn, err := target(t, p.URL(db)+"?sslmode=disable").Connect(t.Context())
		if err != nil {
			full = err
			break
		}
		defer conn.Close(context.Background())
	}
	if f := fault.From(full); full == nil || f.Reason != fault.TooManyClients || !f.Transient || !strings.Contains(f.Hint, "max_client_conn") {
		t.Errorf("no client more: %v", full)
	}

	away := testenv.PostgresWith(t, testenv.Options{Major: 18})
	p = testenv.PgBouncer(t, away, "query_wait_timeout = 3")
	if err := away.Crash(); err != nil {
		t.Fatal(err)
	}
	wantConnection(t, "the server behind it is away", p.URL("postgres"), connection, fault.TooManyClients, true, "to its server in time", "PostgreSQL behind it runs")
	if err := away.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAdmissionAndLimits(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: 18, HBA: []string{"host all postgres all scram-sha-256", "host all rejected all reject"},
		Settings: []string{"max_connections = 10", "superuser_reserved_connections = 0", "reserved_connections = 0"}})
	connection := fault.DatabaseConnection
	here := fmt.Sprintf("127.0.0.1:%d", s.Port)
	wantConnection(t, "no line in pg_hba.conf", fmt.Sprintf("postgres://other:x@%s/postgres", here), connection, fault.NotAdmitted, false, "pg_hba.conf")
	wantConnection(t, "no line and no TLS asked", fmt.Sprintf("postgres://other:x@%s/postgres?sslmode=disable", here), connection, fault.TLSRequired, false, "pg_hba.conf")
	wantConnection(t, "rejected", fmt.Sprintf("postgres://rejected:x@%s/postgres", here), connection, fault.NotAdmitted, false)
	db := target(t, s.URL("postgres"))
	var full error
	for range 20 {
		conn, err := db.Connect(context.Background())
		if err != nil {
			full = err
			break
		}
		defer conn.Close(context.Background())
	}
	f := fault.From(full)
	if full == nil || f.Reason != fault.TooManyClients || !f.Transient {
		t.Errorf("%v", full)
	}
}

// Retries happen only where they can help, and stop when the server is there.
func TestConnectRetry(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	proxy := testenv.Proxy(t, fmt.Sprintf("127.0.0.1:%d", s.Port))
	through := target(t, s.URLThrough(proxy.Addr(), target(t, url).Database()))
	quick := postgres.Policy{Retries: 3, Delay: 20 * time.Millisecond, Growth: 2}
	ctx := context.Background()

	proxy.Cut()
	started := time.Now()
	_, err := postgres.ConnectRetry(ctx, through, quick)
	if f := fault.From(err); err == nil || f.Attempts != 4 || f.Reason != fault.PortRefused || time.Since(started) < 140*time.Millisecond {
		t.Errorf("after %s: %+v", time.Since(started), f)
	}
	timer := time.AfterFunc(50*time.Millisecond, proxy.Heal)
	defer timer.Stop()
	conn, err := postgres.ConnectRetry(ctx, through, postgres.Policy{Retries: 20, Delay: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(ctx)

	_, err = postgres.ConnectRetry(ctx, target(t, strings.Replace(url, s.Password, "wrong", 1)), postgres.Policy{Retries: 3, Delay: time.Hour})
	if f := fault.From(err); f.Attempts != 1 || f.Reason != fault.LoginFailed {
		t.Errorf("%+v", f)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	proxy.Cut()
	if _, err := postgres.ConnectRetry(short, through, postgres.Policy{Retries: 3, Delay: time.Hour}); err == nil {
		t.Error("it connected")
	}
}

// Whoever answers in the place of a server may ask for any amount of work before it lets somebody in.
func TestExpensiveLogin(t *testing.T) {
	message := func(kind byte, code uint32, text string) []byte {
		body := append(binary.BigEndian.AppendUint32(nil, code), text...)
		return append(append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))...), body...)
	}
	for _, rounds := range []string{"2147483647", "1000001", "99999999999999999999999999"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, 4096)
				_, _ = conn.Read(buf)
				_, _ = conn.Write(message('R', 10, "SCRAM-SHA-256\x00\x00"))
				n, _ := conn.Read(buf)
				_, nonce, _ := strings.Cut(string(buf[:n]), "r=")
				answer := message('R', 11, "r="+nonce+"x,s=c2FsdHNhbHQ=,i="+rounds)
				for _, part := range [][]byte{answer[:3], answer[3:20], answer[20:]} { // as the network may cut it
					_, _ = conn.Write(part)
				}
				_, _ = conn.Read(buf)
				conn.Close()
			}
		}()
		wantConnection(t, rounds, "postgres://postgres:x@"+l.Addr().String()+"/shop?sslmode=disable", fault.DatabaseConnection, "", false, "rounds of hashing")
		l.Close()
	}
}

// Whoever answers in the place of a server may send messages of any length.
func TestLongMessages(t *testing.T) {
	for _, c := range []struct {
		name          string
		kind          byte
		length, sends int
	}{
		{"a long error", 'E', 23 << 20, 23 << 20}, {"an announced one", 'E', 1<<31 - 5, 100}, {"a long notice", 'N', 1 << 20, 1 << 20},
		{"a long parameter", 'S', 1 << 20, 1 << 20}, {"something else", 'H', 0x54545020, 100},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = conn.Write(append([]byte{c.kind}, binary.BigEndian.AppendUint32(nil, uint32(c.length+4))...))
				_, _ = conn.Write(make([]byte, c.sends))
				conn.Close()
			}
		}()
		wantConnection(t, c.name, "postgres://postgres:x@"+l.Addr().String()+"/shop?sslmode=disable", fault.DatabaseConnection, "", false, "more than the 65536")
		l.Close()
	}
	// After the login an error may be long too; no more than its beginning and end are said.
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	conn, err := db.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	_, err = conn.Exec(context.Background(), "DO $$ BEGIN RAISE EXCEPTION '%', 'a' || repeat('x', 5000000) || 'z'; END $$")
	if err = db.Explain(context.Background(), err); len(err.Error()) > fault.MaxText+200 || len(fault.Whole(err)) < fault.MaxWhole-100 {
		t.Errorf("%d bytes of message, %d of all", len(err.Error()), len(fault.Whole(err)))
	}
	if _, err = conn.Exec(context.Background(), "SELECT repeat('x', 100000000)"); err == nil || !strings.Contains(db.Explain(context.Background(), err).Error(), "more than the 33554432") {
		t.Errorf("%.200v", err)
	}
}

// What the server ended itself, or could not do, is no lost connection: that would send people to their network.
func TestServersOwnTrouble(t *testing.T) {
	t.Parallel()
	db := target(t, "postgres://u:p@db.example/shop")
	for code, want := range map[string]struct {
		code   fault.Code
		reason fault.Reason
	}{
		"40001": {fault.DatabaseConnection, fault.ServerConflict}, "40P01": {fault.DatabaseConnection, fault.ServerConflict}, "08006": {fault.DatabaseConnection, fault.ConnectionLost},
		"53100": {fault.DiskSpace, ""}, "53200": {fault.DatabaseConnection, fault.ServerFailed}, "58030": {fault.DatabaseConnection, fault.ServerFailed},
	} {
		if f := db.ExplainMessage(code, "of the server"); f.Code != want.code || f.Reason != want.reason || !f.Transient || f.Hint == "" {
			t.Errorf("%s: %s %q, transient %t: %v", code, f.Code, f.Reason, f.Transient, f)
		}
	}
}
