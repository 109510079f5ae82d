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

// LevelBeside is how loud a log is to say that err followed from a failure, or came up beside it, when that is told anyway: what
// has the same code and reason is the same trouble once more, and only details. Without a failure it is a warning.
func LevelBeside(err, failure error) slog.Level {
	if failure == nil || err == nil {
		return slog.LevelWarn
	}
	if a, b := From(err), From(failure); a.Code == b.Code && a.Reason == b.Reason && a.Reason != "" {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
