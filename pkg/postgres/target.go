package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgservicefile"
	"github.com/jackc/pgx/v5"

	"cofre/pkg/fault"
)

// Defaults for what a connection string leaves open.
const (
	applicationName       = "cofre"
	defaultConnectTimeout = 10 * time.Second // per host
)

// Target is a parsed connection to one database. The zero value is not usable. A Target is immutable, and prints
// itself without its secrets.
type Target struct {
	settings settings
	config   *pgx.ConnConfig
	ignored  []string
}

// ParseTarget reads a connection string: a URL (postgres://...), libpq keywords (host=... dbname=...), or
// nothing, when everything comes from the PG* variables of getenv. As in libpq, the string wins over a service
// file, which wins over the environment. It does not connect.
//
// A wrong string gives a Validation fault that says what is wrong, with an example and without the password.
func ParseTarget(s string, getenv func(string) string) (Target, error) {
	given, ignored, err := parseConnString(s)
	if err != nil {
		return Target{}, err
	}
	merged := settings{}
	for _, k := range keywords {
		if k.env != "" {
			if v := getenv(k.env); v != "" {
				merged[k.name] = v
			}
		}
	}
	if len(given) == 0 && !anyOf(merged, "host", "hostaddr", "dbname", "user", "service") {
		return Target{}, fault.New(fault.Validation, fault.InvalidInput,
			"Set DATABASE_URL, for example "+exampleURL+", or libpq's PGHOST, PGUSER, PGDATABASE, PGPASSWORD.",
			"no database is configured")
	}
	service, err := readService(given, merged, getenv)
	if err != nil {
		return Target{}, err
	}
	maps.Copy(merged, service)
	maps.Copy(merged, given)
	delete(merged, "service")
	delete(merged, "servicefile")
	t := Target{settings: merged, ignored: ignored}
	if err := t.settings.check(); err != nil {
		return Target{}, err
	}
	return t, t.configure()
}

// check refuses values that would fail later with a message that names them less well.
func (s settings) check() error {
	for key, value := range s {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) && key != "password" {
			return badString("%s contains a control character", key)
		}
	}
	for port := range strings.SplitSeq(s["port"], ",") {
		if port != "" && !isPort(port) {
			return badString("the port is not a number from 1 to 65535")
		}
	}
	hosts, ports := strings.Count(s["host"], ","), strings.Count(s["port"], ",")
	if ports > 0 && hosts != ports {
		return badString("it has %d hosts and %d ports", hosts+1, ports+1)
	}
	if addrs, ok := s["hostaddr"]; ok && s["host"] != "" && strings.Count(addrs, ",") != hosts {
		return badString("it has %d hosts and %d host addresses", hosts+1, strings.Count(addrs, ",")+1)
	}
	for key, allowed := range choices {
		if v := s[key]; v != "" && !slices.Contains(allowed, v) {
			what := key + " must be one of " + strings.Join(allowed, ", ")
			if right := rightValue(key, v); right != "" {
				what += "; write " + key + "=" + right
			}
			return badString("%s", what)
		}
	}
	if v := s["connect_timeout"]; v != "" {
		if _, err := strconv.ParseUint(v, 10, 16); err != nil {
			return badString("connect_timeout is not a number of seconds")
		}
	}
	return nil
}

// choices are the parameters with a closed set of values.
var choices = map[string][]string{
	"sslmode":              {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
	"target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
	"sslnegotiation":       {"postgres", "direct"},
	"gssencmode":           {"disable", "prefer", "require"},
	"channel_binding":      {"disable", "prefer", "require"},
	"load_balance_hosts":   {"disable", "random"},
	poolerKeyword:          {"true", "false"},
}

// configure lets pgx parse the settings (without the password, so that no message of its can show it) and
// fills in its defaults, so that child processes use the same host, user and database as we do.
func (t *Target) configure() error {
	s := t.settings
	if s["host"] == "" && s["hostaddr"] != "" {
		s["host"] = s["hostaddr"]
	}
	config, err := pgx.ParseConfig(s.conninfo(func(k keyword) bool { return k.driver && k.name != "password" }))
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			return badString("%v", cause)
		}
		return badString("%v", err)
	}
	if p, ok := s["password"]; ok {
		config.Password = p
	}
	if s["host"] == "" {
		s["host"] = config.Host
	}
	if s["user"] == "" {
		s["user"] = config.User
	}
	if s["user"] == "" {
		return badString("it names no user")
	}
	if config.Database == "" {
		config.Database = s["user"]
	}
	s["dbname"] = config.Database
	if s["application_name"] == "" {
		s["application_name"] = cmp.Or(s["fallback_application_name"], applicationName)
	}
	delete(s, "fallback_application_name")
	// The encoding is this program's: without it a server sends text in that of the database.
	config.RuntimeParams = map[string]string{"application_name": s["application_name"], "client_encoding": "UTF8"}
	if o := s["options"]; o != "" {
		config.RuntimeParams["options"] = o
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = defaultConnectTimeout
		config.DialFunc = (&net.Dialer{Timeout: defaultConnectTimeout}).DialContext
	}
	if s["hostaddr"] != "" {
		config.LookupFunc = s.lookupHostaddr
	}
	// The extended protocol without named statements: a pooler may give the next statement to another session.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	t.config = config
	return nil
}

