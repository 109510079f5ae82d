// Package glob matches names with patterns: * stands for any text, a / in it too, ? for one character, and everything else for itself. Unlike
// those of [path.Match], whose * ends at a /, a pattern means what people are told that it means, whatever is in a name. Pure.
package glob

import "unicode/utf8"

// Match reports whether all of name fits the pattern. It takes at most time in proportion to the product of their lengths.
func Match(pattern, name string) bool {
	star, again := "", "" // behind the last *, and what of name is behind the text that it stands for
	starred := false
	for name != "" {
		p, n := utf8.DecodeRuneInString(pattern)
		_, m := utf8.DecodeRuneInString(name)
		switch {
		case n > 0 && p == '*':
			star, again, starred = pattern[n:], name, true
			pattern = star
		case n > 0 && p == '?':
			pattern, name = pattern[n:], name[m:]
		case n > 0 && pattern[:n] == name[:m]:
			pattern, name = pattern[n:], name[m:]
		case starred:
			_, m := utf8.DecodeRuneInString(again)
			again = again[m:]
			pattern, name = star, again
		default:
			return false
		}
	}
	for pattern != "" && pattern[0] == '*' {
		pattern = pattern[1:]
	}
	return pattern == ""
}
