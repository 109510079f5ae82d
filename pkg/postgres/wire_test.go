package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// served is a message of a server.
func served(kind byte, body string) []byte {
	return append(append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))...), body...)
}

func TestWire(t *testing.T) {
	scram := func(rounds int) []byte {
		return served('R', "\x00\x00\x00\x0br=abc,s=c2FsdA==,i="+strconv.Itoa(rounds))
	}
	ok, notice := served('R', "\x00\x00\x00\x00"), served('N', "SNOTICE\x00Mi=9999999999\x00\x00")
	for name, c := range map[string]struct {
		stream []byte
		refuse bool
	}{
		"the usual":             {bytes.Join([][]byte{notice, scram(4096), ok, scram(2147483647)}, nil), false},
		"as many as may be":     {scram(maxIterations), false},
		"too many":              {scram(maxIterations + 1), true},
		"behind others":         {bytes.Join([][]byte{notice, notice, scram(4096), scram(2147483647)}, nil), true},
		"far back in a message": {served('R', "\x00\x00\x00\x0br="+strings.Repeat("n", 3000)+",s=c2FsdA==,i=2147483647"), true},
		"empty":                 {served('R', ""), false},
		"endless settings":      {append(slices.Clone(ok), bytes.Repeat(served('S', "x\x00"+strings.Repeat("y", 10_000)+"\x00"), 110)...), true},
		"much behind the login": {slices.Concat(ok, served('Z', "I"), bytes.Repeat(served('D', strings.Repeat("y", 10_000)), 110)), false},
		"ready before it is":    {append(served('Z', "I"), bytes.Repeat(notice, maxGreeting/len(notice)+1)...), true},
	} {
		for _, r := range []io.Reader{bytes.NewReader(c.stream), iotest.OneByteReader(bytes.NewReader(c.stream)), iotest.HalfReader(bytes.NewReader(c.stream))} {
			got, err := io.ReadAll(newWire(r, io.Discard))
			var refused *refusedAnswer
			if errors.As(err, &refused) != c.refuse || !c.refuse && !bytes.Equal(got, c.stream) {
				t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(c.stream), err)
			}
		}
	}
	// An answer ends; the next may be as long. Rows of COPY are no part of it.
	row, copied := served('D', strings.Repeat("x", 35)), served('d', strings.Repeat("x", 1000))
	x := newWire(bytes.NewReader(slices.Concat(row, copied, row)), io.Discard)
	x.most, x.loggedIn = 60, true
	buf := make([]byte, len(row)+len(copied))
	if _, err := io.ReadFull(x, buf); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Write([]byte("Q")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(x, buf[:len(row)]); err != nil {
		t.Fatal(err)
	}
	x = newWire(bytes.NewReader(slices.Concat(row, copied, row)), io.Discard)
	x.most, x.loggedIn = 60, true
	if n, err := io.Copy(io.Discard, iotest.OneByteReader(x)); err == nil || n > int64(len(buf)+20) {
		t.Errorf("%d bytes of one answer, %v", n, err)
	}
}

// However the stream is cut, the same is let through, and nothing that asks for too much.
func FuzzWire(f *testing.F) {
	f.Add(served('R', "\x00\x00\x00\x0br=abc,s=c2FsdA==,i=4096"))
	f.Add(append(served('S', "a\x00b\x00"), served('R', "\x00\x00\x00\x0br=abc,i=2147483647")...))
	f.Add([]byte{'R', 0, 0, 0, 0, 'R', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, err := io.ReadAll(newWire(bytes.NewReader(stream), io.Discard))
		cut, cutErr := io.ReadAll(newWire(iotest.OneByteReader(bytes.NewReader(stream)), io.Discard))
		if (err == nil) != (cutErr == nil) || err == nil && (!bytes.Equal(whole, stream) || !bytes.Equal(cut, stream)) {
			t.Fatalf("%d and %d of %d bytes, %v, %v", len(whole), len(cut), len(stream), err, cutErr)
		}
	})
}
