package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"cofre/pkg/fault"
	"cofre/pkg/tuples"
)

// crafted builds archives that pg_dump never would.
type crafted struct {
	head Head
	encoder
}

func craft(c Compression, intSize int, entries ...Entry) *crafted {
	x := &crafted{head: Head{Version: Version{1, 16, 0}, IntSize: intSize, OffsetSize: 8, Compression: c,
		Created: Clock{Day: 1, Year: 125}, Database: "db", ServerVersion: "18", DumpVersion: "18", Entries: entries}}
	x.encoder.h = &x.head
	if _, err := x.head.WriteTo(&x.b); err != nil {
		panic(err)
	}
	return x
}

func tableData(id int32) Entry {
	return Entry{DumpID: id, HasData: true, Tag: "t", Desc: "TABLE DATA", Section: SectionData, Namespace: "public",
		CopyStmt: "COPY t FROM stdin;", OffsetState: OffsetNotSet}
}

// block adds a block of one stream, in chunks.
func (x *crafted) block(id int32, stream []byte) *crafted {
	x.b.WriteByte(blockData)
	x.int(int64(id))
	for len(stream) > 0 {
		n := min(len(stream), 100<<10)
		x.int(int64(n))
		x.b.Write(stream[:n])
		stream = stream[n:]
	}
	x.int(0)
	return x
}

// rawInt adds an integer with any magnitude.
func (x *crafted) rawInt(sign byte, v uint64) *crafted {
	x.b.WriteByte(sign)
	x.b.Write(binary.LittleEndian.AppendUint64(nil, v)[:x.head.IntSize])
	return x
}

func compress(c Compression, data io.Reader) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch c {
	case CompressionGzip:
		w, _ = zlib.NewWriterLevel(&out, 1)
	case CompressionLZ4:
		w = lz4.NewWriter(&out)
	case CompressionZstd:
		w, _ = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	default:
		b, _ := io.ReadAll(data)
		return b
	}
	if _, err := io.Copy(w, data); err != nil {
		panic(err)
	}
	w.Close()
	return out.Bytes()
}

// bounded runs f and fails when it allocated more than limit bytes in all, or took longer than anybody waits.
func bounded(t *testing.T, limit uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > limit {
		t.Errorf("%d bytes were allocated, more than %d", n, limit)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestLengths: no length in an archive is believed before its bytes are there.
func TestLengths(t *testing.T) {
	afterCount := func(x *crafted, n uint64) *crafted { // replace the number of entries, the last thing of an empty head
		x.b.Truncate(x.b.Len() - 1 - x.head.IntSize)
		return x.rawInt(0, n)
	}
	dataHead := func(intSize int) *crafted {
		x := craft(CompressionZstd, intSize, tableData(1))
		x.b.WriteByte(blockData)
		x.int(1)
		return x
	}
	for name, x := range map[string]*crafted{
		"entries 2^31-1":         afterCount(craft(CompressionZstd, 4), math.MaxInt32),
		"entries 2^32-1":         afterCount(craft(CompressionZstd, 4), math.MaxUint32),
		"entries 2^63-1":         afterCount(craft(CompressionZstd, 8), math.MaxInt64),
		"entries 2^63":           afterCount(craft(CompressionZstd, 8), 1<<63),
		"entries 2^64-1":         afterCount(craft(CompressionZstd, 8), math.MaxUint64),
		"chunk 2^31-1":           dataHead(4).rawInt(0, math.MaxInt32),
		"chunk 2^32-1":           dataHead(4).rawInt(0, math.MaxUint32),
		"chunk -1":               dataHead(4).rawInt(1, 1),
		"chunk 2^63-1":           dataHead(8).rawInt(0, math.MaxInt64),
		"chunk 2^63":             dataHead(8).rawInt(0, 1<<63),
		"chunk -2^63":            dataHead(8).rawInt(1, 1<<63),
		"chunk with sign 2":      dataHead(4).rawInt(2, 1),
		"string 2^31-1":          afterCount(craft(CompressionZstd, 4), 5).rawInt(0, 1).rawInt(0, 1).rawInt(0, math.MaxInt32),
		"string 2^63-1":          afterCount(craft(CompressionZstd, 8), 5).rawInt(0, 1).rawInt(0, 1).rawInt(0, math.MaxInt64),
		"string -2":              afterCount(craft(CompressionZstd, 4), 5).rawInt(0, 1).rawInt(0, 1).rawInt(1, 2),
		"dump id 0":              afterCount(craft(CompressionZstd, 4), 5).rawInt(0, 0),
		"dump id -1":             afterCount(craft(CompressionZstd, 4), 5).rawInt(1, 1),
		"twice the same entry":   craft(CompressionZstd, 4, tableData(1), tableData(1)),
		"block of no entry":      craft(CompressionZstd, 4, tableData(1)).block(2, nil),
		"two blocks of an entry": craft(CompressionZstd, 4, tableData(1), tableData(2)).block(1, nil).block(1, nil),
		"data flag without data": craft(CompressionZstd, 4, Entry{DumpID: 1, HasData: true, Section: SectionData, OffsetState: OffsetNoData}),
		"offset 2^63":            craft(CompressionZstd, 4, Entry{DumpID: 1, HasData: true, Section: SectionData, OffsetState: OffsetSet, Offset: math.MinInt64}),
		"offset elsewhere":       craft(CompressionZstd, 4, Entry{DumpID: 1, HasData: true, Section: SectionData, OffsetState: OffsetSet, Offset: 5}).block(1, nil),
	} {
		t.Run(name, func(t *testing.T) {
			bounded(t, 32<<20, func() {
				_, err := Check(ctx, bytes.NewReader(x.b.Bytes()), Options{Decompress: true})
				if !fault.HasReason(err, fault.StructureDamaged) {
					t.Error(err)
				}
			})
			bounded(t, 32<<20, func() {
				if h, err := ReadHead(ctx, bytes.NewReader(x.b.Bytes()), Options{}); err != nil && !fault.HasReason(err, fault.StructureDamaged) {
					t.Error(h, err)
				}
			})
		})
	}
}

// repeat gives one byte n times.
type repeat struct {
	b byte
	n int64
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.n)]
	for i := range p {
		p[i] = r.b
	}
	r.n -= int64(len(p))
	return len(p), nil
}

