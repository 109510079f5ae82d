package contents

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"cofre/pkg/tuples"
)

// write gives data to a counter in pieces of random sizes, and returns what was counted.
func write(c Counter, data []byte, r *rand.Rand) (Tally, error) {
	c.Reset()
	for len(data) > 0 {
		n := 1 + r.Intn(min(len(data), 1+r.Intn(40)))
		if _, err := c.Write(data[:n]); err != nil {
			return Tally{}, err
		}
		data = data[n:]
	}
	return c.Tally()
}

// whole gives data to a counter in one piece.
func whole(t *testing.T, c Counter, data string) Tally {
	t.Helper()
	c.Reset()
	if _, err := c.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	got, err := c.Tally()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestText(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		name, data string
		rows       []string
	}{
		{"none", "", nil},
		{"none, as pg_dump writes it", "\\.\n\n\n", nil},
		{"two", "1\ta\n2\tb\n", []string{"1\ta", "2\tb"}},
		{"with the end mark", "1\ta\n2\tb\n\\.\n\n\n", []string{"1\ta", "2\tb"}},
		{"no columns", "\n\n\n", []string{"", "", ""}},
		{"no columns, as pg_dump writes it", "\n\n\\.\n\n\n", []string{"", ""}},
		{"like the end mark", "\\\\.\n\\.x\n\\N\n", []string{"\\\\.", "\\.x", "\\N"}},
		{"long", long + "\n" + long + "\n", []string{long, long}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want Tally
			for _, r := range c.rows {
				want.row(int64(len(r))+1, xxh3.HashString128(r))
			}
			if got := whole(t, &Text{}, c.data); got != want {
				t.Errorf("in one piece: %+v, not %+v", got, want)
			}
			for i := range int64(20) {
				if got, err := write(&Text{}, []byte(c.data), rand.New(rand.NewSource(i))); err != nil || got != want {
					t.Fatalf("in pieces, %d: %+v (%v), not %+v", i, got, err, want)
				}
			}
		})
	}
	for _, bad := range []string{"1\ta", "1\n\\.\n2\n", "1\n\\"} {
		if got, err := write(&Text{}, []byte(bad), rand.New(rand.NewSource(1))); err == nil {
			t.Errorf("%q was taken: %+v", bad, got)
		}
	}
}

// TestSum: the order of rows and how they are cut into pieces makes no difference; a row that is doubled, lost, or of which one
// bit is another does, also when there is an even number of it.
func TestSum(t *testing.T) {
	var rows []string
	for i := range 1000 {
		rows = append(rows, fmt.Sprintf("%d\t%d\n", i, i%7))
	}
	of := func(rows ...string) Tally { return whole(t, &Text{}, strings.Join(rows, "")) }
	want := of(rows...)
	r := rand.New(rand.NewSource(1))
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if got := of(rows...); got != want {
		t.Errorf("in another order: %+v, not %+v", got, want)
	}
	sum := of(rows[:300]...)
	sum.Add(of(rows[300:]...))
	if sum != want {
		t.Errorf("added up: %+v, not %+v", sum, want)
	}
	changed := append([]string{"1\t0\n"}, rows[1:]...)
	for name, other := range map[string]Tally{
		"doubled": of(append(rows, rows[5])...), "doubled twice": of(append(rows, rows[5], rows[5])...), "lost": of(rows[1:]...), "changed": of(changed...),
	} {
		if other.Hash == want.Hash {
			t.Errorf("%s: the same hash", name)
		}
	}
	if a, b := of("x\n", "x\n"), of("y\n", "y\n"); a.Hash == b.Hash || a.Hash == (Sum{}) {
		t.Error("rows that are there twice cancel each other out")
	}
}

func TestSumText(t *testing.T) {
	s := Sum{1, 0xffffffffffffffff}
	if got := s.Add(Sum{0, 1}); got != (Sum{2, 0}) {
		t.Errorf("no carry: %+v", got)
	}
	var back Sum
	if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s || s.String() != "0000000000000001ffffffffffffffff" {
		t.Errorf("%s became %+v (%v)", s, back, err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("g", 32), strings.Repeat("0", 33)} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q was taken for a hash", bad)
		}
	}
}

