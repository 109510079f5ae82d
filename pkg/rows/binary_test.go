package rows

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/tuples"
)

// tuple makes a binary row; a nil field is NULL.
func tuple(fields ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		if f == nil {
			b = binary.BigEndian.AppendUint32(b, math.MaxUint32)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

func stream(rows ...[]byte) string {
	return tuples.Header + string(bytes.Join(rows, nil)) + tuples.End
}

// asPgDump are the settings of pg_dump's session; UTC is ours.
const asPgDump = `SET DateStyle = ISO; SET IntervalStyle = postgres; SET extra_float_digits = 3; SET TimeZone = 'UTC'; SET bytea_output = hex;`

// server is a session with such settings.
type server struct {
	t    *testing.T
	conn *pgconn.PgConn
}

func newServer(t *testing.T, major int) server {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), testenv.Postgres(t, major).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	s := server{t, conn}
	s.exec(asPgDump)
	return s
}

func (s server) exec(sql string) {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), sql).ReadAll(); err != nil {
		s.t.Fatalf("%v\n%s", err, sql)
	}
}

func (s server) copyTo(what string) string {
	s.t.Helper()
	var out strings.Builder
	if _, err := s.conn.CopyTo(s.t.Context(), &out, "COPY "+what); err != nil {
		s.t.Fatal(what, err)
	}
	return out.String()
}

func (s server) copyFrom(in, what string) {
	s.t.Helper()
	if _, err := s.conn.CopyFrom(s.t.Context(), strings.NewReader(in), "COPY "+what); err != nil {
		s.t.Fatal(what, err)
	}
}

