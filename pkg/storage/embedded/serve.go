package embedded

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"golang.org/x/sys/unix"
)

// Limits of the child. Its memory is a few buffers for each request under way.
const (
	maxConnections = 256
	memoryLimit    = 40 << 20 // soft, in bytes
	ioBuffer       = 256 << 10
)

// MaybeServe serves, and never returns, in a process that Start has executed; elsewhere it returns at once.
// Call it first thing in main, and in TestMain of packages whose tests use Start.
func MaybeServe() {
	if os.Getenv(childVariable) == "" {
		return
	}
	if err := serve(os.Stdin, os.NewFile(3, "ready")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the service until its input ends.
func serve(in io.Reader, ready *os.File) error {
	// The parent decides when it is over: Ctrl-C and a service manager's signal reach it too.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	syscall.Umask(0o077)
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(50)
	input := bufio.NewReader(in)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	defer os.RemoveAll(o.Root)
	if root, err := os.Open(o.Root); err == nil {
		defer root.Close()
		_ = unix.Flock(int(root.Fd()), unix.LOCK_SH) // tells systemd-tmpfiles that the folder is in use
	}
	defer os.Chdir("/")
	be, err := newBackend(o)
	if err != nil {
		return err
	}
	listening := make(chan struct{})
	srv, err := s3api.New(be, middlewares.RootUserConfig{Access: o.AccessKey, Secret: o.SecretKey}, region,
		auth.NewIAMServiceSingle(auth.Account{Access: o.AccessKey, Secret: o.SecretKey, Role: auth.RoleAdmin}),
		nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithDisableACL(),
		s3api.WithConcurrencyLimiter(maxConnections, maxConnections),
		s3api.WithMpMaxParts(maxParts), s3api.WithSocketPerm(0o600),
		s3api.WithOnListen(func() { close(listening) }))
	if err != nil {
		return fmt.Errorf("set the service up: %w", err)
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.ServeMultiPort([]string{o.socket()}) }() // ends with the process
	orphaned := make(chan struct{})
	go func() {
		io.Copy(io.Discard, input)
		close(orphaned)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("listen: %w", err)
	case <-listening:
		fmt.Fprintln(ready, "ready")
		ready.Close()
	case <-orphaned:
		return nil
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-orphaned:
		return nil
	}
}
