package registry

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"

	"github.com/oklog/ulid/v2"
)

// large is an index of n backups as years of use leave it.
func large(n int) *Index {
	x := &Index{Version: 1}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at := start.Add(time.Duration(i) * time.Hour)
		b := record(fmt.Sprintf("loja/backup_%s.dump", at.Format("2006-01-02_15-04-05")))
		b.ID = ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String()
		b.CreatedAt, b.Status, b.Size, b.Duration = at, Success, 123456789+int64(i), 54321
		b.Checksum = strings.Repeat("0123456789abcdef", 4)
		b.Verification = &Verification{OK: true, Level: LevelFull, At: at}
		b.Stored = &Stored{ETag: "0123456789abcdef0123456789abcdef-12", CRC64NVME: "AAAAAAAAAAA="}
		x.Backups = append(x.Backups, b)
	}
	return x
}

func benchStores(b *testing.B, n int, bench func(b *testing.B, store storage.Store)) {
	data, err := large(n).marshal()
	must(b, err)
	for name, open := range map[string]func(testing.TB) storage.Store{"local": storagetest.NewLocal, "MinIO": storagetest.NewMinIO} {
		store := open(b)
		_, err := store.Put(context.Background(), IndexKey, data, storage.PutOptions{})
		must(b, err)
		b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			bench(b, store)
		})
	}
}

// BenchmarkLoad is what a list costs: one request and parsing.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		benchStores(b, n, func(b *testing.B, store storage.Store) {
			r := New(store, Options{})
			for b.Loop() {
				x, err := r.Load(context.Background())
				must(b, err)
				if len(x.Backups) != n {
					b.Fatal(len(x.Backups))
				}
			}
		})
	}
}

// BenchmarkUpdate adds a record.
func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		benchStores(b, n, func(b *testing.B, store storage.Store) {
			r := New(store, Options{})
			for b.Loop() {
				must(b, r.MarkCleanup(context.Background(), time.Now()))
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	data, err := large(10_000).marshal()
	must(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := parseIndex(data)
		must(b, err)
	}
}

func BenchmarkMarshal(b *testing.B) {
	x := large(10_000)
	b.ReportAllocs()
	for b.Loop() {
		data, err := x.marshal()
		must(b, err)
		b.SetBytes(int64(len(data)))
	}
}

// BenchmarkRebuild reads a thousand manifests.
func BenchmarkRebuild(b *testing.B) {
	for name, open := range map[string]func(testing.TB) storage.Store{"local": storagetest.NewLocal, "MinIO": storagetest.NewMinIO} {
		store := open(b)
		r := New(store, Options{})
		for _, rec := range large(1000).Backups {
			_, err := r.putJSON(context.Background(), ManifestKey(rec.ID), Manifest{Version: 1, Backup: rec}, storage.Condition{})
			must(b, err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				x, err := r.Rebuild(context.Background())
				must(b, err)
				if len(x.Backups) != 1000 {
					b.Fatal(len(x.Backups))
				}
			}
		})
	}
}

// BenchmarkRemove removes 300 of 2,000 backups: one by one with a look at the index each, and in batches.
func BenchmarkRemove(b *testing.B) {
	ctx := context.Background()
	for _, batch := range []bool{false, true} {
		b.Run(fmt.Sprintf("MinIO/batch=%v", batch), func(b *testing.B) {
			store := storagetest.NewMinIO(b)
			data, err := large(1700).marshal()
			must(b, err)
			_, err = store.Put(ctx, IndexKey, data, storage.PutOptions{})
			must(b, err)
			r := New(store, Options{})
			for b.Loop() {
				b.StopTimer()
				ids := many(b, store, 300)
				b.StartTimer()
				if batch {
					must(b, r.RemoveAll(ctx, ids, allGo(), func(m Removal) { must(b, m.Err) }))
					continue
				}
				for _, id := range ids {
					_, err := r.Load(ctx)
					must(b, err)
					_, err = r.Remove(ctx, id)
					must(b, err)
				}
			}
		})
	}
}
