package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"cofre/pkg/storage"
	"cofre/pkg/storage/local"
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
					must(b, r.RemoveAll(ctx, ids, "ana", allGo(), func(m Removal) { must(b, m.Err) }))
					continue
				}
				for _, id := range ids {
					_, err := r.Load(ctx)
					must(b, err)
					_, err = r.Remove(ctx, id, "ana")
					must(b, err)
				}
			}
		})
	}
}

// BenchmarkMillion rebuilds the records of COFRE_RECORDS backups (100,000 unless set) from manifests alone, then reconciles, reads the
// first page of a list, and removes 300 of the oldest. The manifests are put straight into a directory; a million takes 4 GB of disk.
//
//	COFRE_RECORDS=1000000 go test ./pkg/registry -run '^$' -bench Million -benchtime 1x -timeout 2h
func BenchmarkMillion(b *testing.B) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("COFRE_RECORDS"), "100000"))
	must(b, err)
	ctx, dir := context.Background(), b.TempDir()
	must(b, os.Mkdir(filepath.Join(dir, ManifestsPrefix), 0o700))
	start, oldest := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), make([]string, 0, 300)
	for i := range n {
		at := start.Add(time.Duration(i) * time.Minute)
		rec := record(fmt.Sprintf("loja/backup_%s.dump", at.Format("2006-01-02_15-04-05")))
		rec.ID = ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String()
		rec.CreatedAt, rec.Status, rec.Size, rec.Source = at, Success, 123456789+int64(i), "loja"
		rec.Checksum = strings.Repeat("0123456789abcdef", 4)
		rec.Verification = &Verification{OK: true, Level: LevelFull, At: at}
		data, err := json.Marshal(Manifest{Version: 1, Backup: rec})
		must(b, err)
		must(b, os.WriteFile(filepath.Join(dir, ManifestKey(rec.ID)), data, 0o600))
		if len(oldest) < cap(oldest) {
			oldest = append(oldest, rec.ID)
		}
	}
	store, err := local.Open(local.Config{Directory: dir, Volatile: true})
	must(b, err)
	step := func(name string, do func(r *Registry)) {
		runtime.GC()
		debug.FreeOSMemory()
		must(b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)) // the peak begins anew
		begin := time.Now()
		do(New(store, Options{}))
		b.ReportMetric(time.Since(begin).Seconds(), "s/"+name)
		b.ReportMetric(peakMB(b), "MB/"+name)
	}
	for b.Loop() {
		step("rebuild", func(r *Registry) {
			_, err := r.Rebuild(ctx)
			must(b, err)
		})
		step("reconcile", func(r *Registry) {
			_, err := r.Reconcile(ctx)
			must(b, err)
		})
		step("list", func(r *Registry) {
			v, err := r.Read(ctx)
			must(b, err)
			seen := 0
			for _, err := range v.Walk(ctx, nil) {
				must(b, err)
				if seen++; seen == 50 {
					break
				}
			}
			if v.Len() != n {
				b.Fatalf("%d of %d", v.Len(), n)
			}
		})
		step("remove", func(r *Registry) {
			must(b, r.RemoveAll(ctx, oldest, "ana", allGo(), func(m Removal) { must(b, m.Err) }))
		})
	}
	b.ReportMetric(0, "ns/op")
}

// peakMB is how much memory this process has had at once.
func peakMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	must(b, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseFloat(kb, 64)
	must(b, err)
	return n / 1000
}
