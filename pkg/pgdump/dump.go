package pgdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// Dump is a running pg_dump: a reader over its output. It must be closed. Read and Close may be called
// by different goroutines; Read by one at a time.
type Dump struct {
	client  Client
	options DumpOptions
	args    []string
	process *process
	out     *os.File
	source  io.Reader // out, or a filter over it
	stderr  *messages
	standby bool // the source is one
	started time.Time
	release func() // ends the watch over context and timeout

	end     sync.Once
	result  error // io.EOF or a fault; set by finish
	closing sync.Once
}

// errClosed is the reason of a stop by Close.
var errClosed = errors.New("closed before it was read to its end")

// errTimeout is the reason of a stop because Timeout has passed.
var errTimeout = errors.New("timeout")

// Dump looks at the server and starts pg_dump. ctx governs the whole run: when it is cancelled, pg_dump's process group
// is ended and Read answers a Canceled fault. Problems with the options and with the connection come at once, what
// happens later comes out of Read.
func (c Client) Dump(ctx context.Context, o DumpOptions) (*Dump, error) {
	if o.Format == "" {
		o.Format = Custom
	}
	if o.LockWaitTimeout == 0 {
		o.LockWaitTimeout = DefaultLockWaitTimeout
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := c.Knows(o.Selection); err != nil {
		return nil, err
	}
	compress, err := c.compression(ctx, o.Compression)
	if err != nil {
		return nil, err
	}
	from, err := c.lookAtSource(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Target = from.Programs; o.Application != "" {
		o.Target = o.Target.WithApplicationName(o.Application)
	}
	d := &Dump{client: c, options: o, standby: from.Standby, started: time.Now(), args: o.args(compress), stderr: &messages{redact: o.Target.Redact, each: o.Verbose}}
	cmd := exec.Command(c.PgDump, d.args...)
	cmd.Env = append(baseEnv(os.Getenv), o.Target.ClientEnv()...)
	cmd.Dir = workDir(o.WorkDir)
	cmd.Stderr = d.stderr
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fault.Wrap(err, fault.BackupCreation, "", "Check the limit of open files (ulimit -n).", "cannot start pg_dump")
	}
	enlargePipe(out)
	cmd.Stdout, d.out = in, out
	d.process, err = start(cmd)
	_ = in.Close()
	if err != nil {
		_ = out.Close()
		return nil, fault.Wrap(err, fault.BackupCreation, fault.ClientMissing, "Check that the program can be run, or set PGDUMP_PATH to another one.", "cannot start %s", c.PgDump)
	}
	d.release = d.process.watch(ctx, o.Timeout)
	switch d.source = out; {
	case from.Stamped && o.Format == Custom:
		d.source = &headFilter{ctx: ctx, in: out}
	case from.Stamped:
		d.source = newScriptFilter(out, true)
	}
	if o.Format == Plain {
		d.source = newDescribing(d.source, from.Description)
	}
	return d, nil
}

// lookAtSource refuses a server that this pg_dump cannot read.
func (c Client) lookAtSource(ctx context.Context, o DumpOptions) (postgres.Dumped, error) {
	if o.Source != nil {
		return *o.Source, c.suits(o.Source.VersionNum / 10000)
	}
	s := o.Session
	if s == nil {
		var err error
		if s, err = postgres.OpenSession(ctx, o.Target, postgres.Policy{}); err != nil {
			return postgres.Dumped{}, err
		}
		defer s.Close()
	}
	d, err := s.Dumped(ctx, o.Format == Plain)
	if err != nil {
		return d, err
	}
	return d, c.suits(d.VersionNum / 10000)
}

func workDir(dir string) string {
	if dir == "" {
		return os.TempDir()
	}
	return dir
}

// Read reads pg_dump's output. io.EOF means that pg_dump has ended with status 0 and that all its output was
// read. Any other end is a fault.
func (d *Dump) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.source.Read(p)
	switch {
	case n > 0 || err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return 0, d.finish(nil)
	}
	return 0, d.finish(fmt.Errorf("read pg_dump's output: %w", err))
}

