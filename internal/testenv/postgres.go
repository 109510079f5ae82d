package testenv

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/pgserver"
)

// Server is a running PostgreSQL server. The embedded server knows its port, password and URLs.
type Server struct {
	*pgserver.Server
	Major int
	// CAFile is the certificate to trust (sslrootcert) when the server has TLS.
	CAFile string

	shared bool      // by the tests of this process
	warm   sync.Once // template1 has had a connection
}

// Options describes a server of one's own.
type Options struct {
	Major int
	// TLS makes the server offer TLS, with a certificate for CertHost (by default
	// 127.0.0.1 and localhost) from a new authority, Server.CAFile.
	TLS      bool
	CertHost string
	// HBA replaces the lines of pg_hba.conf. {"hostssl all all all scram-sha-256"} requires TLS.
	HBA []string
	// Settings are more lines of postgresql.conf, such as "max_connections = 5".
	Settings []string
	// Primary makes a hot standby of another server of the test; see pgserver.Options.
	Primary *Server
}

var shared struct {
	sync.Mutex
	postgres map[int]*sharedServer
	minio    *MinIOServer
}

type sharedServer struct {
	once   sync.Once
	server *Server
	err    error
}

// Postgres returns the server of a major that the tests of this process share. Its
// databases postgres and template1 belong to everybody: tests work in a NewDatabase.
func Postgres(tb testing.TB, major int) *Server {
	tb.Helper()
	shared.Lock()
	if shared.postgres == nil {
		shared.postgres = map[int]*sharedServer{}
	}
	s := shared.postgres[major]
	if s == nil {
		s = &sharedServer{}
		shared.postgres[major] = s
	}
	shared.Unlock()

	s.once.Do(func() {
		if s.server, s.err = start(Options{Major: major}, nil, nil); s.err == nil {
			s.server.shared = true
			AtEnd(s.server.Stop)
		}
	})
	if s.err != nil {
		tb.Fatalf("PostgreSQL %d: %v", major, s.err)
	}
	return s.server
}

// PostgresWith starts a server of the test's own, which ends with the test.
func PostgresWith(tb testing.TB, o Options) *Server {
	tb.Helper()
	var cert, key []byte
	var caFile string
	if o.TLS {
		caFile, cert, key = certificate(tb, o.CertHost)
	}
	s, err := start(o, cert, key)
	if err != nil {
		tb.Fatalf("PostgreSQL %d: %v", o.Major, err)
	}
	s.CAFile = caFile
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("PostgreSQL %d: %v", o.Major, err)
		}
	})
	return s
}

func start(o Options, cert, key []byte) (*Server, error) {
	program, err := serverProgram(o.Major, "postgres")
	if err != nil {
		return nil, err
	}
	p := pgserver.Options{BinDir: filepath.Dir(program), Settings: o.Settings, HBA: o.HBA, Cert: cert, Key: key, DataIn: inMemory(),
		Template: filepath.Join(Root(), ".cache", "initdb")}
	if o.Primary != nil {
		p.Primary = o.Primary.Server
	}
	s, err := pgserver.Start(context.Background(), p)
	if err != nil {
		return nil, err
	}
	return &Server{Server: s, Major: o.Major}, nil
}

// PgBouncer starts a pgbouncer in front of all databases of a server, which ends with the test. Settings are lines of its
// section [pgbouncer], such as "pool_mode = transaction"; without any it pools by session.
func PgBouncer(tb testing.TB, s *Server, settings ...string) *pgserver.Pooler {
	tb.Helper()
	program, err := poolerProgram()
	if err != nil {
		tb.Fatal(err)
	}
	p, err := pgserver.StartPooler(context.Background(), pgserver.PoolerOptions{Program: program, Server: s.Server, Settings: settings})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Stop(); err != nil {
			tb.Errorf("pgbouncer: %v", err)
		}
	})
	return p
}

// URLThrough is URL for a server that is reached by a proxy, or any other address.
func (s *Server) URLThrough(addr, database string) string {
	return pgserver.URLAt(addr, pgserver.Superuser, s.Password, database)
}

var databases atomic.Int64

// NewDatabase makes an empty database for a test and returns its URL. It is dropped, with all
// connections to it, when the test ends; on a server of the test's own it goes with the server.
//
// It is copied file by file, which costs less than by the log of changes: with it goes what the first connection to a database
// writes down for those that follow.
func (s *Server) NewDatabase(tb testing.TB) string {
	tb.Helper()
	s.warm.Do(func() { s.Exec(tb, "template1", "SELECT 1") })
	name := fmt.Sprintf("test_%d", databases.Add(1))
	s.Exec(tb, "postgres", "CREATE DATABASE "+name+" STRATEGY file_copy")
	if s.shared {
		tb.Cleanup(func() { s.Exec(tb, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	}
	return s.URL(name)
}

// NewRole makes a role that may log in and has the given further options (such as "CREATEDB", or
// none), and returns its name and password. It goes with the server: drop what it owns.
func (s *Server) NewRole(tb testing.TB, options string) (name, password string) {
	tb.Helper()
	name = fmt.Sprintf("role_%d", databases.Add(1))
	password = "pw-" + name + "-" + s.Password[:8]
	verifier, err := pgserver.Verifier(password)
	if err != nil {
		tb.Fatal(err)
	}
	s.Exec(tb, "postgres", fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' %s", name, verifier, options))
	return name, password
}

// Exec runs SQL without parameters, statements separated by semicolons, as the superuser.
func (s *Server) Exec(tb testing.TB, database, sql string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		tb.Errorf("connect to database %s: %v", database, err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		tb.Errorf("run %q: %v", sql, err)
	}
}

// LoadSQL feeds a script to psql, which may use psql's commands and COPY data. The test fails
// at the first error.
func LoadSQL(tb testing.TB, url, script string) {
	tb.Helper()
	runSQL(tb, url, strings.NewReader(script), "--file=-")
}

// LoadFile is LoadSQL for a file.
func LoadFile(tb testing.TB, url, file string) {
	tb.Helper()
	runSQL(tb, url, nil, "--file="+file)
}

func runSQL(tb testing.TB, url string, in *strings.Reader, file string) {
	tb.Helper()
	psql, err := clientProgram(NewestMajor, "psql")
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(psql,
		"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+url, file)
	if in != nil {
		cmd.Stdin = in
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		tb.Fatalf("psql: %v\n%s", err, stderr.String())
	}
}
