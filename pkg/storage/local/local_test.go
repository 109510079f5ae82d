package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerVariable); dir != "" {
		os.Exit(writer(dir))
	}
	if path := os.Getenv(holderVariable); path != "" {
		os.Exit(holder(path))
	}
	if how := os.Getenv(syncerVariable); how != "" {
		os.Exit(syncer(how))
	}
	os.Exit(testenv.Runner{M: m, OnDisk: true}.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, c Config) *Store {
	t.Helper()
	if c.Directory == "" {
		c.Directory = t.TempDir()
	}
	s, err := Open(c)
	must(t, err)
	return s
}

func store(t *testing.T, s *Store, key string, body []byte, metadata map[string]string) storage.Object {
	t.Helper()
	u, err := s.StartUpload(t.Context(), key, storage.UploadOptions{Metadata: metadata})
	must(t, err)
	_, err = u.Write(t.Context(), bytes.NewReader(body))
	must(t, err)
	o, err := u.Complete(t.Context())
	must(t, err)
	return o
}

func put(t *testing.T, s *Store, key, body string) {
	t.Helper()
	_, err := s.Put(t.Context(), key, []byte(body), storage.PutOptions{})
	must(t, err)
}

func keys(t *testing.T, s *Store) (out []string) {
	t.Helper()
	for o, err := range s.List(t.Context(), storage.ListOptions{}) {
		must(t, err)
		out = append(out, o.Key)
	}
	return out
}

func wantReason(t *testing.T, err error, code fault.Code, reason fault.Reason) {
	t.Helper()
	if f := fault.From(err); err == nil || f.Code != code || f.Reason != reason || f.Hint == "" {
		t.Errorf("want %s/%s with a hint, got %+v", code, reason, err)
	}
}

// A folder goes with its last object, while others list it.
func TestListWhileFoldersGo(t *testing.T) {
	s := open(t, Config{Directory: t.TempDir()})
	put(t, s, "stays", "x")
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 300 {
			if _, err := s.Put(t.Context(), "intents/a.json", []byte("{}"), storage.PutOptions{}); err != nil {
				t.Error(err)
			}
			if err := s.Delete(t.Context(), "intents/a.json"); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		if got := keys(t, s); !slices.Contains(got, "stays") {
			t.Errorf("listed: %q", got)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// Objects are plain files under their keys, private, and durable writes work.
func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My Backups (ção)", "UPPER_case..")
	s := open(t, Config{Directory: dir, Reserve: 4096})
	body := bytes.Repeat([]byte("0123456789"), 2<<20)
	_, err := s.Put(t.Context(), "registry.json", []byte("{}"), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})
	must(t, err)
	store(t, s, "files/daily/x.dump", body, map[string]string{"Backup-ID": "1"})
	for name, want := range map[string][]byte{"registry.json": []byte("{}"), "files/daily/x.dump": body} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has %d other bytes: %v", name, len(got), err)
		}
	}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		fi, err := d.Info()
		must(t, err)
		if want := map[bool]fs.FileMode{false: 0o600, true: 0o700}[d.IsDir()]; fi.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
		return nil
	}))
	for _, folder := range []string{tmpFolder, uploadFolder} {
		if left, err := os.ReadDir(s.own(folder)); err != nil || len(left) != 0 {
			t.Errorf("left in %s: %v, %v", folder, left, err)
		}
	}
	must(t, s.Delete(t.Context(), "files/daily/x.dump"))
	if exists(filepath.Join(dir, "files")) || exists(s.own(sidecarName("files/daily/x.dump"))) {
		t.Error("an empty folder or the sidecar stays")
	}
}

