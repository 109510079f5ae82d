package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of times in /proc: USER_HZ, 100 on all architectures of Linux that Go runs on.
const ticksPerSecond = 100

// tree lists a process and everything below it. Processes that end meanwhile are left out.
func tree(pid int) []int {
	pids := []int{pid}
	// A child belongs to the thread that started it.
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(f); err == nil {
				pids = append(pids, tree(child)...)
			}
		}
	}
	return pids
}

// Processes counts a process and everything below it.
func Processes(pid int) int { return len(tree(pid)) }

// anonymousBelow adds up the anonymous resident memory, in bytes, of everything below a process.
func anonymousBelow(pid int) (sum int64) {
	for _, p := range tree(pid)[1:] {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		sum += rssAnon(b)
	}
	return sum
}

// rssAnon reads a line such as "RssAnon:	    1234 kB" of /proc/PID/status (proc_pid_status(5)).
func rssAnon(status []byte) int64 {
	_, rest, found := bytes.Cut(status, []byte("\nRssAnon:"))
	if !found {
		return 0 // it is a zombie
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) != 2 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}

// CPU is the processor time in seconds that a running process, everything below it, and everything that was
// below it and has ended, have used up to now.
func CPU(pid int) (float64, error) {
	var ticks int64
	for i, p := range tree(pid) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil && i == 0 {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		if err == nil {
			t, err := statTicks(string(b))
			if err != nil {
				return 0, err
			}
			ticks += t
		}
	}
	return float64(ticks) / ticksPerSecond, nil
}

// statTicks adds utime, stime, cutime and cstime: fields 14 to 17 of /proc/PID/stat (proc_pid_stat(5)). The name,
// field 2, may hold spaces and parentheses.
func statTicks(stat string) (sum int64, err error) {
	rest := stat[strings.LastIndexByte(stat, ')')+1:]
	fields := strings.Fields(rest) // from field 3 on
	if len(fields) < 15 {
		return 0, fmt.Errorf("processor time is missing in %.80q", stat)
	}
	for _, f := range fields[11:15] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time in %.80q: %w", stat, err)
		}
		sum += n
	}
	return sum, nil
}

// Watch looks at the anonymous resident memory of a running process and everything below it every 20 ms, until the function that
// it returns is called, which returns the peak in bytes.
func Watch(pid int) func() int64 {
	stop, peak := make(chan struct{}), make(chan int64)
	look := func() (sum int64) {
		for _, p := range tree(pid) {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
			sum += rssAnon(b)
		}
		return sum
	}
	go func() {
		most := look()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most = max(most, look())
			case <-stop:
				peak <- max(most, look())
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-peak
	}
}
