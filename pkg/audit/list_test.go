package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

func TestList(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		c := newClock()
		start := c.now()
		empty, err := New(store, Options{}).List(t.Context(), contract.ListAuditParams{})
		if err != nil || empty.Records == nil || len(empty.Records) != 0 || empty.Next != "" {
			t.Fatalf("%+v, %v", empty, err)
		}
		trail := New(store, Options{Now: c.now})
		const id = "01JH5W0R8ZB3M7K2Q4X9T6V1NA"
		for i := range 40 {
			r := did(fmt.Sprintf("user-%d", i%4), "list")
			if i%5 == 0 {
				r.Outcome, r.Code, r.Reason = contract.AuditOutcomeDenied, "PermissionError", "not_allowed"
			}
			if i == 7 {
				r.Action, r.Resource = "delete", id
			}
			must(t, trail.Append(t.Context(), r))
			c.add(time.Hour)
		}
		at := func(h int) time.Time { return start.Add(time.Duration(h) * time.Hour) }
		for name, q := range map[string]struct {
			p    contract.ListAuditParams
			want int
		}{
			"everything":    {contract.ListAuditParams{}, 40},
			"actor":         {contract.ListAuditParams{Actor: "user-1"}, 10},
			"nobody":        {contract.ListAuditParams{Actor: "user"}, 0},
			"action":        {contract.ListAuditParams{Action: "delete"}, 1},
			"without reads": {contract.ListAuditParams{WithoutReads: true}, 9}, // the one deletion, and the eight reads that were denied
			"resource":      {contract.ListAuditParams{Resource: id}, 1},
			"outcome":       {contract.ListAuditParams{Outcome: "denied"}, 8},
			"two of them":   {contract.ListAuditParams{Outcome: "denied", Actor: "user-0"}, 2},
			"since":         {contract.ListAuditParams{Since: at(30)}, 10},
			"until":         {contract.ListAuditParams{Until: at(30)}, 30},
			"between":       {contract.ListAuditParams{Since: at(10), Until: at(12)}, 2},
			"never":         {contract.ListAuditParams{Since: at(12), Until: at(10)}, 0},
			"in the future": {contract.ListAuditParams{Since: at(1000)}, 0},
		} {
			for _, limit := range []int{0, 1, 3, 7, 100000} {
				q.p.Limit = limit
				got := all(t, trail, q.p)
				if len(got) != q.want {
					t.Errorf("%s, by %d: %d records, want %d", name, limit, len(got), q.want)
				}
				for i := 1; i < len(got); i++ {
					if got[i].At.After(got[i-1].At) || got[i].ID == got[i-1].ID {
						t.Errorf("%s, by %d: not newest first", name, limit)
					}
				}
			}
		}

		// New records, and those that are gone, do not shift the pages.
		page, err := trail.List(t.Context(), contract.ListAuditParams{Limit: 10})
		must(t, err)
		must(t, trail.Append(t.Context(), did("new", "list")))
		remove(t, store, 30, 1, 2)
		next, err := trail.List(t.Context(), contract.ListAuditParams{Limit: 100, Cursor: page.Next})
		must(t, err)
		if len(next.Records) != 27 || next.Next != "" || next.Records[0].At.After(page.Records[9].At) {
			t.Errorf("%d records, next %q", len(next.Records), next.Next)
		}
		late, err := trail.List(t.Context(), contract.ListAuditParams{Cursor: encodeCursor(maxSequence)})
		if err != nil || len(late.Records) != 38 {
			t.Errorf("%d records, %v", len(late.Records), err)
		}
		for _, bad := range []string{"x", "YTE6", encodeCursor(0), encodeCursor(-1), encodeCursor(maxSequence + 1), "MTowMUpINQ", "%%%"} {
			if _, err := trail.List(t.Context(), contract.ListAuditParams{Cursor: bad}); !fault.HasReason(err, fault.InvalidInput) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

// TestListPlanted: objects that somebody else wrote under audit/ hide no record, keep no list from ending, and are shown in what a record can hold.
func TestListPlanted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		fill(t, store, newClock(), 20)
		planted := func(n int64, actor string) {
			put(t, store, keyOf(n), []byte(fmt.Sprintf(`{"sequence":%d,"id":"X","at":"2026-03-04T05:06:07Z","actor":%q,"action":"delete","outcome":"allowed"}`, n, actor)))
		}
		for _, n := range []int64{500, 70_000, 80_000_000, maxSequence - 1, maxSequence} {
			planted(n, "far")
		}
		planted(30, "long \u0085"+strings.Repeat("x", 50_000))
		put(t, store, headKey, []byte(fmt.Sprintf(`{"sequence":%d,"hash":%q}`, int64(maxSequence), genesis)))
		for name, q := range map[string]struct {
			p    contract.ListAuditParams
			want int
		}{
			"everything": {contract.ListAuditParams{}, 26}, "by three": {contract.ListAuditParams{Limit: 3}, 26}, "actor": {contract.ListAuditParams{Actor: "user-1"}, 7},
		} {
			calls := 0
			var got []contract.AuditRecord
			for {
				page, err := New(store, Options{}).List(t.Context(), q.p)
				must(t, err)
				got = append(got, page.Records...)
				if q.p.Cursor = page.Next; q.p.Cursor == "" {
					break
				}
				if calls++; calls > 20 {
					t.Fatalf("%s: no end after %d calls, with %d records", name, calls, len(got))
				}
			}
			if len(got) != q.want {
				t.Errorf("%s: %d records, want %d", name, len(got), q.want)
			}
			for _, r := range got {
				if len(r.Actor) > maxText || strings.Contains(r.Actor, "\u0085") {
					t.Errorf("%s: an actor of %d bytes", name, len(r.Actor))
				}
			}
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor(42))
	f.Add("YTE6MDA3")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := decodeCursor(s)
		if err == nil && s != "" && (n < 1 || n > maxSequence || encodeCursor(n) != s) {
			t.Errorf("%q is read as %d", s, n)
		}
	})
}

func TestListMarksWhatWasChanged(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		trail := New(store, Options{Now: newClock().now})
		for range 4 {
			must(t, trail.Append(t.Context(), did("user-0", "delete")))
		}
		swap := func(sequence int64, old, changed string) {
			data, _, err := store.Get(t.Context(), keyOf(sequence))
			must(t, err)
			put(t, store, keyOf(sequence), []byte(strings.Replace(string(data), old, changed, 1)))
		}
		swap(2, "user-0", "user-1")
		swap(3, "{", `{"unsound":false,`)
		page, err := trail.List(t.Context(), contract.ListAuditParams{})
		must(t, err)
		var marks []bool
		for _, r := range page.Records {
			marks = append(marks, r.Unsound)
		}
		if !slices.Equal(marks, []bool{false, true, true, false}) {
			t.Errorf("of the records, the newest first, these are marked: %v", marks)
		}
	})
}
