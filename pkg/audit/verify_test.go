package audit

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// TestTampering changes the trail in every way, and expects each to show where it is, and nothing else to show.
func TestTampering(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	fill(t, store, newClock(), 9)
	original := map[string][]byte{}
	for o, err := range store.List(t.Context(), storage.ListOptions{Prefix: Prefix}) {
		must(t, err)
		data, _, err := store.Get(t.Context(), o.Key)
		must(t, err)
		original[o.Key] = data
	}
	known := func(n int64) record { r, _ := parse(original[keyOf(n)]); return r }
	// forge writes a record that is sound by itself.
	forge := func(at int64, change func(*record)) {
		r := known(min(at, 9))
		r.Sequence = at
		change(&r)
		data, err := r.seal()
		must(t, err)
		put(t, store, keyOf(at), data)
	}
	for name, c := range map[string]struct {
		tamper func()
		want   string
	}{
		"nothing":       {func() {}, ""},
		"one removed":   {func() { remove(t, store, 5) }, "removed 5-5"},
		"three removed": {func() { remove(t, store, 4, 5, 6) }, "removed 4-6"},
		"two places":    {func() { remove(t, store, 3, 7) }, "removed 3-3, removed 7-7"},
		"beginning":     {func() { remove(t, store, 1, 2) }, "beginning 1-2"},
		"end":           {func() { remove(t, store, 8, 9) }, "truncated 8-9"},
		"all":           {func() { remove(t, store, 1, 2, 3, 4, 5, 6, 7, 8, 9) }, "truncated 1-9"},
		"end and head":  {func() { remove(t, store, 9); must(t, store.Delete(t.Context(), headKey)) }, "truncated 9"},
		"an actor": {func() {
			put(t, store, keyOf(4), bytes.Replace(original[keyOf(4)], []byte("user-0"), []byte("user-1"), 1))
		}, "changed 4"},
		"the time":      {func() { put(t, store, keyOf(4), bytes.Replace(original[keyOf(4)], []byte("2026"), []byte("2025"), 1)) }, "changed 4"},
		"a field added": {func() { put(t, store, keyOf(4), bytes.Replace(original[keyOf(4)], []byte("{"), []byte(`{"a":1,`), 1)) }, "changed 4"},
		"a field twice": {func() {
			put(t, store, keyOf(4), bytes.Replace(original[keyOf(4)], []byte("{"), []byte(`{"actor":"x",`), 1))
		}, "changed 4"},
		"a space": {func() { put(t, store, keyOf(4), append([]byte(" "), original[keyOf(4)]...)) }, "changed 4"},
		"cut":     {func() { put(t, store, keyOf(4), original[keyOf(4)][:50]) }, "changed 4"},
		"empty":   {func() { put(t, store, keyOf(9), nil) }, "changed 9"},
		"its hash": {func() {
			put(t, store, keyOf(4), bytes.Replace(original[keyOf(4)], []byte(known(4).Hash), []byte(genesis), 1))
		}, "changed 4"},
		"huge":            {func() { put(t, store, keyOf(4), bytes.Repeat([]byte("x"), 1<<20)) }, "changed 4"},
		"two swapped":     {func() { put(t, store, keyOf(3), original[keyOf(4)]); put(t, store, keyOf(4), original[keyOf(3)]) }, "reordered 3, reordered 4"},
		"one copied":      {func() { put(t, store, keyOf(7), original[keyOf(2)]) }, "reordered 7"},
		"moved down":      {func() { put(t, store, keyOf(10), original[keyOf(9)]) }, "reordered 10"},
		"first replaced":  {func() { forge(1, func(r *record) { r.Actor = "x" }) }, "inserted 2"},
		"one replaced":    {func() { forge(5, func(r *record) { r.Actor = "x" }) }, "inserted 6"},
		"one foreign":     {func() { forge(5, func(r *record) { r.Previous = genesis }) }, "inserted 5, inserted 6"},
		"newest replaced": {func() { forge(9, func(r *record) { r.Actor = "x" }) }, "changed 9"},
		"one put behind":  {func() { forge(10, func(r *record) { r.Previous = genesis }) }, "inserted 10"},
		"far behind":      {func() { forge(50, func(r *record) { r.Previous = known(9).Hash }) }, "removed 10-49"},
		"other object":    {func() { put(t, store, Prefix+"0.json", []byte("x")); put(t, store, Prefix+"zzz", nil) }, "inserted 0, inserted 0"},
		"a false trim": {func() {
			remove(t, store, 1, 2, 3)
			forge(10, func(r *record) {
				r.Previous, r.Action, r.Detail = known(9).Hash, trimAction, map[string]string{detailUpTo: "3", detailHash: genesis}
			})
		}, "inserted 4"},
		"a trim of the future": {func() {
			remove(t, store, 1, 2, 3)
			forge(10, func(r *record) {
				r.Previous, r.Action, r.Detail = known(9).Hash, trimAction, map[string]string{detailUpTo: "99", detailHash: known(3).Hash}
			})
		}, "beginning 1-3"},
	} {
		c.tamper()
		rep := verify(t, store)
		if kinds(rep) != c.want || rep.OK != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, kinds(rep), c.want)
		}
		for _, b := range rep.Breaks {
			if b.Message == "" {
				t.Errorf("%s: %+v", name, b)
			}
		}
		if _, err := New(store, Options{}).List(t.Context(), contract.ListAuditParams{}); err != nil {
			t.Errorf("%s: list: %v", name, err)
		}
		for o, err := range store.List(t.Context(), storage.ListOptions{Prefix: Prefix}) {
			must(t, err)
			must(t, store.Delete(t.Context(), o.Key))
		}
		for key, data := range original {
			put(t, store, key, data)
		}
	}
}

