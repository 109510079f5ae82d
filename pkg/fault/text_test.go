package fault

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	cause := errors.New("cause")
	long := &Text{Cause: cause, Whole: "first " + strings.Repeat("x", 5<<20) + " last"}
	err := fmt.Errorf("dump: %w", Wrap(long, BackupCreation, "", "", "pg_dump failed"))
	if !errors.Is(err, cause) || len(err.Error()) > MaxText+100 || !strings.HasSuffix(err.Error(), " last") {
		t.Errorf("%d bytes: %.100s", len(err.Error()), err)
	}
	if whole := Whole(err); len(whole) > MaxWhole || len(whole) < MaxWhole-10 || !strings.HasPrefix(whole, "first ") || !strings.HasSuffix(whole, " last") {
		t.Errorf("%d bytes: %.100s", len(whole), whole)
	}
	if whole := Whole(&Text{Short: "a", Whole: "a\nb"}); whole != "a\nb" {
		t.Errorf("%q", whole)
	}
	if whole := Whole(fmt.Errorf("%s", strings.Repeat("y", MaxText+1))); len(whole) != MaxText+1 {
		t.Errorf("%d bytes", len(whole))
	}
	for _, err := range []error{nil, cause, &Text{Whole: "short"}} {
		if whole := Whole(err); whole != "" {
			t.Errorf("%v: %q", err, whole)
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add(strings.Repeat("é", 100), 64)
	f.Add(strings.Repeat("\xff", 70), 70)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit, 64)
		got := Shorten(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || utf8.ValidString(s) && len(s) <= limit && got != s {
			t.Fatalf("%q to %d bytes is %q", s, limit, got)
		}
	})
}

// A line of a log stays short, whatever others have said in it.
func TestAttr(t *testing.T) {
	long := strings.Repeat("é", MaxText)
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: Attr})).Warn(long, "text", long, "error", errors.New(long), "n", 7)
	if b.Len() > 4*MaxText || !strings.Contains(b.String(), `"n":7`) {
		t.Errorf("%d bytes: %.200s", b.Len(), b.String())
	}
}
