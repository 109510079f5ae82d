package postgres

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cofre/pkg/address"
	"cofre/pkg/fault"
)

// remoteKeywords may stand in a connection that somebody else gives than whoever runs cofre: none names a file, a socket, a service or an address
// beside that of the host.
var remoteKeywords = []string{"host", "port", "dbname", "user", "password", "application_name", "connect_timeout", "options", "sslmode", "sslnegotiation", "sslrootcert", "sslsni",
	"ssl_min_protocol_version", "ssl_max_protocol_version", "min_protocol_version", "max_protocol_version", "require_auth", "channel_binding", "gssencmode", "target_session_attrs",
	"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", poolerKeyword}

// maxRemoteTimeout bounds connect_timeout, in seconds: a server that says nothing takes the place of those that do.
const maxRemoteTimeout = 120

// ParseRemote reads a connection string that somebody gives who may not decide what this machine opens, reads and sends: it leads to one host by TCP,
// takes nothing from this machine's environment and files, and never reaches an address of the network link, whatever the host's name resolves to
// when a connection is made. Programs get the address that was reached ([Target.ForPrograms]), and look nothing up.
func ParseRemote(s string) (Target, error) {
	given, ignored, err := parseConnString(s)
	if err != nil {
		return Target{}, err
	}
	for key := range given {
		if !slices.Contains(remoteKeywords, key) {
			return Target{}, notRemote("it has the parameter %s, which only a file on the machine of cofre may give", key)
		}
	}
	host := given["host"]
	ip, _ := netip.ParseAddr(host)
	switch {
	case host == "":
		return Target{}, notRemote("it names no host")
	case strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.HasPrefix(host, `\`):
		return Target{}, notRemote("its host is a socket of the machine of cofre")
	case strings.Contains(host, ","):
		return Target{}, notRemote("it names several hosts")
	case given["user"] == "":
		return Target{}, notRemote("it names no user")
	case given["sslrootcert"] != "" && given["sslrootcert"] != "system":
		return Target{}, notRemote("sslrootcert names a file of the machine of cofre; it can be system")
	case ip.IsValid() && address.Link(ip):
		return Target{}, errLink
	}
	if n, err := strconv.Atoi(given["connect_timeout"]); err == nil && n > maxRemoteTimeout { // else it is refused below
		return Target{}, notRemote("connect_timeout is %d seconds, and may be %d", n, maxRemoteTimeout)
	}
	// What is not given is not taken from the variables of this process either, which the driver reads.
	for key, nothing := range map[string]string{"password": "", "passfile": "/dev/null", "sslcert": "", "sslkey": "", "sslrootcert": "", "sslmode": "prefer", "target_session_attrs": "any", "port": "5432",
		"dbname": given["user"], "require_auth": "", "channel_binding": "prefer", "sslnegotiation": "postgres", "gssencmode": "disable"} {
		if given[key] == "" {
			given[key] = nothing
		}
	}
	t := Target{settings: given, ignored: ignored}
	if err := t.settings.check(); err != nil {
		return Target{}, err
	}
	if err := t.configure(); err != nil {
		return Target{}, err
	}
	timeout := t.config.ConnectTimeout
	if timeout == 0 {
		timeout = defaultConnectTimeout
	}
	t.config.DialFunc = (&net.Dialer{Timeout: timeout, ControlContext: address.Refuse(address.Link, errLink)}).DialContext
	return t, nil
}

var errLink = fault.New(fault.Validation, fault.InvalidInput, "Name the database server. One that is only reached that way is named in cofre.yaml.",
	"the connection leads to a link-local address, where credentials of this machine are to be had")

func notRemote(format string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput, "Write it as postgresql://user:password@host:5432/database; whatever else there is belongs into cofre.yaml.", "the connection cannot be kept: "+format, args...)
}

// harmless may differ between two connections of which one has the password of the other.
var harmless = []string{"dbname", "application_name", "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", poolerKeyword}

// CompleteRemote is ParseRemote of a connection that takes the place of another one, before, and returns it as it is to be kept. Where it has no
// password it takes that of the other, but only for the same host, port and role, guarded in the same way: a password is not to be sent anywhere else.
func CompleteRemote(s, before string) (Target, string, error) {
	t, err := ParseRemote(s)
	if err != nil {
		return t, "", err
	}
	given, _, err := parseConnString(s)
	if err != nil {
		return t, "", err
	}
	old, oerr := ParseRemote(before)
	if given["password"] != "" || before == "" || oerr != nil || old.settings["password"] == "" {
		return t, s, nil
	}
	for _, key := range remoteKeywords {
		if key != "password" && t.settings[key] != old.settings[key] && !slices.Contains(harmless, key) {
			return t, "", fault.New(fault.Validation, fault.InvalidInput, "Give the password again, in the URL: the one that is kept is not sent anywhere else, nor in another way.", "%s is another one, and the URL has no password", key)
		}
	}
	given["password"] = old.settings["password"]
	whole := given.conninfo(func(keyword) bool { return true })
	if p := given[poolerKeyword]; p != "" {
		whole += " " + poolerKeyword + "='" + p + "'"
	}
	t, err = ParseRemote(whole)
	return t, whole, err
}