// What people put into the directory themselves can be read; another store finds what the first one wrote.
func TestForeignFilesAndRestart(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "files"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "files", "copied.dump"), []byte("copy"), 0o644))
	s := open(t, Config{Directory: dir, Volatile: true})
	o, err := s.Put(t.Context(), "x", []byte("1"), storage.PutOptions{Metadata: map[string]string{"backup-id": "1"}})
	must(t, err)
	must(t, s.SetTags(t.Context(), "x", map[string]string{"sha256": "abc"}))
	s = open(t, Config{Directory: dir, Volatile: true})
	got, err := s.Head(t.Context(), "x")
	must(t, err)
	tags, err := s.Tags(t.Context(), "x")
	must(t, err)
	if got.ETag != o.ETag || got.Metadata["backup-id"] != "1" || tags["sha256"] != "abc" {
		t.Errorf("%+v, %v", got, tags)
	}
	body, _, err := s.Get(t.Context(), "files/copied.dump")
	if err != nil || string(body) != "copy" {
		t.Errorf("%q, %v", body, err)
	}
	must(t, s.SetTags(t.Context(), "files/copied.dump", map[string]string{"a": "b"}))
	// A file in the place of another one keeps its tags, but not its ETag.
	must(t, os.WriteFile(filepath.Join(dir, "x"), []byte("2"), 0o600))
	if now, err := s.Head(t.Context(), "x"); err != nil || now.ETag == o.ETag {
		t.Errorf("%+v, %v", now, err)
	}
	if _, err := s.Put(t.Context(), "x", nil, storage.PutOptions{Condition: storage.Condition{IfMatch: o.ETag}}); !storage.IsPrecondition(err) {
		t.Errorf("replaced what somebody else wrote: %v", err)
	}
}

// Reading makes nothing, not even the directory.
func TestReadingWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	s := open(t, Config{Directory: dir})
	if got := keys(t, s); len(got) != 0 {
		t.Errorf("%q", got)
	}
	_, _, err := s.Get(t.Context(), "registry.json")
	wantReason(t, err, fault.FileSystem, fault.NotFound)
	must(t, s.Delete(t.Context(), "x"))
	must(t, s.AbortUpload(t.Context(), "x", strings.Repeat("0", 16)+"-"+strings.Repeat("0", 32)))
	wantReason(t, s.SetTags(t.Context(), "x", nil), fault.FileSystem, fault.NotFound)
	if exists(dir) {
		t.Error("the directory was made")
	}
}

// Folders and objects share their names here, unlike on S3: that is no condition to try again.
func TestNamesInTheWay(t *testing.T) {
	s := open(t, Config{Volatile: true})
	put(t, s, "files/x", "")
	for _, key := range []string{"files", "files/x/below", "files/x/far/below"} {
		for _, c := range []storage.Condition{{IfAbsent: true}, {}} {
			_, err := s.Put(t.Context(), key, nil, storage.PutOptions{Condition: c})
			wantReason(t, err, fault.Validation, fault.AlreadyExists)
		}
		u, err := s.StartUpload(t.Context(), key, storage.UploadOptions{})
		must(t, err)
		_, err = u.Write(t.Context(), strings.NewReader("x"))
		must(t, err)
		_, err = u.Complete(t.Context())
		wantReason(t, err, fault.Validation, fault.AlreadyExists)
		must(t, u.Abort(t.Context()))
		must(t, s.Delete(t.Context(), key))
	}
	if got := keys(t, s); !slices.Equal(got, []string{"files/x"}) {
		t.Errorf("%q", got)
	}
}

// Upload ids are parts of file names: others than the store's own reach nothing.
func TestForeignUploadIDs(t *testing.T) {
	s := open(t, Config{Volatile: true})
	store(t, s, "files/x", []byte("x"), nil)
	u, err := s.StartUpload(t.Context(), "y", storage.UploadOptions{})
	must(t, err)
	for _, id := range []string{"../../../files", "..", ".", "", "x/../../../../files", "*", u.ID() + "/..", "3bda8901-6633-402c-8166-f3eae29f8d32"} {
		must(t, s.AbortUpload(t.Context(), "y", id))
	}
	if left, err := s.PendingUploads(t.Context(), "y"); err != nil || len(left) != 1 || len(keys(t, s)) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	must(t, u.Abort(t.Context()))
}

