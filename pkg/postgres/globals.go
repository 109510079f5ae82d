package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
)

// Globals are what a server has beside its databases, and a dump of one of them lacks: roles, who is a member of which, their
// settings, and tablespaces. Settings of roles in one database are in its dump. Comments, and privileges on parameters and
// tablespaces, are not kept.
type Globals struct {
	Server      int           `json:"server"` // major version
	Roles       []GlobalRole  `json:"roles"`
	Memberships []Membership  `json:"memberships"` // each behind those that its grantor needs
	Settings    []RoleSetting `json:"settings"`
	Tablespaces []Tablespace  `json:"tablespaces"`
}

// GlobalRole is a role with its attributes.
type GlobalRole struct {
	Name        string `json:"name"`
	Superuser   bool   `json:"superuser,omitempty"`
	NoInherit   bool   `json:"noInherit,omitempty"`
	CreateRole  bool   `json:"createRole,omitempty"`
	CreateDB    bool   `json:"createDB,omitempty"`
	Login       bool   `json:"login,omitempty"`
	Replication bool   `json:"replication,omitempty"`
	BypassRLS   bool   `json:"bypassRLS,omitempty"`
	Connections int    `json:"connections"` // -1 is no limit
	ValidUntil  string `json:"validUntil,omitempty"`
	Password    string `json:"password,omitempty"` // its hash, as the server keeps it
}

// Membership is that Member is a member of Role. Inherit and Set are nil of servers before 16, which do not have them.
type Membership struct {
	Role    string `json:"role"`
	Member  string `json:"member"`
	Admin   bool   `json:"admin,omitempty"`
	Inherit *bool  `json:"inherit,omitempty"`
	Set     *bool  `json:"set,omitempty"`
	Grantor string `json:"grantor,omitempty"` // "" is the superuser that the server was made with
}

// RoleSetting is a parameter that a role begins its sessions with, in every database.
type RoleSetting struct {
	Role  string `json:"role"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Tablespace is a directory of the server's that objects may lie in.
type Tablespace struct {
	Name     string   `json:"name"`
	Owner    string   `json:"owner"`
	Location string   `json:"location"`
	Options  []string `json:"options,omitempty"` // "random_page_cost=1.1"
}

// providersRoles are roles that a service made for itself, by the beginning of their names, or by their whole names: another service
// lacks them, and the same one has its own. They are those that the manuals of Amazon RDS and Aurora, Google Cloud SQL and AlloyDB, Azure
// Database, Supabase, Neon and DigitalOcean describe as reserved or made by the service, and no names that users may have chosen.
var (
	providersPrefixes = []string{"rds_", "cloudsql", "alloydb", "azure_", "supabase_", "google-", "_doadmin"}
	providersRoles    = []string{"rdsadmin", "rdsrepladmin", "rdstopmgr", "rdsproxyadmin", "rdswriteforwarduser", "azuresu", "neon_superuser", "cloud_admin"}
)

// kept reports whether a role belongs to the globals: PostgreSQL's own do not, nor do a service's.
func kept(role string) bool {
	return !strings.HasPrefix(role, "pg_") && !slices.Contains(providersRoles, role) &&
		!slices.ContainsFunc(providersPrefixes, func(p string) bool { return strings.HasPrefix(role, p) })
}

// Globals reads the server's globals, with hashes of passwords only if asked for: superusers and members of
// pg_read_all_data may read those.
func (s *Session) Globals(ctx context.Context, passwords bool) (g Globals, err error) {
	err = s.within(ctx, func(tx pgx.Tx) (err error) { g, err = readGlobals(ctx, tx, passwords, s.target.User()); return err })
	return g, err
}

func readGlobals(ctx context.Context, tx pgx.Tx, passwords bool, user string) (g Globals, err error) {
	if err := tx.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&g.Server); err != nil {
		return g, err
	}
	for _, read := range []func(context.Context, pgx.Tx) error{
		func(ctx context.Context, tx pgx.Tx) error { return g.readRoles(ctx, tx, passwords, user) }, g.readMemberships, g.readSettings, g.readTablespaces,
	} {
		if err := read(ctx, tx); err != nil {
			return g, err
		}
	}
	if err := g.check(); err != nil {
		return g, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Leave globals out (--globals=false), or rename what cannot be kept.", "the server's roles and tablespaces cannot be kept: %s", err)
	}
	return g, nil
}

func (g *Globals) readRoles(ctx context.Context, tx pgx.Tx, passwords bool, user string) error {
	from, password := "pg_catalog.pg_roles", "''"
	if passwords {
		from, password = "pg_catalog.pg_authid", "coalesce(rolpassword, '')"
	}
	rows, err := tx.Query(ctx, `SELECT rolname::text, rolsuper, NOT rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
			coalesce(CASE WHEN NOT isfinite(rolvaliduntil) THEN rolvaliduntil::text
				ELSE to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' || CASE WHEN rolvaliduntil < '0001-01-01 00:00:00+00' THEN ' BC' ELSE '' END END, ''),
			`+password+` FROM `+from+` ORDER BY rolname::text COLLATE "C"`)
	if err == nil {
		g.Roles, err = pgx.CollectRows(rows, pgx.RowToStructByPos[GlobalRole])
	}
	var said *pgconn.PgError
	if passwords && errors.As(err, &said) && said.Code == "42501" {
		return fault.Wrap(err, fault.Permission, fault.MissingPrivilege, "Make the backup as a superuser or a member of pg_read_all_data, or leave the passwords out.", "role %q may not read hashes of passwords", user)
	}
	g.Roles = slices.DeleteFunc(g.Roles, func(r GlobalRole) bool { return !kept(r.Name) })
	return err
}

// readMemberships reads those whose member is kept: of PostgreSQL's own roles, too.
func (g *Globals) readMemberships(ctx context.Context, tx pgx.Tx) error {
	options := "NULL::bool, NULL::bool, ''"
	if g.Server >= 16 { // before that, grantors may be gone
		options = "m.inherit_option, m.set_option, CASE WHEN m.grantor = 10 THEN '' ELSE pg_catalog.pg_get_userbyid(m.grantor)::text END"
	}
	rows, err := tx.Query(ctx, `SELECT r.rolname::text, u.rolname::text, m.admin_option, `+options+`
		FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
		ORDER BY r.rolname::text COLLATE "C", u.rolname::text COLLATE "C", m.grantor`)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Membership])
	if err != nil {
		return err
	}
	var waiting []Membership
	for _, m := range all {
		if !kept(m.Grantor) {
			m.Grantor = ""
		}
		if kept(m.Member) {
			waiting = append(waiting, m)
		}
	}
	g.Memberships = inOrder(waiting)
	return nil
}

// inOrder puts each membership behind those by which its grantor may grant it.
func inOrder(waiting []Membership) []Membership {
	type pair struct{ role, member string }
	may, out := map[pair]bool{}, make([]Membership, 0, len(waiting))
	for len(waiting) > 0 {
		var later []Membership
		for _, m := range waiting {
			if m.Grantor != "" && !may[pair{m.Role, m.Grantor}] {
				later = append(later, m)
				continue
			}
			out = append(out, m)
			if m.Admin {
				may[pair{m.Role, m.Member}] = true
			}
		}
		if len(later) == len(waiting) { // nobody may grant these, so nobody did
			for _, m := range later {
				m.Grantor = ""
				out = append(out, m)
			}
			break
		}
		waiting = later
	}
	return out
}

func (g *Globals) readSettings(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT r.rolname::text, c.setting FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,
			LATERAL unnest(s.setconfig) WITH ORDINALITY AS c (setting, place)
		WHERE s.setdatabase = 0 ORDER BY r.rolname::text COLLATE "C", c.place`)
	if err != nil {
		return err
	}
	var s RoleSetting
	var setting string
	_, err = pgx.ForEachRow(rows, []any{&s.Role, &setting}, func() error {
		var found bool
		if s.Name, s.Value, found = strings.Cut(setting, "="); found && kept(s.Role) {
			g.Settings = append(g.Settings, s)
		}
		return nil
	})
	return err
}

