package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// second makes another world the second location of w.
func (w *world) second(other *world) backup.Place {
	p := backup.Place{Name: "second", Where: other.dir, Open: func(context.Context) (storage.Store, *registry.Registry, error) {
		return other.Store, other.Service.Registry, nil
	}}
	w.Service.CopyPlaces = []backup.Place{p}
	w.Service.Configured.Defaults.Copies = []string{p.Name}
	for i := range w.Service.Configured.Sources {
		w.Service.Configured.Sources[i].Copies = []string{p.Name}
	}
	return p
}

// withoutDelete opens a bucket with credentials that may write and abort, and delete nothing.
func withoutDelete(t *testing.T, w *world, url string) *world {
	t.Helper()
	m := testenv.MinIO(t)
	bucket, _, _ := strings.Cut(strings.TrimPrefix(w.dir, "s3://"), "/")
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketMultipartUploads","s3:GetBucketLocation"],"Resource":["arn:aws:s3:::%[1]s"]},
		{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:AbortMultipartUpload","s3:GetObjectTagging","s3:PutObjectTagging"],"Resource":["arn:aws:s3:::%[1]s/*"]}]}`, bucket)
	c, err := credentials.NewSTSAssumeRole(m.Endpoint, credentials.STSAssumeRoleOptions{AccessKey: m.AccessKey, SecretKey: m.SecretKey, Policy: policy, DurationSeconds: 3600, Location: testenv.Region})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.GetWithContext(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", v.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", v.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", v.SessionToken)
	return open(t, w.dir, url)
}

// bytesAt reads an object whole.
func (w *world) bytesAt(key string) []byte {
	w.t.Helper()
	r, _, err := w.Store.Open(w.t.Context(), key, 0, -1)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// TestCopyIsAWholePlace: a directory is copied to a bucket and goes away; the bucket alone has all of it, to the byte, and restores.
func TestCopyIsAWholePlace(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := server.NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE copied (id int); INSERT INTO copied SELECT generate_series(1, 5000)")
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	env := []string{"BACKUP_SIGNING_KEY=" + key, "BACKUP_TRUSTED_KEYS=" + key + ".pub"}
	first, second := open(t, "", url, env...), openMinIO(t, url, env...)
	first.second(withoutDelete(t, second, url))
	globals := true
	old, young := first.create(backup.Request{Globals: &globals}), first.create(backup.Request{})

	var told int64
	rep, err := first.Service.CopyMissing(t.Context(), "second", func(_ backup.Backup, done int64) { told = max(told, done) })
	if err != nil || strings.Join(rep.Copied, " ") != old.ID+" "+young.ID || rep.There != 0 || rep.Bytes != old.Size+young.Size || len(rep.Failed) > 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if told != max(old.Size, young.Size) {
		t.Errorf("told of %d bytes, want %d", told, max(old.Size, young.Size))
	}
	for _, k := range first.keys("") {
		for _, prefix := range []string{"files/", "manifests/", "contents/", "globals/"} {
			if strings.HasPrefix(k, prefix) && !bytes.Equal(first.bytesAt(k), second.bytesAt(k)) {
				t.Errorf("%s differs", k)
			}
		}
	}
	if len(second.keys(registry.IntentsPrefix)) != 2 {
		t.Errorf("these credentials may delete: the intents are %v", second.keys(registry.IntentsPrefix))
	}
	// What could not be deleted is of no account, and goes with the next cleanup of somebody who may.
	if got, err := second.Service.Cleanup(t.Context(), backup.CleanupOptions{}); err != nil || got.RemovedCount != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	second.nothingLeft()
	if _, err := first.Service.Pin(t.Context(), old.ID, backup.PinOptions{Reason: "audit"}); err != nil {
		t.Fatal(err)
	}
	if rep, err = first.Service.CopyMissing(t.Context(), "second", nil); err != nil || len(rep.Copied) > 0 || rep.There != 2 {
		t.Errorf("once more: %+v, %v", rep, err)
	}
	if b, err := second.Service.Info(t.Context(), old.ID); err != nil || b.Pin == nil || b.Pin.Reason != "audit" {
		t.Errorf("the copy of a pinned backup is pinned as %+v, %v", b.Pin, err)
	}
	if err := os.RemoveAll(first.dir); err != nil {
		t.Fatal(err)
	}
	list, err := second.Service.List(t.Context(), backup.ListOptions{})
	if err != nil || len(list.Backups) != 2 || !list.Backups[0].Verified() {
		t.Fatalf("%+v, %v", list.Backups, err)
	}
	for _, b := range list.Backups {
		if v, err := second.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
			t.Errorf("the copy of %s: %+v, %v", b.ID, v.Problems, err)
		}
	}
	back := second.restored(list.Backups[0], server, "copied")
	if got, want := fingerprint(t, back), fingerprint(t, url); !reflect.DeepEqual(got, want) {
		t.Errorf("what came back differs:\n%+v\n%+v", got, want)
	}
	// Its records can be made anew from what lies there.
	if _, err := second.Service.Registry.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err = second.Service.List(t.Context(), backup.ListOptions{}); err != nil || len(list.Backups) != 2 {
		t.Errorf("after a rebuild: %d backups, %v", len(list.Backups), err)
	}
}

// TestCopyOfWhatIsNotGood: nothing that is damaged, changed or forged gets to the second location, and nothing is left of the attempt.
func TestCopyOfWhatIsNotGood(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := server.NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE copied (id int); INSERT INTO copied SELECT generate_series(1, 5000)")
	first, second := open(t, "", url), open(t, "", url)
	first.second(second)
	b := first.create(backup.Request{})
	object := filepath.Join(first.dir, filepath.FromSlash(b.Filepath))
	good, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	fails := func(what string, want fault.Reason) {
		t.Helper()
		_, err := first.Service.Copy(t.Context(), b.ID, "second", nil)
		if !fault.HasReason(err, want) {
			t.Errorf("%s: %v, want the reason %s", what, err, want)
		}
		second.nothingLeft()
		if list, err := second.Service.List(t.Context(), backup.ListOptions{}); err != nil || len(list.Backups) != 0 {
			t.Errorf("%s: the second location has %d backups, %v", what, len(list.Backups), err)
		}
	}
	write := func(data []byte) {
		t.Helper()
		_ = os.Remove(object)
		if err := os.WriteFile(object, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	write(flipped)
	fails("one byte is another one", fault.ChecksumMismatch)
	write(good[:len(good)-1])
	fails("it is too short", fault.SizeMismatch)
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	fails("it is gone", fault.NotFound)
	if rep, err := first.Service.CopyMissing(t.Context(), "second", nil); err != nil || len(rep.Failed) != 1 || rep.Failed[0].ID != b.ID {
		t.Errorf("copying all that is missing says nothing of it: %+v, %v", rep, err)
	}
	write(good)
	if _, err := first.Service.Copy(t.Context(), b.ID, "third", nil); !fault.HasReason(err, fault.NotFound) {
		t.Errorf("a place that does not exist: %v", err)
	}
	// Another backup of that id, or another object of that name, is left alone.
	key := registry.ManifestKey(b.ID)
	second.put(key, []byte("{}"))
	if _, err := first.Service.Copy(t.Context(), b.ID, "second", nil); !fault.HasReason(err, fault.AlreadyExists) {
		t.Errorf("another manifest is there: %v", err)
	}
	if got := second.bytesAt(key); string(got) != "{}" {
		t.Errorf("it was changed into %q", got)
	}
	if err := second.Store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	second.put(b.Filepath, []byte("somebody's"))
	if _, err := first.Service.Copy(t.Context(), b.ID, "second", nil); !fault.HasReason(err, fault.AlreadyExists) {
		t.Errorf("another object is there: %v", err)
	}
	if got := second.bytesAt(b.Filepath); string(got) != "somebody's" {
		t.Errorf("it was changed into %q", got)
	}
	// One of its own, from an attempt that died behind the upload, is taken.
	second.put(b.Filepath, good)
	if copied, err := first.Service.Copy(t.Context(), b.ID, "second", nil); err != nil || !copied {
		t.Errorf("a copy without a record: %v, %v", copied, err)
	}
	second.nothingLeft()
}

// TestCopyOnceAtATime: two at once are one, and what a process left that died is taken over.
func TestCopyOnceAtATime(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := server.NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE copied (id int)")
	first, second := open(t, "", url), open(t, "", url)
	first.second(second)
	b := first.create(backup.Request{})
	o, err := first.Service.Registry.Original(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	lease, there, err := second.Service.Registry.BeginCopy(t.Context(), &o, "somebody")
	if err != nil || there {
		t.Fatal(there, err)
	}
	if _, err := first.Service.Copy(t.Context(), b.ID, "second", nil); !fault.HasReason(err, fault.Busy) {
		t.Errorf("while somebody copies it: %v", err)
	}
	up, err := second.Store.StartUpload(t.Context(), b.Filepath, storage.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.SetUpload(t.Context(), up.ID()); err != nil {
		t.Fatal(err)
	}
	// An hour later nobody holds it any more: a cleanup ends it without a record, and it can be copied.
	if rep, err := second.later().Reconcile(t.Context()); err != nil || len(rep.Failed)+len(rep.Problems) > 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	second.nothingLeft()
	if copied, err := first.Service.Copy(t.Context(), b.ID, "second", nil); err != nil || !copied {
		t.Errorf("after that: %v, %v", copied, err)
	}
	if err := lease.CommitCopy(t.Context(), &o); !fault.HasReason(err, fault.Precondition) {
		t.Errorf("who slept meanwhile: %v", err)
	}
	second.nothingLeft()
}

// TestCopyThatIsSpoilt: what a second location has lost or damaged is no copy: it is made again, or told; and the first place under another name
// has none.
func TestCopyThatIsSpoilt(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := server.NewDatabase(t)
	first, second := open(t, "", url), open(t, "", url)
	first.second(second)
	var backups []registry.Backup
	for range 3 {
		backups = append(backups, first.create(backup.Request{}))
	}
	if rep, err := first.Service.CopyMissing(t.Context(), "second", nil); err != nil || len(rep.Copied) != 3 {
		t.Fatalf("%+v, %v", rep, err)
	}
	at := func(b registry.Backup) string { return filepath.Join(second.dir, filepath.FromSlash(b.Filepath)) }
	gone, short, damaged := backups[0], backups[1], backups[2]
	if err := errors.Join(os.Remove(at(gone)), os.Truncate(at(short), 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Service.Registry.SetVerification(t.Context(), damaged.ID, registry.Verification{Level: registry.LevelChecksum, At: time.Now(), Problems: registry.Problems{{Reason: fault.ChecksumMismatch, Detail: "another one"}}}, 0); err != nil {
		t.Fatal(err)
	}
	first = open(t, first.dir, url) // which remembers nothing
	first.second(second)
	for b, want := range map[*registry.Backup]backup.CopyOutcome{&gone: backup.CopyWaiting, &short: backup.CopyWaiting} {
		if is, err := first.Service.Copies(t.Context(), b); err != nil || is[0].State != want || is[0].There {
			t.Errorf("%+v, %v", is, err)
		}
	}
	rep, err := first.Service.CopyMissing(t.Context(), "second", nil)
	if err != nil || strings.Join(rep.Copied, " ") != gone.ID || rep.There != 0 || len(rep.Failed) != 2 || rep.Failed[0].Error.Reason != fault.SizeMismatch || rep.Failed[1].Error.Reason != fault.ChecksumMismatch {
		t.Errorf("%+v, %v", rep, err)
	}
	if !bytes.Equal(first.bytesAt(gone.Filepath), second.bytesAt(gone.Filepath)) {
		t.Error("what was gone is not there again")
	}
	if _, err := second.Service.Delete(t.Context(), short.ID, ""); err != nil {
		t.Fatal(err)
	}
	if rep, err = first.Service.CopyMissing(t.Context(), "second", nil); err != nil || strings.Join(rep.Copied, " ") != short.ID || rep.There != 1 {
		t.Errorf("%+v, %v", rep, err)
	}

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(first.dir, link); err != nil {
		t.Fatal(err)
	}
	first.second(open(t, link, url))
	first.Service.CopyPlaces[0].Name, first.Service.Configured.Defaults.Copies = "link", []string{"link"}
	if rep, err := first.Service.CopyMissing(t.Context(), "link", nil); err == nil || !strings.Contains(err.Error(), "under another name") {
		t.Errorf("%+v, %v", rep, err)
	}
	if is, err := first.Service.Copies(t.Context(), &gone); err != nil || is[0].State != backup.CopyUnknown {
		t.Errorf("%+v, %v", is, err)
	}
	if left := first.keys("files/probe"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
