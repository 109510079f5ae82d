package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cofre/internal/process"
)

const (
	// sampleEvery is the time between two looks at the memory.
	sampleEvery = 50 * time.Millisecond
	// stopTimeout is how long a supervisor may take to end its programs.
	stopTimeout = 15 * time.Second
	// orphanTimeout is how long what programs left behind may go on.
	orphanTimeout = 5 * time.Second
	outputLimit   = 1 << 20
)

func runJob(job Job) (Usage, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var u Usage
	peak := startSampler()
	start := time.Now()
	var err error
	for _, p := range job.Steps {
		if err = runPipeline(ctx, p, job, start, &u); err != nil {
			break
		}
	}
	u.Wall = time.Since(start).Seconds()
	err = errors.Join(err, reapOrphans())
	u.PeakAnon = peak()
	var children syscall.Rusage
	err = errors.Join(err, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children))
	u.User, u.System = seconds(children.Utime), seconds(children.Stime)
	return u, err
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// startSampler begins to watch the memory of the tree below this process; the function that it gives ends that
// and tells the peak.
func startSampler() func() int64 {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, anonymousBelow(os.Getpid()))
			case <-stop:
				result <- peak
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-result
	}
}

// running is a started stage.
type running struct {
	name    string
	process *process.Process
	stderr  *os.File
}

// runPipeline runs the stages of one pipeline to the end of all of them.
func runPipeline(ctx context.Context, p Pipeline, job Job, start time.Time, u *Usage) error {
	var stages []running
	var errs []error
	var input *os.File
	for _, stage := range p {
		reader, writer, err := os.Pipe()
		if err != nil {
			return err
		}
		s, err := startStage(stage, job, input, writer)
		// The programs alone hold the pipes now, so that they see each other's end.
		writer.Close()
		if input != nil {
			input.Close()
		}
		input = reader
		if err != nil {
			errs = append(errs, err)
			break
		}
		stages = append(stages, s)
	}
	end := context.AfterFunc(ctx, func() {
		for _, s := range stages {
			s.process.Kill()
		}
	})
	defer end()
	u.Output, u.FirstByte = readOutput(input, start)
	for _, s := range stages {
		errs = append(errs, s.wait())
	}
	return errors.Join(errs...)
}

func startStage(stage Stage, job Job, in, out *os.File) (running, error) {
	s := running{name: filepath.Base(stage[0])}
	cmd := exec.Command(stage[0], stage[1:]...)
	cmd.Dir = job.Dir
	cmd.Env = append(os.Environ(), job.Env...)
	if in != nil {
		cmd.Stdin = in
	}
	cmd.Stdout = out
	var err error
	if s.stderr, err = os.CreateTemp("", "bench-stderr-*"); err != nil {
		return s, err
	}
	if err := os.Remove(s.stderr.Name()); err != nil {
		return s, err
	}
	cmd.Stderr = s.stderr
	s.process, err = process.Start(cmd, syscall.SIGKILL)
	return s, err
}

// wait waits for a stage's end.
func (s running) wait() error {
	defer s.stderr.Close()
	err := s.process.Err()
	if err == nil {
		return nil
	}
	size, _ := s.stderr.Seek(0, io.SeekEnd)
	text := make([]byte, min(size, 2000))
	n, _ := s.stderr.ReadAt(text, size-int64(len(text)))
	return fmt.Errorf("%s: %w\n%s", s.name, err, strings.TrimSpace(string(text[:n])))
}

// readOutput reads a program's output to its end, and keeps its beginning.
func readOutput(f *os.File, start time.Time) (kept []byte, first float64) {
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		if n > 0 && first == 0 {
			first = time.Since(start).Seconds()
		}
		kept = append(kept, buf[:min(n, outputLimit-len(kept))]...)
		if err != nil {
			return kept, first
		}
	}
}

// reapOrphans waits for processes that outlived their parents: they belong to the account.
func reapOrphans() error {
	for deadline := time.Now().Add(orphanTimeout); ; {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.ECHILD):
			return nil
		case errors.Is(err, syscall.EINTR) || pid > 0:
		case err != nil:
			return fmt.Errorf("wait for what was left running: %w", err)
		case time.Now().After(deadline):
			left := tree(os.Getpid())[1:]
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			return fmt.Errorf("%d processes were left running and went on for %v", len(left), orphanTimeout)
		default:
			time.Sleep(5 * time.Millisecond)
		}
	}
}
