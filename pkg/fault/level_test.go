package fault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
)

func TestLevel(t *testing.T) {
	for err, want := range map[error]slog.Level{
		New(Canceled, CanceledByUser, "", "canceled by ana"):                      slog.LevelInfo,
		fmt.Errorf("run: %w", New(Canceled, CanceledByUser, "", "")):              slog.LevelInfo,
		New(Canceled, "", "", "stopped"):                                          slog.LevelWarn,
		fmt.Errorf("read: %w", context.Canceled):                                  slog.LevelWarn,
		context.DeadlineExceeded:                                                  slog.LevelError,
		New(BackupCreation, Timeout, "", "the function's time was up"):            slog.LevelError,
		Wrap(context.Canceled, DatabaseConnection, PortRefused, "", "not a wish"): slog.LevelError,
		errors.New("a defect"):                                                    slog.LevelError,
	} {
		if got := Level(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}

// One trouble is told once: what follows from it is told when it is another one.
func TestLevelBeside(t *testing.T) {
	away := New(FileSystem, StorageUnreachable, "", "cannot write a")
	for _, c := range []struct {
		err, failure error
		want         slog.Level
	}{
		{fmt.Errorf("audit: %w", New(FileSystem, StorageUnreachable, "", "cannot read b")), fmt.Errorf("reserve: %w", away), slog.LevelDebug},
		{New(Permission, AccessDenied, "", "cannot read b"), away, slog.LevelWarn},
		{away, nil, slog.LevelWarn},
		{errors.New("a defect"), errors.New("another"), slog.LevelWarn},
	} {
		if got := LevelBeside(c.err, c.failure); got != c.want {
			t.Errorf("%v beside %v is %s, want %s", c.err, c.failure, got, c.want)
		}
	}
}
