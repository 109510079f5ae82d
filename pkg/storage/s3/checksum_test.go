package s3

import (
	"math/rand/v2"
	"testing"
)

func TestCRCJoin(t *testing.T) {
	b := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{1}).Read(b)
	for _, cut := range []int{0, 1, 7, 8, 9, 4096, 100_000, len(b) - 1, len(b)} {
		if got, want := crcJoin(crcOf(b[:cut]), crcOf(b[cut:]), int64(len(b)-cut)), crcOf(b); got != want {
			t.Errorf("cut at %d: %016x, want %016x", cut, got, want)
		}
	}
	// "123456789": the check value of CRC-64/NVME.
	if got := crcOf([]byte("123456789")); got != 0xae8b14860a799888 {
		t.Errorf("check value %016x", got)
	}
	if got := CRCText(0xae8b14860a799888); got != "rosUhgp5mIg=" {
		t.Errorf("text %s", got)
	}
}

func TestCRCJoinLong(t *testing.T) {
	// Appending zeros in two steps is the same as in one, at lengths no test can hold.
	zeros := func(crc uint64, n int64) uint64 { return crcJoin(crc, 0, n) }
	a := zeros(12345, 3<<40)
	b := zeros(zeros(12345, 2<<40+17), 1<<40-17)
	if a != b {
		t.Errorf("%016x and %016x", a, b)
	}
}

func TestETagMD5(t *testing.T) {
	for etag, want := range map[string]bool{
		`"d41d8cd98f00b204e9800998ecf8427e"`: true, `d41d8cd98f00b204e9800998ecf8427e-17`: true,
		`"CRC64NVME-rosUhgp5mIg="`: false, ``: false, `"x"`: false, `W/"d41d8cd98f00b204e9800998ecf8427e"`: false,
	} {
		if _, _, ok := etagMD5(etag); ok != want {
			t.Errorf("%s: %t", etag, ok)
		}
	}
}
