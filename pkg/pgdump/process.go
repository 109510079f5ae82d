package pgdump

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Grace periods in ending a child.
const (
	termGrace  = 5 * time.Second // between SIGTERM and SIGKILL; pg_dump needs it to cancel its query
	drainGrace = 2 * time.Second // for output of a child that has ended
)

// process is a started child and its group. It always ends up waited for.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child was waited for
	err  error         // of Wait; valid after done

	mu       sync.Mutex
	cause    error // why we ended it; nil when it ended by itself
	stopping bool
	gone     bool // ended; its group must not be signalled any more
}

// start starts cmd in a group of its own. A goroutine of its own stays on one thread until the child has ended,
// because the kernel sends Pdeathsig when the thread that started a child goes away, not the process.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = drainGrace
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		awaitExit(cmd.Process.Pid)
		p.sweep()
		err = cmd.Wait()
		if errors.Is(err, exec.ErrWaitDelay) {
			err = nil // the child itself succeeded; one of its descendants kept stderr open
		}
		p.err = err
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// sweep ends whatever the child may have left in its group, and marks the group as gone: once the child is
// waited for, its id may belong to somebody else.
func (p *process) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.gone = true
}

// signal sends to the whole group. The caller holds mu.
func (p *process) signal(s syscall.Signal) {
	if !p.gone {
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// pause holds the group, or lets it go on. One that is being ended is not held.
func (p *process) pause(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stopping:
	case on:
		p.signal(syscall.SIGSTOP)
	default:
		p.signal(syscall.SIGCONT)
	}
}

// stop ends the group for the given reason, first politely; only the first reason counts. It returns at once.
func (p *process) stop(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.stopping {
		return
	}
	p.stopping, p.cause = true, cause
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGCONT) // a stopped process would not notice
	go func() {
		timer := time.NewTimer(termGrace)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
			p.mu.Lock()
			p.signal(syscall.SIGKILL)
			p.mu.Unlock()
		}
	}()
}

// stopped gives the reason of the first stop, if there was one.
func (p *process) stopped() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}
