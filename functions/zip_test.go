package functions_test

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"cofre/internal/testenv"
	"cofre/internal/testenv/process"
)

// architecture is Lambda's name of this machine's.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// build makes a function's zip as it is deployed, once for each function, and gives its path.
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
	file := filepath.Join(builds.folder.Path, name+".zip")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	out := filepath.Join(builds.folder.Path, name)
	make := exec.Command("make", "--silent", "build-"+strings.ToUpper(name[:1])+name[1:]+"Function", "ARCHITECTURE="+architecture(), "ARTIFACTS_DIR="+out)
	make.Dir = testenv.Root()
	if text, err := make.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, text)
	}
	if err := pack(file, filepath.Join(out, "bootstrap")); err != nil {
		tb.Fatal(err)
	}
	return file
}

var builds struct {
	sync.Mutex
	folder *process.Dir
}

// pack puts a program into a zip.
func pack(file, program string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	h := &zip.FileHeader{Name: filepath.Base(program), Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	in, err := os.Open(program)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

// unpack is what Lambda does with a zip.
func unpack(file, dir string) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), data, f.Mode()); err != nil {
			return err
		}
	}
	return nil
}