// values are of each type those that are hard, as SQL. 200 random ones come beside them where there is an expression for them.
var values = map[string]struct{ edges, random string }{
	"bool":     {`true; false`, ``},
	"int2":     {`-32768; 32767; 0`, ``},
	"int4":     {`-2147483648; 2147483647; 0`, ``},
	"int8":     {`-9223372036854775808; 9223372036854775807; 0`, ``},
	"oid":      {`0; 4294967295; 2147483648`, ``},
	"xid8":     {`'0'; '18446744073709551615'`, ``},
	"float4":   {`'NaN'; 'Infinity'; '-Infinity'; '-0'; 0; 1e6; 999999; 1e-5; 1e-4; '1.4e-45'; '3.4028235e38'; 8.5e9; 16777216; 33554432; 0.1; 1.17549435e-38`, `(random() * power(10, (random() * 60 - 30)::int))::float4`},
	"float8":   {`'NaN'; 'Infinity'; '-Infinity'; '-0'; 0; 1e15; 999999999999999; 1e14; 1e23; 9007199254740993; 9007199254740992; 2^60; 5e-324; 1.7976931348623157e308; 2.2250738585072014e-308; 0.1; 0.3; 1e22; 1e-7; 123456789012345678`, `random() * power(10, (random() * 300 - 150)::int)`},
	"numeric":  {`'NaN'; 'Infinity'; '-Infinity'; 0; 0.00; -0.000001; 10000; 99999999; 1e131071; -1.23; 10000.0001; 0.00010000; 1e-16383; repeat('9', 5000)||'.'||repeat('1', 5000)`, `round(((random() - 0.5) * power(10::numeric, (random() * 60 - 30)::int))::numeric, (random() * 40)::int) * power(10::numeric, (random() * 20)::int)`},
	"text":     {`''; E'tab\tline\nback\\slash\r\x01\x7f\b\f\v'; 'é世🍣'; '\.x'; '\N'; repeat('x', 200000)`, `repeat('é', (random() * 300)::int)`},
	"varchar":  {`''; E'\t'`, ``},
	"bpchar":   {`'a  '; 'a'; ''`, ``},
	"name":     {`'pg_class'; repeat('n', 63)`, ``},
	"json":     {`'{"a" : 1, "a":  2}'; 'null'; E'"\\u00e9\\n"'`, ``},
	"jsonb":    {`'{"b": "é", "a": [1e10, null, 1.50]}'; '"x"'; '{}'; '1'`, `jsonb_build_object('k', random())`},
	"jsonpath": {`'$.a[*] ? (@ > 1)'; 'strict $."x y"'`, ``},
	"bytea":    {`''; '\x00ff5c0a0d27'; decode(repeat('ab', 100000), 'hex')`, ``},
	"uuid":     {`'00000000-0000-0000-0000-000000000000'; 'ffffffff-ffff-ffff-ffff-ffffffffffff'`, `gen_random_uuid()`},
	"pg_lsn":   {`'0/0'; '16/B374D848'; 'FFFFFFFF/FFFFFFFF'`, ``},
	"bit":      {`B'1'; B'0'; B'101'; B'1010101010101'`, ``},
	"varbit":   {`B''; B'1'; B'11111111'; B'111111110'; repeat('10', 100000)::varbit`, `(random() * 1e9)::int::bit(31)::varbit(31)`},
	"macaddr":  {`'08:00:2b:01:02:ff'`, ``},
	"macaddr8": {`'08:00:2b:01:02:03:04:ff'`, ``},
	"inet": {`'0.0.0.0'; '255.255.255.255/0'; '10.1.2.3/8'; '::'; '::1'; '::1/64'; '::ffff:1.2.3.4'; '::1.2.3.4'; '1::'; '1:0:0:2::3'; '0:0:1::'; '2001:db8::1:0:0:1'; '::2'; '::1:0'; '::fffe:1.2.3.4'; '1:2:3:4:5:6:7:8/127'; '0:1:2:3:4:5:6:7'; '0:0:1:2:3:4:5:0'`,
		`array_to_string(ARRAY(SELECT CASE WHEN random() < 0.6 THEN '0' ELSE to_hex((random() * 65535)::int) END FROM generate_series(1, 8 + 0 * g)), ':')`},
	"cidr":        {`'10.0.0.0/8'; '10.1.2.3/32'; '0.0.0.0/0'; '::/0'; '2001:db8::/32'; '::1/128'`, ``},
	"date":        {`'infinity'; '-infinity'; '4713-01-01 BC'; '0001-12-31 BC'; '0001-01-01'; '5874897-12-31'; '1999-12-31'; '2000-02-29'; '1900-03-01'; '10000-01-01'`, `date '2000-01-01' + ((random() - 0.3) * 5000000)::int`},
	"time":        {`'00:00'; '24:00'; '23:59:59.999999'; '00:00:00.000001'; '12:34:56.7'`, `time '00:00' + random() * interval '1 day'`},
	"timetz":      {`'23:59:59.999999-15:59'; '00:00+00'; '24:00+15:59:59'; '12:00+05:30'; '12:00-00:00:01'`, ``},
	"timestamp":   {`'infinity'; '-infinity'; '4713-01-01 00:00:00.000001 BC'; '0001-12-31 23:59:59.5 BC'; '294276-12-31 23:59:59.999999'; '1999-12-31 23:59:59.999999'; '2000-01-01'`, `timestamp '2000-01-01' + (random() - 0.02) * interval '280000 years'`},
	"timestamptz": {`'infinity'; '-infinity'; '4713-01-01 00:00:00+00 BC'; '0001-12-31 23:59:59.5+00 BC'; '2024-02-29 12:00+05:30'`, `timestamptz '2000-01-01Z' + (random() - 0.5) * interval '4000 years'`},
	"interval": {`'0'; '-178000000 years'; '178000000 years 11 mons'; '1 day -00:00:01'; '-1 day +00:00:01'; '-1 year +2 mons -3 days +04:05:06.000007'; '1 mon'; '-1 mon'; '1 day'; '2562047788 hours'; '-00:00:00.1'; '-1 day'; '1 year -1 day'; '100:00:01'`,
		`make_interval(years => ((random() - 0.5) * 100)::int, months => ((random() - 0.5) * 30)::int, days => ((random() - 0.5) * 10)::int, secs => round(((random() - 0.5) * 1e6)::numeric, 4)::float8)`},
	"point":     {`'(1.1,-0)'; '(NaN,Infinity)'; '(1e300,1e-300)'`, `point(random(), random() * 1e20)`},
	"lseg":      {`'[(0,0),(1.5,1)]'`, ``},
	"box":       {`'(2,2),(0,0)'; '(1,5),(3,-1e20)'`, ``},
	"line":      {`'{1,2,3}'; '{0.1,-1,1e100}'`, ``},
	"circle":    {`'<(0,0),1>'; '<(0.1,1e16),Infinity>'`, ``},
	"path":      {`'[(0,0),(1,1),(2,0)]'; '((0,0),(1,1))'; '[(1,1)]'`, ``},
	"polygon":   {`'((0,0),(1,1),(2,0))'; '((1,1))'`, `polygon((random() * 50)::int + 2, circle '((0,0),1)')`},
	"tsvector":  {`''; 'a:1A fat:2B,3C,4D cat'; $$'it''s' 'back\\slash' 'sp ace':16383$$; to_tsvector('english', repeat('many words come often ', 500))`, `to_tsvector('simple', md5(random()::text) || ' ' || random())`},
	"int4range": {`'empty'; '[1,10)'; '(,)'; '(,5]'; '[-2147483648,)'`, ``},
	"int8range": {`'[1,9223372036854775807)'`, ``},
	"numrange":  {`'empty'; '[1.50,NaN]'; '(-1.5,2]'; '(,)'; '[0,Infinity)'`, ``},
	"tsrange":   {`'[2024-01-01 00:00,2024-01-02 00:00:00.5)'; '[-infinity,infinity]'; '[4713-01-01 BC,)'`, ``},
	"tstzrange": {`'[2024-01-01 00:00+00,)'; '(,)'`, ``},
	"daterange": {`'[2024-01-01,2024-01-02]'; '[-infinity,infinity)'; '[0044-03-15 BC,)'`, ``},

	"int4multirange": {`'{}'; '{[1,3),[5,7)}'; '{(,)}'`, `(SELECT coalesce(range_agg(int4range(k, k + 1)), '{}') FROM generate_series(1, 400, 2) k WHERE k % 7 <> g % 7)`},
	"int8multirange": {`'{[1,3)}'`, ``}, "nummultirange": {`'{[1.5,2],(3,)}'`, ``}, "tsmultirange": {`'{[2024-01-01,2024-01-02),[2025-01-01,]}'`, ``},
	"tstzmultirange": {`'{[2024-01-01Z,2024-01-02Z)}'`, ``}, "datemultirange": {`'{[2024-01-01,2024-01-02),(,2000-01-01)}'`, ``},

	Enum: {`'sad'; 'o''k'; 'hap,py'; E'tab\t'`, ``},
}

