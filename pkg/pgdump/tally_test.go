package pgdump

import (
	"strings"
	"testing"
)

// The one error that may be passed over is told by its command, also where several processes write at once, and cannot be
// feigned by the message or the text of another command.
func TestPassedOver(t *testing.T) {
	const passed = "pg_restore: error: could not execute query: FEHLER:  unbekannt »transaction_timeout«\nCommand was: SET transaction_timeout = 0;\n"
	for _, c := range []struct {
		name, stderr  string
		errors, known int
	}{
		{"the one", "pg_restore: while INITIALIZING:\n" + passed, 1, 1},
		{"twice", passed + passed, 2, 2},
		{"mixed by two processes", "pg_restore: pg_restore: error: error: " + strings.TrimPrefix(passed, "pg_restore: error: ") + strings.TrimPrefix(passed, "pg_restore: error: "), 2, 2},
		{"another", passed + "pg_restore: error: could not execute query: FEHLER:  Relation »t« existiert bereits\nCommand was: CREATE TABLE t ();\n", 2, 1},
		{"no command", passed + "pg_restore: error: could not execute query: FEHLER: x\n", 2, 1},
		{"not of a query", "pg_restore: error: COPY failed for table \"t\": FEHLER: x\nCommand was: SET transaction_timeout = 0;\n", 1, 0},
		{"feigned by the message", "pg_restore: error: could not execute query: ERROR:  x\nCommand was: SET transaction_timeout = 0;\nCommand was: SELECT f();\n", 1, 0},
		{"feigned by the command", "pg_restore: error: could not execute query: ERROR:  x\nCommand was: CREATE FUNCTION f() ...\nCommand was: SET transaction_timeout = 0;\n", 1, 0},
	} {
		stopped := false
		tally := &tally{}
		tally.attach(func() { stopped = true })
		for line := range strings.Lines(c.stderr) {
			tally.line(strings.TrimSuffix(line, "\n"))
		}
		if tally.errors != c.errors || tally.known != c.known || stopped != (c.errors > c.known) && c.name != "no command" {
			t.Errorf("%s: %d errors, %d passed over, stopped %t", c.name, tally.errors, tally.known, stopped)
		}
	}
	if rest := withoutKnownError("a\n" + passed + "b\n"); rest != "a\nb\n" {
		t.Errorf("%q", rest)
	}
}
