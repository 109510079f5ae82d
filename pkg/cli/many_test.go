package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// kept is a place for backups that tests look into: a directory, or a bucket.
type kept struct {
	directory string
	env       []string
	left      func() []string // files of backups, and unfinished uploads
}

func keptIn(t *testing.T) map[string]kept {
	dir, s3 := t.TempDir(), testenv.MinIO(t)
	bucket := s3.NewBucket(t)
	return map[string]kept{
		"a directory": {dir, nil, func() []string { return leftovers(t, dir) }},
		"a bucket": {"s3://" + bucket + "/p", s3.Env(), func() (left []string) {
			for o := range s3.Client(t).ListObjects(context.Background(), bucket, minio.ListObjectsOptions{Prefix: "p/files/", Recursive: true}) {
				left = append(left, o.Key)
			}
			for o := range s3.Client(t).ListIncompleteUploads(context.Background(), bucket, "p/", true) {
				left = append(left, "upload of "+o.Key)
			}
			return left
		}},
	}
}

// file writes a cofre.yaml.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cofre.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func recordsOf(t *testing.T, env []string) []backup.Backup {
	t.Helper()
	var l backup.List
	answer(t, env, &l, "list", "--limit", "100")
	return l.Backups
}

// Ctrl-C, or SIGTERM, in the middle of create --all: what has ended stays, what runs is canceled and leaves nothing, what waits is not begun; the
// document says which, and the next call makes all. Who is impatient leaves nothing that the next call cannot tidy up.
func TestStopAll(t *testing.T) {
	t.Parallel()
	slow := newSlow(t, 400_000)
	quick := newSample(t)
	text := "sources:\n"
	for _, s := range []string{"a-done QUICK", "b-done QUICK", "c-slow SLOW", "d-slow SLOW", "e-waits QUICK", "f-waits QUICK"} {
		name, url, _ := strings.Cut(s, " ")
		text += fmt.Sprintf("  - {name: %s, connection: {env: %s}}\n", name, url)
	}
	conf := file(t, text)
	for where, place := range keptIn(t) {
		for how, signals := range map[string][]syscall.Signal{"Ctrl-C": {syscall.SIGINT}, "SIGTERM": {syscall.SIGTERM}, "impatience": {syscall.SIGINT, syscall.SIGINT}} {
			t.Run(how+" over "+where, func(t *testing.T) {
				env := append(environment(t, "", place.directory, "BACKUP_CONFIG="+conf, "QUICK="+quick, "SLOW="+slow.url, "BACKUP_MAX_CONCURRENT=2"), place.env...)
				before := len(recordsOf(t, env))
				files := len(place.left())
				cmd := cofre(t, env, "create", "--all", "--json")
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				waitFor(t, "both slow ones", func() bool {
					time.Sleep(300 * time.Millisecond)
					running := slices.DeleteFunc(recordsOf(t, env), func(b backup.Backup) bool { return b.Status != registry.InProgress })
					if len(running) < 2 {
						return false
					}
					var s backup.StatusReport
					answer(t, env, &s, "status", running[0].ID)
					return s.Detail != nil && s.Detail.DumpBytes > 1<<20
				})
				for _, s := range signals {
					if err := cmd.Process.Signal(s); err != nil {
						t.Fatal(err)
					}
				}
				_ = cmd.Wait()
				if code := cmd.ProcessState.ExitCode(); code != exitStopped {
					t.Fatalf("it ended with %d\n%s%s", code, stdout.Bytes(), stderr.Bytes())
				}
				waitFor(t, "pg_dump to be gone", func() bool { return !dumping(t, slow.port) })
				if len(signals) == 1 {
					checkStoppedAll(t, env, stdout.Bytes(), stderr.String(), recordsOf(t, env)[:len(recordsOf(t, env))-before])
					if left := place.left(); len(left) != files+2 {
						t.Errorf("there are %q", left)
					}
					return
				}
				// A second run is not in the way of what the first one left.
				longAgo(t, place.directory)
				small := environment(t, "", place.directory, "BACKUP_CONFIG="+file(t, "sources:\n  - {name: a-done, connection: {env: QUICK}}\n  - {name: b-done, connection: {env: QUICK}}\n"),
					"QUICK="+quick, "BACKUP_MAX_CONCURRENT=2")
				var all allDoc
				answer(t, append(small, place.env...), &all, "create", "--all")
				if all.Succeeded != 2 || all.Failed != 0 {
					t.Errorf("the next one: %+v", all)
				}
				answer(t, env, new(any), "cleanup")
				for _, b := range recordsOf(t, env) {
					if b.Status == registry.InProgress {
						t.Errorf("%s is in progress still", b.Source)
					}
				}
				if left := place.left(); len(left) != files+4 {
					t.Errorf("there are %q", left)
				}
			})
		}
	}
}

