package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Object names an object that is to be dropped.
type Object struct {
	// Kind is "TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE", "INDEX", "TYPE", "DOMAIN", "FUNCTION",
	// "PROCEDURE", "AGGREGATE", "SCHEMA", "EXTENSION", "COLLATION", "SERVER" or "FOREIGN DATA WRAPPER". Others are not
	// looked for.
	Kind   string
	Schema string
	Name   string
	Args   string // of a function, as pg_get_function_identity_arguments writes them
}

// arraysOf are the parameters of a query that begins with wantedObjects.
func arraysOf(objects []Object) []any {
	kinds, schemas, names, args := []string{}, []string{}, []string{}, []string{}
	for _, o := range objects {
		kinds, schemas, names, args = append(kinds, o.Kind), append(schemas, o.Schema), append(names, o.Name), append(args, o.Args)
	}
	return []any{kinds, schemas, names, args}
}

const (
	// wantedObjects is a table of objects, called wanted.
	wantedObjects = `wanted AS (
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w (kind, schema, name, args)
)`
	// relationKinds are the kinds of what is in pg_class.
	relationKinds = `('TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE', 'FOREIGN TABLE', 'INDEX')`
	// ofItsKind holds an entry c of pg_class against the kind of relation that was wanted under its name.
	ofItsKind = `c.relkind = ANY (CASE w.kind WHEN 'TABLE' THEN '{r,p}' WHEN 'VIEW' THEN '{v}' WHEN 'MATERIALIZED VIEW' THEN '{m}'
		WHEN 'SEQUENCE' THEN '{S}' WHEN 'FOREIGN TABLE' THEN '{f}' ELSE '{i,I}' END::"char"[])`
)

// Obstacle is an object that a drop of others would meet.
type Obstacle struct {
	Object string // for people: "view public.totals"
	On     string // what it depends on, or what was expected in its place
	// Other reports whether Object is of another kind than the one of its name that was to be dropped: dropping what
	// depends does not help then.
	Other bool
	// Address is what the object is found by again, also when it was made anew.
	Address
}

// Address names an object as pg_get_object_address takes it.
type Address struct {
	Type string
	Name []string
	Args []string
}

// Gone returns those of the obstacles that are not there any more.
func Gone(ctx context.Context, t Target, all []Obstacle) ([]Obstacle, error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer Close(conn)
	var gone []Obstacle
	for _, o := range all {
		_, err := conn.Exec(ctx, "SELECT pg_catalog.pg_get_object_address($1, $2, $3)", o.Type, o.Name, o.Args)
		switch {
		case errors.As(err, new(*pgconn.PgError)):
			gone = append(gone, o)
		case err != nil:
			return nil, t.Explain(ctx, err)
		}
	}
	return gone, nil
}

// Obstacles finds what depends on objects of a database, and what depends on that, without being one of them, or part of one. Without
// CASCADE they could not be dropped, and with it all this goes, too.
func Obstacles(ctx context.Context, t Target, objects []Object) ([]Obstacle, error) {
	var out []Obstacle
	err := readOnly(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, obstacles, arraysOf(objects)...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Obstacle])
		return err
	})
	return out, err
}

// obstacles follows pg_depend: what goes with an object automatically (a, i, P, S, e), then what merely depends (n).
const obstacles = `
WITH RECURSIVE ` + wantedObjects + `, relations AS (
	SELECT c.oid, w.kind, ` + ofItsKind + ` AS same
	FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
	WHERE w.kind IN ` + relationKinds + `
), gone (class, id) AS (
	SELECT * FROM (
		SELECT 'pg_class'::regclass::oid, oid FROM relations WHERE same
		UNION ALL SELECT 'pg_type'::regclass, t.oid FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_type t ON t.typnamespace = n.oid AND t.typname = w.name
			WHERE w.kind IN ('TYPE', 'DOMAIN')
		UNION ALL SELECT 'pg_class'::regclass, t.typrelid FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_type t ON t.typnamespace = n.oid AND t.typname = w.name
			WHERE w.kind = 'TYPE' AND t.typrelid <> 0
		UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = w.name
			AND pg_get_function_identity_arguments(p.oid) = w.args WHERE w.kind IN ('FUNCTION', 'PROCEDURE', 'AGGREGATE')
		UNION ALL SELECT 'pg_namespace'::regclass, n.oid FROM wanted w JOIN pg_namespace n ON n.nspname = w.name WHERE w.kind = 'SCHEMA'
		UNION ALL SELECT 'pg_extension'::regclass, e.oid FROM wanted w JOIN pg_extension e ON e.extname = w.name WHERE w.kind = 'EXTENSION'
		UNION ALL SELECT 'pg_collation'::regclass, k.oid FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_collation k ON k.collnamespace = n.oid AND k.collname = w.name
			WHERE w.kind = 'COLLATION'
		UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid FROM wanted w JOIN pg_foreign_server s ON s.srvname = w.name WHERE w.kind = 'SERVER'
		UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, f.oid FROM wanted w JOIN pg_foreign_data_wrapper f ON f.fdwname = w.name WHERE w.kind = 'FOREIGN DATA WRAPPER'
	) named
	UNION
	SELECT d.classid, d.objid FROM gone g JOIN pg_depend d ON d.refclassid = g.class AND d.refobjid = g.id
		WHERE d.deptype IN ('a', 'i', 'P', 'S', 'e') AND d.objsubid = 0
), needing (class, id, sub, on_class, on_id, merely) AS (
	SELECT x.*, g.class, g.id, true FROM gone g JOIN pg_depend d ON d.refclassid = g.class AND d.refobjid = g.id AND d.deptype = 'n', ` + dropped + `
		WHERE NOT EXISTS (SELECT 1 FROM gone o WHERE o.class = x.class AND o.id = x.id)
	UNION
	SELECT x.*, n.class, n.id, d.deptype = 'n' FROM needing n JOIN pg_depend d ON d.refclassid = n.class AND d.refobjid = n.id AND (n.sub = 0 OR d.refobjsubid = n.sub), ` + dropped + `
		WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S', 'e') AND (x.class <> n.class OR x.id <> n.id) AND NOT EXISTS (SELECT 1 FROM gone o WHERE o.class = x.class AND o.id = x.id)
), named AS (
	SELECT DISTINCT ON (class, id, sub) n.* FROM needing n WHERE merely AND NOT EXISTS (SELECT 1 FROM needing t WHERE n.sub <> 0 AND t.class = n.class AND t.id = n.id AND t.sub = 0)
	ORDER BY class, id, sub, on_class, on_id
)
SELECT pg_describe_object(n.class, n.id, n.sub), pg_describe_object(n.on_class, n.on_id, 0), false, a.type, a.object_names, a.object_args
FROM named n, LATERAL pg_identify_object_as_address(n.class, n.id, n.sub) a
UNION
SELECT pg_describe_object('pg_class'::regclass, oid, 0), 'a ' || lower(kind) || ' of that name', true, '', '{}', '{}' FROM relations WHERE NOT same
ORDER BY 1, 2 LIMIT 1000`

// dropped is what goes with a dependent object d: of a view's rule, the view.
const dropped = `LATERAL (SELECT d.classid, d.objid, d.objsubid WHERE NOT EXISTS (SELECT 1 FROM pg_rewrite w WHERE d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid AND w.rulename = '_RETURN')
	UNION ALL SELECT 'pg_class'::regclass, w.ev_class, 0 FROM pg_rewrite w WHERE d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid AND w.rulename = '_RETURN') x (class, id, sub)`
