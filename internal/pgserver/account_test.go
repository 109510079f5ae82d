package pgserver

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cofre/internal/process"
)

// The programs of a checkout that is closed to the server's user are linked, or copied from another disk, where it can run them,
// also by a person whose umask closes all that he makes.
func TestProgramsThatOthersCannotReach(t *testing.T) {
	owner, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	for name, memory := range map[string]bool{"the same disk": false, "another disk": true} {
		t.Run(name, func(t *testing.T) {
			in := t.TempDir()
			if memory {
				if in, err = os.MkdirTemp("/dev/shm", "cofre"); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.RemoveAll(in) })
			}
			closed := filepath.Join(in, "closed")
			bin := filepath.Join(closed, "tree", "bin")
			if err := os.MkdirAll(bin, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(bin, "postgres"), []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(closed, 0o700); err != nil {
				t.Fatal(err)
			}
			dir, err := process.NewDir("postgres")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { dir.Remove() })
			if err := owner.own(dir.Path); err != nil {
				t.Fatal(err)
			}
			defer syscall.Umask(syscall.Umask(0o077))
			if _, err := owner.reachable(bin, "postgres", dir.Path); err != nil {
				t.Error(err)
			}
		})
	}
}
