package pgdump

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/postgres"
)

// ending is how a child ended and what is known about it.
type ending struct {
	program string
	doing   string // "dump database \"x\""
	cause   error  // why we ended it; nil when it ended by itself
	refused bool   // we ended it because of an error that it wrote
	err     error  // of Wait
	stderr  string // redacted
	target  postgres.Target
	timeout time.Duration
	code    fault.Code // for what is the program's own failure
	// What the source is and what pg_dump was told, for messages in a language that is not known here.
	standby  bool
	lockWait time.Duration
	ran      time.Duration
}

// Outrun is the fault of a dump that a standby has ended because replication had to go on. cause may be nil.
func Outrun(cause error, code fault.Code) *fault.Error {
	f := fault.Wrap(cause, code, fault.ServerConflict, "On the standby set hot_standby_feedback = on or raise max_standby_streaming_delay, or back up from the primary.",
		"the standby canceled the dump (conflict with recovery)")
	f.Transient = true
	return f
}

// failure gives the fault that explains an ending; nil when the program succeeded.
func failure(e ending) error {
	switch {
	case e.err == nil:
		return nil // it succeeded; a stop that came too late changes nothing
	case errors.Is(e.cause, errTimeout):
		raise := "PGDUMP_TIMEOUT"
		if e.program != "pg_dump" {
			raise = "--timeout"
		}
		return e.withStderr(TimedOut(e.code, e.program, e.timeout, raise))
	case e.cause != nil:
		f := fault.From(Canceled(e.cause))
		f.Message = fmt.Sprintf("%s was stopped before it was finished", e.program)
		return f
	}
	var exit *exec.ExitError
	if !errors.As(e.err, &exit) {
		return fault.Wrap(e.err, e.code, fault.ExitStatus, "See its messages.", "%s failed", e.program)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && !e.refused {
		return e.withStderr(killed(e, status.Signal()))
	}
	if strings.Contains(e.stderr, e.program+": terminated by user") && !e.refused {
		return e.withStderr(killed(e, syscall.SIGTERM))
	}
	f := classify(e)
	if f == nil {
		f = fault.New(e.code, fault.ExitStatus, "See its messages; run again with --verbose for all of them.",
			"%s exited with status %d", e.program, max(exit.ExitCode(), 1))
	}
	return e.withStderr(f)
}

func killed(e ending, s syscall.Signal) *fault.Error {
	hint := "Find out who ended it, then try again."
	if s == syscall.SIGKILL {
		hint = "Usually the kernel ran out of memory: check dmesg, add memory, try again."
	}
	return fault.New(e.code, fault.KilledBySignal, hint, "%s was killed (%s)", e.program, unix.SignalName(s))
}

// withStderr adds what the program said as the cause.
func (e ending) withStderr(f *fault.Error) error {
	if said := excerpt(e.stderr); said != "" && f.Err == nil {
		f.Err = &fault.Text{Short: joinLines(said), Whole: e.stderr}
	}
	return f
}

var (
	connectFailed = lazyregexp.New(`connection to (?:database|server)[^\n]* failed: (?:FATAL:\s*)?([^\n]*)`)
	permission    = lazyregexp.New(`permission denied for (?:table|relation|sequence|schema|large object|view|function|database|column|foreign server|type|language|materialized view) ?([^\n]*)`)
	deniedTo      = lazyregexp.New(`permission denied to [^\n]*`)
	rowSecurity   = lazyregexp.New(`query would be affected by row-level security policy for table ([^\n]*)`)
	lockedTable   = lazyregexp.New(`(?s)LOCK TABLE (.*?) IN ACCESS SHARE MODE`)
	missingRole   = lazyregexp.New(`ERROR:\s+(role "[^\n]*") does not exist`)
	noMatch       = lazyregexp.New(`no matching (tables|schemas|extensions|foreign servers) were found[^\n]*`)
)

// lostConnection are libpq's and the server's ways of saying that the connection broke while in use.
var lostConnection = []string{
	"server closed the connection unexpectedly", "could not receive data from server", "could not send data to server",
	"no connection to the server", "SSL SYSCALL error", "SSL connection has been closed unexpectedly", "SSL error: ",
	"terminating connection due to", "connection not open", "lost synchronization with server", "connection is closed",
}

// classify finds the known reasons in what the program said; nil when there is none.
func classify(e ending) *fault.Error {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(e.stderr, p) {
				return true
			}
		}
		return false
	}
	if m := connectFailed().FindStringSubmatch(e.stderr); m != nil {
		return explainConnect(e, m[1])
	}
	switch {
	case e.program == "psql" && has("backslash commands are restricted", `\unrestrict: `):
		return fault.New(fault.Validation, fault.StructureDamaged, "Restore another backup, and find out who could write to this one or is superuser at its source.",
			"the script holds commands for psql, which pg_dump does not write")
	case has("aborting because of server version mismatch"):
		return fault.New(e.code, fault.ClientTooOld, "Install a pg_dump that is not older than the server, or set PGDUMP_PATH to one.",
			"%s is older than the server", e.program)
	case noMatch().MatchString(e.stderr):
		return fault.New(fault.Validation, fault.InvalidInput,
			"Check the names: a name with capital letters or special characters needs double quotes inside the pattern, and a name without a schema is looked for in the search path only.",
			"the selection names nothing that exists: %s", noMatch().FindString(e.stderr))
	case rowSecurity().MatchString(e.stderr):
		return fault.New(fault.Permission, fault.MissingPrivilege, "Run ALTER ROLE "+postgres.QuoteIdent(e.target.User())+" BYPASSRLS, or use a role that has it.",
			"row-level security hides rows of table %s from role %q", rowSecurity().FindStringSubmatch(e.stderr)[1], e.target.User())
	case permission().MatchString(e.stderr):
		hint := "Grant role " + postgres.QuoteIdent(e.target.User()) + " what is missing"
		if e.program == "pg_dump" {
			hint += " (for reading everything: GRANT pg_read_all_data TO " + postgres.QuoteIdent(e.target.User()) + ")"
		}
		return fault.New(fault.Permission, fault.MissingPrivilege, hint+".",
			"cannot %s: role %q has %s", e.doing, e.target.User(), permission().FindString(e.stderr))
	case has("due to lock timeout", "due to statement timeout") && has("LOCK TABLE"):
		return lockTimeout(e)
	case has("Query was: LOCK TABLE") && e.lockWait > 0 && e.ran >= e.lockWait:
		return lockTimeout(e)
	case has("due to conflict with recovery"),
		e.standby && !has(lostConnection...) && has("pg_dump: detail: Query was: ", "pg_dump: error: Dumping the contents of table") && !has(" ERROR: "):
		return Outrun(nil, e.code)
	case has(lostConnection...):
		f := fault.New(e.code, fault.ConnectionLost, "Try again. If it recurs, check the server log and any proxy or pooler in between.",
			"the connection to the database was lost while %s was running", e.program)
		f.Transient = true
		return f
	case has("cache lookup failed", "could not open relation with OID"):
		f := fault.New(e.code, fault.ExitStatus, "Try again when no migration is running.", "the schema changed during the dump")
		f.Transient = true
		return f
	case has("out of shared memory"):
		hint := "Raise max_locks_per_transaction and restart the server."
		if e.program != "pg_dump" {
			hint = "Raise max_locks_per_transaction and restart the server, or restore in several transactions."
		}
		return fault.New(e.code, fault.LimitReached, hint, "out of lock table space on the server")
	case missingRole().MatchString(e.stderr):
		return fault.New(fault.Validation, fault.TargetLacks, "Create the role on the target server (CREATE ROLE ...), or restore without owners and privileges.",
			"the target server has no %s", missingRole().FindStringSubmatch(e.stderr)[1])
	case has("must be able to SET ROLE", "must be member of role"):
		return fault.New(fault.Permission, fault.MissingPrivilege, "Restore as a superuser, or without owners (--no-owner --no-privileges).",
			"cannot %s: role %q may not make another role the owner of what it creates", e.doing, e.target.User())
	case deniedTo().MatchString(e.stderr):
		return fault.New(fault.Permission, fault.MissingPrivilege, "Use a role that may do it, such as a superuser or the database's owner.",
			"cannot %s: role %q has %s", e.doing, e.target.User(), deniedTo().FindString(e.stderr))
	case has("No space left on device", "could not extend file"):
		return fault.New(fault.DiskSpace, "", "Free space on the database server.", "the database server's disk is full")
	case has("invalid memory alloc request size", "out of memory", "Cannot enlarge string buffer"):
		return fault.New(e.code, fault.ExitStatus, "Rows of about 1 GB as text cannot be dumped: split them, or exclude the table's data.",
			"%s failed: a row is too large or memory ran out", e.program)
	}
	return nil
}

