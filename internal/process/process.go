// Package process runs servers as children for as long as this process lives: they stop
// when it asks, and die when it dies, even by SIGKILL. Their folders are swept by the next
// process that makes one.
package process

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a running child. Its methods may be called from several goroutines.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; written before done is closed
}

// Start starts cmd in a process group of its own, so that Ctrl-C in a terminal reaches only
// this process, which then stops its children in order. On Linux the kernel sends
// deathSignal to the child when this process ends in whatever way.
//
// Output goes to files (see Log): anything else would be filled at some time after the child wrote it.
func Start(cmd *exec.Cmd, deathSignal syscall.Signal) (*Process, error) {
	for _, w := range []io.Writer{cmd.Stdout, cmd.Stderr} {
		if _, file := w.(*os.File); w != nil && !file {
			return nil, fmt.Errorf("start %s: its output is a %T, which holds what it wrote only when it has ended; use a Log", cmd.Path, w)
		}
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	setDeathSignal(cmd.SysProcAttr, deathSignal)

	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The death signal is sent when the starting thread ends, not the process, so
		// this goroutine keeps its thread until the child is gone.
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Pid is the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Err waits for the child's end and says how it ended, nil for exit status 0.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Stop sends sig and waits for the child's end. After the timeout the whole process group is
// killed, and an error says so. Stopping an ended child does nothing.
func (p *Process) Stop(sig syscall.Signal, timeout time.Duration) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(timeout):
	}
	p.Kill()
	return fmt.Errorf("%s did not stop within %v of %v and was killed", p.cmd.Path, timeout, sig)
}

// Kill kills the child's process group and waits for the child's end.
func (p *Process) Kill() {
	select {
	case <-p.done:
		return
	default:
	}
	_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	<-p.done
}

// FreePort returns a TCP port of the loopback interface that nobody listens on. Another
// process may take it before it is used: callers try again with another.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