func (g *Globals) readTablespaces(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT spcname::text, pg_catalog.pg_get_userbyid(spcowner)::text, pg_catalog.pg_tablespace_location(oid), coalesce(spcoptions, '{}')
		FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_' ORDER BY spcname::text COLLATE "C"`)
	if err == nil {
		g.Tablespaces, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Tablespace])
	}
	return err
}

// create writes CREATE ROLE.
func (r GlobalRole) create() string {
	var b strings.Builder
	b.WriteString("CREATE ROLE " + QuoteIdent(r.Name) + " WITH")
	for _, a := range []struct {
		word string
		has  bool
	}{{"SUPERUSER", r.Superuser}, {"INHERIT", !r.NoInherit}, {"CREATEROLE", r.CreateRole}, {"CREATEDB", r.CreateDB}, {"LOGIN", r.Login}, {"REPLICATION", r.Replication}, {"BYPASSRLS", r.BypassRLS}} {
		b.WriteByte(' ')
		if !a.has {
			b.WriteString("NO")
		}
		b.WriteString(a.word)
	}
	if r.Connections >= 0 {
		b.WriteString(" CONNECTION LIMIT " + strconv.Itoa(r.Connections))
	}
	if r.Password != "" {
		b.WriteString(" PASSWORD " + QuoteLiteral(r.Password))
	}
	if r.ValidUntil != "" {
		b.WriteString(" VALID UNTIL " + QuoteLiteral(r.ValidUntil))
	}
	return b.String()
}

// grant writes GRANT, with the options that version 16 brought, where they are known.
func (m Membership) grant(options, grantor bool) string {
	sql := "GRANT " + QuoteIdent(m.Role) + " TO " + QuoteIdent(m.Member)
	var with []string
	if m.Admin {
		with = append(with, "ADMIN OPTION")
	}
	if options && m.Inherit != nil && m.Set != nil {
		with = append(with, "INHERIT "+yes(*m.Inherit), "SET "+yes(*m.Set))
	}
	if len(with) > 0 {
		sql += " WITH " + strings.Join(with, ", ")
	}
	if grantor && m.Grantor != "" {
		sql += " GRANTED BY " + QuoteIdent(m.Grantor)
	}
	return sql
}

func yes(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// set writes ALTER ROLE … SET.
func (s RoleSetting) set() string {
	values := []string{s.Value}
	if listSettings[strings.ToLower(s.Name)] && s.Value != "" {
		values = splitNames(s.Value)
	}
	for i := range values {
		values[i] = QuoteLiteral(values[i])
	}
	return "ALTER ROLE " + QuoteIdent(s.Role) + " SET " + QuoteIdent(s.Name) + " TO " + strings.Join(values, ", ")
}

// create writes CREATE TABLESPACE.
func (t Tablespace) create() string {
	sql := "CREATE TABLESPACE " + QuoteIdent(t.Name) + " OWNER " + QuoteIdent(t.Owner) + " LOCATION " + QuoteLiteral(t.Location)
	var options []string
	for _, o := range t.Options {
		name, value, _ := strings.Cut(o, "=")
		options = append(options, QuoteIdent(name)+" = "+QuoteLiteral(value))
	}
	if len(options) > 0 {
		sql += " WITH (" + strings.Join(options, ", ") + ")"
	}
	return sql
}
