package registry

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// reads counts the objects that are read.
type reads struct {
	storage.Store
	gets atomic.Int64
}

func (c *reads) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	c.gets.Add(1)
	return c.Store.Get(ctx, key)
}

// Who looks at many sources again and again reads those that have changed, and whatever is wrong with some of them once.
func TestLooksReadWhatHasChanged(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	stores(t, func(t *testing.T, store storage.Store) {
		const n = 20
		c := &reads{Store: store}
		key := newSealKey(t)
		r, other := New(c, Options{Key: key}), New(store, Options{Key: key})
		for i := range n {
			name := fmt.Sprintf("s%d", i)
			must(t, other.NoteSource(ctx, name, now))
			_, err := other.Keep(ctx, aKept(name, `{}`), now, "ana")
			must(t, err)
		}
		for _, k := range []string{SourceKey("bad"), KeptKey(KeptSource, "bad")} {
			_, err := store.Put(ctx, k, []byte(`{"name":`), storage.PutOptions{})
			must(t, err)
		}
		listed := true // with ETags: a directory has none to tell without reading
		for o, err := range store.List(ctx, storage.ListOptions{Prefix: SourcesPrefix}) {
			must(t, err)
			listed = o.ETag != ""
		}
		look := func(want int64) (records []source.Record, kept []Kept) {
			t.Helper()
			before := c.gets.Load()
			records, unread, err := r.Sources(ctx)
			must(t, err)
			kept, untaken, err := r.AllKept(ctx, KeptSource)
			must(t, err)
			if got := c.gets.Load() - before; listed && got != want {
				t.Errorf("%d objects are read, want %d", got, want)
			}
			if len(unread) > 1 || len(untaken) > 1 {
				t.Errorf("%v, %v", unread, untaken)
			}
			return records, kept
		}
		look(2*n + 2)
		look(0)
		_, err := other.ChangeSource(ctx, "s3", now, func(rec source.Record) (source.Record, error) { rec.Database = "moved"; return rec, nil })
		must(t, err)
		was, err := other.Kept(ctx, KeptSource, "s4")
		must(t, err)
		was.Settings = []byte(`{"jobs":7}`)
		_, err = other.Keep(ctx, was, now, "ana")
		must(t, err)
		_, err = store.Put(ctx, SourceKey("bad"), []byte(`{"version":1,"name":"bad"}`), storage.PutOptions{})
		must(t, err)
		must(t, other.Discard(ctx, KeptSource, "s5"))
		records, kept := look(3)
		found := 0
		for _, rec := range records {
			if rec.Name == "bad" || rec.Name == "s3" && rec.Database == "moved" {
				found++
			}
		}
		for _, k := range kept {
			if k.Name == "s4" && bytes.Contains(k.Settings, []byte("7")) {
				found++
			}
		}
		if found != 3 || len(records) != n+1 || len(kept) != n-1 {
			t.Errorf("%d of 3 changes are seen; %d records, %d kept", found, len(records), len(kept))
		}
		look(0)
	})
}
