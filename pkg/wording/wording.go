// Package wording says cofre's own words in another language than English.
//
// English stands in the code, where it is the identity of a text, as in gettext: a fault's message, a hint, a finding, a line of the
// command line. The catalogue has the same pattern in Brazilian Portuguese beside it. [Say] takes a finished English text, finds the pattern
// that it was made of, and fills what was filled in there into the other language's pattern. So nothing has to be carried along with a text: one that
// was stored in a record years ago, sent over the API, or put together of a hint and another one is worded like one that was just made,
// and the call sites stay as they are.
//
// # Patterns
//
// The English side is written as it is in the code, with the verbs of fmt. %d matches a number, %q and %.60q something in double quotes, every other verb anything.
// The other side has the same verbs, in the same order or with an index (%[2]s). What was filled in is data and stays as it is, but for
// what is a text of cofre again (an error inside of an error), a figure (1.5 GB), and for what stands at a %w: a single word that has an
// entry, such as a state.
//
// Where several patterns fit, the one with the most letters of its own is taken, and before all others one that begins with words of its own. A text that none fits stays English as a whole: half a sentence in
// each language is worse than one in the wrong one. Words of others (servers, pg_dump, the system) have no entries and stay as they are.
package wording

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"cofre/pkg/lazyregexp"
)

// The languages, as BCP 47 tags. Anything else is English.
const (
	English    = "en"
	Portuguese = "pt-BR"
)

// Languages are all there are.
func Languages() []string { return []string{English, Portuguese} }

// Of returns the language that somebody has asked for: the first of these settings that is not empty, in the form of a tag (pt-BR) or of a
// locale (pt_BR.UTF-8). Every Portuguese is the one there is.
func Of(settings ...string) string {
	for _, s := range settings {
		if s == "" {
			continue
		}
		if s = strings.ToLower(s); s == "pt" || strings.HasPrefix(s, "pt-") || strings.HasPrefix(s, "pt_") || strings.HasPrefix(s, "pt.") {
			return Portuguese
		}
		return English
	}
	return English
}

// entry is a text in both languages.
type entry struct{ en, pt string }

// maxDepth bounds texts in texts, maxText how long one may be that is looked for, in bytes.
const (
	maxDepth = 6
	maxText  = 16 << 10
)

// Say is a text of cofre in a language. What is not cofre's, or has no entry, comes back as it is.
func Say(language, text string) string {
	if language != Portuguese || len(text) > maxText {
		return text
	}
	said, _ := speak(text)
	return said
}

// Known reports whether a text has words in a language, all of them.
func Known(language, text string) bool {
	if language != Portuguese {
		return true
	}
	_, ok := speak(text)
	return ok
}

// book is a catalogue made ready.
type book struct {
	whole    map[string]string
	patterns []pattern // those that are taken first come first
	index    index
}

var catalogue = sync.OnceValue(func() *book {
	b := &book{whole: map[string]string{}}
	has := map[string]bool{}
	for _, list := range lists {
		for _, e := range list {
			b.add(e)
			has[e.en] = true
		}
	}
	for _, list := range prose {
		for _, e := range list {
			if shown, ok := shownOf(e); ok && !has[shown.en] {
				b.add(shown)
				has[shown.en] = true
			}
		}
	}
	slices.SortStableFunc(b.patterns, func(p, q pattern) int { return cmp.Compare(q.rank, p.rank) })
	b.index = indexOf(b.patterns)
	return b
})

func (b *book) add(e entry) {
	p := parse(e.en)
	if len(p.verbs) == 0 {
		b.whole[p.pieces[0]] = unescape(e.pt)
		return
	}
	p.to = e.pt
	b.patterns = append(b.patterns, p)
}

// speech is one text on its way into the other language.
type speech struct {
	*book
	text   string // all of it: whatever is said is a part of it
	left   int    // of maxWork
	known  map[question]answer
	occurs []occurrence // by pattern
}

// occurrence is whether all pieces of a pattern occur in a text: no part of it has been made of the pattern otherwise.
type occurrence byte

const (
	unasked occurrence = iota
	occurring
	absent
)

func newSpeech(text string) *speech {
	b := catalogue()
	return &speech{b, text, maxWork, map[question]answer{}, make([]occurrence, len(b.patterns))}
}

// mayBe reports whether a part of the text may have been made of a pattern.
func (b *speech) mayBe(i int) bool {
	if b.occurs[i] == unasked {
		b.occurs[i] = occurring
		if slices.ContainsFunc(b.patterns[i].pieces, func(piece string) bool { return !strings.Contains(b.text, piece) }) {
			b.occurs[i] = absent
		}
	}
	return b.occurs[i] == occurring
}

