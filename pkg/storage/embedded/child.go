package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"cofre/pkg/fault"
)

// childVariable marks the environment of a child. Its value says nothing.
const childVariable = "COFRE_EMBEDDED_STORE"

const (
	startTime = 20 * time.Second
	stopTime  = 5 * time.Second
	// maxSocket is the longest path of a unix socket on Linux, in bytes.
	maxSocket = 107
)

// order is what the parent writes to the child's standard input: one line of JSON.
type order struct {
	Directory string
	Root      string // the child's private folder: socket and links
	AccessKey string
	SecretKey string
	Volatile  bool
}

func (o order) socket() string { return filepath.Join(o.Root, "s3.sock") }

// child is one process that serves.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	root   string
	socket string
	said   *tail
	ended  chan struct{} // closed when the process is gone
	err    error         // of Wait; valid then
}

// spawn starts a child and waits until it listens.
func spawn(ctx context.Context, o order) (*child, error) {
	root, err := privateFolder(o.Directory)
	if err != nil {
		return nil, err
	}
	o.Root = root
	c := &child{root: root, socket: o.socket(), said: &tail{}, ended: make(chan struct{})}
	ready, err := c.start(o)
	if err != nil {
		c.remove()
		return nil, fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Check that this program's file can be executed again.", "cannot start the store of %s", o.Directory)
	}
	select {
	case line := <-ready:
		if line == "ready" {
			return c, nil
		}
		_ = c.stop() // what it said is complete when it has ended
		err = errors.New(strings.TrimSpace(line + " " + c.said.String()))
	case <-c.ended:
		err = errors.New(c.obituary())
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(startTime):
		err = errors.New("it was not ready in time")
	}
	_ = c.stop()
	return nil, fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Run `cofre doctor`; the cause is above.", "cannot start the store of %s", o.Directory)
}

// start executes this binary again. The channel gets what the child says about its start.
func (c *child) start(o order) (<-chan string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.cmd = exec.Command(exe)
	c.cmd.Args = []string{filepath.Base(exe), "embedded-store", o.Directory} // for ps; the child reads none
	c.cmd.Env = childEnvironment()
	c.cmd.Stderr = c.said
	c.cmd.ExtraFiles = []*os.File{w}
	// A Ctrl-C at the terminal is the parent's: it still has to abort uploads.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := c.cmd.StdinPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	c.stdin = stdin
	go func() { // ends with the process
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	ready := make(chan string, 1)
	go func() { // ends when the child closes its end, or dies
		defer r.Close()
		said, _ := io.ReadAll(io.LimitReader(r, 4096))
		ready <- strings.TrimSpace(string(said))
	}()
	_, err = stdin.Write(append(line, '\n'))
	if err != nil {
		_ = c.stop()
	}
	return ready, err
}

// childEnvironment passes on nothing that could be secret.
func childEnvironment() []string {
	env := []string{childVariable + "=1"}
	for _, name := range []string{"PATH", "TMPDIR", "TZ", "LANG", "GOCOVERDIR", "GOTRACEBACK", "GORACE"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (c *child) dead() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// obituary says how a dead child ended.
func (c *child) obituary() string {
	<-c.ended
	text := "it ended by itself"
	if c.err != nil {
		text = c.err.Error()
	}
	if last := c.said.String(); last != "" {
		text += ": " + last
	}
	return text
}

// stop asks the child to end, by closing its input, and kills it when it does not.
func (c *child) stop() error {
	defer c.remove()
	_ = c.stdin.Close()
	select {
	case <-c.ended:
	case <-time.After(stopTime):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	var exit *exec.ExitError
	if c.err != nil && !errors.As(c.err, &exit) {
		return fmt.Errorf("end the embedded store: %w", c.err)
	}
	return nil
}

// remove deletes the private folder; links in it are not followed.
func (c *child) remove() { _ = os.RemoveAll(c.root) }

// privateFolder makes the folder for a child's socket and links, in the first place that has room for it.
func privateFolder(dir string) (string, error) {
	places := []string{os.TempDir(), os.Getenv("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp", "/dev/shm", filepath.Join(dir, workFolder)}
	var errs []error
	for _, place := range places {
		if place == "" {
			continue
		}
		root, err := os.MkdirTemp(place, "cofre-")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len((order{Root: root}).socket()) <= maxSocket && links(root, dir) == nil {
			return root, nil
		}
		os.RemoveAll(root)
		errs = append(errs, fmt.Errorf("%s: its path is too long, or it has no room", place))
	}
	return "", fault.Wrap(errors.Join(errs...), fault.FileSystem, fault.StorageFailed,
		"Free space in /tmp, or set TMPDIR to a short path that can be written.", "no place for the embedded store's socket")
}

// links makes the service's root: the directory as its one bucket, whatever its name, and the locks shared
// with all other processes that serve it.
func links(root, dir string) error {
	return errors.Join(
		os.Symlink(dir, filepath.Join(root, bucket)),
		os.Symlink(locks(dir), filepath.Join(root, ".vgwlocks")))
}

// tail keeps the end of what a child writes to its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 2048

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