// TestEveryBinaryType: what is made of binary values of each type, hard and random ones, is what the server itself writes, as text and as CSV;
// and restored they have the same binary form again.
func TestEveryBinaryType(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := newServer(t, major)
			s.exec(`CREATE TYPE mood AS ENUM ('sad', 'o''k', 'hap,py', E'tab\t')`)
			for _, name := range BinaryTypes() {
				v, known := values[name]
				if !known {
					t.Errorf("%s is not tried", name)
					continue
				}
				typ := name
				if name == Enum {
					typ = "mood"
				}
				if name == "bit" {
					typ = "bit varying" // of any length, and stored as it is sent
				}
				edges := v.edges
				if major >= 17 && name == "interval" {
					edges += `; 'infinity'; '-infinity'`
				}
				var b strings.Builder
				fmt.Fprintf(&b, "CREATE TABLE t_%[1]s (a int, v %[2]s, b text); CREATE TABLE again_%[1]s (LIKE t_%[1]s); INSERT INTO t_%[1]s VALUES (0, NULL, 'null');\n", name, typ)
				for i, e := range strings.Split(edges, "; ") {
					fmt.Fprintf(&b, "INSERT INTO t_%s VALUES (%d, (%s)::%s, NULL);\n", name, i, e, typ)
				}
				if v.random != "" {
					fmt.Fprintf(&b, "INSERT INTO t_%s SELECT g, (%s)::%s, 'r' FROM generate_series(1, 200) g;\n", name, v.random, typ)
				}
				s.exec(b.String())
				data := s.copyTo("t_" + name + " TO STDOUT (FORMAT binary)")
				o := Options{Columns: abc, Binary: true, Types: []string{"int4", name, "text"}}
				r := rand.New(rand.NewSource(1))
				for f, command := range map[Format]string{Copy: "t_" + name + " TO STDOUT", CSV: "t_" + name + " TO STDOUT (FORMAT csv)"} {
					got, err := show(data, f, o, r)
					if f == CSV {
						_, got, _ = strings.Cut(got, "\n")
						got = longQuoted.ReplaceAllString(got, "$1")
					}
					same(t, name+" "+string(f), got, s.copyTo(command), err)
				}
				s.copyFrom(data, "again_"+name+" FROM STDIN (FORMAT binary)")
				if again := s.copyTo("again_" + name + " TO STDOUT (FORMAT binary)"); again != data {
					t.Errorf("%s has another form when it was restored", name)
				}
			}
		})
	}
}

