package backup_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// createChild is this test binary as a process of its own that makes one backup; see TestKilledAtAnyMoment.
func createChild() int {
	c, err := app.Load(os.Environ())
	if err == nil {
		var a *app.App
		if a, err = app.Open(context.Background(), c, app.Options{}); err == nil {
			_, err = a.Service.Create(context.Background(), backup.Request{}, nil)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// later is the registry as another process sees it when every lease is over.
func (w *world) later() *registry.Registry {
	return registry.New(w.Store, registry.Options{Ahead: time.Hour})
}

// elsewhere is a process of its own that works at the place of a world; env says at what: COFRE_TEST_CREATE or COFRE_TEST_RESTORE.
func (w *world) elsewhere(env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BACKUP_DIRECTORY="+w.dir, "DATABASE_URL="+w.url, "PGDUMP_PATH="+testenv.ClientBin(testenv.NewestMajor))
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// startElsewhere starts one, and gives what kills it, as the end of the test does at the latest.
func (w *world) startElsewhere(env ...string) (kill func()) {
	w.t.Helper()
	cmd := w.elsewhere(env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	w.t.Cleanup(kill)
	return kill
}

// F1: SIGKILL at a random moment, again and again. Afterwards every backup is either good to its last byte or
// failed with nothing left of it, and the earlier ones are untouched.
func TestKilledAtAnyMoment(t *testing.T) {
	url := newShop(t, 18)
	w := open(t, "", url)
	first := w.create(backup.Request{})
	start := time.Now()
	run := func() *exec.Cmd { return w.elsewhere("COFRE_TEST_CREATE=1", "BACKUP_MAX_CONCURRENT=1000") }
	if out, err := run().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(start)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 50 {
		cmd := run()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Float64() * 1.3 * float64(whole)))
		cmd.Process.Kill()
		cmd.Wait()
		if i%10 == 9 {
			if _, err := w.later().Reconcile(t.Context()); err != nil {
				t.Fatalf("round %d: %v", i, err)
			}
			w.nothingLeft()
		}
	}
	list, err := w.Service.List(t.Context(), backup.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good, failed := 0, 0
	for _, b := range list.Backups {
		switch b.Status {
		case registry.Success:
			good++
			if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
				t.Errorf("backup %s: %+v %v", b.ID, v.Problems, err)
			}
		case registry.Failed:
			failed++
			if b.Error == nil || b.Error.Hint == "" {
				t.Errorf("backup %s failed without saying why", b.ID)
			}
		default:
			t.Errorf("backup %s is still %s", b.ID, b.Status)
		}
	}
	t.Logf("of 50 killed runs %d were good and %d failed; one takes %s", good-2, failed, whole)
	if failed == 0 {
		t.Error("no run was hit in the middle: the test shows nothing")
	}
	if _, err := w.Service.Info(t.Context(), first.ID); err != nil {
		t.Errorf("the earlier backup is gone: %v", err)
	}
}

// Two runs that were killed on this machine do not keep the next one waiting for the end of their leases.
func TestKilledRunsFreeTheirPlaces(t *testing.T) {
	w, direct := throttled(t)
	for range 2 {
		kill := w.startElsewhere("COFRE_TEST_CREATE=1", "BACKUP_MAX_CONCURRENT=2")
		started := len(w.keys(registry.StatusPrefix))
		for deadline := time.Now().Add(30 * time.Second); len(w.keys(registry.StatusPrefix)) == started && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
		kill()
	}
	if n := len(w.keys(registry.IntentsPrefix)); n != 2 {
		t.Fatalf("%d runs were killed", n)
	}
	// Another source: the killed ones may have noted theirs at the throttled address.
	next := open(t, w.dir, direct, "BACKUP_MAX_CONCURRENT=2", "BACKUP_SOURCE=next")
	next.create(backup.Request{})
	next.nothingLeft()
}

// F2: the connection to the database is cut in the middle: one whole new attempt, and when that is cut too,
// a named failure with nothing left.
func TestConnectionCut(t *testing.T) {
	server := testenv.Postgres(t, 18)
	url := server.NewDatabase(t)
	testenv.LoadSQL(t, url, `CREATE TABLE big AS SELECT g, (SELECT string_agg(md5(g || 'x' || i), '') FROM generate_series(1, 10) i) AS x FROM generate_series(1, 25000) g;`)
	name := url[strings.LastIndex(url, "/")+1:]
	for _, c := range []struct {
		engine string
		every  bool
	}{{"pg_dump", false}, {"pg_dump", true}, {"parallel", false}, {"parallel", true}} {
		t.Run(fmt.Sprintf("%s, every=%v", c.engine, c.every), func(t *testing.T) {
			every := c.every
			proxy := testenv.Proxy(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
			w := open(t, "", server.URLThrough(proxy.Addr(), name), "BACKUP_CONNECT_RETRIES=3", "BACKUP_ENGINE="+c.engine)
			proxy.Throttle(testenv.ToClient, 4<<20)
			cuts := 0
			b, err := w.Service.Create(t.Context(), backup.Request{}, func(p backup.Progress) {
				if p.Phase == backup.PhaseDumping && p.DumpBytes > 300<<10 && (cuts == 0 || every && p.Attempt > cuts) {
					cuts++
					proxy.Cut()
					proxy.Heal()
					proxy.Throttle(testenv.ToClient, 4<<20)
				}
			})
			if every {
				f := want(t, err, fault.BackupCreation, fault.ConnectionLost)
				if f.Attempts != 2 || b.Status != registry.Failed || b.Attempt != 2 {
					t.Errorf("attempts: %d, record: %+v", f.Attempts, b)
				}
			} else if err != nil || b.Attempt != 2 || b.Status != registry.Success {
				t.Fatalf("attempt %d, %s: %v", b.Attempt, b.Status, err)
			}
			w.nothingLeft()
		})
	}
}

// pgDumpWrapper is a pg_dump that runs the real one and then spoils its end.
func pgDumpWrapper(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"pg_restore", "psql"} {
		if err := os.Symlink(filepath.Join(testenv.ClientBin(testenv.NewestMajor), tool), filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	body := "#!/bin/sh\nREAL=" + filepath.Join(testenv.ClientBin(testenv.NewestMajor), "pg_dump") +
		"\ncase \"$*\" in *--version*|*/dev/null/cofre*) exec $REAL \"$@\";; esac\n" + script + "\n"
	file := filepath.Join(dir, "pg_dump")
	if err := os.WriteFile(file, []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// F3, F4: pg_dump fails after half of its output, ends by a signal, hangs, or ends well with half of it.
func TestPgDumpFails(t *testing.T) {
	url := newShop(t, 18)
	for name, tc := range map[string]struct {
		script string
		code   fault.Code
		reason fault.Reason
		says   string
		env    string
	}{
		"exit status":       {`$REAL "$@" | head -c 60000; echo "pg_dump: error: the disk caught fire" >&2; exit 3`, fault.BackupCreation, fault.ExitStatus, "caught fire", ""},
		"killed":            {`$REAL "$@" | head -c 60000; kill -9 $$`, fault.BackupCreation, fault.KilledBySignal, "killed", ""},
		"hangs":             {`$REAL "$@" | head -c 60000; exec sleep 600`, fault.BackupCreation, fault.Timeout, "2s", "PGDUMP_TIMEOUT=2"},
		"half, but exit 0":  {`$REAL "$@" | head -c 60000; exit 0`, fault.BackupCreation, fault.StructureDamaged, "", ""},
		"nothing, but 0":    {`exit 0`, fault.BackupCreation, fault.StructureDamaged, "", ""},
		"garbage, but 0":    {`echo "hello, world"; exit 0`, fault.BackupCreation, fault.StructureDamaged, "", ""},
		"whole, then error": {`$REAL "$@"; exit 1`, fault.BackupCreation, fault.ExitStatus, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{"PGDUMP_PATH=" + pgDumpWrapper(t, tc.script)}
			if tc.env != "" {
				env = append(env, tc.env)
			}
			w := open(t, "", url, env...)
			start := time.Now()
			b, err := w.Service.Create(t.Context(), backup.Request{}, nil)
			f := want(t, err, tc.code, tc.reason)
			if !strings.Contains(f.Error(), tc.says) {
				t.Errorf("it says %q, want something of %q", f.Error(), tc.says)
			}
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("it took %s", d)
			}
			if b.Status != registry.Failed || b.Error == nil || b.Error.Code != tc.code || b.Size != 0 || b.Checksum != "" {
				t.Errorf("record: %+v", b)
			}
			w.nothingLeft()
			if info, err := w.Service.Info(t.Context(), b.ID); err != nil || info.Status != registry.Failed {
				t.Errorf("listed as %s, %v", info.Status, err)
			}
		})
	}
}

// Ctrl-C: the context ends in the middle; within seconds the upload is aborted and the failure recorded.
func TestStopped(t *testing.T) {
	url := newShop(t, 18)
	for name, w := range map[string]*world{
		"local": open(t, "", url, "PGDUMP_PATH="+pgDumpWrapper(t, `$REAL "$@" | head -c 60000; exec sleep 600`)),
		"minio": openMinIO(t, url, "PGDUMP_PATH="+pgDumpWrapper(t, `$REAL "$@" | head -c 60000; exec sleep 600`)),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var once sync.Once
			var at time.Time
			b, err := w.Service.Create(ctx, backup.Request{}, func(p backup.Progress) {
				if p.DumpBytes > 0 {
					once.Do(func() { at = time.Now(); cancel() })
				}
			})
			if d := time.Since(at); d > 10*time.Second {
				t.Errorf("stopping took %s", d)
			}
			want(t, err, fault.Canceled, "")
			if b.Status != registry.Failed || b.Error.Code != fault.Canceled {
				t.Errorf("record: %+v", b)
			}
			w.nothingLeft()
		})
	}
}

// F10: what validate finds when the object was changed behind our back; the record is marked, list shows it,
// restore refuses it, the object is left alone.
func TestDamagedObjects(t *testing.T) {
	w := openMinIO(t, newShop(t, 18))
	other := w.object(w.create(backup.Request{Compression: "gzip"}))
	overwrite := func(b backup.Backup, data []byte) {
		t.Helper()
		if _, err := w.Store.Put(t.Context(), b.Filepath, data, storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		damage func(b backup.Backup, data []byte)
		reason fault.Reason
	}{
		"bit in the data":     {func(b backup.Backup, d []byte) { d[len(d)/2] ^= 1; overwrite(b, d) }, fault.ChecksumMismatch},
		"bit in the header":   {func(b backup.Backup, d []byte) { d[7] ^= 4; overwrite(b, d) }, fault.ChecksumMismatch},
		"truncated":           {func(b backup.Backup, d []byte) { overwrite(b, d[:len(d)*2/3]) }, fault.SizeMismatch},
		"emptied":             {func(b backup.Backup, d []byte) { overwrite(b, nil) }, fault.SizeMismatch},
		"replaced by another": {func(b backup.Backup, d []byte) { overwrite(b, other) }, fault.ChecksumMismatch},
		"tags gone": {func(b backup.Backup, d []byte) {
			if err := w.Store.SetTags(t.Context(), b.Filepath, map[string]string{"something": "else"}); err != nil {
				t.Fatal(err)
			}
		}, fault.TagsMismatch},
		"deleted": {func(b backup.Backup, d []byte) {
			if err := w.Store.Delete(t.Context(), b.Filepath); err != nil {
				t.Fatal(err)
			}
		}, fault.ObjectMissing},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.create(backup.Request{})
			tc.damage(b, w.object(b))
			before, _ := w.Store.Head(t.Context(), b.Filepath)
			v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{})
			if err != nil || v.Valid {
				t.Fatalf("valid=%v, %v", v.Valid, err)
			}
			found := false
			for _, p := range v.Problems {
				found = found || p.Reason == tc.reason
			}
			if !found {
				t.Errorf("problems %+v, want one of %s", v.Problems, tc.reason)
			}
			want(t, v.Err(), fault.Validation, "")
			if after, _ := w.Store.Head(t.Context(), b.Filepath); after.ETag != before.ETag || after.Size != before.Size {
				t.Error("the object was touched")
			}
			list, err := w.Service.List(t.Context(), backup.ListOptions{Damaged: true, Search: b.ID})
			if err != nil || list.Total != 1 || list.Backups[0].Verification.OK {
				t.Errorf("list shows %+v, %v", list.Backups, err)
			}
			_, err = w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: w.url, Clean: true})
			want(t, err, fault.Validation, "")
			if tc.reason == fault.TagsMismatch {
				if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{Retag: true}); err != nil || !v.Valid {
					t.Errorf("with its tags written again: %+v %v", v.Problems, err)
				}
			}
		})
	}
}

