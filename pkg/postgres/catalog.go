package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// catalogQuery lists one kind of object as rows of (kind, name, definition). The text must not contain object
// ids, and must be the same in a database and in its restored copy. The session is stableSession.
type catalogQuery struct {
	sql string
	min int // server_version_num from which it works; 0 for all
}

// userSchema and notExtension restrict a catalog to what pg_dump would dump: %s is the alias of the catalog.
const (
	userSchema   = `(n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')`
	notExtension = `NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = %[1]s.tableoid AND x.objid = %[1]s.oid AND x.deptype = 'e')`
)

func ours(alias string) string { return userSchema + " AND " + fmt.Sprintf(notExtension, alias) }

// attCompression is a column's compression on any server; what a server from PostgreSQL 14 on has instead, takes half the time of
// the whole query.
const (
	attCompression   = `(to_jsonb(a)->>'attcompression')`
	attCompression14 = `a.attcompression::text`
)

// relationName is the name of the relation c in schema n, as text that is valid SQL.
const relationName = `quote_ident(n.nspname) || '.' || quote_ident(c.relname)`

// definitionQueries make up the schema: what SchemaVersion hashes. Owners, privileges and comments are in
// attributeQueries, contents in the fingerprint.
var definitionQueries = []catalogQuery{
	{sql: `SELECT 'schema', quote_ident(n.nspname), '' FROM pg_namespace n WHERE ` + ours("n")},
	{sql: `SELECT 'extension', quote_ident(e.extname), 'schema ' || n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname <> 'plpgsql'`},
	{sql: `SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
			WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE 'relation' END, ` + relationName + `,
			concat_ws('; ', 'kind ' || c.relkind::text, 'persistence ' || c.relpersistence::text, 'options ' || array_to_string(ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), ','),
				CASE WHEN c.relrowsecurity THEN 'row security' END, CASE WHEN c.relforcerowsecurity THEN 'forced' END,
				'replica identity ' || c.relreplident::text, 'partition by ' || pg_get_partkeydef(c.oid), 'bound ' || pg_get_expr(c.relpartbound, c.oid),
				'of ' || CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END,
				'method ' || CASE WHEN c.relkind <> 'p' THEN (SELECT amname FROM pg_am WHERE oid = c.relam) END,
				'parents ' || nullif(array_to_string(ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno), ','), ''),
				'server ' || (SELECT s.srvname || ' ' || array_to_string(f.ftoptions, ',') FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND ` + ours("c"), min: 100000},
	{sql: `SELECT 'column', ` + relationName + ` || '.' || quote_ident(a.attname), concat_ws('; ', format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attnotnull THEN 'not null' END, 'identity ' || nullif(a.attidentity::text, ''), 'generated ' || nullif(a.attgenerated::text, ''),
			'default ' || (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),
			'collation ' || (SELECT k.oid::regcollation::text FROM pg_collation k, pg_type t WHERE k.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation),
			CASE WHEN c.relkind <> 'v' THEN 'storage ' || a.attstorage::text END, 'compression ' || nullif(` + attCompression + `, ''),
			'statistics ' || nullif(a.attstattarget, -1), 'options ' || nullif(array_to_string(ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg_attver=%' ORDER BY 1), ','), ''), 'fdw ' || array_to_string(a.attfdwoptions, ','),
			CASE WHEN NOT a.attislocal THEN 'inherited' END)
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped AND ` + ours("c"), min: 130000},
	{sql: `SELECT 'constraint', ` + relationName + ` || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid) ||
			CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE k.contype <> 'n' AND ` + ours("c")},
	{sql: `SELECT 'index', ` + relationName + `, concat_ws('; ', pg_get_indexdef(c.oid), CASE WHEN i.indisclustered THEN 'clustered' END,
			CASE WHEN i.indisreplident THEN 'replica identity' END, CASE WHEN NOT i.indisvalid THEN 'invalid' END,
			'parent ' || (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = c.oid))
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
		WHERE t.relkind <> 't' AND ` + ours("t")},
	{sql: `SELECT 'sequence', ` + relationName + `, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
			c.relpersistence, (SELECT 'owned by ' || d.refobjid::regclass || '.' || d.refobjsubid FROM pg_depend d WHERE d.classid = c.tableoid AND d.objid = c.oid
			AND d.refclassid = c.tableoid AND d.deptype IN ('a', 'i') AND false))
		FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ` + ours("c"), min: 100000},
	{sql: `SELECT 'sequence owner', ` + relationName + `, d.refobjid::regclass || '.' || quote_ident(a.attname) || ' ' || d.deptype::text
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_depend d ON d.classid = c.tableoid AND d.objid = c.oid AND d.refclassid = c.tableoid
			AND d.deptype IN ('a', 'i') JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
		WHERE c.relkind = 'S' AND ` + ours("c")},
	{sql: `SELECT 'view definition', ` + relationName + `, pg_get_viewdef(c.oid)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND ` + ours("c")},
	{sql: `SELECT 'rule', ` + relationName + ` || '.' || quote_ident(r.rulename), pg_get_ruledef(r.oid) || ' ' || r.ev_enabled::text
		FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND ` + ours("c")},
	{sql: `SELECT 'trigger', ` + relationName + ` || '.' || quote_ident(t.tgname), pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
		FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND ` + ours("c")},
	{sql: `SELECT 'policy', ` + relationName + ` || '.' || quote_ident(p.polname), concat_ws('; ', p.polcmd::text, p.polpermissive,
			array_to_string(ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE r::regrole::text END FROM unnest(p.polroles) r ORDER BY 1), ','),
			'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
		FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ` + ours("c"), min: 100000},
	{sql: `SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure::text,
			CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE (SELECT concat_ws(' ', pg_get_function_arguments(p.oid), a.aggtransfn, a.aggfinalfn,
				a.aggcombinefn, a.aggtranstype::regtype, a.agginitval, a.aggkind) FROM pg_aggregate a WHERE a.aggfnoid = p.oid) END
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + ours("p"), min: 110000},
	{sql: `SELECT 'type', t.oid::regtype::text, concat_ws('; ', t.typtype::text,
			'labels ' || nullif(array_to_string(ARRAY(SELECT quote_literal(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder), ','), ''),
			'base ' || CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, 'default ' || t.typdefault, CASE WHEN t.typnotnull THEN 'not null' END,
			'checks ' || nullif(array_to_string(ARRAY(SELECT k.conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype <> 'n' ORDER BY 1), ','), ''),
			'range ' || (SELECT concat_ws(' ', r.rngsubtype::regtype, nullif(r.rngsubdiff, 0)::regproc, nullif(r.rngcollation, 0)::regcollation) FROM pg_range r WHERE r.rngtypid = t.oid),
			'functions ' || CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typinput, t.typoutput, t.typlen, t.typalign, t.typstorage) END)
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
		WHERE t.typtype IN ('e', 'd', 'r', 'b', 'p') AND NOT EXISTS (SELECT 1 FROM pg_type el WHERE el.typarray = t.oid) AND ` + ours("t"), min: 130000},
	{sql: `SELECT 'statistics', quote_ident(n.nspname) || '.' || quote_ident(s.stxname), pg_get_statisticsobjdef(s.oid)
		FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ` + ours("s"), min: 100000},
	{sql: otherObjects, min: 100000},
}

// otherObjects are the rarer kinds, by identity, with a definition where one is cheap.
var otherObjects = `SELECT i.type, i.identity, o.definition FROM (
	SELECT tableoid, oid, concat_ws(' ', castfunc::regprocedure, castcontext, castmethod) AS definition FROM pg_cast
	UNION ALL SELECT tableoid, oid, concat_ws(' ', oprcode, oprresult::regtype, nullif(oprcom, 0)::regoperator, nullif(oprnegate, 0)::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash) FROM pg_operator
	UNION ALL SELECT tableoid, oid, concat_ws(' ', opcdefault, opcintype::regtype) FROM pg_opclass
	UNION ALL SELECT tableoid, oid, '' FROM pg_opfamily
	UNION ALL SELECT tableoid, oid, concat_ws(' ', collprovider, collisdeterministic, collcollate, collctype) FROM pg_collation
	UNION ALL SELECT tableoid, oid, concat_ws(' ', conforencoding, contoencoding, conproc) FROM pg_conversion
	UNION ALL SELECT tableoid, oid, dictinitoption FROM pg_ts_dict
	UNION ALL SELECT tableoid, oid, (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ',' ORDER BY m.maptokentype, m.mapseqno)
		FROM pg_ts_config_map m WHERE m.mapcfg = k.oid) FROM pg_ts_config k
	UNION ALL SELECT tableoid, oid, '' FROM pg_ts_parser
	UNION ALL SELECT tableoid, oid, '' FROM pg_ts_template
	UNION ALL SELECT tableoid, oid, array_to_string(fdwoptions, ',') FROM pg_foreign_data_wrapper
	UNION ALL SELECT tableoid, oid, concat_ws(' ', srvtype, srvversion, array_to_string(srvoptions, ',')) FROM pg_foreign_server
	UNION ALL SELECT tableoid, oid, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled, array_to_string(evttags, ',')) FROM pg_event_trigger
	UNION ALL SELECT tableoid, oid, concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate,
		array_to_string(ARRAY(SELECT r.prrelid::regclass::text FROM pg_publication_rel r WHERE r.prpubid = p.oid ORDER BY 1), ',')) FROM pg_publication p
	UNION ALL SELECT tableoid, oid, concat_ws(' ', lanpltrusted, lanplcallfoid::regproc) FROM pg_language
	UNION ALL SELECT tableoid, oid, concat_ws(' ', trffromsql::regprocedure, trftosql::regprocedure) FROM pg_transform
	UNION ALL SELECT tableoid, oid, amhandler::text FROM pg_am
	UNION ALL SELECT tableoid, oid, concat_ws(' ', defaclobjtype, (SELECT string_agg(format('%s %s %s', CASE WHEN a.grantee = 0 THEN 'public' ELSE a.grantee::regrole::text END,
		a.privilege_type, a.is_grantable), ',' ORDER BY a.grantee::regrole::text, a.privilege_type) FROM aclexplode(defaclacl) a
		WHERE a.privilege_type <> 'MAINTAIN')) FROM pg_default_acl
) o, LATERAL pg_identify_object(o.tableoid, o.oid, 0) i
WHERE o.oid >= 16384 AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = o.tableoid AND x.objid = o.oid AND x.deptype = 'e')`

// attributeQueries are owners, privileges and comments.
var attributeQueries = []catalogQuery{
	{sql: `SELECT 'owner', o.kind || ' ' || o.name, o.owner::regrole::text FROM (
		SELECT 'schema' AS kind, quote_ident(n.nspname) AS name, n.nspowner AS owner FROM pg_namespace n WHERE n.nspname <> 'public' AND ` + ours("n") + `
		UNION ALL SELECT 'relation', ` + relationName + `, c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ` + ours("c") + `
		UNION ALL SELECT 'function', p.oid::regprocedure::text, p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + ours("p") + `
		UNION ALL SELECT 'type', t.oid::regtype::text, t.typowner FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
			WHERE t.typtype IN ('e', 'd', 'r', 'b') AND NOT EXISTS (SELECT 1 FROM pg_type el WHERE el.typarray = t.oid) AND ` + ours("t") + `
		UNION ALL SELECT 'large object', l.oid::text, l.lomowner FROM pg_largeobject_metadata l) o`},
	{sql: privileges, min: 90600},
	{sql: `SELECT 'comment', i.type || ' ' || i.identity, d.description FROM pg_description d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
		WHERE d.objoid >= 16384 AND i.type <> 'extension' AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = d.classoid AND x.objid = d.objoid AND x.deptype = 'e')
			AND coalesce(i.schema, '') !~ '^pg_'`},
	{sql: `SELECT 'security label', i.type || ' ' || i.identity, s.provider || ' ' || s.label
		FROM pg_seclabel s, LATERAL pg_identify_object(s.classoid, s.objoid, s.objsubid) i`},
}

