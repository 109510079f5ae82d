package functions_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"cofre/internal/process"
	"cofre/internal/testenv"
)

// architecture is Lambda's name of this machine's.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// build makes a function's program as it is deployed, once for each function, and gives its path.
func build(tb testing.TB, name string) string {
	tb.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.folder == nil {
		dir, err := process.NewDir("functions")
		if err != nil {
			tb.Fatal(err)
		}
		builds.folder = dir
		testenv.AtEnd(dir.Remove)
	}
	out := filepath.Join(builds.folder.Path, name)
	program := filepath.Join(out, "bootstrap")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	make := exec.Command("make", "--silent", "build-"+strings.ToUpper(name[:1])+name[1:]+"Function", "ARCHITECTURE="+architecture(), "ARTIFACTS_DIR="+out)
	make.Dir = testenv.Root()
	if text, err := make.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, text)
	}
	return program
}

var builds struct {
	sync.Mutex
	folder *process.Dir
}

// zipped returns the bytes of a function as it is uploaded, but for some hundred: a zip holds what gzip makes. The program does it,
// since this one may be built with the race detector, which makes it many times slower.
func zipped(tb testing.TB, name string) int64 {
	tb.Helper()
	gzip := exec.Command("gzip", "-c", build(tb, name))
	out, err := gzip.StdoutPipe()
	if err == nil {
		err = gzip.Start()
	}
	if err != nil {
		tb.Fatalf("%v; run: make setup", err)
	}
	n, err := io.Copy(io.Discard, out)
	if err := errors.Join(err, gzip.Wait()); err != nil {
		tb.Fatal(err)
	}
	return n
}
