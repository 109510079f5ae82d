package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// movable is a clock that tests move.
type movable struct{ at atomic.Int64 }

func newMovable() *movable {
	m := &movable{}
	m.at.Store(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).UnixNano())
	return m
}

func (m *movable) now() time.Time      { return time.Unix(0, m.at.Load()).UTC() }
func (m *movable) add(d time.Duration) { m.at.Add(int64(d)) }

// counted is a store with the number of requests made to it.
func counted(s storage.Store) (storage.Store, *atomic.Int32) {
	var n atomic.Int32
	return storagetest.Faulty(s, func(op, _ string) error {
		if strings.HasPrefix(op, "before") {
			n.Add(1)
		}
		return nil
	}), &n
}

func onBothStores(t *testing.T, test func(*testing.T, storage.Store)) {
	t.Run("local", func(t *testing.T) { test(t, storagetest.NewLocal(t)) })
	t.Run("minio", func(t *testing.T) { test(t, storagetest.NewMinIO(t)) })
}

// TestAllowanceOverInstances: a user hammers several instances at once. Together they let through what is allowed and not more,
// for little storage, and another user does not notice.
func TestAllowanceOverInstances(t *testing.T) {
	onBothStores(t, func(t *testing.T, store storage.Store) {
		const limit, instances, tries = 300, 5, 400 // more tries each than could pass
		clock := newMovable()
		store, requests := counted(store)
		var all []*Allowance
		for range instances {
			all = append(all, NewAllowance(store, limit, clock.now))
		}
		var passed, refused atomic.Int32
		var g sync.WaitGroup
		for i := range instances * 4 {
			g.Go(func() {
				for range tries / 4 {
					err := all[i%instances].Allow(context.Background(), "greedy")
					if err == nil {
						passed.Add(1)
						continue
					}
					refused.Add(1)
					f := fault.From(err)
					if f.Code != fault.Validation || f.Reason != RateLimited || f.RetryAfter < time.Second || f.RetryAfter > time.Minute || !strings.Contains(f.Hint, "BACKUP_MAX_REQUESTS_PER_MINUTE") {
						t.Errorf("%v, again after %s", err, f.RetryAfter)
					}
				}
			})
		}
		g.Wait()
		if passed.Load() != limit || refused.Load() != instances*tries-limit {
			t.Errorf("%d passed and %d were refused", passed.Load(), refused.Load())
		}
		if n := requests.Load(); n > limit/2 {
			t.Errorf("%d storage requests for %d", n, instances*tries)
		}
		for _, a := range all {
			must(t, a.Allow(t.Context(), "other"))
		}
	})
}

// TestAllowanceInAnyMinute: over some minutes, in which the user asks as often as it can, no 60 seconds see more than the limit and
// what instances may hold of earlier blocks.
func TestAllowanceInAnyMinute(t *testing.T) {
	store := storagetest.NewLocal(t)
	const limit, instances = 60, 3
	clock := newMovable()
	var all []*Allowance
	for range instances {
		all = append(all, NewAllowance(store, limit, clock.now))
	}
	var at []time.Time
	for range 200 { // seconds
		for i := range 6 {
			if all[i%instances].Allow(t.Context(), "user") == nil {
				at = append(at, clock.now())
			}
		}
		clock.add(time.Second)
	}
	if len(at) < 3*limit-limit/4 {
		t.Errorf("only %d passed in 200 seconds", len(at))
	}
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= time.Minute {
			first++
		}
		if n := i - first + 1; n > limit+instances*limit/10 {
			t.Fatalf("%d passed within a minute", n)
		}
	}
}

// TestAllowanceComesBack: who waits as long as it is told gets through.
func TestAllowanceComesBack(t *testing.T) {
	store := storagetest.NewLocal(t)
	clock := newMovable()
	for _, limit := range []int{1, 2, 7, 59, 120} {
		a := NewAllowance(store, limit, clock.now)
		user := fmt.Sprint("user", limit)
		n := 0
		for a.Allow(t.Context(), user) == nil {
			n++
		}
		if n != limit {
			t.Errorf("%d passed, of %d", n, limit)
		}
		clock.add(20 * time.Second)
		err := a.Allow(t.Context(), user)
		wait := fault.From(err).RetryAfter
		if err == nil || wait > 40*time.Second {
			t.Errorf("%v, after %s", err, wait)
		}
		clock.add(wait)
		must(t, a.Allow(t.Context(), user))
		must(t, NewAllowance(store, 0, clock.now).Allow(t.Context(), user))
	}
}

