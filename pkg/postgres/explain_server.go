package postgres

import (
	"cmp"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
)

// explainServer covers what the server answered, by SQLSTATE
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func (t Target) explainServer(e *pgconn.PgError) *fault.Error {
	return t.explainMessage(e.Code, e.Routine, e.Message)
}

// ExplainMessage gives the fault for a message of the server, with its SQLSTATE or, when a program such as
// pg_dump printed only the text, without.
func (t Target) ExplainMessage(code, message string) *fault.Error {
	return t.explainMessage(code, "", message)
}

// Conflicts reports whether the server has ended a transaction in favor of another one, or of replication.
func Conflicts(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "40001"
}

// explainMessage goes by the SQLSTATE, and where several causes share one by the function of the server that refused
// (PostgreSQL's sources, src/backend/libpq/auth.c and src/backend/utils/init/postinit.c). The words, which depend on the
// server's language, are for what comes without these: a program's output, a pooler's own messages.
func (t Target) explainMessage(code, routine, message string) *fault.Error {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(message, p) {
				return true
			}
		}
		return false
	}
	if f := t.explainPooler(code, message); f != nil {
		return f
	}
	switch {
	case routine == "ClientAuthentication" && code == "28000", has("no pg_hba.conf entry", "pg_hba.conf rejects"):
		return t.explainNotAdmitted()
	case code == "28P01", has("password authentication failed", "no password supplied", "empty password returned", "SASL authentication failed"):
		hint := "Check the password; in a URL, percent-encode special characters, or set PGPASSWORD instead."
		if !t.HasPassword() {
			hint = "No password was given: set it in the URL, in PGPASSWORD or in ~/.pgpass."
		}
		return t.fault(fault.LoginFailed, false, hint, "password authentication failed for role %q at %s", t.User(), t.address())
	case code == "3D000", has("no such database"), strings.HasPrefix(message, "database \"") && has("does not exist"):
		return t.fault(fault.DatabaseMissing, false, "Check the name at the end of the URL, or create the database.",
			"database %q does not exist at %s", t.Database(), t.address())
	case code == "28000", strings.HasPrefix(message, "role \"") && has("does not exist"), has("is not permitted to log in", "authentication failed for user"):
		return t.fault(fault.LoginFailed, false, "Check that the role exists and has LOGIN, and the authentication method in pg_hba.conf.",
			"login rejected for role %q at %s", t.User(), t.address())
	case code == "53300", has("too many clients", "remaining connection slots", "too many connections for"):
		return t.fault(fault.TooManyClients, true, "Wait, close idle connections, or raise max_connections (or the role's or database's CONNECTION LIMIT).",
			"no free connections at %s", t.address())
	case code == "57P03", code == "57P01", code == "57P02", code == "57P05", has("the database system is "):
		return t.fault(fault.ServerStarting, true, "Wait until it accepts connections, then try again.",
			"the server at %s is starting up, shutting down or in recovery", t.address())
	case routine == "CheckMyDatabase" && code == "55000", has("not currently accepting connections"):
		return t.fault(fault.NotAdmitted, false, "Allow connections: ALTER DATABASE ... WITH ALLOW_CONNECTIONS true.",
			"database %q does not accept connections", t.Database())
	case routine == "CheckMyDatabase" && code == "42501", has("permission denied for database"):
		f := t.fault(fault.MissingPrivilege, false, "GRANT CONNECT ON DATABASE "+QuoteIdent(t.Database())+" TO "+QuoteIdent(t.User())+".",
			"role %q may not connect to database %q", t.User(), t.Database())
		f.Code = fault.Permission
		return f
	case code == "42501" || (code == "" && has("permission denied")):
		f := t.fault(fault.MissingPrivilege, false, "Grant the role "+QuoteIdent(t.User())+" what is missing (for reading everything: GRANT pg_read_all_data TO "+QuoteIdent(t.User())+").",
			"role %q lacks a privilege in database %q", t.User(), t.Database())
		f.Code = fault.Permission
		return f
	case code == "55P03":
		return t.fault(fault.LockTimeout, true, "Another session holds it: see pg_stat_activity and pg_locks. Try again later.",
			"timed out waiting for a lock in database %q", t.Database())
	case code == "40001", code == "40P01":
		return t.fault(fault.ServerConflict, true, "Try again. On a standby, set hot_standby_feedback = on or raise max_standby_streaming_delay.",
			"the server at %s canceled the transaction in favor of another one", t.address())
	case strings.HasPrefix(code, "08"):
		return t.fault(fault.ConnectionLost, true, "Check the server log, then try again.", "the server at %s reports a broken connection", t.address())
	case code == "53100":
		f := t.fault("", true, "Free space on the database server.", "the database server's disk is full")
		f.Code = fault.DiskSpace
		return f
	case strings.HasPrefix(code, "58"), strings.HasPrefix(code, "53"):
		return t.fault(fault.ServerFailed, true, "Check the server log, then try again.", "the server at %s ran into a failure of its own", t.address())
	}
	return t.fault("", false, "Check the cause and the server log.", "the server at %s answered with an error", t.address())
}

