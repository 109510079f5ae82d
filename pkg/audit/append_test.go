package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// all lists everything, page by page.
func all(t testing.TB, trail *Trail, p contract.ListAuditParams) []contract.AuditRecord {
	t.Helper()
	var out []contract.AuditRecord
	for {
		page, err := trail.List(context.Background(), p)
		must(t, err)
		out = append(out, page.Records...)
		if p.Cursor = page.Next; p.Cursor == "" {
			return out
		}
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		c := newClock()
		trail := fill(t, store, c, 3)
		rep := sound(t, store, 3)
		records := all(t, trail, contract.ListAuditParams{})
		if len(records) != 3 || records[0].Hash != rep.LastHash || records[0].Previous != records[1].Hash || records[2].Previous != genesis || records[2].Actor != "user-0" {
			t.Fatal(show(records))
		}
		r := contract.AuditRecord{Actor: "a\nb\xff\u2028", Action: "create", Outcome: contract.AuditOutcomeFailed, UserAgent: strings.Repeat("é", 1000),
			Detail: map[string]string{"with space\x00": "line\nbreak", "ok": strings.Repeat("x", 100_000)}}
		must(t, trail.Append(t.Context(), r))
		sound(t, store, 4)
		got := all(t, trail, contract.ListAuditParams{Limit: 1, Action: "create"})[0]
		if got.Actor != "a?b??" || len(got.UserAgent) != maxText || got.Detail["with_space_"] != "line?break" || len(got.Detail["ok"]) != maxText {
			t.Error(show(got))
		}
		if err := trail.Append(t.Context(), did("x", trimAction)); err == nil {
			t.Error("the trail's own action was taken from outside")
		}
	})
}

// TestManyWriters: 32 processes, as far as the trail can tell, write at once. No record is lost, none is there twice, and the
// chain holds.
func TestManyWriters(t *testing.T) {
	onBoth(t, func(t *testing.T, store storage.Store) {
		const writers, each = 32, 10
		var g sync.WaitGroup
		for w := range writers {
			g.Go(func() {
				trail := New(store, Options{})
				trail.patience = time.Minute // this machine may be slow; what is bounded is tested below
				for i := range each {
					if err := trail.Append(context.Background(), did(fmt.Sprintf("%d.%d", w, i), "list")); err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		g.Wait()
		sound(t, store, writers*each)
		seen := map[string]int{}
		for _, r := range all(t, New(store, Options{}), contract.ListAuditParams{Limit: 100}) {
			seen[r.Actor]++
		}
		for w := range writers {
			for i := range each {
				if n := seen[fmt.Sprintf("%d.%d", w, i)]; n != 1 {
					t.Errorf("record %d.%d is there %d times", w, i, n)
				}
			}
		}
	})
}

// TestOneProcess: appends of one process take turns, and cost one write each and a few of the head.
func TestOneProcess(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		var puts, others atomic.Int32
		trail := New(storagetest.Faulty(store, func(op, _ string) error {
			if op == "before put" {
				puts.Add(1)
			} else if strings.HasPrefix(op, "before") {
				others.Add(1)
			}
			return nil
		}), Options{})
		must(t, trail.Append(t.Context(), did("first", "list")))
		puts.Store(0)
		others.Store(0)
		must(t, trail.Append(t.Context(), did("second", "list")))
		if puts.Load() != 2 || others.Load() != 0 {
			t.Errorf("an append alone made %d puts and %d other requests", puts.Load(), others.Load())
		}
		var g sync.WaitGroup
		release, err := trail.take(t.Context()) // until all wait for their turn
		must(t, err)
		for range 32 {
			g.Go(func() {
				if err := trail.Append(context.Background(), did("x", "list")); err != nil {
					t.Error(err)
				}
			})
		}
		for trail.waiting.Load() < 32 {
			time.Sleep(time.Millisecond)
		}
		release()
		g.Wait()
		sound(t, store, 34)
		if h, err := trail.readHead(t.Context()); err != nil || h.doc.Sequence != 34 {
			t.Errorf("the head is at %d, %v", h.doc.Sequence, err)
		}
		if n := puts.Load(); n > 2+32+32/headLag+1 {
			t.Errorf("%d puts for 32 records", n)
		}
	})
}

// TestDeathAtEveryStep: the process dies before or after any request of three appends. The next one goes on, and the chain holds.
func TestDeathAtEveryStep(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		run := func(n int) (calls int) {
			wipe(t, store)
			hook, count := storagetest.DieAt(n)
			dying := New(storagetest.Faulty(store, hook), Options{})
			acknowledged := int64(0)
			for range 3 {
				if dying.Append(t.Context(), did("dying", "list")) == nil {
					acknowledged++
				}
			}
			must(t, New(store, Options{}).Append(t.Context(), did("next", "list")))
			rep := verify(t, store)
			if !rep.OK || rep.Count < acknowledged+1 || rep.Count > acknowledged+2 {
				t.Errorf("died at %d: %d acknowledged, %+v", n, acknowledged, rep)
			}
			return count()
		}
		total := run(0)
		for n := 1; n <= total; n++ {
			run(n)
		}
	})
}

