package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
)

// Server is what a backup needs to know about a database before it starts.
type Server struct {
	Version    string `json:"version"`    // as the server says it: "18.1 (Debian 18.1-2)"
	VersionNum int    `json:"versionNum"` // 180001
	Major      int    `json:"major"`      // 18; before 10 the first of two numbers, 9
	Database   string `json:"database"`
	Role       string `json:"role"`
	Superuser  bool   `json:"superuser"`
	InRecovery bool   `json:"inRecovery"` // a standby
	Locale     Locale `json:"locale"`
	Size       int64  `json:"size"`       // bytes on the server's disk, indexes included; see Session.Inspect
	Tables     int    `json:"tables"`     // selected tables, partitions included
	TableBytes int64  `json:"tableBytes"` // bytes on disk of the selected tables' data; an estimate of what is to be read
	// LargeObjects is the number of large objects in the database.
	LargeObjects int64       `json:"largeObjects"`
	Extensions   []Extension `json:"extensions,omitempty"`
	// Unreadable lists what the role may not read among what is selected; see Readable.
	Unreadable []Unreadable `json:"unreadable,omitempty"`

	measured bool // TableBytes is to be
}

// Extension is an installed extension.
type Extension struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Unreadable is an object that a dump would fail on.
type Unreadable struct {
	Object string `json:"object"` // "table sales.orders"
	Needs  string `json:"needs"`  // the statement that gives the right
}

// maxUnreadable bounds Server.Unreadable.
const maxUnreadable = 1000

// Inspect connects once and looks the database over. It changes nothing and waits for no lock longer than two
// seconds. sel says what the dump will take.
func Inspect(ctx context.Context, t Target, sel Selection) (Server, error) {
	if err := sel.Check(); err != nil {
		return Server{}, err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return Server{}, err
	}
	defer Close(conn)
	s, err := InspectConn(ctx, conn, sel)
	return s, t.Explain(ctx, err)
}

// InspectConn is Inspect over an open connection that is in no transaction. It answers the driver's errors; make
// faults of them with Target.Explain.
func InspectConn(ctx context.Context, conn *pgx.Conn, sel Selection) (Server, error) {
	return inspect(ctx, conn, sel, true)
}

// inspect is InspectConn. Without measuring, TableBytes is what the planner knows: looking at the files of 20,000 tables takes seconds.
func inspect(ctx context.Context, conn *pgx.Conn, sel Selection, measure bool) (Server, error) {
	s := Server{measured: measure}
	err := conn.QueryRow(ctx, `
		SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_version_num')::pg_catalog.int4, pg_catalog.current_database(), current_user,
		       pg_catalog.current_setting('is_superuser')::pg_catalog.bool, pg_catalog.pg_is_in_recovery()`).
		Scan(&s.Version, &s.VersionNum, &s.Database, &s.Role, &s.Superuser, &s.InRecovery)
	if err != nil {
		return s, err
	}
	if s.Major = s.VersionNum / 10000; s.VersionNum < 90200 {
		return s, nil // no pg_dump reads it: nothing else matters
	}
	// In a transaction, because a pooler may give the session to somebody else after it.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return s, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '2s'", pgx.QueryExecModeSimpleProtocol); err != nil {
		return s, err
	}
	if err := systemNames(ctx, conn); err != nil {
		return s, err
	}
	for _, step := range []func(context.Context, pgx.Tx, Selection) error{s.readLocale, s.readSize, s.readTables, s.readExtensions, s.readRights} {
		if err := step(ctx, tx, sel); err != nil {
			return s, err
		}
	}
	return s, nil
}

// manyRelations is from how many on the size of a database is estimated, where it need not be measured: the server looks at each
// file, and three for each of 20,000 tables take it a twentieth of the time that pg_dump takes for all.
const manyRelations = 20000

func (s *Server) readSize(ctx context.Context, tx pgx.Tx, _ Selection) error {
	return tx.QueryRow(ctx, fmt.Sprintf(`SELECT CASE WHEN $1 OR (SELECT count(*) FROM pg_catalog.pg_class) <= %d THEN pg_catalog.pg_database_size(current_database())
			ELSE pg_catalog.pg_table_size('pg_catalog.pg_attribute'::regclass) + (SELECT sum(relpages::bigint) * current_setting('block_size')::bigint FROM pg_catalog.pg_class) END::bigint,
		(SELECT count(*) FROM pg_catalog.pg_largeobject_metadata)`, manyRelations), s.measured).Scan(&s.Size, &s.LargeObjects)
}

// matches is the condition that a pattern p of relations means relation c in schema n.
const matches = `c.relname OPERATOR(pg_catalog.~) p.n AND CASE WHEN p.s = '' THEN ` + visible + ` ELSE n.nspname OPERATOR(pg_catalog.~) p.s END`

