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
)

// run is one child that restores.
type run struct {
	program string
	options RestoreOptions
	cmd     *exec.Cmd
	stderr  *messages
	tally   *tally
	files   []*os.File
	// keepsGoing is true for a pg_restore without --exit-on-error: tally.stop ends it at the first error that is not
	// the known one.
	keepsGoing bool
	collected  *failures     // set when it goes on after any error
	failed     []failedEntry // that it went on after
	bytes      int64         // given to it
}

// newRun prepares a child. Its files follow stdin, stdout and stderr in the child, as /dev/fd/3 and on.
func (c Client) newRun(o RestoreOptions, program string, args []string, files ...*os.File) (*run, error) {
	r := &run{program: program, options: o, files: files, tally: &tally{done: map[string]int{}}}
	path, err := c.program(program)
	if err != nil {
		r.close()
		return nil, err
	}
	look := r.tally.line
	if o.KeepGoing && program == "pg_restore" {
		r.collected = &failures{}
		look = func(line string) {
			r.tally.line(line)
			r.collected.line(o.Target.Redact(line))
		}
	}
	r.stderr = &messages{redact: o.Target.Redact, look: look, each: o.Verbose}
	r.cmd = exec.Command(path, args...)
	r.cmd.ExtraFiles = files
	r.cmd.Env = append(baseEnv(os.Getenv), o.Target.ClientEnv()...)
	r.cmd.Dir = workDir(o.WorkDir)
	r.cmd.Stderr = r.stderr
	if program == "psql" {
		r.cmd.Stdout = &messages{redact: o.Target.Redact, look: r.tally.tag}
	}
	return r, nil
}

func (r *run) close() {
	for _, f := range r.files {
		_ = f.Close()
	}
}

// execute starts the child, feeds it, and waits for it. A nil input is no input at all.
func (r *run) execute(ctx context.Context, input io.Reader, hold holdBack) error {
	defer r.close()
	var out, in *os.File
	if input != nil {
		var err error
		if out, in, err = os.Pipe(); err != nil {
			return fault.Wrap(err, fault.Internal, "", "Check the limit of open files (ulimit -n).", "cannot start %s", r.program)
		}
		defer in.Close()
		enlargePipe(in)
		r.cmd.Stdin = out
	}
	p, err := start(r.cmd)
	if out != nil {
		_ = out.Close()
	}
	if err != nil {
		return fault.Wrap(err, fault.Validation, fault.ClientMissing, "Check that the program can be run, or set PGDUMP_PATH.", "cannot start %s", r.cmd.Path)
	}
	if r.keepsGoing && r.collected == nil {
		r.tally.attach(func() { p.stop(errUnexpected) })
	}
	release := p.watch(ctx, 0)
	defer release()
	var fed error
	if input != nil {
		r.bytes, fed = hold.copy(in, input)
		if fed != nil && !errors.Is(fed, errChildGone) {
			p.stop(fed) // before its input ends: psql would take the end for success
			<-p.done
		}
		_ = in.Close()
	}
	<-p.done
	err = r.verdict(p, fed)
	if errors.Is(fed, errChildGone) && fault.HasReason(err, fault.ExitStatus) {
		return readOn(ctx, input, err)
	}
	return err
}

// readOnFor bounds how long the rest of an input is read after the child has fallen.
const readOnFor = time.Minute

// readOn looks for the cause of a failure that nothing else explains in what is left of the input: a child that stumbles over damaged
// bytes is gone before the checksum behind them was compared.
func readOn(ctx context.Context, input io.Reader, failed error) error {
	until := time.Now().Add(readOnFor)
	buf := make([]byte, feedBuffer)
	for time.Now().Before(until) && ctx.Err() == nil {
		switch _, err := fill(input, buf); {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return failed
		case err != nil:
			return inputFault(err)
		}
	}
	f := *fault.From(failed)
	f.Hint = strings.TrimSpace(f.Hint + " Validate the backup, too: whether it is damaged was not found out.")
	return &f
}

// errUnexpected is the reason of a stop after an error that pg_restore would have gone on after.
var errUnexpected = errors.New("an error that must not be passed over")

// verdict settles how the child ended.
func (r *run) verdict(p *process, fed error) error {
	o := r.options
	e := ending{
		program: r.program, doing: fmt.Sprintf("restore into database %q", o.Target.Database()), cause: p.stopped(), err: p.err,
		stderr: withoutKnownError(r.stderr.String()), target: o.Target, timeout: o.Timeout, code: fault.Validation,
	}
	if fed != nil && !errors.Is(fed, errChildGone) && (e.cause == nil || errors.Is(e.cause, fed)) {
		return inputFault(fed) // the cause of everything after it
	}
	if errors.Is(e.cause, errUnexpected) {
		e.cause, e.refused = nil, true
	}
	if r.collected != nil && e.cause == nil && exitCode(p.err) == 1 && !endsAll(classify(e)) {
		if found, all := r.collected.all(); all {
			r.failed = found
			return nil
		}
	}
	err := failure(e)
	if err != nil && r.keepsGoing && e.cause == nil && exitCode(p.err) == 1 && r.tally.failed() == 0 && r.tally.known > 0 {
		return nil // nothing failed but the setting that the server does not have
	}
	return err
}

// inputFault gives an error of the input a code, if it has none.
func inputFault(err error) error {
	var f *fault.Error
	if errors.As(err, &f) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Check that the backup can be read, then try again.", "the backup could not be read to its end")
}

// withoutKnownError leaves out the errors that do not matter, with the lines about them.
func withoutKnownError(stderr string) string {
	if !strings.Contains(stderr, knownCommand) {
		return stderr
	}
	var out, held strings.Builder
	for line := range strings.Lines(stderr) {
		switch {
		case restoreError().MatchString(line):
			out.WriteString(held.String())
			held.Reset()
			held.WriteString(line)
		case strings.TrimSuffix(line, "\n") == knownCommand && held.Len() > 0:
			held.Reset()
		case held.Len() > 0:
			held.WriteString(line)
		default:
			out.WriteString(line)
		}
	}
	return out.String() + held.String()
}

// exitCode is that of an error of exec.Cmd.Wait; -1 when it is another kind of error.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// report adds what runs did to a report.
func (report *RestoreReport) add(runs ...*run) {
	for _, r := range runs {
		report.Bytes += r.bytes
		for kind, n := range r.tally.done {
			report.Done[kind] += n
		}
		report.Stderr = strings.TrimSpace(report.Stderr + "\n" + r.stderr.String())
	}
}

// outcome adds to a fault what state the target is in.
func (report *RestoreReport) outcome(err error) error {
	if err == nil {
		return nil
	}
	f := *fault.From(err)
	if report.Unchanged {
		f.Message += "; the target database was left as it was"
	} else {
		f.Message += "; the target database may be partly filled"
		again := "Drop and recreate the target database before trying again."
		if report.inPart {
			again = "Drop what is there of the part before trying again."
		}
		f.Hint = strings.TrimSpace(f.Hint + " " + again)
		if f.Reason == fault.ExitStatus || f.Reason == "" {
			f.Reason = fault.RestoreIncomplete
		}
	}
	return &f
}

// serialize makes a callback safe for several goroutines.
func serialize(fn func(string)) func(string) {
	if fn == nil {
		return nil
	}
	var mu sync.Mutex
	return func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fn(line)
	}
}
