package pgdump

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"

	"cofre/pkg/fault"
)

// objectsPerTransaction is how many objects pg_restore 17 and newer creates before it commits, when there are several
// transactions: one commit for each object is slow where many are small.
const objectsPerTransaction = 500

// archiveArgs gives pg_restore's arguments for an archive, without those that say where to.
func (o RestoreOptions) archiveArgs() []string {
	args := []string{"--format=custom", "--no-password"}
	for _, flag := range []struct {
		on   bool
		name string
	}{{o.Clean, "--clean"}, {o.Clean, "--if-exists"}, {o.NoOwner, "--no-owner"}, {o.NoPrivileges, "--no-privileges"},
		{o.Verbose != nil || o.KeepGoing, "--verbose"}} {
		if flag.on {
			args = append(args, flag.name)
		}
	}
	for _, name := range o.Omit {
		args = append(args, omissions[name].args...)
	}
	return args
}

// direct gives pg_restore the target, and answers whether it will go on after errors: where the server does not know
// transaction_timeout, it has to.
func (c Client) direct(o RestoreOptions, p *plan, args []string, jobs bool) (all []string, keepsGoing bool) {
	args = append(args, "--dbname="+o.Target.ClientConninfo())
	old := c.Major >= transactionTimeoutSince && !p.knowsTransactionTimeout()
	switch {
	case o.Transaction == One:
		return append(args, "--single-transaction"), false
	case old, o.KeepGoing:
		return args, true
	case c.Major >= transactionTimeoutSince && !jobs:
		return append(args, "--transaction-size="+itoa(cmp.Or(o.TransactionSize, objectsPerTransaction))), false
	}
	return append(args, "--exit-on-error"), false
}

// restoreDirect lets pg_restore write into the database itself.
func (c Client) restoreDirect(ctx context.Context, o RestoreOptions, r io.Reader, p *plan, report *RestoreReport) error {
	report.Method = "pg_restore"
	args, keepsGoing := c.direct(o, p, o.archiveArgs(), false)
	run, err := c.newRun(o, "pg_restore", args)
	if err != nil {
		return err
	}
	run.keepsGoing = keepsGoing
	report.Unchanged = o.Transaction == One
	err = run.execute(ctx, r, holdBack{})
	report.add(run)
	report.Failed = append(report.Failed, describeFailed(p.input.archive.head, run.failed)...)
	return report.outcome(err)
}

// restorePlain lets psql run the script, without what the server would refuse and without commands of psql's.
func (c Client) restorePlain(ctx context.Context, o RestoreOptions, p *plan, report *RestoreReport) error {
	report.Method = "psql"
	if o.Transaction == AutoTransaction {
		o.Transaction = One
	}
	run, err := c.psql(ctx, o)
	if err != nil {
		return err
	}
	report.OneTransaction = o.Transaction == One
	report.Unchanged = report.OneTransaction
	filter := newScriptFilter(p.input.script, p.knowsTransactionTimeout())
	filter.encoding = p.clientEncoding()
	err = run.execute(ctx, newRestrictedScript(filter), holdBack{complete: scriptComplete})
	report.add(run)
	return report.outcome(err)
}

func (o RestoreOptions) scriptArgs() []string {
	args := []string{"--no-psqlrc", "--no-password", "--set=ON_ERROR_STOP=1", "--pset=pager=off", "--file=-", "--dbname=" + o.Target.ClientConninfo()}
	if o.Transaction == One {
		args = append(args, "--single-transaction")
	}
	return args
}

// restoreFiltered restores in one transaction to a server that is older than pg_restore's "SET transaction_timeout = 0",
// an error that would end the transaction: pg_restore writes its script, the line is left out, psql runs the rest.
func (c Client) restoreFiltered(ctx context.Context, o RestoreOptions, r io.Reader, p *plan, report *RestoreReport) error {
	report.Method = "pg_restore | psql"
	if p.input.archive.head.HasBinaryRows() { // psql takes no others from a script
		text := textRows(ctx, p.input.archive)
		defer text.Close()
		r = text
	}
	o.Verbose = serialize(o.Verbose)
	script, err := c.newRun(o, "pg_restore", append(o.archiveArgs(), "--file=-"))
	if err != nil {
		return err
	}
	run, err := c.psql(ctx, o)
	if err != nil {
		return err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "", "Check the limit of open files (ulimit -n).", "cannot start pg_restore")
	}
	enlargePipe(out)
	script.cmd.Stdout = in
	scriptCtx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	var scriptErr error
	go func() {
		defer close(ended)
		scriptErr = script.execute(scriptCtx, r, holdBack{})
		_ = in.Close()
	}()
	// psql gets its end of input only when pg_restore has succeeded.
	verdict := &verdictReader{r: out, verdict: func() error { <-ended; return scriptErr }}
	err = run.execute(ctx, newRestrictedScript(newScriptFilter(verdict, p.knowsTransactionTimeout())), holdBack{complete: scriptComplete})
	cancel(errors.New("psql has ended"))
	_ = out.Close()
	<-ended
	run.tally.done, run.bytes = nil, 0 // the input is pg_restore's
	report.add(script, run)
	return report.outcome(err)
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