// TestLostAnswer: the record was written, and the answer says otherwise. It must not be there twice.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		for name, lie := range map[string]error{
			"refused": fault.New(fault.FileSystem, fault.Precondition, "", "it exists already"),
			"broken":  fault.New(fault.FileSystem, fault.StorageUnreachable, "", "the connection broke"),
			"odd":     errors.New("odd"),
		} {
			before := verify(t, store).Count
			lost := 0
			trail := New(storagetest.Faulty(store, func(op, key string) error {
				if op == "after put" && key != headKey {
					lost++
					return lie
				}
				return nil
			}), Options{})
			must(t, trail.Append(t.Context(), did(name, "list")))
			must(t, trail.Append(t.Context(), did(name, "list")))
			sound(t, store, before+2)
			if lost != 2 {
				t.Errorf("%s: %d answers were lost", name, lost)
			}
		}
	})
}

// TestStorageFails: an error is given, in time, and the trail goes on afterwards.
func TestStorageFails(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	var down atomic.Bool
	trail := New(storagetest.Faulty(store, func(op, _ string) error {
		if down.Load() && strings.HasPrefix(op, "before") {
			return fault.New(fault.FileSystem, fault.StorageUnreachable, "", "away")
		}
		return nil
	}), Options{})
	must(t, trail.Append(t.Context(), did("x", "list")))
	down.Store(true)
	if err := trail.Append(t.Context(), did("x", "list")); !fault.HasReason(err, fault.StorageUnreachable) {
		t.Errorf("%v", err)
	}
	down.Store(false)
	must(t, trail.Append(t.Context(), did("x", "list")))
	sound(t, store, 2)

	trail.patience = 50 * time.Millisecond
	release, err := trail.take(t.Context())
	must(t, err)
	if err := trail.Append(t.Context(), did("x", "list")); !fault.HasReason(err, fault.Busy) {
		t.Errorf("%v", err)
	}
	release()
	sound(t, store, 2)
}

// TestHeadLost: without the head, or with one that nobody can read, the trail goes on where it was.
func TestHeadLost(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		fill(t, store, newClock(), 3)
		for i, bad := range []string{"", "{", `{"sequence":-1}`, `{"sequence":1,"hash":"x"}`} {
			if bad == "" {
				must(t, store.Delete(t.Context(), headKey))
			} else {
				put(t, store, headKey, []byte(bad))
			}
			if rep := verify(t, store); kinds(rep) != fmt.Sprintf("truncated %d", 4+i) {
				t.Errorf("%q: %s", bad, kinds(rep))
			}
			if got := all(t, New(store, Options{}), contract.ListAuditParams{}); len(got) != 3+i {
				t.Errorf("%q: %d records are listed", bad, len(got))
			}
			must(t, New(store, Options{}).Append(t.Context(), did("x", "list")))
			sound(t, store, int64(4+i))
		}
	})
}
