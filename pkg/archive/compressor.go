package archive

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// compressor compresses one piece after the other.
type compressor interface {
	io.Writer
	reset(w io.Writer) // begins a piece, whatever became of the one before
	end() error        // everything has been written
}

func newCompressor(c Compression, level int) (compressor, error) {
	limits := map[Compression][2]int{CompressionNone: {0, 0}, CompressionGzip: {0, 9}, CompressionLZ4: {0, 12}, CompressionZstd: {0, 22}}
	l, known := limits[c]
	if !known {
		return nil, fmt.Errorf("archive: unknown compression %q", c)
	}
	if level < l[0] || level > l[1] {
		return nil, fmt.Errorf("archive: %s has no level %d", c, level)
	}
	switch c {
	case CompressionGzip:
		return newDeflate(level)
	case CompressionLZ4:
		return newLZ4(level)
	case CompressionZstd:
		return newZstdEncoder(level)
	}
	return &plainPiece{}, nil
}

// plainPiece does not compress.
type plainPiece struct{ io.Writer }

func (p *plainPiece) reset(w io.Writer) { p.Writer = w }
func (p *plainPiece) end() error        { return nil }

// deflatePiece makes deflate blocks that refer to nothing before the piece and end at a byte.
type deflatePiece struct{ *flate.Writer }

func newDeflate(level int) (compressor, error) {
	w, err := flate.NewWriter(io.Discard, max(level, 1))
	return deflatePiece{w}, err
}

func (p deflatePiece) reset(w io.Writer) { p.Writer.Reset(w) }
func (p deflatePiece) end() error        { return p.Flush() }

// lz4Piece makes an LZ4 frame. Blocks of 256 KiB compress nearly as well as larger ones, and bound the memory.
type lz4Piece struct{ *lz4.Writer }

// lz4Levels are the library's names of lz4's levels from 3 on, below which it compresses fast.
var lz4Levels = []lz4.CompressionLevel{lz4.Level3, lz4.Level4, lz4.Level5, lz4.Level6, lz4.Level7, lz4.Level8, lz4.Level9}

func newLZ4(level int) (compressor, error) {
	l := lz4.Fast
	if level >= 3 {
		l = lz4Levels[min(level-3, len(lz4Levels)-1)]
	}
	w := lz4.NewWriter(io.Discard)
	err := w.Apply(lz4.BlockSizeOption(lz4.Block256Kb), lz4.ChecksumOption(false), lz4.CompressionLevelOption(l))
	return lz4Piece{w}, err
}

func (p lz4Piece) reset(w io.Writer) { p.Writer.Reset(w) }
func (p lz4Piece) end() error        { return p.Close() }

// zstdPiece makes a zstd frame.
type zstdPiece struct{ *zstd.Encoder }

// fastWindow is how far back matches are looked for at the levels below 3, in bytes: a larger window finds hardly more
// there, and takes its size twice.
const fastWindow = 1 << 20

// newZstdEncoder makes an encoder that needs no more memory than pg_restore has for it (a window of 8 MiB at most).
//
// Skewed literals are compressed where nothing repeats, too: the fast levels leave them as they are by themselves, and
// so bytea's hex digits in their full length, which on mixed data makes 17 % more than libzstd:1 instead of 2 % less, at
// the same cost. Figures are in docs/benchmarks.md, made by bench/compress.
func newZstdEncoder(level int) (compressor, error) {
	options := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithAllLitEntropyCompression(true)}
	l := zstd.EncoderLevelFromZstd(max(level, 1))
	if l == zstd.SpeedFastest {
		options = append(options, zstd.WithWindowSize(fastWindow))
	}
	z, err := zstd.NewWriter(nil, append(options, zstd.WithEncoderLevel(l))...)
	return zstdPiece{z}, err
}

func (p zstdPiece) reset(w io.Writer) { p.Encoder.Reset(w) }
func (p zstdPiece) end() error        { return p.Close() }