// privileges lists every grant; an absent list counts as its default, as it is after a restore.
var privileges = `SELECT 'privileges', o.kind || ' ' || o.name, coalesce((SELECT string_agg(format('%s=%s%s',
		CASE WHEN a.grantee = 0 THEN 'public' ELSE a.grantee::regrole::text END, a.privilege_type, CASE WHEN a.is_grantable THEN '*' ELSE '' END), ' '
		ORDER BY CASE WHEN a.grantee = 0 THEN 'public' ELSE a.grantee::regrole::text END COLLATE "C", a.privilege_type COLLATE "C")
	FROM (SELECT DISTINCT grantee, privilege_type, is_grantable FROM aclexplode(coalesce(o.acl, acldefault(o.letter, o.owner)))) a), '')
FROM (
	SELECT 'schema' AS kind, quote_ident(n.nspname) AS name, n.nspacl AS acl, 'n'::"char" AS letter, n.nspowner AS owner FROM pg_namespace n WHERE n.nspname <> 'public' AND ` + ours("n") + `
	UNION ALL SELECT 'relation', ` + relationName + `, c.relacl, CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ` + ours("c") + `
	UNION ALL SELECT 'column', ` + relationName + ` || '.' || quote_ident(a.attname), a.attacl, 'c', c.relowner
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attacl IS NOT NULL AND ` + ours("c") + `
	UNION ALL SELECT 'function', p.oid::regprocedure::text, p.proacl, 'f', p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + ours("p") + `
	UNION ALL SELECT 'type', t.oid::regtype::text, t.typacl, 'T', t.typowner FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
		WHERE t.typtype IN ('e', 'd', 'r', 'b') AND NOT EXISTS (SELECT 1 FROM pg_type el WHERE el.typarray = t.oid) AND ` + ours("t") + `
	UNION ALL SELECT 'large object', l.oid::text, l.lomacl, 'L', l.lomowner FROM pg_largeobject_metadata l
) o`

// readCatalog runs the queries that the server's version knows and gives each row to fn, ordered by bytes.
func readCatalog(ctx context.Context, tx pgx.Tx, queries []catalogQuery, fn func(kind, name, definition string)) error {
	var version int
	if err := tx.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return err
	}
	for _, q := range queries {
		if version < q.min {
			continue
		}
		sql := q.sql
		if version >= 140000 {
			sql = strings.ReplaceAll(sql, attCompression, attCompression14)
		}
		rows, err := tx.Query(ctx, `SELECT q.* FROM (`+sql+`) q (kind, name, definition) ORDER BY kind COLLATE "C", name COLLATE "C", definition COLLATE "C"`)
		if err != nil {
			return err
		}
		var kind, name string
		var definition *string
		_, err = pgx.ForEachRow(rows, []any{&kind, &name, &definition}, func() error {
			if definition == nil {
				definition = new(string)
			}
			fn(kind, strings.Clone(name), *definition)
			return nil
		})
		if err != nil {
			return fmt.Errorf("list %q objects: %w", firstWords(q.sql), err)
		}
	}
	return nil
}

func firstWords(sql string) string {
	if len(sql) > 40 {
		sql = sql[:40]
	}
	return sql
}
