package term

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestTexts(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Bytes(0), "0 bytes"}, {Bytes(1023), "1023 bytes"}, {Bytes(1024), "1.0 kB"}, {Bytes(1536), "1.5 kB"},
		{Bytes(1023948), "999.9 kB"}, {Bytes(1 << 20), "1.0 MB"}, {Bytes(5 << 30), "5.0 GB"}, {Bytes(3 << 40), "3.0 TB"}, {Bytes(1 << 62), "4096.0 PB"},
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(1234567), "1,234,567"}, {Count(-1234), "-1,234"}, {Count(-123), "-123"},
		{Duration(40 * time.Millisecond), "40 ms"}, {Duration(6200 * time.Millisecond), "6.2 s"}, {Duration(59949 * time.Millisecond), "59.9 s"},
		{Duration(59960 * time.Millisecond), "1 min 00 s"}, {Duration(72 * time.Second), "1 min 12 s"}, {Duration(125 * time.Minute), "2 h 05 min"}, {Duration(-time.Second), "-1.0 s"},
		{Clock(7 * time.Second), "0:07"}, {Clock(760 * time.Second), "12:40"}, {Clock(3723 * time.Second), "1:02:03"},
		{Plural(1, "backup"), "1 backup"}, {Plural(0, "backup"), "0 backups"}, {Plural(1200, "backup"), "1,200 backups"},
		{Clean("a\x1b[31mb\nc\u202e"), `a\x1b[31mb\nc\u202e`}, {Clean("a\xff\ufffd"), `a\xff` + "\ufffd"}, {Clean("relâmpago ♥ 漢字"), "relâmpago ♥ 漢字"},
		{Shorten("abcdefghij", 10), "abcdefghij"}, {Shorten("abcdefghij", 5), "ab…ij"}, {Shorten("abcdefghij", 1), "…"}, {Shorten("漢字漢字漢字", 5), "漢…字"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

// Texts of the service say times in UTC; what is shown has one zone.
func TestOwnTimes(t *testing.T) {
	defer func(before *time.Location) { time.Local = before }(time.Local)
	time.Local = time.FixedZone("", -3*3600)
	for text, want := range map[string]string{
		"by 2026-11-28 02:30 UTC; at 2026-11-27 23:59:07 UTC.": "by 2026-11-27 23:30 -03:00; at 2026-11-27 20:59:07 -03:00.",
		"backup_2026-11-28_02-00-00.dump":                      "backup_2026-11-28_02-00-00.dump",
		"2026-11-28 02:30":                                     "2026-11-28 02:30",
		"2026-99-99 02:30 UTC":                                 "2026-99-99 02:30 UTC",
	} {
		if got := OwnTimes(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestTableFits(t *testing.T) {
	table := Table{Columns: []Column{{Title: "ID"}, {Title: "FILE", Shrink: 6, Drop: 2}, {Title: "SIZE", Right: true}, {Title: "WORD", Drop: 1}}}
	table.Add(Cell{Text: "one"}, Cell{Text: "a-long-file-name"}, Cell{Text: "5 kB"}, Cell{Text: "yes"})
	table.Add(Cell{Text: "two"}, Cell{Text: "漢字\n"}, Cell{Text: "12.5 MB"}, Cell{})
	for width, want := range map[int]string{
		0: `ID   FILE                 SIZE  WORD
one  a-long-file-name     5 kB  yes
two  漢字\n            12.5 MB
`,
		32: `ID   FILE             SIZE  WORD
one  a-lon…e-name     5 kB  yes
two  漢字\n        12.5 MB
`,
		20: `ID   FILE       SIZE
one  a-…ame     5 kB
two  漢字\n  12.5 MB
`,
		15: `ID      SIZE
one     5 kB
two  12.5 MB
`,
	} {
		var out bytes.Buffer
		if err := table.Write(&out, Look{Width: func() int { return width }}); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%d columns:\n%swant:\n%s", width, out.String(), want)
		}
	}
}

func TestLooks(t *testing.T) {
	plain, colour := Look{}, Look{Colour: true, Unicode: true}
	if got := plain.Red("x") + plain.Sign("✓", "ok"); got != "xok" {
		t.Errorf("plain: %q", got)
	}
	if got := colour.Red("x") + colour.Sign("✓", "ok") + colour.Bold(""); got != "\x1b[31mx\x1b[0m✓" {
		t.Errorf("colour: %q", got)
	}
	for locale, want := range map[string]bool{"": true, "C": false, "POSIX": false, "en_US.UTF-8": true, "C.utf8": true, "pt_BR.ISO-8859-1": false} {
		if got := isUnicode(func(n string) string { return map[string]string{"LC_ALL": locale}[n] }); got != want {
			t.Errorf("locale %q: %v", locale, got)
		}
	}
}

// TestScreenKeepsLinesWhole guards the progress line: what is written meanwhile stands above it, and at the end
// nothing of it is left.
func TestScreenKeepsLinesWhole(t *testing.T) {
	var out bytes.Buffer
	s := NewScreen(&out, Look{Live: true, Width: func() int { return 60 }})
	b := s.Bar(Drawn, "dumping")
	p := 40
	b.Set(State{Phase: "dumping", Done: 10 << 20, Rate: 5 << 20, Percent: &p})
	time.Sleep(2 * drawEvery)
	s.Write([]byte("a warning\n"))
	time.Sleep(2 * drawEvery)
	b.Close()
	b.Close() // again is harmless
	s.Write([]byte("done\n"))
	text := out.String()
	if !strings.Contains(text, "\r\x1b[Ka warning\n\r") || !strings.HasSuffix(text, "\r\x1b[Kdone\n") {
		t.Errorf("%q", text)
	}
	if !strings.Contains(text, " 40 %  10.0 MB  5.0 MB/s  0:00") || !strings.Contains(text, "###") {
		t.Errorf("no bar in %q", text)
	}
}

func TestBarModes(t *testing.T) {
	var out bytes.Buffer
	s := NewScreen(&out, Look{})
	b := s.Bar(Drawn, "x") // not on a live screen
	b.Set(State{Phase: "y", Done: 5})
	b.Close()
	if out.Len() > 0 || b.Mode() != Off {
		t.Errorf("drawn on what is no terminal: %q", out.String())
	}
	b = s.Bar(Lines, "connecting")
	time.Sleep(drawEvery)
	b.Set(State{Phase: "reading", Done: 1 << 20, Total: 4 << 20, Note: "bell\a"})
	time.Sleep(3 * drawEvery)
	b.Close()
	if want := "connecting: 0:00\nreading: 25 %, 1.0 MB of 4.0 MB, "; !strings.HasPrefix(out.String(), want) || !strings.HasSuffix(out.String(), `0:00, bell\a`+"\n") {
		t.Errorf("lines are %q", out.String())
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("a\x1b]0;title\x07\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q became %q", s, got)
		}
		for _, limit := range []int{1, 2, 7} {
			if cut := Shorten(got, limit); Width(cut) > limit {
				t.Errorf("%q shortened to %d is %q, %d wide", got, limit, cut, Width(cut))
			}
		}
	})
}
