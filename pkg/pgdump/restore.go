package pgdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/postgres"
)

// Transaction says whether a restore that fails leaves the target as it was.
type Transaction string

// The kinds of transactions.
const (
	// Auto is One, unless the target's lock table has no room for everything that the archive creates (a server with
	// default settings holds about 6,000 locks), or Jobs is above 1: then it is Several.
	AutoTransaction Transaction = ""
	// One does everything in one transaction: all of it happens, or nothing.
	One Transaction = "one"
	// Several lets a restore that fails leave behind what it did so far.
	Several Transaction = "several"
)

// Ranges gives parts of an archive in any order, so that several tables can be loaded at the same time, or few of many.
type Ranges struct {
	Open  archive.OpenRange
	Index []archive.BlockInfo // where each table's data lies, as archive.Checker found it
	// Tables is what is known where there is no Index: places by schema and name, of tables alone.
	Tables []archive.BlockInfo
	// Whole opens the archive from its beginning, for a part whose data lies where nobody knows; may be nil.
	Whole func(ctx context.Context) (io.ReadCloser, error)
	// HeadLength is how many bytes the archive's head has, if that is known: one of another length is refused.
	HeadLength int64
}

// RestoreOptions says what to restore, where to and how.
type RestoreOptions struct {
	Target      postgres.Target
	Format      Format // of the input; "" means Custom
	Transaction Transaction
	// Jobs above 1 creates indexes and keys in that many sessions, and loads data in that many when Ranges is set. It
	// is for the custom format and excludes One; 0 means 1. Clean does everything in one session all the same.
	Jobs int
	// Ranges is optional. The data is then read by parts, only that which is restored, and only the head from the reader.
	Ranges *Ranges
	// Part restores a part of an archive, also into a database that is not empty: nothing of the part may be there, but with Clean.
	Part part.Selection
	// WithDependencies takes along what the part needs and the target lacks. Without it that is refused.
	WithDependencies bool
	// Reading is called with how many bytes of the archive a part takes, once that is known; may be nil.
	Reading func(bytes int64)
	// Clean first drops what is to be restored, where it exists (custom format only, like the next five).
	Clean bool
	// Cascade lets Clean drop what depends on that, too.
	Cascade      bool
	Roles        []string // of the server beside those that are there: a preview takes them for made
	NoOwner      bool
	NoPrivileges bool
	Adaptation   // of an archive to what the target has and the role may; custom format only
	// DisableTriggers loads an archive of rows only without triggers and checks of foreign keys; for superusers.
	DisableTriggers bool
	// KeepGoing goes on after what cannot be restored, in the custom format, in several transactions: then the target is
	// filled but for RestoreReport.Failed, and the error has the reason RestoredInPart. With Jobs above 1, data and what
	// comes behind it are always treated so.
	KeepGoing bool
	// Timeout ends the whole restore; 0 means none.
	Timeout time.Duration
	// Create makes the database first, as the dumped one was made (see plan), and Locale puts something else in its place;
	// Locale.Encoding also says what the bytes are of a dump whose encoding is SQL_ASCII.
	Create bool
	Locale postgres.LocaleChoice
	// MustBeEmpty refuses a database that holds something.
	MustBeEmpty bool
	// Retries is for the first connection.
	Retries postgres.Policy
	// Remark receives what is worth knowing before anything is touched, and who holds up a restore that waits for a lock,
	// from another goroutine; may be nil.
	Remark func(line string)
	// LockWaitTimeout ends a restore that waits so long for one lock; 0 means DefaultLockWaitTimeout.
	LockWaitTimeout time.Duration
	// Verbose receives the programs' progress and messages, redacted, one line at a time, from one goroutine at a
	// time.
	Verbose func(line string)
	// WorkDir is the children's working directory; "" means the temporary directory. Nothing is written there.
	WorkDir string
}

