package testenv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestEveryMajorHasExtensionsTimeZonesAndCollations(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			server := testenv.Postgres(t, major)
			if again := testenv.Postgres(t, major); again != server {
				t.Error("a second call started a second server")
			}
			url := server.NewDatabase(t)
			testenv.LoadSQL(t, url, `
				CREATE EXTENSION pgcrypto; CREATE EXTENSION pg_trgm; CREATE EXTENSION hstore; CREATE EXTENSION "uuid-ossp";
				CREATE EXTENSION postgres_fdw; CREATE EXTENSION xml2;
				CREATE COLLATION pt (provider = icu, locale = 'pt-BR');
				CREATE TABLE t (v text);
				COPY t FROM stdin;
one
\.
`)
			conn := connect(t, url)
			var version int
			var local string
			err := conn.QueryRow(t.Context(), `SELECT current_setting('server_version_num')::int / 10000,
				timestamptz '2025-01-09 14:30:00Z' AT TIME ZONE 'America/Sao_Paulo' || ''`).Scan(&version, &local)
			if err != nil || version != major || local != "2025-01-09 11:30:00" {
				t.Errorf("version %d, local time %q, error %v", version, local, err)
			}
		})
	}
}

func TestStockDumpAndRestore(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			server := testenv.Postgres(t, major)
			from, to := server.NewDatabase(t), server.NewDatabase(t)
			testenv.LoadSQL(t, from, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS id")
			file := filepath.Join(t.TempDir(), "t.dump")
			run(t, filepath.Join(testenv.ClientBin(major), "pg_dump"), "-Fc", "-f", file, from)
			run(t, filepath.Join(testenv.ClientBin(major), "pg_restore"), "-d", to, file)
			var n int
			if err := connect(t, to).QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil || n != 1000 {
				t.Errorf("restored %d rows, error %v", n, err)
			}
		})
	}
}

func TestPasswordIsNeeded(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	_, err := pgx.Connect(t.Context(), server.URLAs("postgres", "wrong", "postgres"))
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "28P01" {
		t.Errorf("wrong password: %v", err)
	}
	name, password := server.NewRole(t, "")
	connect(t, server.URLAs(name, password, "postgres"))
}

func TestTLS(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{
		Major: testenv.NewestMajor, TLS: true, HBA: []string{"hostssl all all all scram-sha-256"},
	})
	url := server.URL("postgres")
	connect(t, url+"?sslmode=verify-full&sslrootcert="+server.CAFile)
	for wrong, params := range map[string]string{
		"no TLS":        "?sslmode=disable",
		"wrong CA":      "?sslmode=verify-full&sslrootcert=" + testenv.OtherCA(t),
		"unknown setup": "?sslmode=verify-full",
	} {
		if conn, err := pgx.Connect(t.Context(), url+params); err == nil {
			conn.Close(t.Context())
			t.Errorf("%s: connected", wrong)
		}
	}
	// libpq in the bundled programs has to agree with Go's TLS.
	run(t, filepath.Join(testenv.ClientBin(15), "psql"), "-c", "SELECT 1", url+"?sslmode=verify-full&sslrootcert="+server.CAFile)
}

func TestCrashAndRestart(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	url := server.NewDatabase(t)
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("connected to a crashed server")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	connect(t, url)
}

// Servers whose data folders are copies of one are told apart as any two are, and what they write outlives a crash.
func TestServersOfOneTemplate(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			seen := map[string]bool{}
			for range 2 { // the first may be the template's origin
				s := testenv.PostgresWith(t, testenv.Options{Major: major})
				url := s.NewDatabase(t)
				testenv.LoadSQL(t, url, "SET synchronous_commit = on; CREATE TABLE t (v int); INSERT INTO t VALUES (1)")
				if err := errors.Join(s.Crash(), s.Restart(t.Context())); err != nil {
					t.Fatal(err)
				}
				var id string
				var n int
				if err := connect(t, url).QueryRow(t.Context(), "SELECT (SELECT system_identifier::text FROM pg_control_system()), (SELECT sum(v) FROM t)").Scan(&id, &n); err != nil {
					t.Fatal(err)
				}
				if seen[id] || n != 1 {
					t.Errorf("a second server %s, %d", id, n)
				}
				seen[id] = true
			}
		})
	}
}

