// Package pgserver starts throwaway PostgreSQL servers on the loopback interface, for the
// demo, benchmarks and tests. A server's data lies in a temporary folder, is written without
// waiting for the disk, and is gone when the server stops.
//
// PostgreSQL refuses to run as root. When this process is root, the server runs as the user
// "postgres" if the system has one, otherwise as "nobody".
package pgserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cofre/internal/process"
)

// Superuser is the role that owns every throwaway server.
const Superuser = "postgres"

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
	portAttempts = 5
)

// Options says what server to start. Only BinDir is required.
type Options struct {
	// BinDir is the folder with postgres and initdb, as scripts/postgres makes it.
	BinDir string
	// Settings are lines of postgresql.conf, such as "max_connections = 20". They win over
	// the defaults here.
	Settings []string
	// HBA are lines of pg_hba.conf that replace the default: every user from loopback and
	// the unix socket, by password (SCRAM-SHA-256).
	HBA []string
	// DataIn is the folder that the data lies in, the system's temporary one by default.
	DataIn string
	// Template is a folder that keeps data folders as initdb makes them, for whoever starts many servers: the first one of its
	// kind leaves a copy there, which the others begin with. They have one password, which lies there too.
	Template string
	// Cert and Key are PEM. With them the server offers TLS.
	Cert, Key []byte
	// Superuser is the role that owns the server; "" is the constant of that name.
	Superuser string
	// Primary makes a hot standby of that server, of which it takes the data and the password; the Settings are its own. The primary must
	// admit it: wal_level, max_wal_senders, and a line of HBA for "replication".
	Primary *Server
	// Private makes a server that nobody reaches over the network: it listens on the unix socket alone. Where the system
	// allows it, its processes have no network either; see Server.Isolated.
	Private bool
}

// Server is a running server.
type Server struct {
	Port     int    // on 127.0.0.1
	Password string // of the superuser
	BinDir   string // Options.BinDir
	// SocketDir is the folder of the unix socket.
	SocketDir string
	// Isolated reports that the server's processes reach no network.
	Isolated bool

	superuser string
	private   bool
	dir       *process.Dir // socket, log
	data      *process.Dir
	account   *account
	process   *process.Process
}

// Start makes a data folder and starts a server on it. The context bounds the start only, not
// the server's life: that ends with Stop, or with this process. Errors carry the end
// of the server's log.
func Start(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	owner, err := serverAccount()
	if err != nil {
		return nil, err
	}
	dir, err := process.NewDir("pg")
	if err != nil {
		return nil, err
	}
	data, err := process.NewDirIn(cmp.Or(o.DataIn, os.TempDir()), "pgdata")
	if err != nil {
		_ = dir.Remove()
		return nil, err
	}
	s := &Server{Password: rand.Text(), BinDir: o.BinDir, SocketDir: dir.Path, superuser: cmp.Or(o.Superuser, Superuser), private: o.Private, dir: dir, data: data, account: owner}
	if err := s.start(ctx, o); err != nil {
		_ = s.remove()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options) error {
	for _, dir := range []*process.Dir{s.dir, s.data} {
		if err := s.account.own(dir.Path); err != nil {
			return err
		}
	}
	bin, err := s.account.reachable(s.BinDir, "postgres", s.dir.Path)
	if err != nil {
		return err
	}
	s.BinDir = bin
	make := s.initdb
	switch {
	case o.Primary != nil:
		make = func(ctx context.Context) error { return s.copyOf(ctx, o.Primary) }
	case o.Template != "":
		make = func(ctx context.Context) error { return s.fromTemplate(ctx, o.Template) }
	}
	if err := make(ctx); err != nil {
		return err
	}
	if err := s.configure(o); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		port, err := process.FreePort()
		if err != nil {
			return err
		}
		s.Port = port
		err = s.launch(ctx)
		if err == nil {
			return nil
		}
		if attempt == portAttempts || !strings.Contains(s.Log(), "Address already in use") {
			return fmt.Errorf("start PostgreSQL: %w\n%s", err, s.Log())
		}
	}
}

// initdb makes the data folder.
func (s *Server) initdb(ctx context.Context) error {
	verifier, err := Verifier(s.Password)
	if err != nil {
		return err
	}
	passwordFile := filepath.Join(s.dir.Path, "password")
	if err := s.account.write(passwordFile, []byte(verifier)); err != nil {
		return err
	}
	defer os.Remove(passwordFile)
	cmd := s.command(ctx, "initdb", "--pgdata", s.dataDir(), "--username", s.superuser, "--pwfile", passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb as user %s: %w\n%s", s.account.name, err, out)
	}
	return nil
}

