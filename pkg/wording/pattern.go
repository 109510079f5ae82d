package wording

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"cofre/pkg/lazyregexp"
)

// pattern is a text with verbs of fmt: pieces[0] verbs[0] pieces[1] ... pieces[len(verbs)].
type pattern struct {
	pieces  []string
	verbs   []byte
	letters int // of its own
	rank    int // among those that fit: what begins with words of its own comes first, then letters count
	to      string
}

func unescape(s string) string { return strings.ReplaceAll(s, "%%", "%") }

// parse reads a pattern. A percent sign that begins no verb is one.
func parse(s string) pattern {
	var p pattern
	var piece strings.Builder
	for s != "" {
		n, verb, _ := verbAt(s)
		switch {
		case n == 0:
			piece.WriteByte(s[0])
			s = s[1:]
			continue
		case verb == '%':
			piece.WriteByte('%')
		default:
			p.pieces = append(p.pieces, piece.String())
			p.verbs = append(p.verbs, verb)
			piece.Reset()
		}
		s = s[n:]
	}
	p.pieces = append(p.pieces, piece.String())
	for _, piece := range p.pieces {
		p.letters += len(piece)
	}
	if p.rank = p.letters; p.pieces[0] != "" {
		p.rank += maxText
	}
	return p
}

// verbAt reads a verb at the beginning of a text: how many bytes it has (0 is none), its letter, and its index, 0 where it has none.
func verbAt(s string) (n int, verb byte, index int) {
	if len(s) < 2 || s[0] != '%' {
		return 0, 0, 0
	}
	i := 1
	if s[i] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return 0, 0, 0
		}
		index, _ = strconv.Atoi(s[i+1 : end])
		i = end + 1
	}
	for i < len(s) && strings.IndexByte("0123456789.+#-", s[i]) >= 0 {
		i++
	}
	if i < len(s) && strings.IndexByte("%dqsvwxXtfgc", s[i]) >= 0 {
		return i + 1, s[i], index
	}
	return 0, 0, 0
}

// maxSteps bounds the search for what a verb stands for.
const maxSteps = 2000

// match returns what the verbs of a pattern stand for in a text. It takes its steps off what is left of them.
func (p *pattern) match(text string, left *int) ([]string, bool) {
	last := p.pieces[len(p.pieces)-1]
	if len(text) < p.letters || !strings.HasPrefix(text, p.pieces[0]) || !strings.HasSuffix(text, last) {
		return nil, false
	}
	*left--
	args := make([]string, len(p.verbs))
	steps := min(maxSteps, *left)
	defer func(before int) { *left -= before - steps }(steps)
	var try func(i int, rest string) bool
	try = func(i int, rest string) bool {
		if i == len(p.verbs) {
			return rest == ""
		}
		next := p.pieces[i+1]
		for at := 0; at <= len(rest); at++ {
			if steps--; steps < 0 {
				return false
			}
			switch {
			case i+1 == len(p.verbs): // the last one takes all there is
				at = len(rest) - len(next)
			case next != "":
				found := strings.Index(rest[at:], next)
				if found < 0 {
					return false
				}
				at += found
			}
			if at < 0 {
				return false
			}
			if fits(p.verbs[i], rest[:at], next) && (i > 0 || p.pieces[0] != "" || !strings.Contains(rest[:at], "; ") && !strings.Contains(rest[:at], ": ")) && strings.HasPrefix(rest[at:], next) && try(i+1, rest[at+len(next):]) {
				args[i] = rest[:at]
				return true
			}
			if i+1 == len(p.verbs) {
				return false
			}
		}
		return false
	}
	return args, try(0, text[len(p.pieces[0]):])
}

var sentenceBegin = lazyregexp.New(`[.?!] [A-Z]`)

// fits reports whether a verb writes such a text. In front of the end of a sentence no other sentence begins.
func fits(verb byte, s, next string) bool {
	switch verb {
	case 'd':
		return s != "" && strings.Trim(strings.TrimPrefix(s, "-"), "0123456789") == "" || thousands().MatchString(s)
	case 'q':
		prefix, err := strconv.QuotedPrefix(s)
		return err == nil && prefix == s
	}
	return !strings.Contains(s, "\n") && !(strings.HasPrefix(next, ".") && sentenceBegin().MatchString(s))
}

// fill writes the other side of a pattern. say says what was filled in; it is called for everything but numbers and what stands in quotes.
func (p *pattern) fill(args []string, say func(arg string, word bool) string) string {
	var out strings.Builder
	next := 0
	for s := p.to; s != ""; {
		n, verb, index := verbAt(s)
		if n == 0 {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		s = s[n:]
		if verb == '%' {
			out.WriteByte('%')
			continue
		}
		if index == 0 {
			next++
			index = next
		}
		if index > len(args) {
			continue
		}
		switch arg := args[index-1]; verb {
		case 'q':
			out.WriteString(arg)
		case 'd':
			said, _ := figure(arg)
			out.WriteString(cmp.Or(said, arg))
		default:
			out.WriteString(say(arg, verb == 'w'))
		}
	}
	return out.String()
}

// index leads to the patterns that may fit a text by how it begins, or where they begin with what is filled in, by how it ends.
type index struct {
	begin, end map[string][]int
	open       []int // what may begin and end with anything
}

// indexed is how many bytes of a beginning or an end are looked at.
const indexed = 6

func indexOf(patterns []pattern) index {
	x := index{begin: map[string][]int{}, end: map[string][]int{}}
	for i, p := range patterns {
		first, last := p.pieces[0], p.pieces[len(p.pieces)-1]
		switch {
		case first != "":
			first = first[:min(indexed, len(first))]
			x.begin[first] = append(x.begin[first], i)
		case last != "":
			last = last[max(0, len(last)-indexed):]
			x.end[last] = append(x.end[last], i)
		default:
			x.open = append(x.open, i)
		}
	}
	return x
}

// of gives the patterns that may fit a text, in their order.
func (x index) of(text string) []int {
	found := slices.Clone(x.open)
	for n := range min(indexed, len(text)) {
		found = append(append(found, x.begin[text[:n+1]]...), x.end[text[len(text)-n-1:]]...)
	}
	slices.Sort(found)
	return found
}
