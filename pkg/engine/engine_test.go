package engine_test

import (
	"fmt"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/archive"
	"cofre/pkg/engine"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres/postgrestest"
)

// The bytes of each table's block, of every type there is, and of each large object are pg_dump's, on each server, by each pg_dump,
// in whichever pieces they were read; the head is pg_dump's, too.
func TestSameBytesAsPgDump(t *testing.T) {
	for _, c := range []struct {
		server, client int
		compression    pgdump.Algorithm
	}{{15, 15, ""}, {15, 18, "gzip"}, {17, 17, ""}, {17, 18, "none"}, {18, 18, ""}, {18, 18, "lz4"}} {
		t.Run(fmt.Sprintf("%d by %d %s", c.server, c.client, c.compression), func(t *testing.T) {
			url := testenv.Postgres(t, c.server).NewDatabase(t)
			testenv.LoadSQL(t, url, postgrestest.Nasty)
			testenv.LoadSQL(t, url, large)
			o := options(t, url, c.client)
			o.Dump.Compression.Algorithm = c.compression
			d := start(t, o)
			got := all(t, d)
			sum := check(t, got)
			sameScript(t, c.client, got, one(t, o, ""))
			wantTallies(t, d, sum.Index, sum.Rows)
			if written, all := d.Pieces(); all < 50 || written != all {
				t.Errorf("%d of %d pieces", written, all)
			}
		})
	}
}

// large has a table of some hundred pages with TOAST, and a configuration table of an extension, of which a part is to be dumped.
const large = `
CREATE TABLE big (id int, gone int, "q""uoted, (x)" text, twice int GENERATED ALWAYS AS (id * 2) STORED, long text);
INSERT INTO big (id, gone, "q""uoted, (x)", long) SELECT i, i, repeat(md5(i::text), i % 7), CASE WHEN i % 100 = 0 THEN (SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 300) k) END FROM generate_series(1, 5000) i;
ALTER TABLE big DROP COLUMN gone;
DELETE FROM big WHERE id BETWEEN 1000 AND 2000;
CREATE TABLE config (id int, v text);
INSERT INTO config SELECT i, 'v' || i FROM generate_series(1, 20) i;
ALTER EXTENSION hstore ADD TABLE config;
UPDATE pg_extension SET extconfig = ARRAY['config'::regclass::oid], extcondition = ARRAY['WHERE id > 10'] WHERE extname = 'hstore';
SELECT lo_from_bytea(430000, decode(repeat('0123456789abcdef', 280000), 'hex'));
`

// wantTallies holds what was counted against what was found in the archive.
func wantTallies(t *testing.T, d *engine.Dump, blocks []archive.BlockInfo, rows int64) {
	t.Helper()
	var counted, found int64
	tallies, objects := d.Tallies()
	for _, b := range blocks {
		found += b.LargeObjects
		if b.LargeObjects > 0 {
			continue
		}
		got := tallies[b.DumpID]
		counted += got.Rows
		if got.Rows != b.Rows || got.At.IsZero() {
			t.Errorf("%s.%s: %d counted, %d found", b.Schema, b.Tag, got.Rows, b.Rows)
		}
	}
	if counted != rows || objects == nil || objects.Count != found || found == 0 {
		t.Errorf("%d rows of %d, %+v objects of %d", counted, rows, objects, found)
	}
}
