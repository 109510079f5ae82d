package registry

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/local"
	"cofre/pkg/storage/s3"
	"cofre/pkg/storage/storagetest"
)

// holderPlace, in the environment, makes a process of this test claim a backup there and wait for its death.
const holderPlace = "COFRE_TEST_REGISTRY_HOLDER"

func beHolder(place string) error {
	ctx := context.Background()
	store, err := openPlace(ctx, place)
	if err != nil {
		return err
	}
	r := New(store, Options{})
	b, err := r.Reserve(ctx, record(newID()+".dump"), nil, time.Minute, agree)
	if err != nil {
		return err
	}
	if _, err := r.Claim(ctx, b.ID, newID()); err != nil {
		return err
	}
	fmt.Println(b.ID)
	select {}
}

// openPlace opens a directory, or a bucket described as JSON.
func openPlace(ctx context.Context, place string) (storage.Store, error) {
	if !strings.HasPrefix(place, "{") {
		return local.Open(local.Config{Directory: place, Volatile: true})
	}
	var b bucket
	if err := json.Unmarshal([]byte(place), &b); err != nil {
		return nil, err
	}
	return s3.Open(ctx, s3.Config{Bucket: b.Name, Endpoint: b.Endpoint, Region: testenv.Region, Known: &storagetest.Able,
		Credentials: &s3.Credentials{AccessKeyID: b.Key, SecretAccessKey: b.Secret}})
}

type bucket struct{ Name, Endpoint, Key, Secret string }

// hold starts a process that claims a backup, in namespaces of its own by what stands before it. kill ends it.
func hold(t *testing.T, place string, before ...string) (id string, kill func()) {
	t.Helper()
	args := append(before, os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), holderPlace+"="+place)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (unshare comes with: apt-get install util-linux)", err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v does not hold a backup: %v", args, err)
	}
	return strings.TrimSpace(line), kill
}

// A run whose process was one of this machine is given up as soon as it is gone; one that lives, or of which nobody can say,
// has its lease.
func TestRunOfADeadProcess(t *testing.T) {
	if self() == nil {
		t.Fatal("this process is not known: the test needs Linux, and /proc of its own namespace")
	}
	for _, name := range []string{"local", "MinIO"} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			place := t.TempDir()
			if name == "MinIO" {
				server := testenv.MinIO(t)
				data, err := json.Marshal(bucket{server.NewBucket(t), server.Endpoint, server.AccessKey, server.SecretKey})
				must(t, err)
				place = string(data)
			}
			store, err := openPlace(ctx, place)
			must(t, err)
			r := New(store, Options{})
			id, kill := hold(t, place)
			// In another namespace the same number is another process.
			unshare := []string{"unshare"}
			if os.Geteuid() != 0 { // root needs no user namespace, which the kernel refuses inside of a chroot
				unshare = append(unshare, "--user", "--map-root-user")
			}
			other, killOther := hold(t, place, append(unshare, "--pid", "--fork", "--mount-proc", "--kill-child")...)
			rep, err := r.Reconcile(ctx)
			if err != nil || len(rep.Running) != 2 {
				t.Fatalf("two are alive: %+v, %v", rep, err)
			}
			kill()
			killOther()
			rep, err = r.Reconcile(ctx)
			if err != nil || len(rep.Failed) != 1 || rep.Failed[0] != id || len(rep.Running) != 1 || rep.Running[0] != other {
				t.Fatalf("one of this namespace is dead: %+v, %v", rep, err)
			}
			x, err := r.Load(ctx)
			must(t, err)
			if b := x.Find(id); b.Error == nil || b.Error.Reason != fault.RunLost {
				t.Errorf("its record is %+v", b)
			}
			rep, err = later(store).Reconcile(ctx)
			if err != nil || len(rep.Failed) != 1 || rep.Failed[0] != other {
				t.Errorf("when its lease is over: %+v, %v", rep, err)
			}
		})
	}
}

// What is unknown or different is not gone; a number that another process has by now is.
func TestProcessGone(t *testing.T) {
	me := self()
	child := exec.Command("sleep", "60")
	must(t, child.Start())
	start, _, ok := startOf(child.Process.Pid)
	if !ok {
		t.Fatal("the child is not in /proc")
	}
	of := func(change func(p *Process)) *Process {
		p := *me
		p.PID, p.Start = child.Process.Pid, start
		change(&p)
		return &p
	}
	check := func(when string, p, self *Process, want bool) {
		t.Helper()
		if got := p.gone(self); got != want {
			t.Errorf("%s: gone is %v", when, got)
		}
	}
	check("alive", of(func(*Process) {}), me, false)
	check("another one of that number", of(func(p *Process) { p.Start = "1" }), me, true)
	_ = child.Process.Kill()
	for deadline := time.Now().Add(time.Minute); !of(func(*Process) {}).gone(me); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody has asked how it ended, and it counts as alive")
		}
	}
	_ = child.Wait()
	check("dead", of(func(*Process) {}), me, true)
	check("another start of the machine", of(func(p *Process) { p.Boot = "x" }), me, false)
	check("another namespace", of(func(p *Process) { p.Namespaces = "pid:[1]" }), me, false)
	check("start not known", of(func(p *Process) { p.Start = "" }), me, false)
	check("number not known", of(func(p *Process) { p.PID = 0 }), me, false)
	check("nothing known", nil, me, false)
	check("self not known", of(func(*Process) {}), nil, false)
}
