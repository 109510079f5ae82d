package pgdump

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// restricted runs a script through the filter and takes the line in front off.
func restricted(t *testing.T, r io.Reader) (string, error) {
	t.Helper()
	got, err := io.ReadAll(newRestrictedScript(r))
	first, rest, ok := strings.Cut(string(got), "\n")
	if !ok || !strings.HasPrefix(first, `\restrict `) || len(first) < 30 {
		t.Fatalf("the first line is %.100q", first)
	}
	return rest, err
}

func TestRestrictedScript(t *testing.T) {
	const head, settings, end = "--\n-- PostgreSQL database dump\n--\n\n", "SET a = 0;\nCREATE TABLE t ();\n", "--\n-- PostgreSQL database dump complete\n--\n\n"
	long := strings.Repeat("INSERT INTO t VALUES (1);\n", 20_000)
	for _, c := range []struct{ name, in, want string }{
		{"own pair", head + "\\restrict abc\n\n" + settings + long + end + "\\unrestrict abc\n\n", head + "\n" + settings + long + end},
		{"no pair", head + settings + end, head + settings + end},
		{"another key at the end", head + "\\restrict abc\n" + settings + "\\unrestrict abd\n", head + settings + "\\unrestrict abd\n"},
		{"only an end", head + settings + "\\unrestrict abc\n", head + settings + "\\unrestrict abc\n"},
		{"an end in the middle", head + "\\restrict a\n" + settings + "\\unrestrict a\n\\! id\n" + long, head + settings + "\\unrestrict a\n\\! id\n" + long},
		{"twice", "\\restrict a\n\\restrict a\nx\n", "\\restrict a\nx\n"},
		{"behind the settings", settings + "\\restrict a\nx\n\\unrestrict a\n", settings + "\\restrict a\nx\n\\unrestrict a\n"},
		{"not as pg_dump writes it", " \\restrict a\n\\restrict 'a'\n\\restrict a b\n", " \\restrict a\n\\restrict 'a'\n\\restrict a b\n"},
		{"a long line", strings.Repeat(" ", 70_000) + "\n\\restrict a\n", strings.Repeat(" ", 70_000) + "\n\\restrict a\n"},
		{"without a last line end", "\\restrict a\nx\n\\unrestrict a", "x\n"},
		{"nothing", "", ""},
	} {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			if got, err := restricted(t, wrap(strings.NewReader(c.in))); err != nil || got != c.want {
				t.Errorf("%s: got %.300q, %v; want %.300q", c.name, got, err, c.want)
			}
		}
	}
	broken := errors.New("broken")
	if _, err := restricted(t, io.MultiReader(strings.NewReader(head+settings), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// Nothing but one pair is ever left out.
func FuzzRestrictedScript(f *testing.F) {
	f.Add("-- x\n\\restrict a\nSET a = 0;\n\\! id\n\\unrestrict a\n\n")
	f.Add("\\unrestrict a\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := restricted(t, strings.NewReader(s))
		if err != nil || len(s)-len(got) > 1100+len(s)/100+64 || strings.Count(s, `\`)-strings.Count(got, `\`) > 2 {
			t.Fatalf("%q became %q, %v", s, got, err)
		}
		if !strings.Contains(s, `\restrict `) && got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
