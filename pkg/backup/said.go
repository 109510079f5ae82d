package backup

import (
	"strings"

	"cofre/pkg/registry"
)

// Bounds of what is told of a program's messages.
const (
	saidLines = 6
	saidBytes = 1000 // of all of them together
)

// Said returns what the programs of a restore said of its failure: the server's errors with their details, and which entry of the archive they
// are about. Statements are left out, which may hold passwords of foreign servers and subscriptions. The record has the lines as
// pkg/pgdump writes them, with " | " between them.
func Said(e registry.Error) (lines []string) {
	room := saidBytes
	for line := range strings.SplitSeq(e.Detail, " | ") {
		line = strings.TrimSpace(line)
		if !tells(line) {
			continue
		}
		if len(lines) == saidLines || len(line) > room {
			break
		}
		lines, room = append(lines, line), room-len(line)
	}
	return lines
}

// tells reports whether a line of a program is a message, and neither a statement nor progress.
func tells(line string) bool {
	for _, start := range []string{"psql:", "pg_restore: error: ", "pg_restore: fatal: ", "pg_restore: detail: ", "pg_restore: hint: ", "pg_restore: from TOC entry ",
		"ERROR: ", "FATAL: ", "DETAIL: ", "HINT: ", "CONTEXT: COPY "} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}
