package pgdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// Section is a part of an archive, as pg_restore names them.
type Section string

// The sections; "" is all of them.
const (
	PreData  Section = "pre-data"
	Data     Section = "data"
	PostData Section = "post-data"
)

// RestoreOptions says what to restore, where to and how.
type RestoreOptions struct {
	Target postgres.Target
	Format Format // of the input; "" means Custom
	// Partial lets a restore that fails leave behind what it did so far. By default everything happens in one
	// transaction, so that a failure leaves the target as it was.
	Partial bool
	// KeepGoing goes on after a statement that fails, and counts such errors in the report. It implies Partial.
	KeepGoing    bool
	Clean        bool // drop what is to be restored first (custom format only)
	NoOwner      bool // custom format only
	NoPrivileges bool // custom format only
	DataOnly     bool // custom format only
	SchemaOnly   bool // custom format only
	// TOC chooses and orders the entries to restore, in the form of "pg_restore --list" (custom format only).
	TOC []byte
	// Timeout ends the whole restore; 0 means none.
	Timeout time.Duration
	// Verbose receives the program's progress and messages, redacted, one line at a time.
	Verbose func(line string)
	// WorkDir is the child's working directory; "" means the temporary directory. Nothing is written there.
	WorkDir string
}

// RestoreReport says what a restore did, also when it failed.
type RestoreReport struct {
	Method        string         `json:"method"`        // "pg_restore", "psql", "pg_restore | psql"
	ClientVersion string         `json:"clientVersion"` // of the programs
	ServerVersion string         `json:"serverVersion"` // of the target
	Duration      time.Duration  `json:"duration"`      // nanoseconds
	Bytes         int64          `json:"bytes"`         // of input given to the program
	Done          map[string]int `json:"done"`          // what was done and how often: "TABLE": 12, "data": 12
	Errors        int            `json:"errors"`        // statements that failed (KeepGoing)
	// Unchanged is true when the restore failed and left the target as it was.
	Unchanged bool   `json:"unchanged"`
	Stderr    string `json:"-"` // first and last messages, redacted
}

func (o RestoreOptions) check() error {
	refuse := func(what string) error {
		return fault.New(fault.Validation, fault.InvalidInput, "Leave one of them out.", "%s", what)
	}
	switch {
	case o.Format != Custom && o.Format != Plain:
		return fault.New(fault.Validation, fault.InvalidInput, "Use custom or plain.", "the dump format %q is unknown", o.Format)
	case o.Format == Plain && (o.Clean || o.NoOwner || o.NoPrivileges || o.DataOnly || o.SchemaOnly || o.TOC != nil):
		return refuse("a plain SQL dump is restored as it is: it cannot be restored in part or without owners")
	case o.DataOnly && o.SchemaOnly:
		return refuse("schema only and data only exclude each other")
	case o.Timeout < 0:
		return refuse("the timeout is negative")
	}
	return nil
}

// oneTransaction tells whether a failure leaves the target as it was.
func (o RestoreOptions) oneTransaction() bool { return !o.Partial && !o.KeepGoing }

// transactionTimeoutSince is the server version that knows the setting transaction_timeout, and the major version of
// the client programs that set it whatever the server is.
const transactionTimeoutSince = 17

// Restore feeds a dump from r to pg_restore (custom format) or psql (plain) in one pass, without temporary
// files. What r reports at its end counts: the last bytes are held back until r has answered io.EOF, so that a reader
// that verifies a checksum has its say before the target commits. The caller closes r.
//
// On failure the fault and the report say whether the target is unchanged (one transaction, the default) or
// partly filled (reason RestoreIncomplete).
func (c Client) Restore(ctx context.Context, o RestoreOptions, r io.Reader) (RestoreReport, error) {
	if o.Format == "" {
		o.Format = Custom
	}
	report := RestoreReport{ClientVersion: c.Version, Unchanged: true, Done: map[string]int{}}
	if err := o.check(); err != nil {
		return report, err
	}
	major, version, err := serverVersion(ctx, o.Target)
	if err != nil {
		return report, err
	}
	report.ServerVersion = version
	started := time.Now()
	knows := major >= transactionTimeoutSince
	if o.Format == Plain {
		report.Method = "psql"
		err = c.restorePlain(ctx, o, r, knows, &report)
	} else {
		stamped, archive := hasColumnVersions(r)
		if stamped || (c.Major >= transactionTimeoutSince && !knows) {
			report.Method = "pg_restore | psql"
			err = c.restoreFiltered(ctx, o, archive, knows, &report)
		} else {
			report.Method = "pg_restore"
			err = c.restoreCustom(ctx, o, archive, &report)
		}
	}
	report.Duration = time.Since(started)
	report.Unchanged = err != nil && report.Unchanged
	return report, err
}

