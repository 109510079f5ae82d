package testenv

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Build builds programs with "go build -o OUT ARGS...", in the module's root and with the options that make builds bin/cofre
// with, so that what both compile is compiled once. An out that ends in a slash, or is a folder, gets a file per program.
//
// Programs are linked into a folder below .cache, where Go sees that one is as new as its sources, and copied from there: the tests of
// several packages need the same ones. Of args only "-tags TAGS" may stand in front of the packages.
func Build(out string, args ...string) error {
	flags, packages := args[:0:0], args
	if args[0] == "-tags" {
		flags, packages = args[:2], args[2:]
	}
	sum := sha256.Sum256([]byte(strings.Join(flags, " ")))
	folder := filepath.Join(Root(), ".cache", "programs", hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	// One at a time: the others then find what this one has linked.
	lock, err := os.OpenFile(filepath.Join(folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", folder, err)
	}
	build := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", folder + "/"}, append(flags, packages...)...)
	if _, err := goTool(build...); err != nil {
		return err
	}
	list := append([]string{"list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`}, append(flags, packages...)...)
	mains, err := goTool(list...)
	if err != nil {
		return err
	}
	into := func(string) string { return out }
	if info, err := os.Stat(out); strings.HasSuffix(out, "/") || err == nil && info.IsDir() {
		into = func(name string) string { return filepath.Join(out, name) }
	}
	for _, main := range strings.Fields(mains) {
		name := path.Base(main)
		if err := copyProgram(into(name), filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// goTool runs the go command in the module's root, as programs are built.
func goTool(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %q: %w\n%s", args, err, stderr.String())
	}
	return string(stdout), nil
}

func copyProgram(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if closeErr := target.Close(); err == nil {
		err = closeErr
	}
	return err
}
