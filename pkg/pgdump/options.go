package pgdump

import (
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/postgres"
)

// Format is the form of a dump.
type Format string

// The formats.
const (
	Custom Format = "custom" // for pg_restore; compressed by pg_dump
	Plain  Format = "plain"  // SQL for psql; never compressed by pg_dump
)

// DefaultLockWaitTimeout is how long a dump waits for a table that somebody has locked. Waiting for ever
// would also make everybody queue who comes after us.
const DefaultLockWaitTimeout = 5 * time.Minute

// DumpOptions says what to dump and how.
type DumpOptions struct {
	Target postgres.Target
	// Source is what a dump needs to know of its source. Without, the Session is asked; without that, another connection.
	Source  *postgres.Dumped
	Session *postgres.Session
	// Application names pg_dump's session in place of the target's name for it.
	Application string
	Format      Format      // "" means Custom
	Compression Compression // of the Custom format
	postgres.Selection
	NoOwner      bool
	NoPrivileges bool
	// LockWaitTimeout is for the locks that a dump takes at its start; 0 means DefaultLockWaitTimeout.
	LockWaitTimeout time.Duration
	// Timeout ends the whole dump; 0 means none.
	Timeout time.Duration
	// Snapshot makes the dump see the state that another session exported (pg_export_snapshot).
	Snapshot string
	// Verbose receives pg_dump's progress and messages, redacted, one line at a time; nil asks for none.
	Verbose func(line string)
	// WorkDir is the child's working directory; "" means the temporary directory. Nothing is written there.
	WorkDir string
}

var snapshotName = lazyregexp.New(`^[0-9A-Fa-f]{1,16}-[0-9A-Fa-f]{1,16}(-[0-9]{1,10})?$`)

// check refuses what pg_dump would misunderstand.
func (o DumpOptions) check() error {
	refuse := func(hint, what string, args ...any) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	if err := o.Selection.Check(); err != nil {
		return err
	}
	switch {
	case o.Format != Custom && o.Format != Plain:
		return refuse("Use custom or plain.", "the dump format %q is unknown", o.Format)
	case o.Snapshot != "" && !snapshotName().MatchString(o.Snapshot):
		return refuse("Use what pg_export_snapshot() answered, such as 00000003-0000001B-1.", "the snapshot name is not valid")
	case o.Timeout < 0 || o.LockWaitTimeout < 0:
		return refuse("Use a duration such as 30m.", "a timeout is negative")
	}
	return nil
}

// args gives pg_dump's arguments. Every value stands behind "=", so that none can be taken for an option.
func (o DumpOptions) args(compress string) []string {
	args := []string{"--format=" + string(o.Format), "--no-password",
		fmt.Sprintf("--lock-wait-timeout=%d", o.LockWaitTimeout.Milliseconds())}
	if o.Format == Custom {
		args = append(args, "--compress="+compress)
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{o.SchemaOnly, "--schema-only"}, {o.DataOnly, "--data-only"}, {o.NoOwner, "--no-owner"}, {o.NoPrivileges, "--no-privileges"},
		{o.LargeObjects && !o.SchemaOnly, "--blobs"}, {o.NoLargeObjects, "--no-blobs"}, {o.RowSecurity, "--enable-row-security"}, {o.Statistics, "--statistics"},
		{o.Verbose != nil, "--verbose"}} {
		if flag.on {
			args = append(args, flag.name)
		}
	}
	for _, l := range lists(o.Selection) {
		for _, v := range l.values {
			args = append(args, l.name+"="+v)
		}
	}
	if o.Snapshot != "" {
		args = append(args, "--snapshot="+o.Snapshot)
	}
	return append(args, "--dbname="+o.Target.ClientConninfo())
}

// list is an option of pg_dump that may be repeated.
type list struct {
	name   string
	since  int // major version of pg_dump; 0 for one that all have
	values []string
}

func lists(s postgres.Selection) []list {
	return []list{
		{"--schema", 0, s.Schemas}, {"--exclude-schema", 0, s.ExcludeSchemas}, {"--table", 0, s.Tables}, {"--exclude-table", 0, s.ExcludeTables},
		{"--exclude-table-data", 0, s.ExcludeTableData}, {"--table-and-children", 16, s.TablesAndChildren},
		{"--exclude-table-and-children", 16, s.ExcludeTablesAndChildren}, {"--exclude-table-data-and-children", 16, s.ExcludeTableDataAndChildren},
		{"--extension", 14, s.Extensions}, {"--exclude-extension", 17, s.ExcludeExtensions}, {"--include-foreign-data", 13, s.ForeignData},
	}
}

// Knows refuses a selection that takes an option which this pg_dump does not have yet.
func (c Client) Knows(s postgres.Selection) error {
	need, what := 0, ""
	for _, l := range lists(s) {
		if len(l.values) > 0 && l.since > max(c.Major, need) {
			need, what = l.since, l.name
		}
	}
	if s.Statistics && max(c.Major, need) < 18 {
		need, what = 18, "--statistics"
	}
	if need == 0 {
		return nil
	}
	return fault.New(fault.BackupCreation, fault.ClientTooOld, installHint(need),
		"%s: pg_dump can do that since version %d, and this one is version %d.%d (%s)", unknownTo[what], need, c.Major, c.Minor, c.PgDump)
}

// unknownTo says what options stand for that not every pg_dump has.
var unknownTo = map[string]string{
	"--statistics": "the planner's statistics are asked for", "--table-and-children": "tables with their children are asked for",
	"--exclude-table-and-children": "tables are to be left out with their children", "--exclude-table-data-and-children": "rows of tables and their children are to be left out",
	"--extension": "extensions are chosen", "--exclude-extension": "extensions are to be left out", "--include-foreign-data": "rows of foreign tables are asked for",
}
