package archive

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"syscall"
	"testing"
	"time"
)

// rows gives n bytes of COPY data that compresses about as tables do, to a quarter or so.
func rows(n int) []byte {
	r := rand.New(rand.NewSource(1))
	words := make([]string, 2000)
	for i := range words {
		words[i] = fmt.Sprintf("w%x", r.Int63n(1<<uint(8+r.Intn(24))))
	}
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d\t2025-03-%02d 12:%02d:%02d.%06d\t%s %s %s %s\t%d.%02d\t\\N\tt\t%08x\n", i, 1+r.Intn(28), r.Intn(60),
			r.Intn(60), r.Intn(1e6), words[r.Intn(2000)], words[r.Intn(200)], words[r.Intn(20)], words[r.Intn(2000)],
			r.Intn(1000), r.Intn(100), r.Uint32())
	}
	b.WriteString(copyEnd)
	return b.Bytes()
}

// benchArchive makes an archive of tables of 16 MiB each.
func benchArchive(c Compression, tables int) []byte {
	stream := compress(c, bytes.NewReader(rows(16<<20)))
	var entries []Entry
	for id := range int32(tables) {
		entries = append(entries, tableData(id+1))
	}
	x := craft(c, 4, entries...)
	for id := range int32(tables) {
		x.block(id+1, stream)
	}
	return x.b.Bytes()
}

// cpuTime is the processor time of this process so far. On a busy machine it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU adds how many megabytes (10^6) one processor handles in a second.
func reportCPU(b *testing.B, start time.Duration, bytes int64) {
	b.ReportMetric(float64(bytes)*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
}

// BenchmarkChecker is the cost of following the structure inline; MB/s are of stored bytes.
func BenchmarkChecker(b *testing.B) {
	for _, chunk := range []int{200, 4 << 10, 128 << 10} {
		b.Run(fmt.Sprintf("chunk-%d", chunk), func(b *testing.B) {
			x := craft(CompressionZstd, 4, tableData(1))
			x.b.WriteByte(blockData)
			x.int(1)
			for data := make([]byte, chunk); x.b.Len() < 16<<20; {
				x.int(int64(chunk))
				x.b.Write(data)
			}
			x.int(0)
			b.SetBytes(int64(x.b.Len()))
			b.ReportAllocs()
			defer reportCPU(b, cpuTime(), int64(x.b.Len()))
			for b.Loop() {
				c := NewChecker(Options{})
				if _, err := io.CopyBuffer(onlyWriter{c}, onlyReader{bytes.NewReader(x.b.Bytes())}, make([]byte, 256<<10)); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheck is the cost of validating; MB/s are of decompressed bytes.
func BenchmarkCheck(b *testing.B) {
	for _, tables := range []int{1, 8} {
		for _, c := range compressions {
			a := benchArchive(c, tables)
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/tables-%d/workers-%d", c, tables, workers), func(b *testing.B) {
					b.ReportAllocs()
					var s Summary
					start := cpuTime()
					for b.Loop() {
						var err error
						if s, err = Check(ctx, bytes.NewReader(a), Options{Decompress: true, Workers: workers}); err != nil {
							b.Fatal(err)
						}
					}
					reportCPU(b, start, s.UncompressedBytes)
					b.SetBytes(s.UncompressedBytes)
					b.ReportMetric(float64(s.UncompressedBytes)/float64(s.Size), "ratio")
				})
			}
		}
	}
}

func BenchmarkReadHead(b *testing.B) {
	var entries []Entry
	for id := range int32(10000) {
		e := tableData(id + 1)
		e.Defn, e.Dependencies = "CREATE TABLE t (id integer NOT NULL, name text, at timestamp with time zone);", []int32{1, 2}
		entries = append(entries, e)
	}
	x := craft(CompressionNone, 4, entries...)
	b.SetBytes(int64(x.b.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadHead(ctx, bytes.NewReader(x.b.Bytes()), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
