package lab

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/process"
)

// Database is the name of the database that is backed up.
const Database = "bench"

// Settings are the measured server's, besides its defaults.
var Settings = []string{
	"shared_buffers = 512MB", "maintenance_work_mem = 256MB", "max_wal_size = 4GB", "checkpoint_timeout = 30min",
	"fsync = on", "synchronous_commit = on", "full_page_writes = on", "autovacuum = off",
	"max_locks_per_transaction = 1024", // for a database of 20,000 tables
}

// loadSettings make loading fast; the data reaches the disk when it is done.
var loadSettings = []string{
	"shared_buffers = 512MB", "maintenance_work_mem = 256MB", "max_wal_size = 16GB", "checkpoint_timeout = 60min",
	"fsync = off", "full_page_writes = off", "wal_level = minimal", "max_wal_senders = 0", "autovacuum = off",
}

const (
	startTimeout = time.Minute
	stopTimeout  = time.Minute
)

// Postgres is a running server.
type Postgres struct {
	Port     int // on 127.0.0.1
	Password string

	database string // "" is Database
	dir      string // holds data, log and password
	bin      string
	account  *account
	process  *process.Process
}

// portAttempts is how often a server is started when another process takes its port first.
const portAttempts = 3

// startPostgres starts a server on the data below dir.
func startPostgres(ctx context.Context, dir, bin string, owner *account, settings []string) (p *Postgres, err error) {
	for range portAttempts {
		p, err = tryPostgres(ctx, dir, bin, owner, settings)
		if err == nil || !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	return p, err
}

func tryPostgres(ctx context.Context, dir, bin string, owner *account, settings []string) (*Postgres, error) {
	password, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		return nil, err
	}
	p := &Postgres{Password: string(password), dir: dir, bin: bin, account: owner}
	if p.Port, err = process.FreePort(); err != nil {
		return nil, err
	}
	args := []string{"-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(p.Port)}
	for _, s := range append([]string{"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''"}, settings...) {
		name, value, _ := strings.Cut(s, " = ")
		args = append(args, "-c", name+"="+strings.Trim(value, "'"))
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := owner.command(context.Background(), dir, filepath.Join(bin, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	// SIGQUIT is an immediate shutdown: the postmaster takes its children with it.
	if p.process, err = process.Start(cmd, syscall.SIGQUIT); err != nil {
		return nil, err
	}
	if err := p.wait(ctx); err != nil {
		p.process.Kill()
		text, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, fmt.Errorf("start PostgreSQL: %w\n%s", err, text[max(0, len(text)-2000):])
	}
	return p, nil
}

// wait waits until the server takes connections.
func (p *Postgres) wait(ctx context.Context) error {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.process.Done():
			return fmt.Errorf("it ended at once: %w", p.process.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("it was not ready within %v", startTimeout)
}

// Stop stops the server, with its data on the disk.
func (p *Postgres) Stop() error { return p.process.Stop(syscall.SIGINT, stopTimeout) }

// Pid is the postmaster's process id.
func (p *Postgres) Pid() int { return p.process.Pid() }

// URL is a connection string for a database of the server.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", p.Password),
		Host: "127.0.0.1:" + strconv.Itoa(p.Port), Path: "/" + database,
	}
	return u.String()
}

// At is the same server, as it is reached at another port.
func (p *Postgres) At(port int) *Postgres {
	other := *p
	other.Port = port
	return &other
}

// Of is the same server, and another database of it.
func (p *Postgres) Of(database string) *Postgres {
	other := *p
	other.database = database
	return &other
}

// Name is the database's name.
func (p *Postgres) Name() string { return cmp.Or(p.database, Database) }

// Make makes another database on the server by some statements, unless it is there: out of an empty one, or of
// template. It is kept.
func (p *Postgres) Make(ctx context.Context, database, template string, sql ...string) error {
	n, err := p.Int(ctx, "postgres", "SELECT count(*) FROM pg_database WHERE datname = '"+database+"'")
	if err != nil || n > 0 {
		return err
	}
	fresh := database + "_new"
	if err := p.Exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+fresh, "CREATE DATABASE "+fresh+" TEMPLATE "+template); err != nil {
		return err
	}
	if err := p.Exec(ctx, fresh, sql...); err != nil {
		return err
	}
	return p.Exec(ctx, "postgres", "ALTER DATABASE "+fresh+" RENAME TO "+database, "CHECKPOINT")
}

// Env is the environment with which libpq's programs find a database of the server.
func (p *Postgres) Env(database string) []string {
	return []string{
		"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(p.Port), "PGUSER=postgres", "PGPASSWORD=" + p.Password,
		"PGDATABASE=" + database,
	}
}

// Exec runs SQL statements on a database of the server.
func (p *Postgres) Exec(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, p.URL(database))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// Int asks one whole number.
func (p *Postgres) Int(ctx context.Context, database, sql string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, p.URL(database))
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := conn.QueryRow(ctx, sql).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", sql, err)
	}
	return n, nil
}

// initdb makes an empty cluster below dir.
func initdb(ctx context.Context, dir, bin string, owner *account) error {
	password, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(password, []byte(rand.Text()), 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	for _, f := range []string{password, data} {
		if err := owner.own(f); err != nil {
			return err
		}
	}
	return run(owner.command(ctx, dir, filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres",
		"--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
		"initdb as user "+owner.name)
}

// load makes the database and fills it.
func (p *Postgres) load(ctx context.Context, psql, workload string, scale float64) error {
	if err := p.Exec(ctx, "postgres", "CREATE DATABASE "+Database); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, psql, "--no-psqlrc", "--quiet", "--set=scale="+strconv.FormatFloat(scale, 'f', -1, 64),
		"--set=seed=1", "--file=-")
	cmd.Env = append(os.Environ(), p.Env(Database)...)
	cmd.Stdin = strings.NewReader(workload)
	return run(cmd, "load the workload")
}
