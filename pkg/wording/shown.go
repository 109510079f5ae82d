package wording

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/lazyregexp"
)

var (
	asideOption = lazyregexp.New(`\s*\([^()]*--[a-z][^()]*\)`)
	option      = lazyregexp.New(`(^|[\s(])--[a-z]`)
	partEnd     = lazyregexp.New(`([.;:?!])\s+`)

	// commandName and commandArgument are what texts name of the command line. A source's name need not stand in quotes.
	commandName     = `(source (?:list|moved|adopt|add|set|show|test|pause|resume|remove)|place (?:list|add|set|test|remove)|channel (?:list|add|set|test|remove)|audit (?:list|verify)|config (?:check|show|schema)|[a-z]+)`
	commandArgument = `(?: (?:[0-9A-Z]{26}|ID|NAME|%[sq]|'[^']*'|"[^"]*"))`
	sourceName      = `(?: [\w./@+-]*[\w/@+-])`
	command         = lazyregexp.New("`?\\bcofre (?:source (?:moved|adopt)" + sourceName + "|" + commandName + commandArgument + "*)`?")
	asideCommand    = lazyregexp.New(`\s*\((?:cofre ` + commandName + commandArgument + `*(?:, )?)+\)`)
)

// doorless are the words of a language for who has no command line before them.
type doorless struct {
	// things are what stands in the place of a command. A command that is not here has nothing of the kind.
	things     map[string]string
	by         string   // what stands before a command that only says how
	doing      []string // what stands before one that is a thing then
	or, online string
	example    string
}

var inEnglish = doorless{
	things: map[string]string{
		"create": "a new backup", "list": "the list of backups", "info": "its details", "contents": "what it contains", "diff": "a comparison",
		"status": "its progress", "validate": "a validation", "rows": "its rows", "download": "a download", "url": "a link", "delete": "its removal", "pin": "a pin", "unpin": "the end of its pin",
		"cleanup": "a cleanup", "source list": "the sources", "place list": "the places", "prove": "a restore test", "source add": "a new source", "source set": "the settings of the source", "source show": "the settings of the source", "source test": "a test of the source", "source pause": "a pause of the source", "source resume": "the end of its pause",
		"source remove": "the removal of the source", "place add": "a new second location", "place set": "the settings of the second location", "place test": "a test of the second location", "place remove": "the removal of the second location", "channel add": "a new channel", "channel set": "the settings of the channel",
		"channel test": "a test of the channel", "channel remove": "the removal of the channel", "channel list": "the channels", "copy": "the next copying", "audit list": "the audit trail", "doctor": "the health check",
	},
	by: " with: ", doing: []string{" by: ", " run: "}, or: "or ", online: ", on the command line", example: "For example",
}

var inPortuguese = doorless{
	things: map[string]string{
		"create": "um novo backup", "list": "a lista de backups", "info": "os detalhes", "contents": "o conteúdo", "diff": "uma comparação",
		"status": "o progresso", "validate": "uma validação", "rows": "as linhas", "download": "um download", "url": "um link", "delete": "a exclusão", "pin": "a fixação", "unpin": "o fim da fixação",
		"cleanup": "uma limpeza", "source list": "as origens", "place list": "os locais", "prove": "um teste de restauração", "source add": "uma nova origem", "source set": "as configurações da origem", "source show": "as configurações da origem", "source test": "um teste da origem", "source pause": "a pausa da origem", "source resume": "o fim da pausa",
		"source remove": "a remoção da origem", "place add": "um novo segundo local", "place set": "as configurações do segundo local", "place test": "um teste do segundo local", "place remove": "a remoção do segundo local", "channel add": "um novo canal", "channel set": "as configurações do canal",
		"channel test": "um teste do canal", "channel remove": "a remoção do canal", "channel list": "os canais", "copy": "a próxima cópia", "audit list": "a trilha de auditoria", "doctor": "a verificação de saúde",
	},
	by: " com: ", doing: []string{" por: ", " execute: "}, or: "ou ", online: ", na linha de comando", example: "Por exemplo",
}

// onlyTyped are the commands that do what nothing else does.
var onlyTyped = map[string]bool{"restore": true, "switch": true, "config check": true, "config show": true, "config schema": true, "source moved": true, "source adopt": true, "audit verify": true, "serve": true, "run": true, "demo": true, "completion": true, "version": true}

// OnScreen is an English text for who has no command line before them: what names an option of one (--verbose) is left out, and commands are
// called by what does the same here. Records of older versions hold such texts, too. "" is what remains of a text about
// options alone. The catalogue has the words of what it makes of a text that it has.
func OnScreen(text string) string { return inEnglish.shown(text) }

