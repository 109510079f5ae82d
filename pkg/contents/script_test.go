package contents

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
)

// follow writes a script in pieces of random sizes.
func follow(script string, r *rand.Rand) (map[string]Tally, []Sequence, *LargeObjects, error) {
	got := map[string]Tally{}
	s := &Script{Done: func(schema, name string, _ Columns, t Tally) {
		x := got[Qualified(schema, name)]
		x.Add(t)
		got[Qualified(schema, name)] = x
	}}
	for len(script) > 0 {
		n := 1 + r.Intn(min(len(script), 1+r.Intn(60)))
		if _, err := s.Write([]byte(script[:n])); err != nil {
			return nil, nil, nil, err
		}
		script = script[n:]
	}
	q, lo, err := s.Close()
	return got, q, lo, err
}

// decoys are what looks like rows and is none.
const decoys = `--
-- PostgreSQL database dump
--
\restrict abc'"$x$
-- COPY public.a (x) FROM stdin;
/* COPY public.b (x) FROM stdin; /* ' */ " $$ */
SET standard_conforming_strings = on;
CREATE FUNCTION public.f() RETURNS text AS $_$
COPY public.c (x) FROM stdin;
it's $1 and $$ and "
\.
$_$ LANGUAGE sql;
CREATE TABLE public."it's ""$a$" (a text DEFAULT 'COPY public.d (x) FROM stdin;
it''s a \', b integer DEFAULT $1);
COMMENT ON TABLE x IS E'\\\'; COPY public.e FROM stdin;
';
PREPARE p AS SELECT $1$2, a-b, page'';
`

func TestScript(t *testing.T) {
	script := decoys + `
--
-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.t (a, "B; C") FROM stdin;
1	it's
2	$$ -- \\.
\.


COPY "odd ""schema""".no_columns  FROM stdin;


\.

COPY public.empty (a) FROM stdin;
\.


COPY public.t (a, "B; C") FROM stdin;
3	more
\.


SELECT pg_catalog.setval('public.t_a_seq', 3, true);
SELECT pg_catalog.setval('public."it''s"', -7, false);
SELECT pg_catalog.lo_open('4000000000', 131072);
SELECT pg_catalog.lowrite(0, '\x0001');
SELECT pg_catalog.lowrite(0, '\xff');
SELECT pg_catalog.lo_close(0);
SELECT pg_catalog.lo_open('5', 131072);
SELECT pg_catalog.lo_close(0);
--
-- PostgreSQL database dump complete
--
\unrestrict abc
`
	of := func(rows ...string) (x Tally) {
		for _, r := range rows {
			x.row(int64(len(r))+1, xxh3.HashString128(r))
		}
		return x
	}
	want := map[string]Tally{
		"public.t": of("1\tit's", "2\t$$ -- \\\\.", "3\tmore"), `"odd ""schema""".no_columns`: of("", ""), "public.empty": {},
	}
	hash := func(p string) Sum { h := xxh3.HashString128(p); return Sum{h.Hi, h.Lo} }
	objects := hash("\xee\x6b\x28\x00\x00\x01\xff").Add(hash("\x00\x00\x00\x05"))
	for i := range int64(40) {
		got, seqs, lo, err := follow(script, rand.New(rand.NewSource(i)))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("tables %v", got)
		}
		for name, w := range want {
			if got[name] != w {
				t.Errorf("%s: %+v, not %+v", name, got[name], w)
			}
		}
		if lo == nil || *lo != (LargeObjects{Count: 2, Bytes: 3, Hash: objects}) {
			t.Errorf("large objects %+v", lo)
		}
		values := map[string]Sequence{}
		for _, s := range seqs {
			values[s.Name] = s
		}
		if len(seqs) != 2 || values["t_a_seq"] != (Sequence{"public", "t_a_seq", 3, true}) || values["it's"] != (Sequence{"public", "it's", -7, false}) {
			t.Errorf("sequences %+v", seqs)
		}
		if t.Failed() {
			break
		}
	}
	for _, bad := range []string{"COPY public.t (a) FROM stdin;\n1\n", "SELECT 'a", "SELECT $a$ x $b$;\n", "/* ", "COPY \"t (a) FROM stdin;\n\\.\n"} {
		if got, _, _, err := follow(bad, rand.New(rand.NewSource(1))); err == nil {
			t.Errorf("%q was taken: %v", bad, got)
		}
	}
}

// TestScriptLegacy: where a server has standard_conforming_strings off, pg_dump says so and escapes with backslashes.
func TestScriptLegacy(t *testing.T) {
	script := "SET standard_conforming_strings = off;\nSELECT 'it\\'s; COPY a.b FROM stdin;\n';\nCOPY a.c (x) FROM stdin;\n1\n\\.\n"
	got, _, _, err := follow(script, rand.New(rand.NewSource(1)))
	if err != nil || len(got) != 1 || got["a.c"].Rows != 1 {
		t.Errorf("%v (%v)", got, err)
	}
}

// FuzzScript: how the bytes are cut into pieces makes no difference.
func FuzzScript(f *testing.F) {
	f.Add(decoys + "COPY public.t (a) FROM stdin;\n1\n\\.\n")
	f.Add("SELECT pg_catalog.lo_open('5', 1);SELECT pg_catalog.lowrite(0, '\\x00');SELECT pg_catalog.lo_close(0);")
	f.Fuzz(func(t *testing.T, script string) {
		one, _, lo1, err1 := follow(script, rand.New(rand.NewSource(1)))
		many, _, lo2, err2 := follow(script, rand.New(rand.NewSource(int64(len(script)))))
		if (err1 == nil) != (err2 == nil) || err1 == nil && (len(one) != len(many) || (lo1 == nil) != (lo2 == nil)) {
			t.Fatalf("%v %v\n%v %v", one, err1, many, err2)
		}
		for name, x := range one {
			if many[name] != x {
				t.Fatalf("%s: %+v, %+v", name, x, many[name])
			}
		}
	})
}

func BenchmarkScript(b *testing.B) {
	script := []byte(decoys + "COPY public.t (a) FROM stdin;\n" + string(lines(100)) + "\\.\n")
	sql := []byte(strings.Repeat(decoys, 1000))
	for name, data := range map[string][]byte{"rows": script, "definitions": sql} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := (&Script{}).Write(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
