package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// ObjectKinds are the kinds of objects that Present looks for, in the words of pg_restore --list.
var ObjectKinds = []string{"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "INDEX", "TYPE", "DOMAIN", "FUNCTION", "PROCEDURE", "AGGREGATE", "SCHEMA", "EXTENSION",
	"COLLATION", "CONVERSION", "STATISTICS", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "SERVER", "FOREIGN DATA WRAPPER",
	"PUBLICATION", "SUBSCRIPTION", "EVENT TRIGGER", "PROCEDURAL LANGUAGE", "ACCESS METHOD"}

// Presence is what a database has of objects that it was asked for.
type Presence struct {
	asked map[Object]bool
	found map[Object]present
}

type present struct {
	what string
	same bool
}

// NothingPresent is a database that is to be made: it has the schema public alone.
var NothingPresent = Presence{found: map[Object]present{{Kind: "SCHEMA", Name: "public"}: {"schema public", true}, {Kind: "EXTENSION", Name: "plpgsql"}: {"extension plpgsql", true},
	{Kind: "PROCEDURAL LANGUAGE", Name: "plpgsql"}: {"language plpgsql", true}}}

// Find returns what was found in the place of an object, for people ("view app.orders"), and whether it is of the object's kind; "" when
// nothing is there. Known is false for an object that was not asked for.
func (p Presence) Find(o Object) (found string, same, known bool) {
	f := p.found[o]
	return f.what, f.same, p.asked == nil || p.asked[o]
}

// Present looks at which objects a database has, by their names. It changes nothing.
func Present(ctx context.Context, t Target, objects []Object) (Presence, error) {
	p := Presence{asked: map[Object]bool{}, found: map[Object]present{}}
	var named []Object
	for _, o := range objects {
		if p.asked[o] = true; o.Name != "" {
			named = append(named, o)
		}
	}
	err := readOnly(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, presence, arraysOf(named)...)
		if err != nil {
			return err
		}
		var o Object
		var f present
		_, err = pgx.ForEachRow(rows, []any{&o.Kind, &o.Schema, &o.Name, &o.Args, &f.what, &f.same}, func() error {
			if !p.found[o].same {
				p.found[o] = f
			}
			return nil
		})
		return err
	})
	return p, err
}

// presence finds objects by name. What creates a row type is in the way of a type of its name and the reverse; types of arrays make way.
const presence = `
WITH ` + wantedObjects + `, inside AS (
	SELECT w.*, n.oid AS ns FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema
)
SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_class'::regclass, c.oid, 0), ` + ofItsKind + `
	FROM inside w JOIN pg_class c ON c.relnamespace = w.ns AND c.relname = w.name WHERE w.kind IN ` + relationKinds + `
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_type'::regclass, t.oid, 0), CASE w.kind WHEN 'DOMAIN' THEN t.typtype = 'd'
		WHEN 'TYPE' THEN t.typtype <> 'd' AND (t.typrelid = 0 OR EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) ELSE false END
	FROM inside w JOIN pg_type t ON t.typnamespace = w.ns AND t.typname = w.name WHERE NOT EXISTS (SELECT 1 FROM pg_type e WHERE e.typarray = t.oid)
		AND (w.kind IN ('TYPE', 'DOMAIN') OR w.kind IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE') AND t.typrelid = 0)
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_proc'::regclass, p.oid, 0), p.prokind = ANY (CASE w.kind WHEN 'PROCEDURE' THEN '{p}' WHEN 'AGGREGATE' THEN '{a}' ELSE '{f,w}' END::"char"[])
	FROM inside w JOIN pg_proc p ON p.pronamespace = w.ns AND p.proname = w.name WHERE w.kind IN ('FUNCTION', 'PROCEDURE', 'AGGREGATE') AND pg_get_function_identity_arguments(p.oid) = w.args
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_collation'::regclass, k.oid, 0), true FROM inside w JOIN pg_collation k ON k.collnamespace = w.ns AND k.collname = w.name
	WHERE w.kind = 'COLLATION' AND k.collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_conversion'::regclass, k.oid, 0), true FROM inside w JOIN pg_conversion k ON k.connamespace = w.ns AND k.conname = w.name WHERE w.kind = 'CONVERSION'
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_statistic_ext'::regclass, k.oid, 0), true FROM inside w JOIN pg_statistic_ext k ON k.stxnamespace = w.ns AND k.stxname = w.name WHERE w.kind = 'STATISTICS'
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_ts_config'::regclass, k.oid, 0), true FROM inside w JOIN pg_ts_config k ON k.cfgnamespace = w.ns AND k.cfgname = w.name WHERE w.kind = 'TEXT SEARCH CONFIGURATION'
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_ts_dict'::regclass, k.oid, 0), true FROM inside w JOIN pg_ts_dict k ON k.dictnamespace = w.ns AND k.dictname = w.name WHERE w.kind = 'TEXT SEARCH DICTIONARY'
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_ts_parser'::regclass, k.oid, 0), true FROM inside w JOIN pg_ts_parser k ON k.prsnamespace = w.ns AND k.prsname = w.name WHERE w.kind = 'TEXT SEARCH PARSER'
UNION ALL SELECT w.kind, w.schema, w.name, w.args, pg_describe_object('pg_ts_template'::regclass, k.oid, 0), true FROM inside w JOIN pg_ts_template k ON k.tmplnamespace = w.ns AND k.tmplname = w.name WHERE w.kind = 'TEXT SEARCH TEMPLATE'
UNION ALL SELECT w.kind, w.schema, w.name, w.args, lower(w.kind) || ' ' || quote_ident(w.name), true FROM wanted w WHERE CASE w.kind
	WHEN 'SCHEMA' THEN EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = w.name) WHEN 'EXTENSION' THEN EXISTS (SELECT 1 FROM pg_extension WHERE extname = w.name)
	WHEN 'SERVER' THEN EXISTS (SELECT 1 FROM pg_foreign_server WHERE srvname = w.name) WHEN 'FOREIGN DATA WRAPPER' THEN EXISTS (SELECT 1 FROM pg_foreign_data_wrapper WHERE fdwname = w.name)
	WHEN 'PUBLICATION' THEN EXISTS (SELECT 1 FROM pg_publication WHERE pubname = w.name)
	WHEN 'SUBSCRIPTION' THEN EXISTS (SELECT 1 FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE s.subname = w.name AND d.datname = current_database())
	WHEN 'EVENT TRIGGER' THEN EXISTS (SELECT 1 FROM pg_event_trigger WHERE evtname = w.name) WHEN 'PROCEDURAL LANGUAGE' THEN EXISTS (SELECT 1 FROM pg_language WHERE lanname = w.name)
	WHEN 'ACCESS METHOD' THEN EXISTS (SELECT 1 FROM pg_am WHERE amname = w.name) ELSE false END`
