package backup

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Bounds of a run's log, in bytes: the first lines and the last ones are kept of what would be more.
const (
	maxLogLine = 4 << 10
	logHead    = 16 << 10
	logTail    = 40 << 10
	// maxLogLines bounds what is given of one: a line of ours takes more than a break, and what lies in the storage need not be ours.
	maxLogLines = 5000
)

// runLog collects what a run did and what went wrong, a line each with its time, for the object that is kept as long as the record. It takes
// no secrets: what is written here stands in the process's own log, or would.
type runLog struct {
	now func() time.Time

	mu   sync.Mutex
	head strings.Builder
	tail []string
	size int // of tail
	left int // lines that were left out
}

// add writes a line.
func (l *runLog) add(format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	line := fault.Shorten(l.now().UTC().Format(registry.LogTime)+" "+text, maxLogLine-1) + "\n"
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == 0 && l.head.Len()+len(line) <= logHead {
		l.head.WriteString(line)
		return
	}
	l.tail, l.size = append(l.tail, line), l.size+len(line)
	for l.size > logTail {
		l.size -= len(l.tail[0])
		l.tail, l.left = l.tail[1:], l.left+1
	}
}

func (l *runLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	gap := ""
	if l.left > 0 {
		gap = fmt.Sprintf("… %d lines were left out …\n", l.left)
	}
	return l.head.String() + gap + strings.Join(l.tail, "")
}

// tee is the process's log, which writes into the run's as well what people should know.
type tee struct {
	slog.Handler
	into *runLog
}

func (t tee) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		var b strings.Builder
		if r.Level >= slog.LevelWarn {
			b.WriteString(strings.ToLower(r.Level.String()) + ": ")
		}
		b.WriteString(r.Message)
		r.Attrs(func(a slog.Attr) bool {
			if a.Key != "backup_id" {
				fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
			}
			return true
		})
		t.into.add("%s", b.String())
	}
	if !t.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return t.Handler.Handle(ctx, r)
}

// Enabled: what the process does not log is of interest here.
func (t tee) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || t.Handler.Enabled(ctx, level)
}

func (t tee) WithAttrs(a []slog.Attr) slog.Handler { return tee{t.Handler.WithAttrs(a), t.into} }
func (t tee) WithGroup(name string) slog.Handler   { return tee{t.Handler.WithGroup(name), t.into} }

// LogLine is a line of a run's log. At is zero where the line has no time of its own: it goes on with what the one before says.
type LogLine struct {
	At   time.Time
	Text string
}

// RunLog returns what was noted while a backup was made, with its record: so far, of one that is running, and up to a few seconds before its end of
// one whose process died. Nothing is kept of backups of older versions, and of those that died within their first second.
func (s *Service) RunLog(ctx context.Context, ref string) (Backup, []LogLine, error) {
	b, err := s.Info(ctx, ref)
	if err != nil {
		return b, nil, err
	}
	text, err := s.Registry.Log(ctx, b.ID)
	if err != nil || text == "" {
		return b, nil, err
	}
	lines := []LogLine{}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			continue
		}
		if len(lines) == maxLogLines {
			lines = append(lines, LogLine{Text: "…"})
			break
		}
		stamp, rest, _ := strings.Cut(line, " ")
		if at, err := time.Parse(registry.LogTime, stamp); err == nil {
			lines = append(lines, LogLine{at.UTC(), rest})
		} else {
			lines = append(lines, LogLine{Text: line})
		}
	}
	return b, lines, nil
}
