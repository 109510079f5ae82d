package embedded

import (
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
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
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

// Folders and objects share their names here, unlike on S3: that is no condition to try again.
func TestNamesInTheWay(t *testing.T) {
	_, store := start(t, Config{})
	_, err := store.Put(t.Context(), "files/x", nil, storage.PutOptions{})
	must(t, err)
	for _, key := range []string{"files", "files/x/below"} {
		_, err := store.Put(t.Context(), key, nil, storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})
		if f := fault.From(err); f.Code != fault.Validation || f.Reason != fault.AlreadyExists || f.Hint == "" {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// Without a listener there is nobody whom a link could reach.
func TestNoLinks(t *testing.T) {
	_, store := start(t, Config{})
	if _, err := store.Presign(t.Context(), "x", storage.PresignOptions{Expires: time.Minute}); !fault.HasReason(err, storage.Unsupported) {
		t.Errorf("%v", err)
	}
}

// The second name of an object that is being replaced is in no list, and goes when it was left behind.
func TestPassingNames(t *testing.T) {
	server, store := start(t, Config{})
	_, err := store.Put(t.Context(), "status/1.json", nil, storage.PutOptions{})
	must(t, err)
	fresh := filepath.Join(server.Directory(), "status", ".1.json.sgwtmp.1700000000000000000")
	stale := filepath.Join(server.Directory(), "status", ".1.json.sgwtmp.1600000000000000000")
	must(t, os.WriteFile(fresh, nil, 0o600))
	must(t, os.WriteFile(stale, nil, 0o600))
	must(t, os.Chtimes(stale, time.Now(), time.Now().Add(-2*time.Hour)))
	for o, err := range store.List(t.Context(), storage.ListOptions{}) {
		must(t, err)
		if o.Key != "status/1.json" {
			t.Errorf("listed: %s", o.Key)
		}
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}
