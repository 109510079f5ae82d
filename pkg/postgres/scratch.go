package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/dbname"
	"cofre/pkg/fault"
)

// Empty tells whether a restore would meet nothing in the database; otherwise what says what is there ("3
// tables, 1 function"). The schema public, and extensions with all that belongs to them, do not count: a restore
// finds them in every fresh database of some services.
func Empty(ctx context.Context, t Target) (empty bool, what string, err error) {
	var found []string
	err = readOnly(ctx, t, func(tx pgx.Tx) error {
		found, err = contentOf(ctx, tx)
		return err
	})
	return err == nil && len(found) == 0, strings.Join(found, ", "), err
}

// contentOf counts what is there of each kind. The session is stableSession.
func contentOf(ctx context.Context, tx pgx.Tx) (found []string, err error) {
	rows, err := tx.Query(ctx, emptyQuery)
	if err != nil {
		return nil, err
	}
	var n int
	var kind string
	_, err = pgx.ForEachRow(rows, []any{&n, &kind}, func() error {
		if n != 1 {
			kind = plural(kind)
		}
		found = append(found, fmt.Sprintf("%d %s", n, kind))
		return nil
	})
	return found, err
}

func plural(kind string) string {
	if strings.HasSuffix(kind, "y") {
		return strings.TrimSuffix(kind, "y") + "ies"
	}
	return kind + "s"
}

var emptyQuery = `
SELECT count(*)::int, kind FROM (
	SELECT 1 AS place, 'schema' AS kind FROM pg_namespace n WHERE n.nspname <> 'public' AND ` + ours("n") + `
	UNION ALL SELECT 2, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'c' THEN 'type'
			WHEN 'f' THEN 'foreign table' ELSE 'table' END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f', 'c') AND ` + ours("c") + `
			AND NOT (c.relkind = 'c' AND EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_type'::regclass AND x.objid = c.reltype AND x.deptype = 'e'))
	UNION ALL SELECT 3, 'function' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + ours("p") + `
	UNION ALL SELECT 4, 'type' FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r', 'b')
		AND NOT EXISTS (SELECT 1 FROM pg_type el WHERE el.typarray = t.oid) AND ` + ours("t") + `
	UNION ALL SELECT 5, 'operator' FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ` + ours("o") + `
	UNION ALL SELECT 6, 'text search object' FROM (SELECT tableoid, oid, cfgnamespace AS ns FROM pg_ts_config UNION ALL
		SELECT tableoid, oid, dictnamespace FROM pg_ts_dict) o JOIN pg_namespace n ON n.oid = o.ns WHERE ` + ours("o") + `
	UNION ALL SELECT 7, 'collation' FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace WHERE ` + ours("o") + `
	UNION ALL SELECT 8, 'foreign server' FROM pg_foreign_server o WHERE ` + fmt.Sprintf(notExtension, "o") + `
	UNION ALL SELECT 9, 'event trigger' FROM pg_event_trigger o WHERE ` + fmt.Sprintf(notExtension, "o") + `
	UNION ALL SELECT 10, 'publication' FROM pg_publication
	UNION ALL SELECT 11, 'large object' FROM pg_largeobject_metadata
) found GROUP BY kind ORDER BY min(place), kind`

// CreateDatabase creates an empty database beside the target's, from template0. The zero Locale takes the
// server's defaults. A locale that the server cannot have is refused; nothing is made then.
func CreateDatabase(ctx context.Context, t Target, name string, l Locale) error {
	return createDatabase(ctx, t, name, l, "")
}

func createDatabase(ctx context.Context, t Target, name string, l Locale, tablespace string) error {
	if err := dbname.Check(name); err != nil {
		return err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer Close(conn)
	if err := t.RefuseTransactionPooler(ctx, conn); err != nil {
		return err // whoever fills the new database needs a session
	}
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return t.Explain(ctx, err)
	}
	if err := l.Fits(version / 10000); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, createStatement(name, l, tablespace, version), pgx.QueryExecModeSimpleProtocol)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case "42P04", "23505": // the latter where another one is making it
			return databaseExists(err, name)
		case "42501":
			return MayNotCreate(err, t.User())
		case "42704", "42809", "22023", "0A000":
			return fault.Wrap(err, fault.Validation, fault.InvalidInput, otherLocale,
				"the server cannot create database %q with the locale of the backup's: %s", name, l)
		}
	}
	return t.Explain(ctx, err)
}

// MayNotCreate is the refusal of a role that may not create databases; err is the server's, if it was asked.
func MayNotCreate(err error, role string) error {
	return fault.Wrap(err, fault.Permission, fault.MissingPrivilege, "ALTER ROLE "+QuoteIdent(role)+" CREATEDB.", "role %q may not create databases", role)
}

func databaseExists(err error, name string) error {
	return fault.Wrap(err, fault.Validation, fault.AlreadyExists, "Choose another name, or drop it first.", "the database %q exists already", name)
}

// createStatement writes CREATE DATABASE for a server that [Locale.Fits].
func createStatement(name string, l Locale, tablespace string, version int) string {
	sql := "CREATE DATABASE " + QuoteIdent(name) + " TEMPLATE template0"
	option := func(key, value string) {
		if value != "" {
			sql += " " + key + " " + quoteLiteral(value)
		}
	}
	option("ENCODING", l.Encoding)
	option("LC_COLLATE", l.Collate)
	option("LC_CTYPE", l.CharType)
	if version >= 150000 && (l.Provider != "" || l.Collate != "") {
		// Named in every case: template0's own provider would be taken otherwise.
		option("LOCALE_PROVIDER", cmp.Or(l.Provider, "libc"))
		switch {
		case l.Provider == "icu":
			option("ICU_LOCALE", l.Name)
		case l.Provider == "builtin":
			option("BUILTIN_LOCALE", l.Name)
		}
		option("ICU_RULES", l.ICURules)
	}
	if tablespace != "" {
		sql += " TABLESPACE " + QuoteIdent(tablespace)
	}
	return sql
}

// DropDatabase drops a database, with all connections to it. The target must be another database of the same
// server. A database that does not exist is no error.
func DropDatabase(ctx context.Context, t Target, name string) error {
	if err := dbname.Check(name); err != nil {
		return err
	}
	if name == t.Database() {
		return fault.New(fault.Validation, fault.InvalidInput, "Connect to another database, such as postgres.", "the database %q cannot be dropped from inside", name)
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer Close(conn)
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return t.Explain(ctx, err)
	}
	sql := "DROP DATABASE IF EXISTS " + QuoteIdent(name)
	if version >= 130000 {
		sql += " WITH (FORCE)"
	} else if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
		return t.Explain(ctx, err)
	}
	_, err = conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return t.Explain(ctx, err)
}

func quoteLiteral(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return " E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}