func TestDirectories(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{"", file, file + "/below"} {
		s, err := Open(Config{Directory: dir})
		if err == nil {
			_, err = s.Put(t.Context(), "x", nil, storage.PutOptions{})
		}
		wantReason(t, err, fault.Validation, fault.InvalidInput)
	}
	for errno, want := range map[syscall.Errno]fault.Reason{syscall.ENOSPC: fault.StorageFull, syscall.EDQUOT: fault.StorageFull,
		syscall.EROFS: storage.ReadOnly, syscall.EACCES: fault.AccessDenied, syscall.EPERM: fault.AccessDenied, syscall.EIO: fault.StorageFailed,
		syscall.EXDEV: OtherDisk} {
		err := &os.PathError{Op: "mkdir", Path: "x", Err: errno}
		if f := fault.From(explainDirectory(err, "x")); f.Reason != want && want != OtherDisk || f.Hint == "" || f.Code == fault.Internal {
			t.Errorf("%v: %+v", errno, f)
		}
		if f := fault.From((op{"write", "x"}).fault(err)); f.Reason != want || f.Hint == "" || f.Code == fault.Internal {
			t.Errorf("%v: %+v", errno, f)
		}
	}
}

// Whatever lies in the directory, listing ends and shows what can be read, and nothing hangs.
func TestOddFiles(t *testing.T) {
	s := open(t, Config{Volatile: true})
	put(t, s, "files/a", "a")
	in := func(name string) string { return filepath.Join(s.root, name) }
	must(t, syscall.Mkfifo(in("files/fifo"), 0o600))
	must(t, os.Symlink("..", in("files/loop")))
	must(t, os.Symlink("circle", in("files/circle")))
	must(t, os.Symlink("a", in("files/b")))
	must(t, os.Symlink(s.root, in("again")))
	must(t, os.WriteFile(in("files/new\nline"), nil, 0o600))
	must(t, os.WriteFile(in("files/bad\xff"), nil, 0o600))
	must(t, os.WriteFile(in("files/.1.json.sgwtmp.1700000000000000000"), nil, 0o600))
	must(t, os.Mkdir(in("files/empty"), 0o700))
	want := []string{"again/files/a", "files/a", "files/b"}
	if got := keys(t, s); len(got) < 3 || !slices.IsSorted(got) || !slices.Contains(got, "files/a") || !slices.Contains(got, "files/b") {
		t.Errorf("%q, want at least %q", got, want)
	}
	for _, key := range []string{"files/fifo", "files/empty", "files"} {
		_, _, err := s.Get(t.Context(), key)
		wantReason(t, err, fault.FileSystem, fault.NotFound)
	}
	if body, _, err := s.Get(t.Context(), "files/b"); err != nil || string(body) != "a" {
		t.Errorf("a link of one's own: %q, %v", body, err)
	}
}

// Links of other users are not followed, neither to read nor to write nor to remove.
func TestForeignLinks(t *testing.T) {
	if os.Geteuid() != 0 && !testenv.InMountNamespace(t) {
		return
	}
	s := open(t, Config{Volatile: true})
	put(t, s, "registry.json", "{}")
	elsewhere := t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, "shadow"), []byte("secret"), 0o600))
	must(t, os.Symlink(elsewhere, filepath.Join(s.root, "files")))
	must(t, os.Symlink(filepath.Join(elsewhere, "shadow"), filepath.Join(s.root, "x")))
	if body, _, err := s.Get(t.Context(), "files/shadow"); err != nil || string(body) != "secret" {
		t.Errorf("a link of one's own: %q, %v", body, err)
	}
	for _, name := range []string{"files", "x"} {
		if err := os.Lchown(filepath.Join(s.root, name), 12345, 12345); err != nil {
			t.Fatalf("give a link to another user, which needs root: %v", err)
		}
	}
	_, _, err := s.Get(t.Context(), "files/shadow")
	wantReason(t, err, fault.Permission, ForeignLink)
	_, err = s.Head(t.Context(), "x")
	wantReason(t, err, fault.Permission, ForeignLink)
	_, err = s.Put(t.Context(), "files/y", nil, storage.PutOptions{})
	wantReason(t, err, fault.Permission, ForeignLink)
	_, err = s.StartUpload(t.Context(), "files/y", storage.UploadOptions{})
	wantReason(t, err, fault.Permission, ForeignLink)
	wantReason(t, s.Delete(t.Context(), "files/shadow"), fault.Permission, ForeignLink)
	if got := keys(t, s); !slices.Equal(got, []string{"registry.json"}) {
		t.Errorf("%q", got)
	}
}

