package fault

import "log/slog"

// Level is how loud a log is to say that something failed: what a user cancelled is information, what a stopping process
// broke off a warning, and all else an error. So whoever is woken by errors is woken by failures of the system alone.
func Level(err error) slog.Level {
	switch f := From(err); {
	case f == nil || f.Code != Canceled:
		return slog.LevelError
	case f.Reason == CanceledByUser:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}
