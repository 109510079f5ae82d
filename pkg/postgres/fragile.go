package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// fragileUses are functions that run while a database is restored: pg_restore's sessions have no search_path, and tables
// are filled one after the other.
const fragileUses = `
SELECT DISTINCT pg_catalog.pg_describe_object('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0), p.prosrc, pg_catalog.pg_describe_object(u.classid, u.objid, 0), u.checks
FROM (
	SELECT d.classid, d.objid, d.refobjid, false AS checks FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('i', 'I')
		WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
	UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, a.adrelid, d.refobjid, false FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef a ON a.oid = d.objid
		JOIN pg_catalog.pg_attribute t ON t.attrelid = a.adrelid AND t.attnum = a.adnum AND t.attgenerated = 's'
		WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
	UNION ALL SELECT d.classid, d.objid, d.refobjid, true FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_constraint k ON k.oid = d.objid AND k.contype = 'c'
		WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
	UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, d.refobjid, false FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
		JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind = 'm'
		WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
) u JOIN pg_catalog.pg_proc p ON p.oid = u.refobjid JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
WHERE p.oid >= 16384 AND p.prosrc <> ''
	AND (u.checks OR NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) s WHERE s LIKE 'search\_path=%'))
	AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND e.objid = p.oid AND e.deptype = 'e')
ORDER BY 1, 3 LIMIT 1000`

const userNames = `
SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION SELECT p.proname || '()' FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
	WHERE p.proname = ANY ($1::text[]) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`

// Fragile finds what may not come back as it is when a backup is restored: functions that name tables or other functions
// without their schema and have no search_path of their own, where indexes, generated columns, checks and materialized
// views use them; and checks whose functions read tables, which may be filled later. Each is a sentence for people.
func Fragile(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	type use struct {
		Function, Source, User string
		Checks                 bool
	}
	rows, err := conn.Query(ctx, fragileUses)
	if err != nil {
		return nil, err
	}
	uses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[use])
	if err != nil || len(uses) == 0 {
		return nil, err
	}
	var names []string
	for _, u := range uses {
		tables, functions := mentioned(u.Source)
		names = append(append(names, keys(tables)...), functions...)
	}
	if rows, err = conn.Query(ctx, userNames, names); err != nil {
		return nil, err
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var out []string
	for _, u := range uses {
		tables, functions := mentioned(u.Source)
		bare, reads := "", ""
		for _, name := range keys(tables) {
			if slices.Contains(known, name) {
				reads = name
				if !tables[name] {
					bare = name
				}
			}
		}
		for _, name := range functions {
			if slices.Contains(known, name+"()") {
				bare = name
			}
		}
		switch {
		case u.Checks && reads != "":
			out = append(out, fmt.Sprintf("%s uses %s, which reads table %s: rows may be refused that come before those", u.User, u.Function, reads))
		case bare != "":
			out = append(out, fmt.Sprintf("%s uses %s, which names %s without its schema: give the function SET search_path", u.User, u.Function, bare))
		}
	}
	return out, nil
}

// RestoreRemarks says what a dump of a selection will not bring back by itself: what it needs outside of itself, and what
// is fragile.
func RestoreRemarks(ctx context.Context, conn *pgx.Conn, sel Selection) ([]string, error) {
	var out []string
	if !sel.DataOnly {
		list, err := Needs(ctx, conn, sel)
		if err != nil {
			return nil, err
		}
		if text := DescribeNeeds(list); text != "" {
			out = append(out, "the selection cannot be restored on its own, it needs "+text+"; --with-dependencies adds what it can")
		}
	}
	fragile, err := Fragile(ctx, conn)
	if len(fragile) > 10 {
		fragile = append(fragile[:10], fmt.Sprintf("%d more like these", len(fragile)-10))
	}
	return append(out, fragile...), err
}

// mentioned gives the tables that a function's text names behind FROM, JOIN, INTO and UPDATE, and whether with their
// schema, and the functions that it calls without one.
func mentioned(source string) (tables map[string]bool, functions []string) {
	tables = map[string]bool{}
	t := Tokens(source)
	for i := range t {
		if !t[i].Name() || i > 0 && t[i-1].Is(".") {
			continue
		}
		qualified := i+2 < len(t) && t[i+1].Is(".")
		switch {
		case i > 0 && (t[i-1].Is("from") || t[i-1].Is("join") || t[i-1].Is("into") || t[i-1].Is("update") || t[i-1].Is("only")):
			if qualified {
				if _, bare := tables[t[i+2].Text]; !bare {
					tables[t[i+2].Text] = true
				}
			} else {
				tables[t[i].Text] = false
			}
		case !qualified && i+1 < len(t) && t[i+1].Is("("):
			functions = append(functions, t[i].Text)
		}
	}
	return tables, functions
}

func keys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