// longQuoted is a long value, which gets quotes whatever is in it.
var longQuoted = regexp.MustCompile(`"([^",\r\n]{1000}[^",\r\n]{1000}[^",\r\n]{1000}[^",\r\n]{1000}[^",\r\n]+)"`)

func same(t *testing.T, what, got, want string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("%s, line %d:\n%.200q\nwant\n%.200q", what, i, append(g, make([]string, len(w))...)[i], append(w, make([]string, len(g))...)[i])
			return
		}
	}
}

// TestRandomBits: numbers and moments of any bits are written as the server writes them.
func TestRandomBits(t *testing.T) {
	s := newServer(t, 18)
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	var rows [][]byte
	for range 20000 {
		f8 := math.Float64bits(float64(r.Intn(1<<20)) * math.Pow(10, float64(r.Intn(40)-20))) // few digits
		switch r.Intn(4) {
		case 0:
			f8 = r.Uint64()
		case 1:
			f8 = math.Float64bits(math.Ldexp(float64(r.Int63n(1<<54)), r.Intn(60)-30)) // round in both bases
		case 2:
			f8 = math.Float64bits(math.Ldexp(1, r.Intn(2000)-1000)) // where the distances change
		}
		f4 := uint32(f8)
		if r.Intn(2) == 0 {
			f4 = math.Float32bits(float32(r.Intn(1<<10)) * float32(math.Pow(10, float64(r.Intn(30)-15))))
		} else if r.Intn(2) == 0 {
			f4 = math.Float32bits(float32(math.Ldexp(float64(r.Intn(1<<9)), r.Intn(60)-40))) // in the middle of two decimal numbers
		}
		moment := r.Int63n(9223371331200000000)
		if r.Intn(3) == 0 {
			moment = -r.Int63n(211813488000000000)
		}
		rows = append(rows, tuple(binary.BigEndian.AppendUint64(nil, f8), binary.BigEndian.AppendUint32(nil, f4), binary.BigEndian.AppendUint64(nil, uint64(moment)),
			binary.BigEndian.AppendUint32(nil, uint32(r.Int31n(2145031948+2451545)-2451545)), slices.Concat(binary.BigEndian.AppendUint64(nil, r.Uint64()), binary.BigEndian.AppendUint64(nil, r.Uint64()))))
	}
	data := stream(rows...)
	s.exec("CREATE TABLE t (a float8, b float4, c timestamp, d date, e interval)")
	s.copyFrom(data, "t FROM STDIN (FORMAT binary)")
	got, err := show(data, Copy, Options{Columns: []string{"a", "b", "c", "d", "e"}, Binary: true, Types: []string{"float8", "float4", "timestamp", "date", "interval"}}, r)
	same(t, "random bits", got, s.copyTo("t TO STDOUT"), err)
}

