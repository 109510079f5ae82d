package functions_test

import (
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
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

// build gives the path of a function's program, as it is deployed but for its version: see TestBothArchitecturesAreBuilt.
func build(tb testing.TB, name string) string {
	tb.Helper()
	builds.Do(func() {
		dir, err := process.NewDir("functions")
		if err == nil {
			testenv.AtEnd(dir.Remove)
			builds.folder, err = dir.Path, testenv.Build(dir.Path+"/", "-tags", "lambda,lambda.norpc", "./functions/...")
		}
		builds.err = err
	})
	if builds.err != nil {
		tb.Fatal(builds.err)
	}
	return filepath.Join(builds.folder, name)
}

var builds struct {
	sync.Once
	folder string
	err    error
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
