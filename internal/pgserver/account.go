package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that a server runs as. Nil fields mean this process's own.
type account struct {
	name     string
	uid, gid int
	other    bool // not this process's user
}

// serverAccount picks this process's user, or one without rights when that is root.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return &account{name: "of this process"}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("look up user %s: %w", name, err)
		}
		return &account{name: name, uid: uid, gid: gid, other: true}, nil
	}
	return nil, errors.New("PostgreSQL cannot run as root, and this system has neither a user postgres nor nobody; " +
		"run this as a normal user")
}

// own gives a file to the account.
func (a *account) own(name string) error {
	if !a.other {
		return nil
	}
	if err := os.Chown(name, a.uid, a.gid); err != nil {
		return fmt.Errorf("give the server's files to user %s: %w", a.name, err)
	}
	return nil
}

// credential is nil for this process's own user.
func (a *account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// write makes a file that only the account can read.
func (a *account) write(name string, content []byte) error {
	if err := os.WriteFile(name, content, 0o600); err != nil {
		return err
	}
	return a.own(name)
}

// reachable returns the folder of a program that the account can run: binDir, or a copy of its tree in dir when the account
// cannot run it where it is: a checkout below /root is closed to everybody else.
func (a *account) reachable(binDir, program, dir string) (string, error) {
	err := a.try(filepath.Join(binDir, program), dir)
	if err == nil {
		return binDir, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no %s in %s: %w; run: make setup", program, binDir, err)
	}
	if !a.other || !errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("run %s as user %s: %w", filepath.Join(binDir, program), a.name, err)
	}
	programs := filepath.Join(dir, "programs")
	if err := linkTree(programs, filepath.Dir(binDir)); err != nil {
		return "", fmt.Errorf("copy %s to a folder that user %s can enter: %w", program, a.name, err)
	}
	binDir = filepath.Join(programs, "bin")
	if err := a.try(filepath.Join(binDir, program), dir); err != nil {
		return "", fmt.Errorf("run %s as user %s: %w; set TMPDIR to a folder that every user can enter", program, a.name, err)
	}
	return binDir, nil
}

// try runs a program that only says its version.
func (a *account) try(program, dir string) error {
	cmd := exec.Command(program, "--version")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential()}
	return cmd.Run()
}

// linkTree makes dst a folder with the same files as src: hard links where both lie on one file
// system, which takes no time, and copies otherwise. Everybody may enter it, whatever this process's umask is.
func linkTree(dst, src string) error {
	err := filepath.WalkDir(src, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		target := filepath.Join(dst, name)
		switch entry.Type() {
		case fs.ModeDir:
			if err := os.Mkdir(target, 0o755); err != nil {
				return err
			}
			return os.Chmod(target, 0o755)
		case fs.ModeSymlink:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		default:
			return os.Link(path, target)
		}
	})
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	if err := os.RemoveAll(dst); err != nil {
		return err
	}
	if err := os.CopyFS(dst, os.DirFS(src)); err != nil {
		return err
	}
	return filepath.WalkDir(dst, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type() == fs.ModeSymlink {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		own := info.Mode().Perm() & 0o700
		return os.Chmod(path, own|own>>3&0o55|own>>6&0o55)
	})
}
