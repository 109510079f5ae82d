package backup_test

import (
	"slices"
	"strings"
	"testing"

	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// What programs said is told without their statements, which hold passwords, and within bounds.
func TestSaid(t *testing.T) {
	const refused = "pg_restore: error: could not execute query: ERROR: permission denied to create subscription"
	for what, c := range map[string]struct {
		detail string
		want   []string
	}{
		"nothing": {"", nil},
		"a statement with a password": {refused + " | Command was: CREATE SUBSCRIPTION s CONNECTION 'host=db password=secret' | PUBLICATION p; | LINE 1: ... password 'secret' | pg_restore: from TOC entry 3; 6100 16390 SUBSCRIPTION s me",
			[]string{refused, "pg_restore: from TOC entry 3; 6100 16390 SUBSCRIPTION s me"}},
		"rows": {"pg_restore: error: COPY failed for table \"t\": ERROR: duplicate key | DETAIL: Key (id)=(1) already exists. | CONTEXT: COPY t, line 1 | CONTEXT: SQL statement \"SELECT 'secret'\"",
			[]string{"pg_restore: error: COPY failed for table \"t\": ERROR: duplicate key", "DETAIL: Key (id)=(1) already exists.", "CONTEXT: COPY t, line 1"}},
		"a script, in another language": {"psql:<stdin>:5: FEHLER: Relation existiert nicht", []string{"psql:<stdin>:5: FEHLER: Relation existiert nicht"}},
		"words of ours":                 {"open dump: dial tcp 10.0.0.1:5432: connect: refused", nil},
		"many":                          {strings.Repeat("ERROR: x | ", 9), slices.Repeat([]string{"ERROR: x"}, 6)},
		"long":                          {"ERROR: y | ERROR: " + strings.Repeat("x", 2000), []string{"ERROR: y"}},
	} {
		if got := backup.Said(registry.Error{Detail: c.detail}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}
