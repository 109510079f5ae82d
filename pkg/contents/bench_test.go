package contents

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/zeebo/xxh3"
)

// BenchmarkText: what counting costs, by the length of a row. Bytes come in pieces of 128 KiB, as a decompressor gives them.
func BenchmarkText(b *testing.B) {
	for _, length := range []int{20, 100, 1000, 1 << 20} {
		data := lines(length)
		b.Run(fmt.Sprint(length), func(b *testing.B) { count(b, &Text{}, data, nil) })
	}
}

func BenchmarkBinary(b *testing.B) {
	for _, fields := range []int{1, 10} {
		row := tuple(bytes.Split(bytes.Repeat([]byte("12345678,"), fields)[:9*fields-1], []byte(","))...)
		data := bytes.Repeat(row, (8<<20)/len(row))
		b.Run(fmt.Sprint(fields), func(b *testing.B) { count(b, &Binary{}, data, binaryCopy("")[:19]) })
	}
}

// count gives data to a counter again and again, behind a header.
func count(b *testing.B, c Counter, data, header []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		c.Reset()
		c.Write(header)
		for p := data; len(p) > 0; {
			n := min(len(p), 128<<10)
			if _, err := c.Write(p[:n]); err != nil {
				b.Fatal(err)
			}
			p = p[n:]
		}
	}
}

func lines(length int) []byte {
	row := append(bytes.Repeat([]byte("a"), length-1), '\n')
	return bytes.Repeat(row, (8<<20)/length)
}

// BenchmarkRowHash compares hashes for the rows of a table, 100 bytes each. The sum is the same work for both.
func BenchmarkRowHash(b *testing.B) {
	var used byte
	for name, hash := range map[string]func([]byte) byte{
		"xxh3-128": func(p []byte) byte { return byte(xxh3.Hash128(p).Lo) },
		"sha256":   func(p []byte) byte { return sha256.Sum256(p)[0] },
	} {
		b.Run(name, func(b *testing.B) {
			data := lines(100)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				for p := data; len(p) > 0; {
					i := bytes.IndexByte(p, '\n')
					used += hash(p[:i])
					p = p[i+1:]
				}
			}
		})
	}
	_ = used
}
