package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// AWSVersion is the version of the AWS command line that is measured.
const AWSVersion = "1.46.3"

// AWS gives the path of the AWS command line, which is installed from PyPI into the lab's folder when it is not
// there. It needs python3 with venv.
func (l *Lab) AWS(ctx context.Context) (string, error) {
	dir := filepath.Join(l.options.Dir, "awscli-"+AWSVersion)
	complete, program := filepath.Join(dir, "complete"), filepath.Join(dir, "bin", "aws")
	if _, err := os.Stat(complete); err == nil {
		return program, nil
	}
	const hint = "; it needs python3 with venv (apt-get install python3-venv) and PyPI. ONLY can leave the gzip pipe out"
	l.say("installing the AWS command line %s from PyPI into %s (about 20 s)", AWSVersion, dir)
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("install the AWS command line: %w%s", err, hint)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	err = run(exec.CommandContext(ctx, python, "-m", "venv", dir), "python3 -m venv")
	if err == nil {
		err = run(exec.CommandContext(ctx, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check",
			"awscli=="+AWSVersion), "pip install awscli")
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("install the AWS command line: %w%s", err, hint), os.RemoveAll(dir))
	}
	return program, os.WriteFile(complete, nil, 0o644)
}
