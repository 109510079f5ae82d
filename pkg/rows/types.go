package rows

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Enum is the name by which any enumerated type goes: its binary form is its label.
const Enum = "enum"

// binaryType is how a type's binary form becomes text. One of three: it is the text (pass); it is gathered and becomes text at once,
// of bytes or at most most bytes; or it begins with want bytes for step, which says what comes next.
type binaryType struct {
	pass  bool
	bytes int
	most  int
	text  func(dst, b []byte) ([]byte, error)

	want int
	step func(v *value, b []byte) error
	last func(v *value) error
}

// binaryTypes are the types whose binary form is read, by their names in pg_type. All are PostgreSQL's own, and of each
//
//   - the binary form has been the same since PostgreSQL 14 and holds no oid of a type or an object, so that it means the same in
//     every database (aclitem has none; regclass and its like are oids);
//   - a value that was restored has the same binary form again. Arrays have not: one that once held a NULL says that it may;
//   - the text depends on no setting but those of pg_dump, and on the time zone, which is UTC here. That of money does, and of xml.
//
// The forms are in PostgreSQL's src/backend/utils/adt, in the functions whose names end with send.
var binaryTypes = map[string]binaryType{
	"text": {pass: true}, "varchar": {pass: true}, "bpchar": {pass: true}, "name": {pass: true}, "json": {pass: true}, Enum: {pass: true},
	"jsonb": {want: 1, step: versionOne}, "jsonpath": {want: 1, step: versionOne},
	"bytea": {step: hexBegin},
	"bit":   {want: 4, step: bitCount}, "varbit": {want: 4, step: bitCount},

	"bool": {bytes: 1, text: boolText},
	"int2": {bytes: 2, text: func(dst, b []byte) ([]byte, error) {
		return strconv.AppendInt(dst, int64(int16(binary.BigEndian.Uint16(b))), 10), nil
	}},
	"int4": {bytes: 4, text: int4Text},
	"int8": {bytes: 8, text: func(dst, b []byte) ([]byte, error) { return strconv.AppendInt(dst, i64(b), 10), nil }},
	"oid": {bytes: 4, text: func(dst, b []byte) ([]byte, error) {
		return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(b)), 10), nil
	}},
	"xid8":    {bytes: 8, text: func(dst, b []byte) ([]byte, error) { return strconv.AppendUint(dst, uint64(i64(b)), 10), nil }},
	"pg_lsn":  {bytes: 8, text: lsnText},
	"float4":  {bytes: 4, text: func(dst, b []byte) ([]byte, error) { return appendFloat4(dst, b), nil }},
	"float8":  {bytes: 8, text: func(dst, b []byte) ([]byte, error) { return appendFloat8(dst, b), nil }},
	"numeric": {most: maxNumeric, text: numericText},
	"uuid":    {bytes: 16, text: uuidText},
	"macaddr": {bytes: 6, text: colons}, "macaddr8": {bytes: 8, text: colons},
	"inet": {most: 20, text: networkText}, "cidr": {most: 20, text: networkText},

	"date": {bytes: 4, text: dateText}, "time": {bytes: 8, text: timeText}, "timetz": {bytes: 12, text: timetzText},
	"timestamp": {bytes: 8, text: timestampText}, "timestamptz": {bytes: 8, text: timestamptzText}, "interval": {bytes: 16, text: intervalText},

	"point": {bytes: 16, text: func(dst, b []byte) ([]byte, error) { return appendPoint(dst, b), nil }},
	"lseg": {bytes: 32, text: func(dst, b []byte) ([]byte, error) {
		return append(appendPoint(append(appendPoint(append(dst, '['), b), ','), b[16:]), ']'), nil
	}},
	"box": {bytes: 32, text: func(dst, b []byte) ([]byte, error) {
		return appendPoint(append(appendPoint(dst, b), ','), b[16:]), nil
	}},
	"line": {bytes: 24, text: func(dst, b []byte) ([]byte, error) {
		dst = append(appendFloat8(append(dst, '{'), b), ',')
		return append(appendFloat8(append(appendFloat8(dst, b[8:]), ','), b[16:]), '}'), nil
	}},
	"circle": {bytes: 24, text: func(dst, b []byte) ([]byte, error) {
		return append(appendFloat8(append(appendPoint(append(dst, '<'), b), ','), b[16:]), '>'), nil
	}},
	"path": {want: 5, step: pathBegin}, "polygon": {want: 4, step: polygonBegin},

	"tsvector": {most: maxTSVector, text: tsvectorText},
}

// ranges are those of PostgreSQL's own, with the type of their bounds, and the multirange of it.
var ranges = [][3]string{
	{"int4range", "int4", "int4multirange"}, {"int8range", "int8", "int8multirange"}, {"numrange", "numeric", "nummultirange"},
	{"tsrange", "timestamp", "tsmultirange"}, {"tstzrange", "timestamptz", "tstzmultirange"}, {"daterange", "date", "datemultirange"},
}

