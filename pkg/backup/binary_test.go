package backup_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/rows"
	"cofre/pkg/storage"
)

// moreTypes has tables of binary types, and of others.
const moreTypes = `
CREATE TABLE bin_a (id int, m mood, n numeric, at timestamptz, j jsonb, b bytea, "q""" text, r daterange, tsv tsvector);
INSERT INTO bin_a SELECT g, (ARRAY['sad', 'o''k', NULL])[1 + g % 3]::mood, g / 7.0, '2026-01-01Z'::timestamptz + g * interval '1 s', jsonb_build_object('g', g), decode(md5(g::text), 'hex'), E'tab\t"' || g,
	daterange('2026-01-01', '2026-01-02'::date + g), to_tsvector('many words ' || g) FROM generate_series(1, 5000) g;
CREATE TABLE txt_a (id int, a text[]); INSERT INTO txt_a SELECT g, ARRAY['a', NULL] FROM generate_series(1, 500) g;`

// A backup of binary rows is like any other to everything that reads it, plain or encrypted: checked, counted, shown as the server writes
// its rows, restored in each way with no difference, into newer servers too.
func TestBinaryBackup(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(keyFile, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGTZ", "UTC")
	yes := true
	for _, major := range testenv.InitialMajors() {
		url := testenv.Postgres(t, major).NewDatabase(t)
		testenv.LoadFile(t, url, filepath.Join(testenv.Root(), "pkg/postgres/postgrestest/nasty.sql"))
		testenv.LoadSQL(t, url, moreTypes)
		w := open(t, "", url, "BACKUP_ROWS=binary", "BACKUP_JOBS=2", "BACKUP_AGE_RECIPIENTS="+key.Recipient().String(), "BACKUP_AGE_IDENTITY_FILE="+keyFile)
		text := w.create(backup.Request{Rows: backup.RowsText})
		if text.Rows != backup.RowsText || text.BinaryTables != 0 || text.TextRows != "" {
			t.Errorf("%+v", text)
		}
		for name, req := range map[string]backup.Request{"open": {}, "encrypted": {Encrypt: &yes}} {
			t.Run(fmt.Sprint(major, " ", name), func(t *testing.T) {
				b := w.create(req)
				c := w.contentsOf(b)
				var binary []string
				for _, x := range c.Tables {
					if x.HashKind == contents.BinaryRows {
						binary = append(binary, x.Name)
					}
				}
				if b.Rows != backup.RowsBinary || b.BinaryTables != len(binary) || !slices.Contains(binary, "bin_a") || slices.Contains(binary, "txt_a") || b.TextRows != "" {
					t.Errorf("%s, %d tables, %q, %q", b.Rows, b.BinaryTables, binary, b.TextRows)
				}
				if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid || !v.RowsAgree || len(v.Notes) > 0 {
					t.Errorf("%+v, %v", v, err)
				}
				d, err := w.Service.Diff(t.Context(), text.ID, b.ID)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range d.Tables {
					if x.Change != contents.Unknown || x.Before.Rows != x.After.Rows || x.Name != "by_mood" && !slices.Contains(binary, x.Name) {
						t.Errorf("%+v", x)
					}
				}
				if len(d.Tables) == 0 || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "hashed in different ways") || len(d.Definitions)+len(d.Sequences) > 0 {
					t.Errorf("%d tables, %q", len(d.Tables), d.Notes)
				}
				for _, table := range append([]string{"txt_a", "every_type", "bin_a", "event_a2", "typed"}, binary[:6]...) {
					for _, x := range c.Tables {
						if x.Name != table || !x.Data {
							continue
						}
						var out bytes.Buffer
						if _, err := w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: x.Label()}, &out, rows.Copy); err != nil {
							t.Error(err)
						}
						if table != "by_mood0" && table != "by_mood1" && out.String() != copied(t, url, quote(x.Schema)+"."+quote(x.Name)) {
							t.Errorf("%s is shown otherwise than the server does", x.Label())
						}
					}
				}
				cells, _, err := w.Service.RowCells(t.Context(), b.ID, backup.RowsRequest{Table: "bin_a", Limit: 3, Columns: []string{"id", "m"}})
				if err != nil || len(cells.Rows) != 3 || *cells.Rows[1][0] != "2" || cells.Rows[1][1] != nil || !cells.Full {
					t.Errorf("%+v, %v", cells, err)
				}
				for _, jobs := range []int{1, 4} {
					target := testenv.Postgres(t, major).NewDatabase(t)
					if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target, Jobs: jobs}); err != nil {
						t.Fatal(err)
					}
					same(t, url, target)
				}
				if name == "open" && major == testenv.NewestMajor {
					target := testenv.Postgres(t, major).NewDatabase(t)
					stockRestore(t, target, w.object(b), major)
					same(t, url, target)
				}
			})
		}
	}
}

// Where rows cannot be binary the record says why, and what cannot be asked for is refused.
func TestBinaryBackupRefused(t *testing.T) {
	url := newShop(t, 18)
	testenv.LoadSQL(t, url, "CREATE TABLE only_arrays (a int[]); INSERT INTO only_arrays SELECT ARRAY[g] FROM generate_series(1, 100) g")
	w := open(t, "", url, "BACKUP_ROWS=binary")
	one := open(t, w.dir, url, "BACKUP_ENGINE=pg_dump")
	for name, tc := range map[string]struct {
		w    *world
		req  backup.Request
		says string
	}{
		"a script":    {w, backup.Request{Format: backup.FormatPlain}, "script"},
		"one pg_dump": {one, backup.Request{Rows: backup.RowsBinary}, "it was asked for"},
		"no table":    {w, backup.Request{Selection: registry.Selection{Tables: []string{"only_arrays"}}}, "no table has only"},
	} {
		b := tc.w.create(tc.req)
		if b.Rows != backup.RowsText || !strings.Contains(b.TextRows, tc.says) || b.BinaryTables != 0 {
			t.Errorf("%s: %s, %q", name, b.Rows, b.TextRows)
		}
	}
	for _, req := range []backup.Request{{Rows: "hex"}, {Rows: backup.RowsBinary, Format: backup.FormatPlain}, {Rows: backup.RowsBinary, Filename: "a.sql"}} {
		_, err := w.Service.Create(t.Context(), req, nil)
		want(t, err, fault.Validation, fault.InvalidInput)
	}
	b := w.create(backup.Request{Content: backup.ContentData, Compression: "none"})
	var out bytes.Buffer
	if _, err := w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "invoice", Limit: 1, Columns: []string{"total"}}, &out, rows.CSV); err != nil || out.String() != "total\n0.14\n" {
		t.Errorf("of rows alone: %q, %v", out.String(), err)
	}
	// Damage inside a binary block.
	data := w.object(b)
	at := bytes.LastIndex(data, []byte("PGCOPY"))
	data[at+30] ^= 0x40
	if _, err := w.Store.Put(t.Context(), b.Filepath, data, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); v.Valid {
		t.Errorf("%+v, %v", v, err)
	}
	_, err := w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "invoice"}, io.Discard, rows.CSV)
	if !fault.HasReason(err, fault.ChecksumMismatch) && !fault.HasReason(err, fault.StructureDamaged) {
		t.Error(err)
	}
}
