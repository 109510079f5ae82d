package postgres_test

import (
	"strings"
	"testing"

	"cofre/pkg/postgres"
)

func TestTokens(t *testing.T) {
	for sql, want := range map[string]string{
		`GRANT SELECT(a) ON TABLE "My ""T""" TO Bob;`:     `w:grant w:select s:( w:a s:) w:on w:table q:My "T" w:to w:bob s:;`,
		`'it''s to' E'a\' to' $$ to $$ $x$ $$ to $x$ a$b`: `t:'it''s to' t:E'a\' to' t:$$ to $$ t:$x$ $$ to $x$ w:a$b`,
		"a -- to\n/* to /* to */ to */ 12e3 $1 b":         `w:a s:12e3 s:$ s:1 w:b`,
		`"open`:   `q:open`,
		`'open`:   `t:'open`,
		`$a$open`: `t:$a$open`,
		`/* open`: ``,
		`É"É"`:    `w:É q:É`,
	} {
		var got []string
		for _, tok := range postgres.Tokens(sql) {
			got = append(got, string("wqts"[tok.Kind])+":"+tok.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", sql, strings.Join(got, " "), want)
		}
	}
}

func FuzzTokens(f *testing.F) {
	f.Add(`GRANT SELECT ON "a" TO b; $$ x $$ E'\'' -- c`)
	f.Fuzz(func(t *testing.T, sql string) {
		at := 0
		for _, tok := range postgres.Tokens(sql) {
			if tok.Start < at || tok.End <= tok.Start || tok.End > len(sql) {
				t.Fatalf("%+v behind %d in %q", tok, at, sql)
			}
			at = tok.End
		}
	})
}