// TestAllowanceIsCheap: a user who asks every few seconds costs less than a storage request each.
func TestAllowanceIsCheap(t *testing.T) {
	store, requests := counted(storagetest.NewLocal(t))
	clock := newMovable()
	a := NewAllowance(store, 300, clock.now)
	for range 200 {
		must(t, a.Allow(t.Context(), "watcher"))
		clock.add(3 * time.Second)
	}
	if n := requests.Load(); n > 100 {
		t.Errorf("%d storage requests for 200 requests in 10 minutes", n)
	}
}

// TestAllowanceWithoutStorage: requests pass, the log says so, and storage is not asked for each of them.
func TestAllowanceWithoutStorage(t *testing.T) {
	inner := storagetest.NewLocal(t)
	asked := 0
	down := true
	store := storagetest.Faulty(inner, func(op, _ string) error {
		asked++
		if down {
			return fault.New(fault.FileSystem, fault.StorageUnreachable, "", "away")
		}
		return nil
	})
	clock := newMovable()
	var log bytes.Buffer
	a := NewAllowance(store, 1, clock.now)
	a.Log = slog.New(slog.NewTextHandler(&log, nil))
	for range 100 {
		must(t, a.Allow(t.Context(), "user"))
	}
	if asked != 1 || !strings.Contains(log.String(), "pass without being counted") {
		t.Errorf("asked %d times; log: %s", asked, log.String())
	}
	down = false
	clock.add(allowancePause)
	must(t, a.Allow(t.Context(), "user"))
	if err := a.Allow(t.Context(), "user"); !fault.HasReason(err, RateLimited) {
		t.Errorf("%v", err)
	}
}

// TestAllowanceDamaged: what somebody else wrote there, or a clock far ahead, does not lock a user out for longer than a minute.
func TestAllowanceDamaged(t *testing.T) {
	store := storagetest.NewLocal(t)
	clock := newMovable()
	must(t, NewAllowance(store, 5, clock.now).Allow(t.Context(), "user"))
	key := ""
	for o, err := range store.List(t.Context(), storage.ListOptions{Prefix: limitsPrefix}) {
		must(t, err)
		key = o.Key
	}
	if strings.Contains(key, "user") || len(key) != len(limitsPrefix)+32+5 {
		t.Errorf("the key is %q", key)
	}
	for _, text := range []string{"", "garbage", `{"grants":[{"at":"2026-01-01T00:00:00Z","n":9999}]}`, `{"grants":[{"at":"2026-03-04T05:06:07Z","n":-9999}]}`} {
		_, err := store.Put(t.Context(), key, []byte(text), storage.PutOptions{})
		must(t, err)
		must(t, NewAllowance(store, 5, clock.now).Allow(t.Context(), "user"))
	}
	_, err := store.Put(t.Context(), key, []byte(`{"grants":[{"at":"2099-01-01T00:00:00Z","n":9999},{"at":"2026-03-04T05:06:07Z","n":1}]}`), storage.PutOptions{})
	must(t, err)
	must(t, NewAllowance(store, 5, clock.now).Allow(t.Context(), "user"))
	_, err = store.Put(t.Context(), key, []byte(`{"grants":[{"at":"2026-03-04T05:06:50Z","n":9999}]}`), storage.PutOptions{})
	must(t, err)
	a := NewAllowance(store, 5, clock.now)
	err = a.Allow(t.Context(), "user")
	if wait := fault.From(err).RetryAfter; !fault.HasReason(err, RateLimited) || wait != 103*time.Second {
		t.Errorf("%v, after %s", err, wait)
	}
	clock.add(103 * time.Second)
	must(t, a.Allow(t.Context(), "user"))
}

