package stream

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"
)

// cpuTime is the processor time of this process so far. On a busy machine it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportCPU(b *testing.B, start time.Duration, bytes int) {
	b.SetBytes(int64(bytes))
	b.ReportMetric(float64(bytes)*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
}

// benchVariants are the stages one by one, and all together.
var benchVariants = []variant{{None, 0, false}, {Gzip, 1, false}, {Gzip, 6, false}, {Zstd, 1, false}, {Zstd, 3, false}, {None, 0, true}, {Zstd, 1, true}}

// BenchmarkStream is the way to storage; MB/s are of plain bytes.
func BenchmarkStream(b *testing.B) {
	id := newIdentity(b)
	data := text(32 << 20)
	for _, v := range benchVariants {
		b.Run(v.String(), func(b *testing.B) {
			b.ReportAllocs()
			start, stored := cpuTime(), int64(0)
			buf := make([]byte, 1<<20)
			for b.Loop() {
				s, err := New(bytes.NewReader(data), v.options(id))
				if err != nil {
					b.Fatal(err)
				}
				if stored, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{s}, buf); err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
			reportCPU(b, start, len(data))
			b.ReportMetric(float64(len(data))/float64(stored), "ratio")
		})
	}
}

// BenchmarkOpen is the way back; MB/s are of plain bytes.
func BenchmarkOpen(b *testing.B) {
	id := newIdentity(b)
	data := text(32 << 20)
	for _, v := range benchVariants[1:] {
		b.Run(v.String(), func(b *testing.B) {
			stored, _ := store(b, bytes.NewReader(data), v.options(id))
			b.ReportAllocs()
			start := cpuTime()
			buf := make([]byte, 1<<20)
			for b.Loop() {
				r, err := Open(bytes.NewReader(stored), v.openOptions(id))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, buf); err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
			reportCPU(b, start, len(data))
		})
	}
}

// BenchmarkSmall is what a stream costs beside its bytes.
func BenchmarkSmall(b *testing.B) {
	id := newIdentity(b)
	for _, v := range benchVariants {
		b.Run(v.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := New(bytes.NewReader([]byte("hello")), v.options(id))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, s); err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}