// finish waits for the process and settles the result, once. broken says why not all of the output was read;
// nil when it was, to its end.
func (d *Dump) finish(broken error) error {
	d.end.Do(func() {
		if broken != nil {
			d.process.stop(broken)
		}
		<-d.process.done
		d.release()
		if h, ok := d.source.(*headFilter); ok && broken == nil {
			broken = h.damage
		}
		switch d.result = d.failure(); {
		case d.result == nil && broken != nil:
			d.result = brokenOff(broken)
		case d.result == nil:
			d.result = io.EOF
		}
	})
	return d.result
}

// Close ends pg_dump, if it still runs, and waits until it is gone. It answers nil: whether the dump was
// complete is what Read says. It may be called several times.
func (d *Dump) Close() error {
	d.closing.Do(func() {
		_ = d.finish(errClosed)
		_ = d.out.Close()
	})
	return nil
}

// Pause holds pg_dump where it is, or lets it go on. Close ends one that is held, too.
func (d *Dump) Pause(on bool) { d.process.pause(on) }

// Stderr gives the first and last messages of pg_dump, redacted.
func (d *Dump) Stderr() string { return d.stderr.String() }

// Version is pg_dump's version as it prints it.
func (d *Dump) Version() string { return d.client.Version }

// Args gives pg_dump's arguments, which hold no secrets.
func (d *Dump) Args() []string { return append([]string(nil), d.args...) }

// PID is pg_dump's process id.
func (d *Dump) PID() int { return d.process.cmd.Process.Pid }

// failure gives the fault for how the process ended; nil when it succeeded.
func (d *Dump) failure() error {
	return failure(ending{
		program: "pg_dump", doing: "dump database " + fmt.Sprintf("%q", d.options.Target.Database()),
		cause: d.process.stopped(), err: d.process.err, stderr: d.stderr.String(),
		target: d.options.Target, timeout: d.options.Timeout, code: fault.BackupCreation,
		standby: d.standby, lockWait: d.options.LockWaitTimeout, ran: time.Since(d.started),
	})
}

// watch stops the process when ctx ends or the timeout passes. The function it answers ends the watch and waits
// for its goroutine.
func (p *process) watch(ctx context.Context, timeout time.Duration) func() {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		var expired <-chan time.Time
		if timeout > 0 {
			timer := time.NewTimer(timeout)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-ctx.Done():
			p.stop(context.Cause(ctx))
		case <-expired:
			p.stop(errTimeout)
		case <-p.done:
		case <-quit:
		}
	}()
	var once sync.Once
	return func() { once.Do(func() { close(quit); <-ended }) }
}

// brokenOff is the fault for a dump whose output was not read to its end although pg_dump succeeded.
func brokenOff(cause error) error {
	if errors.Is(cause, errClosed) {
		return Canceled(cause)
	}
	return fault.Wrap(cause, fault.BackupCreation, fault.StructureDamaged, "Try again; if it comes back, look at pg_dump's messages.", "the output of pg_dump cannot be used")
}

// Canceled is the fault for work that somebody stopped, or for which no time is left, as the cause of its context's end says.
func Canceled(cause error) error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return fault.Wrap(cause, fault.BackupCreation, fault.Timeout, "Allow more time, or dump less at once.", "the time allowed for it has passed")
	}
	return fault.Wrap(cause, fault.Canceled, "", "Run it again when you are ready.", "stopped before it was finished")
}

// TimedOut is the fault for what took longer than its own limit, which a setting or option raises.
func TimedOut(code fault.Code, what string, limit time.Duration, setting string) *fault.Error {
	return fault.New(code, fault.Timeout, "Raise "+setting+", or find what slows it down: locks on the server, slow storage.",
		"%s did not finish within %s and was stopped", what, limit)
}

// joinLines puts several lines into one sentence.
func joinLines(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\n", " | ")), " ")
}
