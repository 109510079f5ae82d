package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// On a full disk everything can be read, nothing new is begun, and what removes backups has room for its own records.
func TestFullDisk(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	for what, options := range map[string]string{"no room": "size=4m", "no names": "size=4m,nr_inodes=150"} {
		s := open(t, Config{Directory: testenv.Disk(t, options), LinkBase: "http://x"})
		ctx, freeing := t.Context(), storage.Freeing(t.Context())
		put(t, s, "registry.json", "old")
		store(t, s, "files/x", make([]byte, 100<<10), map[string]string{"backup-id": "1"})
		_, err := s.Presign(ctx, "files/x", storage.PresignOptions{Expires: time.Hour})
		must(t, err)
		open, err := s.StartUpload(ctx, "files/y", storage.UploadOptions{})
		must(t, err)
		if what == "no room" {
			testenv.Fill(t, s.root)
			_, err = open.Write(ctx, endless{})
			wantReason(t, err, fault.DiskSpace, fault.StorageFull)
			must(t, open.Abort(ctx))
			testenv.Fill(t, s.root)
		} else {
			for n := 0; err == nil; n++ {
				err = os.WriteFile(filepath.Join(s.root, fmt.Sprint("f", n)), nil, 0o600)
			}
		}
		s = reopened(t, s)
		_, err = s.Put(ctx, "intents/1.json", []byte(strings.Repeat("x", 5000)), storage.PutOptions{})
		wantReason(t, err, fault.DiskSpace, fault.StorageFull)
		if _, err = s.StartUpload(ctx, "files/z", storage.UploadOptions{}); what == "no names" {
			wantReason(t, err, fault.DiskSpace, fault.StorageFull)
		}
		for _, key := range []string{"registry.json", "files/x"} {
			_, _, err := s.Get(ctx, key)
			must(t, err)
		}
		if got := keys(t, s); len(got) < 2 {
			t.Errorf("%q", got)
		}
		_, err = s.Presign(ctx, "files/x", storage.PresignOptions{Expires: time.Hour})
		must(t, err)
		// The writes of a removal.
		_, err = s.Put(freeing, "intents/1.json", []byte(strings.Repeat("x", 5000)), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})
		must(t, err)
		_, err = s.Put(freeing, "registry.json", []byte("new"), storage.PutOptions{Condition: storage.Condition{IfMatch: etagOf([]byte("old"))}})
		must(t, err)
		must(t, s.Delete(freeing, "files/x"))
		must(t, s.Delete(freeing, "intents/1.json"))
		if body, _, err := s.Get(ctx, "registry.json"); err != nil || string(body) != "new" {
			t.Errorf("%s: %q, %v", what, body, err)
		}
	}
}

// Removing works without a reserve, and where this version has never written before.
func TestDeleteOnAFullDisk(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	s := open(t, Config{Directory: testenv.Disk(t, "size=1m")})
	must(t, os.MkdirAll(filepath.Join(s.root, "files"), 0o700))
	must(t, os.WriteFile(filepath.Join(s.root, "files/x"), make([]byte, 10<<10), 0o600))
	for n, err := 0, error(nil); err == nil; n++ {
		err = os.WriteFile(filepath.Join(s.root, fmt.Sprint("f", n)), make([]byte, 512), 0o600)
	}
	must(t, s.Delete(t.Context(), "files/x"))
	put(t, s, "registry.json", "{}")
}

// The reserve comes back when there is room again.
func TestReserveComesBack(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	s := open(t, Config{Directory: testenv.Disk(t, "size=4m")})
	put(t, s, "x", "x")
	empty := testenv.Fill(t, s.root)
	_, err := s.Put(storage.Freeing(t.Context()), "y", make([]byte, 200<<10), storage.PutOptions{})
	must(t, err)
	if exists(s.reserveFile(0)) {
		t.Error("the reserve was not used")
	}
	empty()
	must(t, s.Delete(t.Context(), "y"))
	for n := range reserveFiles {
		if !exists(s.reserveFile(n)) {
			t.Errorf("part %d of the reserve is missing", n)
		}
	}
}

// A directory that cannot be written is read all the same.
func TestReadOnlyDirectory(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	disk := testenv.Disk(t, "size=4m")
	s := open(t, Config{Directory: disk, LinkBase: "http://x"})
	store(t, s, "files/x", []byte("x"), nil)
	must(t, s.SetTags(t.Context(), "files/x", map[string]string{"a": "b"}))
	testenv.ReadOnly(t, disk, true)
	s = reopened(t, s)
	body, o, err := s.Get(t.Context(), "files/x")
	if err != nil || string(body) != "x" || o.CRC64NVME == "" {
		t.Errorf("%q, %+v, %v", body, o, err)
	}
	if tags, err := s.Tags(t.Context(), "files/x"); err != nil || tags["a"] != "b" {
		t.Errorf("%v, %v", tags, err)
	}
	if pending, err := s.PendingUploads(t.Context(), "files/x"); err != nil || len(pending) != 0 {
		t.Errorf("%v, %v", pending, err)
	}
	_, err = s.Put(t.Context(), "y", nil, storage.PutOptions{})
	wantReason(t, err, fault.Permission, storage.ReadOnly)
	_, err = s.StartUpload(t.Context(), "y", storage.UploadOptions{})
	wantReason(t, err, fault.Permission, storage.ReadOnly)
	wantReason(t, s.Delete(t.Context(), "files/x"), fault.Permission, storage.ReadOnly)
	_, err = s.Probe(t.Context())
	wantReason(t, err, fault.Permission, storage.ReadOnly)
	_, err = s.Presign(t.Context(), "files/x", storage.PresignOptions{Expires: time.Hour})
	wantReason(t, err, fault.Permission, storage.ReadOnly) // there is no key yet
}

// A folder of the directory is a mount, or a link to another disk.
func TestOtherDisk(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	s := open(t, Config{Volatile: true})
	other := testenv.Disk(t, "size=1m")
	must(t, os.WriteFile(filepath.Join(other, "x"), []byte("x"), 0o600))
	must(t, os.Symlink(other, filepath.Join(s.root, "files")))
	if body, _, err := s.Get(t.Context(), "files/x"); err != nil || string(body) != "x" {
		t.Errorf("%q, %v", body, err)
	}
	_, err := s.StartUpload(t.Context(), "files/y", storage.UploadOptions{})
	wantReason(t, err, fault.Validation, OtherDisk)
	_, err = s.Put(t.Context(), "files/y", nil, storage.PutOptions{})
	wantReason(t, err, fault.Validation, OtherDisk)
	if len(s.Advice(t.Context())) == 0 {
		t.Error("no advice about the link")
	}
	must(t, s.Delete(t.Context(), "files/x"))
}

func reopened(t *testing.T, s *Store) *Store {
	t.Helper()
	return open(t, Config{Directory: s.root, LinkBase: s.linkBase})
}

// endless is a source without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
