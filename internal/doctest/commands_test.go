package doctest

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

// help is what "cofre --help" says, as far as documents speak of it.
type help struct {
	text     string
	commands map[string]map[string]bool // the options of each command ("audit list" is one), "" for those of cofre itself
	exits    map[string]string          // exit codes and their meaning
}

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)
	helpOption  = regexp.MustCompile(`(?m)^ +(?:(-[a-zA-Z]), )?(--[a-z-]+)`)
	helpExit    = regexp.MustCompile(`(?m)^ {2,4}(\d+)  (.+)$`)
)

// readHelp asks cofre for its help, and that of each command.
func readHelp(t *testing.T) help {
	t.Helper()
	h := help{text: run(t, "--help"), commands: map[string]map[string]bool{}, exits: map[string]string{}}
	for _, m := range helpExit.FindAllStringSubmatch(h.text, -1) {
		h.exits[m[1]] = m[2]
	}
	names := []string{""}
	for _, m := range helpCommand.FindAllStringSubmatch(h.text, -1) {
		if m[1] != "cofre" { // the line of usage
			names = append(names, m[1])
		}
	}
	for i := 0; i < len(names); i++ {
		name := names[i]
		options := map[string]bool{}
		text := run(t, append(strings.Fields(name), "--help")...)
		if _, list, ok := strings.Cut(text, "\nCommands:\n"); ok && name != "" && name != "completion" {
			list, _, _ = strings.Cut(list, "\n\n")
			for _, m := range helpCommand.FindAllStringSubmatch(list, -1) {
				names = append(names, name+" "+m[1])
			}
		}
		for _, m := range helpOption.FindAllStringSubmatch(text, -1) {
			options[m[2]] = true
			if m[1] != "" {
				options[m[1]] = true
			}
		}
		h.commands[name] = options
	}
	if len(h.commands) < 12 || len(h.exits) < 8 || len(h.commands["create"]) < 8 {
		t.Fatalf("the help was not understood: %d commands, %d exit codes\n%s", len(h.commands), len(h.exits), h.text)
	}
	return h
}

