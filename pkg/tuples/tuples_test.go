package tuples

import (
	"testing"
)

// FuzzCounter: whatever comes as COPY's binary output, in pieces of any size, is counted alike, or refused.
func FuzzCounter(f *testing.F) {
	row := "\x00\x02\x00\x00\x00\x01a\xff\xff\xff\xff"
	for _, s := range []string{Header + End, Header + row + row + End, Header + "\x00\x00" + End, Header + row, Header[:15] + "\x00\x00\x00\x03abc" + row + End, Header + "\xff\xfe", Header + row + End + "x"} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		var whole, parts Counter
		_, err := whole.Write(data)
		if err == nil {
			err = whole.Close()
		}
		var perr error
		for rest := data; len(rest) > 0 && perr == nil; {
			n := min(max(piece, 1), len(rest))
			_, perr = parts.Write(rest[:n])
			rest = rest[n:]
		}
		if perr == nil {
			perr = parts.Close()
		}
		if (err == nil) != (perr == nil) || err == nil && whole.Rows != parts.Rows || whole.Rows < 0 || whole.Rows > int64(len(data)) {
			t.Errorf("%d rows, %v; in pieces of %d %d rows, %v", whole.Rows, err, piece, parts.Rows, perr)
		}
	})
}
