package pgdump

import (
	"bytes"
	"strings"
	"sync"
)

// Bounds on what is kept of a child's messages.
const (
	keepHead = 4 << 10  // bytes of the first lines: they often hold the cause
	keepTail = 16 << 10 // bytes of the last lines
	maxLine  = 4 << 10  // bytes of one line; the rest is dropped
)

// messages collects the lines that a child writes to stderr: all of them go to the callbacks, the first and the
// last are kept. It is safe for concurrent use.
type messages struct {
	redact func(string) string
	look   func(line string) // gets every line as it is, for our own eyes; may be nil
	each   func(line string) // gets every line redacted; may be nil

	mu      sync.Mutex
	partial []byte
	skip    bool // inside a line longer than maxLine
	head    strings.Builder
	tail    []string
	tailLen int
	dropped bool
}

// Write takes a piece of output. It never fails.
func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		piece := p
		if i >= 0 {
			piece = p[:i]
		}
		if room := maxLine - len(m.partial); !m.skip {
			m.partial = append(m.partial, piece[:min(room, len(piece))]...)
			m.skip = len(piece) > room
		}
		if i < 0 {
			break
		}
		p = p[i+1:]
		m.line()
	}
	return n, nil
}

// line ends the current line. The caller holds mu.
func (m *messages) line() {
	s := strings.ToValidUTF8(strings.TrimRight(string(m.partial), "\r"), "?")
	m.partial, m.skip = m.partial[:0], false
	if m.look != nil {
		m.look(s)
	}
	if m.each != nil {
		m.each(m.redact(s))
	}
	m.keep(s)
}

func (m *messages) keep(s string) {
	if len(m.tail) == 0 && !m.dropped && m.head.Len()+len(s) < keepHead {
		m.head.WriteString(s + "\n")
		return
	}
	m.tail = append(m.tail, s)
	m.tailLen += len(s) + 1
	for m.tailLen > keepTail {
		m.tailLen -= len(m.tail[0]) + 1
		m.tail = m.tail[1:]
		m.dropped = true
	}
}

// String gives what is kept, redacted.
func (m *messages) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.partial) > 0 {
		m.line()
	}
	var b strings.Builder
	b.WriteString(m.head.String())
	if m.dropped {
		b.WriteString("...\n")
	}
	for _, s := range m.tail {
		b.WriteString(s + "\n")
	}
	return m.redact(strings.TrimRight(b.String(), "\n"))
}

// Bounds on what of a program's messages becomes part of an error.
const (
	excerptLines = 6
	excerptBytes = 1000
)

// excerpt gives the lines that say most about a failure: from the first error on, or else the last ones that are more
// than progress.
func excerpt(text string) string {
	var lines []string
	first := -1
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if first < 0 && isError(line) {
			first = len(lines)
		}
		if line != "" && !isProgress(line) {
			lines = append(lines, line)
		}
	}
	switch {
	case first >= 0:
		lines = lines[first:min(len(lines), first+excerptLines)]
	case len(lines) > excerptLines:
		lines = lines[len(lines)-excerptLines:]
	}
	out := strings.Join(lines, "\n")
	if len(out) > excerptBytes {
		out = strings.ToValidUTF8(out[:excerptBytes], "") + "..."
	}
	return out
}

func isError(line string) bool {
	for _, mark := range []string{": error:", ": fatal:", ": ERROR:", ": FATAL:", "ERROR: ", "FATAL: "} {
		if strings.Contains(line, mark) {
			return true
		}
	}
	return false
}

// isProgress tells the lines of --verbose ("pg_dump: reading schemas") from errors, warnings and their details.
func isProgress(line string) bool {
	for _, program := range []string{"pg_dump: ", "pg_restore: "} {
		if rest, ok := strings.CutPrefix(line, program); ok {
			for _, kind := range []string{"error:", "warning:", "detail:", "hint:", "fatal:", "terminated"} {
				if strings.HasPrefix(rest, kind) {
					return false
				}
			}
			return true
		}
	}
	return false
}
