// Package measure runs programs and measures what they cost: time, processor time of all their processes, and
// the anonymous memory of the whole tree at its peak.
//
// The programs run below a process of their own, the supervisor: this program started again with [Role] as its
// first argument. It adopts whatever its programs leave behind, waits for all of it, and so the kernel's account
// of its children is complete. It reads the memory of the tree below it every 50 ms. Linux only.
package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"cofre/internal/process"
)

// Role is the first argument of the supervisor. A program that calls Run calls Supervise when it is given it.
const Role = "supervise"

// Stage is one program of a pipeline, and its arguments.
type Stage []string

// Pipeline is programs that run at the same time, the output of each being the input of the next.
type Pipeline []Stage

// Job is pipelines that run one after the other.
type Job struct {
	Steps []Pipeline
	// Env is added to this process's environment.
	Env []string
	// Dir is the working directory.
	Dir string
}

// Usage is what a job cost. Times are in seconds, memory in bytes.
type Usage struct {
	Wall      float64
	User      float64
	System    float64
	PeakAnon  int64   // anonymous resident memory of all processes together, at its peak
	FirstByte float64 // from the start to the first byte that the last program wrote to its standard output; 0: none
	Output    []byte  // that program's standard output, its first MiB
}

// CPU is the processor time of all processes in seconds.
func (u Usage) CPU() float64 { return u.User + u.System }

// answer is what the supervisor writes.
type answer struct {
	Usage Usage
	Error string
}

// Run runs a job. self is this program's own path. An error says which program failed, with the end of what it
// wrote to standard error. When the context ends, everything is killed.
func Run(ctx context.Context, self string, job Job) (Usage, error) {
	input, err := json.Marshal(job)
	if err != nil {
		return Usage{}, err
	}
	out, err := process.NewLog()
	if err != nil {
		return Usage{}, err
	}
	defer out.Close()
	stderr, err := process.NewLog()
	if err != nil {
		return Usage{}, err
	}
	defer stderr.Close()
	cmd := exec.Command(self, Role)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), out.File(), stderr.File()
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return Usage{}, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		// The supervisor ends its programs when it is asked to.
		_ = p.Stop(syscall.SIGTERM, stopTimeout)
		return Usage{}, context.Cause(ctx)
	}
	var a answer
	if err := errors.Join(p.Err(), json.Unmarshal([]byte(out.String()), &a)); err != nil {
		return Usage{}, fmt.Errorf("supervisor: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	if a.Error != "" {
		return a.Usage, errors.New(a.Error)
	}
	return a.Usage, nil
}

// Supervise is the supervisor's main function.
func Supervise() {
	if err := supervise(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func supervise() error {
	var job Job
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	if err := adoptOrphans(); err != nil {
		return err
	}
	usage, err := runJob(job)
	a := answer{Usage: usage}
	if err != nil {
		a.Error = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}
