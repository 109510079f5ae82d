package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// content is what the blocks of an archive hold, in their order.
type content struct {
	head   *Head
	blocks []blockContent
}

type blockContent struct {
	id      int32
	blobs   bool
	oids    []uint32
	framed  [][]byte // each stream's chunks as they lie there
	streams [][]byte // decompressed
}

// contentOf reads all of an archive, the structure of its blocks by itself.
func contentOf(t testing.TB, b []byte) *content {
	t.Helper()
	head, index := planned(t, b)
	c := &content{head: head}
	dec := decompressor{maxWindow: defaultMaxWindow, large: &largeWindow{}}
	for _, i := range index {
		p := b[i.Offset : i.Offset+i.Length]
		integer := func() int32 {
			v := int32(binary.LittleEndian.Uint32(p[1:]))
			if p[0] == 1 {
				v = -v
			}
			p = p[5:]
			return v
		}
		blk := blockContent{blobs: p[0] == blockBlobs}
		p = p[1:]
		blk.id = integer()
		for more := true; more; more = blk.blobs {
			if blk.blobs {
				oid := integer()
				if oid == 0 {
					break
				}
				blk.oids = append(blk.oids, uint32(oid))
			}
			from, raw := p, bytes.Buffer{}
			for n := integer(); n > 0; n = integer() {
				raw.Write(p[:n])
				p = p[n:]
			}
			blk.framed = append(blk.framed, from[:len(from)-len(p)-chunkHeader])
			var plain bytes.Buffer
			if err := dec.copy(&plain, &raw, head.Compression); err != nil {
				t.Fatal(err)
			}
			blk.streams = append(blk.streams, plain.Bytes())
		}
		c.blocks = append(c.blocks, blk)
	}
	return c
}

// write writes an archive of c with a Writer, each stream in pieces of random sizes by several Framers.
func (c *content) write(t testing.TB, h *Head, level int, r *rand.Rand) []byte {
	t.Helper()
	var framers []*Framer
	for range 3 {
		f, err := NewFramer(h.Compression, level)
		if err != nil {
			t.Fatal(err)
		}
		framers = append(framers, f)
	}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, h)
	must(err)
	pieces := func(stream []byte) {
		for n := r.Intn(5); n >= 0; n-- {
			k := len(stream)
			if n > 0 {
				k = r.Intn(len(stream) + 1)
			}
			f := framers[n%len(framers)]
			var piece bytes.Buffer
			through := n%2 == 0
			if through {
				f.Reset(w)
			} else {
				f.Reset(&piece)
			}
			for p := range slices.Chunk(stream[:k], 1+r.Intn(1<<uint(r.Intn(20)))) {
				if _, err := f.Write(p); err != nil {
					t.Fatal(err)
				}
			}
			sum, err := f.Close()
			must(err)
			if sum.Bytes != int64(k) {
				t.Fatalf("%d bytes of a piece of %d", sum.Bytes, k)
			}
			half := piece.Len() / 2
			must(w.Piece(sum, piece.Bytes()[:half], piece.Bytes()[half:]))
			stream = stream[k:]
		}
	}
	for _, b := range c.blocks {
		if !b.blobs {
			must(w.Data(b.id))
			pieces(b.streams[0])
			continue
		}
		must(w.LargeObjects(b.id))
		for i, oid := range b.oids {
			must(w.LargeObject(oid))
			pieces(b.streams[i])
		}
	}
	must(w.Close())
	return out.Bytes()
}

func (c *content) equal(d *content) bool {
	return slices.EqualFunc(c.blocks, d.blocks, func(a, b blockContent) bool {
		return a.id == b.id && a.blobs == b.blobs && slices.Equal(a.oids, b.oids) && slices.EqualFunc(a.streams, b.streams, bytes.Equal)
	})
}

// TestWriterContent: an archive of each kind, written again in pieces, holds the same.
func TestWriterContent(t *testing.T) {
	for i, s := range seeds {
		b := read(t, s.name)
		if Sniff(b) != KindCustom {
			continue
		}
		r := rand.New(rand.NewSource(int64(i)))
		want := contentOf(t, b)
		for range 5 {
			got := want.write(t, want.head, 0, r)
			if _, err := Check(ctx, bytes.NewReader(got), Options{Decompress: true}); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if !want.equal(contentOf(t, got)) {
				t.Fatalf("%s: the content is another", s.name)
			}
			if s.how == piped && !bytes.Equal(got[:want.head.Length], b[:want.head.Length]) {
				t.Fatalf("%s: the head is another", s.name)
			}
		}
	}
}

