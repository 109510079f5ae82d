package archive

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"
	"testing/iotest"

	"cofre/pkg/fault"
)

func failAfter(b []byte, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(b), iotest.ErrReader(err))
}

// places gives the bytes of an archive to cut at or to change: all at its beginning and end and around the first block,
// and some of the others. To try them all takes minutes.
func places(length, first int) []int {
	var out []int
	for i := range length {
		if i < 400 || i >= length-200 || i >= first-100 && i < first+200 || i%29 == 0 {
			out = append(out, i)
		}
	}
	return out
}

// TestTruncated cuts archives: none of the pieces is whole.
func TestTruncated(t *testing.T) {
	for _, s := range seeds {
		b := read(t, s.name)
		whole, err := checkPieces(b, Options{}, rand.New(rand.NewSource(1)))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range places(len(b), int(whole.HeadLength)) {
			_, err := checkPieces(b[:n], Options{}, rand.New(rand.NewSource(int64(n))))
			switch {
			case strings.HasSuffix(s.name, ".sql"):
				if whole := len(bytes.TrimRight(b, "\n")); err == nil && n < whole {
					t.Fatalf("%s: %d bytes of %d pass", s.name, n, len(b))
				}
			case s.how == redirected && err == nil:
				// What is missing is the whole second table of contents: the archive is complete without it.
				last := whole.Index[len(whole.Index)-1]
				if int64(n) != last.Offset+last.Length {
					t.Fatalf("%s: %d bytes of %d pass", s.name, n, len(b))
				}
			case !fault.HasReason(err, fault.StructureDamaged):
				t.Fatalf("%s: %d bytes of %d: %v", s.name, n, len(b), err)
			}
			var fe *FormatError
			if err != nil && (!errors.As(err, &fe) || fe.Offset > int64(n)) {
				t.Fatalf("%s: %d bytes of %d: at %v", s.name, n, len(b), fe)
			}
		}
	}
}

// TestFlipped changes bytes. Nothing may panic or hang; in tables compressed with a checksum every change is
// found, and elsewhere those are found that change the structure (the object's SHA-256 is there for the others).
func TestFlipped(t *testing.T) {
	for _, s := range seeds {
		if strings.HasSuffix(s.name, ".sql") {
			continue
		}
		b := read(t, s.name)
		head, err := ReadHead(ctx, bytes.NewReader(b), Options{})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := checkPieces(b, Options{}, rand.New(rand.NewSource(1)))
		if err != nil {
			t.Fatal(err)
		}
		dataEnd := head.Length
		if n := len(whole.Index); n > 0 {
			dataEnd = whole.Index[n-1].Offset + whole.Index[n-1].Length
		}
		r := rand.New(rand.NewSource(1))
		for _, i := range places(len(b), int(head.Length)) {
			mutant := bytes.Clone(b)
			mutant[i] ^= 1 << r.Intn(8)
			_, quick := checkPieces(mutant, Options{Kind: KindCustom}, r)
			inData := int64(i) >= head.Length && int64(i) < dataEnd
			if !inData || i%2 != 0 || strings.Contains(s.name, "long") { // decompressing takes its time
				continue
			}
			_, err := Check(ctx, bytes.NewReader(mutant), Options{Kind: KindCustom, Decompress: true, MaxMemory: 1 << 20})
			if quick != nil && err == nil {
				t.Fatalf("%s, byte %d: only Checker finds %v", s.name, i, quick)
			}
			if err == nil && head.Compression == CompressionGzip && !isHarmless(whole, b, mutant, i) {
				t.Errorf("%s, byte %d: a change in compressed data is not found", s.name, i)
			}
		}
	}
}

// isHarmless tells whether a change at byte i is to a large object's oid, which only the hash of the whole object
// protects, or to one of the bits that deflate leaves unused, so that the data is the same.
func isHarmless(s Summary, b, mutant []byte, i int) bool {
	for _, x := range s.Index {
		if int64(i) < x.Offset || int64(i) >= x.Offset+x.Length {
			continue
		}
		return x.LargeObjects > 0 || bytes.Equal(inflate(b[x.Offset:]), inflate(mutant[x.Offset:]))
	}
	return false
}

