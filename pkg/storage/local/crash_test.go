package local

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/storage"
)

// dying runs f in processes that die at each step in turn. after looks at what the next process finds.
func dying(t *testing.T, before func(*Store), f func(*Store) error, after func(step string, s *Store)) {
	t.Helper()
	for n := 1; ; n++ {
		dir := t.TempDir()
		before(open(t, Config{Directory: dir, Volatile: true}))
		s := open(t, Config{Directory: dir, Volatile: true})
		died := ""
		s.at = func(step string) error {
			if n--; n == 0 {
				died = step
				return errDied
			}
			return nil
		}
		steps := n
		err := f(s)
		if died == "" {
			must(t, err)
			if steps < 3 {
				t.Errorf("only %d steps", steps-1)
			}
			return
		}
		if !errors.Is(err, errDied) {
			t.Fatalf("after %s: %v", died, err)
		}
		after(died, open(t, Config{Directory: dir, Volatile: true}))
		n = steps
	}
}

// Dying at any moment leaves a whole version, old or new, and nothing that keeps others from going on.
func TestDeathAtEveryStepOfAWrite(t *testing.T) {
	ctx := context.Background()
	options := storage.PutOptions{Metadata: map[string]string{"backup-id": "new"}}
	for what, c := range map[string]bool{"create": true, "replace": false} {
		before := func(s *Store) {
			if !c {
				_, err := s.Put(ctx, "files/x", []byte("old"), storage.PutOptions{})
				must(t, err)
			}
		}
		write := func(s *Store) error {
			o := options
			if o.Condition.IfAbsent = c; !c {
				o.Condition.IfMatch = etagOf([]byte("old"))
			}
			_, err := s.Put(ctx, "files/x", []byte("new"), o)
			return err
		}
		dying(t, before, write, func(step string, s *Store) {
			body, o, err := s.Get(ctx, "files/x")
			switch {
			case err == nil && string(body) == "new":
				if o.ETag != etagOf(body) || o.Metadata["backup-id"] != "new" {
					t.Errorf("%s, after %s: %+v", what, step, o)
				}
			case err == nil && !c && string(body) == "old":
				if o.ETag != etagOf(body) {
					t.Errorf("%s, after %s: %+v", what, step, o)
				}
				must(t, write(s))
			case storage.IsNotFound(err) && c:
				must(t, write(s))
			default:
				t.Errorf("%s, after %s: %q, %v", what, step, body, err)
			}
			must(t, s.Delete(ctx, "files/x"))
			if exists(filepath.Join(s.root, "files")) || exists(s.own(sidecarName("files/x"))) {
				t.Errorf("%s, after %s: something is left", what, step)
			}
		})
	}
}

func TestDeathAtEveryStepOfAnUpload(t *testing.T) {
	ctx := context.Background()
	dying(t, func(*Store) {}, func(s *Store) error {
		u, err := s.StartUpload(ctx, "files/x", storage.UploadOptions{Metadata: map[string]string{"backup-id": "1"}})
		must(t, err)
		_, err = u.Write(ctx, strings.NewReader("body"))
		must(t, err)
		_, err = u.Complete(ctx)
		return err
	}, func(step string, s *Store) {
		o, err := s.Head(ctx, "files/x")
		if err != nil && !storage.IsNotFound(err) || err == nil && (o.Size != 4 || o.Metadata["backup-id"] != "1" || o.CRC64NVME == "") {
			t.Errorf("after %s: %+v, %v", step, o, err)
		}
		left, perr := s.PendingUploads(ctx, "files/x")
		must(t, perr)
		if storage.IsNotFound(err) && len(left) != 1 {
			t.Errorf("after %s: neither object nor upload", step)
		}
		for _, u := range left {
			must(t, s.AbortUpload(ctx, u.Key, u.UploadID))
		}
		if again, gerr := s.Head(ctx, "files/x"); (gerr == nil) != (err == nil) || again.ETag != o.ETag {
			t.Errorf("after %s: aborting what was left changed the object: %v", step, gerr)
		}
	})
}