// run gives what cofre prints, in an empty environment.
func run(t *testing.T, args ...string) string {
	t.Helper()
	args = slices.DeleteFunc(args, func(s string) bool { return s == "" })
	cmd := exec.Command(filepath.Join(built(t), "cofre"), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cofre %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestCommandsAndOptionsExist compares every command and option of cofre that a document mentions with the help.
func TestCommandsAndOptionsExist(t *testing.T) {
	h := readHelp(t)
	seen := 0
	for _, d := range documents(t) {
		for _, u := range d.uses() {
			seen++
			name := h.name(u)
			options, ok := h.commands[name]
			if !ok {
				t.Errorf("%s:%d: there is no command cofre %s", d.name, u.line, name)
				continue
			}
			for _, o := range u.options {
				if !options[o] {
					t.Errorf("%s:%d: cofre %s has no option %s", d.name, u.line, name, o)
				}
			}
		}
		for _, s := range d.looseOptions() {
			if !slices.ContainsFunc(slices.Collect(maps.Values(h.commands)), func(o map[string]bool) bool { return o[s.text] }) {
				t.Errorf("%s:%d: no command of cofre has the option %s (write another program's as `program %s`)", d.name, s.line, s.text, s.text)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d uses of cofre were found", seen)
	}
}

// use is one call of cofre in a document.
type use struct {
	line    int
	command string
	next    string // the word behind it
	options []string
}

// name is the command that a use is of: "audit list", where there is such a one.
func (h help) name(u use) string {
	if _, ok := h.commands[u.command+" "+u.next]; ok {
		return u.command + " " + u.next
	}
	return u.command
}

var (
	substitution = regexp.MustCompile(`\$\(([^()]*)\)`)
	separator    = regexp.MustCompile(`\|\||&&|[|;&]|(?:^|\s)#.*`)
	// call finds cofre as the program of a command, behind variables that are set for it.
	call      = regexp.MustCompile(`^(?:! )?(?:ExecStart=|[A-Za-z_]+=\S* +)*(?:\S*/)?cofre((?:\s.*)?)$`)
	word      = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
	lowerWord = regexp.MustCompile(`^[a-z]+$`)
)

// calls finds calls of cofre in a line of shell text.
func calls(text string) []use {
	var out []use
	for m := substitution.FindStringSubmatchIndex(text); m != nil; m = substitution.FindStringSubmatchIndex(text) {
		out = append(out, calls(text[m[2]:m[3]])...)
		text = text[:m[0]] + "X" + text[m[1]:]
	}
	for _, part := range separator.Split(text, -1) {
		m := call.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			continue
		}
		words := word.FindAllString(m[1], -1)
		var u use
		if len(words) > 0 && !strings.HasPrefix(words[0], "-") {
			u.command, words = words[0], words[1:]
			if len(words) > 0 && lowerWord.MatchString(words[0]) {
				u.next = words[0]
			}
		}
		for _, w := range words {
			if o, _, _ := strings.Cut(w, "="); strings.HasPrefix(o, "-") {
				u.options = append(u.options, o)
			}
		}
		out = append(out, u)
	}
	return out
}

// uses lists the calls of cofre in blocks and inline code. Options that stand behind a call on the same line of
// text belong to it: "`cofre create` makes a backup. `-n NAME`".
func (d document) uses() []use {
	var out []use
	for _, b := range d.blocks {
		if !slices.Contains([]string{"sh", "cron", "ini"}, b.language) {
			continue
		}
		for i, l := range strings.Split(b.text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(l), "#") {
				continue
			}
			for _, u := range calls(l) {
				u.line = b.line + i
				out = append(out, u)
			}
		}
	}
	for _, l := range d.lines {
		var last *use
		for _, m := range codeSpan.FindAllStringSubmatch(l.text, -1) {
			if strings.HasPrefix(m[1], "cofre ") {
				for _, u := range calls(m[1]) {
					u.line = l.number
					out = append(out, u)
					last = &out[len(out)-1]
				}
			} else if o := optionOf(m[1]); o != "" && last != nil {
				last.options = append(last.options, o)
			}
		}
	}
	return out
}

// looseOptions lists the options in inline code that stand on a line without a call.
func (d document) looseOptions() []span {
	var out []span
	for _, l := range d.lines {
		if strings.Contains(l.text, "`cofre ") {
			continue
		}
		for _, m := range codeSpan.FindAllStringSubmatch(l.text, -1) {
			for _, w := range strings.Fields(m[1]) {
				if !strings.HasPrefix(m[1], "-") {
					break // another program's
				}
				if o := optionOf(w); o != "" {
					out = append(out, span{l.number, o})
				}
			}
		}
	}
	return out
}

var option = regexp.MustCompile(`^(-[a-z]|--[a-z][a-z-]+)(?:[ =].*)?$`)

func optionOf(s string) string {
	m := option.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return m[1]
}

// TestReadmeHasEveryCommand compares README's table of commands with the help.
func TestReadmeHasEveryCommand(t *testing.T) {
	h := readHelp(t)
	documented := map[string]bool{"": true, "help": true}
	for _, row := range documents(t)[0].table(t, "command", "does") {
		for _, u := range calls(strings.Trim(row[0], "`")) {
			documented[u.command], documented[h.name(u)] = true, true
		}
	}
	for name := range h.commands {
		if !documented[name] {
			t.Errorf("README.md does not list cofre %s", name)
		}
	}
}

var errorCode = regexp.MustCompile(`\b[A-Z][A-Za-z]+Error\b`)

// TestExitCodes compares README's table of exit codes with the one in the help.
func TestExitCodes(t *testing.T) {
	h := readHelp(t)
	documented := map[string]string{}
	for _, row := range documents(t)[0].table(t, "exit code", "means") {
		documented[row[0]] = row[1]
	}
	for code, meaning := range h.exits {
		text, ok := documented[code]
		if !ok {
			t.Errorf("README.md does not list exit code %s: %s", code, meaning)
			continue
		}
		if a, b := errorCode.FindAllString(meaning, -1), errorCode.FindAllString(text, -1); !slices.Equal(a, b) {
			t.Errorf("exit code %s stands for %v in the help and for %v in README.md", code, a, b)
		}
	}
	for code := range documented {
		if _, ok := h.exits[code]; !ok {
			t.Errorf("README.md lists exit code %s, which cofre does not have", code)
		}
	}
}

// TestExitCodesInProse: "exits with 6", "termina com 6" names a code there is.
func TestExitCodesInProse(t *testing.T) {
	h := readHelp(t)
	exits := regexp.MustCompile(`(?:exits? with|[Tt]ermina com) (\d+)`)
	for _, d := range documents(t) {
		for _, l := range d.lines {
			for _, m := range exits.FindAllStringSubmatch(l.text, -1) {
				if h.exits[m[1]] == "" {
					t.Errorf("%s:%d: there is no exit code %s", d.name, l.number, m[1])
				}
			}
		}
	}
}

// TestMakeTargets: each "make X" is a target of the Makefile.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(testenv.Root(), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`(?:^|\s)make ([a-z-]+)`)
	for _, d := range documents(t) {
		texts := d.spans()
		for _, b := range d.blocks {
			if b.language == "sh" {
				texts = append(texts, span{b.line, b.text})
			}
		}
		for _, s := range texts {
			for _, m := range made.FindAllStringSubmatch(s.text, -1) {
				if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
					t.Errorf("%s:%d: the Makefile has no target %s", d.name, s.line, m[1])
				}
			}
		}
	}
}

func TestCalls(t *testing.T) {
	got := calls(`id=$(bin/cofre create --json | jq -r .id) && X=1 cofre list -n 3 --label='a b' # cofre status`)
	got = append(got, calls("install -D bin/cofre /usr/local/bin/cofre; ! cofre")...)
	got = append(got, calls(`ExecStart=/usr/local/bin/cofre restore "$(cofre list -q)" --to URL`)...)
	want := []use{{command: "create", options: []string{"--json"}}, {command: "list", options: []string{"-n", "--label"}}, {},
		{command: "list", options: []string{"-q"}}, {command: "restore", options: []string{"--to"}}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