// explainConnect says why no connection came about, in the words of package postgres.
func explainConnect(e ending, message string) *fault.Error {
	switch {
	case strings.Contains(message, "Connection refused"), strings.Contains(message, "No such file or directory"):
		return connectFault(fault.PortRefused, true, "Check the port, and that PostgreSQL is running and listens there.", message, e.target)
	case strings.Contains(message, "could not translate host name"), strings.Contains(message, "Name or service not known"):
		return connectFault(fault.HostUnknown, false, "Check the spelling of the host name.", message, e.target)
	case strings.Contains(message, "timeout expired"), strings.Contains(message, "No route to host"), strings.Contains(message, "unreachable"):
		return connectFault(fault.HostUnreachable, true, "Check the network and firewalls.", message, e.target)
	case strings.Contains(message, "certificate"):
		return connectFault(fault.TLSCertificate, false, "Check sslrootcert, the host name and the certificate.", message, e.target)
	case strings.Contains(message, "server does not support SSL"):
		return connectFault(fault.TLSRefused, false, "Switch TLS on in the server, or use sslmode=prefer.", message, e.target)
	case strings.Contains(message, "server closed the connection"), strings.Contains(message, "Connection reset"):
		return connectFault(fault.ConnectionLost, true, "Try again.", message, e.target)
	}
	return e.ask(message)
}

// ask connects once more, because a driver says what programs do not: the SQLSTATE of a message in any language.
func (e ending) ask(message string) *fault.Error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := e.target.Connect(ctx)
	if err != nil {
		return fault.From(err)
	}
	postgres.Close(conn)
	return e.target.ExplainMessage("", message)
}

func connectFault(r fault.Reason, transient bool, hint, message string, t postgres.Target) *fault.Error {
	f := fault.New(fault.DatabaseConnection, r, hint, "cannot connect to %s: %s", t.Redacted(), message)
	f.Transient = transient
	return f
}

// lockTimeout names the table, if it was a single one: pg_dump locks many in one statement.
func lockTimeout(e ending) *fault.Error {
	what := "a table"
	if m := lockedTable().FindStringSubmatch(e.stderr); m != nil && !strings.Contains(m[1], ",") && len(m[1]) < 300 {
		what = "table " + strings.TrimPrefix(m[1], "ONLY ")
	}
	f := fault.New(e.code, fault.LockTimeout, postgres.LockHint,
		"timed out waiting for a lock on %s", what)
	f.Transient = true
	return f
}
