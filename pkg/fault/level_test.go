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
		New(Canceled, CanceledByUser, "", "cancelled by ana"):                     slog.LevelInfo,
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