func init() {
	for _, r := range ranges {
		bound := binaryTypes[r[1]]
		one := func(dst, b []byte) ([]byte, error) { return rangeText(dst, b, bound) }
		binaryTypes[r[0]] = binaryType{most: maxRange, text: one}
		binaryTypes[r[2]] = multirange(one)
	}
}

// BinaryTypes lists the types whose binary rows are read, by their names in pg_type, and Enum.
func BinaryTypes() []string { return slices.Sorted(maps.Keys(binaryTypes)) }

// IsBinaryType reports whether binary rows of a type are read.
func IsBinaryType(name string) bool { _, is := binaryTypes[name]; return is }

func i64(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }
func i32(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) }

// versionOne is the byte before text: the version of the form.
func versionOne(v *value, b []byte) error {
	if b[0] != 1 {
		return notValue("its form has version %d", b[0])
	}
	v.stream = passOn
	return nil
}

// hexBegin begins to write bytea.
func hexBegin(v *value, _ []byte) error {
	v.stream = func(v *value, p []byte) error {
		v.text = hex.AppendEncode(v.text[:0], p)
		return v.out(v.text)
	}
	return v.out([]byte(`\x`))
}

func bitCount(v *value, b []byte) error {
	v.left = int(i32(b))
	if v.left < 0 {
		return notValue("%d bits", v.left)
	}
	v.stream = bits
	return nil
}

func bits(v *value, p []byte) error {
	v.text = v.text[:0]
	for _, c := range p {
		if v.left == 0 {
			return notValue("more bits than it has")
		}
		for i := 7; i >= 0 && v.left > 0; i-- {
			v.text = append(v.text, '0'+c>>i&1)
			v.left--
		}
	}
	return v.out(v.text)
}

func boolText(dst, b []byte) ([]byte, error) {
	if b[0] != 0 {
		return append(dst, 't'), nil
	}
	return append(dst, 'f'), nil
}

func int4Text(dst, b []byte) ([]byte, error) { return strconv.AppendInt(dst, int64(i32(b)), 10), nil }

func lsnText(dst, b []byte) ([]byte, error) {
	dst = appendUpperHex(dst, binary.BigEndian.Uint32(b))
	return appendUpperHex(append(dst, '/'), binary.BigEndian.Uint32(b[4:])), nil
}

func appendUpperHex(dst []byte, n uint32) []byte {
	at := len(dst)
	dst = strconv.AppendUint(dst, uint64(n), 16)
	for i := at; i < len(dst); i++ {
		if dst[i] >= 'a' {
			dst[i] -= 'a' - 'A'
		}
	}
	return dst
}

func uuidText(dst, b []byte) ([]byte, error) {
	for i, n := range []int{0, 4, 6, 8, 10} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, b[n:[]int{4, 6, 8, 10, 16}[i]])
	}
	return dst, nil
}

func colons(dst, b []byte) ([]byte, error) {
	for i := range b {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = hex.AppendEncode(dst, b[i:i+1])
	}
	return dst, nil
}

// Numbers of numeric's form (numeric.c): digits have base 10000.
const (
	numericNegative = 0x4000
	numericNaN      = 0xc000
	numericInfinity = 0xd000
	numericMinus    = 0xf000 // -Infinity
	maxNumeric      = 8 + 2*math.MaxUint16
)

func numericText(dst, b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, notValue("%d bytes", len(b))
	}
	count, weight := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:])))
	sign, scale := binary.BigEndian.Uint16(b[4:]), int(binary.BigEndian.Uint16(b[6:]))
	digits := b[8:]
	if len(digits) != 2*count || scale > 0x3fff {
		return nil, notValue("%d digits and a scale of %d in %d bytes", count, scale, len(b))
	}
	switch sign {
	case numericNaN:
		return append(dst, "NaN"...), nil
	case numericInfinity:
		return append(dst, "Infinity"...), nil
	case numericMinus:
		return append(dst, "-Infinity"...), nil
	case numericNegative:
		dst = append(dst, '-')
	case 0:
	default:
		return nil, notValue("a sign of %x", sign)
	}
	digit := func(i int) int { // the one of 10000^(weight-i)
		if i < 0 || i >= count {
			return 0
		}
		return int(binary.BigEndian.Uint16(digits[2*i:]))
	}
	for i := range count {
		if digit(i) > 9999 {
			return nil, notValue("a digit of %d", digit(i))
		}
	}
	if weight < 0 {
		dst = append(dst, '0')
	} else {
		dst = strconv.AppendInt(dst, int64(digit(0)), 10)
		for i := 1; i <= weight; i++ {
			dst = append4(dst, digit(i))
		}
	}
	if scale == 0 {
		return dst, nil
	}
	dst = append(dst, '.')
	until := len(dst) + scale
	for i := weight + 1; len(dst) < until; i++ {
		dst = append4(dst, digit(i))
	}
	return dst[:until], nil
}

// append4 adds four decimal digits.
func append4(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/1000%10), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}
