// Package testenv gives tests and benchmarks the real parts that cofre works with:
// PostgreSQL servers of several majors, a pooler in front of them (pgbouncer), an S3 server
// (MinIO), stock client programs, and a TCP proxy that can cut, delay and throttle.
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
//	func TestDump(t *testing.T) {
//		server := testenv.Postgres(t, 18)
//		url := server.NewDatabase(t)
//		testenv.LoadSQL(t, url, "CREATE TABLE t (id int)")
//		bucket := testenv.MinIO(t).NewBucket(t)
//		...
//	}
//
// Servers are started when first asked for and shared by all tests of a package: one per
// major, one MinIO. They listen on free loopback ports, keep their data in temporary
// folders, and end with the test process, however it ends; Main stops them in order. What initdb makes is made once for each major, kept in
// .cache/initdb, and copied.
// Tests that need a server of their own (to break it, or with TLS) ask PostgresWith or NewMinIO.
//
// A missing part fails the test and names the command that gets it. No test skips.
package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// InitialMajors returns the majors of PostgreSQL that are tested against, oldest first.
func InitialMajors() []int { return []int{15, 17, 18} }

// NewestMajor is the major whose client programs cofre ships.
const NewestMajor = 18

// Root returns the folder of the checkout. A program that was compiled with -trimpath does not know where its sources lie: it has to be
// started in the checkout, as the tests of a package are.
func Root() string {
	if root == "" {
		panic("no go.mod in the working directory or above: run it in the checkout")
	}
	return root
}

var root = findRoot()

func findRoot() string {
	if _, file, _, _ := runtime.Caller(0); filepath.IsAbs(file) {
		return filepath.Dir(filepath.Dir(filepath.Dir(file)))
	}
	dir, _ := os.Getwd()
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// ClientBin returns the folder with stock pg_dump, pg_restore and psql of a major. It panics
// when they are missing, and says how to get them.
func ClientBin(major int) string { return filepath.Dir(must(clientProgram(major, "pg_dump"))) }

// ServerBin returns the folder with the server's programs of a major, pgbench among them. It
// panics like ClientBin.
func ServerBin(major int) string { return filepath.Dir(must(serverProgram(major, "postgres"))) }

// MinIOBinary returns the path of the MinIO program. It panics like ClientBin.
func MinIOBinary() string { return must(minioProgram()) }

// Layer returns the Lambda layer for this machine's architecture: what Lambda unpacks below /opt. It panics like ClientBin.
func Layer() string {
	if runtime.GOARCH == "arm64" {
		return LayerOf("arm64")
	}
	return LayerOf("x86_64")
}

// LayerOf is Layer for an architecture by Lambda's name, arm64 or x86_64.
func LayerOf(arch string) string { return must(part(".cache", "pg_dump", "layer-"+arch)) }

func clientProgram(major int, name string) (string, error) {
	return part(".cache", "pg_dump", strconv.Itoa(major), "bin", name)
}

func serverProgram(major int, name string) (string, error) {
	return part(".cache", "postgres", strconv.Itoa(major), "bin", name)
}

func poolerProgram() (string, error) { return part(".cache", "pgbouncer", "bin", "pgbouncer") }

func minioProgram() (string, error) { return part(".cache", "bin", "minio") }

// part returns the path of something that scripts/setup makes.
func part(elem ...string) (string, error) {
	path := filepath.Join(append([]string{Root()}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("tests need what is not here: %w; run: make setup", err)
	}
	return path, nil
}

func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}

// stoppers end what this process shares between tests, last started first.
var stoppers struct {
	sync.Mutex
	list []func() error
}

// AtEnd has something done after the last test of the process, in the opposite order of the calls.
func AtEnd(stop func() error) {
	stoppers.Lock()
	defer stoppers.Unlock()
	stoppers.list = append(stoppers.list, stop)
}

// Stop stops all shared servers. Main and Runner call it.
func Stop() {
	stoppers.Lock()
	defer stoppers.Unlock()
	for i := len(stoppers.list) - 1; i >= 0; i-- {
		if err := stoppers.list[i](); err != nil {
			fmt.Fprintln(os.Stderr, "testenv:", err)
		}
	}
	stoppers.list = nil
}

// GoRace is for the environment (GORACE) of programs that tests start, where that is not this process's own.
const GoRace = "atexit_sleep_ms=0"

// Main runs a package's tests, stops the shared servers and exits.
func Main(m *testing.M) { os.Exit(Runner{M: m}.Run()) }

// Runner wraps a testing.M so that the shared servers stop after its run. It is for packages whose
// TestMain hands the testing.M to something else, such as testscript.Main.
type Runner struct {
	M interface{ Run() int }
	// OnDisk leaves temporary files where they lie by default, for a package that is about files. All others have theirs in memory
	// where that has room, unless TMPDIR says where.
	OnDisk bool
}

// Run runs the tests and returns the exit code.
func (r Runner) Run() int {
	if !r.OnDisk {
		defer useMemory()()
	}
	defer Stop()
	// A program with the race detector in it waits for a second when it ends. Tests start hundreds of them.
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", GoRace)
	}
	return r.M.Run()
}
