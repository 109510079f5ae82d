package postgres

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"cofre/pkg/dbname"
	"cofre/pkg/fault"
)

// Table names a table.
type Table struct{ Schema, Name string }

// ParseTable reads a name as in SQL: NAME or SCHEMA.NAME, in double quotes where that is needed.
func ParseTable(text string) (Table, error) {
	tokens := Tokens(text)
	t := Table{}
	switch {
	case len(tokens) == 1 && tokens[0].Name():
		t.Name = tokens[0].Text
	case len(tokens) == 3 && tokens[0].Name() && tokens[1].Is(".") && tokens[2].Name():
		t = Table{tokens[0].Text, tokens[2].Text}
	}
	for _, token := range tokens { // what is not closed reaches to the end
		if token.Kind == Quoted && (token.End-token.Start < 3 || !strings.HasSuffix(text[:token.End], `"`)) {
			t.Name = ""
		}
	}
	if t.Name == "" || len(t.Name) > dbname.Max || len(t.Schema) > dbname.Max || strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return t, fault.New(fault.Validation, fault.InvalidInput, `Use a name such as app.orders_rescued or app."Orders 2024", of at most 63 bytes.`, "%.200q is not the name of a table", text)
	}
	return t, nil
}

// NamesIn returns the names that are in use in a schema, of all that cannot have the same: relations, types, extended statistics.
func NamesIn(ctx context.Context, t Target, schema string) ([]string, error) {
	var names []string
	err := readOnly(ctx, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT relname::text FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
			UNION SELECT typname::text FROM pg_type WHERE typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
			UNION SELECT stxname::text FROM pg_statistic_ext WHERE stxnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`, schema)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return names, err
}

// SQL writes the name for a statement.
func (t Table) SQL() string { return QuoteIdent(t.Schema) + "." + QuoteIdent(t.Name) }

// ForeignKey is a foreign key that rows would break for a moment while tables are filled one after the other.
type ForeignKey struct {
	Table      string // quoted
	Name       string // quoted
	Definition string
	Comment    string
	Deferrable bool
	Owner      bool // the role that connects may drop and create it
}

// Load is what one look at existing tables found, before rows are loaded into them.
type Load struct {
	Missing    []string // do not exist
	Filled     []string // hold rows
	NoInsert   []string // may not be filled by the role that connects
	NoTruncate []string // may not be emptied by it
	// Outside are tables not among them that refer to them: "public.orders (refers to public.customer)".
	Outside []string
	// Truncate are all of them, and partitioned tables above them without other partitions, as TRUNCATE wants them.
	Truncate []string
	// Keys are foreign keys to a table that comes later in the list.
	Keys    []ForeignKey
	Objects []uint32 // large objects of the list that exist
}

// LookAtLoad looks at tables that are to be filled in their order, and at large objects. It changes nothing.
func LookAtLoad(ctx context.Context, t Target, tables []Table, objects []uint32) (Load, error) {
	var schemas, names []string
	for _, table := range tables {
		schemas, names = append(schemas, table.Schema), append(names, table.Name)
	}
	var out Load
	err := readOnly(ctx, t, func(tx pgx.Tx) error {
		for _, list := range []struct {
			into *[]string
			sql  string
		}{{&out.Missing, loadMissing}, {&out.NoInsert, loadDenied("INSERT")}, {&out.NoTruncate, loadDenied("TRUNCATE")}, {&out.Outside, loadOutside}, {&out.Truncate, loadTruncate}} {
			rows, err := tx.Query(ctx, loadTables+list.sql, schemas, names)
			if err != nil {
				return err
			}
			if *list.into, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
				return err
			}
		}
		if len(out.Missing) > 0 {
			return nil
		}
		rows, err := tx.Query(ctx, loadTables+loadKeys, schemas, names)
		if err != nil {
			return err
		}
		if out.Keys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ForeignKey]); err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, `SELECT oid FROM pg_largeobject_metadata WHERE oid = ANY ($1::oid[]) ORDER BY 1`, objects); err != nil {
			return err
		}
		if out.Objects, err = pgx.CollectRows(rows, pgx.RowTo[uint32]); err != nil {
			return err
		}
		for _, table := range tables {
			var filled bool
			if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM ONLY "+table.SQL()+")").Scan(&filled); err != nil {
				return err
			}
			if filled {
				out.Filled = append(out.Filled, table.Schema+"."+table.Name)
			}
		}
		return nil
	})
	return out, err
}

// loadTables numbers the tables; tops are partitioned tables all of whose partitions with rows are in the list.
const loadTables = `
WITH RECURSIVE given AS (
	SELECT w.schema, w.name, w.place, c.oid, c.relowner FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, place)
	LEFT JOIN pg_namespace n ON n.nspname = w.schema LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind = 'r'
), tops AS (
	SELECT p.oid FROM pg_class p WHERE p.relkind = 'p' AND EXISTS (SELECT 1 FROM pg_partition_tree(p.oid) l JOIN given g ON g.oid = l.relid)
		AND NOT EXISTS (SELECT 1 FROM pg_partition_tree(p.oid) l WHERE l.isleaf AND NOT EXISTS (SELECT 1 FROM given g WHERE g.oid = l.relid))
), emptied AS (SELECT oid FROM given WHERE oid IS NOT NULL UNION SELECT oid FROM tops)
`

const (
	loadMissing  = `SELECT schema || '.' || name FROM given WHERE oid IS NULL ORDER BY place`
	loadTruncate = `SELECT CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
		FROM emptied e JOIN pg_class c ON c.oid = e.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1`
	loadOutside = `SELECT DISTINCT k.conrelid::regclass || ' (refers to ' || k.confrelid::regclass || ')' FROM pg_constraint k JOIN emptied e ON e.oid = k.confrelid
		WHERE k.contype = 'f' AND NOT EXISTS (SELECT 1 FROM emptied x WHERE x.oid = k.conrelid) ORDER BY 1`
	loadKeys = `, late AS (
		SELECT k.oid, k.conparentid FROM pg_constraint k JOIN given a ON a.oid = k.conrelid JOIN given b ON b.oid = k.confrelid WHERE k.contype = 'f' AND b.place > a.place
		UNION SELECT p.oid, p.conparentid FROM late l JOIN pg_constraint p ON p.oid = l.conparentid
	)
	SELECT k.conrelid::regclass::text, quote_ident(k.conname), pg_get_constraintdef(k.oid), coalesce(obj_description(k.oid, 'pg_constraint'), ''), k.condeferrable,
		pg_has_role(c.relowner, 'USAGE') AND pg_has_role(f.relowner, 'USAGE')
	FROM late l JOIN pg_constraint k ON k.oid = l.oid JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid WHERE l.conparentid = 0 ORDER BY 1, 2`
)

func loadDenied(privilege string) string {
	return `SELECT schema || '.' || name FROM given WHERE oid IS NOT NULL AND NOT has_table_privilege(oid, '` + privilege + `') ORDER BY place`
}
