package rows

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const end = "\\.\n\n\n"

// show writes rows in a format, in pieces of random sizes, and gives what came out.
func show(in string, f Format, o Options, r *rand.Rand) (string, error) {
	var out bytes.Buffer
	x, err := NewReader(&out, f, o)
	if err != nil {
		return "", err
	}
	for p := []byte(in); len(p) > 0; {
		n := 1 + r.Intn(min(len(p), []int{1, 3, 50, 5000}[r.Intn(4)]))
		if _, err := x.Write(p[:n]); err != nil {
			break
		}
		p = p[n:]
	}
	err = x.Close()
	return out.String(), err
}

var abc = []string{"a", "b", "c"}

func TestFormats(t *testing.T) {
	long := strings.Repeat("x", csvHold+1)
	for name, tc := range map[string]struct {
		in                  string
		o                   Options
		csv, json, copyText string
	}{
		"plain": {"1\t2\t3\n4\t5\t6\n", Options{Columns: abc}, "a,b,c\n1,2,3\n4,5,6\n",
			`{"a":"1","b":"2","c":"3"}` + "\n" + `{"a":"4","b":"5","c":"6"}` + "\n", "1\t2\t3\n4\t5\t6\n"},
		"null and empty": {"\\N\t\t\\\\N\n", Options{Columns: abc}, "a,b,c\n,\"\",\\N\n", `{"a":null,"b":"","c":"\\N"}` + "\n", "\\N\t\t\\\\N\n"},
		"the end as text": {"\\\\.\tx\\\\.\t\\\\\n", Options{Columns: abc}, "a,b,c\n\"\\.\",x\\.,\\\n",
			`{"a":"\\.","b":"x\\.","c":"\\"}` + "\n", "\\\\.\tx\\\\.\t\\\\\n"},
		"escapes": {"t\\tt\\nn\\rr\tb\\bf\\fv\\v\tq\"q,\n", Options{Columns: abc}, "a,b,c\n\"t\tt\nn\rr\",b\bf\fv\v,\"q\"\"q,\"\n",
			"{\"a\":\"t\\tt\\nn\\rr\",\"b\":\"b\\u0008f\\u000cv\\u000b\",\"c\":\"q\\\"q,\"}\n", "t\\tt\\nn\\rr\tb\\bf\\fv\\v\tq\"q,\n"},
		"digits": {"\\101\\60\\1012\t\\x41\\x4a4\\xg\t\\q\n", Options{Columns: abc}, "a,b,c\nA0A2,AJ4xg,q\n", `{"a":"A0A2","b":"AJ4xg","c":"q"}` + "\n",
			"\\101\\60\\1012\t\\x41\\x4a4\\xg\t\\q\n"},
		"chosen, in another order": {"1\t2\t3\n", Options{Columns: abc, Show: []string{"c", "a"}}, "a,c\n1,3\n", `{"a":"1","c":"3"}` + "\n", "1\t3\n"},
		"limited":                  {"1\t2\t3\n4\t5\t6\n7\t8\t9\n", Options{Columns: abc, Limit: 1}, "a,b,c\n1,2,3\n", `{"a":"1","b":"2","c":"3"}` + "\n", "1\t2\t3\n"},
		"no rows":                  {"", Options{Columns: abc}, "a,b,c\n", "", ""},
		"one empty string":         {"\n\\N\n", Options{Columns: abc[:1]}, "a\n\"\"\n\n", `{"a":""}` + "\n" + `{"a":null}` + "\n", "\n\\N\n"},
		"no columns":               {"\n\n", Options{}, "\n\n\n", "{}\n{}\n", "\n\n"},
		"names":                    {"1\n", Options{Columns: []string{`q"u,o`}}, "\"q\"\"u,o\"\n1\n", `{"q\"u,o":"1"}` + "\n", "1\n"},
		"other letters":            {"é世\U0001f600\t\t\n", Options{Columns: abc}, "a,b,c\né世\U0001f600,\"\",\"\"\n", "{\"a\":\"é世\U0001f600\",\"b\":\"\",\"c\":\"\"}\n", "é世\U0001f600\t\t\n"},
		"long":                     {long + "\tx\ty\n", Options{Columns: abc}, "a,b,c\n\"" + long + "\",x,y\n", `{"a":"` + long + `","b":"x","c":"y"}` + "\n", long + "\tx\ty\n"},
	} {
		for seed := range int64(20) {
			r := rand.New(rand.NewSource(seed))
			for f, want := range map[Format]string{CSV: tc.csv, JSON: tc.json, Copy: tc.copyText} {
				got, err := show(tc.in+end, f, tc.o, r)
				if err != nil || got != want {
					t.Fatalf("%s, %s, seed %d: %v\n%q\n%q", name, f, seed, err, got, want)
				}
			}
		}
	}
}