// RestoreReport says what a restore did, also when it failed.
type RestoreReport struct {
	Method         string        `json:"method"`         // "pg_restore", "pg_restore --jobs=2", "psql", "pg_restore | psql"
	ClientVersion  string        `json:"clientVersion"`  // of the programs
	ServerVersion  string        `json:"serverVersion"`  // of the target
	OneTransaction bool          `json:"oneTransaction"` // all or nothing
	Duration       time.Duration `json:"duration"`       // nanoseconds
	Bytes          int64         `json:"bytes"`          // of input given to the programs
	// Done says what was restored and how many of each kind, when all was: "TABLE": 12, "TABLE DATA": 12.
	Done map[string]int `json:"done"`
	// LeftOut is what was not restored because the options said so.
	LeftOut []LeftOut `json:"leftOut,omitempty"`
	// Failed is what could not be restored while all the rest was.
	Failed []Failed `json:"failed,omitempty"`
	// Dropped is what depended on something that was replaced, went with it (Cascade), and was not brought back.
	Dropped []string `json:"dropped,omitempty"`
	// Created is true when the database was made.
	Created bool `json:"created,omitempty"`
	// Unchanged is true when the restore failed and left the target as it was.
	Unchanged bool `json:"unchanged"`
	// Remarks are what RestoreOptions.Remark received.
	Remarks []string `json:"remarks,omitempty"`
	// Statements about the database as a whole are left to be executed: the database existed already, or the server
	// refused them for the reason behind "--".
	Statements []string `json:"statements,omitempty"`
	Stderr     string   `json:"-"` // first and last messages, redacted

	inPart bool // a part, into a database that was there
}

