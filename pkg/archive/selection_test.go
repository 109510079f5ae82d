package archive

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
)

// ranges serves an archive in memory, and counts what was asked for.
type ranges struct {
	b     []byte
	mu    sync.Mutex
	calls int
	bytes int64
}

func (r *ranges) open(_ context.Context, offset, length int64) (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.bytes += length
	return io.NopCloser(bytes.NewReader(r.b[offset : offset+length])), nil
}

// planned reads the head and index of an archive.
func planned(t testing.TB, b []byte) (*Head, []BlockInfo) {
	t.Helper()
	s, err := checkAll(b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	head, err := ReadHead(ctx, bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return head, s.Index
}

func selected(t *testing.T, b []byte, sel Selection) ([]byte, *ranges) {
	t.Helper()
	head, index := planned(t, b)
	l, err := Select(head, index, sel)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r := &ranges{b: b}
	if err := WriteSelection(ctx, &out, l, r.open); err != nil {
		t.Fatal(err)
	}
	if int64(out.Len()) != l.Size {
		t.Errorf("%d bytes were written, and %d planned", out.Len(), l.Size)
	}
	return out.Bytes(), r
}

// TestRestoreParts restores a database from disjoint parts of an archive by several stock pg_restore at the same time,
// which read pipes, and compares a dump of it with one of the original.
func TestRestoreParts(t *testing.T) {
	from := source(t, 18)
	plain := func(url string) string {
		return string(pgDump(t, 18, url, piped, "-Fp", "--restrict-key=x"))
	}
	want := plain(from)
	for _, z := range []string{"none", "gzip:1", "lz4", "zstd:1"} {
		b := pgDump(t, 18, from, piped, "-Fc", "-Z"+z)
		to := testenv.Postgres(t, 18).NewDatabase(t)
		schema, r := selected(t, b, Selection{Data: func(*Entry) bool { return false }})
		if r.calls != 0 {
			t.Errorf("%d ranges were read for the schema", r.calls)
		}
		pgRestore(t, 18, schema, "--section=pre-data", "--exit-on-error", "--dbname="+to)
		head, index := planned(t, b)
		parts, err := Split(head, index, 3)
		if err != nil || len(parts) != 3 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		var wg sync.WaitGroup
		for i, l := range parts {
			wg.Go(func() {
				var part, errs bytes.Buffer
				if err := WriteSelection(ctx, &part, l, r.open); err != nil {
					t.Error(err)
				}
				cmd := exec.Command(filepath.Join(testenv.ClientBin(18), "pg_restore"),
					"--section=data", "--exit-on-error", "--dbname="+to)
				cmd.Stdin, cmd.Stderr = &part, &errs
				if err := cmd.Run(); err != nil {
					t.Errorf("%s, part %d: %v\n%s", z, i, err, errs.String())
				}
			})
		}
		wg.Wait()
		pgRestore(t, 18, schema, "--section=post-data", "--exit-on-error", "--dbname="+to)
		if got := plain(to); got != want {
			t.Errorf("%s: restored\n%s\nfrom\n%s", z, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	var entries []Entry
	for id := range int32(10) {
		entries = append(entries, tableData(id+1))
	}
	entries = append(entries, Entry{DumpID: 11, Desc: "SEQUENCE SET", Section: SectionData, OffsetState: OffsetNoData},
		Entry{DumpID: 12, Desc: "COMMENT", Section: SectionNone, OffsetState: OffsetNoData},
		Entry{DumpID: 13, Desc: "INDEX", Section: SectionPostData, OffsetState: OffsetNoData})
	x := craft(CompressionNone, 4, entries...)
	for id := range int32(10) {
		x.block(id+1, bytes.Repeat([]byte("x"), 1000*int(id+1)))
	}
	head, index := planned(t, x.b.Bytes())
	for n := range 14 {
		parts, err := Split(head, index, n)
		if err != nil || len(parts) != min(max(n, 1), 10) {
			t.Fatalf("%d parts of %d, %v", len(parts), n, err)
		}
		seen := map[int32]int{}
		smallest, largest := int64(1)<<62, int64(0)
		for p, l := range parts {
			for _, e := range l.Head.Entries {
				seen[e.DumpID]++
				if !e.HasData && p > 0 {
					t.Errorf("%d parts: %s is in part %d", n, e.Desc, p)
				}
			}
			smallest, largest = min(smallest, l.Size), max(largest, l.Size)
		}
		if len(seen) != 12 || n <= 5 && largest > smallest*5/4 {
			t.Errorf("%d parts: %v, %d to %d bytes", n, seen, smallest, largest)
		}
	}
}

// TestAddOffsets: an archive from a pipe gets the offsets that let stock pg_restore jump in it.
func TestAddOffsets(t *testing.T) {
	from := source(t, 18)
	b, r := selected(t, pgDump(t, 18, from, piped, "-Fc"), Selection{})
	if r.calls != 1 {
		t.Errorf("neighbouring blocks were read in %d ranges", r.calls)
	}
	head, err := ReadHead(ctx, bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range head.Entries {
		if e.HasData && (e.OffsetState != OffsetSet || e.Offset < head.Length) {
			t.Errorf("%s has offset %d, %d", e.Tag, e.OffsetState, e.Offset)
		}
	}
	file := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	to := testenv.Postgres(t, 18).NewDatabase(t)
	pgRestore(t, 18, nil, "--jobs=2", "--exit-on-error", "--dbname="+to, file)
	want, got := pgDump(t, 18, from, piped, "-Fp", "--restrict-key=x"), pgDump(t, 18, to, piped, "-Fp", "--restrict-key=x")
	if !bytes.Equal(got, want) {
		t.Errorf("restored\n%s\nfrom\n%s", got, want)
	}
}

func TestSelectEntries(t *testing.T) {
	b := read(t, "pg18-zstd.dump")
	part, r := selected(t, b, Selection{Entry: func(e *Entry) bool { return e.Tag == "orders" }})
	s, err := Check(ctx, bytes.NewReader(part), Options{Decompress: true})
	if err != nil || s.Entries != 2 || s.Rows != 60 {
		t.Errorf("%+v, %v", s, err)
	}
	if r.bytes >= int64(len(b))/2 {
		t.Errorf("%d bytes of %d were read", r.bytes, len(b))
	}
	whole, err := ReadHead(ctx, bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if whole.WriteTo(&again); !bytes.Equal(again.Bytes(), b[:whole.Length]) {
		t.Error("selecting changed the original head")
	}
}

// TestSelectWrongIndex: an index of another archive, or a changed archive, does not make a broken archive unnoticed.
func TestSelectWrongIndex(t *testing.T) {
	b := read(t, "pg18-zstd.dump")
	head, index := planned(t, b)
	if _, err := Select(head, index[1:], Selection{}); !fault.HasReason(err, fault.StructureDamaged) {
		t.Errorf("a block too few: %v", err)
	}
	index[2].Offset++
	l, err := Select(head, index, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	r := &ranges{b: b}
	if err := WriteSelection(ctx, io.Discard, l, r.open); !fault.HasReason(err, fault.StructureDamaged) {
		t.Errorf("a block elsewhere: %v", err)
	}
	index[2].Offset--
	l, err = Select(head, index, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	r.b = b[:len(b)-1]
	short := func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(r.b[offset:min(offset+length, int64(len(r.b)))])), nil
	}
	if err := WriteSelection(ctx, io.Discard, l, short); !fault.HasReason(err, fault.StructureDamaged) {
		t.Errorf("a short archive: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := WriteSelection(canceled, io.Discard, l, short); err != context.Canceled {
		t.Errorf("canceled: %v", err)
	}
}
