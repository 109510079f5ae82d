package registry

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Process is what one process of one machine is told apart by from all others. It stands in the intent of a run, so that a later
// process of the same machine sees that the run is dead, and need not wait for the end of its lease.
type Process struct {
	Boot string `json:"boot"` // random, and new with each start of the machine
	// Namespaces are the inodes of the namespaces that PID and Start are of: of process ids and of time.
	Namespaces string `json:"namespaces"`
	PID        int    `json:"pid"`
	Start      string `json:"start"` // clock ticks since the start of the machine
}

// self is thisProcess, which does not change.
var self = sync.OnceValue(thisProcess)

// thisProcess returns the running process, nil where any part of it is not known. Functions of AWS Lambda are started from
// images of a machine's memory, so that two of them may have all of it in common: they are not known.
func thisProcess() *Process {
	if runtime.GOOS != "linux" || os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" {
		return nil
	}
	p := &Process{PID: os.Getpid()}
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(p.PID) {
		return nil // /proc shows another namespace than ours
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil
	}
	pids, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil
	}
	clocks, err := os.Readlink("/proc/self/ns/time")
	if err != nil && !errors.Is(err, os.ErrNotExist) { // kernels before 5.6 have one time for all
		return nil
	}
	p.Boot, p.Namespaces = strings.TrimSpace(string(boot)), strings.TrimSpace(pids+" "+clocks)
	var ok bool
	if p.Start, _, ok = startOf(p.PID); !ok || p.Boot == "" {
		return nil
	}
	return p
}

// gone reports whether p was a process of this machine, in the namespaces of self, and is none any more. false where that
// cannot be known.
func (p *Process) gone(self *Process) bool {
	if p == nil || self == nil || p.Boot != self.Boot || p.Namespaces != self.Namespaces || p.PID <= 0 || p.Start == "" {
		return false
	}
	if err := syscall.Kill(p.PID, 0); err != nil {
		return errors.Is(err, syscall.ESRCH)
	}
	start, dead, ok := startOf(p.PID)
	return ok && (dead || start != p.Start)
}

// startOf returns when a process was started (field 22 of /proc/PID/stat, see proc(5)), and reports whether it has ended and
// only waits for its parent to ask.
func startOf(pid int) (start string, dead, ok bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", false, false
	}
	// The name in field 2 is in parentheses, and may hold some.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const state, threads, startTime = 3 - 3, 20 - 3, 22 - 3
	if len(fields) <= startTime {
		return "", false, false
	}
	// The first thread alone may end while others go on.
	dead = (fields[state] == "Z" || fields[state] == "X") && (fields[threads] == "0" || fields[threads] == "1")
	return fields[startTime], dead, true
}
