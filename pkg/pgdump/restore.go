package pgdump

import (
	"context"
	"io"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
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

// Ranges gives parts of an archive in any order, so that several tables can be loaded at the same time.
type Ranges struct {
	Open  archive.OpenRange
	Index []archive.BlockInfo // where each table's data lies, as archive.Checker found it
}

// RestoreOptions says what to restore, where to and how.
type RestoreOptions struct {
	Target      postgres.Target
	Format      Format // of the input; "" means Custom
	Transaction Transaction
	// Jobs above 1 creates indexes and keys in that many sessions, and loads data in that many when Ranges is set. It
	// is for the custom format and excludes One; 0 means 1. Clean does everything in one session all the same.
	Jobs int
	// Ranges is optional. With Jobs above 1 the data is then read by parts, and only the head from the reader.
	Ranges *Ranges
	// Clean first drops what is to be restored, where it exists (custom format only, like the next four).
	Clean        bool
	NoOwner      bool
	NoPrivileges bool
	DataOnly     bool
	SchemaOnly   bool
	Adaptation   // of an archive to what the target has and the role may; custom format only
	// Timeout ends the whole restore; 0 means none.
	Timeout time.Duration
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
	// Unchanged is true when the restore failed and left the target as it was.
	Unchanged bool   `json:"unchanged"`
	Stderr    string `json:"-"` // first and last messages, redacted
}

func (o RestoreOptions) check() error {
	refuse := func(hint, what string, args ...any) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	switch {
	case o.Format != Custom && o.Format != Plain:
		return refuse("Use custom or plain.", "the dump format %q is unknown", o.Format)
	case o.Format == Plain && (o.Clean || o.NoOwner || o.NoPrivileges || o.DataOnly || o.SchemaOnly):
		return refuse("Leave these options out.", "a plain SQL dump is restored as it is: not in part, not without owners or privileges, not over what is there")
	case o.Format == Plain && o.Adaptation.any():
		return refuse("Leave these options out.", "a plain SQL dump is restored as it is: nothing of it can be left out, and no role replaced")
	case o.DataOnly && o.SchemaOnly:
		return refuse("Choose one of them, or none for both.", "schema only and data only exclude each other")
	case o.Transaction != AutoTransaction && o.Transaction != One && o.Transaction != Several:
		return refuse("Use one or several.", "the transaction mode %q is unknown", o.Transaction)
	case o.Transaction == One && o.Jobs > 1:
		return refuse("Choose one of them.", "one transaction cannot have several jobs")
	case o.Jobs < 0 || o.Jobs > 64:
		return refuse("Use 1 to 64.", "%d jobs are not possible", o.Jobs)
	case o.Timeout < 0:
		return refuse("Use a duration such as 30m.", "the timeout is negative")
	}
	return o.Adaptation.check()
}

// transactionTimeoutSince is the server version that knows the setting transaction_timeout, and the major version of
// the client programs that set it whatever the server is.
const transactionTimeoutSince = 17

// Restore feeds a dump from r to pg_restore (custom format) or psql (plain) in one pass, without temporary
// files. What r reports at its end counts: the last bytes are held back until r has answered io.EOF, so that a reader
// that verifies a checksum has its say before the target commits. The caller closes r.
//
// Before anything is touched it refuses an archive whose owners or extensions the target does not have. On failure
// the fault and the report say whether the target is unchanged or partly filled (reason RestoreIncomplete).
func (c Client) Restore(ctx context.Context, o RestoreOptions, r io.Reader) (RestoreReport, error) {
	if o.Format == "" {
		o.Format = Custom
	}
	report := RestoreReport{ClientVersion: c.Version, Unchanged: true, Done: map[string]int{}}
	if err := o.check(); err != nil {
		return report, err
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
		defer cancel()
	}
	goal, err := lookAtGoal(ctx, o.Target)
	if err != nil {
		return report, err
	}
	report.ServerVersion = goal.version
	started := time.Now()
	if o.Format == Plain {
		err = c.restorePlain(ctx, o, r, goal, &report)
	} else {
		err = c.restoreArchive(ctx, o, r, goal, &report)
	}
	report.Duration = time.Since(started)
	report.Unchanged = err != nil && report.Unchanged
	return report, err
}

// restoreArchive chooses the way for an archive.
func (c Client) restoreArchive(ctx context.Context, o RestoreOptions, r io.Reader, g goal, report *RestoreReport) error {
	a, err := openArchive(ctx, r)
	if err != nil {
		return err
	}
	if err := g.misses(a.head, o); err != nil {
		return err
	}
	if report.LeftOut, err = adapt(ctx, a.head, o, g.roles); err != nil {
		return err
	}
	if o.Clean {
		o.Jobs = 1 // what is there must be dropped in the order of its dependencies, before anything is created
	}
	if o.Transaction == AutoTransaction {
		o.Transaction = One
		if o.Jobs > 1 || locks(a.head) > g.locks/2 {
			o.Transaction = Several
		}
	}
	report.OneTransaction = o.Transaction == One
	switch {
	case o.Jobs > 1:
		err = c.restoreSections(ctx, o, a, g, report)
	case report.OneTransaction && c.Major >= transactionTimeoutSince && !g.knowsTransactionTimeout():
		err = c.restoreFiltered(ctx, o, a.reader(), g, report)
	default:
		err = c.restoreDirect(ctx, o, a.reader(), g, report)
	}
	if err == nil {
		report.Done = contents(a.head, o)
	}
	return err
}
