package term

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"cofre/pkg/lazyregexp"
	"cofre/pkg/quantity"
)

// Clean makes text from outside harmless for one line of a terminal: whatever does not print is escaped.
func Clean(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// Width is the number of columns that clean text takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Shorten takes the middle out of text that is wider than limit columns.
func Shorten(s string, limit int) string {
	if Width(s) <= limit {
		return s
	}
	runes := []rune(s)
	head, tail := "", ""
	for i, j := 0, len(runes)-1; i <= j; {
		// The end of a file name tells more than its beginning.
		if Width(tail) <= Width(head) {
			if Width(head)+Width(tail)+runeWidth(runes[j])+1 > limit {
				break
			}
			tail = string(runes[j]) + tail
			j--
		} else {
			if Width(head)+Width(tail)+runeWidth(runes[i])+1 > limit {
				break
			}
			head += string(runes[i])
			i++
		}
	}
	return head + "…" + tail
}

// Bytes gives a size: 17 bytes, 1.5 kB, 34.2 MB.
func Bytes(n int64) string { return quantity.Bytes(n) }

// Count gives a number with its thousands apart: 412,000.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Duration gives a length of time: 40 ms, 6.2 s, 1 min 12 s, 2 h 05 min.
func Duration(d time.Duration) string { return quantity.Duration(d) }

// Clock gives elapsed time as a clock shows it: 0:07, 12:40, 1:02:03.
func Clock(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Time returns a moment in local time, to the minute, with its offset from UTC.
func Time(t time.Time) string { return t.Local().Format("2006-01-02 15:04 -07:00") }

// Moment returns a moment in local time, to the second, with its offset from UTC.
func Moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

// inUTC is a time in a text of the service, which does not know its reader's zone.
var inUTC = lazyregexp.New(`\b(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC\b`)

// OwnTimes rewrites the times in a text of the service, "2026-11-28 02:00 UTC" or with seconds, as [Time] and [Moment] show them:
// one zone for all that is shown.
func OwnTimes(text string) string {
	return inUTC().ReplaceAllStringFunc(text, func(found string) string {
		if t, err := time.Parse("2006-01-02 15:04 UTC", found); err == nil {
			return Time(t)
		}
		if t, err := time.Parse("2006-01-02 15:04:05 UTC", found); err == nil {
			return Moment(t)
		}
		return found
	})
}

// Plural gives a count with its noun: 1 backup, 3 backups.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(int64(n)) + " " + noun + "s"
}