// TestAppendBehindDamage: a damaged trail is still written to, and shows its damage at its place alone.
func TestAppendBehindDamage(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	c := newClock()
	fill(t, store, c, 3)
	put(t, store, keyOf(3), []byte("garbage"))
	fill(t, store, c, 2)
	if rep := verify(t, store); kinds(rep) != "changed 3" || rep.Count != 5 {
		t.Errorf("%+v", rep)
	}
	remove(t, store, 5)
	fill(t, store, c, 2)
	if rep := verify(t, store); kinds(rep) != "changed 3, removed 5-5" || rep.Last != 7 {
		t.Errorf("%+v", rep)
	}
}

func TestManyBreaks(t *testing.T) {
	c := checker{}
	for n := int64(1); n < 5000; n += 2 {
		c.add(n, nil)
	}
	if rep := c.finish(); len(rep.Breaks) != maxBreaks || rep.MoreBreaks < 2000 || rep.OK {
		t.Errorf("%d breaks, and %d", len(rep.Breaks), rep.MoreBreaks)
	}
}

// TestVerifyFails: what cannot be read is an error and not a break.
func TestVerifyFails(t *testing.T) {
	t.Parallel()
	store := storagetest.NewLocal(t)
	fill(t, store, newClock(), 40)
	for _, step := range []string{"before list", "after list", "before get"} {
		for _, at := range []int{1, 20} {
			n := 0
			hook := func(op, _ string) error {
				if op == step {
					n++
				}
				if op == step && (n == at || step != "before get") {
					return fault.New(fault.FileSystem, fault.StorageUnreachable, "", "away")
				}
				return nil
			}
			if _, err := New(storagetest.Faulty(store, hook), Options{}).Verify(t.Context()); !fault.HasReason(err, fault.StorageUnreachable) {
				t.Errorf("%s, the %dth: %v", step, at, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(store, Options{}).Verify(ctx); err == nil {
		t.Error("verified without reading")
	}
}

func FuzzParse(f *testing.F) {
	r := record{Sequence: 1, AuditRecord: did("user", "list")}
	r.ID, r.Previous = "01JH5W0R8ZB3M7K2Q4X9T6V1NA", genesis
	data, err := r.seal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"hash":"","Hash":"x","sequence":1e2}`))
	f.Add([]byte(`{"sequence":1,"hash":"` + genesis + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, sound := parse(data)
		_ = linkOf(data)
		c := checker{}
		c.add(1, data)
		c.add(3, data)
		if rep := c.finish(); rep.OK {
			t.Error("the same bytes are two records")
		}
		if !sound {
			return
		}
		fields, err := decodeFields(data)
		if err != nil || hashOf(fields) != r.Hash || !isHash(r.Hash) {
			t.Errorf("%q is taken for sound", data)
		}
	})
}

// FuzzHead: the head of the trail is one that could be, whoever wrote it.
func FuzzHead(f *testing.F) {
	f.Add([]byte(`{"sequence":7,"hash":"` + genesis + `","trim":3}`))
	f.Add([]byte(`{"sequence":9223372036854775807,"trim":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, ok := parseHead(data)
		if ok && (d.Sequence < 1 || d.Sequence > maxSequence || !isHash(d.Hash) || d.Trim < 0 || d.Trim > d.Sequence) || !ok && d != (headDoc{}) {
			t.Errorf("%q: %+v, %v", data, d, ok)
		}
	})
}

func FuzzAppendable(f *testing.F) {
	f.Add("a\u2028b", "k", "\xff")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		r := record{Sequence: 7, AuditRecord: contract.AuditRecord{ID: "x", Actor: text, Detail: map[string]string{key: value}}}
		clean(&r.AuditRecord)
		data, err := r.seal()
		if err != nil {
			t.Fatal(err)
		}
		if back, sound := parse(data); !sound || back.Actor != r.Actor || fmt.Sprint(back.Detail) != fmt.Sprint(r.Detail) {
			t.Errorf("%q", data)
		}
	})
}

// TestTooLarge: an object that is too large to be read at once silences nobody, and shows.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store storage.Store) {
		fill(t, store, newClock(), 3)
		for _, key := range []string{headKey, keyOf(3)} {
			must(t, store.Delete(t.Context(), key))
			storagetest.PutLarge(t, store, key, "{")
		}
		if rep := verify(t, store); kinds(rep) != "changed 3, truncated 4" {
			t.Errorf("%s", kinds(rep))
		}
		if got := all(t, New(store, Options{}), contract.ListAuditParams{}); len(got) != 2 {
			t.Errorf("%d records are listed", len(got))
		}
		for n := range 2 {
			must(t, New(store, Options{}).Append(t.Context(), did("x", "list")))
			if rep := verify(t, store); kinds(rep) != "changed 3" || rep.Last != int64(4+n) {
				t.Errorf("%+v", rep)
			}
		}
	})
}
