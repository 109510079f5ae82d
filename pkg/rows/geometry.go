package rows

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
)

// appendFloat8 writes a double precision number as float8out does.
func appendFloat8(dst, b []byte) []byte {
	return appendFloat(dst, math.Float64frombits(binary.BigEndian.Uint64(b)), 64)
}

func appendFloat4(dst, b []byte) []byte {
	return appendFloat(dst, float64(math.Float32frombits(binary.BigEndian.Uint32(b))), 32)
}

// appendFloat writes the fewest digits that stand for f alone. PostgreSQL (src/common/d2s.c, f2s.c) takes none that lie just in the
// middle between two numbers, which Go does where that is rounded to f: 1e23 is 9.999999999999999e+22. Where two of so many digits are
// as near, it takes the even one: 2^-12 is 0.00024414062 as real, 0.00024414063 in Go.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0 && !math.Signbit(f):
		return append(dst, '0')
	case f == 0:
		return append(dst, "-0"...)
	}
	var buf [32]byte
	e := strconv.AppendFloat(buf[:0], f, 'e', -1, bits) // d.ddde±xx
	for precision := len(mantissa(e)); inTheMiddle(e, f, bits); precision++ {
		e = strconv.AppendFloat(buf[:0], f, 'e', precision, bits)
	}
	if nearest := strconv.AppendFloat(nil, f, 'e', len(mantissa(e))-1, bits); !bytes.Equal(nearest, e) && !inTheMiddle(nearest, f, bits) {
		if back, err := strconv.ParseFloat(string(nearest), bits); err == nil && back == f {
			e = nearest
		}
	}
	if e[0] == '-' {
		dst, e = append(dst, '-'), e[1:]
	}
	digits, exponent := mantissa(e), exponentOf(e)
	most := 15
	if bits == 32 {
		most = 6
	}
	if exponent < -4 || exponent >= most {
		return append(dst, e...)
	}
	if exponent < 0 {
		dst = append(dst, "0."...)
		for i := exponent + 1; i < 0; i++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	for i, d := range digits {
		if i == exponent+1 {
			dst = append(dst, '.')
		}
		dst = append(dst, d)
	}
	for i := len(digits); i <= exponent; i++ {
		dst = append(dst, '0')
	}
	return dst
}

// mantissa gives the digits of d.ddde±xx.
func mantissa(e []byte) []byte {
	out := make([]byte, 0, 24)
	for _, c := range e {
		if c == 'e' {
			break
		}
		if c != '.' && c != '-' {
			out = append(out, c)
		}
	}
	return out
}

func exponentOf(e []byte) int {
	for i, c := range e {
		if c == 'e' {
			n, _ := strconv.Atoi(string(e[i+1:]))
			return n
		}
	}
	return 0
}

// inTheMiddle reports whether the decimal number e is as far from f as from a number beside it.
func inTheMiddle(e []byte, f float64, bits int) bool {
	digits, exponent := mantissa(e), exponentOf(e)
	// Such a number is one of at most 54 bits times a power of two, in which there are no more than 23 fives; and 17 digits are no multiple
	// of more than 24.
	if last := exponent - len(digits) + 1; last < -25 || last > 25 {
		return false
	}
	x, ok := new(big.Rat).SetString(string(e))
	if !ok {
		return false
	}
	away := new(big.Rat).Sub(x, new(big.Rat).SetFloat64(f))
	if away.Sign() == 0 {
		return false
	}
	step := new(big.Rat).SetFloat64(stepTowards(f, math.Inf(away.Sign()), bits))
	return away.Abs(away).Add(away, away).Cmp(step) == 0
}

// stepTowards is how far it is from f to the number beside it, on the side of infinity. Beyond the largest number there would be one as
// far away as the one before it.
func stepTowards(f, infinity float64, bits int) float64 {
	next := math.Nextafter(f, infinity)
	if bits == 32 {
		next = float64(math.Nextafter32(float32(f), float32(infinity)))
	}
	if math.IsInf(next, 0) {
		return stepTowards(f, 0, bits)
	}
	return math.Abs(next - f)
}

// appendPoint writes two numbers of 8 bytes.
func appendPoint(dst, b []byte) []byte {
	return append(appendFloat8(append(appendFloat8(append(dst, '('), b), ','), b[8:]), ')')
}

// pathBegin takes whether a path is closed, and the number of its points.
func pathBegin(v *value, b []byte) error {
	open, closes := "(", ")"
	if b[0] == 0 {
		open, closes = "[", "]"
	}
	return beginPoints(v, open, closes, i32(b[1:]))
}

func polygonBegin(v *value, b []byte) error { return beginPoints(v, "(", ")", i32(b)) }

func beginPoints(v *value, open, closes string, count int32) error {
	if count <= 0 {
		return notValue("%d points", count)
	}
	v.left, v.want, v.step = int(count), 16, nextPoint
	v.last = func(v *value) error { return v.out([]byte(closes)) }
	return v.out([]byte(open))
}

func nextPoint(v *value, b []byte) error {
	v.text = v.text[:0]
	if v.more {
		v.text = append(v.text, ',')
	}
	v.more = true
	if v.left--; v.left > 0 {
		v.want = 16
	}
	v.text = appendPoint(v.text, b)
	return v.out(v.text)
}
