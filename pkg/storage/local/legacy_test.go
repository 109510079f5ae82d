package local

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/minio/crc64nvme"
	"golang.org/x/sys/unix"
)

// attributesOf is what a file has, found by other means.
func attributesOf(t *testing.T, path string) (metadata, tags map[string]string) {
	t.Helper()
	for name, to := range map[string]*map[string]string{"user.metadata": &metadata, "user.X-Amz-Tagging": &tags} {
		buf := make([]byte, 1<<16)
		if n, err := unix.Getxattr(path, name, buf); err == nil {
			must(t, json.Unmarshal(buf[:n], to))
		}
	}
	return metadata, tags
}

// dump is a file of a backup in the old directory.
const dump = "files/daily/nightly.dump"

func TestDirectoryOfAnOlderVersion(t *testing.T) {
	s := open(t, Config{Directory: testenv.OldDirectory(t, "testdata/directory-v1.tar.gz"), Volatile: true})
	files := 0
	check := func(when string) {
		files = 0
		for o, err := range s.List(t.Context(), storage.ListOptions{}) {
			must(t, err)
			head, err := s.Head(t.Context(), o.Key)
			must(t, err)
			if !strings.HasPrefix(o.Key, "files/") {
				continue
			}
			files++
			body, err := os.ReadFile(filepath.Join(s.root, o.Key))
			must(t, err)
			sum := crc64nvme.New()
			sum.Write(body)
			metadata, want := attributesOf(t, filepath.Join(s.root, o.Key))
			tags, err := s.Tags(t.Context(), o.Key)
			must(t, err)
			if head.CRC64NVME != crcText(sum.Sum64()) || head.Metadata["backup-id"] != metadata["backup-id"] || len(head.Metadata) != 1 ||
				len(tags) != 10 || tags["sha256"] != want["sha256"] || tags["id"] != metadata["backup-id"] {
				t.Errorf("%s, %s: %+v, %v", when, o.Key, head, tags)
			}
		}
	}
	check("as it is")
	if files != 5 {
		t.Fatalf("%d files", files)
	}
	// New tags are seen by the older version too, until the first cleanup.
	tags, err := s.Tags(t.Context(), dump)
	must(t, err)
	tags["status"] = "again"
	must(t, s.SetTags(t.Context(), dump, tags))
	if _, now := attributesOf(t, filepath.Join(s.root, dump)); now["status"] != "again" || len(now) != 10 {
		t.Errorf("the attributes have %v", now)
	}
	check("with new tags")
	pending, err := s.PendingUploads(t.Context(), "files/killed.dump")
	must(t, err)
	if len(pending) != 1 {
		t.Fatalf("%v", pending)
	}
	must(t, s.AbortUpload(t.Context(), "files/killed.dump", pending[0].UploadID))
	must(t, s.Maintain(t.Context()))
	if exists(s.own(oldFolder)) || !exists(s.own(sidecarName(dump))) {
		t.Error("the transition has not ended")
	}
	check("after a cleanup")
	tags["status"] = "later"
	must(t, s.SetTags(t.Context(), dump, tags))
	if _, now := attributesOf(t, filepath.Join(s.root, dump)); now["status"] != "again" {
		t.Errorf("the attributes have %v", now)
	}
	// A copy without attributes lacks nothing.
	body, err := os.ReadFile(filepath.Join(s.root, dump))
	must(t, err)
	must(t, os.Remove(filepath.Join(s.root, dump)))
	must(t, os.WriteFile(filepath.Join(s.root, dump), body, 0o600))
	if now, err := s.Tags(t.Context(), dump); err != nil || now["status"] != "later" {
		t.Errorf("%v, %v", now, err)
	}
}

