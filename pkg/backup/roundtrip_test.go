package backup_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// What cofre stored, fetched as a plain object and given to the stock tools alone, is the source again: every
// table, sequence, index, constraint, large object; for each supported server, on both kinds of storage.
func TestStockToolsRestoreWhatIsStored(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		source := testenv.Postgres(t, major).NewDatabase(t)
		testenv.LoadFile(t, source, filepath.Join(testenv.Root(), "pkg/postgres/postgrestest/nasty.sql"))
		for name, w := range map[string]*world{"local": open(t, "", source), "minio": openMinIO(t, source)} {
			t.Run(fmt.Sprintf("%d/%s/custom", major, name), func(t *testing.T) {
				b := w.create(backup.Request{})
				target := testenv.Postgres(t, major).NewDatabase(t)
				stockRestore(t, target, w.object(b), major)
				same(t, source, target)
			})
			t.Run(fmt.Sprintf("%d/%s/sql.gz", major, name), func(t *testing.T) {
				b := w.create(backup.Request{Format: "plain"})
				if !strings.HasSuffix(b.Filename, ".sql.gz") {
					t.Fatalf("named %s", b.Filename)
				}
				z, err := gzip.NewReader(bytes.NewReader(w.object(b)))
				if err != nil {
					t.Fatal(err)
				}
				target := testenv.Postgres(t, major).NewDatabase(t)
				stockPsql(t, target, z, major)
				same(t, source, target)
			})
		}
	}
}

// stockRestore gives an archive to pg_restore of the newest client. Before 17 a server does not know one
// setting that it sends: that one error is pg_restore's, not the archive's.
func stockRestore(t *testing.T, target string, archive []byte, major int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plain.dump")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(testenv.ClientBin(testenv.NewestMajor), "pg_restore"), "--dbname="+target, file).CombinedOutput()
	if major < 17 && strings.Count(string(out), "ERROR:") == 1 && strings.Contains(string(out), "transaction_timeout") {
		err = nil
	}
	if err != nil {
		t.Fatalf("stock pg_restore: %v\n%s", err, out)
	}
}

func stockPsql(t *testing.T, target string, script io.Reader, major int) {
	t.Helper()
	data, err := io.ReadAll(script)
	if err != nil {
		t.Fatal(err)
	}
	if major < 17 {
		data = bytes.Replace(data, []byte("SET transaction_timeout = 0;\n"), nil, 1)
	}
	cmd := exec.Command(filepath.Join(testenv.ClientBin(testenv.NewestMajor), "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname="+target)
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("stock psql: %v\n%s", err, out)
	}
}

// cofre's own restore, straight from storage, for every format; to the same server and to an older one.
func TestRestore(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(keyFile, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	yes := true
	requests := map[string]backup.Request{
		"custom":       {},
		"uncompressed": {Compression: "none"},
		"gzip":         {Compression: "gzip"},
		"lz4":          {Compression: "lz4"},
		"sql":          {Filename: "shop.sql"},
		"sql.gz":       {Filename: "other.sql.gz"},
		"sql.zst":      {Format: "plain", Compression: "zstd:3"},
		"age":          {Encrypt: &yes},
		"sql.zst.age":  {Format: "plain", Compression: "zstd", Encrypt: &yes, Directory: "secret/place"},
	}
	for _, major := range []int{15, 18} {
		source := newShop(t, major)
		w := open(t, "", source, "BACKUP_AGE_RECIPIENTS="+key.Recipient().String(), "BACKUP_AGE_IDENTITY_FILE="+keyFile)
		for name, req := range requests {
			t.Run(fmt.Sprintf("%d/%s", major, name), func(t *testing.T) {
				b := w.create(req)
				v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{})
				if err != nil || !v.Valid || v.Level != registry.LevelFull {
					t.Fatalf("validate: %+v, %v", v, err)
				}
				target := testenv.Postgres(t, 15).URL("restored_" + strings.ToLower(b.ID))
				t.Cleanup(func() {
					testenv.Postgres(t, 15).Exec(t, "postgres", "DROP DATABASE IF EXISTS restored_"+strings.ToLower(b.ID))
				})
				r, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target, Create: true})
				if err != nil {
					t.Fatalf("restore: %v", err)
				}
				if r.Backup.Verification.Level != registry.LevelRestored {
					t.Errorf("the restore was not recorded: %+v", r.Backup.Verification)
				}
				same(t, source, target)
			})
		}
	}
}

