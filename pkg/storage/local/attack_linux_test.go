package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Whoever may write to the directory swaps what lies there for links, between a look and its use. Nothing outside of it may change, or be
// read for an object.

// tree is what lies in a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		fi, err := d.Info()
		must(t, err)
		body := []byte(nil)
		if fi.Mode().IsRegular() {
			body, err = os.ReadFile(path)
			must(t, err)
		}
		out[path] = fmt.Sprint(fi.Mode(), string(body))
		return nil
	}))
	return out
}

// oldID names an upload of an older version.
const oldID = "3bda8901-6633-402c-8166-f3eae29f8d32"

// outside is a folder that is nobody's business here, and a check that it stays as it is. Its files are old, as those are that get swept.
func outside(t *testing.T) (dir string, same func()) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"x", "y", "0", "1", "old", "locks/old", "tmp/old", "uploads/old", "reserve/0", "meta/old", "multipart/old", "daily/x"} {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte("theirs"), 0o600))
		must(t, os.Chtimes(path, time.Time{}, time.Now().Add(-30*24*time.Hour)))
	}
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700))
	sum := sha256.Sum256([]byte("files/x"))
	must(t, os.MkdirAll(filepath.Join(dir, "multipart", hex.EncodeToString(sum[:]), oldID), 0o700))
	before := tree(t, dir)
	return dir, func() {
		t.Helper()
		after := tree(t, dir)
		for path := range maps.Keys(after) {
			if before[path] != after[path] {
				t.Errorf("%s was made or changed: %q", path, after[path])
			}
		}
		for path := range maps.Keys(before) {
			if _, ok := after[path]; !ok {
				t.Errorf("%s was removed", path)
			}
		}
	}
}

// swap puts a link of another user in the place of whatever has a name, and returns what puts it back.
func swap(t *testing.T, path, to string) (back func()) {
	t.Helper()
	aside := path + ".aside"
	moved := os.Rename(path, aside) == nil
	must(t, os.Symlink(to, path))
	if err := os.Lchown(path, 12345, 12345); err != nil {
		t.Fatalf("give a link to another user, which needs root: %v", err)
	}
	return func() {
		must(t, os.Remove(path))
		if moved {
			must(t, os.Rename(aside, path))
		}
	}
}

// A folder of objects becomes a link in the middle of an operation.
func TestFolderSwapped(t *testing.T) {
	if os.Geteuid() != 0 && !testenv.InMountNamespace(t) {
		return
	}
	ctx := t.Context()
	upload := func(s *Store, key string) storage.Upload {
		u, err := s.StartUpload(ctx, key, storage.UploadOptions{})
		must(t, err)
		_, err = u.Write(ctx, strings.NewReader("ours"))
		must(t, err)
		return u
	}
	write := func(key string, o storage.PutOptions) func(*Store, func()) error {
		return func(s *Store, swap func()) error {
			s.at = func(step string) error {
				if step == "staged" {
					swap()
				}
				return nil
			}
			_, err := s.Put(ctx, key, []byte("ours"), o)
			return err
		}
	}
	// waiting swaps while somebody else holds the key's lock, which whoever may write here can make last.
	waiting := func(key string, f func(*Store) error) func(*Store, func()) error {
		return func(s *Store, swap func()) error {
			release, err := open(t, Config{Directory: s.root, Volatile: true}).lock(ctx, key)
			must(t, err)
			done := make(chan error, 1)
			go func() { done <- f(s) }()
			slot := s.slots[int(sha256.Sum256([]byte(key))[0])%lockFiles]
			for len(slot) == 0 {
				time.Sleep(time.Millisecond)
			}
			swap()
			release()
			return <-done
		}
	}
	for name, f := range map[string]func(s *Store, swap func()) error{
		"create":         write("files/new", storage.PutOptions{Condition: storage.Condition{IfAbsent: true}}),
		"create deeper":  write("files/daily/new", storage.PutOptions{Condition: storage.Condition{IfAbsent: true}}),
		"create in none": write("files/empty/new", storage.PutOptions{Condition: storage.Condition{IfAbsent: true}}),
		"write":          write("files/x", storage.PutOptions{}),
		"replace":        write("files/x", storage.PutOptions{Condition: storage.Condition{IfMatch: etagOf([]byte("x"))}}),
		"delete":         waiting("files/x", func(s *Store) error { return s.Delete(ctx, "files/x") }),
		"delete deeper":  waiting("files/daily/x", func(s *Store) error { return s.Delete(ctx, "files/daily/x") }),
		"tag":            waiting("files/x", func(s *Store) error { return s.SetTags(ctx, "files/x", map[string]string{"a": "b"}) }),
		"upload": func(s *Store, swap func()) error {
			u := upload(s, "files/new")
			swap()
			_, err := u.Complete(ctx)
			return err
		},
		"upload deeper": func(s *Store, swap func()) error {
			u := upload(s, "files/daily/new")
			swap()
			_, err := u.Complete(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{Volatile: true})
			put(t, s, "files/x", "x")
			put(t, s, "files/daily/x", "x")
			elsewhere, same := outside(t)
			var back func()
			err := f(s, func() { back = swap(t, filepath.Join(s.root, "files"), elsewhere) })
			wantReason(t, err, fault.Permission, ForeignLink)
			same()
			back()
			if body, _, err := s.Get(ctx, "files/x"); err != nil || string(body) != "x" {
				t.Errorf("what was there: %q, %v", body, err)
			}
		})
	}
}

