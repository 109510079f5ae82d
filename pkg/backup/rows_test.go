package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/rows"
	"cofre/pkg/storage"
)

// tables has large tables on both sides of small ones, in the order of the archive.
const tables = `CREATE SCHEMA other; CREATE SCHEMA "odd schema";
CREATE TABLE aaa (id int, t text); INSERT INTO aaa SELECT g, md5(g::text) || md5((g+1)::text) FROM generate_series(1, 20000) g;
CREATE TABLE customers (id int, name text, note text, "b c" bytea);
INSERT INTO customers VALUES (1, 'Ana', NULL, '\x00ff'), (2, '', E'tab\tline\nback\\slash \\. \\N', NULL), (3, E'\\.', 'é世', '');
CREATE TABLE other.customers (id int); INSERT INTO other.customers VALUES (7);
CREATE TABLE "odd schema"."we""ird.name" (a int); INSERT INTO "odd schema"."we""ird.name" VALUES (1);
CREATE TABLE nothing (a int);
CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1); INSERT INTO parted VALUES (1);
CREATE VIEW seen AS SELECT * FROM customers;
CREATE TABLE zzz (LIKE aaa); INSERT INTO zzz SELECT * FROM aaa`

func newTables(t *testing.T, major int) string {
	t.Helper()
	url := testenv.Postgres(t, major).NewDatabase(t)
	testenv.LoadSQL(t, url, tables)
	return url
}

// copied is what the server itself says.
func copied(t *testing.T, url, table string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(testenv.ClientBin(testenv.NewestMajor), "psql"), "-XqAt", url, "-c", "COPY "+table+" TO STDOUT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// reading counts the bytes that are asked for and read of files.
type reading struct {
	storage.Store
	bytes, opened, asked atomic.Int64
}

func (r *reading) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, storage.Object, error) {
	rc, o, err := r.Store.Open(ctx, key, offset, length)
	r.opened.Add(1)
	if err == nil {
		if r.asked.Add(length); length < 0 {
			r.asked.Add(o.Size - offset - length)
		}
		rc = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(rc, counting{&r.bytes}), rc}
	}
	return rc, o, err
}

type counting struct{ n *atomic.Int64 }

