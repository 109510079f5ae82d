package registry

import (
	"context"
	"fmt"
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
	if _, err := r.Remove(storage.Freeing(ctx), ids[0]); err != nil {
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
	must(t, r.RemoveAll(storage.Freeing(ctx), ids[1:], all, func(m Removal) {
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
