package postgres

import (
	"slices"
	"strings"
)

// keyword is one libpq connection parameter that cofre knows.
// The list is that of https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
// without those whose secret cannot be handed to a child process except in its arguments.
type keyword struct {
	name   string
	env    string // environment variable that sets it, if any
	driver bool   // pgx understands it too; the others concern libpq only
}

// keywords in the order in which ClientConninfo writes them.
var keywords = []keyword{
	{"host", "PGHOST", true},
	{"hostaddr", "PGHOSTADDR", false},
	{"port", "PGPORT", true},
	{"dbname", "PGDATABASE", true},
	{"user", "PGUSER", true},
	{"password", "PGPASSWORD", true},
	{"passfile", "PGPASSFILE", true},
	{"service", "PGSERVICE", false},
	{"servicefile", "PGSERVICEFILE", false},
	{"application_name", "PGAPPNAME", false},
	{"fallback_application_name", "", false},
	{"connect_timeout", "PGCONNECT_TIMEOUT", true},
	{"options", "PGOPTIONS", false},
	{"sslmode", "PGSSLMODE", true},
	{"sslnegotiation", "PGSSLNEGOTIATION", true},
	{"sslcert", "PGSSLCERT", true},
	{"sslkey", "PGSSLKEY", true},
	{"sslcertmode", "PGSSLCERTMODE", true},
	{"sslrootcert", "PGSSLROOTCERT", true},
	{"sslcrl", "PGSSLCRL", false},
	{"sslcrldir", "PGSSLCRLDIR", false},
	{"sslsni", "PGSSLSNI", true},
	{"sslcompression", "PGSSLCOMPRESSION", false},
	{"ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", false},
	{"ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", false},
	{"min_protocol_version", "PGMINPROTOCOLVERSION", true},
	{"max_protocol_version", "PGMAXPROTOCOLVERSION", true},
	{"require_auth", "PGREQUIREAUTH", true},
	{"channel_binding", "PGCHANNELBINDING", true},
	{"requirepeer", "PGREQUIREPEER", false},
	{"krbsrvname", "PGKRBSRVNAME", true},
	{"gssencmode", "PGGSSENCMODE", false},
	{"gssdelegation", "PGGSSDELEGATION", false},
	{"target_session_attrs", "PGTARGETSESSIONATTRS", true},
	{"load_balance_hosts", "PGLOADBALANCEHOSTS", false},
	{"keepalives", "", false},
	{"keepalives_idle", "", false},
	{"keepalives_interval", "", false},
	{"keepalives_count", "", false},
	{"tcp_user_timeout", "", false},
}

// foreign are parameters that other programs put into DATABASE_URL for themselves (Prisma, Supabase, pgx,
// lib/pq). libpq refuses them; we leave them out, and Target.Ignored tells.
var foreign = []string{
	"schema", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size",
	"sslaccept", "sslidentity", "pool_max_conns", "pool_min_conns", "pool_max_conn_lifetime",
	"pool_max_conn_idle_time", "pool_health_check_period", "default_query_exec_mode", "statement_cache_capacity",
	"binary_parameters", "uselibpqcompat", "supa", "client_encoding",
}

// poolerKeyword is for cofre, not for libpq: it says whether the address is that of a pooler by transaction. Prisma and
// Supabase made it known.
const poolerKeyword = "pgbouncer"

func knownKeyword(name string) bool {
	return name == poolerKeyword || slices.ContainsFunc(keywords, func(k keyword) bool { return k.name == name })
}

// settings are connection parameters by libpq's names.
type settings map[string]string

// conninfo writes the settings named by keys in libpq's keyword form, every value quoted.
func (out settings) conninfo(include func(keyword) bool) string {
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var parts []string
	for _, k := range keywords {
		if v, ok := out[k.name]; ok && include(k) {
			parts = append(parts, k.name+"='"+escape.Replace(v)+"'")
		}
	}
	return strings.Join(parts, " ")
}
