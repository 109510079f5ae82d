package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Need is something that a part of a database needs and does not hold.
type Need struct {
	Object string // that is needed, for people: "type common.mood"
	By     string // who needs it: "table app.orders"
	Schema string
	Name   string // of a relation, "" for other kinds
}

// Needs finds what the selected part of a database refers to outside of itself: types, functions, tables of foreign keys,
// sequences, parents. Without them it cannot be restored on its own. What belongs to extensions and to the system is
// there anyway.
func Needs(ctx context.Context, conn *pgx.Conn, sel Selection) ([]Need, error) {
	if !sel.picksTables() && len(sel.Schemas) == 0 {
		return nil, nil
	}
	rows, err := conn.Query(ctx, selected+needs, append(selectionArgs(sel), !sel.picksTables())...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Need])
}

// needs follows pg_depend from the selected objects and what is a part of them (columns' defaults, constraints, rules,
// triggers) to what they refer to. $5 is true when schemas were selected, with all that is in them.
const needs = `, inside AS (
	SELECT n.oid FROM pg_catalog.pg_namespace n WHERE $5 AND EXISTS (SELECT 1 FROM pattern p WHERE p.kind = 'schema' AND n.nspname OPERATOR(pg_catalog.~) p.n)
		AND NOT EXISTS (SELECT 1 FROM pattern p WHERE p.kind = 'noschema' AND n.nspname OPERATOR(pg_catalog.~) p.n)
), excluded AS (
	SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE EXISTS (SELECT 1 FROM pattern p WHERE p.kind = 'exclude' AND ` + matches + `)
		OR c.oid IN (SELECT oid FROM child WHERE kind = 'exclude')
), chosen (class, id) AS (
	SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, oid FROM taken
	UNION SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid FROM pg_catalog.pg_class c JOIN inside i ON i.oid = c.relnamespace WHERE c.oid NOT IN (SELECT oid FROM excluded)
	UNION SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_type t JOIN inside i ON i.oid = t.typnamespace
		WHERE t.typrelid NOT IN (SELECT oid FROM excluded) AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type e JOIN excluded x ON x.oid = e.typrelid WHERE e.oid = t.typelem)
	UNION SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_proc p JOIN inside i ON i.oid = p.pronamespace
	UNION SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, k.oid FROM pg_catalog.pg_collation k JOIN inside i ON i.oid = k.collnamespace
), part (class, id, ownerclass, owner) AS (
	SELECT class, id, class, id FROM chosen
	UNION SELECT d.classid, d.objid, c.class, c.id FROM chosen c JOIN pg_catalog.pg_depend d ON d.refclassid = c.class AND d.refobjid = c.id AND d.deptype IN ('a', 'i')
		AND d.classid <> 'pg_catalog.pg_class'::pg_catalog.regclass
	UNION SELECT d.classid, d.objid, c.class, c.id FROM chosen c JOIN pg_catalog.pg_depend d ON d.refclassid = c.class AND d.refobjid = c.id AND d.deptype IN ('a', 'i')
		JOIN pg_catalog.pg_class i ON i.oid = d.objid AND i.relkind IN ('i', 'I', 't') WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
), need AS (
	SELECT DISTINCT ON (d.refclassid, d.refobjid) d.refclassid, d.refobjid, p.ownerclass, p.owner FROM part p JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.id
	WHERE d.refobjid >= 16384 AND d.refclassid IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass,
			'pg_catalog.pg_collation'::pg_catalog.regclass)
		AND NOT EXISTS (SELECT 1 FROM part x WHERE x.class = d.refclassid AND x.id = d.refobjid)
		AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')
	ORDER BY d.refclassid, d.refobjid, p.ownerclass, p.owner
), named AS (
	SELECT n.*, CASE WHEN n.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN coalesce((SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = n.refobjid), n.refobjid)
		WHEN n.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass THEN (SELECT nullif(t.typrelid, 0) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
			WHERE t.oid = n.refobjid AND c.relkind <> 'c') END AS relation
	FROM need n
)
SELECT pg_catalog.pg_describe_object(coalesce(CASE WHEN n.relation IS NULL THEN NULL ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::oid END, n.refclassid), coalesce(n.relation, n.refobjid), 0),
	min(pg_catalog.pg_describe_object(n.ownerclass, n.owner, 0)), coalesce(s.nspname::text, ''), coalesce(c.relname::text, '')
FROM named n LEFT JOIN pg_catalog.pg_class c ON c.oid = n.relation
	LEFT JOIN pg_catalog.pg_namespace s ON s.oid = coalesce(c.relnamespace, (SELECT typnamespace FROM pg_catalog.pg_type WHERE n.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND oid = n.refobjid),
		(SELECT pronamespace FROM pg_catalog.pg_proc WHERE n.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND oid = n.refobjid),
		(SELECT collnamespace FROM pg_catalog.pg_collation WHERE n.refclassid = 'pg_catalog.pg_collation'::pg_catalog.regclass AND oid = n.refobjid))
WHERE c.oid IS NULL OR c.oid NOT IN (SELECT oid FROM taken)
GROUP BY 1, 3, 4 ORDER BY 1 LIMIT 1000`