// TestWriterIsPgDump: where the pieces are pg_dump's own chunks, the archive is pg_dump's, byte for byte. With gzip the
// header and the end of a stream are the Writer's.
func TestWriterIsPgDump(t *testing.T) {
	for _, name := range []string{"pg18-none.dump", "pg18-zstd.dump", "pg17-lz4.dump", "pg18-schema.dump"} {
		b := read(t, name)
		c := contentOf(t, b)
		var out bytes.Buffer
		w, err := NewWriter(&out, c.head)
		if err != nil {
			t.Fatal(err)
		}
		piece := func(framed []byte, err error) {
			if err == nil {
				err = w.Piece(Sum{Stored: int64(len(framed)), compression: c.head.Compression}, framed)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, blk := range c.blocks {
			if !blk.blobs {
				piece(blk.framed[0], w.Data(blk.id))
				continue
			}
			if err := w.LargeObjects(blk.id); err != nil {
				t.Fatal(err)
			}
			for i, oid := range blk.oids {
				piece(blk.framed[i], w.LargeObject(oid))
			}
		}
		if err := w.Close(); err != nil || !bytes.Equal(out.Bytes(), b) {
			t.Errorf("%s: %d bytes and not the %d of pg_dump: %v", name, out.Len(), len(b), err)
		}
	}
}

func TestAdler(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 200 {
		b := make([]byte, r.Intn(300_000))
		r.Read(b)
		if r.Intn(3) == 0 {
			for i := range b {
				b[i] = 0xff
			}
		}
		k := r.Intn(len(b) + 1)
		if got := combineAdler(adler32.Checksum(b[:k]), adler32.Checksum(b[k:]), int64(len(b)-k)); got != adler32.Checksum(b) {
			t.Fatalf("%d and %d bytes: %x, not %x", k, len(b)-k, got, adler32.Checksum(b))
		}
	}
}

// TestWriterRefuses: what would not be an archive, or one that loses rows.
func TestWriterRefuses(t *testing.T) {
	second := tableData(2)
	second.Tag, second.Dependencies = "u", []int32{9}
	blobs := Entry{DumpID: 3, HasData: true, Desc: descBlobs, Section: SectionData, OffsetState: OffsetNotSet}
	head := craft(CompressionZstd, 4, tableData(1), second, blobs).head
	framer, err := NewFramer(CompressionGzip, 1)
	if err != nil {
		t.Fatal(err)
	}
	var gzipped bytes.Buffer
	framer.Reset(&gzipped)
	framer.Write([]byte(CopyEnd))
	ofGzip, err := framer.Close()
	if err != nil {
		t.Fatal(err)
	}
	chunk := []byte{0, 1, 0, 0, 0, 'x'}
	sum := Sum{Stored: 6, compression: CompressionZstd}
	for name, tc := range map[string]struct {
		do   func(w *Writer) error
		want string
	}{
		"another order":   {func(w *Writer) error { return w.Data(2) }, `turn of "public"."t" (id 1)`},
		"twice":           {func(w *Writer) error { w.Data(1); return w.Data(1) }, `turn of "public"."u" (id 2)`},
		"unknown":         {func(w *Writer) error { w.Data(1); w.Data(2); w.LargeObjects(3); return w.Data(4) }, "every entry with data has had its block"},
		"objects as data": {func(w *Writer) error { w.Data(1); w.Data(2); return w.Data(3) }, "wrong type"},
		"data as objects": {func(w *Writer) error { return w.LargeObjects(1) }, "wrong type"},
		"object in data":  {func(w *Writer) error { w.Data(1); return w.LargeObject(5) }, "no block of large objects"},
		"object 0":        {func(w *Writer) error { w.Data(1); w.Data(2); w.LargeObjects(3); return w.LargeObject(0) }, "oid 0"},
		"missing":         {func(w *Writer) error { w.Data(1); return w.Close() }, `"public"."u" (id 2) has no block (2 of 3 are missing)`},
		"no block":        {func(w *Writer) error { return w.Piece(sum, chunk) }, "no block has begun"},
		"between objects": {func(w *Writer) error { w.Data(1); w.Data(2); w.LargeObjects(3); return w.Piece(sum, chunk) }, "no block has begun"},
		"another size":    {func(w *Writer) error { w.Data(1); return w.Piece(Sum{Stored: 7, compression: CompressionZstd}, chunk) }, "7 bytes came as 6"},
		"half a chunk": {func(w *Writer) error {
			w.Data(1)
			return w.Piece(Sum{Stored: 5, compression: CompressionZstd}, chunk[:5])
		}, "5 bytes came as 5"},
		"half a piece":      {func(w *Writer) error { w.Data(1); w.Write(chunk); return w.Data(2) }, "its last piece has not"},
		"no chunks":         {func(w *Writer) error { w.Data(1); return w.Piece(sum, []byte("PGDMP\x01")) }, "not made of chunks"},
		"an end of stream":  {func(w *Writer) error { w.Data(1); return w.Piece(sum, make([]byte, 6)) }, "not made of chunks"},
		"other compression": {func(w *Writer) error { w.Data(1); return w.Piece(ofGzip, gzipped.Bytes()) }, "compressed with gzip in an archive that has zstd"},
		"whole":             {func(w *Writer) error { w.Data(1); w.Data(2); w.LargeObjects(3); return w.Close() }, ""},
		"closed":            {func(w *Writer) error { w.Data(1); w.Data(2); w.LargeObjects(3); w.Close(); return w.Data(1) }, "closed"},
	} {
		w, err := NewWriter(io.Discard, &head)
		if err != nil {
			t.Fatal(err)
		}
		err = tc.do(w)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if again := w.Data(2); again == nil || tc.want != "" && again != err && name != "closed" {
			t.Errorf("%s: after %v: %v", name, err, again)
		}
	}
	broken := errors.New("the pipe is closed")
	w, err := NewWriter(failingWriter{broken}, &head)
	if err == nil {
		w.Data(1)
		w.Data(2)
		w.LargeObjects(3)
		err = w.Close()
	}
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// TestWriterOneEntryPerTable: see TestTwoEntriesLoseRows for what happens with an archive that has two.
func TestWriterOneEntryPerTable(t *testing.T) {
	entry := func(id, table int32, tag string) Entry {
		e := tableData(id)
		e.Tag, e.Dependencies = tag, []int32{table}
		return e
	}
	other := entry(2, 8, "t")
	other.Namespace = "other"
	for name, tc := range map[string]struct {
		entries []Entry
		refused bool
	}{
		"two tables":           {[]Entry{entry(1, 7, "t"), entry(2, 8, "u")}, false},
		"two schemas":          {[]Entry{entry(1, 7, "t"), other}, false},
		"one table":            {[]Entry{entry(1, 7, "t"), entry(2, 7, "t")}, true},
		"one table, two names": {[]Entry{entry(1, 7, "t"), entry(2, 7, "t (2)")}, true},
		"one name, two tables": {[]Entry{entry(1, 7, "t"), entry(2, 8, "t")}, true},
		"no dependencies":      {[]Entry{tableData(1), tableData(2)}, true},
	} {
		head := craft(CompressionZstd, 4, tc.entries...).head
		if _, err := NewWriter(io.Discard, &head); (err != nil) != tc.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWriterLargeHead: a table of contents of many tables is written without a copy of it in memory.
func TestWriterLargeHead(t *testing.T) {
	var entries []Entry
	for id := range int32(20_000) {
		entries = append(entries, Entry{DumpID: id + 1, Tag: "t" + strconv.Itoa(int(id)), Desc: "TABLE", Section: SectionPreData,
			Defn: strings.Repeat("column_name text NOT NULL, ", 40), OffsetState: OffsetNoData})
	}
	head := craft(CompressionZstd, 4, entries...).head
	bounded(t, 2<<20, func() {
		w, err := NewWriter(io.Discard, &head)
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// TestFramer: levels, pieces without bytes, and pieces that were given up.
func TestFramer(t *testing.T) {
	for c, levels := range map[Compression][]int{CompressionNone: {0}, CompressionGzip: {0, 1, 9}, CompressionLZ4: {0, 1, 3, 12}, CompressionZstd: {0, 1, 22}} {
		for _, bad := range []int{-1, levels[len(levels)-1] + 1} {
			if _, err := NewFramer(c, bad); err == nil {
				t.Errorf("%s has level %d", c, bad)
			}
		}
		for _, level := range levels {
			f, err := NewFramer(c, level)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte("x")); err == nil {
				t.Errorf("%s: a piece that was not begun", c)
			}
			var first, second bytes.Buffer
			f.Reset(&first)
			if sum, err := f.Close(); err != nil || sum.Stored != 0 || first.Len() != 0 {
				t.Errorf("%s: an empty piece: %+v, %v", c, sum, err)
			}
			f.Reset(failingWriter{io.ErrClosedPipe})
			f.Write(rows(1 << 20))
			if _, err := f.Close(); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%s: a broken pipe: %v", c, err)
			}
			f.Reset(&first)
			f.Write(rows(1 << 20))
			f.Reset(&second)
			f.Write([]byte("1\ta\n"))
			f.Write([]byte(CopyEnd))
			sum, err := f.Close()
			if err != nil || sum.Bytes != 4+int64(len(CopyEnd)) || sum.Stored != int64(second.Len()) {
				t.Errorf("%s: %+v, %v", c, sum, err)
			}
			head := craft(c, 4, tableData(1)).head
			var out bytes.Buffer
			w, err := NewWriter(&out, &head)
			if err != nil {
				t.Fatal(err)
			}
			w.Data(1)
			w.Piece(sum, second.Bytes())
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err := Check(ctx, bytes.NewReader(out.Bytes()), Options{Decompress: true}); err != nil || s.Rows != 1 {
				t.Errorf("%s: %+v, %v", c, s, err)
			}
		}
	}
}
