package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand"
	"slices"
	"testing"
	"time"

	"cofre/pkg/fault"
)

func addSeeds(f *testing.F) {
	for _, s := range seeds {
		b := read(f, s.name)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add(craft(CompressionZstd, 8, tableData(1)).block(1, nil).b.Bytes())
}

// FuzzChecker: how the bytes are cut into pieces makes no difference, and errors lie inside the input.
func FuzzChecker(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		o := Options{MaxMemory: 1 << 20}
		one, err1 := checkAll(b, o)
		many, err2 := checkPieces(b, o, rand.New(rand.NewSource(int64(len(b)))))
		if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() {
			t.Fatalf("in one piece: %v\nin many: %v", err1, err2)
		}
		if err1 == nil && (one.Size != int64(len(b)) || many.Size != one.Size || one.DataBlocks != many.DataBlocks) {
			t.Fatalf("%+v\n%+v", one, many)
		}
		var fe *FormatError
		if err1 != nil && (!errors.As(err1, &fe) || fe.Offset < 0 || fe.Offset > int64(len(b))) {
			t.Fatalf("%v at %+v", err1, fe)
		}
	})
}

// FuzzReadHead: what is read comes out as it came in, and what it lists makes a smaller archive that is whole.
func FuzzReadHead(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadHead(context.Background(), bytes.NewReader(b), Options{MaxMemory: 1 << 20})
		if err != nil {
			return
		}
		var out bytes.Buffer
		if n, err := h.WriteTo(&out); err != nil || n != h.Length || !bytes.Equal(out.Bytes(), b[:h.Length]) {
			t.Fatalf("%d bytes came out of %d: %v", n, h.Length, err)
		}
		if err := h.WriteList(io.Discard, true); err != nil {
			t.Fatal(err)
		}
		s, err := checkAll(b, Options{MaxMemory: 1 << 20})
		if err != nil {
			return
		}
		l, err := Select(h, s.Index, Selection{})
		if err != nil {
			t.Fatal(err)
		}
		out.Reset()
		if err := WriteSelection(context.Background(), &out, l, (&ranges{b: b}).open); err != nil {
			t.Fatal(err)
		}
		again, err := checkAll(out.Bytes(), Options{})
		if err != nil || again.DataBlocks != s.DataBlocks || again.Entries != s.Entries {
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
	})
}

// FuzzCheck: decompressing ends in bounded time, and finds no fewer faults than following the structure.
func FuzzCheck(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		o := Options{MaxMemory: 1 << 20, MaxUncompressed: 8 << 20, MaxWindow: 1 << 20, Workers: 2}
		_, quick := checkAll(b, o)
		o.Decompress = true
		_, deep := Check(ctx, bytes.NewReader(b), o)
		if quick != nil && deep == nil {
			t.Fatalf("only following the structure finds %v", quick)
		}
		if deep != nil && !fault.HasCode(deep, fault.Validation) {
			t.Fatal(deep)
		}
	})
}

// FuzzWriter: an archive that is whole, written again in pieces, is whole and holds the same.
func FuzzWriter(f *testing.F) {
	for _, s := range seeds {
		if b := read(f, s.name); Sniff(b) == KindCustom {
			f.Add(b, int64(1), byte(0))
		}
	}
	f.Add(craft(CompressionZstd, 4, tableData(1)).block(1, compress(CompressionZstd, bytes.NewReader([]byte(copyEnd)))).b.Bytes(), int64(2), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, seed int64, level byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		o := Options{Kind: KindCustom, MaxMemory: 1 << 20, MaxUncompressed: 8 << 20, MaxWindow: 1 << 20, Workers: 2, Decompress: true}
		before, err := Check(ctx, bytes.NewReader(b), o)
		if err != nil {
			return
		}
		if _, err := ReadHead(ctx, bytes.NewReader(b), o); err != nil {
			return // in what a Checker passes over
		}
		c := contentOf(t, b)
		place := map[int32]int{} // blocks may have come in any order
		for i, e := range c.head.Entries {
			place[e.DumpID] = i
		}
		slices.SortFunc(c.blocks, func(a, b blockContent) int { return cmp.Compare(place[a.id], place[b.id]) })
		if c.head.IntSize != chunkIntSize || c.head.oneEntryPerTable() != nil {
			if _, err := NewWriter(io.Discard, c.head); err == nil {
				t.Fatal("it is not refused")
			}
			return
		}
		levels := map[Compression]int{CompressionNone: 1, CompressionGzip: 10, CompressionLZ4: 13, CompressionZstd: 10}
		again := c.write(t, c.head, int(level)%levels[c.head.Compression], rand.New(rand.NewSource(seed)))
		after, err := Check(ctx, bytes.NewReader(again), o)
		if err != nil {
			t.Fatal(err)
		}
		if after.Rows != before.Rows || after.UncompressedBytes != before.UncompressedBytes || after.LargeObjects != before.LargeObjects ||
			after.Entries != before.Entries || !c.equal(contentOf(t, again)) {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}