func (o RestoreOptions) check() error {
	refuse := func(hint, what string, args ...any) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	switch {
	case o.Format != Custom && o.Format != Plain:
		return refuse("Use custom or plain.", "the dump format %q is unknown", o.Format)
	case o.Format == Plain && (o.Clean || o.NoOwner || o.NoPrivileges || o.Part.Any()):
		return refuse("Leave these options out.", "a plain SQL dump is restored as it is: not in part, not without owners or privileges, not over what is there")
	case o.Format == Plain && o.Adaptation.any():
		return refuse("Leave these options out.", "a plain SQL dump is restored as it is: nothing of it can be left out, and no role replaced")
	case o.Format == Plain && o.KeepGoing, o.Transaction == One && o.KeepGoing:
		return refuse("Leave keeping going out, or choose several transactions; a script is restored in one.", "one transaction cannot go on after an error")
	case o.Cascade && !o.Clean:
		return refuse("Use both, or none.", "cascade is a way to clean")
	case o.WithDependencies && !o.Part.Any():
		return refuse("Use it with schemas or tables that are chosen (--schema, --table).", "the dependencies of everything are everything")
	case o.Part.As != nil && (o.Clean || o.Create || o.KeepGoing || o.DisableTriggers || o.Jobs > 1 || o.Transaction == Several):
		return refuse("Leave --clean, --create, --keep-going, --disable-triggers and --jobs out.", "a table is put beside others under another name (--as) in one session, all of it or nothing")
	case o.Transaction != AutoTransaction && o.Transaction != One && o.Transaction != Several:
		return refuse("Use one or several.", "the transaction mode %q is unknown", o.Transaction)
	case o.TransactionSize > 0 && (o.Transaction == One || o.KeepGoing || o.Part.As != nil):
		return refuse("Leave --transaction-size out, or what it excludes.", "transactions of a size are neither one, nor gone on after an error, nor a way to put a table under another name (--as)")
	case o.Superuser != "" && !o.DisableTriggers:
		return refuse("Use both, or none.", "a superuser (--superuser) is for disabling triggers (--disable-triggers)")
	case o.Transaction == One && o.Jobs > 1:
		return refuse("Choose one of them.", "one transaction cannot have several jobs")
	case o.Jobs < 0 || o.Jobs > 64:
		return refuse("Use 1 to 64.", "%d jobs are not possible", o.Jobs)
	case o.Timeout < 0 || o.LockWaitTimeout < 0:
		return refuse("Use a duration such as 30m.", "a timeout is negative")
	}
	for _, check := range []func() error{o.Locale.Check, o.Part.Check, o.Adaptation.check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// transactionTimeoutSince is the server version that knows the setting transaction_timeout, and the major version of
// the client programs that set it whatever the server is.
const transactionTimeoutSince = 17

// Restore feeds a dump from r to pg_restore (custom format) or psql (plain) in one pass, without temporary
// files. What r reports at its end counts: the last bytes are held back until r has answered io.EOF, so that a reader
// that verifies a checksum has its say before the target commits. The caller closes r.
//
// Before anything is touched, the database to create included, it refuses what cannot work; see plan. On failure
// the fault and the report say whether the target is unchanged or partly filled (reason RestoreIncomplete).
func (c Client) Restore(ctx context.Context, o RestoreOptions, r io.Reader) (RestoreReport, error) {
	report := RestoreReport{ClientVersion: c.Version, Unchanged: true, Done: map[string]int{}}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
		defer cancel()
	}
	in, err := c.begin(ctx, &o, r)
	if err != nil {
		return report, late(ctx, o, err)
	}
	p := &plan{options: o, input: in}
	defer p.letIn()
	if err := p.make(ctx); err != nil {
		return report, late(ctx, o, err)
	}
	report.inPart = o.Part.Any() && !o.Create
	report.ServerVersion, report.Remarks, report.LeftOut = p.to.Version, p.remarks, p.leaver.out
	if o.Remark != nil {
		for _, line := range p.remarks {
			o.Remark(line)
		}
	}
	started := time.Now()
	err = c.restore(ctx, p, &report)
	report.Duration = time.Since(started)
	report.Unchanged = err != nil && report.Unchanged
	return report, err
}

// late is the fault of what failed before anything was touched because the restore's own time was over: not the server was too slow to answer, there
// was no more time to ask it.
func late(ctx context.Context, o RestoreOptions, err error) error {
	if !errors.Is(context.Cause(ctx), errTimeout) || fault.HasReason(err, fault.Timeout) {
		return err
	}
	return TimedOut(fault.Validation, "the restore", o.Timeout, "--timeout")
}

// restore does what was planned.
func (c Client) restore(ctx context.Context, p *plan, report *RestoreReport) (err error) {
	if p.options.Create {
		if err := p.createDatabase(ctx, report); err != nil {
			return err
		}
		report.LeftOut, report.Created = p.leaver.out, true
		if err := p.keepOut(ctx, report); err != nil {
			return err
		}
	}
	p.options.Target = p.to.Programs
	if p.to.ReadOnly {
		p.options.Target = p.options.Target.Writable()
	}
	watched, target, watch := watchLocks(ctx, p.options)
	p.options.Target = target
	if p.input.archive == nil {
		err = c.restorePlain(watched, p.options, p, report)
	} else {
		err = c.restoreArchive(watched, p.options, p, report)
	}
	if watch.stop(); err != nil {
		if watch.fault != nil {
			err = report.outcome(watch.fault)
		}
		watch.endSessions(ctx, target)
	}
	if err != nil && p.options.Create && report.Unchanged {
		f := *fault.From(err)
		f.Hint = strings.TrimSpace(fmt.Sprintf("%s The database %q was created and is empty: leave --create out next time.", f.Hint, p.to.Name))
		return &f
	}
	if err != nil {
		return err
	}
	report.Unchanged = false
	if err := p.finishDatabase(ctx, report); err != nil {
		f := *fault.From(err)
		f.Message = "everything was restored but the owner, the rights and the limits of the database itself: " + f.Message
		return &f
	}
	if len(report.Failed) > 0 {
		return unfinished(report.Failed, p.options.Target)
	}
	return nil
}

// remark tells something that turned out after the plan was made.
func (report *RestoreReport) remark(o *RestoreOptions, line string) {
	report.Remarks = append(report.Remarks, line)
	if o.Remark != nil {
		o.Remark(line)
	}
}

// restoreArchive chooses the way for an archive.
func (c Client) restoreArchive(ctx context.Context, o RestoreOptions, p *plan, report *RestoreReport) (err error) {
	a := p.input.archive
	if encoding := p.clientEncoding(); encoding != "" {
		a.setEncoding(encoding)
	}
	done := contents(a.head, o)
	if p.rows {
		o.Clean, o.Jobs, o.Transaction = false, 1, One
	}
	var dropped []postgres.Obstacle
	if o.Clean {
		if dropped, err = prepareClean(ctx, a.head, o); err != nil {
			return err
		}
		if len(dropped) > 0 {
			report.remark(&o, "these are dropped too, and what is restored does not bring them back: "+strings.Join(obstacleNames(dropped), ", "))
		}
		o.Jobs = 1 // what is there must be dropped in the order of its dependencies, before anything is created
	}
	data, err := p.openData(ctx, &o, report)
	if err != nil {
		return err
	}
	defer data.Close()
	if report.OneTransaction = p.oneTransaction(o); report.OneTransaction {
		o.Transaction = One
	} else {
		o.Transaction = Several
	}
	switch {
	case o.Jobs > 1:
		err = c.restoreSections(ctx, o, a, p, report)
	case report.OneTransaction && c.Major >= transactionTimeoutSince && !p.knowsTransactionTimeout():
		err = c.restoreFiltered(ctx, o, a.reader(), p, report)
	default:
		err = c.restoreDirect(ctx, o, a.reader(), p, report)
	}
	if err == nil {
		report.Done = done
		report.missed(ctx, o.Target, dropped)
	}
	return err
}