// The record says what is stored: size and SHA-256 agree between the record, the tags, the manifest and the
// object; the link serves those bytes (I1).
func TestRecordAgreesWithObject(t *testing.T) {
	source := newShop(t, 18)
	for name, w := range map[string]*world{"local": open(t, "", source), "minio": openMinIO(t, source)} {
		t.Run(name, func(t *testing.T) {
			b := w.create(backup.Request{Filename: "são joão & filhos", Directory: "nightly", Labels: map[string]string{"why": "test"}, CreatedBy: "ana@example.com"})
			data := w.object(b)
			sum := sha256.Sum256(data)
			if hex.EncodeToString(sum[:]) != b.Checksum || int64(len(data)) != b.Size {
				t.Errorf("record says %d bytes and %s", b.Size, b.Checksum)
			}
			tags, err := w.Store.Tags(t.Context(), b.Filepath)
			if err != nil {
				t.Fatal(err)
			}
			if diff := registry.CheckTags(b, tags); diff != "" || len(tags) > 10 {
				t.Errorf("tags: %s %v", diff, tags)
			}
			if b.Filepath != "files/nightly/são joão & filhos.dump" {
				t.Errorf("stored as %s", b.Filepath)
			}
			link, err := w.Service.URL(t.Context(), b.ID, backup.LinkOptions{})
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.Get(link.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || !bytes.Equal(body, data) {
				t.Errorf("the link gave %d bytes, status %s, %v", len(body), res.Status, err)
			}
			if d := res.Header.Get("Content-Disposition"); !strings.Contains(d, "filename*=UTF-8''s%C3%A3o%20jo%C3%A3o") {
				t.Errorf("file name in the answer: %s", d)
			}
		})
	}
}

// An SQL script is compressed by cofre in a form that the ordinary tools read.
func TestZstdScriptIsStandard(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	b := w.create(backup.Request{Format: "plain", Compression: "zstd"})
	z, err := zstd.NewReader(bytes.NewReader(w.object(b)))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	script, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(script), "PostgreSQL database dump complete") || int64(len(script)) != b.UncompressedSize {
		t.Errorf("%d bytes of SQL, record says %d: %v", len(script), b.UncompressedSize, err)
	}
}

// Parts of a database, as pg_dump's own options choose them.
func TestSelection(t *testing.T) {
	source := newShop(t, 18)
	testenv.LoadSQL(t, source, `CREATE TABLE public.log (line text); INSERT INTO public.log VALUES ('x');`)
	w := open(t, "", source)
	for name, tc := range map[string]struct {
		req            backup.Request
		tables, blocks int
	}{
		"schema only":        {backup.Request{Content: "schema"}, 3, 0},
		"one schema":         {backup.Request{Selection: registry.Selection{Schemas: []string{"sales"}}}, 2, 2},
		"one table":          {backup.Request{Selection: registry.Selection{Tables: []string{"sales.invoice"}}}, 1, 1},
		"without one":        {backup.Request{Selection: registry.Selection{ExcludeTables: []string{"*.log"}}}, 2, 3},
		"without one's data": {backup.Request{Selection: registry.Selection{ExcludeTableData: []string{"sales.*"}}}, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.create(tc.req)
			v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{})
			if err != nil || !v.Valid {
				t.Fatalf("%+v %v", v, err)
			}
			if v.Contents.Tables != tc.tables || v.Contents.DataBlocks != tc.blocks {
				t.Errorf("holds %d tables and %d data blocks, want %d and %d", v.Contents.Tables, v.Contents.DataBlocks, tc.tables, tc.blocks)
			}
		})
	}
}