// lookupHostaddr answers the address that the settings give for a host instead of asking the resolver.
func (s settings) lookupHostaddr(ctx context.Context, host string) ([]string, error) {
	hosts, addrs := strings.Split(s["host"], ","), strings.Split(s["hostaddr"], ",")
	if i := slices.Index(hosts, host); i >= 0 && i < len(addrs) && addrs[i] != "" {
		return []string{addrs[i]}, nil
	}
	return net.DefaultResolver.LookupHost(ctx, host)
}

// readService finds the named service, if one is asked for, where libpq looks.
func readService(given, env settings, getenv func(string) string) (settings, error) {
	name := cmp.Or(given["service"], env["service"])
	if name == "" {
		return nil, nil
	}
	files := []string{cmp.Or(given["servicefile"], env["servicefile"])}
	if files[0] == "" {
		files = []string{filepath.Join(getenv("HOME"), ".pg_service.conf")}
	}
	files = append(files, filepath.Join(cmp.Or(getenv("PGSYSCONFDIR"), "/etc/postgresql-common"), "pg_service.conf"))
	for _, file := range files {
		parsed, err := pgservicefile.ReadServicefile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, badString("the service file %s cannot be read: %v", file, err)
		}
		service, err := parsed.GetService(name)
		if err != nil {
			continue
		}
		out := settings{}
		for key, value := range service.Settings {
			if !knownKeyword(key) {
				if right := rightName(key, value); right != "" {
					return nil, badString("service %q in %s has the unknown parameter %q; %s", name, file, key, right)
				}
				return nil, badString("service %q in %s has the unknown parameter %q", name, file, key)
			}
			out[key] = value
		}
		return out, nil
	}
	return nil, badString("service %q is in none of %s", name, strings.Join(files, ", "))
}

func anyOf(s settings, keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return s[k] != "" })
}

// Database gives the name of the database.
func (t Target) Database() string { return t.config.Database }

// User gives the role that connects.
func (t Target) User() string { return t.config.User }

// Host gives the host, a list of hosts separated by commas, or the folder of a Unix socket.
func (t Target) Host() string { return t.settings["host"] }

// Port gives the port, or the list of them that belongs to a list of hosts.
func (t Target) Port() string { return cmp.Or(t.settings["port"], "5432") }

// Ignored lists parameters of the string that belong to other programs (Prisma's "schema", pools) and were
// left out.
func (t Target) Ignored() []string { return slices.Clone(t.ignored) }

// WithDatabase gives the same connection to another database of the server.
func (t Target) WithDatabase(name string) Target {
	t.settings = maps.Clone(t.settings)
	t.settings["dbname"] = name
	t.config = t.config.Copy()
	t.config.Database = name
	return t
}

// Writable returns the same connection with sessions that may write where the server, the database or the role makes them
// read-only by default (default_transaction_read_only).
func (t Target) Writable() Target { return t.withOption("-c default_transaction_read_only=off") }

// WithRole makes sessions act as another role, which the one that connects is a member of.
func (t Target) WithRole(role string) Target {
	return t.withOption("-c role=" + strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(role))
}

// withOption adds a command-line option for the server's sessions (libpq's "options").
func (t Target) withOption(option string) Target {
	t.settings = maps.Clone(t.settings)
	t.settings["options"] = strings.TrimSpace(t.settings["options"] + " " + option)
	t.config = t.config.Copy()
	t.config.RuntimeParams["options"] = t.settings["options"]
	return t
}

// Redacted gives the connection as a URL without secrets: fit for logs, errors and answers.
func (t Target) Redacted() string {
	if t.config == nil {
		return ""
	}
	query := url.Values{}
	hosts := ""
	if ports := strings.Split(t.Port(), ","); strings.HasPrefix(t.Host(), "/") {
		query.Set("host", t.Host())
		query.Set("port", t.Port())
	} else {
		var list []string
		for i, h := range strings.Split(t.Host(), ",") {
			list = append(list, net.JoinHostPort(h, cmp.Or(ports[min(i, len(ports)-1)], "5432")))
		}
		hosts = strings.Join(list, ",")
	}
	if mode := t.settings["sslmode"]; mode != "" {
		query.Set("sslmode", mode)
	}
	out := "postgres://" + url.PathEscape(t.User()) + "@" + hosts + "/" + url.PathEscape(t.Database())
	if len(query) > 0 {
		out += "?" + query.Encode()
	}
	return out
}

// String, GoString, LogValue and MarshalText keep secrets out of whatever prints a Target.
func (t Target) String() string { return t.Redacted() }

// GoString is String.
func (t Target) GoString() string { return t.Redacted() }

// Format is String for every verb, %+v and %#v included.
func (t Target) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.Redacted()) }

// LogValue is String.
func (t Target) LogValue() slog.Value { return slog.StringValue(t.Redacted()) }

// MarshalText is String.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.Redacted()), nil }

// HasPassword tells whether a password is known, from the string, the environment or a password file.
func (t Target) HasPassword() bool { return t.config.Password != "" }
