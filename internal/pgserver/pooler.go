package pgserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"cofre/internal/process"
)

// PoolerOptions says what pooler to start, and in front of which server.
type PoolerOptions struct {
	// Program is the path of pgbouncer, as scripts/pgbouncer makes it.
	Program string
	Server  *Server
	// Settings are lines of the section [pgbouncer], such as "pool_mode = transaction". The default is a pool by session.
	Settings []string
}

// Pooler is a running pgbouncer in front of all databases of a server. Superuser may log in, with the server's password.
type Pooler struct {
	Port int // on 127.0.0.1

	server  *Server
	dir     *process.Dir
	account *account
	process *process.Process
}

// StartPooler starts a pgbouncer, which ends with Stop, or with this process. Like PostgreSQL it refuses to run as root.
func StartPooler(ctx context.Context, o PoolerOptions) (*Pooler, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	owner, err := serverAccount()
	if err != nil {
		return nil, err
	}
	dir, err := process.NewDir("pgbouncer")
	if err != nil {
		return nil, err
	}
	p := &Pooler{server: o.Server, dir: dir, account: owner}
	if err := p.start(ctx, o); err != nil {
		_ = dir.Remove()
		return nil, fmt.Errorf("start pgbouncer: %w\n%s", err, p.Log())
	}
	return p, nil
}

func (p *Pooler) start(ctx context.Context, o PoolerOptions) error {
	if err := p.account.own(p.dir.Path); err != nil {
		return err
	}
	bin, err := p.account.reachable(filepath.Dir(o.Program), filepath.Base(o.Program), p.dir.Path)
	if err != nil {
		return err
	}
	if p.Port, err = process.FreePort(); err != nil {
		return err
	}
	users := filepath.Join(p.dir.Path, "users")
	config := append([]string{
		"[databases]", fmt.Sprintf("* = host=127.0.0.1 port=%d", p.server.Port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", p.Port), "unix_socket_dir =",
		"auth_type = scram-sha-256", "auth_file = " + users,
	}, o.Settings...)
	if err := p.account.write(users, fmt.Appendf(nil, "%q %q\n", Superuser, p.server.Password)); err != nil {
		return err
	}
	if err := p.account.write(filepath.Join(p.dir.Path, "pgbouncer.ini"), lines(config)); err != nil {
		return err
	}
	return p.launch(ctx, filepath.Join(bin, filepath.Base(o.Program)))
}

func (p *Pooler) launch(ctx context.Context, program string) error {
	log, err := os.Create(p.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program, "pgbouncer.ini")
	cmd.Dir, cmd.Env = p.dir.Path, []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account.credential()}
	cmd.Stdout, cmd.Stderr = log, log
	if p.process, err = process.Start(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	for {
		if c, err := net.DialTimeout("tcp", p.Addr(), time.Second); err == nil {
			return c.Close()
		}
		select {
		case <-p.process.Done():
			return fmt.Errorf("it ended at once: %w", p.process.Err())
		case <-ctx.Done():
			p.process.Kill()
			return fmt.Errorf("it was not ready in time: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop ends the pooler, with all connections through it.
func (p *Pooler) Stop() error {
	p.process.Kill()
	return p.dir.Remove()
}

// Addr is the host and port of the pooler.
func (p *Pooler) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)) }

// URL is a connection string of the superuser for a database of the server behind the pooler.
func (p *Pooler) URL(database string) string {
	return URLAt(p.Addr(), Superuser, p.server.Password, database)
}

// Log returns the last 4 KB of the pooler's log.
func (p *Pooler) Log() string {
	b, err := os.ReadFile(p.logFile())
	if err != nil {
		return ""
	}
	return string(b[max(0, len(b)-4096):])
}

func (p *Pooler) logFile() string { return filepath.Join(p.dir.Path, "log") }
