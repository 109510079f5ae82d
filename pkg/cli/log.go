package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
)

// lineHandler writes log records as lines for people: with details everything, with time, level and all
// attributes; otherwise warnings and errors, without the identifiers that the reader knows anyway.
type lineHandler struct {
	w       io.Writer
	look    term.Look
	details bool
	least   slog.Level
	prefix  string // of attribute keys: groups, each with a dot
	attrs   []slog.Attr
	mu      *sync.Mutex
}

func (p *program) newLog() *slog.Logger {
	least := slog.LevelWarn
	if p.verbose {
		least = slog.LevelDebug
	}
	return slog.New(p.lines(least))
}

func (p *program) lines(least slog.Level) *lineHandler {
	return &lineHandler{w: p.screen, look: p.screen.Look, details: p.verbose, least: least, mu: &sync.Mutex{}}
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= h.least
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.attrs = append(append([]slog.Attr(nil), h.attrs...), h.prefixed(attrs)...)
	return &n
}

func (h *lineHandler) WithGroup(name string) slog.Handler {
	n := *h
	n.prefix += name + "."
	return &n
}

func (h *lineHandler) prefixed(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = slog.Attr{Key: h.prefix + a.Key, Value: a.Value}
	}
	return out
}

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := append([]slog.Attr(nil), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, h.prefixed([]slog.Attr{a})...)
		return true
	})
	var b strings.Builder
	if h.details {
		b.WriteString(h.look.Dim(r.Time.Local().Format("15:04:05.000")) + " ")
	}
	b.WriteString(h.level(r.Level) + " ")
	if line := lineOf(attrs); line != "" {
		b.WriteString(term.Clean(line))
	} else {
		b.WriteString(term.Clean(r.Message))
		for _, a := range attrs {
			h.attr(&b, a)
		}
	}
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

// lineOf is what another program said, which stands for itself: pg_dump begins its lines with its name.
func lineOf(attrs []slog.Attr) string {
	for _, a := range attrs {
		if a.Key == "line" {
			return a.Value.String()
		}
	}
	return ""
}

func (h *lineHandler) level(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return h.look.Red("error:")
	case l >= slog.LevelWarn:
		return h.look.Yellow("warning:")
	case l >= slog.LevelInfo:
		return "info:"
	}
	return h.look.Dim("debug:")
}

func (h *lineHandler) attr(b *strings.Builder, a slog.Attr) {
	value := fault.Shorten(fmt.Sprint(a.Value.Resolve().Any()), fault.MaxText)
	switch {
	case a.Equal(slog.Attr{}):
	case a.Key == "error" || a.Key == "warning":
		b.WriteString(": " + term.Clean(value))
	case !h.details && a.Key == "backup_id":
	default:
		if strings.ContainsAny(value, " \"=\n\t") || value == "" {
			value = fmt.Sprintf("%q", value)
		}
		b.WriteString(" " + h.look.Dim(term.Clean(a.Key)+"=") + term.Clean(value))
	}
}