// DescribeNeeds says what a part needs and does not hold; "" when it holds everything.
func DescribeNeeds(list []Need) string {
	if len(list) == 0 {
		return ""
	}
	var out []string
	for i, n := range list {
		if i == 10 {
			out = append(out, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s (for %s)", n.Object, n.By))
	}
	return strings.Join(out, ", ")
}

// maxRounds bounds how often what was added may need something again.
const maxRounds = 30

// WithNeeds widens a selection of schemas until it holds all that it needs. Of a further schema it takes the relations that
// are needed, and all types and functions: pg_dump cannot choose among those. What it cannot add is left to Needs.
func WithNeeds(ctx context.Context, conn *pgx.Conn, sel Selection) (Selection, error) {
	added := map[string][]string{} // relations by schema
	wide := sel
	for range maxRounds {
		list, err := Needs(ctx, conn, wide)
		if err != nil || len(list) == 0 {
			return wide, err
		}
		grown := false
		for _, n := range list {
			known, ok := added[n.Schema]
			if sel.picksTables() && n.Name == "" || n.Schema == "" {
				continue
			}
			if n.Name != "" && !slices.Contains(known, n.Name) {
				known, ok = append(known, n.Name), false
			}
			added[n.Schema], grown = known, grown || !ok
		}
		if !grown {
			return wide, nil
		}
		if wide, err = widen(ctx, conn, sel, added); err != nil {
			return wide, err
		}
	}
	return wide, nil
}

func widen(ctx context.Context, conn *pgx.Conn, sel Selection, added map[string][]string) (Selection, error) {
	wide := sel
	wide.Schemas, wide.Tables, wide.ExcludeTables = slices.Clone(sel.Schemas), slices.Clone(sel.Tables), slices.Clone(sel.ExcludeTables)
	for schema, relations := range added {
		if sel.picksTables() {
			for _, r := range relations {
				wide.Tables = append(wide.Tables, quoteForPattern(schema)+"."+quoteForPattern(r))
			}
			continue
		}
		wide.Schemas = append(wide.Schemas, quoteForPattern(schema))
		rows, err := conn.Query(ctx, `SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relname <> ALL ($2::text[])
				AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid AND c.relispartition AND p.relname = ANY ($2::text[]))
			ORDER BY 1`, schema, append([]string{}, relations...))
		if err != nil {
			return wide, err
		}
		others, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return wide, err
		}
		for _, o := range others {
			wide.ExcludeTables = append(wide.ExcludeTables, quoteForPattern(schema)+"."+quoteForPattern(o))
		}
	}
	return wide, nil
}

// quoteForPattern writes a name as a pattern that matches it alone.
func quoteForPattern(name string) string { return QuoteIdent(name) }