// TestBinaryDamage: bytes that are no value, and rows that are none of the table's, are found and said.
func TestBinaryDamage(t *testing.T) {
	one := func(typ string, field []byte) (string, Options) {
		return stream(tuple(field)), Options{Columns: abc[:1], Binary: true, Types: []string{typ}}
	}
	for name, fields := range map[string][]string{
		"int4": {"", "123", "12345"}, "bool": {""}, "numeric": {"", "\x00\x01\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x12\x34\x00\x00", "\x00\x01\x00\x00\x00\x00\x00\x00\x27\x10", "\x00\x00\x00\x00\x00\x00\xff\xff"},
		"inet": {"", "\x02\x20\x00\x04\x01", "\x03\x20\x00\x04\x01\x01\x01\x01", "\x02\x21\x00\x04\x01\x01\x01\x01"}, "jsonb": {"", "\x02{}"}, "bit": {"", "\xff\xff\xff\xff", "\x00\x00\x00\x09\xff", "\x00\x00\x00\x01\xff\xff"},
		"path": {"", "\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x02" + strings.Repeat("x", 16), "\x01\x00\x00\x00\x01" + strings.Repeat("x", 17)}, "polygon": {"\xff\xff\xff\xff"},
		"tsvector": {"", "\xff\xff\xff\xff", "\x00\x00\x00\x01abc", "\x00\x00\x00\x01a\x00\x00\x01\x00", "\x00\x00\x00\x00x"}, "int4range": {"", "\x80", "\x01\x00", "\x02\x00\x00\x00\x04\x00\x00\x00\x01", "\x02\xff\xff\xff\xff", "\x00\x00\x00\x00\x03\x00\x00\x00\x00"},
		"int4multirange": {"", "\xff\xff\xff\xff", "\x00\x00\x00\x01", "\x00\x00\x00\x01\x00\x00\x00\x00", "\x00\x00\x00\x01\x7f\xff\xff\xff\x01", "\x00\x00\x00\x00\x01"}, "time": {"\xff\xff\xff\xff\xff\xff\xff\xff"},
		"timetz": {"\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff\xff\xff"},
	} {
		for _, field := range fields {
			in, o := one(name, []byte(field))
			if got, err := show(in, CSV, o, rand.New(rand.NewSource(1))); !fault.HasReason(err, fault.StructureDamaged) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %q: %q, %v", name, field, got, err)
			}
		}
	}
	good, o := one("text", []byte("x"))
	for name, in := range map[string]string{
		"no end": good[:len(good)-2], "cut": good[:len(good)-3], "nothing": "", "text": "1\n" + end + "and some more of it", "another number of fields": stream(tuple()), "one more": stream(tuple(nil, nil)),
		"behind the end": good + "x",
	} {
		if _, err := show(in, CSV, o, rand.New(rand.NewSource(1))); !fault.HasReason(err, fault.StructureDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.Types = []string{"hstore"}
	if _, err := NewReader(&bytes.Buffer{}, CSV, o); !fault.HasReason(err, fault.NewerVersion) {
		t.Error(err)
	}
	o.Types = nil
	if _, err := NewReader(&bytes.Buffer{}, CSV, o); !fault.HasReason(err, fault.StructureDamaged) {
		t.Error(err)
	}
}

// TestLongBinaryRow: of a long value no more is in memory than of one piece of it.
func TestLongBinaryRow(t *testing.T) {
	piece := bytes.Repeat([]byte("some text, \\ of some length\n"), 4000)
	for typ, head := range map[string]string{"text": "", "bytea": "", "jsonb": "\x01", "varbit": "\x70\x00\x00\x00", "polygon": "\x03\x00\x00\x00"} {
		for _, f := range Formats {
			x, err := NewReader(discard{}, f, Options{Columns: abc[:1], Binary: true, Types: []string{typ}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := x.Write([]byte(tuples.Header + "\x00\x01\x40\x00\x00\x00" + head)); err != nil {
				t.Fatal(err)
			}
			before := int64(0)
			for n := 0; n < 2<<20; n += len(piece) {
				if _, err := x.Write(piece); err != nil {
					t.Fatal(typ, f, err)
				}
				if n == 0 {
					before = live()
				}
			}
			if grown := live() - before; grown > 1<<20 {
				t.Errorf("%s as %s: %d bytes more", typ, f, grown)
			}
			runtime.KeepAlive(x)
		}
	}
}

// live is how many bytes of the heap are in use; what nobody refers to any more is not counted.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// FuzzBinary: whatever bytes there are, how they are cut makes no difference, and memory stays in bounds.
func FuzzBinary(f *testing.F) {
	all := BinaryTypes()
	for i := range all {
		f.Add(stream(tuple([]byte("\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x00\x00\x00\x00"), nil)), byte(i), int64(1))
	}
	f.Add(stream(tuple([]byte("\x00\x02\x00\x01\x00\x00\x00\x02\x00\x01\x00\x02"), []byte("x"))), byte(slices.Index(all, "numeric")), int64(1))
	f.Fuzz(func(t *testing.T, in string, typ byte, seed int64) {
		o := Options{Columns: abc[:2], Binary: true, Types: []string{all[int(typ)%len(all)], "text"}}
		for _, format := range Formats {
			var out bytes.Buffer
			x, err := NewReader(&out, format, o)
			if err != nil {
				t.Fatal(err)
			}
			x.Write([]byte(in))
			whole := x.Close()
			cut, err := show(in, format, o, rand.New(rand.NewSource(seed)))
			if (err == nil) != (whole == nil) || err == nil && cut != out.String() {
				t.Fatalf("%s of %s: %v, %q\nand %v, %q", format, o.Types[0], whole, out.String(), err, cut)
			}
		}
	})
}
