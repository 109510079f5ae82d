package backup_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Two restores into one database that are asked for in the same moment both wait; one begins, and the other is refused, by whichever server
// it is made and whoever else restores there.
func TestTwoRestoresIntoOneDatabase(t *testing.T) {
	w, b, env := slowTarget(t)
	other := open(t, w.dir, w.url, env...)
	server := testenv.Postgres(t, testenv.NewestMajor)
	for _, mode := range []string{registry.RestoreNew, registry.RestoreReplace} {
		name := newName(t)
		if mode == registry.RestoreReplace {
			server.Exec(t, "postgres", "CREATE DATABASE "+name)
		}
		t.Cleanup(func() { server.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
		order := backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name, Mode: mode, Confirm: name}
		first := w.startRestore(order)
		second := first // as if it had been asked for before the first was on record
		second.ID = first.ID[:25] + map[bool]string{true: "0", false: "1"}[first.ID[25] != '0']
		second, err := w.Service.Registry.ReserveRestore(t.Context(), registry.Restore{ID: second.ID, Backup: b.ID, Target: "staging", Database: name, Mode: mode, CreatedAt: time.Now()}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		type end struct {
			x   registry.Restore
			err error
		}
		ends := make(chan end, 2)
		for s, id := range map[*backup.Service]string{w.Service: first.ID, other.Service: second.ID} {
			go func() {
				x, err := s.RunRestore(t.Context(), id)
				ends <- end{x, err}
			}()
		}
		var refused end
		select {
		case refused = <-ends:
		case <-time.After(time.Minute):
			t.Fatal("both are made")
		}
		f := fault.From(refused.err)
		if f == nil || f.Reason != fault.Busy || refused.x.State != registry.RestoreFailed || refused.x.HalfFilled {
			t.Fatalf("%s: %v: %+v", mode, refused.err, refused.x)
		}
		going := first.ID
		if refused.x.ID == first.ID {
			going = second.ID
		}
		w.filling(going)
		_, err = other.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: server.URL(name), Clean: true})
		want(t, err, fault.Validation, fault.Busy)
		plan, err := other.Service.Plan(t.Context(), b.ID, backup.RestoreRequest{URL: server.URL(name), Clean: true})
		if err != nil || len(plan.Problems) == 0 || plan.Problems[0].Reason != fault.Busy {
			t.Errorf("%v: %+v", err, plan.Problems)
		}
		if _, err := w.Service.CancelRestore(t.Context(), going, "ben"); err != nil {
			t.Fatal(err)
		}
		if last := <-ends; last.x.State != registry.RestoreCanceled {
			t.Errorf("%s: %v: %+v", mode, last.err, last.x)
		}
		if mode == registry.RestoreReplace { // nobody is kept out any more
			if _, err := other.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: server.URL(name), Clean: true}); err != nil {
				t.Error(err)
			}
		}
	}
}

// A restore that is delivered twice at the same moment is made once.
func TestRestoreDeliveredTwice(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	env := withTargets(t, url)
	w := open(t, "", url, env...)
	b := w.create(backup.Request{})
	name := newName(t)
	x := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name})
	results := make(chan error, 8)
	for range cap(results) {
		s := open(t, w.dir, url, env...).Service
		go func() {
			_, err := s.RunRestore(t.Context(), x.ID)
			results <- err
		}()
	}
	made := 0
	for range cap(results) {
		if err := <-results; err == nil {
			made++
		} else if !backup.Elsewhere(err) {
			t.Error(err)
		}
	}
	if got, err := w.Service.RestoreStatus(t.Context(), x.ID); err != nil || made != 1 || got.State != registry.RestoreSucceeded {
		t.Errorf("%d succeeded; %v: %+v", made, err, got)
	}
	same(t, url, at(url, name))
}

// bulky fills about 20 MB.
const bulky = `CREATE TABLE bulk (id int PRIMARY KEY, t text);
INSERT INTO bulk SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 30000) g`

