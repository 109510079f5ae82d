// Package postgrestest holds databases that are hard to back up, as SQL for tests.
package postgrestest

import (
	_ "embed"
	"fmt"
)

// Nasty fills an empty database with awkward names, every type of value, every kind of object, partitions,
// inheritance, row-level security and large objects. It is plain SQL for PostgreSQL 15 and newer, for a superuser, and
// creates two roles in the server. It needs hstore, citext, pgcrypto and btree_gist.
//
//go:embed nasty.sql
var Nasty string

// Rental fills an empty database, of any encoding, with what applications use: an ordinary schema of thirteen tables, one of them
// partitioned, with some 45,000 rows.
//
//go:embed rental.sql
var Rental string

// ManyTables makes n small tables with a key, a sequence, an index, a reference to the one before, and a row.
func ManyTables(n int) string {
	return fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
		EXECUTE format('CREATE TABLE many_%%s (id serial PRIMARY KEY, before int %%s, v text DEFAULT %%L)', i,
			CASE WHEN i > 1 THEN format('REFERENCES many_%%s', i - 1) END, i);
		EXECUTE format('CREATE INDEX ON many_%%s (v)', i);
		EXECUTE format('INSERT INTO many_%%s (before) VALUES (1)', i);
		IF i %% 100 = 0 THEN COMMIT; END IF;
	END LOOP; END $$`, n)
}

// HugeRow makes a table with one row of that many MiB of text that hardly compresses: the same random MiB over and
// over, which is more than a compressor looks back. PostgreSQL's own limit for a dumped row is 1 GB as text.
func HugeRow(mib int) string {
	return fmt.Sprintf(`CREATE TABLE huge (id int PRIMARY KEY, v text);
		ALTER TABLE huge ALTER v SET STORAGE EXTERNAL;
		INSERT INTO huge SELECT 1, repeat(string_agg(md5(i::text), ''), %d) FROM generate_series(1, 32768) i`, mib)
}
