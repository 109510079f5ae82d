package pgdump

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"cofre/pkg/archive"
)

// tally follows what a restoring program says.
type tally struct {
	mu     sync.Mutex
	done   map[string]int // by psql, as its tags say
	errors int            // that pg_restore reported
	known  int            // of them, those that do not matter
	stop   func()
}

var commandTag = regexp.MustCompile(`^(CREATE|ALTER|COMMENT|GRANT|REVOKE|COPY|REFRESH|INSERT|SECURITY|DROP|IMPORT)( [A-Z][A-Z ]*)?( \d+)*$`)

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
	if !strings.HasPrefix(s, "pg_restore: error:") {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors++
	if strings.Contains(s, knownError) {
		t.known++
	} else if t.stop != nil {
		t.stop()
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

// contents counts what an archive holds of each kind, in the words of its table of contents: what was done when all of
// it was restored.
func contents(h *archive.Head, o RestoreOptions) map[string]int {
	done := map[string]int{}
	for i := range h.Entries {
		e := &h.Entries[i]
		data := e.Section == archive.SectionData || e.Desc == "MATERIALIZED VIEW DATA"
		switch {
		case slices.Contains(settingEntries, e.Desc), strings.HasPrefix(e.Desc, "DATABASE"), o.DataOnly && !data, o.SchemaOnly && data,
			o.NoPrivileges && strings.HasSuffix(e.Desc, "ACL"):
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
