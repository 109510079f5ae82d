package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// OfOthers returns those of some objects that the role that connects may not drop, with their owners, for people: "table app.orders
// (of app)". Only the kinds that [Obstacles] looks for, without indexes, are looked at, and what is not there is passed over.
func OfOthers(ctx context.Context, t Target, objects []Object) (out []string, err error) {
	err = readOnly(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, ofOthers, arraysOf(objects)...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return out, err
}

// ofOthers asks as DROP does: the owner of an object may drop it, and the owner of its schema.
const ofOthers = `
WITH ` + wantedObjects + `, inside AS (
	SELECT w.*, n.oid AS ns FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema
), named (class, id, owner, ns) AS (
	SELECT 'pg_class'::regclass::oid, c.oid, c.relowner, w.ns FROM inside w JOIN pg_class c ON c.relnamespace = w.ns AND c.relname = w.name
		WHERE w.kind IN ` + relationKinds + ` AND w.kind <> 'INDEX' AND ` + ofItsKind + `
	UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typowner, w.ns FROM inside w JOIN pg_type t ON t.typnamespace = w.ns AND t.typname = w.name WHERE w.kind IN ('TYPE', 'DOMAIN')
	UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.proowner, w.ns FROM inside w JOIN pg_proc p ON p.pronamespace = w.ns AND p.proname = w.name
		AND pg_get_function_identity_arguments(p.oid) = w.args WHERE w.kind IN ('FUNCTION', 'PROCEDURE', 'AGGREGATE')
	UNION ALL SELECT 'pg_collation'::regclass, k.oid, k.collowner, w.ns FROM inside w JOIN pg_collation k ON k.collnamespace = w.ns AND k.collname = w.name WHERE w.kind = 'COLLATION'
	UNION ALL SELECT 'pg_namespace'::regclass, n.oid, n.nspowner, NULL FROM wanted w JOIN pg_namespace n ON n.nspname = w.name WHERE w.kind = 'SCHEMA'
	UNION ALL SELECT 'pg_extension'::regclass, e.oid, e.extowner, NULL FROM wanted w JOIN pg_extension e ON e.extname = w.name WHERE w.kind = 'EXTENSION'
	UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid, s.srvowner, NULL FROM wanted w JOIN pg_foreign_server s ON s.srvname = w.name WHERE w.kind = 'SERVER'
	UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, f.oid, f.fdwowner, NULL FROM wanted w JOIN pg_foreign_data_wrapper f ON f.fdwname = w.name WHERE w.kind = 'FOREIGN DATA WRAPPER'
)
SELECT pg_describe_object(o.class, o.id, 0) || ' (of ' || pg_get_userbyid(o.owner) || ')' FROM named o
WHERE NOT pg_has_role(o.owner, 'USAGE') AND NOT EXISTS (SELECT 1 FROM pg_namespace n WHERE n.oid = o.ns AND pg_has_role(n.nspowner, 'USAGE'))
ORDER BY 1 LIMIT 1000`