func (c counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// counted is a service whose reads are counted.
func (w *world) counted() (*backup.Service, *reading) {
	c := w.Service.Config
	r := &reading{Store: c.Store}
	c.Store = r
	return backup.New(c), r
}

// TestRows: rows come out as the server has them, and only what is needed is read, of an encrypted backup too.
func TestRows(t *testing.T) {
	url := newTables(t, 18)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(key.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	open1, sealed := open(t, "", url), open(t, "", url, "BACKUP_AGE_RECIPIENTS="+key.Recipient().String(), "BACKUP_AGE_IDENTITY_FILE="+keyFile)
	yes := true
	for name, tc := range map[string]struct {
		w   *world
		req backup.Request
	}{
		"zstd":      {open1, backup.Request{}},
		"gzip":      {open1, backup.Request{Compression: "gzip:1"}},
		"none":      {open1, backup.Request{Compression: "none"}},
		"encrypted": {sealed, backup.Request{Encrypt: &yes}},
	} {
		t.Run(name, func(t *testing.T) {
			b := tc.w.create(tc.req)
			service, read := tc.w.counted()
			for _, table := range []string{"public.customers", "other.customers", "aaa", `"odd schema"."we""ird.name"`, "nothing", "zzz"} {
				read.bytes.Store(0)
				var out bytes.Buffer
				shown, err := service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: table}, &out, rows.Copy)
				if want := copied(t, url, table); err != nil || out.String() != want || shown.Rows != int64(strings.Count(want, "\n")) {
					t.Fatalf("%s: %d rows, %v", table, shown.Rows, err)
				}
				if name == "encrypted" && b.Encryption != "age" {
					t.Fatal("it is not encrypted")
				}
				if n := read.bytes.Load(); n > b.Size/2+300<<10 {
					t.Errorf("%s: %d bytes were read of %d", table, n, b.Size)
				}
			}
			var out bytes.Buffer
			shown, err := service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "zzz", Limit: 2, Columns: []string{"t"}}, &out, rows.CSV)
			if err != nil || shown.Rows != 2 || out.String() != "t\n"+strings.Join(strings.SplitAfter(copied(t, url, "(SELECT t FROM zzz LIMIT 2)"), "\n"), "") {
				t.Errorf("%+v, %v, %s", shown, err, out.String())
			}
			cells, _, err := service.RowCells(t.Context(), b.ID, backup.RowsRequest{Table: "public.customers"})
			text, _ := json.Marshal(cells.Rows)
			if err != nil || string(text) != `[["1","Ana",null,"\\x00ff"],["2","","tab\tline\nback\\slash \\. \\N",null],["3","\\.","é世","\\x"]]` {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
	t.Run("without the key", func(t *testing.T) {
		w := open(t, sealed.dir, url, "BACKUP_AGE_RECIPIENTS="+key.Recipient().String())
		_, err := w.Service.Rows(t.Context(), "latest", backup.RowsRequest{Table: "aaa"}, io.Discard, rows.CSV)
		want(t, err, fault.Validation, fault.IdentityMissing)
		other, _ := age.GenerateX25519Identity()
		if err := os.WriteFile(keyFile, []byte(other.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		w = open(t, sealed.dir, url, "BACKUP_AGE_RECIPIENTS="+key.Recipient().String(), "BACKUP_AGE_IDENTITY_FILE="+keyFile)
		_, err = w.Service.Rows(t.Context(), "latest", backup.RowsRequest{Table: "aaa"}, io.Discard, rows.CSV)
		want(t, err, fault.Validation, fault.IdentityMissing)
	})
}

// TestRowsAskFor: no more is asked of storage than the table's block and the head, and of an encrypted backup age's header, its last
// chunk, and whole chunks of 64 KiB.
func TestRowsAskFor(t *testing.T) {
	url := newHay(t)
	yes, chunk := true, int64(64<<10+16)
	for name, tc := range map[string]struct {
		w           *world
		req         backup.Request
		more, opens int64
	}{
		"plain": {open(t, "", url, "BACKUP_ENGINE=parallel"), backup.Request{}, 0, 2},
		// Of age's header a page, the last chunk, and what is begun and not needed to its end: of the head's chunks and of the block's.
		"encrypted": {open(t, "", url, append(sealing(t), "BACKUP_ENGINE=parallel")...), backup.Request{Encrypt: &yes}, 4096 + 5*chunk, 4},
	} {
		t.Run(name, func(t *testing.T) {
			b := tc.w.create(tc.req)
			_, c, err := tc.w.Service.Contents(t.Context(), b.ID)
			if err != nil {
				t.Fatal(err)
			}
			head := b.Size
			for i := range c.Tables {
				head = min(head, c.Tables[i].Offset)
			}
			service, read := tc.w.counted()
			for i := range c.Tables {
				table := &c.Tables[i]
				read.asked.Store(0)
				read.opened.Store(0)
				if _, err := service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: table.Name}, io.Discard, rows.Copy); err != nil {
					t.Fatal(err)
				}
				asked, most := read.asked.Load(), table.Stored+head+tc.more
				if t.Logf("%s: %d bytes asked for of %d, it has %d, the head %d", table.Name, asked, b.Size, table.Stored, head); asked > most || table.Name == "needle" && most > b.Size/4 {
					t.Errorf("%s: %d bytes were asked for, %d at most were expected", table.Name, asked, most)
				}
				if n := read.opened.Load(); n > tc.opens {
					t.Errorf("%s: %d requests", table.Name, n)
				}
			}
			read.asked.Store(0)
			if _, err := service.RestoreList(t.Context(), b.ID, backup.RestoreRequest{Part: backup.Part{Tables: []string{"needle"}}}); err != nil {
				t.Fatal(err)
			}
			if asked := read.asked.Load(); asked > head+tc.more {
				t.Errorf("%d bytes were asked for to list a part, the head has %d", asked, head)
			}
		})
	}
}

// TestRowsRefused: what cannot be shown is said with what to do.
func TestRowsRefused(t *testing.T) {
	url := newTables(t, 17)
	w := open(t, "", url)
	b := w.create(backup.Request{})
	script := w.create(backup.Request{Format: backup.FormatPlain})
	for name, tc := range map[string]struct {
		id     string
		req    backup.RowsRequest
		format rows.Format
		reason fault.Reason
		says   string
	}{
		"two tables":     {b.ID, backup.RowsRequest{Table: "customers"}, rows.CSV, fault.InvalidInput, "public.customers"},
		"none":           {b.ID, backup.RowsRequest{Table: "custom"}, rows.CSV, fault.NotFound, "other.customers"},
		"a view":         {b.ID, backup.RowsRequest{Table: "seen"}, rows.CSV, fault.NotFound, "view public.seen"},
		"partitioned":    {b.ID, backup.RowsRequest{Table: "parted"}, rows.CSV, fault.NotFound, "in its partitions"},
		"a column":       {b.ID, backup.RowsRequest{Table: "aaa", Columns: []string{"x"}}, rows.CSV, fault.InvalidInput, "id, t"},
		"a format":       {b.ID, backup.RowsRequest{Table: "aaa"}, "xml", fault.InvalidInput, "csv, json or copy"},
		"a limit":        {b.ID, backup.RowsRequest{Table: "aaa", Limit: -1}, rows.CSV, fault.InvalidInput, "limit"},
		"a script":       {script.ID, backup.RowsRequest{Table: "aaa"}, rows.CSV, fault.InvalidInput, "SQL script"},
		"unknown backup": {"01JZ8Q4M9T4Y3V6K2W1X0N5BCD", backup.RowsRequest{Table: "aaa"}, rows.CSV, fault.NotFound, ""},
	} {
		_, err := w.Service.Rows(t.Context(), tc.id, tc.req, io.Discard, tc.format)
		if f := fault.From(err); f == nil || f.Reason != tc.reason || !strings.Contains(f.Message+f.Hint, tc.says) {
			t.Errorf("%s: %v (%+v)", name, err, f)
		}
	}
}

// TestRowsOfOldBackups: without a layout the backup is read up to the table.
func TestRowsOfOldBackups(t *testing.T) {
	url := newTables(t, 18)
	w := open(t, "", url)
	b := w.create(backup.Request{})
	key := registry.ManifestsPrefix + b.ID + ".json"
	data, _, err := w.Store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil || m["layout"] == nil {
		t.Fatal(err, string(data))
	}
	put := func() {
		t.Helper()
		if data, err = json.Marshal(m); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Store.Put(t.Context(), key, data, storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, length := range []string{"-1", "0", "1", "99999999999"} {
		m["layout"] = json.RawMessage(`{"headLength":` + length + `,"headCrc32c":0,"blocks":[]}`)
		put()
		if _, err := w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "aaa"}, io.Discard, rows.CSV); !fault.HasReason(err, fault.StructureDamaged) {
			t.Errorf("a head of %s bytes: %v", length, err)
		}
	}
	delete(m, "layout")
	put()
	service, _ := w.counted()
	for i, table := range []string{"aaa", "public.customers", "zzz"} {
		if i == 1 { // first it is found by what the backup contains
			for _, key := range w.keys("contents/") {
				if err := w.Store.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
		var out bytes.Buffer
		remarks := 0
		_, err := service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: table, Remark: func(string) { remarks++ }}, &out, rows.Copy)
		if err != nil || out.String() != copied(t, url, table) || remarks != min(i, 1) {
			t.Errorf("%s: %d bytes, %d remarks, %v", table, out.Len(), remarks, err)
		}
	}
}

// TestRowsDamaged: a block that is not the one that was stored is not shown as if it were.
func TestRowsDamaged(t *testing.T) {
	w := open(t, "", newTables(t, 18))
	b := w.create(backup.Request{Compression: "none"})
	data := w.object(b)
	at := bytes.Index(data, []byte("Ana"))
	data[at]++
	if _, err := w.Store.Put(t.Context(), b.Filepath, data, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "public.customers"}, io.Discard, rows.CSV)
	want(t, err, fault.Validation, fault.ChecksumMismatch)
	if _, err := w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "other.customers"}, io.Discard, rows.CSV); err != nil {
		t.Error("the table beside it:", err)
	}
	data[at]--
	data[bytes.Index(data, []byte("we\"\"ird"))]++
	if _, err := w.Store.Put(t.Context(), b.Filepath, data, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "other.customers"}, io.Discard, rows.CSV)
	want(t, err, fault.Validation, fault.ChecksumMismatch)
	if _, err := w.Store.Put(t.Context(), b.Filepath, data[:len(data)-1], storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Service.Rows(t.Context(), b.ID, backup.RowsRequest{Table: "zzz"}, io.Discard, rows.CSV)
	want(t, err, fault.Validation, fault.SizeMismatch)
}