func serverVersion(ctx context.Context, t postgres.Target) (major int, version string, err error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var num int
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_version')").Scan(&num, &version)
	return num / 10000, version, t.Explain(ctx, err)
}

// restoreArgs gives pg_restore's arguments. Files for the child are added to cmd.
func (o RestoreOptions) restoreArgs() []string {
	args := []string{"--format=custom", "--no-password", "--verbose"}
	for _, flag := range []struct {
		on   bool
		name string
	}{{o.Clean, "--clean"}, {o.Clean, "--if-exists"}, {o.NoOwner, "--no-owner"}, {o.NoPrivileges, "--no-privileges"},
		{o.DataOnly, "--data-only"}, {o.SchemaOnly, "--schema-only"}} {
		if flag.on {
			args = append(args, flag.name)
		}
	}
	return args
}

// restoreCustom lets pg_restore write into the database itself.
func (c Client) restoreCustom(ctx context.Context, o RestoreOptions, r io.Reader, report *RestoreReport) error {
	args := append(o.restoreArgs(), "--dbname="+o.Target.ClientConninfo())
	if o.oneTransaction() {
		args = append(args, "--single-transaction")
	} else if !o.KeepGoing {
		args = append(args, "--exit-on-error")
	}
	run, err := c.newRun(o, "pg_restore", args, report)
	if err != nil {
		return err
	}
	defer run.close()
	return run.execute(ctx, r, holdBack{})
}

// restorePlain lets psql run the script, without what the server would refuse. knows is true when it knows
// transaction_timeout.
func (c Client) restorePlain(ctx context.Context, o RestoreOptions, r io.Reader, knows bool, report *RestoreReport) error {
	run, err := c.newRun(o, "psql", o.psqlArgs(), report)
	if err != nil {
		return err
	}
	defer run.close()
	return run.execute(ctx, newScriptFilter(r, knows), holdBack{complete: scriptComplete})
}

func (o RestoreOptions) psqlArgs() []string {
	args := []string{"--no-psqlrc", "--no-password", "--file=-", "--set=SHOW_ALL_RESULTS=off", "--pset=pager=off", "--dbname=" + o.Target.ClientConninfo()}
	if !o.KeepGoing {
		args = append(args, "--set=ON_ERROR_STOP=1")
	}
	if o.oneTransaction() {
		args = append(args, "--single-transaction")
	}
	return args
}

// restoreFiltered restores where the server would refuse something of what pg_restore sends: pg_restore writes
// its script, scriptFilter leaves that out, psql runs the rest.
func (c Client) restoreFiltered(ctx context.Context, o RestoreOptions, r io.Reader, knows bool, report *RestoreReport) error {
	scripted := RestoreReport{Done: report.Done}
	script, err := c.newRun(o, "pg_restore", append(o.restoreArgs(), "--file=-"), &scripted)
	if err != nil {
		return err
	}
	defer script.close()
	script.half = true
	run, err := c.newRun(o, "psql", o.psqlArgs(), report)
	if err != nil {
		return err
	}
	defer run.close()
	run.tally.done = map[string]int{} // pg_restore's count is the better one
	out, in, err := os.Pipe()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "", "Check the limit of open files (ulimit -n).", "cannot start pg_restore")
	}
	enlargePipe(out)
	script.cmd.Stdout = in
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	var scriptErr error
	go func() {
		defer close(ended)
		scriptErr = script.execute(ctx, r, holdBack{})
		_ = in.Close()
	}()
	// psql gets its end of input only when pg_restore has succeeded.
	verdict := &verdictReader{r: out, verdict: func() error { <-ended; return scriptErr }}
	err = run.execute(ctx, newScriptFilter(verdict, knows), holdBack{complete: scriptComplete})
	cancel(errors.New("psql has ended"))
	_ = out.Close()
	<-ended
	report.Bytes = scripted.Bytes
	report.Stderr = strings.TrimSpace(scripted.Stderr + "\n" + report.Stderr)
	return err
}

