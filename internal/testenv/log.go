package testenv

import (
	"testing"

	"cofre/internal/process"
)

// Log returns a log for the output of a command that the test starts and reads while it runs:
//
//	log := testenv.Log(t)
//	cmd.Stdout, cmd.Stderr = log.File(), log.File()
func Log(tb testing.TB) *process.Log {
	tb.Helper()
	l, err := process.NewLog()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}