// Commands are what a text names that a person types, and whether nothing else does the same, or something of its own does.
func Commands(text string) (only, others []string) {
	for _, m := range command().FindAllStringSubmatch(text, -1) {
		if name := nameOf(m[0], m[1]); onlyTyped[name] {
			only = append(only, name)
		} else if inEnglish.things[name] != "" {
			others = append(others, name)
		}
	}
	return only, others
}

// nameOf is the name of a command that was found. One of a source has its argument with it.
func nameOf(all, name string) string {
	if name != "" {
		return name
	}
	words := strings.Fields(all)
	return words[1] + " " + words[2]
}

// WithoutCommands is a text that may name commands, and no options, for who has no command line before them.
func WithoutCommands(text string) string { return inEnglish.withoutCommands(text) }

func (d *doorless) shown(text string) string { return d.withoutCommands(d.withoutOptions(text)) }

// typed reports whether a text may name something that is typed.
func typed(text string) bool { return strings.Contains(text, "--") || strings.Contains(text, "cofre ") }

// shownOf is an entry as it is shown; ok tells that there is one which the entry itself is not.
func shownOf(e entry) (shown entry, ok bool) {
	if !typed(e.en) {
		return e, false
	}
	shown = entry{inEnglish.shown(e.en), inPortuguese.shown(e.pt)}
	if shown.en == e.en || shown.en == "" || shown.pt == "" {
		return e, false
	}
	if strings.HasSuffix(shown.en, ".") && !strings.HasSuffix(shown.pt, ".") { // of a single word
		shown.pt += "."
	}
	left, right := parse(shown.en), parse(shown.pt)
	if len(left.verbs) != len(right.verbs) || len(left.verbs) < len(parse(e.en).verbs) && strings.Contains(shown.pt, "%[") {
		return e, false
	}
	return shown, true
}

func (d *doorless) withoutOptions(text string) string {
	if !option().MatchString(text) {
		return text
	}
	text = asideOption().ReplaceAllString(text, "")
	var kept strings.Builder
	cut := false // what it began with
	for rest := text; rest != ""; {
		part := rest
		if at := partEnd().FindStringIndex(rest); at != nil {
			part = rest[:at[1]]
		}
		rest = rest[len(part):]
		if !option().MatchString(part) {
			kept.WriteString(part)
		} else if means := strings.TrimSuffix(kept.String(), d.by); means != kept.String() { // and so for nothing
			kept.Reset()
			kept.WriteString(means[:lastPart(means)])
		} else {
			cut = cut || kept.Len() == 0
			before := strings.TrimRight(kept.String(), " ")
			if end := partEnd().FindStringIndex(part); end != nil && strings.TrimRight(before, ";:") != before { // ends as that did
				kept.Reset()
				kept.WriteString(strings.TrimRight(before, ";:") + part[end[0]:])
			}
		}
	}
	text = strings.TrimRight(kept.String(), " ;:")
	if text == d.example {
		return ""
	}
	if cut && text != "" {
		text = capital(strings.TrimPrefix(text, d.or))
	}
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".?!") {
		text += "."
	}
	return text
}

// lastPart returns where the last sentence of a text begins, or its last part behind a semicolon.
func lastPart(text string) int {
	all := partEnd().FindAllStringIndex(text, -1)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1][1]
}

// withoutCommands gives commands the names of what does the same here: "Follow it with: cofre status ID" becomes "Follow it.", and
// "or run: cofre cleanup" becomes "or run a cleanup". What only the command line can do is said to be done there.
func (d *doorless) withoutCommands(text string) string {
	text = asideCommand().ReplaceAllStringFunc(text, func(aside string) string {
		for _, m := range command().FindAllStringSubmatch(aside, -1) {
			if d.things[nameOf(m[0], m[1])] == "" {
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
		before, all := text[:at[0]], text[at[0]:at[1]]
		name := ""
		if at[2] >= 0 {
			name = text[at[2]:at[3]]
		}
		name = nameOf(all, name)
		text = text[at[1]:]
		thing := d.things[name]
		behind := strings.HasSuffix(before, ": ") && (text == "" || strings.ContainsAny(text[:1], ".,;?!"))
		switch {
		case onlyTyped[name]:
			out.WriteString(before + all)
			if !strings.HasPrefix(text, d.online) {
				out.WriteString(d.online)
			}
			if text == "" {
				text = "."
			}
		case thing == "": // cofre in another sentence
			out.WriteString(before + all)
		case strings.HasSuffix(before, d.by):
			out.WriteString(strings.TrimSuffix(before, d.by))
		case strings.HasSuffix(before, d.doing[0]), strings.HasSuffix(before, d.doing[1]):
			out.WriteString(strings.TrimSuffix(before, ": ") + " " + thing)
		case behind:
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
