package registry

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// under returns the keys with a prefix.
func under(t *testing.T, store storage.Store, prefix string) []string {
	t.Helper()
	return slices.DeleteFunc(keys(t, store), func(key string) bool { return !strings.HasPrefix(key, prefix) })
}

// A pin keeps a backup from being removed, whatever becomes of registry.json, until it ends or is taken off.
func TestPins(t *testing.T) {
	ctx := t.Context()
	for name, newest := range map[string]int{"in the index": 0, "in pages": 4} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewLocal(t)
			r := New(store, Options{Newest: newest})
			var all []Backup
			for _, c := range "abcdefghijkl" {
				b, err := makeBackup(ctx, r, record(string(c)+".dump"), "content")
				must(t, err)
				all = append(all, b)
			}
			pinned := func(r *Registry, id string) *Pin {
				t.Helper()
				b, err := r.find(ctx, id)
				must(t, err)
				if b == nil {
					return nil
				}
				return b.Pin
			}
			id := all[0].ID
			pin := Pin{At: time.Now(), By: "ana", Until: time.Now().Add(time.Hour), Reason: "audit of 2026"}
			b, err := r.SetPin(ctx, id, &pin)
			must(t, err)
			if !b.Pin.Holds(time.Now()) || b.Pin.Holds(time.Now().Add(2*time.Hour)) || !strings.Contains(b.Pin.Describe(), "by ana: audit of 2026") {
				t.Errorf("the pin is %+v", b.Pin)
			}
			_, err = r.Remove(ctx, id, "rui")
			wantReason(t, err, fault.Protected)
			if f := fault.From(err); !strings.Contains(f.Message, "audit of 2026") || !strings.Contains(f.Hint, "unpin") {
				t.Errorf("refused with %q, %q", f.Message, f.Hint)
			}
			if left := under(t, store, RemovalsPrefix); len(left) > 0 {
				t.Errorf("a refused removal leaves %q", left)
			}
			// The index is lost, with its pages or without.
			must(t, store.Delete(ctx, IndexKey))
			if p := pinned(New(store, Options{Newest: newest}), id); !equalJSON(p, b.Pin) {
				t.Errorf("after a rebuild the pin is %+v", p)
			}
			for _, key := range under(t, store, PagesPrefix) {
				must(t, store.Delete(ctx, key))
			}
			if p := pinned(New(store, Options{Newest: newest}), id); !equalJSON(p, b.Pin) {
				t.Errorf("without pages the pin is %+v", p)
			}
			_, err = r.Reconcile(ctx)
			must(t, err)
			if p := pinned(r, id); !equalJSON(p, b.Pin) {
				t.Errorf("after reconcile the pin is %+v", p)
			}
			// It ends.
			_, err = New(store, Options{Ahead: 2 * time.Hour, Newest: newest}).Reconcile(ctx)
			must(t, err)
			absent(t, store, PinKey(id))
			if p := pinned(r, id); p != nil {
				t.Errorf("a pin that has ended is still there: %+v", p)
			}
			// Taken off, it can go, and so does its record.
			_, err = r.SetPin(ctx, id, &Pin{At: time.Now(), Reason: "for ever"})
			must(t, err)
			_, err = r.SetPin(ctx, id, nil)
			must(t, err)
			_, err = r.Remove(ctx, id, "rui")
			must(t, err)
			if left := under(t, store, PinsPrefix); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			_, err = r.SetPin(ctx, id, &pin)
			wantReason(t, err, fault.NotFound)
		})
	}
}

// Whoever dies while a pin is set or taken off, and whoever writes anything there: the object is the truth, what cannot be read holds, and what
// belongs to no backup goes.
func TestHalfPins(t *testing.T) {
	ctx, store := t.Context(), storagetest.NewLocal(t)
	r := New(store, Options{})
	var all []Backup
	for _, c := range "abcde" {
		b, err := makeBackup(ctx, r, record(string(c)+".dump"), "content")
		must(t, err)
		all = append(all, b)
	}
	put := func(id string, v any) {
		t.Helper()
		_, err := r.putJSON(ctx, PinKey(id), v, storage.Condition{})
		must(t, err)
	}
	set, off, damaged, newer, gone := all[0].ID, all[1].ID, all[2].ID, all[3].ID, newID()
	put(set, pinDoc{1, set, Pin{At: time.Now().UTC(), Reason: "set"}})
	_, err := r.SetPin(ctx, off, &Pin{At: time.Now(), Reason: "off"})
	must(t, err)
	must(t, store.Delete(ctx, PinKey(off)))
	put(damaged, []int{1})
	put(newer, map[string]any{"version": 99})
	put(gone, pinDoc{1, gone, Pin{Reason: "of nothing"}})
	_, err = r.Reconcile(ctx)
	must(t, err)
	x, err := r.Load(ctx)
	must(t, err)
	var held []string
	for _, b := range x.Backups {
		if b.Pin.Holds(time.Now()) {
			held = append(held, b.ID)
		}
	}
	if want := []string{set, damaged, newer}; !slices.Equal(held, want) {
		t.Errorf("pinned are %q, want %q", held, want)
	}
	absent(t, store, PinKey(gone))
	must(t, store.Delete(ctx, IndexKey))
	if x, err = New(store, Options{}).Load(ctx); err != nil || !x.Find(damaged).Pin.Holds(time.Now()) || x.Find(off).Pin != nil {
		t.Errorf("after a rebuild: %v", err)
	}
	// Pinned between the request and the removal: nothing is removed, and nothing is left of the request.
	l, err := r.beginRemoval(ctx, Intent{Kind: kindRemove, Backup: all[4], Admitted: true, LeaseMS: time.Minute.Milliseconds()})
	must(t, err)
	_, err = r.SetPin(ctx, all[4].ID, &Pin{At: time.Now(), Reason: "late"})
	must(t, err)
	wantReason(t, l.remove(ctx), fault.Protected)
	_, err = New(store, Options{Ahead: time.Hour}).Reconcile(ctx)
	must(t, err)
	absent(t, store, RemovalKey(all[4].ID))
	checkObject(t, store, all[4])
}

func FuzzPin(f *testing.F) {
	id := newID()
	f.Add([]byte(`{"version":1,"backup":"`+id+`","at":"2026-11-30T12:00:00Z","by":"ana","until":"2027-01-01T00:00:00Z","reason":"audit"}`), "audit")
	f.Fuzz(func(t *testing.T, data []byte, reason string) {
		if p, err := parsePin(id, data); err == nil && (CheckPinReason(p.Reason) != nil || len(data) > maxPin) {
			t.Errorf("accepted %+v", p)
		}
		if CheckPinReason(reason) == nil && (reason == "" || len(reason) > MaxPinReason || strings.ContainsAny(reason, "\n\x1b")) {
			t.Errorf("accepted %q", reason)
		}
	})
}
