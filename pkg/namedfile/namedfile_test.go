package namedfile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What would never end is refused at once.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{fifo: "a named pipe", link: "a named pipe", dir: "a directory", "/dev/zero": "a device", "/dev/null": "a device"} {
		if _, err := Read(name, 100); err == nil || !strings.Contains(err.Error(), name+" is "+want+", not a regular file") {
			t.Errorf("read %s: %v", name, err)
		}
		if f, err := Open(name); err == nil || f != nil {
			t.Errorf("open %s: %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none"), 100); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(name, 10); err != nil || string(data) != "0123456789" {
		t.Errorf("%q %v", data, err)
	}
	if _, err := Read(name, 9); err == nil || !strings.Contains(err.Error(), "larger than 9 bytes") {
		t.Errorf("too large: %v", err)
	}
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || len(data) != 10 {
		t.Errorf("%q %v", data, err)
	}
}

// A shell's <(command) is a pipe that its writer has yet to fill.
func TestDescriptorOfTheCaller(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := bytes.Repeat([]byte("key\n"), 50_000) // more than a pipe holds
	go func() {
		w.Write(want)
		w.Close()
	}()
	if data, err := Read(fmt.Sprintf("/dev/fd/%d", r.Fd()), 1<<20); err != nil || !bytes.Equal(data, want) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
