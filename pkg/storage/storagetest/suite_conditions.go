package storagetest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/minio/minio-go/v7"
)

// Options of the witness.
var (
	minioGet   = minio.GetObjectOptions{}
	minioPut   = minio.PutObjectOptions{}
	minioParts = minio.PutObjectOptions{PartSize: 5 * mib}
	minioTags  = minio.GetObjectTaggingOptions{}
)

var (
	absent = storage.PutOptions{Condition: storage.Condition{IfAbsent: true}}
)

func ifMatch(etag string) storage.PutOptions {
	return storage.PutOptions{Condition: storage.Condition{IfMatch: etag}}
}

var conditionChecks = []check{
	{"CreateOnly", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		_, err := p.Store.Put(ctx, "once", []byte("first"), absent)
		must(t, err)
		_, err = p.Store.Put(ctx, "once", []byte("second"), absent)
		if !storage.IsPrecondition(err) {
			t.Fatalf("second write: %v", err)
		}
		wantReason(t, err, fault.FileSystem, fault.Precondition)
		wantObject(t, p, "once", []byte("first"))
	}},
	{"ReplaceIfUnchanged", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		first, err := p.Store.Put(ctx, "swap", []byte("1"), storage.PutOptions{})
		must(t, err)
		second, err := p.Store.Put(ctx, "swap", []byte("2"), ifMatch(first.ETag))
		must(t, err)
		if _, err = p.Store.Put(ctx, "swap", []byte("3"), ifMatch(first.ETag)); !storage.IsPrecondition(err) {
			t.Errorf("write with an old ETag: %v", err)
		}
		if _, err = p.Store.Put(ctx, "none", []byte("3"), ifMatch(first.ETag)); !storage.IsPrecondition(err) {
			t.Errorf("replacing what is not there: %v", err)
		}
		got, err := p.Store.Head(ctx, "swap")
		must(t, err)
		if got.ETag != second.ETag {
			t.Errorf("ETag %s, want %s", got.ETag, second.ETag)
		}
		wantObject(t, p, "swap", []byte("2"))
	}},
	{"CreateOnly32", func(t *testing.T, p Place) {
		var won atomic.Int32
		var g sync.WaitGroup
		for i := range 32 {
			g.Go(func() {
				_, err := p.Store.Put(context.Background(), "race", []byte(strconv.Itoa(i)), absent)
				if err == nil {
					won.Add(1)
				} else if !storage.IsPrecondition(err) {
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		g.Wait()
		if won.Load() != 1 {
			t.Errorf("%d writers created the same object", won.Load())
		}
	}},
	{"RetainWithoutLock", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		caps, err := p.Store.Probe(ctx)
		must(t, err)
		if caps.ObjectLock {
			t.Fatalf("%+v", caps)
		}
		_, err = p.Store.Put(ctx, "kept", []byte("x"), storage.PutOptions{RetainUntil: time.Now().Add(time.Hour)})
		must(t, err)
		o, err := p.Store.Head(ctx, "kept")
		must(t, err)
		if !o.RetainUntil.IsZero() {
			t.Errorf("retained until %s", o.RetainUntil)
		}
		must(t, p.Store.Delete(ctx, "kept"))
	}},
	{"Replace32", func(t *testing.T, p Place) { Writers(t, 32, 5, func(int) storage.Store { return p.Store }) }},
}

// Writers lets n writers add times entries each to one object by compare-and-swap, and asserts that none is
// lost. store gives each writer its store.
func Writers(t *testing.T, n, times int, store func(int) storage.Store) {
	t.Helper()
	ctx := ctxFor(t)
	_, err := store(0).Put(ctx, "registry.json", nil, absent)
	must(t, err)
	var g sync.WaitGroup
	for w := range n {
		g.Go(func() {
			for i := range times {
				if err := appendLine(ctx, store(w), fmt.Sprintf("%d.%d\n", w, i)); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	g.Wait()
	body, _, err := store(0).Get(ctx, "registry.json")
	must(t, err)
	lines := map[string]int{}
	for l := range strings.Lines(string(body)) {
		lines[l]++
	}
	for w := range n {
		for i := range times {
			if c := lines[fmt.Sprintf("%d.%d\n", w, i)]; c != 1 {
				t.Errorf("entry %d.%d is there %d times", w, i, c)
			}
		}
	}
}

func appendLine(ctx context.Context, s storage.Store, line string) error {
	for {
		body, o, err := s.Get(ctx, "registry.json")
		if err != nil {
			return err
		}
		if _, err = s.Put(ctx, "registry.json", append(body, line...), ifMatch(o.ETag)); err == nil {
			return nil
		}
		if !storage.IsPrecondition(err) {
			return err
		}
	}
}
