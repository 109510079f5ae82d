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
		{o.LargeObjects && !o.SchemaOnly, "--blobs"}, {o.Verbose != nil, "--verbose"}} {
		if flag.on {
			args = append(args, flag.name)
		}
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"--schema=", o.Schemas}, {"--table=", o.Tables}, {"--exclude-table=", o.ExcludeTables}, {"--exclude-table-data=", o.ExcludeTableData}} {
		for _, v := range list.values {
			args = append(args, list.name+v)
		}
	}
	if o.Snapshot != "" {
		args = append(args, "--snapshot="+o.Snapshot)
	}
	return append(args, "--dbname="+o.Target.ClientConninfo())
}