// A target whose disk is full in the middle says so, and names the database that is half filled; one that is replaced in one transaction stays.
func TestRestoreIntoAFullDisk(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	disk := testenv.Disk(t, "size=80m,mode=0711")
	folder := filepath.Join(disk, "space")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := os.Stat(answers(t, server.URL("postgres"), "SHOW data_directory")[0])
	if err != nil {
		t.Fatal(err)
	}
	owner := data.Sys().(*syscall.Stat_t)
	if err := os.Chown(folder, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(disk), 0o711); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "postgres", "CREATE TABLESPACE small LOCATION '"+folder+"'")
	server.Exec(t, "postgres", "CREATE DATABASE source TABLESPACE small")
	server.Exec(t, "postgres", "CREATE DATABASE replaced TABLESPACE small")
	url := server.URL("source")
	testenv.LoadSQL(t, url, bulky)
	w := open(t, "", url, withTargets(t, url)...)
	b := w.create(backup.Request{})
	testenv.LoadSQL(t, server.URL("replaced"), "CREATE TABLE bulk (id int); INSERT INTO bulk VALUES (7)")
	var room syscall.Statfs_t
	if err := syscall.Statfs(disk, &room); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(disk, "ballast") // 14 MB are left: an empty database has 8, and what is restored 20
	if err := os.WriteFile(ballast, make([]byte, int64(room.Bavail)*room.Bsize-14<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"replaced", registry.RestoreReplace}, {"fresh", registry.RestoreNew}} {
		name, mode := c[0], c[1]
		x := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name, Mode: mode, Confirm: name})
		x, err := w.Service.RunRestore(t.Context(), x.ID)
		f := want(t, err, fault.DiskSpace, "")
		half := mode == registry.RestoreNew
		if x.State != registry.RestoreFailed || x.HalfFilled != half || x.Error.Code != fault.DiskSpace || !strings.Contains(f.Message, "disk is full") ||
			strings.Contains(f.Message, "partly filled") != half || strings.Contains(f.Message, "was left as it was") == half {
			t.Errorf("%s: %v: %+v", mode, err, x)
		}
	}
	if got := answers(t, server.URL("replaced"), "SELECT id FROM bulk"); got[0] != "7" {
		t.Errorf("%q", got)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "postgres", "DROP DATABASE fresh")
	w.run(w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: "fresh"}))
}

// A target that is restarted in the middle ends the restore, which names the database that is half filled; a part in one transaction leaves nothing.
func TestRestoreIntoARestartedServer(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	url := newShop(t, testenv.NewestMajor)
	proxy := testenv.Proxy(t, server.Addr())
	proxy.Throttle(testenv.ToServer, 200<<10)
	w := open(t, "", url, withTargets(t, server.URLThrough(proxy.Addr(), "postgres"))...)
	b := w.create(backup.Request{})
	server.Exec(t, "postgres", "CREATE DATABASE parts")
	for _, order := range []backup.RestoreOrder{
		{Backup: b.ID, Target: "staging", Database: "fresh"},
		{Backup: b.ID, Target: "staging", Database: "parts", Mode: registry.RestorePart, Part: backup.Part{Schemas: []string{"sales"}}},
	} {
		x := w.startRestore(order)
		done := make(chan error, 1)
		go func() {
			_, err := w.Service.RunRestore(t.Context(), x.ID)
			done <- err
		}()
		w.filling(x.ID)
		if err := server.Crash(); err != nil {
			t.Fatal(err)
		}
		err := <-done
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, serr := w.Service.RestoreStatus(t.Context(), x.ID)
		whole := order.Mode != registry.RestorePart
		if f := fault.From(err); serr != nil || f == nil || f.Reason != fault.ConnectionLost || got.State != registry.RestoreFailed || got.HalfFilled != whole {
			t.Errorf("%s: %v, %v: %+v", order.Database, err, serr, got)
		}
	}
	if got := answers(t, server.URL("parts"), "SELECT count(*) FROM pg_namespace WHERE nspname = 'sales'"); got[0] != "0" {
		t.Errorf("something of the part is left: %q", got)
	}
	proxy.Heal()
	w.run(w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: "parts", Mode: registry.RestorePart, Part: backup.Part{Schemas: []string{"sales"}}}))
}

// tail is a database whose restore takes long when all of it was read: an index asks a function that sleeps in databases that are named for it.
const tail = `CREATE FUNCTION public.slow(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN IF current_database() LIKE '%slow%' THEN PERFORM pg_sleep(0.05); END IF; RETURN n; END $$;
CREATE TABLE one (id int); INSERT INTO one SELECT generate_series(1, 2000); CREATE INDEX ON one (public.slow(id))`