// selected is the common part of the queries over what pg_dump would take: $1..$4 come from selectionArgs.
// Objects of extensions belong to CREATE EXTENSION, except configuration tables (extconfig): those come with their extension, or as other
// tables do, and not where other extensions are named (pg_dump.c, processExtensionTables). Excluding a schema is nothing to tables that are
// named, but is to those.
const selected = `
WITH RECURSIVE pattern AS (
	SELECT ($1::text[])[i] AS kind, ($2::text[])[i] AS s, ($3::text[])[i] AS n, ($4::bool[])[i] AS children FROM generate_subscripts($1::text[], 1) i
), child (kind, oid) AS (
	SELECT p.kind, c.oid FROM pattern p CROSS JOIN pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE p.children AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND ` + matches + `
	UNION SELECT k.kind, i.inhrelid FROM child k JOIN pg_catalog.pg_inherits i ON i.inhparent = k.oid
), relation AS (
	SELECT c.oid, c.relkind, c.relpages, c.reltoastrelid, c.relnamespace, n.nspname, c.relname, c.relowner, e.extname,
		ARRAY(SELECT p.kind FROM pattern p WHERE NOT p.children AND CASE
			WHEN p.kind IN ('schema', 'noschema') THEN n.nspname OPERATOR(pg_catalog.~) p.n
			WHEN p.kind IN ('extension', 'noextension') THEN e.extname OPERATOR(pg_catalog.~) p.n
			ELSE ` + matches + ` END
		UNION SELECT k.kind FROM child k WHERE k.oid = c.oid) AS hits
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
			AND d.refclassid = 'pg_catalog.pg_extension'::regclass
		LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
	WHERE c.relkind IN ('r', 'p', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
		AND (e.oid IS NULL OR c.oid = ANY (e.extconfig))
), taken AS (
	SELECT r.*, NOT ('nodata' = ANY (hits)) AS data FROM relation r WHERE NOT ('exclude' = ANY (hits))
		AND NOT ('noschema' = ANY (hits) AND (extname IS NOT NULL OR NOT EXISTS (SELECT 1 FROM pattern WHERE kind = 'table')))
		AND (extname IS NULL OR NOT ('noextension' = ANY (hits)) AND ('extension' = ANY (hits) OR NOT EXISTS (SELECT 1 FROM pattern WHERE kind = 'extension')))
		AND ('extension' = ANY (hits) OR CASE
		WHEN EXISTS (SELECT 1 FROM pattern WHERE kind = 'table') THEN 'table' = ANY (hits) OR (relkind = 'S' AND EXISTS (
			SELECT 1 FROM pg_catalog.pg_depend d JOIN relation o ON o.oid = d.refobjid
			WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
				AND d.deptype IN ('a', 'i') AND 'table' = ANY (o.hits)))
		WHEN EXISTS (SELECT 1 FROM pattern WHERE kind = 'schema') THEN 'schema' = ANY (hits)
		ELSE true END)
)`

func selectionArgs(sel Selection) []any {
	does, schemas, names, children := []string{}, []string{}, []string{}, []bool{}
	for _, k := range sel.kinds() {
		for _, p := range k.patterns {
			schema, name := patternRegexps(p)
			if k.schemas {
				schema = ""
			}
			does, schemas, names, children = append(does, k.does), append(schemas, schema), append(names, name), append(children, k.children)
		}
	}
	return []any{does, schemas, names, children}
}

// readTables sums the size of the selected tables' data. A table that somebody has locked would make
// pg_table_size wait: then the planner's page counts have to do.
func (s *Server) readTables(ctx context.Context, tx pgx.Tx, sel Selection) error {
	const query = selected + `
		SELECT count(*), coalesce(sum(CASE WHEN data THEN %s ELSE 0 END), 0)::bigint FROM taken WHERE relkind IN ('r', 'p')`
	const exact = `pg_catalog.pg_table_size(oid)`
	const rough = `(relpages::bigint + coalesce((SELECT t.relpages FROM pg_catalog.pg_class t WHERE t.oid = reltoastrelid), 0))
		* current_setting('block_size')::bigint`
	args := selectionArgs(sel)
	first := exact
	if !s.measured {
		first = rough
	}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
		return tx.QueryRow(ctx, fmt.Sprintf(query, first), args...).Scan(&s.Tables, &s.TableBytes)
	})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && (pgErr.Code == "55P03" || pgErr.Code == "42P01") {
		err = tx.QueryRow(ctx, fmt.Sprintf(query, rough), args...).Scan(&s.Tables, &s.TableBytes)
	}
	if errors.As(err, &pgErr) && pgErr.Code == "2201B" {
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, "Put names with special characters in double quotes.",
			"one of the patterns for schemas and tables is not valid")
	}
	if sel.SchemaOnly {
		s.TableBytes = 0
	}
	return err
}