func TestDeathAtEveryStepOfARemoval(t *testing.T) {
	s := open(t, Config{Volatile: true})
	store(t, s, "files/x", []byte("x"), map[string]string{"backup-id": "old"})
	s.at = func(string) error { return errDied }
	if err := s.Delete(t.Context(), "files/x"); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	s = open(t, Config{Directory: s.root, Volatile: true})
	if _, err := s.Head(t.Context(), "files/x"); !storage.IsNotFound(err) {
		t.Error(err)
	}
	put(t, s, "files/x", "new")
	if o, err := s.Head(t.Context(), "files/x"); err != nil || len(o.Metadata) != 0 {
		t.Errorf("the new object has the old one's metadata: %+v, %v", o, err)
	}
	must(t, s.Delete(t.Context(), "files/x"))
}

const writerVariable = "COFRE_LOCAL_WRITER"

// writer adds lines to one object by compare-and-swap, creates others once, and says what it did, until it is killed.
func writer(dir string) int {
	ctx := context.Background()
	s, err := Open(Config{Directory: dir, Volatile: true})
	for i := 0; err == nil; i++ {
		line := fmt.Sprintf("%d.%d", os.Getpid(), i)
		for {
			body, o, gerr := s.Get(ctx, "registry.json")
			if err = gerr; err != nil {
				break
			}
			if _, err = s.Put(ctx, "registry.json", append(body, line+"\n"...), storage.PutOptions{Condition: storage.Condition{IfMatch: o.ETag}}); !storage.IsPrecondition(err) {
				break
			}
		}
		if err != nil {
			break
		}
		fmt.Println("added " + line)
		key := fmt.Sprintf("once/%d/x", rand.IntN(50))
		if _, err = s.Put(ctx, key, []byte(line), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}}); err == nil {
			fmt.Println("created " + key + " " + line)
		} else if storage.IsPrecondition(err) {
			err = s.Delete(ctx, fmt.Sprintf("once/%d/x", 50+rand.IntN(50)))
		}
	}
	fmt.Println("failed", err)
	return 1
}

// Whatever number of processes write and are killed, nothing that was acknowledged is lost.
func TestProcessesRaceAndDie(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Directory: dir, Volatile: true})
	put(t, s, "registry.json", "")
	var mu sync.Mutex
	var added []string
	created := map[string]string{}
	var all sync.WaitGroup
	for round := range 12 {
		all.Go(func() {
			time.Sleep(time.Duration(round%4) * 100 * time.Millisecond)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), writerVariable+"="+dir)
			out, err := cmd.StdoutPipe()
			if err != nil || cmd.Start() != nil {
				t.Error("cannot start a writer")
				return
			}
			time.AfterFunc(time.Duration(500+rand.IntN(1000))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			for lines := bufio.NewScanner(out); lines.Scan(); {
				f := strings.Fields(lines.Text())
				mu.Lock()
				switch {
				case f[0] == "added":
					added = append(added, f[1])
				case f[0] == "created" && created[f[1]] == "":
					created[f[1]] = f[2]
				default:
					t.Errorf("a writer says: %s", lines.Text())
				}
				mu.Unlock()
			}
			_ = cmd.Wait()
		})
	}
	all.Wait()
	body, _, err := s.Get(t.Context(), "registry.json")
	must(t, err)
	for _, line := range added {
		if n := bytes.Count(append([]byte("\n"), body...), []byte("\n"+line+"\n")); n != 1 {
			t.Errorf("entry %q is there %d times", line, n)
		}
	}
	for key, line := range created {
		if body, _, err := s.Get(t.Context(), key); err != nil || string(body) != line {
			t.Errorf("%s is %q, not %q: %v", key, body, line, err)
		}
	}
	if len(added) == 0 {
		t.Error("nothing was added")
	}
}

// A writer that hangs is waited for, and then told of.
func TestStoppedWriter(t *testing.T) {
	s := open(t, Config{Volatile: true})
	put(t, s, "x", "")
	other := open(t, Config{Directory: s.root, Volatile: true})
	release, err := other.lock(t.Context(), "x")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Put(ctx, "x", nil, storage.PutOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	time.AfterFunc(100*time.Millisecond, release)
	put(t, s, "x", "1")
}