// inflate reads the first chunk of a block of data with the standard library.
func inflate(block []byte) []byte {
	chunk := block[1+5+5:]
	z, err := zlib.NewReader(bytes.NewReader(chunk))
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(z)
	if err != nil {
		return nil
	}
	return out
}

// TestAppended: what follows the end is found.
func TestAppended(t *testing.T) {
	for _, s := range seeds {
		b := read(t, s.name)
		for _, more := range [][]byte{{0}, {1}, {3}, b, []byte("SELECT 1;\n")} {
			if strings.HasSuffix(s.name, ".sql") && len(more) == len(b) {
				continue // two dumps in one file are psql's business
			}
			if _, err := Check(ctx, bytes.NewReader(append(bytes.Clone(b), more...)), Options{}); !fault.HasReason(err, fault.StructureDamaged) {
				t.Errorf("%s and %.9q: %v", s.name, more, err)
			}
		}
	}
}

// TestSourceErrors: an archive that could not be read is not called damaged.
func TestSourceErrors(t *testing.T) {
	broken := errors.New("connection reset")
	for _, s := range seeds {
		b := read(t, s.name)
		for _, n := range []int{0, 10, 5000, len(b)} {
			for _, decompress := range []bool{false, true} {
				_, err := Check(ctx, failAfter(b[:min(n, len(b))], broken), Options{Decompress: decompress})
				if err != broken {
					t.Errorf("%s after %d bytes: %v", s.name, n, err)
				}
			}
		}
	}
}

func TestNotAnArchive(t *testing.T) {
	for input, want := range map[string]string{
		"":                                   "empty",
		"hello":                              "begins neither",
		strings.Repeat("hello", 1000):        "begins neither",
		"\x1f\x8b\x08\x00":                   "gzip file",
		"age-encryption.org/v1\n-> X25519 a": "age file",
		"PGDMP":                              "too early",
		"PGDMP\x01\x0b\x00\x04\x08\x01":      "older than PostgreSQL 9.0",
		"PGDMP\x01\x10\x00\x04\x08\x05\x00":  "directory archive",
		"PGDMP\x01\x10\x00\x20\x08\x01\x00":  "integers of 32 bytes",
		"PGDMP\x01\x10\x00\x04\x08\x01\x07":  "unknown compression 7",
		plainOpening:                         "cut off",
	} {
		_, err := Check(ctx, strings.NewReader(input), Options{Decompress: true})
		if !fault.HasReason(err, fault.StructureDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", input, err)
		}
	}
	_, err := Check(ctx, strings.NewReader("PGDMP\x01\x11\x00\x04\x08\x01"), Options{})
	if !fault.HasReason(err, fault.NewerVersion) {
		t.Errorf("a newer format: %v", err)
	}
	if _, err := Check(ctx, bytes.NewReader(read(t, "pg18.sql")), Options{Kind: KindCustom}); err == nil || !strings.Contains(err.Error(), "plain") {
		t.Errorf("SQL where an archive should be: %v", err)
	}
	if _, err := Check(ctx, bytes.NewReader(read(t, "pg18-zstd.dump")), Options{Kind: KindPlain}); err == nil {
		t.Error("an archive passes where SQL should be")
	}
}

// TestPlainChanged: another \unrestrict key, or none, is no dump's end.
func TestPlainChanged(t *testing.T) {
	s := string(read(t, "pg18.sql"))
	i := strings.LastIndex(s, `\unrestrict `)
	for _, changed := range []string{
		s[:i], s[:i] + "\\unrestrict x\n", s[:i] + strings.ToUpper(s[i:]), s + "\\! rm\n", strings.Replace(s, "\\restrict ", "-- ", 1),
	} {
		if _, err := Check(ctx, strings.NewReader(changed), Options{}); err == nil {
			t.Errorf("%q passes", changed[len(changed)-80:])
		}
	}
	// Dumps from before \restrict.
	old := plainOpening + "\nSELECT 1;\n" + plainClosing + "\n"
	if _, err := Check(ctx, strings.NewReader(old), Options{}); err != nil {
		t.Error(err)
	}
}

func TestClosedChecker(t *testing.T) {
	c := NewChecker(Options{})
	c.Write(read(t, "pg18-zstd.dump"))
	if _, err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("more")); err == nil {
		t.Error("a closed checker takes more")
	}
}
