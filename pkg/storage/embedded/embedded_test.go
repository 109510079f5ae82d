package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
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
	"cofre/pkg/storage/s3"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/versity/versitygw/s3err"
)

// roleVariable makes this test binary play a part: "start <dir>" says what Start answers, "parent <dir>" starts
// a server and waits to be killed.
const roleVariable = "COFRE_TEST_ROLE"

func TestMain(m *testing.M) {
	MaybeServe()
	if role, dir, ok := strings.Cut(os.Getenv(roleVariable), " "); ok {
		play(role, dir)
		return
	}
	os.Exit(m.Run())
}

func play(role, dir string) {
	s, err := Start(context.Background(), Config{Directory: dir})
	if err != nil {
		f := fault.From(err)
		fmt.Println(f.Code, f.Reason, f.Hint != "", err)
		return
	}
	defer s.Close()
	fmt.Println("started", s.Pid(), s.child.root)
	if role == "parent" {
		select {}
	}
}

func start(t *testing.T, c Config) (*Server, storage.Store) {
	t.Helper()
	if c.Directory == "" {
		c.Directory = t.TempDir()
	}
	s, err := Start(t.Context(), c)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	store, err := s.Store(t.Context())
	must(t, err)
	return s, store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func upload(t *testing.T, s storage.Store, key string, b []byte) {
	t.Helper()
	u, err := s.StartUpload(t.Context(), key, storage.UploadOptions{})
	must(t, err)
	_, err = u.Write(t.Context(), bytes.NewReader(b))
	must(t, err)
	_, err = u.Complete(t.Context())
	must(t, err)
}

func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s has %d other bytes", path, len(got))
	}
}

// Objects are plain files under their keys, private, and durable writes work.
func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My Backups (ção)", "UPPER_case..")
	_, store := start(t, Config{Directory: dir})
	body := noise(20 << 20)
	_, err := store.Put(t.Context(), "registry.json", []byte("{}"), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})
	must(t, err)
	upload(t, store, "files/daily/backup_2025-01-09_14-30-00.dump", body)
	wantFile(t, filepath.Join(dir, "registry.json"), []byte("{}"))
	wantFile(t, filepath.Join(dir, "files/daily/backup_2025-01-09_14-30-00.dump"), body)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		fi, err := d.Info()
		must(t, err)
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
		return nil
	}))
	if left, _ := filepath.Glob(filepath.Join(dir, workFolder, "multipart", "*")); len(left) != 0 {
		t.Errorf("left of the upload: %q", left)
	}
	must(t, store.Delete(t.Context(), "files/daily/backup_2025-01-09_14-30-00.dump"))
	if _, err := os.Stat(filepath.Join(dir, "files")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty folders stay: %v", err)
	}
	wantFile(t, filepath.Join(dir, "registry.json"), []byte("{}"))
}

// What people put into the directory themselves can be read; a second server finds what the first one wrote.
func TestForeignFilesAndRestart(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "files"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "files", "copied.dump"), []byte("copy"), 0o644))
	first, store := start(t, Config{Directory: dir})
	o, err := store.Put(t.Context(), "x", []byte("1"), storage.PutOptions{Metadata: map[string]string{"backup-id": "1"}})
	must(t, err)
	must(t, store.SetTags(t.Context(), "x", map[string]string{"sha256": "abc"}))
	must(t, first.Close())
	if _, _, err := store.Get(t.Context(), "x"); !fault.HasReason(err, fault.StorageUnreachable) {
		t.Errorf("a closed server: %v", err)
	}
	_, store = start(t, Config{Directory: dir})
	got, err := store.Head(t.Context(), "x")
	must(t, err)
	tags, err := store.Tags(t.Context(), "x")
	must(t, err)
	if got.ETag != o.ETag || got.Metadata["backup-id"] != "1" || tags["sha256"] != "abc" {
		t.Errorf("%+v, %v", got, tags)
	}
	body, _, err := store.Get(t.Context(), "files/copied.dump")
	if err != nil || string(body) != "copy" {
		t.Errorf("%q, %v", body, err)
	}
}

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

