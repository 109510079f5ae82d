package registry

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"

	"github.com/oklog/ulid/v2"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDirectory); dir != "" {
		if err := beWriter(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if place := os.Getenv(holderPlace); place != "" {
		fmt.Fprintln(os.Stderr, beHolder(place))
		os.Exit(1)
	}
	testenv.Main(m)
}

// stores are the services that the main tests run against.
func stores(t *testing.T, test func(t *testing.T, store storage.Store)) {
	t.Run("local", func(t *testing.T) { test(t, storagetest.NewLocal(t)) })
	t.Run("MinIO", func(t *testing.T) { test(t, storagetest.NewMinIO(t)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantReason(t testing.TB, err error, reason fault.Reason) {
	t.Helper()
	if !fault.HasReason(err, reason) {
		t.Fatalf("error is %v (%+v), want reason %s", err, fault.From(err), reason)
	}
}

// later is another process, an hour from now.
func later(store storage.Store) *Registry { return New(store, Options{Ahead: time.Hour}) }

func newID() string {
	return ulid.MustNew(ulid.Now(), rand.Reader).String()
}

// record is a reservation as the service makes it.
func record(name string) Backup {
	return Backup{
		ID: newID(), Filename: path.Base(name), Filepath: FilesPrefix + name, CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
		CreatedBy: "ana@example.com", Database: "loja", Format: "custom", Compression: "zstd:1", Encryption: "none", Content: "all",
		Trigger: "manual", Labels: map[string]string{"why": "test"}, DatabaseVersion: "18.1 (Debian 18.1-1)", PgDumpVersion: "18.1",
		SchemaVersion: "goose 20250101", Attempt: 1,
	}
}

func agree(*Index, *Backup) error { return nil }

// makeBackup goes the whole way of a backup, as the service does. An error is the run's; the failure is recorded.
func makeBackup(ctx context.Context, r *Registry, b Backup, content string) (Backup, error) {
	b, err := r.Reserve(ctx, b, json.RawMessage(`{"for":"test"}`), time.Minute, agree)
	if err != nil {
		return b, err
	}
	l, err := r.Claim(ctx, b.ID, newID())
	if err != nil {
		return b, err
	}
	return runBackup(ctx, l, content)
}

// runBackup is what follows the claim.
func runBackup(ctx context.Context, l *Lease, content string) (Backup, error) {
	b, err := transfer(ctx, l, content)
	if err == nil {
		err = commitBackup(ctx, l, b)
	}
	switch {
	case err == nil:
		b.Status = Success
		return b, nil
	case IsCommitted(err):
		return b, err
	}
	held, ferr := l.Fail(ctx, b, err)
	if held.Status == Success {
		return held, nil
	}
	return held, errors.Join(err, ferr)
}

// transfer stores the object.
func transfer(ctx context.Context, l *Lease, content string) (b Backup, err error) {
	b = l.Backup()
	up, err := l.r.store.StartUpload(ctx, b.Filepath, storage.UploadOptions{Metadata: ObjectMetadata(b.ID)})
	if err != nil {
		return b, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, up.Abort(ctx))
		}
	}()
	if err := l.SetUpload(ctx, up.ID()); err != nil {
		return b, err
	}
	if _, err := up.Write(ctx, bytes.NewReader([]byte(content))); err != nil {
		return b, err
	}
	if err := l.Renew(ctx); err != nil {
		return b, err
	}
	o, err := up.Complete(ctx)
	if err != nil {
		return b, err
	}
	sum := sha256.Sum256([]byte(content))
	b.Size, b.Checksum = o.Size, hex.EncodeToString(sum[:])
	b.Verification = &Verification{OK: true, Level: LevelStream, At: time.Now().UTC()}
	b.Stored = &Stored{ETag: o.ETag}
	b.Status = Success
	b.complete()
	return b, nil
}

func commitBackup(ctx context.Context, l *Lease, b Backup) error {
	b.Status = Success
	if err := l.r.SetTags(ctx, b); err != nil {
		return err
	}
	return l.Commit(ctx, b)
}

// checkWorld holds everything in the bucket against the invariants: objects, manifests and index agree, a
// failed backup left nothing but its record, nothing is pending, no intent is left, and a rebuild gives the same.
func checkWorld(t testing.TB, store storage.Store) *Index {
	t.Helper()
	ctx := context.Background()
	data, _, err := store.Get(ctx, IndexKey)
	must(t, err)
	x, err := parseIndex(data)
	must(t, err)
	r := New(store, Options{})
	objects := map[string]string{}
	for i := range x.Backups {
		b := x.Backups[i]
		m, err := r.manifest(ctx, b.ID)
		if err != nil {
			t.Fatalf("%s is %s and its manifest: %v", b.ID, b.Status, err)
		}
		if m.Backup.Status != b.Status || m.Backup.Checksum != b.Checksum || m.Backup.Filepath != b.Filepath {
			t.Fatalf("index and manifest differ:\n%+v\n%+v", b, m.Backup)
		}
		pending, err := store.PendingUploads(ctx, b.Filepath)
		must(t, err)
		if len(pending) > 0 {
			t.Fatalf("%s left the uploads %+v", b.ID, pending)
		}
		if b.Status == Success {
			checkObject(t, store, b)
			objects[b.Filepath] = b.ID
		} else if b.Status != Failed || b.Error == nil {
			t.Fatalf("%s is %s with error %+v", b.ID, b.Status, b.Error)
		}
	}
	for o, err := range store.List(ctx, storage.ListOptions{}) {
		must(t, err)
		id := ""
		switch {
		case o.Key == IndexKey, o.Key == ClockKey, o.Key == SettingsKey:
			continue
		case idOf(o.Key, ManifestsPrefix) != "":
			id = idOf(o.Key, ManifestsPrefix)
		case idOf(o.Key, VerifiedPrefix) != "":
			id = idOf(o.Key, VerifiedPrefix)
		case idOf(o.Key, PinsPrefix) != "":
			id = idOf(o.Key, PinsPrefix)
		case objects[o.Key] != "":
			continue
		case bytes.HasPrefix([]byte(o.Key), []byte(damagedPrefix)):
			continue
		}
		if id == "" || x.Find(id) == nil {
			t.Fatalf("%s was left behind", o.Key)
		}
	}
	checkRebuild(t, store, x)
	return x
}

func checkObject(t testing.TB, store storage.Store, b Backup) {
	t.Helper()
	data, o, err := store.Get(context.Background(), b.Filepath)
	if err != nil {
		t.Fatalf("%s is successful and its object: %v", b.ID, err)
	}
	sum := sha256.Sum256(data)
	if o.Size != b.Size || hex.EncodeToString(sum[:]) != b.Checksum || o.Metadata[metadataBackupID] != b.ID {
		t.Fatalf("the object of %s has %d bytes, SHA-256 %x, metadata %v", b.ID, o.Size, sum, o.Metadata)
	}
	tags, err := store.Tags(context.Background(), b.Filepath)
	must(t, err)
	if diff := CheckTags(b, tags); diff != "" {
		t.Fatal(diff)
	}
}

// checkRebuild collects the records anew and compares.
func checkRebuild(t testing.TB, store storage.Store, x *Index) {
	t.Helper()
	y := &Index{Backups: []Backup{}}
	must(t, New(store, Options{}).collect(context.Background(), y))
	if !equalJSON(x.Backups, y.Backups) {
		t.Fatalf("a rebuild would give something else:\n%s\n%s", show(x.Backups), show(y.Backups))
	}
}

func show(v any) string {
	data, _ := json.MarshalIndent(v, "", " ")
	return string(data)
}

// ids gives the ids of the records with a status.
func ids(x *Index, s Status) []string {
	var out []string
	for _, b := range x.Backups {
		if b.Status == s {
			out = append(out, b.ID)
		}
	}
	slices.Sort(out)
	return out
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, nil))
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(bytes.TrimSpace(p)))
	return len(p), nil
}