// F11: the same event delivered sixteen times at once and again later makes one backup.
func TestDeliveredTwice(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	b, err := w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 16 {
		wg.Go(func() {
			_, err := w.Service.Run(t.Context(), b.ID, nil)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case fault.HasReason(err, fault.Busy), fault.HasReason(err, fault.AlreadyExists):
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("%d runs took place", done)
	}
	if _, err := w.Service.Run(t.Context(), b.ID, nil); !fault.HasReason(err, fault.AlreadyExists) {
		t.Errorf("an hour later: %v", err)
	}
	if n := len(w.keys(registry.FilesPrefix)); n != 1 {
		t.Errorf("%d objects", n)
	}
	w.nothingLeft()
}

// I8: a request with an idempotency key makes one backup, however often and from wherever it is sent.
func TestIdempotencyKey(t *testing.T) {
	w := open(t, "", "postgresql://nobody@127.0.0.1:1/none", "BACKUP_MAX_CONCURRENT=2")
	req := backup.Request{IdempotencyKey: "nightly 2026-11-23", CreatedBy: "ana"}
	first, err := w.Service.Reserve(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		time.Sleep(2 * time.Millisecond)
		again, err := open(t, w.dir, w.url).Service.Reserve(t.Context(), req)
		if err != nil || again.ID != first.ID {
			t.Fatalf("sent again it made %s, first %s: %v", again.ID, first.ID, err)
		}
	}
	same := open(t, w.dir, w.url) // and in the same millisecond
	at := time.Now()
	w.Service.Now, same.Service.Now = func() time.Time { return at }, func() time.Time { return at }
	twice := req
	twice.IdempotencyKey = "twice"
	ids := make(chan string, 2)
	for _, s := range []*backup.Service{w.Service, same.Service} {
		go func() {
			b, err := s.Reserve(t.Context(), twice)
			if err != nil {
				t.Error(err)
			}
			ids <- b.ID
		}()
	}
	a, b := <-ids, <-ids
	if a != b {
		t.Errorf("at once it made %s and %s", a, b)
	}
	if _, err := w.Service.Cancel(t.Context(), a, "ana"); err != nil {
		t.Fatal(err)
	}
	req.CreatedBy = "rui" // somebody else's key is another one
	if other, err := w.Service.Reserve(t.Context(), req); err != nil || other.ID == first.ID {
		t.Fatalf("another creator got %s: %v", other.ID, err)
	}
	if n := len(w.keys(registry.IntentsPrefix)); n != 2 {
		t.Errorf("%d intents", n)
	}
}

// F13, F15: each named, with what to do.
func TestStorageRefuses(t *testing.T) {
	url := newShop(t, 18)
	m := testenv.MinIO(t)
	set := func(t *testing.T, change map[string]string) {
		for _, kv := range m.Env() {
			k, v, _ := strings.Cut(kv, "=")
			if c, ok := change[k]; ok {
				v = c
			}
			t.Setenv(k, v)
		}
	}
	try := func(t *testing.T, dir string) error {
		_, err := open(t, dir, url).Service.Create(t.Context(), backup.Request{}, nil)
		return err
	}
	t.Run("bucket missing", func(t *testing.T) {
		set(t, nil)
		want(t, try(t, "s3://there-is-no-such-bucket/x"), fault.FileSystem, fault.BucketMissing)
	})
	t.Run("wrong secret", func(t *testing.T) {
		set(t, map[string]string{"AWS_SECRET_ACCESS_KEY": "wrong-secret-key"})
		f := want(t, try(t, "s3://"+m.NewBucket(t)), fault.Permission, "")
		if strings.Contains(f.Error()+f.Hint, "wrong-secret-key") {
			t.Error("the secret is in the message")
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		set(t, map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})
		want(t, try(t, "s3://bucket"), fault.FileSystem, fault.StorageUnreachable)
	})
	t.Run("directory is a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := app.Load([]string{"BACKUP_DIRECTORY=" + file})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = app.Open(t.Context(), c, app.Options{}); fault.From(err) == nil {
			t.Error("a file was taken for a directory")
		}
	})
}

