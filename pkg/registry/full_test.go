package registry

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/storage"
	"cofre/pkg/storage/local"
)

// On a disk without any room, not even a reserve, removing begins with the file, and each removal makes room for the next.
func TestRemoveWithoutRoom(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	ctx := context.Background()
	disk := testenv.Disk(t, "size=3m")
	store, err := local.Open(local.Config{Directory: disk, Volatile: true})
	must(t, err)
	r := New(store, Options{})
	var ids []string
	for n := range 6 {
		b, err := makeBackup(ctx, r, record(fmt.Sprintf("%d.dump", n)), strings.Repeat("x", 100<<10))
		must(t, err)
		ids = append(ids, b.ID)
	}
	testenv.Fill(t, disk)
	if _, err := r.Remove(storage.Freeing(ctx), ids[0], "ana"); err != nil {
		t.Fatal(err)
	}
	testenv.Fill(t, disk)
	all := func(x *Index) map[string]bool {
		goes := map[string]bool{}
		for _, b := range x.Backups {
			goes[b.ID] = b.ID != ids[5]
		}
		return goes
	}
	gone := 0
	must(t, r.RemoveAll(storage.Freeing(ctx), ids[1:], "ana", all, func(m Removal) {
		if m.Err != nil {
			t.Errorf("%s: %v", m.Backup.ID, m.Err)
		}
		if m.Gone {
			gone++
		}
	}))
	x, err := r.Load(ctx)
	must(t, err)
	if gone != 4 || len(x.Backups) != 1 || x.Backups[0].ID != ids[5] {
		t.Errorf("%d are gone, left is %+v", gone, x.Backups)
	}
}

// filling is a store whose disk is full from its n-th write on.
type filling struct {
	storage.Store
	n    *int
	fill func()
}

func (f filling) write() {
	if *f.n--; *f.n == 0 {
		f.fill()
	}
}

func (f filling) Put(ctx context.Context, key string, data []byte, o storage.PutOptions) (storage.Object, error) {
	f.write()
	return f.Store.Put(ctx, key, data, o)
}

func (f filling) SetTags(ctx context.Context, key string, tags map[string]string) error {
	f.write()
	return f.Store.SetTags(ctx, key, tags)
}

func (f filling) Delete(ctx context.Context, key string) error {
	f.write()
	return f.Store.Delete(ctx, key)
}

func (f filling) StartUpload(ctx context.Context, key string, o storage.UploadOptions) (storage.Upload, error) {
	f.write()
	u, err := f.Store.StartUpload(ctx, key, o)
	return fillingUpload{u, f}, err
}

type fillingUpload struct {
	storage.Upload
	f filling
}

func (u fillingUpload) Write(ctx context.Context, r io.Reader) (int64, error) {
	u.f.write()
	return u.Upload.Write(ctx, r)
}

func (u fillingUpload) Complete(ctx context.Context) (storage.Object, error) {
	u.f.write()
	return u.Upload.Complete(ctx)
}

// Wherever in a backup the disk becomes full, the earlier one stays as it is, and the new one is committed, or nothing is left of it but its
// record. That is so for whoever looks while the disk is full, and for whoever tidies up when there is room again.
func TestFullAtEveryStepOfABackup(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	ctx := context.Background()
	outcomes := map[Status]int{}
	for n := 1; ; n++ {
		disk := testenv.Disk(t, "size=2m")
		store, err := local.Open(local.Config{Directory: disk, Volatile: true})
		must(t, err)
		first, err := makeBackup(ctx, New(store, Options{}), record("first.dump"), strings.Repeat("1", 100<<10))
		must(t, err)
		left, empty := n, func() {}
		b, err := makeBackup(ctx, New(filling{store, &left, func() { empty = testenv.Fill(t, disk) }}, Options{}), record("second.dump"), strings.Repeat("2", 100<<10))
		if left > 0 {
			must(t, err)
			break
		}
		x, lerr := New(store, Options{}).Load(ctx)
		must(t, lerr)
		if kept := x.Find(first.ID); kept == nil || kept.Status != Success {
			t.Errorf("full at write %d: the earlier backup is %+v", n, kept)
		}
		checkObject(t, store, first)
		empty()
		_, rerr := later(store).Reconcile(ctx)
		must(t, rerr)
		x = checkWorld(t, store)
		if kept := x.Find(first.ID); kept == nil || kept.Status != Success {
			t.Errorf("full at write %d, and tidied up: the earlier backup is %+v", n, kept)
		}
		outcome := Status("none")
		if made := x.Find(b.ID); made != nil {
			outcome = made.Status
		}
		if err == nil && outcome != Success {
			t.Errorf("full at write %d: a backup that was said to be made is %s", n, outcome)
		}
		outcomes[outcome]++
	}
	if outcomes[Failed] < 3 || outcomes[Success] == 0 {
		t.Errorf("outcomes: %v", outcomes)
	}
	t.Logf("outcomes: %v", outcomes)
}