// tuple gives a row of COPY's binary format; nil is NULL.
func tuple(fields ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		if f == nil {
			b = binary.BigEndian.AppendUint32(b, 0xffffffff)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

// binaryCopy gives COPY's binary output, with an extension in its header.
func binaryCopy(extension string, rows ...[]byte) []byte {
	b := append([]byte(tuples.Header[:11]), 0, 0, 0, 0)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(extension))), extension...)
	return append(append(b, bytes.Join(rows, nil)...), 0xff, 0xff)
}

func TestBinary(t *testing.T) {
	rows := [][]byte{tuple([]byte("a"), nil, []byte{}), tuple(), tuple(bytes.Repeat([]byte("\xff\xff"), 50_000)), tuple([]byte("\n"), []byte("\\.\n"))}
	var want Tally
	for _, r := range rows {
		want.row(int64(len(r)), xxh3.Hash128(r))
	}
	for _, extension := range []string{"", "more"} {
		data := binaryCopy(extension, rows...)
		if got := whole(t, &Binary{}, string(data)); got != want {
			t.Errorf("in one piece: %+v, not %+v", got, want)
		}
		for i := range int64(20) {
			if got, err := write(&Binary{}, data, rand.New(rand.NewSource(i))); err != nil || got != want {
				t.Fatalf("in pieces, %d: %+v (%v), not %+v", i, got, err, want)
			}
		}
	}
	good := binaryCopy("", rows...)
	for name, bad := range map[string][]byte{
		"nothing": {}, "text": []byte("1\ta\n2\tb with a long text\n"), "no end": good[:len(good)-2], "cut off": good[:len(good)-9],
		"behind the end": append(good, 1), "a field of -2 bytes": binaryCopy("", []byte{0, 1, 0xff, 0xff, 0xff, 0xfe}), "-2 fields": binaryCopy("", []byte{0xff, 0xfe}),
		"flags": append([]byte(tuples.Header[:11]), 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
	} {
		if got, err := write(&Binary{}, bad, rand.New(rand.NewSource(1))); err == nil {
			t.Errorf("%s: was taken: %+v", name, got)
		}
	}
}

// FuzzText: what is counted is what splitting into lines gives, however it is cut into pieces.
func FuzzText(f *testing.F) {
	f.Add([]byte("1\ta\n2\tb\n\\.\n\n\n"))
	f.Add([]byte("\\.\n\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var want Tally
		good := true
		for lines := bytes.SplitAfter(data, []byte("\n")); len(lines[0]) > 0; lines = lines[1:] {
			row, complete := bytes.CutSuffix(lines[0], []byte("\n"))
			if !complete {
				good = false
				break
			}
			if string(row) == endMark {
				good = len(bytes.Trim(bytes.Join(lines[1:], nil), "\n")) == 0
				break
			}
			want.row(int64(len(lines[0])), xxh3.Hash128(row))
		}
		got, err := write(&Text{}, data, rand.New(rand.NewSource(int64(len(data)))))
		if good != (err == nil) || good && got != want {
			t.Fatalf("%+v (%v), not %+v (%t)", got, err, want, good)
		}
	})
}

// FuzzBinary: how the bytes are cut into pieces makes no difference.
func FuzzBinary(f *testing.F) {
	f.Add(binaryCopy("x", tuple([]byte("a"), nil), tuple()))
	f.Fuzz(func(t *testing.T, data []byte) {
		var one, many Binary
		_, err1 := one.Write(data)
		got1, end1 := one.Tally()
		got2, err2 := write(&many, data, rand.New(rand.NewSource(int64(len(data)))))
		if err1 == nil {
			err1 = end1
		}
		if (err1 == nil) != (err2 == nil) || err1 == nil && got1 != got2 {
			t.Fatalf("in one piece: %+v, %v\nin many: %+v, %v", got1, err1, got2, err2)
		}
	})
}