// A folder becomes a link and a folder again all the time while objects are read: what is read is always the object.
func TestFolderSwappedWhileRead(t *testing.T) {
	if os.Geteuid() != 0 && !testenv.InMountNamespace(t) {
		return
	}
	s := open(t, Config{Volatile: true})
	put(t, s, "files/x", "ours")
	elsewhere, same := outside(t)
	folder, link := filepath.Join(s.root, "files"), filepath.Join(s.root, "link")
	must(t, os.Symlink(elsewhere, link))
	must(t, os.Lchown(link, 12345, 12345))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		for ctx.Err() == nil {
			if err := unix.Renameat2(unix.AT_FDCWD, folder, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	read := 0
	for range 20000 {
		body, _, err := s.Get(t.Context(), "files/x")
		if err == nil {
			read++
		}
		if err == nil && string(body) != "ours" || err != nil && !fault.HasReason(err, ForeignLink) && !storage.IsNotFound(err) {
			t.Errorf("%q, %v", body, err)
			break
		}
	}
	stop()
	must(t, <-done)
	if read == 0 {
		t.Error("nothing was read")
	}
	same()
}

// The store's own folders become links while it is open, and so do those of older versions.
func TestOwnFoldersSwapped(t *testing.T) {
	if os.Geteuid() != 0 && !testenv.InMountNamespace(t) {
		return
	}
	for _, folder := range []string{ownFolder, metaFolder, uploadFolder, tmpFolder, lockFolder, reserveFolder, oldFolder} {
		t.Run(folder, func(t *testing.T) {
			s := open(t, Config{Volatile: true, Reserve: 4096, LinkBase: "http://x"})
			store(t, s, "files/x", []byte("x"), map[string]string{"backup-id": "1"})
			ctx := storage.Freeing(t.Context())
			begun, err := s.StartUpload(ctx, "files/y", storage.UploadOptions{})
			must(t, err)
			_, err = begun.Write(ctx, strings.NewReader("y"))
			must(t, err)
			elsewhere, same := outside(t)
			back := swap(t, s.own(folder), elsewhere)
			for what, f := range map[string]func(*Store) error{
				"maintain": func(s *Store) error { return s.Maintain(ctx) },
				"put":      func(s *Store) error { _, err := s.Put(ctx, "a", nil, storage.PutOptions{}); return err },
				"create": func(s *Store) error {
					_, err := s.Put(ctx, "b", nil, storage.PutOptions{Condition: storage.Condition{IfAbsent: true}, Metadata: map[string]string{"a": "b"}})
					return err
				},
				"delete":             func(s *Store) error { return s.Delete(ctx, "files/x") },
				"tag":                func(s *Store) error { return s.SetTags(ctx, "files/x", map[string]string{"a": "b"}) },
				"start":              func(s *Store) error { _, err := s.StartUpload(ctx, "files/z", storage.UploadOptions{}); return err },
				"abort":              func(s *Store) error { return s.AbortUpload(ctx, "files/y", begun.ID()) },
				"abort an older one": func(s *Store) error { return s.AbortUpload(ctx, "files/x", oldID) },
				"link": func(s *Store) error {
					_, err := s.Presign(ctx, "files/x", storage.PresignOptions{Expires: time.Hour})
					return err
				},
				"spend": func(s *Store) error { s.spend(); s.refill(); return nil },
			} {
				for _, s := range []*Store{s, open(t, Config{Directory: s.root, Volatile: true, Reserve: 4096, LinkBase: "http://x"})} {
					if err := f(s); err != nil && fault.From(err).Hint == "" {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			if _, err := begun.Complete(ctx); err != nil && fault.From(err).Hint == "" {
				t.Errorf("complete: %v", err)
			}
			same()
			back()
		})
	}
}

// A file that has a second name elsewhere stays as it is under that.
func TestHardLinks(t *testing.T) {
	s := open(t, Config{Volatile: true, Reserve: 4096})
	put(t, s, "files/first", "x")
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(victim, []byte("theirs"), 0o600))
	hard := func(path string) {
		t.Helper()
		_ = os.Remove(path)
		must(t, os.Link(victim, path))
	}
	ctx := t.Context()
	for _, key := range []string{"files/x", "files/y", "files/z"} {
		hard(filepath.Join(s.root, key))
		hard(s.own(sidecarName(key)))
	}
	hard(s.reserveFile(0))
	hard(s.own(lockFile(int(sha256.Sum256([]byte("files/x"))[0]) % lockFiles)))
	must(t, s.SetTags(ctx, "files/x", map[string]string{"a": "b"}))
	_, err := s.Put(ctx, "files/x", []byte("ours"), storage.PutOptions{Metadata: map[string]string{"a": "b"}})
	must(t, err)
	_, err = s.Put(ctx, "files/y", []byte("ours"), storage.PutOptions{Condition: storage.Condition{IfMatch: etagOf([]byte("theirs"))}})
	must(t, err)
	must(t, s.Delete(ctx, "files/z"))
	s.spend()
	s.refill()
	u, err := s.StartUpload(ctx, "files/w", storage.UploadOptions{})
	must(t, err)
	_, err = u.Write(ctx, strings.NewReader("ours"))
	must(t, err)
	hard(s.uploadPath("files/w", u.ID()))
	_, err = u.Complete(ctx)
	wantReason(t, err, fault.FileSystem, fault.NotFound)
	must(t, u.Abort(ctx))
	must(t, s.Maintain(ctx))
	if body, err := os.ReadFile(victim); err != nil || string(body) != "theirs" {
		t.Errorf("%q, %v", body, err)
	}
	if body, _, err := s.Get(ctx, "files/x"); err != nil || string(body) != "ours" {
		t.Errorf("%q, %v", body, err)
	}
}

// What is read of a link of one's own is what it leads to, through folders of one's own.
func TestOwnLinks(t *testing.T) {
	s := open(t, Config{Volatile: true})
	elsewhere := t.TempDir()
	must(t, os.Mkdir(filepath.Join(elsewhere, "far"), 0o700))
	must(t, os.Symlink("far", filepath.Join(elsewhere, "near")))
	must(t, os.Symlink(filepath.Join(elsewhere, "near"), filepath.Join(s.root, "files")))
	put(t, s, "files/daily/x", "x")
	store(t, s, "files/daily/y", []byte("y"), nil)
	must(t, os.Symlink("x", filepath.Join(elsewhere, "far/daily/z")))
	for key, want := range map[string]string{"files/daily/x": "x", "files/daily/y": "y", "files/daily/z": "x"} {
		r, _, err := s.Open(t.Context(), key, 0, -1)
		must(t, err)
		got, err := io.ReadAll(r)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
		must(t, r.Close())
	}
	for _, key := range []string{"files/daily/x", "files/daily/y", "files/daily/z"} {
		must(t, s.Delete(t.Context(), key))
	}
	if left, err := os.ReadDir(filepath.Join(elsewhere, "far")); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	must(t, os.Symlink("circle", filepath.Join(s.root, "circle")))
	if _, _, err := s.Get(t.Context(), "circle"); err == nil || fault.From(err).Hint == "" {
		t.Error(err)
	}
}
