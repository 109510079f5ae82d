package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cofre/internal/process"
)

// measured is the first argument with which this program runs a package's tests and says what they cost.
const measured = "-measured"

// costLine is what stands in front of the cost in the output of a package.
const costLine = "gotest: processors: "

// runner is the argument of go test by which this program starts each package's tests.
func runner() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return "-exec='" + self + "' " + measured, nil
}

// measure runs a program, and prints what it and all that it started and waited for took of processors. It returns the
// program's exit status.
func measure(args []string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		select {
		case s := <-signals: // such as go test's when time is up: the stacks are the test's to print
			_ = cmd.Process.Signal(s)
			continue
		case <-p.Done():
		}
		break
	}
	fmt.Printf("%s%.3f\n", costLine, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	var exit *exec.ExitError
	if errors.As(p.Err(), &exit) && exit.ExitCode() < 0 {
		fmt.Fprintln(os.Stderr, exit)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// costOf finds the cost in a line of a package's output.
func costOf(line string) (time.Duration, bool) {
	_, text, found := strings.Cut(line, costLine)
	if !found {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return seconds(n), err == nil
}