// A completion that was cut off is taken up again, or aborted.
func TestCompletionCutOff(t *testing.T) {
	server, store := start(t, Config{})
	work := filepath.Join(server.Directory(), workFolder, "multipart")
	for _, complete := range []bool{true, false} {
		u, err := store.StartUpload(t.Context(), "files/x", storage.UploadOptions{})
		must(t, err)
		_, err = u.Write(t.Context(), strings.NewReader("body"))
		must(t, err)
		folders, err := filepath.Glob(filepath.Join(work, "*", u.ID()))
		if err != nil || len(folders) != 1 {
			t.Fatal(folders, err)
		}
		must(t, os.Rename(folders[0], folders[0]+".abc-1"+inProgress))
		if complete {
			_, err = u.Complete(t.Context())
			must(t, err)
			wantFile(t, filepath.Join(server.Directory(), "files/x"), []byte("body"))
		} else {
			must(t, u.Abort(t.Context()))
		}
		if left, _ := filepath.Glob(filepath.Join(work, "*")); len(left) != 0 {
			t.Errorf("complete=%t leaves %q", complete, left)
		}
	}
}

// Upload ids are names of folders: others than the service's own reach nothing.
func TestForeignUploadIDs(t *testing.T) {
	server, store := start(t, Config{})
	upload(t, store, "files/x", []byte("x"))
	u, err := store.StartUpload(t.Context(), "y", storage.UploadOptions{})
	must(t, err)
	for _, id := range []string{"../../../files", "..", ".", "", "x/../../../../files", "*"} {
		_ = store.AbortUpload(t.Context(), "y", id)
	}
	wantFile(t, filepath.Join(server.Directory(), "files/x"), []byte("x"))
	if left, err := store.PendingUploads(t.Context(), "y"); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	must(t, u.Abort(t.Context()))
}

// More parts than fit a table in an extended attribute: 8 MiB of nothing each.
func TestManyParts(t *testing.T) {
	server, store := start(t, Config{Volatile: true})
	a := server.Access()
	c, err := minio.NewCore("localhost", &minio.Options{Creds: credentials.NewStaticV4(a.AccessKey, a.SecretKey, ""), Region: a.Region,
		BucketLookup: minio.BucketLookupPath, Transport: &http.Transport{DialContext: a.Dial}})
	must(t, err)
	parts := 1500
	if n, err := strconv.Atoi(os.Getenv("COFRE_TEST_PARTS")); err == nil {
		parts = n
	}
	const size = s3.DefaultPartSize
	u, err := store.StartUpload(t.Context(), "files/many", storage.UploadOptions{})
	must(t, err)
	id := u.ID()
	folders, err := filepath.Glob(filepath.Join(server.Directory(), workFolder, "multipart", "*", id))
	must(t, err)
	sum := crc64nvme.New()
	sum.Write(make([]byte, size))
	crc := s3.CRCText(sum.Sum64())
	list := make([]minio.CompletePart, parts)
	for i := range list {
		must(t, note(folders[0], i+1, size, crc))
		list[i] = minio.CompletePart{PartNumber: i + 1, ETag: etagOf(crc), ChecksumCRC64NVME: crc}
	}
	must(t, os.WriteFile(filepath.Join(folders[0], dataFile), nil, 0o600))
	_, err = c.CompleteMultipartUpload(t.Context(), a.Bucket, "files/many", id, list, minio.PutObjectOptions{})
	must(t, err)
	o, err := store.Head(t.Context(), "files/many")
	must(t, err)
	if o.Size != int64(parts)*size || o.CRC64NVME == "" {
		t.Errorf("%+v", o)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", server.Pid()))
	must(t, err)
	for l := range strings.Lines(string(status)) {
		if strings.HasPrefix(l, "RssAnon") || strings.HasPrefix(l, "VmHWM") {
			t.Log(strings.TrimSpace(l))
		}
	}
}

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

func TestListen(t *testing.T) {
	server, store := start(t, Config{Listen: "127.0.0.1:0"})
	body := noise(3 << 20)
	upload(t, store, "files/x.dump", body)
	link, err := store.Presign(t.Context(), "files/x.dump", storage.PresignOptions{Expires: time.Minute, Filename: "x.dump"})
	must(t, err)
	if !strings.HasPrefix(link.URL, server.Endpoint()+"/") {
		t.Fatalf("link %s, endpoint %s", link.URL, server.Endpoint())
	}
	resp, err := http.Get(link.URL)
	must(t, err)
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %s, %v", len(got), resp.Status, err)
	}
	resp, err = http.Get(server.Endpoint() + "/" + bucket + "/files/x.dump")
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("without a link: %s", resp.Status)
	}
	idle, err := net.Dial("tcp", strings.TrimPrefix(server.Endpoint(), "http://"))
	must(t, err)
	defer idle.Close()
	begin := time.Now()
	must(t, server.Close())
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("closing took %s", d)
	}
	if _, err := http.Get(link.URL); err == nil {
		t.Error("the link works after Close")
	}
	for _, bad := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "nonsense"} {
		if _, err := Start(t.Context(), Config{Directory: t.TempDir(), Listen: bad}); !fault.HasCode(err, fault.Validation) {
			t.Errorf("listening on %s: %v", bad, err)
		}
	}
}