// verdictReader turns the end of a pipe into the verdict on the process that wrote it.
type verdictReader struct {
	r       io.Reader
	verdict func() error
}

func (v *verdictReader) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		if failed := v.verdict(); failed != nil {
			err = failed
		}
	}
	return n, err
}

// run is one child that restores.
type run struct {
	program string
	options RestoreOptions
	report  *RestoreReport
	cmd     *exec.Cmd
	stderr  *messages
	tally   *tally
	files   []*os.File
	half    bool // its output goes to another run, which speaks for the target
}

func (c Client) newRun(o RestoreOptions, program string, args []string, report *RestoreReport) (*run, error) {
	path, err := c.program(program)
	if err != nil {
		return nil, err
	}
	r := &run{program: program, options: o, report: report, tally: &tally{done: report.Done, verbose: o.Verbose}}
	r.stderr = &messages{redact: o.Target.Redact, each: r.tally.line}
	if o.TOC != nil && program == "pg_restore" {
		f, err := memoryFile("toc", o.TOC)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "", "Free some memory.", "cannot hand the list of entries to pg_restore")
		}
		r.files = append(r.files, f)
		args = append(args, "--use-list=/dev/fd/3")
	}
	r.cmd = exec.Command(path, args...)
	r.cmd.ExtraFiles = r.files
	r.cmd.Env = append(baseEnv(os.Getenv), o.Target.ClientEnv()...)
	r.cmd.Dir = workDir(o.WorkDir)
	r.cmd.Stderr = r.stderr
	if program == "psql" {
		r.cmd.Stdout = &messages{redact: o.Target.Redact, each: r.tally.tag}
	}
	return r, nil
}

func (r *run) close() {
	for _, f := range r.files {
		_ = f.Close()
	}
}

// execute starts the child, feeds it, and waits for it.
func (r *run) execute(ctx context.Context, input io.Reader, hold holdBack) error {
	out, in, err := os.Pipe()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "", "Check the limit of open files (ulimit -n).", "cannot start %s", r.program)
	}
	enlargePipe(in)
	r.cmd.Stdin = out
	p, err := start(r.cmd)
	_ = out.Close()
	if err != nil {
		_ = in.Close()
		return fault.Wrap(err, fault.Validation, fault.ClientMissing, "Check that the program can be run, or set PGDUMP_PATH.", "cannot start %s", r.cmd.Path)
	}
	release := p.watch(ctx, r.options.Timeout)
	defer release()
	n, fed := hold.copy(in, input)
	r.report.Bytes = n
	if fed != nil && !errors.Is(fed, errChildGone) {
		p.stop(fed) // before its input ends: psql would take the end for success
	}
	if fed != nil {
		<-p.done
	}
	_ = in.Close()
	<-p.done
	r.report.Stderr = strings.TrimSpace(r.report.Stderr + "\n" + r.stderr.String())
	return r.verdict(p, fed)
}

// verdict settles how the child ended and what that means for the target.
func (r *run) verdict(p *process, fed error) error {
	o := r.options
	err := failure(ending{
		program: r.program, doing: fmt.Sprintf("restore into database %q", o.Target.Database()), cause: p.stopped(), err: p.err,
		stderr: r.stderr.String(), target: o.Target, timeout: o.Timeout, code: fault.Validation,
	})
	if fed != nil && !errors.Is(fed, errChildGone) {
		err = fed // what went wrong with the input is the cause of everything after it
	}
	if errors.Is(fed, errChildGone) && err == nil {
		return nil // it did not need the rest
	}
	if o.KeepGoing {
		r.report.Errors += r.tally.ignored
		var exit *exec.ExitError
		if r.tally.ignored > 0 && errors.As(p.err, &exit) && exit.ExitCode() == 1 && fed == nil {
			return nil
		}
	}
	if err == nil || r.half {
		return err
	}
	r.report.Unchanged = o.oneTransaction()
	return r.outcome(err)
}

// outcome adds to a fault what state the target is in.
func (r *run) outcome(err error) error {
	f := *fault.From(err)
	if r.report.Unchanged {
		f.Message += "; the target database was left as it was"
	} else {
		f.Message += "; the target database is partly filled"
		f.Hint = strings.TrimSpace(f.Hint + " Drop the target database and create it anew before trying again.")
		if f.Reason == fault.ExitStatus || f.Reason == "" {
			f.Reason = fault.RestoreIncomplete
		}
	}
	return &f
}
