package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
)

// Globals reads the server's globals, with hashes of passwords only if asked for: superusers and members of
// pg_read_all_data may read those. What else the session's role may not read, but roles, is left out and named in Unread.
func (s *Session) Globals(ctx context.Context, passwords bool) (g Globals, err error) {
	err = s.within(ctx, func(tx pgx.Tx) (err error) { g, err = readGlobals(ctx, tx, passwords, s.target.User()); return err })
	return g, err
}

func readGlobals(ctx context.Context, tx pgx.Tx, passwords bool, user string) (g Globals, err error) {
	if err := tx.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&g.Server); err != nil {
		return g, err
	}
	if err := g.readRoles(ctx, tx, passwords, user); err != nil {
		return g, err
	}
	for _, list := range []struct {
		what string
		read func(context.Context, pgx.Tx) error
	}{
		{"memberships", g.readMemberships}, {"settings of roles", g.readSettings}, {"privileges on parameters", g.readParameters},
		{"tablespaces", g.readTablespaces}, {"comments", g.readComments}, {"security labels", g.readLabels},
	} {
		if err := g.readAllowed(ctx, tx, list.what, list.read); err != nil {
			return g, err
		}
	}
	if err := g.check(); err != nil {
		return g, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Leave globals out (--globals=false), or rename what cannot be kept.", "the server's roles and tablespaces cannot be kept: %s", err)
	}
	return g, nil
}

// readAllowed reads one kind. Services may have taken the right to read a catalog from everybody.
func (g *Globals) readAllowed(ctx context.Context, tx pgx.Tx, what string, read func(context.Context, pgx.Tx) error) error {
	step, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return err
	}
	err = read(ctx, step)
	if said := forbidden(err); said != "" {
		g.Unread = append(g.Unread, what+": "+fault.Shorten(said, 200))
		return step.Rollback(ctx)
	}
	if err != nil {
		return err
	}
	return step.Commit(ctx)
}

// forbidden is what the server said where a right lacks, "" otherwise.
func forbidden(err error) string {
	if said := (*pgconn.PgError)(nil); errors.As(err, &said) && said.Code == "42501" {
		return said.Message
	}
	return ""
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
		g.Roles, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r GlobalRole, err error) {
			err = row.Scan(&r.Name, &r.Superuser, &r.NoInherit, &r.CreateRole, &r.CreateDB, &r.Login, &r.Replication, &r.BypassRLS, &r.Connections, &r.ValidUntil, &r.Password)
			return r, err
		})
	}
	if passwords && forbidden(err) != "" {
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
	all = slices.DeleteFunc(all, func(m Membership) bool { return !kept(m.Member) })
	for i := range all {
		if !kept(all[i].Grantor) {
			all[i].Grantor = ""
		}
	}
	g.Memberships = inOrder(all, func(m *Membership) granted { return granted{m.Role, m.Member, m.Admin, &m.Grantor} })
	return nil
}