// checkStoppedAll holds the document of a create --all that was stopped against the records that it left.
func checkStoppedAll(t *testing.T, env []string, stdout []byte, stderr string, records []backup.Backup) {
	t.Helper()
	var all allDoc
	if err := json.Unmarshal(stdout, &all); err != nil || all.Error == nil || all.Error.Code != "CanceledError" || all.Succeeded != 2 || all.Failed != 4 || len(all.Sources) != 6 {
		t.Fatalf("--json says %s (%v)", stdout, err)
	}
	if !strings.Contains(stderr, "cofre: stopped by ") {
		t.Errorf("people are told %q", stderr)
	}
	onRecord := map[string]backup.Backup{}
	for _, b := range records {
		onRecord[b.Source] = b
	}
	for _, m := range all.Sources {
		b, there := onRecord[m.Source]
		_, how, _ := strings.Cut(m.Source, "-")
		switch how {
		case "done":
			if m.Error != nil || m.Backup == nil || b.Status != registry.Success {
				t.Errorf("%s: %+v, on record %+v", m.Source, m, b)
			}
		case "slow":
			if m.Error == nil || m.Error.Code != "CanceledError" || m.Backup == nil || m.Backup.ID != b.ID || b.Status != registry.Failed || b.Error == nil || b.Error.Code != "CanceledError" {
				t.Errorf("%s: %+v, on record %+v", m.Source, m, b)
			}
		case "waits":
			if m.Error == nil || m.Error.Code != "CanceledError" || m.Backup != nil || there {
				t.Errorf("%s: %+v, on record %+v", m.Source, m, b)
			}
		}
	}
	if len(records) != 4 {
		t.Errorf("on record are %d", len(records))
	}
}

// hook is a webhook that counts what it gets.
type hook struct {
	mu  sync.Mutex
	got map[string]int // by kind, source and backup
	ids map[string]bool
}

func newHook(t *testing.T) (*hook, string) {
	h := &hook{got: map[string]int{}, ids: map[string]bool{}}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ ID, Kind, Source, Resource string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.ids[m.ID] {
			t.Errorf("%s of %s comes twice", m.Kind, m.Source)
		}
		h.ids[m.ID] = true
		if m.Kind != "backup_ended" {
			m.Resource = ""
		}
		h.got[strings.TrimSpace(m.Kind+" "+m.Source+" "+m.Resource)]++
	}))
	t.Cleanup(s.Close)
	return h, s.URL
}

func (h *hook) heard(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[what]
}