func TestLongTemporaryFolder(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	must(t, os.MkdirAll(long, 0o700))
	t.Setenv("TMPDIR", long)
	_, store := start(t, Config{Directory: filepath.Join(long, "backups")})
	_, err := store.Put(t.Context(), "x", nil, storage.PutOptions{})
	must(t, err)
}

func TestDirectories(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for dir, want := range map[string]fault.Code{"": fault.Validation, file: fault.Validation, file + "/below": fault.Validation, "/proc/backups": fault.FileSystem} {
		_, err := Start(t.Context(), Config{Directory: dir})
		if f := fault.From(err); err == nil || f.Code != want || f.Hint == "" {
			t.Errorf("%q: %v", dir, err)
		}
	}
	for errno, want := range map[syscall.Errno]fault.Reason{syscall.ENOSPC: fault.StorageFull, syscall.EDQUOT: fault.StorageFull,
		syscall.EROFS: ReadOnly, syscall.EACCES: fault.AccessDenied, syscall.EPERM: fault.AccessDenied, syscall.EIO: fault.StorageFailed} {
		if f := fault.From(explainDirectory(&os.PathError{Op: "mkdir", Path: "x", Err: errno}, "x")); f.Reason != want || f.Hint == "" || f.Code == fault.Internal {
			t.Errorf("%v: %+v", errno, f)
		}
	}
}

// A directory of somebody else: Start says so. Root could write it, so another user tries.
func TestNoPermission(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "cofre-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(base) })
	must(t, os.Chmod(base, 0o755))
	exe := filepath.Join(base, "test")
	b, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(exe, b, 0o755))
	dir := filepath.Join(base, "backups")
	must(t, os.Mkdir(dir, 0o500))
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), roleVariable+"=start "+dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprint(fault.Permission, " ", fault.AccessDenied, " true "); err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%s, %v; want %s", out, err, want)
	}
}

func TestStartInsideTheChild(t *testing.T) {
	t.Setenv(childVariable, "1")
	if _, err := Start(t.Context(), Config{Directory: t.TempDir()}); !fault.HasCode(err, fault.Internal) || !strings.Contains(fault.From(err).Hint, "MaybeServe") {
		t.Errorf("%v", err)
	}
}

// Errors of the disk reach the client with a code that says so.
func TestExplain(t *testing.T) {
	d := &disk{}
	for errno, want := range map[syscall.Errno]string{syscall.ENOSPC: "InsufficientStorage", syscall.EDQUOT: "InsufficientStorage",
		syscall.EROFS: "MethodNotAllowed", syscall.EACCES: "AccessDenied"} {
		err := d.explain(fmt.Errorf("link object: %w", &os.PathError{Op: "open", Path: "x", Err: errno}), t.TempDir(), "x")
		if api, ok := err.(s3err.APIError); !ok || api.Code != want {
			t.Errorf("%v becomes %v, want %s", errno, err, want)
		}
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	folder := s3err.GetAPIError(s3err.ErrExistingObjectIsDirectory)
	if err := d.explain(folder, dir, "folder"); err != folder {
		t.Errorf("a folder in the way: %v", err)
	}
	if err := d.explain(nil, dir, "x"); err != nil {
		t.Error(err)
	}
}
