// Gotest runs "go test" with the given arguments and reports in a few lines: one per package,
// the output of what failed, and at the end which packages took most of the processors, which tests took longest, and
//
//	1234 passed, 0 failed, 0 skipped
//
// Tests and subtests count alike. A skipped test makes the run fail, because a test that
// does not run proves nothing: a missing tool has to be installed, not worked around. It
// exits 1 when anything failed, was skipped, or did not run at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == measured {
		os.Exit(measure(os.Args[2:]))
	}
	ok, err := run(".", os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run runs go test in dir and tells whether all went well.
func run(dir string, args []string, out io.Writer) (bool, error) {
	return newReport(out).run(dir, args)
}

func (r *report) run(dir string, args []string) (bool, error) {
	by, err := runner()
	if err != nil {
		return false, err
	}
	cmd := exec.Command("go", append([]string{"test", "-json", by}, args...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("run go test: %w", err)
	}
	readErr := r.read(events)
	if readErr != nil {
		_, _ = io.Copy(io.Discard, events) // let go test come to its end
	}
	testErr := cmd.Wait()
	r.times(time.Since(start), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	ok := r.summary()
	if readErr != nil {
		return false, fmt.Errorf("read the output of go test: %w", readErr)
	}
	if testErr != nil && ok {
		return false, fmt.Errorf("go test: %w", testErr)
	}
	return ok, nil
}

// event is a line of "go test -json"; see "go doc test2json" and "go help buildjson".
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output and build-fail
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

// read reports events until the end of the stream. Lines that are no events are shown as they are.
func (r *report) read(events io.Reader) error {
	lines := bufio.NewReaderSize(events, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.add(e)
			} else {
				fmt.Fprintf(r.out, "%s", line)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
