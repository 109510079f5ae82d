package api

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/lazyregexp"
)

var (
	asideOption = lazyregexp.New(`\s*\([^()]*--[a-z][^()]*\)`)
	option      = lazyregexp.New(`(^|[\s(])--[a-z]`)
	sentenceEnd = lazyregexp.New(`([.;:?!])\s+`)

	// commandName and commandArgument are what texts name of the command line.
	commandName     = `(source (?:list|moved|adopt)|place (?:list|add|set|test|remove)|channel (?:list|add|set|test|remove)|audit (?:list|verify)|[a-z]+)`
	commandArgument = `(?: (?:[0-9A-Z]{26}|ID|NAME|'[^']*'|"[^"]*"))`
	command         = lazyregexp.New("`?\\bcofre " + commandName + commandArgument + "*`?")
	asideCommand    = lazyregexp.New(`\s*\((?:cofre ` + commandName + commandArgument + `*(?:, )?)+\)`)
)

// things are what stands in the place of a command for who has no command line before them. A command that is not here has nothing
// of the kind.
var things = map[string]string{
	"create": "a new backup", "list": "the list of backups", "info": "its details", "contents": "what it contains", "diff": "a comparison",
	"status": "its progress", "validate": "a validation", "rows": "its rows", "download": "a download", "url": "a link", "delete": "its removal", "pin": "a pin", "unpin": "the end of its pin",
	"cleanup": "a cleanup", "source list": "the sources", "place list": "the places", "channel list": "the channels", "copy": "the next copying", "audit list": "the audit trail", "doctor": "the health check",
}

// commandOnly are the commands that do what nothing else does.
var commandOnly = map[string]bool{"restore": true, "source moved": true, "source adopt": true, "audit verify": true, "serve": true, "run": true, "demo": true, "completion": true, "version": true}

// hintOf is a hint for who has no command line before them: what names an option of one (--verbose) is left out, and commands are
// called by what does the same here. Records of older versions hold such hints, too. "" is what remains of a hint about
// options alone.
func hintOf(hint string) string { return withoutCommands(withoutOptions(hint)) }

func withoutOptions(hint string) string {
	if !option().MatchString(hint) {
		return hint
	}
	hint = asideOption().ReplaceAllString(hint, "")
	var kept strings.Builder
	for rest := hint; rest != ""; {
		part := rest
		if at := sentenceEnd().FindStringIndex(rest); at != nil {
			part = rest[:at[1]]
		}
		rest = rest[len(part):]
		if !option().MatchString(part) {
			kept.WriteString(part)
		} else if means := strings.TrimSuffix(kept.String(), " with: "); means != kept.String() { // and so for nothing
			kept.Reset()
			kept.WriteString(means[:lastSentence(means)])
		}
	}
	text := strings.TrimRight(kept.String(), " ;:")
	if text == "For example" {
		return ""
	}
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".?!") {
		text += "."
	}
	return text
}

// lastSentence returns where the last sentence of a text begins, or its last part behind a semicolon.
func lastSentence(text string) int {
	all := sentenceEnd().FindAllStringIndex(text, -1)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1][1]
}

// withoutCommands gives commands the names of what does the same here: "Follow it with: cofre status ID" becomes "Follow it.", and
// "or run: cofre cleanup" becomes "or run a cleanup". What only the command line can do is said to be done there.
func withoutCommands(text string) string {
	text = asideCommand().ReplaceAllStringFunc(text, func(aside string) string {
		for _, m := range command().FindAllStringSubmatch(aside, -1) {
			if things[m[1]] == "" {
				return aside
			}
		}
		return ""
	})
	var out strings.Builder
	for {
		at := command().FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		before, name, all := text[:at[0]], text[at[2]:at[3]], text[at[0]:at[1]]
		text = text[at[1]:]
		thing := things[name]
		switch {
		case commandOnly[name]:
			out.WriteString(before + all + ", on the command line")
			if text == "" {
				text = "."
			}
		case thing == "": // cofre in another sentence
			out.WriteString(before + all)
		case strings.HasSuffix(before, " with: "):
			out.WriteString(strings.TrimSuffix(before, " with: "))
		case strings.HasSuffix(before, " by: "), strings.HasSuffix(before, " run: "):
			out.WriteString(strings.TrimSuffix(before, ": ") + " " + thing)
		case strings.HasSuffix(before, ": ") && (text == "" || strings.ContainsAny(text[:1], ".,;?!")):
			out.WriteString(strings.TrimSuffix(before, ": "))
		default:
			if said := strings.TrimRight(out.String()+before, " "); said == "" || strings.ContainsAny(said[len(said)-1:], ".?!") {
				thing = capital(thing)
			}
			out.WriteString(before + thing)
		}
		if text == "" && strings.ContainsFunc(out.String(), unicode.IsSpace) {
			text = "."
		}
	}
	return out.String() + text
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
