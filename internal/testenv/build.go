package testenv

import (
	"fmt"
	"os"
	"os/exec"
)

// Build builds programs with "go build -o OUT ARGS...", in the module's root and with the options that make builds bin/cofre
// with, so that what both compile is compiled once. An out that ends in a slash, or is a folder, gets a file per program.
func Build(out string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", out}, args...)...)
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %q: %w\n%s", args, err, output)
	}
	return nil
}
