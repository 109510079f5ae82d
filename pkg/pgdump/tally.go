package pgdump

import (
	"slices"
	"strings"
	"sync"

	"cofre/pkg/archive"
	"cofre/pkg/lazyregexp"
)

// tally follows what a restoring program says.
type tally struct {
	mu     sync.Mutex
	done   map[string]int // by psql, as its tags say
	errors int            // that pg_restore reported
	known  int            // of them, those that do not matter
	last   state          // of the last error, of which more lines may follow
	stop   func()
}

// state is what is known of an error that pg_restore reported.
type state int

const (
	settled state = iota // it matters, or there is none
	open                 // nothing is known yet
	passed               // it does not matter
)

var commandTag = lazyregexp.New(`^(CREATE|ALTER|COMMENT|GRANT|REVOKE|COPY|REFRESH|INSERT|SECURITY|DROP|IMPORT)( [A-Z][A-Z ]*)?( \d+)*$`)

// knownCommand is pg_restore's report of the command that older servers refuse to pg_restore 17 and newer. The command is
// what an error is told by: the server's message before it is in the server's language.
const knownCommand = "Command was: SET transaction_timeout = 0;"

// restoreError begins the report of an error, of one or of several of pg_restore's processes at a time: each writes its name,
// the word and the text apart.
var restoreError = lazyregexp.New(`^(?:(?:pg_restore: )+(?:error: )|(?:error: )*could not execute query: )`)

// attach gives the tally the way to end the program at the first error that matters, for programs that go on. An
// error that came before counts too.
func (t *tally) attach(stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop = stop
	matter := t.errors - t.known
	if t.last == open {
		matter--
	}
	if matter > 0 {
		stop()
	}
}

// failed counts the errors that matter.
func (t *tally) failed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.errors - t.known
}

// line takes one line of stderr. An error does not matter when every command that is reported with it is the known one:
// a server's message may hold such a line too, but then that of its own command follows.
func (t *tally) line(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case restoreError().MatchString(s):
		if t.last == open {
			t.matters()
		}
		if t.errors++; strings.Contains(s, "could not execute query: ") {
			t.last = open
		} else {
			t.matters()
		}
	case s == knownCommand && t.last == open:
		t.known++
		t.last = passed
	case strings.HasPrefix(s, "Command was: ") && s != knownCommand:
		if t.last == passed {
			t.known--
		}
		if t.last != settled {
			t.matters()
		}
	}
}

// matters settles that the last error does. The caller holds mu.
func (t *tally) matters() {
	if t.last = settled; t.stop != nil {
		t.stop()
	}
}

// tag takes one line of psql's output: "CREATE TABLE", "COPY 12".
func (t *tally) tag(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch m := commandTag().FindStringSubmatch(s); {
	case m == nil:
	case m[1] == "COPY":
		t.done["TABLE DATA"]++
	case m[1] == "CREATE":
		t.done[strings.TrimSpace(m[2])]++
	default:
		t.done[strings.TrimSpace(m[1]+m[2])]++
	}
}

// contents counts what an archive holds of each kind, in the words of its table of contents: what was done when all of
// it was restored.
func contents(h *archive.Head, o RestoreOptions) map[string]int {
	done := map[string]int{}
	for i := range h.Entries {
		e := &h.Entries[i]
		switch {
		case e.Desc == "COMMAND", slices.Contains(settingEntries, e.Desc), strings.HasPrefix(e.Desc, "DATABASE"), o.NoPrivileges && strings.HasSuffix(e.Desc, "ACL"):
		case e.Desc == "BLOB METADATA":
			done["LARGE OBJECT"] += strings.Count(strings.TrimSpace(e.Defn), "\n") + 1
		case e.Desc == "BLOB":
			done["LARGE OBJECT"]++
		case e.Desc != "BLOBS":
			done[e.Desc]++
		}
	}
	return done
}
