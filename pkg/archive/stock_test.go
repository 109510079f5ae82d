package archive

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

// large is a table whose pieces have several chunks each, and more large objects than one entry holds since version 17
// (MAX_BLOBS_PER_ARCHIVE_ENTRY in pg_dump.c), beside what sample.sql has.
const large = `CREATE TABLE large (id int PRIMARY KEY, t text);
INSERT INTO large SELECT g, md5(g::text) || repeat(chr(97 + g % 26), g % 90) FROM generate_series(1, 12000) g;
SELECT count(lo_from_bytea(2000000 + g, convert_to(g::text, 'UTF8'))) FROM generate_series(1, 1100) g;`

// TestWriterStock: what a Writer wrote behind the head of a stock pg_dump is restored by stock pg_restore of that
// version and of newer ones, from a pipe and with -j from a file, with each compression that the head can name.
func TestWriterStock(t *testing.T) {
	majors := testenv.InitialMajors()
	for _, major := range majors {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			from := source(t, major)
			testenv.LoadSQL(t, from, large)
			compressions := []string{"0", "1"}
			if major >= 16 {
				compressions = []string{"none", "gzip:1", "lz4", "zstd:1"}
			}
			want := rowsOf(t, from)
			for i, z := range compressions {
				original := pgDump(t, major, from, piped, "-Fc", "-Z"+z)
				c := contentOf(t, original)
				if n := blobBlocks(c); (n > 1) != (major >= 17) {
					t.Errorf("%d blocks of large objects", n)
				}
				level := 1
				if c.head.Compression == CompressionNone {
					level = 0
				}
				ours := c.write(t, c.head, level, rand.New(rand.NewSource(int64(i))))
				if n := len(ours); z != "0" && z != "none" && float64(n) > 1.1*float64(len(original)) {
					t.Errorf("%s: %d bytes, and pg_dump's archive has %d", z, n, len(original))
				}
				for _, newer := range majors {
					if newer < major {
						continue
					}
					script := func(archive []byte) string {
						return pgRestore(t, newer, archive, "--file=-", "--restrict-key=x")
					}
					if script(ours) != script(original) {
						t.Errorf("%s: pg_restore %d makes another script of it", z, newer)
					}
				}
				client := []int{major, testenv.NewestMajor}[i%2]
				to := testenv.Postgres(t, client).NewDatabase(t)
				restoreFile(t, client, ours, "-j4", "--exit-on-error", "--dbname="+to)
				if got := rowsOf(t, to); got != want {
					t.Errorf("%s: pg_restore %d -j4 restored %d bytes of rows, and there were %d", z, client, len(got), len(want))
				}
			}
		})
	}
}

// blobBlocks counts the blocks of large objects.
func blobBlocks(c *content) (n int) {
	for _, b := range c.blocks {
		if b.blobs {
			n++
		}
	}
	return n
}

// rowsOf gives all rows and large objects of a database, by one pg_dump whatever the server.
func rowsOf(t *testing.T, url string) string {
	t.Helper()
	rows := string(pgDump(t, testenv.NewestMajor, url, piped, "-Fp", "--data-only", "--restrict-key=x"))
	_, rows, _ = strings.Cut(rows, "-- Dumped by") // behind the server's version
	return rows
}

// restoreFile runs stock pg_restore on an archive in a file, which -j needs.
func restoreFile(t *testing.T, major int, archive []byte, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(testenv.ClientBin(major), "pg_restore"), append(args, file)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pg_restore %v: %v\n%s", args, err, out)
	}
}

// TestTwoEntriesLoseRows proves the trap that a Writer refuses to lay: with several entries for the data of one table,
// stock pg_restore -j ends with exit status 0 and fewer rows. Which entry comes when is not for us to say, so that
// it may take more than one try.
func TestTwoEntriesLoseRows(t *testing.T) {
	const entries, each = 4, 100
	from := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, from, "CREATE TABLE t (a int)")
	head, err := ReadHead(ctx, bytes.NewReader(pgDump(t, 18, from, piped, "-Fc", "-Znone")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var data Entry
	for i := range head.Entries {
		if head.Entries[i].Desc == descTableData {
			data = head.Entries[i]
		}
	}
	for range entries - 1 {
		data.DumpID = head.FreeID()
		head.Entries = append(head.Entries, data)
	}
	if _, err := NewWriter(new(bytes.Buffer), head); err == nil {
		t.Error("a Writer takes it")
	}
	x := &crafted{head: *head}
	x.encoder.h = &x.head
	if _, err := head.WriteTo(&x.b); err != nil {
		t.Fatal(err)
	}
	for i := range head.Entries {
		if e := &head.Entries[i]; e.HasData {
			x.block(e.DumpID, []byte(strings.Repeat("1\n", each)+CopyEnd))
		}
	}
	for try := range 10 {
		to := testenv.Postgres(t, 18).NewDatabase(t)
		restoreFile(t, 18, x.b.Bytes(), "-j2", "--exit-on-error", "--dbname="+to)
		if n := strings.Count("\n"+rowsOf(t, to), "\n1"); n < entries*each {
			t.Logf("try %d: %d of %d rows", try, n, entries*each)
			return
		}
	}
	t.Error("pg_restore -j keeps all rows: the Writer may be told to take such heads")
}
