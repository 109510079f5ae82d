package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
)

// migrationTool is a program that records in a table which changes of the schema were made.
type migrationTool struct {
	name    string
	table   string
	columns []string // that tell its table from another tool's of the same name
	newest  string   // the newest entry as text; %s is the table
}

// migrationTools in the order in which they are looked for within one schema.
var migrationTools = []migrationTool{
	{"prisma", "_prisma_migrations", []string{"migration_name", "finished_at", "rolled_back_at"},
		`SELECT migration_name::text FROM %s WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY finished_at DESC, migration_name DESC LIMIT 1`},
	{"golang-migrate", "schema_migrations", []string{"version", "dirty"},
		`SELECT version::text || CASE WHEN dirty THEN ' (dirty)' ELSE '' END FROM %s ORDER BY version DESC LIMIT 1`},
	{"goose", "goose_db_version", []string{"id", "version_id", "is_applied"},
		`SELECT version_id::text FROM %s g WHERE is_applied AND NOT EXISTS (SELECT 1 FROM %[1]s l
			WHERE l.version_id = g.version_id AND l.id > g.id AND NOT l.is_applied) ORDER BY version_id DESC LIMIT 1`},
	{"flyway", "flyway_schema_history", []string{"installed_rank", "version", "success"},
		`SELECT version::text FROM %s WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1`},
	{"liquibase", "databasechangelog", []string{"id", "author", "orderexecuted"},
		`SELECT id::text FROM %s ORDER BY orderexecuted DESC LIMIT 1`},
	{"alembic", "alembic_version", []string{"version_num"},
		`SELECT string_agg(version_num::text, ',' ORDER BY version_num::text COLLATE "C") FROM %s HAVING count(*) > 0`},
	{"django", "django_migrations", []string{"id", "app", "name", "applied"},
		`SELECT app || '.' || name FROM %s ORDER BY id DESC LIMIT 1`},
	{"rails", "schema_migrations", []string{"version"},
		`SELECT version::text FROM %s ORDER BY version COLLATE "C" DESC LIMIT 1`},
	{"knex", "knex_migrations", []string{"id", "name", "batch"},
		`SELECT name::text FROM %s ORDER BY id DESC LIMIT 1`},
}

// findMigrationTables looks in the schemas of the search path, then in public, for tables of some names that the role may
// read, and tells their columns.
const findMigrationTables = `
SELECT c.relname::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname), path.place,
	ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM (SELECT name, min(place) AS place FROM (
		SELECT a[i] AS name, i AS place FROM (SELECT a, generate_subscripts(a, 1) AS i FROM (SELECT current_setting('cofre.schemas')::name[] AS a) a) a
		UNION ALL SELECT 'public', 1000000) p GROUP BY name) path
	JOIN pg_catalog.pg_namespace n ON n.nspname = path.name
	JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE c.relkind IN ('r', 'p') AND c.relname = ANY ($1::text[]::name[])
	AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
ORDER BY path.place`

// migrationTable is a table that has a migration tool's name.
type migrationTable struct {
	Name    string
	Table   string // as SQL names it
	Place   int    // of its schema in the search path
	Columns []string
}

// of reports whether it is the tool's.
func (t migrationTable) of(tool migrationTool) bool {
	return t.Name == tool.table && !slices.ContainsFunc(tool.columns, func(c string) bool { return !slices.Contains(t.Columns, c) })
}

// SchemaVersion names the state of the schema: the newest entry of the migration tool found, as
// "prisma:20250109_add_orders", else "sha256:" and 12 hex digits of a hash over every definition in the catalog,
// which is the same for equal schemas whatever their object ids. conn must be in no transaction.
func SchemaVersion(ctx context.Context, conn *pgx.Conn) (string, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	return schemaVersion(ctx, tx, true)
}

// schemaVersion is SchemaVersion within a transaction, which is of no use afterwards but to be rolled back.
func schemaVersion(ctx context.Context, tx pgx.Tx, catalog bool) (string, error) {
	var names []string
	for _, tool := range migrationTools {
		names = append(names, tool.table)
	}
	if err := systemNames(ctx, tx.Conn()); err != nil {
		return "", err
	}
	rows, err := tx.Query(ctx, findMigrationTables, names)
	if err != nil {
		return "", err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[migrationTable])
	if err != nil {
		return "", err
	}
	best, bestPlace := "", 0
	for _, tool := range migrationTools {
		i := slices.IndexFunc(found, func(t migrationTable) bool { return t.of(tool) })
		if i < 0 || best != "" && found[i].Place >= bestPlace {
			continue
		}
		var version *string
		err := tx.QueryRow(ctx, fmt.Sprintf(tool.newest, found[i].Table)).Scan(&version)
		if err == nil && version != nil && *version != "" {
			best, bestPlace = tool.name+":"+*version, found[i].Place
		} else if err != nil && err != pgx.ErrNoRows {
			return "", err
		}
	}
	if best != "" || !catalog {
		return best, nil
	}
	return catalogVersion(ctx, tx)
}

// catalogVersion hashes the definitions in the catalog.
func catalogVersion(ctx context.Context, tx pgx.Tx) (string, error) {
	if _, err := tx.Exec(ctx, stableSession, pgx.QueryExecModeSimpleProtocol); err != nil {
		return "", err
	}
	sum := sha256.New()
	err := readCatalog(ctx, tx, definitionQueries, func(kind, name, definition string) {
		fmt.Fprintf(sum, "%q %q %q\n", kind, name, definition)
	})
	if err != nil {
		return "", err
	}
	_, _ = io.WriteString(sum, "end")
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))[:12], nil
}
