// Package lab holds what benchmarks measure with: a PostgreSQL server on a database that is made once and
// kept, an S3 server, a folder for work, and the AWS command line. One lab is open on a folder at a time.
//
// Server settings are a production server's (fsync on, write-ahead log complete) except that autovacuum is off,
// so that nothing but what is measured runs. Both servers listen on loopback, on free ports, and die with this
// process.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"cofre/internal/testenv"
)

// Options describe a lab. All but Dir are required.
type Options struct {
	// Dir keeps databases between runs. Empty: .cache/bench of the checkout, or a folder below /var/tmp when
	// the server's user cannot enter the checkout.
	Dir string
	// Workload is the SQL that makes the database; it is run by psql with the variables scale and seed.
	Workload string
	Scale    float64
	// NoSync does not wait for the disk, for tests: what is measured then is worth nothing.
	NoSync bool
	// Say is told what takes time.
	Say func(format string, args ...any)
}

// Lab is an open lab.
type Lab struct {
	// Postgres serves the database.
	Postgres *Postgres
	MinIO    *MinIO
	// Work is an empty folder on the same disk as everything else.
	Work string
	// ClientBin is the folder of stock pg_dump, pg_restore and psql 18.
	ClientBin string

	options Options
	account *account
	lock    *os.File
}

// Open opens a lab: it makes the database when it is not there yet, and starts both servers.
func Open(ctx context.Context, o Options) (_ *Lab, err error) {
	l := &Lab{options: o, ClientBin: filepath.Join(testenv.Root(), ".cache", "pg_dump", "18", "bin")}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	for _, part := range []string{
		filepath.Join(l.ClientBin, "pg_dump"), filepath.Join(serverBin(), "postgres"), minioProgram(),
	} {
		if _, err := os.Stat(part); err != nil {
			return nil, fmt.Errorf("benchmarks need what is not here: %w; run: make setup", err)
		}
	}
	if l.account, err = serverAccount(); err != nil {
		return nil, err
	}
	bin, err := l.chooseDir(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.takeLock(); err != nil {
		return nil, err
	}
	if err := l.makeWork(); err != nil {
		return nil, err
	}
	if l.MinIO, err = startMinIO(ctx, l.Work); err != nil {
		return nil, err
	}
	l.Postgres, err = l.openDatabase(ctx, bin)
	return l, err
}

// Close stops the servers and removes the work folder. Databases stay.
func (l *Lab) Close() error {
	var errs []error
	if l.Postgres != nil {
		errs = append(errs, l.Postgres.Stop())
	}
	if l.MinIO != nil {
		l.MinIO.process.Kill()
	}
	if l.Work != "" {
		errs = append(errs, os.RemoveAll(l.Work))
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	return errors.Join(errs...)
}

func serverBin() string { return filepath.Join(testenv.Root(), ".cache", "postgres", "18", "bin") }

func minioProgram() string { return filepath.Join(testenv.Root(), ".cache", "bin", "minio") }

// chooseDir settles the lab's folder, and gives the folder of server programs that the server's account can
// run: copies, when the checkout is closed to it.
func (l *Lab) chooseDir(ctx context.Context) (bin string, err error) {
	given := l.options.Dir
	dir := given
	if given == "" {
		dir = filepath.Join(testenv.Root(), ".cache", "bench")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	try := func(dir, bin string) error {
		l.options.Dir = dir
		return l.account.command(ctx, dir, filepath.Join(bin, "postgres"), "--version").Run()
	}
	err = try(dir, serverBin())
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return serverBin(), err
	}
	if given == "" {
		dir = filepath.Join("/var/tmp", "cofre-bench")
	}
	programs := filepath.Join(dir, "programs")
	if err := errors.Join(os.RemoveAll(programs), os.MkdirAll(dir, 0o755)); err != nil {
		return "", err
	}
	if err := os.CopyFS(programs, os.DirFS(filepath.Dir(serverBin()))); err != nil {
		return "", fmt.Errorf("copy PostgreSQL to where user %s can run it: %w", l.account.name, err)
	}
	bin = filepath.Join(programs, "bin")
	if err := try(dir, bin); err != nil {
		return "", fmt.Errorf("user %s, who runs the server, cannot work in %s: %w; set BENCH_DIR to a folder that every user can enter",
			l.account.name, dir, err)
	}
	return bin, nil
}

// takeLock makes sure that benchmarks do not disturb each other.
func (l *Lab) takeLock() (err error) {
	l.lock, err = os.OpenFile(filepath.Join(l.options.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(l.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another benchmark is at work in %s; wait for its end, or set BENCH_DIR to another folder", l.options.Dir)
	}
	return nil
}

// makeWork makes an empty work folder, whatever an earlier run left in it.
func (l *Lab) makeWork() error {
	l.Work = filepath.Join(l.options.Dir, "work")
	if err := os.RemoveAll(l.Work); err != nil {
		return err
	}
	return os.Mkdir(l.Work, 0o755)
}

// run runs a program to its end; its error carries the end of its output.
func run(cmd *exec.Cmd, what string) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, strings.TrimSpace(string(out[max(0, len(out)-2000):])))
	}
	return nil
}
