package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Description is how a database was made and what belongs to it as a whole, in the words of pg_dump --create. A dump in
// the custom format holds it by itself; an SQL script that is meant for any database does not.
type Description struct {
	Create     string `json:"create"` // CREATE DATABASE, for ParseCreateDatabase
	Owner      string `json:"owner,omitempty"`
	Statements string `json:"statements,omitempty"` // for ParseDatabaseStatements
}

// Describe reads the description of the connection's database.
func Describe(ctx context.Context, conn *pgx.Conn) (Description, error) {
	var d Description
	var version, limit int
	var name, tablespace, comment string
	var template bool
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text, t.spcname::text,
		d.datconnlimit, d.datistemplate, coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '')
		FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = current_database()`).
		Scan(&version, &name, &d.Owner, &tablespace, &limit, &template, &comment)
	if err != nil {
		return d, err
	}
	l, err := readLocale(ctx, conn, version)
	if err != nil {
		return d, err
	}
	d.Create = describeCreate(name, l, tablespace)
	if version < 90400 {
		return d, nil // the queries below need what came with 9.4
	}
	var b strings.Builder
	on := "ALTER DATABASE " + QuoteIdent(name)
	if limit >= 0 {
		fmt.Fprintf(&b, "%s CONNECTION LIMIT = %d;\n", on, limit)
	}
	if template {
		fmt.Fprintf(&b, "%s IS_TEMPLATE = true;\n", on)
	}
	if comment != "" {
		fmt.Fprintf(&b, "COMMENT ON DATABASE %s IS %s;\n", QuoteIdent(name), strings.TrimSpace(quoteLiteral(comment)))
	}
	for _, part := range []func(context.Context, *pgx.Conn, *strings.Builder, string) error{describeSettings, describeLabels} {
		if err := part(ctx, conn, &b, name); err != nil {
			return d, err
		}
	}
	err = describeGrants(ctx, conn, &b, name, d.Owner)
	d.Statements = b.String()
	return d, err
}

func describeCreate(name string, l Locale, tablespace string) string {
	sql := "CREATE DATABASE " + QuoteIdent(name) + " WITH TEMPLATE = template0"
	for _, o := range [][2]string{{"ENCODING", l.Encoding}, {"LC_COLLATE", l.Collate}, {"LC_CTYPE", l.CharType}, {"ICU_RULES", l.ICURules}} {
		if o[1] != "" {
			sql += " " + o[0] + " = " + strings.TrimSpace(quoteLiteral(o[1]))
		}
	}
	if l.Provider != "" {
		sql += " LOCALE_PROVIDER = " + l.Provider
	}
	if l.Name != "" {
		sql += " " + strings.ToUpper(l.Provider) + "_LOCALE = " + strings.TrimSpace(quoteLiteral(l.Name))
	}
	if tablespace != "pg_default" {
		sql += " TABLESPACE = " + QuoteIdent(tablespace)
	}
	return sql + ";"
}

// listSettings are the parameters whose value is a list of names (GUC_LIST_QUOTE): each is a literal of its own.
var listSettings = map[string]bool{"local_preload_libraries": true, "search_path": true, "session_preload_libraries": true,
	"shared_preload_libraries": true, "temp_tablespaces": true, "unix_socket_directories": true}

func describeSettings(ctx context.Context, conn *pgx.Conn, b *strings.Builder, name string) error {
	rows, err := conn.Query(ctx, `SELECT coalesce(r.rolname::text, ''), c.setting FROM pg_catalog.pg_db_role_setting s
		JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
		CROSS JOIN LATERAL unnest(s.setconfig) WITH ORDINALITY c(setting, place)
		WHERE d.datname = current_database() AND (s.setrole = 0 OR r.rolname IS NOT NULL) ORDER BY 1, c.place`)
	if err != nil {
		return err
	}
	var role, setting string
	_, err = pgx.ForEachRow(rows, []any{&role, &setting}, func() error {
		key, value, _ := strings.Cut(setting, "=")
		on := "ALTER DATABASE " + QuoteIdent(name)
		if role != "" {
			on = "ALTER ROLE " + QuoteIdent(role) + " IN DATABASE " + QuoteIdent(name)
		}
		literals := []string{strings.TrimSpace(quoteLiteral(value))}
		if listSettings[strings.ToLower(key)] {
			literals = nil
			for _, name := range splitNames(value) {
				literals = append(literals, strings.TrimSpace(quoteLiteral(name)))
			}
		}
		fmt.Fprintf(b, "%s SET %s TO %s;\n", on, QuoteIdent(key), strings.Join(literals, ", "))
		return nil
	})
	return err
}

// splitNames splits a list of names at its commas and takes their double quotes off.
func splitNames(list string) (out []string) {
	start, quoted := 0, false
	for i := 0; i <= len(list); i++ {
		switch {
		case i == len(list), list[i] == ',' && !quoted:
			name := strings.TrimSpace(list[start:i])
			if len(name) >= 2 && name[0] == '"' {
				name = strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
			}
			out, start = append(out, name), i+1
		case list[i] == '"':
			quoted = !quoted
		}
	}
	return out
}

func describeLabels(ctx context.Context, conn *pgx.Conn, b *strings.Builder, name string) error {
	rows, err := conn.Query(ctx, `SELECT l.provider, l.label FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_database d ON d.oid = l.objoid
		WHERE l.classoid = 'pg_catalog.pg_database'::regclass AND d.datname = current_database() ORDER BY 1`)
	if err != nil {
		return err
	}
	var provider, label string
	_, err = pgx.ForEachRow(rows, []any{&provider, &label}, func() error {
		fmt.Fprintf(b, "SECURITY LABEL FOR %s ON DATABASE %s IS %s;\n", QuoteIdent(provider), QuoteIdent(name), strings.TrimSpace(quoteLiteral(label)))
		return nil
	})
	return err
}

// Rights on a database that nobody has changed.
const (
	publicRights = "CONNECT, TEMPORARY"
	ownerRights  = "CONNECT, CREATE, TEMPORARY"
)

// describeGrants writes the rights on the database as far as they are not those of a new one.
func describeGrants(ctx context.Context, conn *pgx.Conn, b *strings.Builder, name, ownerName string) error {
	rows, err := conn.Query(ctx, `SELECT coalesce(r.rolname::text, ''), coalesce(r.oid = d.datdba, false), a.is_grantable,
		string_agg(DISTINCT a.privilege_type, ', ' ORDER BY a.privilege_type)
		FROM pg_catalog.pg_database d
		CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
		WHERE d.datname = current_database() AND (a.grantee = 0 OR r.rolname IS NOT NULL) GROUP BY 1, 2, 3 ORDER BY 1, 3`)
	if err != nil {
		return err
	}
	var role, rights string
	var owner, grantable bool
	var grants strings.Builder
	public, its := "", ""
	_, err = pgx.ForEachRow(rows, []any{&role, &owner, &grantable, &rights}, func() error {
		to := QuoteIdent(role)
		switch {
		case owner:
			if its += rights; rights == ownerRights {
				return nil
			}
		case role == "":
			to = "PUBLIC"
			if public += rights; rights == publicRights {
				return nil
			}
		}
		fmt.Fprintf(&grants, "GRANT %s ON DATABASE %s TO %s", rights, QuoteIdent(name), to)
		if grantable {
			grants.WriteString(" WITH GRANT OPTION")
		}
		grants.WriteString(";\n")
		return nil
	})
	if public != publicRights {
		fmt.Fprintf(b, "REVOKE ALL ON DATABASE %s FROM PUBLIC;\n", QuoteIdent(name))
	}
	if its != ownerRights {
		fmt.Fprintf(b, "REVOKE ALL ON DATABASE %s FROM %s;\n", QuoteIdent(name), QuoteIdent(ownerName))
	}
	b.WriteString(grants.String())
	return err
}