// copyOf makes the data folder of a standby.
func (s *Server) copyOf(ctx context.Context, primary *Server) error {
	s.Password = primary.Password
	cmd := s.command(ctx, "pg_basebackup", "--pgdata", s.dataDir(), "--dbname", primary.URL("postgres"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// configure writes postgresql.conf, pg_hba.conf and the certificate.
func (s *Server) configure(o Options) error {
	settings := []string{
		"listen_addresses = '" + s.listens() + "'",
		"unix_socket_directories = '" + s.SocketDir + "'",
		// Containers often have a /dev/shm that is too small, or closed.
		"dynamic_shared_memory_type = mmap",
		"fsync = off", "synchronous_commit = off", "full_page_writes = off",
		"wal_level = minimal", "max_wal_senders = 0", "max_wal_size = 4GB",
		"timezone = 'UTC'", "log_timezone = 'UTC'",
		"log_checkpoints = off",
	}
	if o.Cert != nil {
		settings = append(settings, "ssl = on")
		if err := s.account.write(filepath.Join(s.dataDir(), "server.crt"), o.Cert); err != nil {
			return err
		}
		if err := s.account.write(filepath.Join(s.dataDir(), "server.key"), o.Key); err != nil {
			return err
		}
	}
	settings = append(settings, o.Settings...)
	if err := s.account.write(filepath.Join(s.dataDir(), "postgresql.conf"), lines(settings)); err != nil {
		return err
	}
	hba := o.HBA
	if hba == nil {
		hba = []string{"local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"}
	}
	return s.account.write(filepath.Join(s.dataDir(), "pg_hba.conf"), lines(hba))
}

// launch starts the postmaster on s.Port and waits until it takes connections.
func (s *Server) launch(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	start := func(isolated bool) (err error) {
		cmd := s.command(context.Background(), "postgres", "-D", s.dataDir(), "-p", strconv.Itoa(s.Port))
		cmd.Stdout, cmd.Stderr = log, log
		if isolated {
			isolate(cmd.SysProcAttr)
		}
		s.Isolated = isolated
		// SIGQUIT is an immediate shutdown: the postmaster takes its children with it.
		s.process, err = process.Start(cmd, syscall.SIGQUIT)
		return err
	}
	if !s.private || !canIsolate || start(true) != nil {
		if err := start(false); err != nil {
			return err
		}
	}
	for !s.ready() {
		select {
		case <-s.process.Done():
			return fmt.Errorf("it ended at once: %w", s.process.Err())
		case <-ctx.Done():
			s.process.Kill()
			return fmt.Errorf("it was not ready in time: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// ready reads the state that the postmaster writes to line 8 of its pid file.
func (s *Server) ready() bool {
	b, err := os.ReadFile(filepath.Join(s.dataDir(), "postmaster.pid"))
	if err != nil {
		return false
	}
	l := strings.Split(string(b), "\n")
	state := ""
	if len(l) > 7 && l[0] == strconv.Itoa(s.process.Pid()) {
		state = strings.TrimSpace(l[7])
	}
	return state == "ready" || state == "standby"
}

// Stop disconnects everybody, stops the server and removes its data.
func (s *Server) Stop() error {
	err := s.process.Stop(syscall.SIGINT, stopTimeout)
	return cmp.Or(err, s.remove())
}

// remove removes everything that the server has written.
func (s *Server) remove() error { return errors.Join(s.data.Remove(), s.dir.Remove()) }

// Crash ends the server at once, as a power cut would, but keeps its data for Restart.
func (s *Server) Crash() error { return s.process.Stop(syscall.SIGQUIT, stopTimeout) }

// Restart starts a server again on the same data and port after Crash.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.launch(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w\n%s", err, s.Log())
	}
	return nil
}

// Standby starts a server with wal_level = replica again as a standby that no primary feeds.
func (s *Server) Standby(ctx context.Context) error {
	if err := s.Crash(); err != nil {
		return err
	}
	if err := s.account.write(filepath.Join(s.dataDir(), "standby.signal"), nil); err != nil {
		return err
	}
	return s.Restart(ctx)
}

// listens is the address that the server listens on beside its socket; "" is none.
func (s *Server) listens() string {
	if s.private {
		return ""
	}
	return "127.0.0.1"
}

// SocketURL is a connection string that leads through the unix socket.
func (s *Server) SocketURL(user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Path: "/" + database,
		RawQuery: url.Values{"host": {s.SocketDir}, "port": {strconv.Itoa(s.Port)}}.Encode()}
	return u.String()
}

// Addr is the host and port of the server.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL is a connection string of the superuser for a database of the server.
func (s *Server) URL(database string) string { return s.URLAs(s.superuser, s.Password, database) }

// URLAs is a connection string of another role.
func (s *Server) URLAs(user, password, database string) string {
	return URLAt(s.Addr(), user, password, database)
}

// URLAt is a connection string for a server that is reached at addr, such as a proxy.
func URLAt(addr, user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: addr, Path: "/" + database}
	return u.String()
}

// Log returns the last 4 KB of the server's log.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return ""
	}
	return string(b[max(0, len(b)-4096):])
}

// Data is the folder of the server's data.
func (s *Server) Data() string { return s.dataDir() }

func (s *Server) dataDir() string { return filepath.Join(s.data.Path, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir.Path, "log") }

// command prepares a program of the server, run by the server's account.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.BinDir, name), args...)
	cmd.Dir = s.dir.Path
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account.credential()}
	return cmd
}

func lines(l []string) []byte { return []byte(strings.Join(l, "\n") + "\n") }
