package backup

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A log stays within its bounds whatever is written: the first lines and the last ones are kept, each on one line, and the gap is told.
func TestRunLogIsBounded(t *testing.T) {
	l := &runLog{now: time.Now}
	l.add("first\nline")
	for range 1000 {
		l.add("%s", strings.Repeat("x", 200))
	}
	l.add("%s", strings.Repeat("y", 2*maxLogLine))
	l.add("last")
	text := l.String()
	if len(text) > logHead+logTail+200 {
		t.Errorf("%d bytes", len(text))
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !strings.HasSuffix(lines[0], " first line") || !strings.HasSuffix(lines[len(lines)-1], " last") || !strings.Contains(text, " lines were left out") {
		t.Errorf("%.100s\n…\n%s", text, lines[len(lines)-1])
	}
	for _, line := range lines {
		if len(line) > maxLogLine {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// What a run warns of stands in its log also where the process itself logs nothing; what is for debugging does not.
func TestRunLogHoldsWarnings(t *testing.T) {
	l := &runLog{now: time.Now}
	log := slog.New(tee{slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}), l})
	log.Warn("tags not set", "backup_id", "X", "error", "no")
	log.Debug("pg_dump", "line", "hidden")
	log.Log(context.Background(), slog.LevelInfo, "done")
	text := l.String()
	if !strings.Contains(text, " warn: tags not set error=no\n") || !strings.Contains(text, " done\n") || strings.Contains(text, "hidden") || strings.Contains(text, "backup_id") {
		t.Error(text)
	}
}