// Two servers look after the same sources in one place. Each is backed up once a minute in all, and everybody told once. The one that makes the
// backup of a large one, which is due once, is killed: the other sees to it, makes it once more, and goes on with all others.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	for where, place := range keptIn(t) {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			large := newSlow(t, 200_000) // it takes minutes, until that is mended
			people, url := newHook(t)
			quick := []string{"one", "two", "three", "four"}
			small := newSample(t)
			once := time.Now().Add(40 * time.Second).Truncate(time.Minute).Add(time.Minute) // before that the servers have begun
			text := fmt.Sprintf("sources:\n  - {name: large, connection: {env: LARGE}, schedule: \"%d * * * *\", zone: UTC}\n", once.UTC().Minute())
			for _, name := range quick {
				text += "  - {name: " + name + ", connection: {env: QUICK}, schedule: \"* * * * *\"}\n"
			}
			text += "channels:\n  - {name: people, kind: webhook, where: {env: HOOK}, severity: info, allowLocal: true}\n"
			env := append(environment(t, "", place.directory, "BACKUP_CONFIG="+file(t, text), "LARGE="+large.url, "QUICK="+small, "HOOK="+url, "BACKUP_MAX_CONCURRENT=6"), place.env...)
			servers := []*served{startServer(t, env), startServer(t, env)}
			// Each look is one process that takes as much of a processor as it gets.
			records := func() map[string][]backup.Backup { // by source, the oldest first
				time.Sleep(300 * time.Millisecond)
				all := map[string][]backup.Backup{}
				for _, b := range slices.Backward(recordsOf(t, env)) {
					all[b.Source] = append(all[b.Source], b)
				}
				return all
			}
			of := func(source string) []backup.Backup { return records()[source] }
			told := func(all map[string][]backup.Backup) bool { // of all that has ended, and each has one
				return !slices.ContainsFunc(quick, func(name string) bool {
					return len(all[name]) == 0 || slices.ContainsFunc(all[name], func(b backup.Backup) bool {
						return b.Status != registry.Success || people.heard("backup_ended "+name+" "+b.ID) == 0
					})
				})
			}
			var lost backup.Backup
			waitFor(t, "the large one to be under way, and all others to have one", func() bool {
				all := records()
				if len(all["large"]) == 0 || !told(all) {
					return false
				}
				lost = all["large"][0]
				var s backup.StatusReport
				answer(t, env, &s, "status", lost.ID)
				if lost.Status != registry.InProgress || s.Backup.Status != registry.InProgress {
					t.Fatalf("it has ended: %+v", lost)
				}
				return s.Detail != nil && s.Detail.DumpBytes > 0
			})
			// Both may have reserved it at the same moment: the one that makes it is the one that does not leave it to the other.
			says := func(s *served, message string) bool {
				return slices.ContainsFunc(strings.Split(s.log.String(), "\n"), func(line string) bool {
					return strings.Contains(line, `"`+message+`"`) && strings.Contains(line, lost.ID)
				})
			}
			dead := -1
			waitFor(t, "the logs to say which one makes it", func() bool {
				var makers []int
				for i, s := range servers {
					if says(s, "scheduled backup") && !says(s, "another server makes this backup") {
						makers = append(makers, i)
					}
				}
				if len(makers) == 1 {
					dead = makers[0]
				}
				return dead >= 0
			})
			servers[dead].signal(syscall.SIGKILL)
			_ = servers[dead].cmd.Wait()
			waitFor(t, "the other one to see that, and to tell people", func() bool {
				lost = of("large")[0]
				if lost.Status == registry.Success {
					t.Fatalf("it was made all the same: %+v", lost)
				}
				return lost.Ended() == registry.Interrupted && people.heard("backup_failed large") > 0
			})
			large.proxy.Heal() // not before: what is made good before anybody looked is not told
			waitFor(t, "the large one's next", func() bool {
				all := of("large")
				return len(all) > 1 && all[1].Status == registry.Success && people.heard("recovered large") > 0
			})
			if again := of("large")[1]; again.ID[10:] != lost.ID[10:] || len(of("large")) != 2 { // behind the time, what stands for source and due time
				t.Errorf("made up was %+v", of("large"))
			}
			alive := servers[1-dead]
			alive.signal(syscall.SIGTERM)
			alive.ends(exitOK)

			// Nothing is twice, nothing was left out, nothing is left over.
			good := 0
			for _, name := range append(quick, "large") {
				minutes := map[string]int{}
				for _, b := range of(name) {
					if b.Status == registry.Success {
						good++
						if n := people.heard("backup_ended " + name + " " + b.ID); n != 1 {
							t.Errorf("of %s's %s people were told %d times", name, b.ID, n)
						}
					} else if b.ID != lost.ID {
						t.Errorf("%s has %+v", name, b)
					}
					if minutes[b.CreatedAt.Format("15:04")]++; minutes[b.CreatedAt.Format("15:04")] > 1 && name != "large" {
						t.Errorf("%s was backed up twice at %s", name, b.CreatedAt)
					}
				}
			}
			for _, what := range []string{"backup_failed large", "recovered large"} {
				if n := people.heard(what); n != 1 {
					t.Errorf("of %q people were told %d times", what, n)
				}
			}
			longAgo(t, place.directory)
			answer(t, env, new(any), "cleanup")
			if left := place.left(); len(left) != good {
				t.Errorf("%d are good, and there are %q", good, left)
			}
		})
	}
}