// standing is a restore that stands still in a phase, until its target is healed.
func standing(t *testing.T, phase string) (w *world, x registry.Restore, env []string) {
	t.Helper()
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := newShop(t, testenv.NewestMajor)
	proxy := testenv.Proxy(t, server.Addr())
	switch phase {
	case registry.RestoreFinishing:
		testenv.LoadSQL(t, url, tail)
	case registry.RestoreRestoring:
		testenv.LoadSQL(t, url, "CREATE TABLE long AS SELECT g, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, 150000) g") // more than lies in pipes
		proxy.Throttle(testenv.ToServer, 200<<10)
	}
	env = withTargets(t, server.URLThrough(proxy.Addr(), "postgres"))
	w = open(t, "", url, env...)
	b := w.create(backup.Request{})
	name := newName(t) + "_slow"
	t.Cleanup(func() { server.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	if phase == registry.RestoreChecking {
		proxy.Stall(testenv.ToClient)
	}
	return w, w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name}), env
}

// inPhase waits until a restore is on record as running in a phase.
func (w *world) inPhase(id, phase string) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		x, err := w.Service.RestoreStatus(w.t.Context(), id)
		switch {
		case err != nil || x.State != registry.RestoreRunning && x.State != registry.RestoreReserved || time.Now().After(deadline):
			w.t.Fatalf("it does not come to %s: %+v, %v", phase, x, err)
		case x.State == registry.RestoreRunning && x.Phase == phase && (phase != registry.RestoreRestoring || x.Read > 0):
			return
		}
	}
}

var phases = []string{registry.RestoreChecking, registry.RestoreRestoring, registry.RestoreFinishing}

// Whenever a restore is canceled, it ends within seconds, and says what it left.
func TestRestoreCanceledAtEachPhase(t *testing.T) {
	for _, phase := range phases {
		t.Run(phase, func(t *testing.T) {
			w, x, _ := standing(t, phase)
			done := make(chan error, 1)
			go func() {
				_, err := w.Service.RunRestore(context.WithoutCancel(t.Context()), x.ID)
				done <- err
			}()
			w.inPhase(x.ID, phase)
			if _, err := w.Service.CancelRestore(t.Context(), x.ID, "ben"); err != nil {
				t.Fatal(err)
			}
			canceled(t, done)
			got, err := w.Service.RestoreStatus(t.Context(), x.ID)
			half := phase != registry.RestoreChecking
			if err != nil || got.State != registry.RestoreCanceled || got.HalfFilled != half || strings.Contains(got.Error.Message, `the database "`+x.Database+`" of target staging may be half filled`) != half {
				t.Errorf("%v: %+v (%+v)", err, got, got.Error)
			}
		})
	}
}

// Whenever the process of a restore is killed, the record says so, and what may be left; a lock at the target does not stay.
func TestRestoreKilledAtEachPhase(t *testing.T) {
	for _, phase := range phases {
		t.Run(phase, func(t *testing.T) {
			w, x, env := standing(t, phase)
			kill := w.startElsewhere(append(env, "COFRE_TEST_RESTORE="+x.ID)...)
			w.inPhase(x.ID, phase)
			kill()
			died, err := w.Service.Registry.SettleRestores(t.Context())
			if err != nil || len(died) != 1 || died[0].State != registry.RestoreInterrupted || !died[0].HalfFilled || died[0].Error.Reason != fault.RunLost ||
				!strings.Contains(died[0].Error.Message, fmt.Sprintf("%q of target staging", x.Database)) || strings.Contains(died[0].Error.Message, "may also have finished") != (phase == registry.RestoreFinishing) {
				t.Fatalf("%v: %+v", err, died)
			}
			_, err = w.Service.RunRestore(t.Context(), x.ID)
			want(t, err, fault.Validation, fault.AlreadyExists)
			if phase == registry.RestoreChecking {
				return
			}
			direct := testenv.Postgres(t, testenv.NewestMajor).URL(x.Database)
			if _, err := w.Service.Plan(t.Context(), x.Backup, backup.RestoreRequest{URL: direct, Clean: true}); err != nil {
				t.Error(err)
			}
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				if answers(t, direct, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")[0] == "0" {
					return
				}
				if time.Now().After(deadline) {
					t.Fatal("the lock of a dead process is still there")
				}
			}
		})
	}
}
