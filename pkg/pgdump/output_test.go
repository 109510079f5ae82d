package pgdump

import (
	"fmt"
	"strings"
	"testing"

	"cofre/pkg/archive"
)

// What a server says, through the programs, for as long as it likes, is kept in part.
func TestEndlessMessages(t *testing.T) {
	var f failures
	m := &messages{redact: func(s string) string { return s }, look: f.line}
	for i := range 3 * maxFailures {
		_, _ = fmt.Fprintf(m, "pg_restore: error: could not execute query: ERROR:  no %d\n", i)
	}
	_, _ = m.Write([]byte(strings.Repeat("x", 10<<20)))
	if n := len(f.found); n != maxFailures {
		t.Errorf("%d failures are kept", n)
	}
	if n := len(m.String()); n > keepHead+keepTail+maxLine+100 || len(m.partial) > maxLine {
		t.Errorf("%d bytes are kept, and %d of a line", n, len(m.partial))
	}
}

// FuzzMessages: what programs write, cut at any place, gives the same lines; none breaks what reads them.
func FuzzMessages(f *testing.F) {
	f.Add("pg_restore: error: could not execute query: ERROR:  x\nCommand was: CREATE\npg_restore: from TOC entry 99999999999;\n", 3)
	f.Add("pg_dump: error: connection to server failed: FATAL:  x\r\n\xff\n", 1)
	f.Add("pg_restore: warning: errors ignored on restore: 99999999999999999999\n", 7)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		var a, b failures
		whole := &messages{redact: func(s string) string { return s }, look: a.line}
		_, _ = whole.Write([]byte(text))
		parts := &messages{redact: func(s string) string { return s }, look: b.line}
		cut = min(max(cut, 1), 1000)
		for rest := text; len(rest) > 0; {
			n := min(cut, len(rest))
			_, _ = parts.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if whole.String() != parts.String() {
			t.Fatalf("%q and %q", whole.String(), parts.String())
		}
		found, _ := a.all()
		if again, _ := b.all(); fmt.Sprint(found) != fmt.Sprint(again) {
			t.Fatalf("%v and %v", found, again)
		}
		_ = describeFailed(&archive.Head{}, found)
		if connectFailed().MatchString(whole.String()) {
			return // there the server is asked once more
		}
		_ = classify(ending{program: "pg_restore", stderr: whole.String()})
	})
}
