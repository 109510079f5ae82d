package fault

import (
	"errors"
	"log/slog"
	"strings"
)

// Bounds of what others say (servers, programs, services), in bytes: what stands in messages and records, and what is kept of
// it in a log.
const (
	MaxText  = 4 << 10
	MaxWhole = 1 << 20
)

// Text is a cause in the words of somebody else, which may be long. Its message is a short form, and all of it, up to
// MaxWhole, is kept for a log. Secrets must have been taken out of both.
type Text struct {
	Cause error  // may be nil; for errors.Is and errors.As, never shown
	Short string // "" is the beginning and the end of Whole
	Whole string
}

// Error returns at most MaxText bytes.
func (t *Text) Error() string {
	if t.Short != "" {
		return Shorten(t.Short, MaxText)
	}
	return Shorten(t.Whole, MaxText)
}

// Unwrap returns the cause.
func (t *Text) Unwrap() error { return t.Cause }

// Whole returns all that is known of an error, at most MaxWhole bytes, where that is more than the error says by itself;
// otherwise "".
func Whole(err error) string {
	var t *Text
	switch {
	case errors.As(err, &t) && len(t.Whole) > len(t.Error()):
		return Shorten(t.Whole, MaxWhole)
	case err != nil && len(err.Error()) > MaxText:
		return Shorten(err.Error(), MaxWhole)
	}
	return ""
}

// Attr bounds an attribute of a log record: whatever others have said in it, a line stays one that can be read. It is what slog.HandlerOptions
// ask for as ReplaceAttr.
func Attr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(Shorten(v, MaxText))
	case error:
		a.Value = slog.StringValue(Shorten(v.Error(), MaxText))
	}
	return a
}

// Shorten returns a text of at most limit bytes (64 or more) in valid UTF-8: the beginning and the end of a longer one.
func Shorten(s string, limit int) string {
	const gap = " [...] "
	if len(s) > limit {
		end := (limit - len(gap)) / 4
		head := limit - len(gap) - end
		s = strings.ToValidUTF8(s[:head], "") + gap + strings.ToValidUTF8(s[len(s)-end:], "")
	}
	if valid := strings.ToValidUTF8(s, "?"); len(valid) <= limit {
		return valid
	}
	return strings.ToValidUTF8(s, "")
}
