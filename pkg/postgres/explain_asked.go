package postgres

import (
	"cmp"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
)

// explainAsked covers servers that answered, and are not what the connection string asks for. It returns nil for all else.
func (t Target) explainAsked(err error) *fault.Error {
	switch text := err.Error(); {
	case errors.Is(err, pgconn.ErrPrimaryConnection), errors.Is(err, pgconn.ErrStandbyConnection),
		errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrReadWriteConnection):
		return t.explainRole()
	case strings.HasPrefix(text, "channel binding required"):
		return t.explainChannelBinding()
	case strings.HasPrefix(text, "authentication method requirement"):
		return t.fault(fault.AuthenticationWay, false, "Name the method that the server uses for this role (pg_hba.conf) in require_auth, or leave require_auth out.",
			"the server %s does not authenticate as the connection asks (require_auth=%s)", t.address(), t.settings["require_auth"])
	}
	return nil
}

// explainRole is for target_session_attrs that no server meets.
func (t Target) explainRole() *fault.Error {
	asked := t.settings["target_session_attrs"]
	missing := map[string]string{
		"standby": "is no standby", "primary": "is a standby", "read-write": "takes no writes (it is a standby, or read only by default)", "read-only": "takes writes",
	}[asked]
	what := t.address()
	if strings.Contains(t.Host(), ",") {
		what = "each of the hosts that could be reached (" + t.Host() + ")"
	}
	hint := "Name a server that is one, or use target_session_attrs=any"
	if asked == "standby" {
		hint = "Add a standby to the hosts, or use target_session_attrs=prefer-standby, which takes the primary where there is none"
	}
	return t.fault(fault.ServerRole, false, hint+".", "the connection asks for target_session_attrs=%s, and %s %s", asked, what, cmp.Or(missing, "is not that"))
}

// explainChannelBinding is for channel_binding=require, which binds the login to a TLS connection.
func (t Target) explainChannelBinding() *fault.Error {
	return t.fault(fault.AuthenticationWay, false,
		"Channel binding needs TLS and scram-sha-256: switch both on in the server (ssl = on, pg_hba.conf) and leave sslmode=disable out; or leave channel_binding=require out.",
		"the connection asks for channel_binding=require, and the server %s cannot bind the login to a TLS connection", t.address())
}
