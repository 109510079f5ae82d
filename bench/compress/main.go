// Compress compares encoders on the rows of an archive: how much processor time they take, and how small they make
// them. The decisions behind pkg/archive's Framer rest on it; docs/benchmarks.md has its figures.
//
//	pg_dump -Fc --compress=none --file=rows.dump DATABASE
//	go run ./bench/compress [-rounds 5] [-piece MiB] rows.dump
//	CGO_ENABLED=1 go run -tags libzstd ./bench/compress rows.dump     (with libzstd itself, as a witness)
//
// All encoders see the same pieces, and take turns in every round, so that their ratios hold on a busy machine, too.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/pprof"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/klauspost/compress/zstd"

	"cofre/pkg/archive"
)

// contestant compresses pieces into w, one after the other.
type contestant struct {
	name  string
	piece func(w io.Writer, rows []byte) error
}

// contestants are filled by witness.go, too.
var contestants = []contestant{
	framer("none", archive.CompressionNone, 0),
	framer("framer lz4", archive.CompressionLZ4, 1),
	framer("framer gzip:1", archive.CompressionGzip, 1),
	framer("framer zstd:1", archive.CompressionZstd, 1),
	framer("framer zstd:3", archive.CompressionZstd, 3),
	stream("stream, as it is"),
	stream("stream, all literals", literals),
	stream("stream, all literals, window 1 MiB", literals, zstd.WithWindowSize(1<<20)),
	stream("stream, all literals, window 256 KiB", literals, zstd.WithWindowSize(256<<10)),
	frames("frames of 1 MiB, all literals", 1<<20, literals),
	frames("frames of 8 MiB, all literals", 8<<20, literals),
}

// literals makes the encoder look for a skewed distribution of bytes where nothing repeats, such as in bytea's hex digits.
var literals = zstd.WithAllLitEntropyCompression(true)

func framer(name string, c archive.Compression, level int) contestant {
	f, err := archive.NewFramer(c, level)
	must(err)
	return contestant{name, func(w io.Writer, rows []byte) error {
		f.Reset(w)
		if err := inBits(f, rows); err != nil {
			return err
		}
		_, err := f.Close()
		return err
	}}
}

func encoder(w io.Writer, o ...zstd.EOption) *zstd.Encoder {
	z, err := zstd.NewWriter(w, append([]zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false)}, o...)...)
	must(err)
	return z
}

func stream(name string, o ...zstd.EOption) contestant {
	z := encoder(nil, o...)
	return contestant{name, func(w io.Writer, rows []byte) error {
		z.Reset(w)
		if err := inBits(z, rows); err != nil {
			return err
		}
		return z.Close()
	}}
}

func frames(name string, size int, o ...zstd.EOption) contestant {
	z := encoder(nil, o...)
	in, out := make([]byte, 0, size), []byte(nil)
	return contestant{name, func(w io.Writer, rows []byte) error {
		for part := range slices.Chunk(rows, size) {
			in = append(in[:0], part...) // as somebody would gather it
			out = z.EncodeAll(in, out[:0])
			if _, err := w.Write(out); err != nil {
				return err
			}
		}
		return nil
	}}
}

// inBits writes rows as they come from a connection.
func inBits(w io.Writer, rows []byte) error {
	for part := range slices.Chunk(rows, 64<<10) {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pieces gives the rows of an archive without compression, in pieces.
func pieces(file string, size int) (all [][]byte, total int) {
	b, err := os.ReadFile(file)
	must(err)
	check := archive.NewChecker(archive.Options{Kind: archive.KindCustom})
	check.Write(b)
	sum, err := check.Close()
	must(err)
	if sum.Compression != archive.CompressionNone {
		must(fmt.Errorf("%s has %s: make it with --compress=none", file, sum.Compression))
	}
	for _, i := range sum.Index {
		block := b[i.Offset : i.Offset+i.Length] // its chunks' lengths are a few bytes of each 128 KiB
		for part := range slices.Chunk(block, size) {
			all = append(all, part)
		}
		total += len(block)
	}
	return all, total
}

func processor() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func main() {
	rounds := flag.Int("rounds", 5, "rounds")
	piece := flag.Int("piece", 32, "size of a piece, in MiB")
	base := flag.String("base", "framer zstd:1", "what the others are compared with")
	only := flag.String("only", "", "expression that the names of the compared have")
	profile := flag.String("profile", "", "file for a profile of the processor's time")
	flag.Parse()
	some := regexp.MustCompile(*only)
	contestants = slices.DeleteFunc(contestants, func(c contestant) bool { return c.name != *base && !some.MatchString(c.name) })
	if *profile != "" {
		f, err := os.Create(*profile)
		must(err)
		must(pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	all, total := pieces(flag.Arg(0), *piece<<20)
	took, made := map[string][]float64{}, map[string]counter{}
	for range *rounds {
		for _, c := range contestants {
			var out counter
			start := processor()
			for _, p := range all {
				must(c.piece(&out, p))
			}
			took[c.name] = append(took[c.name], (processor() - start).Seconds())
			made[c.name] = out
		}
	}
	report(*base, total, took, made)
}

func report(base string, total int, took map[string][]float64, made map[string]counter) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\tprocessor time ÷ %s\tbytes ÷ %s\tMB per second of processor\t\n", base, base)
	for _, c := range contestants {
		var ratios []float64
		for i, t := range took[c.name] {
			ratios = append(ratios, t/took[base][i])
		}
		fmt.Fprintf(w, "%s\t%.2f (%.2f to %.2f)\t%.3f\t%.0f\t\n", c.name, median(ratios), slices.Min(ratios), slices.Max(ratios),
			float64(made[c.name])/float64(made[base]), float64(total)/1e6/median(took[c.name]))
	}
	must(w.Flush())
}

func median[T cmp.Ordered](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
