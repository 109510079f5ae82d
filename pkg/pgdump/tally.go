package pgdump

import (
	"regexp"
	"strconv"
	"strings"
)

// tally counts what a restoring program says that it did. Each method is called by one goroutine.
type tally struct {
	done    map[string]int
	verbose func(string)
	ignored int // errors that it went on after
}

var (
	creating      = regexp.MustCompile(`^pg_restore: creating ([A-Z][A-Z ]*[A-Z]) "`)
	processing    = regexp.MustCompile(`^pg_restore: processing data for table "`)
	executing     = regexp.MustCompile(`^pg_restore: executing (SEQUENCE SET) `)
	largeObjects  = regexp.MustCompile(`^pg_restore: restored (\d+) large objects?`)
	errorsIgnored = regexp.MustCompile(`^pg_restore: warning: errors ignored on restore: (\d+)`)
	commandTag    = regexp.MustCompile(`^(CREATE|ALTER|COMMENT|GRANT|REVOKE|COPY|REFRESH|INSERT|SECURITY|DROP|IMPORT)( [A-Z][A-Z ]*)?( \d+)*$`)
)

// line takes one line of stderr.
func (t *tally) line(s string) {
	if t.verbose != nil {
		t.verbose(s)
	}
	if m := creating.FindStringSubmatch(s); m != nil {
		t.done[m[1]]++
	} else if m := executing.FindStringSubmatch(s); m != nil {
		t.done[m[1]]++
	} else if processing.MatchString(s) {
		t.done["TABLE DATA"]++
	} else if m := largeObjects.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1])
		t.done["LARGE OBJECT"] += n
	} else if m := errorsIgnored.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1])
		t.ignored += n
	} else if strings.HasPrefix(s, "psql:") && strings.Contains(s, ": ERROR: ") {
		t.ignored++
	}
}

// tag takes one line of psql's output: "CREATE TABLE", "COPY 12".
func (t *tally) tag(s string) {
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