// maxWork bounds what is done for one text, in looks at patterns and pieces of text: what lies in a bucket, or comes from a server, may be made to
// take long. The longest of cofre's own texts take less than a hundredth.
const maxWork = 40_000

// question is what was asked of a speech before, and answer what came of it.
type question struct {
	text, separators string
	depth            int
	filled           bool
}

type answer struct {
	said string
	ok   bool
}

// speak says a text, and whether all of it was said. One that takes too long stays as it is.
func speak(text string) (string, bool) {
	b := newSpeech(text)
	said, ok := b.say(text, maxDepth)
	if b.left < 0 {
		return text, false
	}
	return said, ok
}

// once answers what was not asked before.
func (b *speech) once(q question, find func() (string, bool)) (string, bool) {
	if a, asked := b.known[q]; asked {
		return a.said, a.ok
	}
	if b.left -= 1 + len(q.text)/64; b.left < 0 {
		return q.text, false
	}
	said, ok := find()
	b.known[q] = answer{said, ok}
	return said, ok
}

// say returns a text in the other language, and whether all of it is.
func (b *speech) say(text string, depth int) (string, bool) {
	return b.once(question{text: text, depth: depth}, func() (string, bool) { return b.sayAnew(text, depth) })
}

func (b *speech) sayAnew(text string, depth int) (string, bool) {
	if strings.TrimSpace(text) == "" {
		return text, true
	}
	if depth == 0 {
		return text, false
	}
	if said, ok := b.whole[text]; ok {
		return said, true
	}
	if said, ok := figure(text); ok {
		return said, true
	}
	// First as what it surely is: nothing that is filled in, or stands between separators, could be a text of its own.
	for _, separators := range []string{",;", ";"} {
		if said, ok := b.filled(text, depth, separators); ok {
			return said, true
		}
		for _, parts := range []func(string) []string{lines, sentences} {
			if list := parts(text); len(list) > 1 {
				if said, ok := b.joined(list, depth, separators); ok {
					return said, true
				}
			}
		}
	}
	if said, ok := b.filled(text, depth, ""); ok {
		return said, true
	}
	return b.behindColon(text, depth)
}

// joined says parts that stand one after the other: as few entries as possible, and all of it or nothing.
func (b *speech) joined(parts []string, depth int, separators string) (string, bool) {
	var out strings.Builder
	for len(parts) > 0 {
		n := len(parts)
		for ; n > 0 && b.left >= 0; n-- {
			text := strings.Join(parts[:n], "")
			if said, ok := b.part(text, depth, separators); ok {
				out.WriteString(said)
				break
			}
		}
		if n == 0 {
			return "", false
		}
		parts = parts[n:]
	}
	return out.String(), true
}

// part says one of several parts, with the space around it; what divides it from the next one may belong to it or not.
func (b *speech) part(text string, depth int, separators string) (string, bool) {
	core := strings.TrimSpace(text)
	if core == "" {
		return text, true
	}
	at := strings.Index(text, core)
	for _, core := range []string{strings.TrimRight(core, ",;:."), core} {
		if core == "" {
			return "", false
		}
		said, ok := b.head(core, depth, separators)
		if !ok {
			said, ok = figure(core)
		}
		if ok {
			return text[:at] + said + text[at+len(core):], true
		}
		// "shop: the last backup failed"
		if name, what, ok := strings.Cut(core, ": "); ok {
			if said, ok := b.head(what, depth, separators); ok {
				if first, ok := b.head(name, depth, separators); ok && strings.Contains(name, " ") { // a single word is a name
					name = first
				} else if strings.Count(name, " ") > 1 { // more than a name
					continue
				}
				return text[:at] + name + ": " + said + text[at+len(core):], true
			}
		}
	}
	return "", false
}

// behindColon says a text of cofre and what stands behind its colon, which may be another one or words of others; or names something that is data and says
// what stands behind it.
func (b *speech) behindColon(text string, depth int) (string, bool) {
	for at := 0; ; {
		i := strings.Index(text[at:], ": ")
		if i < 0 || b.left < 0 {
			return text, false
		}
		i += at
		head, tail := text[:i], text[i+2:]
		said, ok := b.head(head, depth, ";")
		if ok && !strings.Contains(head, " ") { // a single word is a name, or a key of settings
			said = head
		}
		if !ok {
			said, ok = b.filled(head, depth, "")
		}
		if ok {
			rest, all := b.say(tail, depth-1)
			return said + ": " + rest, all
		}
		at = i + 2
	}
}

// head is a text that has an entry.
func (b *speech) head(text string, depth int, separators string) (string, bool) {
	if said, ok := b.whole[text]; ok {
		return said, true
	}
	return b.filled(text, depth, separators)
}