// I7: a password is nowhere but in the environment of the child that needs it.
func TestSecretsStaySecret(t *testing.T) {
	server := testenv.Postgres(t, 18)
	url := server.NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE t (x int); INSERT INTO t SELECT generate_series(1, 1000)")
	_, rest, _ := strings.Cut(url, "://")
	userinfo, _, _ := strings.Cut(rest, "@")
	_, password, _ := strings.Cut(userinfo, ":")
	if len(password) < 6 {
		t.Fatalf("the test server has no password worth hiding: %q", userinfo)
	}
	w := open(t, "", url)
	good := w.create(backup.Request{})
	bad := open(t, w.dir, strings.Replace(url, password, password+"x", 1))
	_, err := bad.Service.Create(t.Context(), backup.Request{}, nil)
	f := want(t, err, fault.DatabaseConnection, fault.LoginFailed)
	if strings.Contains(fmt.Sprintf("%v %+v", err, f), password) {
		t.Errorf("the password is in the error: %v", err)
	}
	for _, k := range w.keys("") {
		data, _, err := w.Store.Get(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(password)) {
			t.Errorf("the password is in %s", k)
		}
	}
	for _, c := range bad.Service.Doctor(t.Context()).Checks {
		if strings.Contains(fmt.Sprintf("%+v %+v", c, c.Error), password) {
			t.Errorf("the password is in doctor's check %s", c.Name)
		}
	}
	link, err := w.Service.URL(t.Context(), good.ID, backup.LinkOptions{Life: time.Minute})
	if err != nil || strings.Contains(link.URL, password) {
		t.Errorf("link: %v", err)
	}
}

// running returns the command lines that hold a text. It needs no program of the system: a missing one would look like none.
func running(t *testing.T, text string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	for _, f := range files {
		if line, err := os.ReadFile(f); err == nil && bytes.Contains(line, []byte(text)) { // it may have ended since
			lines = append(lines, string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return lines
}

// The child and its children are gone after a stop.
func TestNoProcessSurvives(t *testing.T) {
	marker := fmt.Sprintf("%d.%d", 100000+os.Getpid(), time.Now().UnixNano()%1e6)
	w := open(t, "", newShop(t, 18), "PGDUMP_PATH="+pgDumpWrapper(t, `sleep `+marker+` & $REAL "$@" | head -c 1000; wait`))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := w.Service.Create(ctx, backup.Request{}, nil); err == nil {
		t.Fatal("no error")
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		out := running(t, marker)
		if len(out) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %s", out)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
