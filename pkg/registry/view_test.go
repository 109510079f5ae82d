package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// watched counts the requests for registry.json.
type watched struct {
	storage.Store
	gets, heads, reading, most atomic.Int32
	slow                       time.Duration
}

func (c *watched) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	if key == IndexKey {
		c.gets.Add(1)
		n := c.reading.Add(1)
		for m := c.most.Load(); n > m && !c.most.CompareAndSwap(m, n); m = c.most.Load() {
		}
		defer c.reading.Add(-1)
		time.Sleep(c.slow)
	}
	return c.Store.Get(ctx, key)
}

func (c *watched) Head(ctx context.Context, key string) (storage.Object, error) {
	if key == IndexKey {
		c.heads.Add(1)
	}
	return c.Store.Head(ctx, key)
}

func fill(t testing.TB, store storage.Store, x *Index) {
	t.Helper()
	data, err := x.marshal()
	must(t, err)
	_, err = store.Put(t.Context(), IndexKey, data, storage.PutOptions{})
	must(t, err)
}

// Readers of one process parse registry.json once while it is the same, one at a time, and see each change.
func TestReadersShare(t *testing.T) {
	stores(t, func(t *testing.T, inner storage.Store) {
		store := &watched{Store: inner, slow: 5 * time.Millisecond}
		fill(t, store, large(50))
		r := New(store, Options{})
		read := func() (views map[*View]bool) {
			views = map[*View]bool{}
			var mu sync.Mutex
			var all sync.WaitGroup
			for range 40 {
				all.Go(func() {
					v, err := r.Read(t.Context())
					if err != nil || v.Len() < 50 {
						t.Error(v, err)
					}
					mu.Lock()
					views[v] = true
					mu.Unlock()
				})
			}
			all.Wait()
			return views
		}
		read()
		if n := store.gets.Load(); n != 1 {
			t.Errorf("40 readers at once read registry.json %d times", n)
		}
		before := store.gets.Load()
		first := read()
		if n := store.gets.Load() - before; n != 0 || len(first) != 1 {
			t.Errorf("registry.json is the same, and was read %d times by %d views", n, len(first))
		}
		must(t, New(inner, Options{}).MarkCleanup(t.Context(), time.Now()))
		second := read()
		for v := range second {
			if first[v] || v.LastCleanup().IsZero() {
				t.Error("a reader did not see what was written before it began")
			}
		}
		if n := store.gets.Load() - before; n != 1 {
			t.Errorf("registry.json changed once, and was read %d times", n)
		}
		if m := store.most.Load(); m != 1 {
			t.Errorf("registry.json was in flight %d times at once", m)
		}
	})
}

// What readers get is theirs: nothing that they do to it is seen by others, nor what a writer does meanwhile.
func TestReadersCannotChange(t *testing.T) {
	store := storagetest.NewLocal(t)
	fill(t, store, large(3))
	r := New(store, Options{})
	v, err := r.Read(t.Context())
	must(t, err)
	id := v.index.Backups[1].ID
	want := show(v.index)
	for b := range v.Newest() {
		b.Status, b.Filename = Failed, "changed"
	}
	b, _, _ := v.Find(t.Context(), id)
	b.addVerifications(Verification{Level: LevelRestored, Problems: []Problem{{Detail: "x"}}, At: time.Now()})
	x, err := r.Load(t.Context())
	must(t, err)
	x.Find(id).Database = "changed"
	x.Remove(id)
	_, err = r.SetVerification(t.Context(), id, Verification{OK: true, Level: LevelRestored, At: time.Now()}, 5)
	must(t, err)
	if got := show(v.index); got != want {
		t.Errorf("the view changed:\n%s\n%s", got, want)
	}
	now, err := r.Read(t.Context())
	must(t, err)
	if b, _, _ := now.Find(t.Context(), id); b.UncompressedSize != 5 || now.Len() != 3 {
		t.Errorf("the next reader got %+v", b)
	}
}

// odd is a service whose ETags are something else than MD5 sums: as long as one, as with SSE-KMS, or anything.
type odd struct {
	storage.Store
	etag func(string) string
}

func (o odd) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	data, is, err := o.Store.Get(ctx, key)
	is.ETag = o.etag(is.ETag)
	return data, is, err
}

func (o odd) Head(ctx context.Context, key string) (storage.Object, error) {
	is, err := o.Store.Head(ctx, key)
	is.ETag = o.etag(is.ETag)
	return is, err
}