// filled says a text by the pattern that fits best. What is filled in has none of these separators: what stands behind one may be
// a text of its own.
func (b *speech) filled(text string, depth int, separators string) (string, bool) {
	return b.once(question{text, separators, depth, true}, func() (string, bool) {
		for _, i := range b.index.of(text) {
			if !b.mayBe(i) {
				continue
			}
			p := &b.patterns[i]
			if args, ok := p.match(text, &b.left); ok && b.fits(p, args, separators, depth) {
				return b.fill(p, args, depth), true
			}
		}
		return "", false
	})
}

// fill says a pattern with what was filled in.
func (b *speech) fill(p *pattern, args []string, depth int) string {
	return p.fill(args, func(arg string, word bool) string {
		if !word && !strings.Contains(arg, " ") {
			said, _ := figure(arg)
			return cmp.Or(said, arg)
		}
		if said, ok := b.say(arg, depth-1); ok {
			return said
		}
		said, _ := b.list(arg)
		return said
	})
}

// fits reports whether what was filled in is what belongs there: nothing that separators divide, and data or words that there are. Behind a colon
// or in brackets others may speak, unless that could be divided as well.
func (b *speech) fits(p *pattern, args []string, separators string, depth int) bool {
	for i, arg := range args {
		others := separators == "" && (strings.HasSuffix(p.pieces[i], ": ") || strings.HasSuffix(p.pieces[i], "("))
		if divided(arg, separators) || !others && !b.sure(arg, depth) {
			return false
		}
	}
	return true
}

// list says a list whose items are names, or words that there are: "a, b and 3 more". ok tells that it is nothing else.
func (b *speech) list(text string) (said string, ok bool) {
	items := strings.Split(text, ", ")
	for i, item := range items {
		name, more, counted := strings.Cut(item, " and ")
		switch known, isWord := b.head(item, 1, ""); {
		case !strings.Contains(unquoted(item), " "):
		case isWord:
			items[i] = known
		case counted && i == len(items)-1 && !strings.Contains(unquoted(name), " "):
			if known, isWord = b.head("and "+more, 1, ""); !isWord {
				return text, false
			}
			items[i] = name + " " + known
		default:
			return text, false
		}
	}
	return strings.Join(items, ", "), true
}

var quoted = lazyregexp.New(`"[^"]*"`)

// unquoted is a text without what stands in double quotes.
func unquoted(text string) string { return quoted().ReplaceAllString(text, `""`) }

// sure reports whether what was filled in is data, or has words itself: three words or more without any may be the rest of a sentence, and so may
// what has an article.
func (b *speech) sure(arg string, depth int) bool {
	if strings.HasPrefix(arg, `"`) || strings.Count(arg, " ") < 2 && !strings.HasPrefix(arg, "the ") || statement().MatchString(arg) {
		return true
	}
	if _, ok := b.list(arg); ok {
		return true
	}
	_, ok := b.say(arg, depth-1)
	return ok
}

// divided reports whether one of some separators stands in a text, with a space behind it.
func divided(arg, separators string) bool {
	return !strings.HasPrefix(arg, `"`) && strings.ContainsFunc(separators, func(r rune) bool { return strings.Contains(arg, string(r)+" ") })
}

// statement is SQL or the name of an object as an archive has it, a time, or the version of a program.
var statement = lazyregexp.New(`^(?:[A-Z]{2,}(?: [A-Z]+)* [^ ]|\d{4}-\d\d-\d\d |\d+(?:\.\d+)* \([^()]*\)$)`)

var whole = lazyregexp.New(`^\d+ (?:%|bytes|ms|s)$`)

var thousands = lazyregexp.New(`^\d{1,3}(?:,\d{3})+$`)

var decimal = lazyregexp.New(`^(\d+)\.(\d+)( ?(?:%|bytes|kB|MB|GB|TB|ms|s)(?:/s)?(?: \([^ ]*\))?)$`)

// figure is a size, a duration or a part with the language's decimal sign.
func figure(text string) (string, bool) {
	if m := decimal().FindStringSubmatch(text); m != nil {
		return m[1] + "," + m[2] + m[3], true
	}
	if whole().MatchString(text) {
		return text, true
	}
	if thousands().MatchString(text) {
		return strings.ReplaceAll(text, ",", "."), true
	}
	return "", false
}

func lines(text string) []string { return strings.SplitAfter(text, "\n") }

var sentenceEnd = lazyregexp.New(`[.;:?!,][)"”]?\s+`)

// sentences are the parts of a text that entries may be of: whole sentences, and what a semicolon, a colon or a comma divides.
func sentences(text string) []string {
	var parts []string
	last := 0
	for _, at := range sentenceEnd().FindAllStringIndex(text, -1) {
		parts = append(parts, text[last:at[1]])
		last = at[1]
	}
	return append(parts, text[last:])
}
