package postgres

import (
	"context"
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Fingerprint describes a database so that two of them can be compared: every definition, owner, privilege and
// comment, and for each table, materialized view, sequence and range of large objects what they hold. It does not
// depend on object ids, on the order of rows, or on the server's settings.
type Fingerprint struct {
	Major    int   `json:"major"`
	Tables   int   `json:"tables"` // with content, partitions included, materialized views too
	Rows     int64 `json:"rows"`
	LOs      int64 `json:"largeObjects"`
	LOBytes  int64 `json:"largeObjectBytes"`
	Sequence int   `json:"sequences"`
	// Entries maps "kind name" to a definition or to "rows=N hash=H".
	Entries map[string]string `json:"entries"`
}

// FingerprintOptions narrows and observes the work. The zero value compares everything.
type FingerprintOptions struct {
	// Progress is called before each table with its name, how many are done and how many there are.
	Progress func(table string, done, total int)
	// NoAttributes leaves out owners, privileges and comments, which a restore without them does not bring back.
	NoAttributes bool
	// SchemaOnly leaves out all content.
	SchemaOnly bool
}

// TakeFingerprint reads the whole database in one read-only transaction. The content is hashed by the server;
// only the hashes travel. Tables that the role cannot read are an error.
func TakeFingerprint(ctx context.Context, t Target, o FingerprintOptions) (Fingerprint, error) {
	f := Fingerprint{Entries: map[string]string{}}
	err := readOnly(ctx, t, func(tx pgx.Tx) error {
		var version int
		if err := tx.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
			return err
		}
		f.Major = version / 10000
		if err := readCatalog(ctx, tx, definitionQueries, f.add); err != nil {
			return err
		}
		if !o.NoAttributes {
			if err := readCatalog(ctx, tx, attributeQueries, f.add); err != nil {
				return err
			}
		}
		if o.SchemaOnly {
			return nil
		}
		return f.readContent(ctx, tx, o)
	})
	return f, err
}

// add takes one entry. Equal names of one kind (they should not occur) are kept apart.
func (f *Fingerprint) add(kind, name, definition string) {
	key := kind + " " + name
	for i := 2; ; i++ {
		if _, taken := f.Entries[key]; !taken {
			break
		}
		key = kind + " " + name + " #" + strconv.Itoa(i)
	}
	f.Entries[key] = definition
}

func (f *Fingerprint) readContent(ctx context.Context, tx pgx.Tx, o FingerprintOptions) error {
	tables, err := listTables(ctx, tx)
	if err != nil {
		return err
	}
	contents := map[string]*content{}
	for i, t := range tables {
		if o.Progress != nil {
			o.Progress(t.name, i, len(tables))
		}
		var rows int64
		var hash string
		if err := tx.QueryRow(ctx, t.query()).Scan(&rows, &hash); err != nil {
			return fmt.Errorf("read %s: %w", t.name, err)
		}
		if contents[t.counted] == nil {
			contents[t.counted] = &content{hash: new(big.Int)}
		}
		contents[t.counted].add(rows, hash)
		f.Tables++
		f.Rows += rows
	}
	for name, c := range contents {
		f.add("content", name, fmt.Sprintf("rows=%d hash=%s", c.rows, c.hash))
	}
	if o.Progress != nil {
		o.Progress("", len(tables), len(tables))
	}
	if err := f.readSequences(ctx, tx); err != nil {
		return err
	}
	return f.readLargeObjects(ctx, tx)
}

// content is the number of rows and the sum of their hashes.
type content struct {
	rows int64
	hash *big.Int
}

func (c *content) add(rows int64, hash string) {
	n, ok := new(big.Int).SetString(hash, 10)
	if !ok {
		n = big.NewInt(-1) // "not populated"
	}
	c.rows += rows
	c.hash.Add(c.hash, n)
}

// table is one relation whose content a dump carries.
type table struct {
	name string // quoted, with its schema
	// counted is the table whose content this is part of: the topmost ancestor that is partitioned by hash, because
	// rows may go to another hash partition in the copy (enum values hash by object id); otherwise the table itself.
	counted   string
	columns   []string // quoted, by name: the order may change when inherited columns are merged
	condition string   // of an extension's configuration table
	populated bool
}

// query hashes each row as text and adds the hashes up, so that the order of rows does not matter. The sum is
// numeric: it cannot overflow.
func (t table) query() string {
	if !t.populated {
		return "SELECT 0::bigint, 'not populated'"
	}
	return fmt.Sprintf(`SELECT count(*), coalesce(sum(hashtextextended(ROW(%s)::text, 0)::numeric), 0)::text FROM ONLY %s t %s`,
		strings.Join(t.columns, ", "), t.name, t.condition)
}

