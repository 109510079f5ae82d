package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files")
	remake = flag.Bool("remake", false, "make the archives in testdata anew (then -update, too)")
)

func TestMain(m *testing.M) { testenv.Main(m) }

var ctx = context.Background()

// seed is an archive in testdata, made by stock pg_dump from testdata/sample.sql.
type seed struct {
	name  string
	major int
	args  []string
	how   how
}

// how pg_dump's output reaches its file makes a difference to the archive.
type how int

const (
	piped      how = iota // no offsets
	named                 // pg_dump --file: offsets
	redirected            // > file: since version 16 a second table of contents at the end
)

var seeds = []seed{
	{"pg15-gzip.dump", 15, []string{"-Fc"}, piped},
	{"pg15-none-file.dump", 15, []string{"-Fc", "-Z0"}, named},
	{"pg15-inserts.dump", 15, []string{"-Fc", "--inserts"}, piped},
	{"pg15.sql", 15, []string{"-Fp", "--verbose"}, piped},
	{"pg17-lz4.dump", 17, []string{"-Fc", "-Zlz4"}, piped},
	{"pg17-gzip-redirect.dump", 17, []string{"-Fc"}, redirected},
	{"pg18-zstd.dump", 18, []string{"-Fc", "-Zzstd:1"}, piped},
	{"pg18-zstd-long-file.dump", 18, []string{"-Fc", "-Zzstd:level=3,long", "--statistics"}, named},
	{"pg18-none.dump", 18, []string{"-Fc", "-Znone"}, piped},
	{"pg18-schema.dump", 18, []string{"-Fc", "--schema-only"}, piped},
	{"pg18-data.dump", 18, []string{"-Fc", "--data-only", "-Zgzip:1"}, redirected},
	{"pg18.sql", 18, []string{"-Fp"}, piped},
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// source makes the sample database on a server of a major, and gives its URL.
func source(t testing.TB, major int) string {
	url := testenv.Postgres(t, major).NewDatabase(t)
	testenv.LoadFile(t, url, "testdata/sample.sql")
	return url
}

// pgDump runs stock pg_dump.
func pgDump(t testing.TB, major int, url string, h how, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dump")
	args = append(args, "--dbname="+url)
	if h == named {
		args = append(args, "--file="+file)
	}
	cmd := exec.Command(filepath.Join(testenv.ClientBin(major), "pg_dump"), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if h == redirected {
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdout = f
	}
	if err := cmd.Run(); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, errs.String())
	}
	if h == piped {
		return out.Bytes()
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pgRestore runs stock pg_restore on an archive and gives its output.
func pgRestore(t testing.TB, major int, archive []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(testenv.ClientBin(major), "pg_restore"), args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(archive), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("pg_restore %v: %v\n%s", args, err, errs.String())
	}
	return out.String()
}

// checkPieces runs Checker over b in pieces of random sizes.
func checkPieces(b []byte, o Options, r *rand.Rand) (Summary, error) {
	c := NewChecker(o)
	for len(b) > 0 {
		n := 1 + r.Intn(min(len(b), []int{1, 7, 100, 5000, 1 << 20}[r.Intn(5)]))
		if _, err := c.Write(b[:n]); err != nil {
			break
		}
		b = b[n:]
	}
	return c.Close()
}

// TestSeeds checks the archives in testdata against golden summaries.
func TestSeeds(t *testing.T) {
	if *remake {
		urls := map[int]string{}
		for _, s := range seeds {
			if urls[s.major] == "" {
				urls[s.major] = source(t, s.major)
			}
			b := pgDump(t, s.major, urls[s.major], s.how, s.args...)
			if err := os.WriteFile(filepath.Join("testdata", s.name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range seeds {
		t.Run(s.name, func(t *testing.T) {
			b := read(t, s.name)
			got, err := Check(ctx, bytes.NewReader(b), Options{Decompress: true})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, '\n')
			golden := filepath.Join("testdata", s.name+".golden")
			if *update {
				if err := os.WriteFile(golden, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := read(t, s.name+".golden"); !bytes.Equal(text, want) {
				t.Errorf("got %s\nwant %s", text, want)
			}
			quick, err := checkPieces(b, Options{}, rand.New(rand.NewSource(1)))
			if err != nil {
				t.Fatal(err)
			}
			if quick.Entries != got.Entries || quick.DataBlocks != got.DataBlocks || quick.Size != int64(len(b)) ||
				quick.LargeObjects != got.LargeObjects || quick.HeadLength != got.HeadLength {
				t.Errorf("the checker says %+v", quick)
			}
		})
	}
}

// TestStockDumps dumps with every pg_dump, compression and way of writing there is, and compares with what the server
// holds and with what stock pg_restore --list prints.
func TestStockDumps(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		url := source(t, major)
		compressions := []string{"0", "1", "9"}
		if major >= 16 {
			compressions = []string{"none", "gzip:1", "lz4", "zstd:1", "zstd:level=9,long"}
		}
		for _, z := range compressions {
			for _, h := range []how{piped, named, redirected} {
				b := pgDump(t, major, url, h, "-Fc", "-Z"+z)
				s, err := Check(ctx, bytes.NewReader(b), Options{Kind: KindCustom, Decompress: true})
				if err != nil {
					t.Errorf("%d, %s, %d: %v", major, z, h, err)
					continue
				}
				if s.Rows != 60+3+0+2+70+1 || s.LargeObjects != 3 || s.Tables != 8 || s.DataBlocks != 8 {
					t.Errorf("%d, %s, %d: %+v", major, z, h, s)
				}
				head, err := ReadHead(ctx, bytes.NewReader(b), Options{})
				if err != nil {
					t.Fatal(err)
				}
				var again, list bytes.Buffer
				if n, err := head.WriteTo(&again); err != nil || n != head.Length || !bytes.Equal(again.Bytes(), b[:n]) {
					t.Errorf("%d, %s, %d: the head does not come out as it came in: %v", major, z, h, err)
				}
				if err := head.WriteList(&list, true); err != nil {
					t.Fatal(err)
				}
				_, want, _ := strings.Cut(pgRestore(t, major, b, "--list", "--verbose"), "Selected TOC Entries:\n;\n")
				if list.String() != want {
					t.Errorf("%d, %s, %d: listed\n%s\nstock pg_restore lists\n%s", major, z, h, list.String(), want)
				}
			}
		}
	}
}

// TestOldFormats writes archives in the formats of PostgreSQL 9.0 to 16, which stock pg_restore then reads.
func TestOldFormats(t *testing.T) {
	b := read(t, "pg15-gzip.dump")
	head, err := ReadHead(ctx, bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := pgRestore(t, 18, b, "--file=-", "--restrict-key=x")
	for minor := byte(minorOldest); minor <= minorNewest; minor++ {
		old := *head
		old.Version.Minor = minor
		if minor >= 15 {
			old.Level = 0
		}
		var out bytes.Buffer
		if _, err := old.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		out.Write(b[head.Length:])
		s, err := Check(ctx, bytes.NewReader(out.Bytes()), Options{Decompress: true})
		if err != nil || s.FormatVersion != old.Version.String() || s.Compression != CompressionGzip {
			t.Errorf("format 1.%d: %+v, %v", minor, s, err)
		}
		if got := pgRestore(t, 18, out.Bytes(), "--file=-", "--restrict-key=x"); withoutAccessMethod(got) != withoutAccessMethod(want) {
			t.Errorf("format 1.%d: pg_restore makes %d bytes of it, and %d of the original", minor, len(got), len(want))
		}
		back, err := ReadHead(ctx, bytes.NewReader(out.Bytes()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		if back.WriteTo(&again); !bytes.Equal(again.Bytes(), out.Bytes()[:back.Length]) {
			t.Errorf("format 1.%d does not come out as it came in", minor)
		}
	}
}

// withoutAccessMethod drops what only format 1.14 and later can say.
func withoutAccessMethod(sql string) string {
	return strings.ReplaceAll(sql, "SET default_table_access_method = heap;\n\n", "")
}

func TestReadHead(t *testing.T) {
	head, err := ReadHead(ctx, bytes.NewReader(read(t, "pg18-zstd.dump")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	byTag := map[string]Entry{}
	for _, e := range head.Entries {
		byTag[e.Desc+" "+e.Tag] = e
	}
	orders, data := byTag["TABLE orders"], byTag["TABLE DATA orders"]
	switch {
	case head.Compression != CompressionZstd || head.Version != Version{1, 16, 0} || head.IntSize != 4 || head.OffsetSize != 8:
		t.Errorf("header %+v", head)
	case orders.Namespace != "public" || orders.Owner != "postgres" || orders.TableAM != "heap" || orders.Relkind != 'r' ||
		orders.Section != SectionPreData || !strings.HasPrefix(orders.Defn, "CREATE TABLE public.orders (") || orders.HasData:
		t.Errorf("orders %+v", orders)
	case !data.HasData || data.OffsetState != OffsetNotSet || data.Section != SectionData || len(data.Dependencies) == 0 ||
		data.Dependencies[0] != orders.DumpID || !strings.HasPrefix(data.CopyStmt, "COPY public.orders ("):
		t.Errorf("data of orders %+v", data)
	}
	if _, err := ReadHead(ctx, bytes.NewReader(read(t, "pg18.sql")), Options{}); !fault.HasReason(err, fault.StructureDamaged) {
		t.Errorf("of SQL: %v", err)
	}
	broken := errors.New("connection reset")
	if _, err := ReadHead(ctx, failAfter(read(t, "pg18-zstd.dump")[:900], broken), Options{}); err != broken {
		t.Errorf("of a broken source: %v", err)
	}
}

func TestSniff(t *testing.T) {
	for first, want := range map[string]Kind{
		"": KindUnknown, "PGDM": KindUnknown, "PGDMP\x01": KindCustom, "\x1f\x8b\x08": KindGzip,
		"\x28\xb5\x2f\xfd": KindZstd, "age-encryption.org/v1\n": KindAge, "--\n-- PostgreSQL database cluster dump\n--\n": KindUnknown,
		plainOpening: KindPlain, "SELECT 1;": KindUnknown,
	} {
		if got := Sniff([]byte(first)); got != want {
			t.Errorf("%q is %q", first, got)
		}
	}
}
