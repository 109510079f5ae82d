package pgdump

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// tally follows what a restoring program says that it does.
type tally struct {
	verbose func(string)

	mu     sync.Mutex
	done   map[string]int
	errors int // that it reported
	known  int // of them, those that do not matter
	stop   func()
}

var (
	creating     = regexp.MustCompile(`^pg_restore: creating ([A-Z][A-Z ]*[A-Z]) "`)
	processing   = regexp.MustCompile(`^pg_restore: processing data for table "`)
	executing    = regexp.MustCompile(`^pg_restore: executing (SEQUENCE SET) `)
	largeObjects = regexp.MustCompile(`^pg_restore: restored (\d+) large objects?`)
	commandTag   = regexp.MustCompile(`^(CREATE|ALTER|COMMENT|GRANT|REVOKE|COPY|REFRESH|INSERT|SECURITY|DROP|IMPORT)( [A-Z][A-Z ]*)?( \d+)*$`)
)

// knownError is what pg_restore 17 and newer gets from older servers for its "SET transaction_timeout = 0".
const knownError = `unrecognized configuration parameter "transaction_timeout"`

// attach gives the tally the way to end the program at the first error that matters, for programs that go on. An
// error that came before counts too.
func (t *tally) attach(stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop = stop
	if t.errors > t.known {
		stop()
	}
}

// failed counts the errors that matter.
func (t *tally) failed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.errors - t.known
}

// line takes one line of stderr.
func (t *tally) line(s string) {
	if t.verbose != nil {
		t.verbose(s)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case strings.HasPrefix(s, "pg_restore: error:"):
		t.errors++
		if strings.Contains(s, knownError) {
			t.known++
		} else if t.stop != nil {
			t.stop()
		}
	case processing.MatchString(s):
		t.done["TABLE DATA"]++
	default:
		if m := creating.FindStringSubmatch(s); m != nil {
			t.done[m[1]]++
		} else if m := executing.FindStringSubmatch(s); m != nil {
			t.done[m[1]]++
		} else if m := largeObjects.FindStringSubmatch(s); m != nil {
			n, _ := strconv.Atoi(m[1])
			t.done["LARGE OBJECT"] += n
		}
	}
}

// tag takes one line of psql's output: "CREATE TABLE", "COPY 12".
func (t *tally) tag(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch m := commandTag.FindStringSubmatch(s); {
	case m == nil:
	case m[1] == "COPY":
		t.done["TABLE DATA"]++
	case m[1] == "CREATE":
		t.done[strings.TrimSpace(m[2])]++
	default:
		t.done[strings.TrimSpace(m[1]+m[2])]++
	}
}
