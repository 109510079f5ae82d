// Package term is how cofre looks to people: colours, tables, human sizes and times, and one line of
// progress at the bottom of standard error that notes and log lines do not tear apart.
//
// Sizes are in the units of PostgreSQL's pg_size_pretty: 1 kB is 1024 bytes. Times are local. Whatever came
// from outside (names, messages of servers) goes through [Clean], so that nobody's file name moves a cursor.
package term

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	xterm "golang.org/x/term"

	"cofre/pkg/lazyregexp"
	"cofre/pkg/wording"
)

// Look says what a stream can show.
type Look struct {
	Live    bool // a terminal, on which a line can be drawn over
	Colour  bool
	Unicode bool
	Width   func() int // columns; 0 when nobody knows
	// Language is that of what people read; "" is English. Of what programs read there is one only.
	Language string
}

// What may stand around a text: spaces, colours and signs.
var (
	before = lazyregexp.New(`^(?:\s|\x1b\[[0-9;]*m|[✓✗→!]|->|(?:ok|broken|NOT PROVEN|refused|in part):|fail )+`)
	after  = lazyregexp.New(`(?:\s|\x1b\[[0-9;]*m)+$`)
)

// Say is a text of cofre in the look's language, line by line; what stands around it stays as it is.
func (l Look) Say(text string) string {
	if l.Language == "" || l.Language == wording.English {
		return text
	}
	list := strings.Split(text, "\n")
	for i, line := range list {
		head := before().FindString(line)
		core := line[len(head):]
		tail := after().FindString(core)
		core = core[:len(core)-len(tail)]
		if said := wording.Say(l.Language, core); said != core {
			list[i] = head + said + tail
		} else {
			list[i] = wording.Say(l.Language, line)
		}
	}
	return strings.Join(list, "\n")
}

// Sayf is fmt.Sprintf of a text of cofre.
func (l Look) Sayf(format string, args ...any) string { return l.Say(fmt.Sprintf(format, args...)) }

// LookOf finds out what f can show. Colours are on for terminals, except with NO_COLOR set or TERM=dumb;
// CLICOLOR_FORCE turns them on everywhere, but NO_COLOR wins.
func LookOf(f *os.File, getenv func(string) string) Look {
	dumb := getenv("TERM") == "dumb"
	tty := xterm.IsTerminal(int(f.Fd()))
	force := getenv("CLICOLOR_FORCE")
	return Look{
		Live:     tty && !dumb,
		Colour:   getenv("NO_COLOR") == "" && (tty && !dumb || force != "" && force != "0"),
		Unicode:  isUnicode(getenv),
		Language: wording.Of(getenv("BACKUP_LANGUAGE"), getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")),
		Width: func() int {
			if !tty {
				return 0
			}
			w, _, err := xterm.GetSize(int(f.Fd()))
			if err != nil {
				return 0
			}
			return w
		},
	}
}

// isUnicode follows the C library's order of the locale variables. No locale at all (containers, cron) says
// nothing about the terminal, and terminals without UTF-8 have become rare.
func isUnicode(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}

// Paint colours text, or leaves it as it is.
type Paint func(string) string

func (l Look) paint(code string) Paint {
	return func(s string) string {
		if !l.Colour || s == "" {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
}

// The paints. Nothing is told by colour alone.
func (l Look) Bold(s string) string   { return l.paint("1")(s) }
func (l Look) Dim(s string) string    { return l.paint("2")(s) }
func (l Look) Red(s string) string    { return l.paint("31")(s) }
func (l Look) Green(s string) string  { return l.paint("32")(s) }
func (l Look) Yellow(s string) string { return l.paint("33")(s) }
func (l Look) Cyan(s string) string   { return l.paint("36")(s) }

// Sign picks the Unicode or the ASCII form.
func (l Look) Sign(unicode, ascii string) string {
	if l.Unicode {
		return unicode
	}
	return ascii
}

// Screen is standard error. Its methods may be called from several goroutines.
type Screen struct {
	Look
	mu   sync.Mutex
	w    io.Writer
	line string // the progress line that stands there now
}

// NewScreen makes a screen.
func NewScreen(w io.Writer, l Look) *Screen { return &Screen{w: w, Look: l} }

// Write writes whole lines above the progress line.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	n, err := s.w.Write(p)
	s.put()
	return n, err
}

// draw replaces the progress line; "" removes it.
func (s *Screen) draw(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == "" {
		s.wipe()
	}
	s.line = line
	s.put()
}

func (s *Screen) wipe() {
	if s.line != "" {
		io.WriteString(s.w, "\r\x1b[K")
	}
}

// put draws over the old line and clears its rest, in one write, so that nothing flickers.
func (s *Screen) put() {
	if s.line != "" {
		io.WriteString(s.w, "\r"+s.line+"\x1b[K")
	}
}
