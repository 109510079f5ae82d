package entry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"cofre/pkg/fault"
)

// newLog writes JSON lines, which CloudWatch Logs takes apart by itself. AWS_LAMBDA_LOG_LEVEL chooses the level.
func newLog(w io.Writer, current *atomic.Pointer[string]) *slog.Logger {
	level := slog.LevelInfo
	// Lambda's own names TRACE and FATAL have no counterpart and are left out.
	_ = level.UnmarshalText([]byte(strings.ToUpper(os.Getenv("AWS_LAMBDA_LOG_LEVEL"))))
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: fault.Attr})
	return slog.New(&stamp{h, current})
}

// stamp adds the id of the invocation to every line, also of code that does not know it. A function's process handles
// one event at a time.
type stamp struct {
	slog.Handler
	current *atomic.Pointer[string]
}

// Handle implements slog.Handler.
func (s *stamp) Handle(ctx context.Context, r slog.Record) error {
	if id := s.current.Load(); id != nil {
		r.AddAttrs(slog.String("invocation_id", *id))
	}
	return s.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (s *stamp) WithAttrs(a []slog.Attr) slog.Handler {
	return &stamp{s.Handler.WithAttrs(a), s.current}
}

// WithGroup implements slog.Handler.
func (s *stamp) WithGroup(name string) slog.Handler {
	return &stamp{s.Handler.WithGroup(name), s.current}
}