// An index that is replaced by another one of the same size is read again, whatever the service's ETags are; without any
// ETag it is read each time.
func TestSameSizeIsReadAgain(t *testing.T) {
	etags := map[string]func(string) string{
		"any": func(s string) string { return s },
		"like": func(s string) string {
			return fmt.Sprintf(`"%032x"`, len(s)+int(s[len(s)-2])<<8+int(s[len(s)-3])<<16+int(s[len(s)-4])<<24)
		},
		"none": func(string) string { return "" },
	}
	for name, etag := range etags {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewLocal(t)
			x := large(2)
			fill(t, store, x)
			r := New(odd{store, etag}, Options{})
			for _, database := range []string{"loja", "ajol", "joal", "loja"} {
				for i := range x.Backups {
					x.Backups[i].Database = database
				}
				fill(t, store, x)
				for range 2 {
					v, err := r.Read(t.Context())
					must(t, err)
					if b, _, _ := v.Find(t.Context(), x.Backups[0].ID); b.Database != database {
						t.Errorf("read %q, stored is %q", b.Database, database)
					}
				}
			}
		})
	}
}

// blocking reads registry.json when it may, and fails with what it is told.
type blocking struct {
	storage.Store
	began, goOn chan struct{}
	refuse      atomic.Pointer[fault.Error]
}

func (b *blocking) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	b.began <- struct{}{}
	select {
	case <-b.goOn:
	case <-ctx.Done():
		return nil, storage.Object{}, context.Cause(ctx)
	}
	if err := b.refuse.Load(); err != nil {
		return nil, storage.Object{}, err
	}
	return b.Store.Get(ctx, key)
}

// A reader that gives up while it loads for all takes none of them along. What the storage refuses one is told to all that
// wait for it, and to none that comes later.
func TestReadersGiveUpAlone(t *testing.T) {
	inner := storagetest.NewLocal(t)
	fill(t, inner, large(2))
	store := &blocking{Store: inner, began: make(chan struct{}, 100), goOn: make(chan struct{})}
	r := New(store, Options{})
	ctx, leave := context.WithCancelCause(t.Context())
	left := errors.New("left")
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := r.Read(ctx); !errors.Is(err, left) {
			t.Errorf("who left got %v", err)
		}
	})
	<-store.began
	for range 5 {
		all.Go(func() {
			if v, err := r.Read(t.Context()); err != nil || v.Len() != 2 {
				t.Error(v, err)
			}
		})
	}
	leave(left)
	close(store.goOn)
	all.Wait()

	refused := fault.New(fault.FileSystem, fault.StorageFailed, "", "the storage is away")
	store.refuse.Store(refused)
	fill(t, inner, large(3))
	for range 5 {
		all.Go(func() {
			if _, err := r.Read(t.Context()); !errors.Is(err, refused) {
				t.Errorf("error is %v", err)
			}
		})
	}
	all.Wait()
	store.refuse.Store(nil)
	v, err := r.Read(t.Context())
	must(t, err)
	if v.Len() != 3 {
		t.Error(v.Len())
	}
}

// Readers of one process read each page once while it is remembered, and one page at a time, so that no number of them has the bytes of
// several in flight.
func TestReadersSharePages(t *testing.T) {
	store := storagetest.NewLocal(t)
	all := settled(t, paged(store, 4), 12)
	var mu sync.Mutex
	gets, reading, most := map[string]int{}, 0, 0
	r := New(storagetest.Faulty(store, func(op, key string) error {
		if !strings.HasPrefix(key, PagesPrefix) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		switch op {
		case "before get":
			gets[key]++
			reading++
			most = max(most, reading)
		case "after get":
			reading--
		}
		return nil
	}), Options{Newest: 4})
	var readers sync.WaitGroup
	for range 290 {
		readers.Go(func() {
			v, err := r.Read(t.Context())
			seen := 0
			if err == nil {
				for _, werr := range v.Walk(t.Context(), nil) {
					err = errors.Join(err, werr)
					seen++
				}
			}
			if err != nil || seen != len(all) {
				t.Errorf("a reader saw %d backups of %d: %v", seen, len(all), err)
			}
		})
	}
	readers.Wait()
	if most != 1 || len(gets) != keptPages {
		t.Errorf("%d pages, %d in flight at once", len(gets), most)
	}
	for key, n := range gets {
		if n != 1 {
			t.Errorf("%s was read %d times", key, n)
		}
	}
}