// TestBombs: data that grows without end is given up, in bounded memory and time.
func TestBombs(t *testing.T) {
	const size = 64 << 20
	for _, c := range compressions[1:] {
		x := craft(c, 4, tableData(1)).block(1, compress(c, &repeat{0, size}))
		b := x.b.Bytes()
		for name, o := range map[string]Options{
			"ratio": {Decompress: true, MaxRatio: 100, RatioFloor: 8 << 20},
			"size":  {Decompress: true, MaxUncompressed: 8 << 20},
		} {
			t.Run(string(c)+" "+name, func(t *testing.T) {
				bounded(t, 64<<20, func() {
					_, err := Check(ctx, bytes.NewReader(b), o)
					if !fault.HasReason(err, fault.LimitReached) {
						t.Error(err)
					}
				})
			})
		}
		t.Run(string(c)+" deadline", func(t *testing.T) {
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			if _, err := Check(short, bytes.NewReader(b), Options{Decompress: true}); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

// TestZstdWindow: a frame may not ask for more memory than the zstd tool would give it, and several together neither.
func TestZstdWindow(t *testing.T) {
	// Magic number, a descriptor without content size, a window of 2^(10+exponent) bytes, then a raw block, the last, of
	// COPY's end mark (RFC 8878, 3.1.1).
	frame := func(exponent byte) []byte {
		block := []byte{1 | byte(len(copyEnd)<<3), 0, 0}
		return slices.Concat([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3}, block, []byte(copyEnd))
	}
	for exponent, want := range map[byte]fault.Reason{13: "", 14: "", 17: "", 18: fault.LimitReached, 31: fault.LimitReached} {
		x := craft(CompressionZstd, 4, tableData(1), tableData(2), tableData(3)).
			block(1, frame(10)).block(2, frame(exponent)).block(3, frame(exponent))
		peak := peakMemory(func() {
			_, err := Check(ctx, bytes.NewReader(x.b.Bytes()), Options{Decompress: true, Workers: 4})
			if err != nil && !fault.HasReason(err, want) || err == nil && want != "" {
				t.Errorf("a window of 2^%d: %v", 10+exponent, err)
			}
		})
		if peak > 192<<20 {
			t.Errorf("a window of 2^%d: %d bytes of memory in use", 10+exponent, peak)
		}
	}
	mixed := append(frame(10), frame(17)...)
	x := craft(CompressionZstd, 4, tableData(1)).block(1, mixed)
	if _, err := Check(ctx, bytes.NewReader(x.b.Bytes()), Options{Decompress: true}); !fault.HasReason(err, fault.LimitReached) {
		t.Errorf("a large frame after a small one: %v", err)
	}
}

// peakMemory gives about the most heap in use while f ran, beyond what was in use before.
func peakMemory(f func()) uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	before, peak := sample[0].Value.Uint64(), uint64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return peak - min(before, peak)
}

// TestStreams: what a stream must be.
func TestStreams(t *testing.T) {
	rows := "1\ta\n2\tb\n" + copyEnd
	for _, c := range compressions {
		good := compress(c, bytes.NewReader([]byte(rows)))
		for name, tc := range map[string]struct {
			stream []byte
			want   string
		}{
			"whole":           {good, ""},
			"cut":             {good[:len(good)-1], "x"},
			"nothing":         {nil, "x"},
			"with more":       {append(bytes.Clone(good), 'x'), "x"},
			"without the end": {compress(c, bytes.NewReader([]byte("1\ta\n"))), "x"},
			"not at a line":   {compress(c, bytes.NewReader([]byte("1\ta"+copyEnd))), "x"},
			"only the end":    {compress(c, bytes.NewReader([]byte(copyEnd))), ""},
		} {
			x := craft(c, 4, tableData(1)).block(1, tc.stream)
			s, err := Check(ctx, bytes.NewReader(x.b.Bytes()), Options{Decompress: true})
			if (err == nil) != (tc.want == "") || err != nil && !fault.HasReason(err, fault.StructureDamaged) {
				t.Errorf("%s, %s: %v", c, name, err)
			}
			if name == "whole" && (s.Rows != 2 || s.UncompressedBytes != int64(len(rows)) || s.Index[0].Rows != 2) {
				t.Errorf("%s: %+v", c, s)
			}
		}
	}
}

// TestBinaryStreams: binary rows are followed to their end and counted, and text is not taken for them, nor they for text.
func TestBinaryStreams(t *testing.T) {
	row := "\x00\x02\x00\x00\x00\x01a\xff\xff\xff\xff"
	rows := tuples.Header + row + row + tuples.End
	text, binary := tableData(1), tableData(1)
	binary.CopyStmt = "COPY public.t (a, b) FROM stdin;\n"
	if !binary.BinaryRows([]string{"text", "int4"}) {
		t.Fatal("it cannot be")
	}
	for _, c := range compressions {
		for name, tc := range map[string]struct {
			entry  Entry
			stream string
			good   bool
		}{
			"whole":           {binary, rows, true},
			"no rows":         {binary, tuples.Header + tuples.End, true},
			"without the end": {binary, rows[:len(rows)-2], false},
			"cut":             {binary, rows[:len(rows)-9], false},
			"two of them":     {binary, rows + rows, false},
			"no header":       {binary, row + tuples.End, false},
			"nothing":         {binary, "", false},
			"text":            {binary, "1\t\\N\n" + copyEnd, false},
			"for text":        {text, rows, false},
		} {
			x := craft(c, 4, tc.entry).block(1, compress(c, strings.NewReader(tc.stream)))
			for _, o := range []Options{{}, {Entry: func(Entry) {}}} { // of the table of contents less is kept, or more
				o.Decompress = true
				s, err := Check(ctx, bytes.NewReader(x.b.Bytes()), o)
				if (err == nil) != tc.good || err != nil && !fault.HasReason(err, fault.StructureDamaged) {
					t.Errorf("%s, %s: %v", c, name, err)
				}
				if name == "whole" && (s.Rows != 2 || s.UncompressedBytes != int64(len(rows)) || s.Index[0].Rows != 2) {
					t.Errorf("%s: %+v", c, s)
				}
			}
		}
	}
}

// TestMemoryLimit: tables of contents are kept up to the limit only.
func TestMemoryLimit(t *testing.T) {
	big := Entry{DumpID: 1, Tag: string(bytes.Repeat([]byte("x"), 3<<20)), Desc: "TABLE", Section: SectionPreData,
		Defn: string(bytes.Repeat([]byte("y"), 8<<20)), OffsetState: OffsetNoData}
	x := craft(CompressionNone, 4, big)
	check := func(o Options) error {
		_, err := checkAll(x.b.Bytes(), o)
		return err
	}
	if err := check(Options{MaxMemory: 4 << 20}); err != nil {
		t.Errorf("what is not kept counts: %v", err)
	}
	if err := check(Options{MaxMemory: 2 << 20}); !fault.HasReason(err, fault.LimitReached) {
		t.Error(err)
	}
	if _, err := ReadHead(ctx, bytes.NewReader(x.b.Bytes()), Options{MaxMemory: 10 << 20}); !fault.HasReason(err, fault.LimitReached) {
		t.Error(err)
	}
	if _, err := ReadHead(ctx, bytes.NewReader(x.b.Bytes()), Options{MaxMemory: 12 << 20}); err != nil {
		t.Error(err)
	}
}

func checkAll(b []byte, o Options) (Summary, error) {
	c := NewChecker(o)
	c.Write(b)
	return c.Close()
}

// TestManyBlocks: thousands of small tables go through a few workers.
func TestManyBlocks(t *testing.T) {
	var entries []Entry
	for id := range int32(3000) {
		entries = append(entries, tableData(id+1))
	}
	x := craft(CompressionZstd, 4, entries...)
	stream := compress(CompressionZstd, bytes.NewReader([]byte("1\n"+copyEnd)))
	for id := range int32(3000) {
		x.block(id+1, stream)
	}
	bounded(t, 64<<20, func() {
		s, err := Check(ctx, bytes.NewReader(x.b.Bytes()), Options{Decompress: true})
		if err != nil || s.Rows != 3000 || s.DataBlocks != 3000 {
			t.Errorf("%d rows, %d blocks, %v", s.Rows, s.DataBlocks, err)
		}
	})
}