// listTables takes tables, leaf partitions and materialized views, and of extensions only the configuration tables
// that they have dumped.
func listTables(ctx context.Context, tx pgx.Tx) ([]table, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+relationName+`, coalesce((SELECT a.relid::regclass::text FROM pg_partition_ancestors(c.oid) WITH ORDINALITY a (relid, up)
				JOIN pg_partitioned_table p ON p.partrelid = a.relid WHERE p.partstrat = 'h' ORDER BY a.up DESC LIMIT 1), `+relationName+`), ARRAY(SELECT 't.' || quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
				AND NOT a.attisdropped ORDER BY a.attname COLLATE "C"), coalesce(x.condition, ''), c.relispopulated
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN LATERAL (SELECT e.extcondition[i] AS condition FROM pg_extension e, generate_subscripts(e.extconfig, 1) i WHERE e.extconfig[i] = c.oid) x ON true
		WHERE c.relkind IN ('r', 'm') AND `+userSchema+` AND (x.condition IS NOT NULL OR `+fmt.Sprintf(notExtension, "c")+`)
		ORDER BY (`+relationName+`) COLLATE "C"`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		err = row.Scan(&t.name, &t.counted, &t.columns, &t.condition, &t.populated)
		return t, err
	})
}

func (f *Fingerprint) readSequences(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT `+relationName+` FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'S' AND `+ours("c")+` ORDER BY (`+relationName+`) COLLATE "C"`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	const batch = 200 // sequences asked for in one query
	for len(names) > 0 {
		n := min(batch, len(names))
		var parts []string
		for _, name := range names[:n] {
			parts = append(parts, fmt.Sprintf("SELECT %s, last_value, is_called FROM %s", quoteLiteral(name), name))
		}
		rows, err := tx.Query(ctx, strings.Join(parts, " UNION ALL "))
		if err != nil {
			return err
		}
		var name string
		var last int64
		var called bool
		if _, err = pgx.ForEachRow(rows, []any{&name, &last, &called}, func() error {
			f.add("sequence value", name, fmt.Sprintf("%d called=%t", last, called))
			f.Sequence++
			return nil
		}); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// readLargeObjects hashes large objects in pieces of 1 MiB and folds a thousand ids into one entry, so that
// millions of them cost little memory.
func (f *Fingerprint) readLargeObjects(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT (o.oid::bigint / 1000) * 1000, count(*), sum(o.size)::bigint, md5(string_agg(o.oid || ':' || o.size || ':' || (
			SELECT coalesce(md5(string_agg(md5(lo_get(o.oid, at, 1048576)), '' ORDER BY at)), '') FROM generate_series(0, o.size - 1, 1048576) at), ',' ORDER BY o.oid))
		FROM (SELECT s.oid, s.size, lo_close(s.fd) AS closed FROM (
			SELECT d.oid, d.fd, lo_lseek64(d.fd, 0, 2) AS size FROM (
				SELECT oid, lo_open(oid, 262144) AS fd FROM pg_largeobject_metadata OFFSET 0) d OFFSET 0) s OFFSET 0) o
		WHERE o.closed = 0 GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return err
	}
	var first, count, size int64
	var hash string
	_, err = pgx.ForEachRow(rows, []any{&first, &count, &size, &hash}, func() error {
		f.add("large objects", fmt.Sprintf("%d to %d", first, first+999), fmt.Sprintf("count=%d bytes=%d hash=%s", count, size, hash))
		f.LOs += count
		f.LOBytes += size
		return nil
	})
	return err
}

// deparsed are the kinds of entries whose text is written anew by each major version, with other spaces, names or
// parentheses. Between different majors only their existence is compared.
var deparsed = []string{"view definition ", "rule "}

// Diff lists the differences between two fingerprints, ordered; none means that they are equal.
func Diff(a, b Fingerprint) []string {
	var out []string
	for key, in := range a.Entries {
		other, ok := b.Entries[key]
		switch {
		case !ok:
			out = append(out, key+": only in the first ("+shorten(in)+")")
		case in != other && !sameAcross(a.Major, b.Major, key, in, other):
			out = append(out, fmt.Sprintf("%s: %s | %s", key, around(in, other), around(other, in)))
		}
	}
	for key, in := range b.Entries {
		if _, ok := a.Entries[key]; !ok {
			out = append(out, key+": only in the second ("+shorten(in)+")")
		}
	}
	sort.Strings(out)
	return out
}

// sameAcross allows what must differ between majors: deparsed text, and the right MAINTAIN, which GRANT ALL includes
// from version 17 on.
func sameAcross(majorA, majorB int, key, a, b string) bool {
	if majorA == majorB {
		return false
	}
	for _, kind := range deparsed {
		if strings.HasPrefix(key, kind) {
			return true
		}
	}
	if !strings.HasPrefix(key, "privileges ") {
		return false
	}
	without := func(s string) string {
		var kept []string
		for _, grant := range strings.Fields(s) {
			if !strings.Contains(grant, "=MAINTAIN") {
				kept = append(kept, grant)
			}
		}
		return strings.Join(kept, " ")
	}
	return without(a) == without(b)
}

// around cuts a long text to the part where it begins to differ from another.
func around(s, other string) string {
	i := 0
	for i < len(s) && i < len(other) && s[i] == other[i] {
		i++
	}
	start := max(0, i-30)
	end := min(len(s), i+50)
	cut := strings.ToValidUTF8(s[start:end], "")
	if start > 0 {
		cut = "..." + cut
	}
	if end < len(s) {
		cut += "..."
	}
	return strconv.Quote(cut)
}
