package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"cofre/pkg/fault"
)

// untilSignal gives a context that the first Ctrl-C, SIGTERM or SIGHUP ends, so that an upload can be aborted
// and the failure recorded. A second one ends the process at once. Call release at the end.
func (p *program) untilSignal(parent context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	watched := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // under nohup it stays ignored
		watched = append(watched, syscall.SIGHUP)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, watched...)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			case s := <-signals:
				insist := p.insist.Load()
				switch {
				case n == 2 && insist != nil:
					(*insist)(stop(s))
				case n > 1:
					os.Exit(exitStopped)
				}
				cause := stop(s)
				if s == os.Interrupt && insist == nil {
					cause.Reason = fault.CanceledByUser // a person at the keyboard; a server's end is no wish about its backups
				}
				cancel(cause)
				if p.screen.Live && !p.quiet {
					fmt.Fprintln(p.screen, p.screen.Dim(patience(n, insist != nil)))
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}

// patience is what people are told who press Ctrl-C. A command that lets its work end has a second step.
func patience(n int, steps bool) string {
	if steps && n == 1 {
		return "running backups may end; press Ctrl-C again to stop them"
	}
	return "stopping and cleaning up; press Ctrl-C again to quit immediately"
}

// secondSignal gives a context that the second signal ends, for a command that lets its work end on the first one. A
// third one ends the process. Call release at the end.
func (p *program) secondSignal() (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	p.insist.Store(&cancel)
	return ctx, func() {
		p.insist.Store(nil)
		cancel(nil)
	}
}

// stop is the error of a command that a signal ended.
func stop(s os.Signal) *fault.Error {
	by := map[os.Signal]string{os.Interrupt: "Ctrl-C (SIGINT)", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"}[s]
	return fault.New(fault.Canceled, "", "Run it again when you are ready.", "stopped by %s before it was finished", by)
}

// stopped replaces whatever failed because of a signal by the signal itself. What --json has told stays told.
func stopped(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	var f *fault.Error
	if !errors.As(cause, &f) {
		return err
	}
	var t told
	if errors.As(err, &t) {
		return told{f}
	}
	return f
}
