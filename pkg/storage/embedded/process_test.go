package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Several processes over one directory lose nothing.
func TestProcessesShareADirectory(t *testing.T) {
	dir := t.TempDir()
	const servers, writers, times = 4, 8, 8
	stores := make([]storage.Store, servers)
	for i := range stores {
		_, stores[i] = start(t, Config{Directory: dir, Volatile: true})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := stores[0].Put(ctx, "registry.json", nil, storage.PutOptions{})
	must(t, err)
	var g sync.WaitGroup
	var created sync.Map
	for w := range writers {
		g.Go(func() {
			s := stores[w%servers]
			for i := range times {
				if _, err := s.Put(ctx, "once/"+strconv.Itoa(i), []byte{byte(w)}, storage.PutOptions{Condition: storage.Condition{IfAbsent: true}}); err == nil {
					if by, taken := created.LoadOrStore(i, w); taken {
						t.Errorf("object %d was created by %v and %d", i, by, w)
					}
				} else if !storage.IsPrecondition(err) {
					t.Error(err)
				}
				for {
					body, o, err := s.Get(ctx, "registry.json")
					if err == nil {
						_, err = s.Put(ctx, "registry.json", fmt.Appendf(body, "%d.%d\n", w, i), storage.PutOptions{Condition: storage.Condition{IfMatch: o.ETag}})
					}
					if err == nil {
						break
					}
					if !storage.IsPrecondition(err) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	g.Wait()
	body, _, err := stores[0].Get(ctx, "registry.json")
	must(t, err)
	for w := range writers {
		for i := range times {
			if line := fmt.Sprintf("%d.%d\n", w, i); bytes.Count(body, []byte(line)) != 1 {
				t.Errorf("entry %q is there %d times", line, bytes.Count(body, []byte(line)))
			}
		}
	}
}

// A child that dies is started again, and an upload goes on.
func TestChildDies(t *testing.T) {
	server, store := start(t, Config{PartSize: 5 << 20})
	body := noise(40 << 20)
	u, err := store.StartUpload(t.Context(), "files/x", storage.UploadOptions{})
	must(t, err)
	source, pid := bytes.NewReader(body), server.Pid()
	_, err = u.Write(t.Context(), readerFunc(func(p []byte) (int, error) {
		if source.Len() < len(body)/2 && server.Pid() == pid {
			must(t, syscall.Kill(pid, syscall.SIGKILL))
			time.Sleep(50 * time.Millisecond)
		}
		return source.Read(p[:min(len(p), 1<<20)])
	}))
	must(t, err)
	_, err = u.Complete(t.Context())
	must(t, err)
	wantFile(t, filepath.Join(server.Directory(), "files/x"), body)
	if server.Pid() == pid {
		t.Error("the child was not killed")
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Whatever happens to the parent, the child goes, and its private folder with it.
func TestParentIsKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=parent "+t.TempDir())
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	var pid int
	var root string
	_, err = fmt.Sscanf(line, "started %d %s", &pid, &root)
	must(t, err)
	for _, file := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		must(t, err)
		for _, name := range []string{"Secret", "PGPASSWORD", "DATABASE_URL", roleVariable} {
			if bytes.Contains(b, []byte(name)) {
				t.Errorf("%s of the child has %s: %q", file, name, b)
			}
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, ferr := os.Stat(root)
		gone := errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid)
		if gone && errors.Is(ferr, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("child gone: %t; its folder: %v", gone, ferr)
		}
	}
}

// zombie tells whether a process has ended and only waits to be collected, as in containers without an init.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(b, []byte(") Z "))
}

// A terminal's Ctrl-C and a service manager's signal are for the parent.
func TestChildIgnoresSignals(t *testing.T) {
	server, store := start(t, Config{})
	pid := server.Pid()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		must(t, syscall.Kill(pid, sig))
	}
	_, err := store.Put(t.Context(), "x", nil, storage.PutOptions{})
	must(t, err)
	if server.Pid() != pid {
		t.Error("the child ended")
	}
	if pgid, err := syscall.Getpgid(pid); err != nil || pgid == syscall.Getpgrp() {
		t.Errorf("the child is in this process group %d: %v", pgid, err)
	}
}

func TestStartInsideTheChild(t *testing.T) {
	t.Setenv(childVariable, "1")
	if _, err := Start(t.Context(), Config{Directory: t.TempDir()}); !fault.HasCode(err, fault.Internal) || !strings.Contains(fault.From(err).Hint, "MaybeServe") {
		t.Errorf("%v", err)
	}
}

// Somebody tidies /tmp up under a server that runs for weeks.
func TestTemporaryFolderIsRemoved(t *testing.T) {
	server, store := start(t, Config{})
	must(t, os.RemoveAll(server.child.root))
	again, err := server.Store(t.Context()) // without an open connection
	must(t, err)
	_, err = again.Put(t.Context(), "x", []byte("x"), storage.PutOptions{})
	must(t, err)
	_, _, err = store.Get(t.Context(), "x")
	must(t, err)
}