func (s *Server) readExtensions(ctx context.Context, tx pgx.Tx, _ Selection) error {
	rows, err := tx.Query(ctx, `SELECT extname::text, extversion FROM pg_catalog.pg_extension ORDER BY 1`)
	if err != nil {
		return err
	}
	s.Extensions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Extension])
	return err
}

// readRights finds what pg_dump would fail on: it locks every table and reads every sequence and large object,
// and refuses tables whose row-level security would silently hide rows.
func (s *Server) readRights(ctx context.Context, tx pgx.Tx, sel Selection) error {
	if s.Superuser {
		return nil
	}
	hidden := "false"
	if s.VersionNum >= 90500 && !sel.SchemaOnly && !sel.RowSecurity {
		hidden = "relkind IN ('r', 'p') AND data AND pg_catalog.row_security_active(oid)"
	}
	query := selected + `
		SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || quote_ident(nspname) || '.' || quote_ident(relname),
			CASE WHEN NOT pg_catalog.has_schema_privilege(relnamespace, 'USAGE')
				THEN 'GRANT USAGE ON SCHEMA ' || quote_ident(nspname) || ' TO ' || quote_ident(current_user)
			WHEN NOT pg_catalog.has_table_privilege(oid, 'SELECT')
				THEN 'GRANT SELECT ON ' || quote_ident(nspname) || '.' || quote_ident(relname) || ' TO ' || quote_ident(current_user)
			ELSE 'ALTER ROLE ' || quote_ident(current_user) || ' BYPASSRLS' END
		FROM taken WHERE (relkind <> 'S' OR $5) AND (NOT pg_catalog.has_schema_privilege(relnamespace, 'USAGE')
			OR NOT pg_catalog.has_table_privilege(oid, 'SELECT') OR ` + hidden + `)
		ORDER BY nspname, relname LIMIT ` + fmt.Sprint(maxUnreadable)
	rows, err := tx.Query(ctx, query, append(selectionArgs(sel), !sel.SchemaOnly)...)
	if err != nil {
		return err
	}
	if s.Unreadable, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Unreadable]); err != nil {
		return err
	}
	if s.LargeObjects == 0 || !sel.takesObjects() {
		return nil
	}
	return s.readLargeObjectRights(ctx, tx)
}

func (s *Server) readLargeObjectRights(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT 'large object ' || l.oid, 'GRANT SELECT ON LARGE OBJECT ' || l.oid || ' TO ' || quote_ident(current_user)
		FROM pg_catalog.pg_largeobject_metadata l
		WHERE current_setting('lo_compat_privileges') = 'off' AND NOT pg_catalog.pg_has_role(l.lomowner, 'USAGE')
			AND NOT EXISTS (SELECT 1 FROM pg_catalog.aclexplode(l.lomacl) a WHERE a.privilege_type = 'SELECT'
				AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))
			AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles r WHERE r.rolname = 'pg_read_all_data'
				AND $1 >= 190000 AND pg_catalog.pg_has_role(r.oid, 'USAGE'))
		ORDER BY l.oid LIMIT `+fmt.Sprint(maxUnreadable), s.VersionNum)
	if err != nil {
		return err
	}
	objects, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Unreadable])
	s.Unreadable = append(s.Unreadable, objects...)
	return err
}

// Readable answers nil when the role can read everything selected, and otherwise a Permission fault that
// names what it cannot read and the statements that would help.
func (s Server) Readable() error {
	n := len(s.Unreadable)
	if n == 0 {
		return nil
	}
	var names, grants []string
	for i, u := range s.Unreadable {
		if i < 5 {
			names = append(names, u.Object)
		}
		if len(grants) < 3 && (len(grants) == 0 || grants[len(grants)-1] != u.Needs) {
			grants = append(grants, u.Needs)
		}
	}
	if n > len(names) {
		names = append(names, fmt.Sprintf("and %d more", n-len(names)))
	}
	hint := "Run as owner or superuser: " + strings.Join(grants, "; ") + "."
	if n > 3 && s.VersionNum >= 140000 {
		hint += " To read every table: GRANT pg_read_all_data TO " + QuoteIdent(s.Role) + "."
	}
	return fault.New(fault.Permission, fault.MissingPrivilege, hint, "role %q lacks privileges to back up database %q: %s",
		s.Role, s.Database, strings.Join(names, ", "))
}
