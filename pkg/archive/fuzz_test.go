package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
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
		if err := h.WriteList(io.Discard); err != nil {
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
