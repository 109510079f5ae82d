package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"cofre/bench/lab"
	"cofre/bench/report"
	"cofre/internal/testenv"
)

// trimmed writes a scale as people do: 0.05, 1, 10.
func trimmed(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// describeMachine tells where measurements are made, and with which programs.
func (s *session) describeMachine(ctx context.Context) (report.Machine, error) {
	m := report.Machine{
		CPU: lineOf("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), System: lineOf("/etc/os-release", "PRETTY_NAME") + ", Linux " + kernel(),
		Versions: map[string]string{"Go": runtime.Version(), "AWS command line": lab.AWSVersion},
	}
	kib, _, _ := strings.Cut(lineOf("/proc/meminfo", "MemTotal"), " ")
	if n, err := strconv.ParseInt(kib, 10, 64); err == nil {
		m.Memory = n << 10
	}
	for name, command := range map[string][]string{
		"PostgreSQL": {filepath.Join(testenv.Root(), ".cache", "postgres", "18", "bin", "postgres"), "--version"},
		"pg_dump":    {filepath.Join(s.lab.ClientBin, "pg_dump"), "--version"},
		"MinIO":      {filepath.Join(testenv.Root(), ".cache", "bin", "minio"), "--version"},
		"cofre":      {s.cofre, "version"},
	} {
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
		if err != nil {
			return m, fmt.Errorf("ask %s for its version: %w", name, err)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		m.Versions[name] = strings.TrimSpace(line)
	}
	return m, nil
}

// lineOf finds a line such as "key : value" or key="value" in a file, and gives the value; "" when there is none.
func lineOf(file, key string) string {
	b, _ := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.Trim(rest, "\t :=\"\n")
		}
	}
	return ""
}

func kernel() string {
	b, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(b))
}

// loadAverage is that of the last minute.
func loadAverage() float64 {
	b, _ := os.ReadFile("/proc/loadavg")
	f, _, _ := strings.Cut(string(b), " ")
	load, _ := strconv.ParseFloat(f, 64)
	return load
}