func TestMinIODiesAndComesBack(t *testing.T) {
	server := testenv.NewMinIO(t)
	bucket := server.NewBucket(t)
	client := server.Client(t)
	put := func(ctx context.Context) error {
		_, err := client.PutObject(ctx, bucket, "k", strings.NewReader("v"), 1, minio.PutObjectOptions{})
		return err
	}
	if err := put(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := put(ctx); err == nil {
		t.Error("a killed server stored an object")
	}
	server.Start(t)
	object, err := client.GetObject(t.Context(), bucket, "k", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(object); err != nil || string(b) != "v" {
		t.Errorf("after the restart: %q, %v", b, err)
	}
}

func TestSharedMinIO(t *testing.T) {
	if a, b := testenv.MinIO(t), testenv.MinIO(t); a != b {
		t.Error("a second call started a second server")
	}
	resp, err := http.Get(testenv.MinIO(t).Endpoint + "/" + testenv.MinIO(t).NewBucket(t))
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("without credentials: %v, %v", resp, err)
	}
}

func TestProxyFaults(t *testing.T) {
	payload := strings.Repeat("x", 100_000)
	server := echoServer(t, payload)
	fetch := func(p *testenv.TCPProxy) (n int, took time.Duration, err error) {
		start := time.Now()
		conn, err := net.Dial("tcp", p.Addr())
		if err != nil {
			return 0, 0, err
		}
		defer conn.Close()
		_ = conn.SetDeadline(start.Add(2 * time.Second))
		fmt.Fprintln(conn, "go")
		b, err := io.ReadAll(conn)
		return len(b), time.Since(start), err
	}
	for name, c := range map[string]struct {
		fault func(*testenv.TCPProxy)
		want  func(n int, took time.Duration, err error) bool
	}{
		"none": {func(*testenv.TCPProxy) {}, func(n int, _ time.Duration, err error) bool { return n == len(payload) && err == nil }},
		"cut":  {(*testenv.TCPProxy).Cut, func(_ int, _ time.Duration, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		"delay": {func(p *testenv.TCPProxy) { p.Delay(testenv.ToClient, 300*time.Millisecond, 0) }, func(n int, took time.Duration, err error) bool {
			return n == len(payload) && took > 250*time.Millisecond
		}},
		"throttle": {func(p *testenv.TCPProxy) { p.Throttle(testenv.ToClient, 200_000) }, func(n int, took time.Duration, err error) bool {
			return n == len(payload) && took > 300*time.Millisecond
		}},
		"close": {func(p *testenv.TCPProxy) { p.CloseAfter(testenv.ToClient, 5000) }, func(n int, _ time.Duration, err error) bool { return n == 5000 }},
		"reset": {func(p *testenv.TCPProxy) { p.Reset(0) }, func(n int, _ time.Duration, err error) bool {
			return n < len(payload) && errors.Is(err, syscall.ECONNRESET)
		}},
		"stall": {func(p *testenv.TCPProxy) { p.Stall(testenv.ToServer) }, func(n int, _ time.Duration, err error) bool { return n == 0 && errors.Is(err, os.ErrDeadlineExceeded) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testenv.Proxy(t, server)
			c.fault(p)
			if n, took, err := fetch(p); !c.want(n, took, err) {
				t.Errorf("%d bytes in %v, error %v", n, took, err)
			}
			p.Heal()
			if n, _, err := fetch(p); n != len(payload) || err != nil {
				t.Errorf("after Heal: %d bytes, error %v", n, err)
			}
		})
	}
}

// The test runs itself in a second process, which starts servers and is then killed.
func TestServersDieWithTheirTest(t *testing.T) {
	if os.Getenv("TESTENV_ORPHAN") != "" {
		server := testenv.Postgres(t, testenv.NewestMajor)
		fmt.Println(server.SocketDir, server.Addr(), testenv.MinIO(t).Addr())
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "TESTENV_ORPHAN=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(line)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for _, addr := range f[1:] {
		waitFor(t, addr+" to be closed", func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return err != nil
		})
	}
	waitFor(t, "the folder to be swept", func() bool {
		testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
		_, err := os.Stat(f[0])
		return errors.Is(err, os.ErrNotExist)
	})
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain for %s", what)
		}
	}
}

// echoServer answers every line with the payload and closes.
func echoServer(t *testing.T, payload string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
					_, _ = io.WriteString(conn, payload)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
}

// The pooler stands in front of a server, and pools as it is told to.
func TestPgBouncer(t *testing.T) {
	s := testenv.Postgres(t, 18)
	for _, mode := range []string{"session", "transaction"} {
		p := testenv.PgBouncer(t, s, "pool_mode = "+mode, "default_pool_size = 1")
		if p.Port == s.Port {
			t.Errorf("%s: the pooler's port is the server's", mode)
		}
		conn, err := pgx.Connect(t.Context(), p.URL("postgres"))
		if err != nil {
			t.Fatalf("%s: %v\n%s", mode, err, p.Log())
		}
		var pid uint32
		if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid); err != nil || pid == conn.PgConn().PID() {
			t.Errorf("%s: backend %d, the client was told %d: %v", mode, pid, conn.PgConn().PID(), err)
		}
		conn.Close(t.Context())
	}
}