func TestAdvice(t *testing.T) {
	s := open(t, Config{Volatile: true})
	put(t, s, "files/x", "")
	if got := s.Advice(t.Context()); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	must(t, os.Chmod(s.root, 0o777))
	must(t, os.Rename(filepath.Join(s.root, "files"), filepath.Join(s.root, "moved")))
	must(t, os.Symlink("moved", filepath.Join(s.root, "files")))
	got := s.Advice(t.Context())
	if len(got) != 2 || !strings.Contains(got[0].Message, "0777") || !strings.Contains(got[1].Message, "symbolic link") {
		t.Errorf("%+v", got)
	}
}

// What was left behind goes in its time, and nothing else.
func TestMaintain(t *testing.T) {
	s := open(t, Config{Volatile: true, Reserve: 4096})
	store(t, s, "files/x", []byte("x"), nil)
	store(t, s, "files/gone", []byte("x"), nil)
	must(t, os.Remove(filepath.Join(s.root, "files/gone")))
	old, err := s.StartUpload(t.Context(), "files/y", storage.UploadOptions{})
	must(t, err)
	fresh, err := s.StartUpload(t.Context(), "files/y", storage.UploadOptions{})
	must(t, err)
	must(t, os.Chtimes(s.uploadPath("files/y", old.ID()), time.Time{}, time.Now().Add(-8*24*time.Hour)))
	must(t, os.WriteFile(s.own(tmpFolder+"/old"), nil, 0o600))
	must(t, os.Chtimes(s.own(tmpFolder+"/old"), time.Time{}, time.Now().Add(-25*time.Hour)))
	must(t, os.Remove(s.reserveFile(1)))
	must(t, s.Maintain(t.Context()))
	left, err := s.PendingUploads(t.Context(), "files/y")
	must(t, err)
	if len(left) != 1 || left[0].UploadID != fresh.ID() || exists(s.own(tmpFolder+"/old")) || !exists(s.reserveFile(1)) ||
		exists(s.own(sidecarName("files/gone"))) || !exists(s.own(sidecarName("files/x"))) {
		t.Errorf("left: %+v", left)
	}
}

// Somebody makes the file shorter while it is read.
func TestCutWhileRead(t *testing.T) {
	s := open(t, Config{Volatile: true})
	store(t, s, "x", make([]byte, 1<<20), nil)
	r, _, err := s.Open(t.Context(), "x", 0, -1)
	must(t, err)
	defer r.Close()
	must(t, os.Truncate(filepath.Join(s.root, "x"), 1000))
	n, err := new(bytes.Buffer).ReadFrom(r)
	if n != 1000 || !fault.HasReason(err, storage.Changed) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

var errDied = errors.New("the process died here")

const syncerVariable = "COFRE_LOCAL_SYNCER"

// syncer writes one object, as "<directory> <create, replace, upload or delete> <durable or revert>" says.
func syncer(how string) int {
	var dir, what, keep string
	if _, err := fmt.Sscan(how, &dir, &what, &keep); err != nil {
		return 2
	}
	s, err := Open(Config{Directory: dir, Reserve: 4096})
	switch {
	case err != nil:
	case what == "upload":
		err = uploadOne(s)
	case what == "delete":
		err = s.Delete(context.Background(), "intents/1.json")
	default:
		_, err = s.Put(context.Background(), "intents/1.json", []byte("new"), storage.PutOptions{
			Condition: storage.Condition{IfAbsent: what == "create"}, MayRevert: keep == "revert"})
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func uploadOne(s *Store) error {
	u, err := s.StartUpload(context.Background(), "files/daily/x.dump", storage.UploadOptions{})
	if err == nil {
		_, err = u.Write(context.Background(), strings.NewReader("body"))
	}
	if err == nil {
		_, err = u.Complete(context.Background())
	}
	return err
}