func FuzzAllowance(f *testing.F) {
	f.Add([]byte(`{"grants":[{"at":"2026-03-04T05:06:07Z","n":30}]}`))
	f.Add([]byte(`{"grants":[{"at":"9999-03-04T05:06:07Z","n":9223372036854775807},{"n":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var doc allowed
		if json.Unmarshal(data, &doc) != nil {
			return
		}
		free, wait := doc.settle(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), 300)
		if free > 300 || wait < 0 || wait > 2*allowanceSpan {
			t.Errorf("%d free, wait %s", free, wait)
		}
	})
}

// TestIdleAllowancesGo: after a day without a change, and not before; one that is changed between the list and its removal stays,
// and a writer that finds its object gone makes it anew.
func TestIdleAllowancesGo(t *testing.T) {
	onBothStores(t, func(t *testing.T, store storage.Store) {
		ctx, clock := t.Context(), newMovable()
		for _, user := range []string{"a", "b", "c"} {
			must(t, NewAllowance(store, 60, clock.now).Allow(ctx, user))
		}
		n, err := New(store, Options{Ahead: allowanceIdle - time.Hour}).ForgetAllowances(ctx)
		if must(t, err); n != 0 {
			t.Fatalf("%d went too early", n)
		}
		heads := 0
		back := Options{Ahead: allowanceIdle + time.Hour}
		hooked := storagetest.Faulty(store, func(op, key string) error {
			if op == "before head" && strings.HasPrefix(key, limitsPrefix) {
				if heads++; heads == 1 { // somebody else's cleanup was faster
					return store.Delete(ctx, key)
				}
			}
			return nil
		})
		n, err = New(hooked, back).ForgetAllowances(ctx)
		if must(t, err); n != 2 || heads != 3 {
			t.Fatalf("%d went, %d looked at", n, heads)
		}
		for o, err := range store.List(ctx, storage.ListOptions{Prefix: limitsPrefix}) {
			must(t, err)
			t.Errorf("%s is left", o.Key)
		}
		clock.add(time.Hour)
		must(t, NewAllowance(store, 60, clock.now).Allow(ctx, "a"))
		gone := false
		racing := storagetest.Faulty(store, func(op, key string) error {
			if op == "before put" && strings.HasPrefix(key, limitsPrefix) && !gone {
				gone = true
				_, err := New(store, back).ForgetAllowances(ctx)
				return err
			}
			return nil
		})
		var log bytes.Buffer
		a := NewAllowance(racing, 60, clock.now)
		a.Log = slog.New(slog.NewTextHandler(&log, nil))
		must(t, a.Allow(ctx, "a"))
		if log.Len() > 0 {
			t.Errorf("the writer did not find its way: %s", log.String())
		}
		found := 0
		for _, err := range store.List(ctx, storage.ListOptions{Prefix: limitsPrefix}) {
			must(t, err)
			found++
		}
		if found != 1 {
			t.Errorf("%d allowances", found)
		}
	})
}

// aged is a store in which one allowance is changed after it was listed, as its date shows.
type aged struct {
	storage.Store
	key string
}

func (s aged) Head(ctx context.Context, key string) (storage.Object, error) {
	o, err := s.Store.Head(ctx, key)
	if key == s.key {
		o.LastModified = o.LastModified.Add(allowanceIdle)
	}
	return o, err
}

func TestAllowanceThatCameBackStays(t *testing.T) {
	ctx, clock := t.Context(), newMovable()
	store := storagetest.NewLocal(t)
	var keys []string
	for _, user := range []string{"a", "b"} {
		must(t, NewAllowance(store, 60, clock.now).Allow(ctx, user))
	}
	for o, err := range store.List(ctx, storage.ListOptions{Prefix: limitsPrefix}) {
		must(t, err)
		keys = append(keys, o.Key)
	}
	n, err := New(aged{store, keys[0]}, Options{Ahead: allowanceIdle + time.Hour}).ForgetAllowances(ctx)
	if must(t, err); n != 1 {
		t.Errorf("%d went", n)
	}
	_, err = store.Head(ctx, keys[0])
	must(t, err)
	absent(t, store, keys[1])
}

// What somebody has put in the place of an allowance is replaced, also where it is too large to be read.
func TestAllowanceTooLargeToRead(t *testing.T) {
	onBothStores(t, func(t *testing.T, store storage.Store) {
		clock := newMovable()
		must(t, NewAllowance(store, 5, clock.now).Allow(t.Context(), "u"))
		must(t, NewAllowance(store, 5, clock.now).Allow(storage.Within(t.Context(), 1), "u"))
	})
}