func TestDamage(t *testing.T) {
	for in, want := range map[string]string{
		"1\t2\n" + end:           "2 fields",
		"1\t2\t3\t4\n" + end:     "more than 3 fields",
		"1\t2\t3\t\\N\n" + end:   "more than 3 fields",
		"1\t2\t3\t\\\\N\n" + end: "more than 3 fields",
		"\\N1\t2\t3\n" + end:     `follows \N`,
		"1\t2\t3\n":              "end mark",
		"1\t2\t3":                "end mark",
		"1\t2\\":                 "end mark",
		"":                       "end mark",
	} {
		for _, f := range Formats {
			if _, err := show(in, f, Options{Columns: abc}, rand.New(rand.NewSource(1))); !fault.HasReason(err, fault.StructureDamaged) || !strings.Contains(err.Error(), want) {
				t.Errorf("%q as %s: %v", in, f, err)
			}
		}
	}
	if _, err := show("1\n"+end, CSV, Options{}, rand.New(rand.NewSource(1))); !fault.HasReason(err, fault.StructureDamaged) {
		t.Error("a field in a table without columns:", err)
	}
	for _, in := range []string{"\xff\t\t\n", "\xc3\t\xa9\t\n", "\xc3\n", "\xe4\xb8\t\t\n"} {
		for _, ascii := range []bool{false, true} {
			_, err := show(in+end, JSON, Options{Columns: abc, ASCII: ascii}, rand.New(rand.NewSource(1)))
			if !fault.HasReason(err, fault.InvalidInput) {
				t.Errorf("%q as JSON: %v", in, err)
			}
		}
	}
	if _, err := show("é\t\t\n"+end, JSON, Options{Columns: abc, ASCII: true}, rand.New(rand.NewSource(1))); !fault.HasReason(err, fault.InvalidInput) {
		t.Error("what may be LATIN1 as JSON:", err)
	}
	if _, err := NewReader(&bytes.Buffer{}, CSV, Options{Columns: abc, Show: []string{"d"}}); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(fault.From(err).Hint, "a, b, c") {
		t.Error(err)
	}
	if _, err := NewReader(&bytes.Buffer{}, "xml", Options{}); !fault.HasReason(err, fault.InvalidInput) {
		t.Error(err)
	}
	broken := errors.New("broken pipe")
	x, err := NewReader(failing{broken}, Copy, Options{Columns: abc[:1]})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = x.Write(bytes.Repeat([]byte("x\n"), 1000))
	}
	if !errors.Is(err, broken) || !errors.Is(x.Close(), broken) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestLongRow: a long row is shown in a few KiB of memory.