func (g *Globals) readSettings(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT coalesce(r.rolname::text, ''), c.setting FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,
			LATERAL unnest(s.setconfig) WITH ORDINALITY AS c (setting, place)
		WHERE s.setdatabase = 0 AND (s.setrole = 0 OR r.oid IS NOT NULL) ORDER BY r.rolname::text COLLATE "C", c.place`)
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

// grants is SQL for the privileges of an access list: to whom, which, with the right to grant it, by whom, where that is not the owner.
const grants = `coalesce(t.rolname::text, ''), a.privilege_type, a.is_grantable, CASE WHEN a.grantor = o.owner THEN '' ELSE coalesce(b.rolname::text, '') END
	FROM (SELECT name, owner, acl FROM %) o, LATERAL pg_catalog.aclexplode(o.acl) a
		LEFT JOIN pg_catalog.pg_roles t ON t.oid = a.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = a.grantor
	WHERE a.grantee = 0 OR t.oid IS NOT NULL ORDER BY o.name COLLATE "C", 2, t.rolname::text COLLATE "C", 5`

// readGrants reads privileges on the objects of one kind, but to roles that are not kept.
func readGrants(ctx context.Context, tx pgx.Tx, objects string) ([]ParameterGrant, error) {
	rows, err := tx.Query(ctx, "SELECT o.name, "+strings.Replace(grants, "%", objects, 1))
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p ParameterGrant, err error) {
		err = row.Scan(&p.Name, &p.To, &p.Privilege, &p.Option, &p.Grantor)
		return p, err
	})
	all = slices.DeleteFunc(all, func(p ParameterGrant) bool { return !kept(p.To) })
	for i := range all {
		if !kept(all[i].Grantor) {
			all[i].Grantor = ""
		}
	}
	return inOrder(all, func(p *ParameterGrant) granted {
		return granted{p.Privilege + " " + p.Name, p.To, p.Option, &p.Grantor}
	}), err
}

// readParameters reads privileges on parameters, which version 15 brought. The superuser that the server was made with owns them.
func (g *Globals) readParameters(ctx context.Context, tx pgx.Tx) (err error) {
	if g.Server >= 15 {
		g.Parameters, err = readGrants(ctx, tx, "(SELECT parname AS name, 10::oid AS owner, paracl AS acl FROM pg_catalog.pg_parameter_acl) p")
		owner := ""
		if err == nil {
			err = tx.QueryRow(ctx, "SELECT rolname::text FROM pg_catalog.pg_roles WHERE oid = 10").Scan(&owner)
		}
		g.Parameters = slices.DeleteFunc(g.Parameters, func(p ParameterGrant) bool { return p.To == owner })
	}
	return err
}

func (g *Globals) readTablespaces(ctx context.Context, tx pgx.Tx) error {
	// One in place lies at a relative path that the server chose.
	rows, err := tx.Query(ctx, `SELECT spcname::text, pg_catalog.pg_get_userbyid(spcowner)::text, CASE WHEN l LIKE '/%' OR l LIKE '_:%' THEN l ELSE '' END, coalesce(spcoptions, '{}'), spcacl IS NOT NULL
		FROM pg_catalog.pg_tablespace, LATERAL pg_catalog.pg_tablespace_location(oid) l WHERE spcname !~ '^pg_' ORDER BY spcname::text COLLATE "C"`)
	if err != nil {
		return err
	}
	g.Tablespaces, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Tablespace, err error) {
		var changed bool
		if err = row.Scan(&t.Name, &t.Owner, &t.Location, &t.Options, &changed); changed {
			t.Grants = Grants{}
		}
		return t, err
	})
	if err != nil {
		return err
	}
	all, err := readGrants(ctx, tx, "(SELECT spcname::text AS name, spcowner AS owner, spcacl AS acl FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_') s")
	for _, p := range all {
		if i := slices.IndexFunc(g.Tablespaces, func(t Tablespace) bool { return t.Name == p.Name }); i >= 0 && p.Privilege == "CREATE" {
			g.Tablespaces[i].Grants = append(g.Tablespaces[i].Grants, p.Grant)
		}
	}
	return err
}

// remarks finds what is noted of a role or a tablespace.
func (g *Globals) remarks(class, name string) *Remarks {
	switch class {
	case "pg_authid":
		if i, ok := slices.BinarySearchFunc(g.Roles, name, func(r GlobalRole, name string) int { return strings.Compare(r.Name, name) }); ok {
			return &g.Roles[i].Remarks
		}
	case "pg_tablespace":
		if i, ok := slices.BinarySearchFunc(g.Tablespaces, name, func(t Tablespace, name string) int { return strings.Compare(t.Name, name) }); ok {
			return &g.Tablespaces[i].Remarks
		}
	}
	return &Remarks{}
}

// remarked is SQL for roles and tablespaces beside what is noted of them.
const remarked = ` d JOIN (SELECT 'pg_authid' AS class, oid, rolname::text AS name FROM pg_catalog.pg_roles
	UNION ALL SELECT 'pg_tablespace', oid, spcname::text FROM pg_catalog.pg_tablespace) o ON d.objoid = o.oid AND d.classoid = ('pg_catalog.' || o.class)::regclass`

func (g *Globals) readComments(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT o.class, o.name, d.description FROM pg_catalog.pg_shdescription"+remarked)
	if err != nil {
		return err
	}
	var class, name, text string
	_, err = pgx.ForEachRow(rows, []any{&class, &name, &text}, func() error { g.remarks(class, name).Comment = text; return nil })
	return err
}

func (g *Globals) readLabels(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT o.class, o.name, d.provider, d.label FROM pg_catalog.pg_shseclabel"+remarked+` ORDER BY d.provider COLLATE "C"`)
	if err != nil {
		return err
	}
	var class, name string
	var l SecurityLabel
	_, err = pgx.ForEachRow(rows, []any{&class, &name, &l.Provider, &l.Label}, func() error {
		r := g.remarks(class, name)
		r.Labels = append(r.Labels, l)
		return nil
	})
	return err
}