// poolerParameter is pgbouncer's refusal of a parameter that libpq sends at the start: "unsupported startup parameter: options",
// and since 1.20 "unsupported startup parameter in options: x" or "unsupported options startup parameter: only ...".
var poolerParameter = lazyregexp.New(`unsupported (?:startup parameter: ([\w.]+)|startup parameter in options: ([\w.]+)|options startup parameter)`)

// explainPooler covers what only a pooler says (pgbouncer's messages are not translated); nil for all else.
func (t Target) explainPooler(code, message string) *fault.Error {
	if m := poolerParameter().FindStringSubmatch(message); m != nil {
		name, inside := cmp.Or(m[1], "options"), ""
		if m[2] != "" {
			inside = " for " + m[2]
		}
		hint := "Remove " + name + " from the connection string (and PGOPTIONS), or connect to PostgreSQL itself, not to the pooler."
		if name != "options" {
			hint = "Add " + name + " to the pooler's ignore_startup_parameters, or connect to PostgreSQL itself, not to the pooler."
		}
		return t.fault(fault.ParameterRefused, false, hint, "the pooler at %s does not take the parameter %s%s", t.address(), name, inside)
	}
	switch {
	case code != "08P01" && code != "":
	case strings.Contains(message, "no more connections allowed"):
		return t.fault(fault.TooManyClients, true, "Wait until connections are free, or raise the pooler's max_client_conn; or connect to PostgreSQL itself.",
			"the pooler at %s takes no more clients", t.address())
	case strings.HasPrefix(message, "query_wait_timeout"):
		return t.fault(fault.TooManyClients, true, "Check that PostgreSQL behind it runs; wait until connections are free, or raise the pooler's default_pool_size; or connect to PostgreSQL itself.",
			"the pooler at %s got no connection to its server in time", t.address())
	case strings.Contains(message, "pgbouncer cannot connect to server"), strings.HasPrefix(message, "server login"), strings.HasPrefix(message, "server_login_retry"):
		return t.fault(fault.ServerStarting, true, "Check that PostgreSQL runs, and host, port and login in the pooler's own settings.",
			"the pooler at %s cannot connect to its server", t.address())
	}
	return nil
}

// explainNotAdmitted tells a server that may want TLS, because the refused try was one without, from one that does not want
// this client at all.
func (t Target) explainNotAdmitted() *fault.Error {
	if mode := t.settings["sslmode"]; mode == "disable" || mode == "allow" {
		return t.fault(fault.TLSRequired, false, "Use sslmode=require or verify-full. If that is rejected too, ask for a pg_hba.conf entry.",
			"pg_hba.conf at %s rejects unencrypted connections of role %q to database %q", t.address(), t.User(), t.Database())
	}
	return t.fault(fault.NotAdmitted, false, "Add a pg_hba.conf entry for this machine, role and database (on managed services: a network access rule).",
		"pg_hba.conf at %s does not allow role %q on database %q from this machine", t.address(), t.User(), t.Database())
}

// QuoteIdent quotes an SQL identifier.
func QuoteIdent(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
