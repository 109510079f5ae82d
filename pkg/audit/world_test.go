package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

var _ api.Auditor = (*Trail)(nil)

func TestMain(m *testing.M) { testenv.Main(m) }

// onBoth runs a test on a local directory and on MinIO.
func onBoth(t *testing.T, test func(t *testing.T, store storage.Store)) {
	t.Helper()
	t.Run("local", func(t *testing.T) { t.Parallel(); test(t, storagetest.NewLocal(t)) })
	t.Run("minio", func(t *testing.T) { t.Parallel(); test(t, storagetest.NewMinIO(t)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is a time that tests move; every look at it takes a millisecond.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Millisecond)
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// did is a record as the API makes it.
func did(actor, action string) contract.AuditRecord {
	return contract.AuditRecord{Actor: actor, Action: action, Outcome: contract.AuditOutcomeAllowed, Source: "192.0.2.7", UserAgent: "test <1> & \"2\"", Detail: map[string]string{"k": "ç\u00e9漢"}}
}

// fill appends n records, an hour apart.
func fill(t testing.TB, store storage.Store, c *clock, n int) *Trail {
	t.Helper()
	trail := New(store, Options{Now: c.now})
	for i := range n {
		must(t, trail.Append(context.Background(), did(fmt.Sprintf("user-%d", i%3), "download")))
		c.add(time.Hour)
	}
	return trail
}

func verify(t testing.TB, store storage.Store) Report {
	t.Helper()
	rep, err := New(store, Options{}).Verify(context.Background())
	must(t, err)
	return rep
}

// sound asserts that the chain holds, with so many records.
func sound(t testing.TB, store storage.Store, count int64) Report {
	t.Helper()
	rep := verify(t, store)
	if !rep.OK || len(rep.Breaks) > 0 || rep.Count != count || rep.Count > 0 && (!isHash(rep.LastHash) || rep.LastAt.Before(rep.FirstAt)) {
		t.Fatalf("want %d records in a sound chain: %+v", count, rep)
	}
	return rep
}

func get(t testing.TB, store storage.Store, sequence int64) []byte {
	t.Helper()
	data, _, err := store.Get(context.Background(), keyOf(sequence))
	must(t, err)
	return data
}

func put(t testing.TB, store storage.Store, key string, data []byte) {
	t.Helper()
	_, err := store.Put(context.Background(), key, data, storage.PutOptions{})
	must(t, err)
}

// wipe removes everything, for the next run: a store of its own each would take much longer to start.
func wipe(t testing.TB, store storage.Store) {
	t.Helper()
	for o, err := range store.List(context.Background(), storage.ListOptions{}) {
		must(t, err)
		must(t, store.Delete(context.Background(), o.Key))
	}
}

func remove(t testing.TB, store storage.Store, sequences ...int64) {
	t.Helper()
	for _, n := range sequences {
		must(t, store.Delete(context.Background(), keyOf(n)))
	}
}

// kinds are the breaks of a report: "removed 3-4".
func kinds(rep Report) string {
	var out []string
	for _, b := range rep.Breaks {
		s := fmt.Sprintf("%s %d", b.Kind, b.Sequence)
		if b.To > 0 {
			s += fmt.Sprintf("-%d", b.To)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func show(v any) string {
	data, _ := json.MarshalIndent(v, "", " ")
	return string(data)
}