func TestLongRow(t *testing.T) {
	piece := bytes.Repeat([]byte(`some text, with "quotes" and \\ \n`), 4000)
	for _, f := range Formats {
		x, err := NewReader(discard{}, f, Options{Columns: abc[:1]})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for n := 0; n < 48<<20; n += len(piece) {
			if _, err := x.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		x.Write([]byte("\n" + end))
		if err := x.Close(); err != nil || x.Rows() != 1 {
			t.Errorf("%s: %d rows, %v", f, x.Rows(), err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", f, n)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestCells(t *testing.T) {
	read := func(in string, maxCell, maxBytes int, o Options) (c Cells, err error) {
		x, err := NewCells(&c, maxCell, maxBytes, o)
		if err == nil {
			x.Write([]byte(in))
			err = x.Close()
		}
		return c, err
	}
	text := func(c Cells) string {
		b, _ := json.Marshal(c.Rows)
		return string(b)
	}
	c, err := read("1\t\\N\t\n"+end, 10, 1000, Options{Columns: abc})
	if err != nil || text(c) != `[["1",null,""]]` || c.Cut != 0 || c.Full || !slices.Equal(c.Columns, abc) {
		t.Errorf("%s, %+v, %v", text(c), c, err)
	}
	c, err = read("12345\téééé\t1234\n"+end, 4, 1000, Options{Columns: abc})
	if err != nil || text(c) != `[["1234","éé","1234"]]` || c.Cut != 2 {
		t.Errorf("%s, %+v, %v", text(c), c, err)
	}
	if c, err = read("ééé\n"+end, 3, 1000, Options{Columns: abc[:1]}); err != nil || text(c) != `[["é"]]` || c.Cut != 1 {
		t.Errorf("%s, %+v, %v", text(c), c, err)
	}
	if c, err = read(strings.Repeat("1234567890\n", 100)+end, 100, 90, Options{Columns: abc[:1]}); err != nil || len(c.Rows) != 5 || !c.Full {
		t.Errorf("%s, %+v, %v", text(c), c, err)
	}
	if c, err = read(strings.Repeat("x", 1000)+"\t"+strings.Repeat("y", 1000)+"\t\n"+end, 600, 900, Options{Columns: abc}); err != nil || c.Cut != 2 || len(*c.Rows[0][0])+len(*c.Rows[0][1]) > 900 {
		t.Errorf("%s, %+v, %v", text(c), c, err)
	}
	if c, err = read(end, 10, 10, Options{Columns: abc}); err != nil || text(c) != "[]" {
		t.Errorf("%s, %v", text(c), err)
	}
	if _, err = read("\xff\t\t\n"+end, 10, 10, Options{Columns: abc}); !fault.HasReason(err, fault.InvalidInput) {
		t.Error(err)
	}
}

// TestAsPostgres: what comes out as CSV is what PostgreSQL itself writes, and read back by it gives the same rows.
func TestAsPostgres(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, `CREATE TABLE t (a text, b bytea, c jsonb, d text[], e timestamptz);
INSERT INTO t SELECT CASE g % 7 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'tab\tline\nback\\slash "q", \\. \\N' WHEN 3 THEN E'\r\x01\x7f' WHEN 4 THEN '\.'||g ELSE repeat('é世', g) END,
  decode(md5(g::text), 'hex'), jsonb_build_object('k"', g, 'n', NULL), ARRAY['x', NULL, 'a,b', '\'], '2026-01-01Z'::timestamptz + g * interval '1 hour' FROM generate_series(1, 200) g;
CREATE TABLE again (LIKE t)`)
	psql := func(in string, command string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(testenv.ClientBin(18), "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", url, "-c", command)
		cmd.Env = append(os.Environ(), "PGCLIENTENCODING=UTF8")
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, errs.String())
		}
		return out.String()
	}
	rows := psql("", "COPY t TO STDOUT")
	o := Options{Columns: []string{"a", "b", "c", "d", "e"}}
	got, err := show(rows+end, CSV, o, rand.New(rand.NewSource(1)))
	if want := psql("", "COPY t TO STDOUT (FORMAT csv, HEADER)"); err != nil || got != want {
		t.Errorf("%v\n%q\n%q", err, got, want)
	}
	for f, command := range map[Format]string{CSV: "COPY again FROM STDIN (FORMAT csv, HEADER)", Copy: "COPY again FROM STDIN"} {
		text, err := show(rows+end, f, o, rand.New(rand.NewSource(2)))
		if err != nil {
			t.Fatal(err)
		}
		psql(text, command)
		if back := psql("", "COPY again TO STDOUT"); back != rows {
			t.Errorf("%s came back as\n%s\nfrom\n%s", f, back, rows)
		}
		psql("", "TRUNCATE again")
	}
	lines, err := show(rows+end, JSON, o, rand.New(rand.NewSource(3)))
	if err != nil {
		t.Fatal(err)
	}
	psql(fmt.Sprint(strings.ReplaceAll(lines, `\`, `\\`)), "CREATE TABLE lines (j text); COPY lines FROM STDIN")
	if n := psql("", `SELECT count(*) FROM (SELECT (jsonb_populate_record(NULL::t, j::jsonb)).* FROM lines EXCEPT SELECT * FROM t) x`); !strings.Contains(n, "0") {
		t.Errorf("%s rows became others as JSON", n)
	}
}

// FuzzReader: how rows are cut makes no difference, and what comes out as CSV or JSON can be read.
func FuzzReader(f *testing.F) {
	f.Add([]byte("1\t\\N\t\\\\x\n"+end), int64(1), byte(3))
	f.Add([]byte("\\x41\\101\t\"\té\n"+end), int64(2), byte(3))
	f.Add([]byte(end), int64(3), byte(0))
	f.Fuzz(func(t *testing.T, in []byte, seed int64, columns byte) {
		o := Options{Columns: []string{"a", "b", "c", "d"}[:columns%5]}
		for _, format := range Formats {
			x, err := NewReader(&bytes.Buffer{}, format, o)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			x, _ = NewReader(&out, format, o)
			x.Write(in)
			whole := x.Close()
			cut, err := show(string(in), format, o, rand.New(rand.NewSource(seed)))
			if (err == nil) != (whole == nil) || err == nil && cut != out.String() {
				t.Fatalf("%s: %v, %q\nand %v, %q", format, whole, out.String(), err, cut)
			}
			if err != nil {
				continue
			}
			switch format {
			case CSV:
				if len(o.Columns) > 0 {
					r := csv.NewReader(&out)
					r.LazyQuotes = false
					if all, err := r.ReadAll(); err != nil || len(o.Columns) > 1 && int64(len(all)) != x.Rows()+1 {
						t.Fatalf("%v: %q", err, cut)
					}
				}
			case JSON:
				n := int64(0)
				for d := json.NewDecoder(&out); d.More(); n++ {
					var v map[string]*string
					if err := d.Decode(&v); err != nil || len(v) != len(o.Columns) {
						t.Fatalf("%v: %q", err, cut)
					}
				}
				if n != x.Rows() {
					t.Fatalf("%d of %d rows: %q", n, x.Rows(), cut)
				}
			}
		}
	})
}