// An upload of an older version whose completion was cut off is found and removed.
func TestOlderCompletionCutOff(t *testing.T) {
	s := open(t, Config{Directory: testenv.OldDirectory(t, "testdata/directory-v1.tar.gz"), Volatile: true})
	folders, err := filepath.Glob(filepath.Join(s.own(oldUploads), "*", "*"))
	if err != nil || len(folders) != 1 {
		t.Fatal(folders, err)
	}
	must(t, os.Rename(folders[0], folders[0]+".abc-1"+inProgress))
	pending, err := s.PendingUploads(t.Context(), "files/killed.dump")
	if err != nil || len(pending) != 1 {
		t.Fatal(pending, err)
	}
	must(t, s.AbortUpload(t.Context(), "files/killed.dump", pending[0].UploadID))
	if left, _ := filepath.Glob(filepath.Join(s.own(oldUploads), "*")); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

const holderVariable = "COFRE_LOCAL_HOLDER"

// holder holds a lock as an older version does, until its input ends.
func holder(path string) int {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil || unix.Flock(int(f.Fd()), unix.LOCK_EX) != nil {
		return 1
	}
	os.Stdout.WriteString("held\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// While a process of an older version writes, nothing else is written, and people are told which process it is.
func TestOlderVersionWrites(t *testing.T) {
	s := open(t, Config{Directory: testenv.OldDirectory(t, "testdata/directory-v1.tar.gz"), Volatile: true})
	put(t, s, "x", "1") // this process has looked already
	hold := func(key string) (pid int, end func()) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), holderVariable+"="+filepath.Join(s.oldShards(), fmt.Sprintf("%02x", sha256.Sum256([]byte(key))[0])))
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, 5))
		must(t, err)
		return cmd.Process.Pid, func() { in.Close(); _ = cmd.Wait() }
	}
	pid, end := hold("x")
	for _, w := range []*Store{s, reopened(t, s)} {
		begin := time.Now()
		_, err := w.Put(t.Context(), "x", nil, storage.PutOptions{})
		wantReason(t, err, fault.Validation, OlderVersion)
		if f := fault.From(err); !strings.Contains(f.Message, fmt.Sprintf("process %d,", pid)) || time.Since(begin) > 10*time.Second {
			t.Errorf("after %s: %s", time.Since(begin), f.Message)
		}
	}
	if body, _, err := s.Get(t.Context(), "x"); err != nil || string(body) != "1" {
		t.Errorf("reading: %q, %v", body, err)
	}
	wantReason(t, s.Maintain(t.Context()), fault.Validation, OlderVersion)
	if !exists(s.own(oldLocks)) {
		t.Error("the transition ended under an older version's hands")
	}
	time.AfterFunc(500*time.Millisecond, end) // a lock that is held for a moment is waited for
	put(t, s, "x", "2")
}

func FuzzSidecar(f *testing.F) {
	f.Add([]byte(`{"version":1,"key":"files/x","etag":"\"a\"","size":1,"modified_ns":5,"metadata":{"a":"b"},"tags":{"c":"d"},"crc64nvme":"rosUhgp5mIg="}`))
	f.Add([]byte(`{"version":2,"key":"files/x","tags":{"":""}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key := keyOf(data); key != "" && storage.CheckKey(key) != nil {
			t.Errorf("key %q", key)
		}
		c, err := parseSidecar(data, "files/x")
		if err != nil {
			return
		}
		if c.check() != nil || c.Key != "files/x" {
			t.Errorf("%+v", c)
		}
		_ = typeOf(c.Key, c)
		again, err := json.Marshal(c)
		if err != nil || len(again) > maxSidecar {
			t.Fatalf("%d bytes, %v", len(again), err)
		}
		if _, err := parseSidecar(again, "files/x"); err != nil {
			t.Error(err)
		}
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add([]byte(`{"backup-id":"1","cofre-mark":"2"}`), []byte(`{"a":"b"}`), []byte("application/json"), []byte(`{"Type":"FULL_OBJECT","CRC64NVME":"rosUhgp5mIg="}`))
	f.Add([]byte(`null`), []byte(`[]`), []byte("\n"), []byte(`{"CRC64NVME":"AAAA"}`))
	f.Fuzz(func(t *testing.T, metadata, tags, kind, checksums []byte) {
		c := parseAttributes("files/x", metadata, tags, kind, checksums)
		if err := c.check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	})
}

// What was damaged counts as nothing, and is made again.
func TestDamagedSidecar(t *testing.T) {
	s := open(t, Config{Volatile: true})
	store(t, s, "files/x", []byte("x"), map[string]string{"backup-id": "1"})
	path := s.own(sidecarName("files/x"))
	for what, damage := range map[string]func() error{
		"garbage": func() error { return os.WriteFile(path, []byte("{"), 0o600) },
		"huge":    func() error { return os.Truncate(path, 1<<30) },
		"a fifo":  func() error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) },
		"a link":  func() error { return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path)) },
		"another": func() error {
			return errors.Join(os.Remove(path), os.WriteFile(path, []byte(`{"version":1,"key":"y"}`), 0o600))
		},
		"nothing":  func() error { return os.Remove(path) },
		"negative": func() error { return os.WriteFile(path, []byte(`{"version":1,"key":"files/x","size":-1}`), 0o600) },
	} {
		must(t, damage())
		o, err := s.Head(t.Context(), "files/x")
		if err != nil || o.Size != 1 || len(o.Metadata) != 0 || o.CRC64NVME != "" {
			t.Errorf("%s: %+v, %v", what, o, err)
		}
		must(t, s.SetTags(t.Context(), "files/x", map[string]string{"a": what}))
		if tags, err := s.Tags(t.Context(), "files/x"); err != nil || tags["a"] != what {
			t.Errorf("%s: %v, %v", what, tags, err)
		}
		if fi, err := os.Lstat(path); err != nil || fi.Mode() != fs.FileMode(0o600) {
			t.Errorf("%s: %v, %v", what, fi, err)
		}
	}
	must(t, s.Maintain(context.Background()))
}
