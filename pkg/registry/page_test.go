package registry

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"

	"github.com/oklog/ulid/v2"
)

// paged is a registry that keeps n backups outside of pages.
func paged(store storage.Store, n int) *Registry { return New(store, Options{Newest: n}) }

// settled puts n good backups into a place, an hour apart, as if they had been made: their records and manifests.
func settled(t testing.TB, r *Registry, n int) (all []Backup) {
	t.Helper()
	must(t, r.MarkCleanup(t.Context(), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))) // so that nobody rebuilds
	for i := range n {
		at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
		b := record(fmt.Sprintf("b%05d.dump", i))
		b.ID = ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String()
		b.CreatedAt, b.Status, b.Size, b.Duration, b.Source = at, Success, int64(1000+i), 54321, "loja"
		b.Checksum = strings.Repeat("0123456789abcdef", 4)
		b.Verification = &Verification{OK: true, Level: LevelStream, At: at}
		b.complete()
		_, err := r.putJSON(t.Context(), ManifestKey(b.ID), Manifest{Version: 1, Backup: b}, storage.Condition{})
		must(t, err)
		all = append(all, b)
	}
	for part := range slices.Chunk(all, max(1, n/7)) {
		must(t, r.Update(t.Context(), func(x *Index) error {
			for _, b := range part {
				x.Upsert(b)
			}
			return nil
		}))
	}
	return all
}

// everything returns all records, oldest first.
func everything(t testing.TB, r *Registry) (all []Backup) {
	t.Helper()
	must(t, r.Reading(context.Background(), func(v *View) error {
		all = nil
		for b, err := range v.Walk(context.Background(), nil) {
			if err != nil {
				return err
			}
			all = append(all, b)
		}
		if len(all) != v.Len() {
			return fmt.Errorf("%d backups of %d", len(all), v.Len())
		}
		return nil
	}))
	slices.Reverse(all)
	return all
}

func sameRecords(t testing.TB, got, want []Backup) {
	t.Helper()
	if !equalJSON(got, want) {
		t.Fatalf("%d records, want %d:\n%s\n%s", len(got), len(want), show(got), show(want))
	}
}

// checkPaged holds registry.json and pages against each other: sizes, sums, nothing twice, nothing that has not ended in a page.
func checkPaged(t testing.TB, r *Registry, x *Index) {
	t.Helper()
	if ended := len(ids(x, Success)) + len(ids(x, Failed)); ended > r.sizes.newest+r.sizes.step {
		t.Fatalf("%d backups that have ended stand in registry.json", ended)
	}
	seen := map[string]bool{}
	for _, b := range x.Backups {
		seen[b.ID] = true
	}
	for _, p := range x.Pages {
		backups, err := r.page(t.Context(), &p)
		must(t, err)
		data, err := encodePage(backups)
		must(t, err)
		want := describePage(backups, data)
		want.Key = p.Key
		if !equalJSON(p, want) {
			t.Fatalf("registry.json says\n%s\nof a page with\n%s", show(p), show(want))
		}
		if len(backups) > r.sizes.page {
			t.Fatalf("a page of %d records", len(backups))
		}
		for _, b := range backups {
			if seen[b.ID] || b.Status == InProgress {
				t.Fatalf("%s is %s, and stands twice or does not belong there: %s", b.ID, b.Status, show(x))
			}
			seen[b.ID] = true
		}
	}
}

func index(t testing.TB, r *Registry) *Index {
	t.Helper()
	x, err := r.Load(context.Background())
	must(t, err)
	return x
}

func pageKeys(t testing.TB, store storage.Store) (out []string) {
	t.Helper()
	for o, err := range store.List(context.Background(), storage.ListOptions{Prefix: PagesPrefix}) {
		must(t, err)
		out = append(out, o.Key)
	}
	return out
}

// Old backups settle into pages; a change of one writes its page anew and no other; registry.json says version 2 as soon as it
// names pages and version 1 when it names none any more; a rebuild gives the same.
func TestPages(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := t.Context()
		r := paged(store, 10)
		all := settled(t, r, 35)
		sameRecords(t, everything(t, r), all)
		x := index(t, r)
		checkPaged(t, r, x)
		if len(x.Pages) < 2 || x.Version != 2 || len(pageKeys(t, store)) != len(x.Pages) {
			t.Fatalf("version %d, %d pages, stored are %v", x.Version, len(x.Pages), pageKeys(t, store))
		}
		// A validation.
		got, err := r.SetVerification(ctx, all[3].ID, Verification{OK: true, Level: LevelFull, At: time.Now().UTC().Truncate(time.Second)}, 77)
		must(t, err)
		all[3] = got
		if got.UncompressedSize != 77 || len(got.Verifications) != 2 {
			t.Fatalf("%+v", got)
		}
		sameRecords(t, everything(t, r), all)
		y := index(t, r)
		changed := 0
		for i := range y.Pages {
			if y.Pages[i].Key != x.Pages[i].Key {
				changed++
			}
		}
		if changed != 1 || len(pageKeys(t, store)) != len(y.Pages) {
			t.Fatalf("%d pages were written anew, %v are stored", changed, pageKeys(t, store))
		}
		checkPaged(t, r, y)
		// A writer that has nothing to do with them leaves them alone.
		must(t, r.MarkCleanup(ctx, time.Now()))
		if z := index(t, r); !equalJSON(z.Pages, y.Pages) {
			t.Fatal("pages were written for nothing")
		}
		// Another process, with other ideas of sizes, sees the same.
		sameRecords(t, everything(t, New(store, Options{})), all)
		must(t, store.Delete(ctx, IndexKey))
		sameRecords(t, everything(t, paged(store, 10)), all)
		// All are removed.
		for i, b := range all {
			if i%2 == 0 {
				_, err := r.Remove(ctx, b.ID, "ana")
				must(t, err)
			}
		}
		all = slices.DeleteFunc(all, func(b Backup) bool { return slices.IndexFunc(all, func(o Backup) bool { return o.ID == b.ID })%2 == 0 })
		var left []string
		for _, b := range everything(t, r) {
			left = append(left, b.ID)
		}
		if len(left) != 17 {
			t.Fatalf("%d are left", len(left))
		}
		checkPaged(t, r, index(t, r))
		must(t, r.RemoveAll(ctx, left, "ana", func(x *Index) map[string]bool {
			out := map[string]bool{}
			for _, id := range left {
				if x.Find(id) == nil {
					t.Errorf("%s cannot be seen by who decides", id)
				}
				out[id] = true
			}
			return out
		}, func(m Removal) {
			if m.Err != nil || !m.Gone {
				t.Errorf("%s: %+v", m.Backup.ID, m)
			}
		}))
		if x := index(t, r); len(x.Backups)+len(x.Pages) != 0 || x.Version != 1 {
			t.Fatalf("left: %s", show(x))
		}
		for _, key := range keys(t, store) {
			if key != IndexKey && key != ClockKey && !strings.HasPrefix(key, ".") && !strings.HasPrefix(key, "capabilities/") {
				t.Errorf("%s was left behind", key)
			}
		}
	})
}

// Backups settle some at a time, into the newest page alone: no page that is full is read or written again for one more, however
// many there are.
func TestOneMoreRewritesNothing(t *testing.T) {
	store := storagetest.NewLocal(t)
	all := settled(t, paged(store, 20), 90)
	full := map[string]bool{}
	for _, p := range index(t, paged(store, 20)).Pages {
		if p.Count == 20 {
			full[p.Key] = true
		}
	}
	if len(full) < 2 {
		t.Fatalf("%d full pages", len(full))
	}
	writes, most := 0, 0
	r := New(storagetest.Faulty(store, func(op, key string) error {
		switch {
		case full[key]:
			t.Errorf("%s %s, which is full", op, key)
		case op == "before put" && strings.HasPrefix(key, PagesPrefix):
			writes++
		}
		return nil
	}), Options{Newest: 20})
	for i := range 40 {
		b := all[0]
		at := all[len(all)-1].CreatedAt.Add(time.Duration(i+1) * time.Hour)
		b.ID, b.CreatedAt = ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), at
		b.Filename = fmt.Sprintf("n%d.dump", i)
		b.Filepath = FilesPrefix + b.Filename
		before := writes
		must(t, r.Update(t.Context(), func(x *Index) error { x.Upsert(b); return nil }))
		most = max(most, writes-before)
	}
	// Two or three settle at a time: beyond the newest 20 a tenth more is waited for.
	if writes == 0 || writes > 40/2+2 || most > 2 {
		t.Errorf("%d pages were written for 40 backups, up to %d for one", writes, most)
	}
	if n := len(everything(t, paged(store, 20))); n != 130 {
		t.Errorf("%d backups", n)
	}
}

// Which backup was proven last is known of settled ones too: also where a version wrote the page that did not note it, whose pages are
// read, and which the next cleanup has say it.
func TestProofsOfSettled(t *testing.T) {
	store := storagetest.NewLocal(t)
	r := paged(store, 20)
	all := settled(t, r, 90)
	at := all[89].CreatedAt
	prove := func(n int, ok bool, level string) {
		t.Helper()
		at = at.Add(time.Hour)
		_, err := r.SetVerification(t.Context(), all[n].ID, Verification{OK: ok, Level: level, At: at, Proof: &Proof{Rows: 1}}, 0)
		must(t, err)
	}
	prove(12, true, LevelProven)
	prove(25, true, LevelProven)
	prove(25, false, LevelFull) // proven once, and damaged since
	prove(31, true, LevelProvenInPart)
	prove(33, true, LevelRestored)
	prove(40, false, LevelProven)
	known := func() (sum Tally) {
		t.Helper()
		must(t, r.Reading(t.Context(), func(v *View) error {
			sum = Tally{}
			for i := range v.Pages() {
				sources, _, err := v.Sources(t.Context(), &v.Pages()[i])
				if err != nil {
					return err
				}
				for _, s := range sources {
					sum.Add(s)
				}
			}
			return nil
		}))
		return sum
	}
	check := func(when string) {
		t.Helper()
		sum := known()
		proven, disproven, row := show(sum.LastProven), show(sum.LastDisproven), sum.Rows[0]
		if full := sum.LastFullyProven; full == nil || full.ID != all[12].ID || full.InPart || row.FullyProven != 1 || !row.LastFully.Equal(all[12].CreatedAt) {
			t.Errorf("%s: fully proven is %s, of %s", when, show(full), show(row))
		}
		if p := sum.LastProvable; p == nil || p.ID != sum.LastWhole.ID || sum.Unprovable != 0 {
			t.Errorf("%s: provable is %s, behind it %d", when, show(p), sum.Unprovable)
		}
		if want := show(ProofRef{Ref{all[31].ID, all[31].CreatedAt, all[31].Size}, all[89].CreatedAt.Add(4 * time.Hour), true}); proven != want {
			t.Errorf("%s: proven is %s, want %s", when, proven, want)
		}
		if want := show(ProofRef{Ref{all[40].ID, all[40].CreatedAt, all[40].Size}, at, false}); disproven != want {
			t.Errorf("%s: disproven is %s, want %s", when, disproven, want)
		}
		if row.Proven != 2 || !row.LastProven.Equal(all[31].CreatedAt) {
			t.Errorf("%s: the row is %s", when, show(row))
		}
	}
	check("as it was noted")
	// As a version before wrote it: the pages are the same, what registry.json says of them is less.
	x := index(t, r)
	want, keys := show(x.Pages), pageKeys(t, store)
	for i := range x.Pages {
		p := &x.Pages[i]
		p.Proofs = false
		for j := range p.Sources {
			s := &p.Sources[j]
			s.LastProven, s.LastDisproven, s.LastFullyProven, s.LastProvable = nil, nil, nil, nil
			for k := range s.Rows {
				s.Rows[k].Proven, s.Rows[k].LastProven, s.Rows[k].FullyProven, s.Rows[k].LastFully = 0, time.Time{}, 0, time.Time{}
			}
		}
	}
	data, err := x.marshal()
	must(t, err)
	_, err = store.Put(t.Context(), IndexKey, data, jsonOptions(storage.Condition{}))
	must(t, err)
	r = paged(store, 20)
	if show(index(t, r).Pages) == want {
		t.Fatal("registry.json still says it")
	}
	check("of an older version")
	_, err = r.Reconcile(t.Context())
	must(t, err)
	if got := show(index(t, r).Pages); got != want || !slices.Equal(pageKeys(t, store), keys) {
		t.Errorf("after a cleanup registry.json says\n%s\nwant\n%s", got, want)
	}
	check("after a cleanup")
}

// A place that a version without pages made is read as it is, stays as it is as long as it needs no pages, and gets them with the first
// write that does.
func TestPlaceOfVersion1(t *testing.T) {
	ctx := t.Context()
	store := storagetest.NewLocal(t)
	must(t, filepath.WalkDir("testdata/version1", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err == nil {
			_, err = store.Put(ctx, strings.TrimPrefix(filepath.ToSlash(name), "testdata/version1/"), data, storage.PutOptions{})
		}
		return err
	}))
	stored, _, err := store.Get(ctx, IndexKey)
	must(t, err)
	r := New(store, Options{})
	all := everything(t, r)
	if len(all) != 12 || all[5].Status != Failed || all[1].UncompressedSize != 5000 {
		t.Fatalf("read %s", show(all))
	}
	must(t, r.Update(ctx, func(x *Index) error { x.Upsert(all[3]); return nil }))
	if now, _, err := store.Get(ctx, IndexKey); err != nil || !bytes.Equal(now, stored) {
		t.Errorf("%v: it was written as\n%s", err, now)
	}
	must(t, r.MarkCleanup(ctx, time.Now()))
	if x := index(t, r); x.Version != 1 || len(x.Pages) != 0 {
		t.Errorf("version %d, %d pages", x.Version, len(x.Pages))
	}
	small := paged(store, 4)
	must(t, small.MarkCleanup(ctx, time.Now()))
	if x := index(t, small); x.Version != 2 || len(x.Pages) != 2 {
		t.Errorf("version %d, %d pages", x.Version, len(x.Pages))
	}
	sameRecords(t, everything(t, r), all)
	must(t, store.Delete(ctx, IndexKey))
	sameRecords(t, everything(t, paged(store, 4)), all)
}

// What is larger than registry.json may be settles, also where there are few of them.
func TestLongRecordsSettle(t *testing.T) {
	store := storagetest.NewLocal(t)
	r := New(store, Options{})
	long := strings.Repeat("x", 60<<10)
	must(t, r.Update(t.Context(), func(x *Index) error {
		for i := range 300 {
			b := record(fmt.Sprintf("%d.dump", i))
			b.ID = ulid.MustNew(ulid.Timestamp(time.Unix(int64(1e9+i), 0)), ulid.DefaultEntropy()).String()
			b.Status, b.Labels = Success, map[string]string{"long": long}
			x.Upsert(b)
		}
		return nil
	}))
	o, err := store.Head(t.Context(), IndexKey)
	must(t, err)
	x := index(t, r)
	if o.Size > maxIndex || len(x.Pages) == 0 || len(everything(t, r)) != 300 {
		t.Errorf("%d bytes, %d pages", o.Size, len(x.Pages))
	}
	err = r.Update(t.Context(), func(x *Index) error {
		for i := range 300 {
			b := record(fmt.Sprintf("p%d.dump", i))
			b.Status, b.Labels = InProgress, map[string]string{"long": long}
			x.Upsert(b)
		}
		return nil
	})
	wantReason(t, err, fault.LimitReached)
	if len(everything(t, r)) != 300 {
		t.Error("what was refused was written")
	}
}

// Whatever is done to a registry with pages gives the same as without.
func TestPagesMakeNoDifference(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			dice := rand.New(rand.NewPCG(seed, 7))
			stores := []storage.Store{storagetest.NewLocal(t), storagetest.NewLocal(t)}
			rs := []*Registry{paged(stores[0], 4), New(stores[1], Options{})}
			both := func(do func(r *Registry) error) {
				t.Helper()
				a, b := do(rs[0]), do(rs[1])
				if (a == nil) != (b == nil) || a != nil && fault.From(a).Reason != fault.From(b).Reason {
					t.Fatalf("with pages %v, without %v", a, b)
				}
			}
			var ids []string
			clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for step := range 70 {
				clock = clock.Add(time.Hour)
				switch pick := dice.IntN(10); {
				case pick < 5 || len(ids) == 0:
					b := record(fmt.Sprintf("%d.dump", step))
					b.ID = ulid.MustNew(ulid.Timestamp(clock), ulid.DefaultEntropy()).String()
					b.CreatedAt, b.Status, b.Size = clock, Success, dice.Int64N(1000)
					b.Checksum = strings.Repeat("ab", 32)
					b.Verification = &Verification{OK: true, Level: LevelStream, At: clock}
					b.Source = []string{"", "loja", "shop"}[dice.IntN(3)]
					b.complete()
					ids = append(ids, b.ID)
					both(func(r *Registry) error {
						if _, err := r.settle(ctx, b, nil); err != nil {
							return err
						}
						return r.Update(ctx, func(x *Index) error { x.Upsert(b); return nil })
					})
				case pick < 7:
					id, v := ids[dice.IntN(len(ids))], Verification{OK: dice.IntN(3) > 0, Level: LevelFull, At: clock}
					if !v.OK {
						v.Problems = []Problem{{Reason: fault.ChecksumMismatch, Detail: "it is another one"}}
					}
					both(func(r *Registry) error { _, err := r.SetVerification(ctx, id, v, 5); return err })
				case pick < 8:
					id := ids[dice.IntN(len(ids))]
					both(func(r *Registry) error { _, err := r.Remove(ctx, id, "ana"); return err })
				case pick < 9:
					some := map[string]bool{}
					for range 3 {
						some[ids[dice.IntN(len(ids))]] = true
					}
					both(func(r *Registry) error {
						return r.RemoveAll(ctx, slices.Collect(keysOf(some)), "ana", func(*Index) map[string]bool { return some }, func(m Removal) { must(t, m.Err) })
					})
				default:
					switch dice.IntN(4) {
					case 0:
						both(func(r *Registry) error { return r.store.Delete(ctx, IndexKey) })
					case 1:
						both(func(r *Registry) error { _, err := r.Adopt(ctx, "loja", clock); return err })
					case 2:
						if lost := pageKeys(t, stores[0]); len(lost) > 0 {
							must(t, stores[0].Delete(ctx, lost[dice.IntN(len(lost))]))
						}
						rs[0] = paged(stores[0], 4)
						both(func(r *Registry) error { _, err := r.Reconcile(ctx); return err })
					default:
						both(func(r *Registry) error { _, err := r.Reconcile(ctx); return err })
					}
				}
				sameRecords(t, everything(t, rs[0]), everything(t, rs[1]))
				checkPaged(t, rs[0], index(t, rs[0]))
			}
		})
	}
}

func keysOf(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, k := range slices.Sorted(mapKeys(m)) {
			if !yield(k) {
				return
			}
		}
	}
}

func mapKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Whoever dies while records settle, are validated or are removed leaves the registry as it was or as it should become, and what
// is left behind is swept. A lost answer is found out about.
func TestDeathAtEveryStepOfAPage(t *testing.T) {
	ctx := context.Background()
	work := map[string]func(r *Registry, all []Backup) error{
		"settle": func(r *Registry, all []Backup) error {
			return r.Update(ctx, func(x *Index) error { x.Upsert(all[len(all)-1]); return nil })
		},
		"validate": func(r *Registry, all []Backup) error {
			_, err := r.SetVerification(ctx, all[1].ID, Verification{OK: true, Level: LevelFull, At: all[1].CreatedAt}, 9)
			return err
		},
		"remove": func(r *Registry, all []Backup) error { _, err := r.Remove(ctx, all[1].ID, "ana"); return err },
		"sweep":  func(r *Registry, all []Backup) error { _, err := r.Reconcile(ctx); return err },
	}
	for name, do := range work {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				store := storagetest.NewLocal(t)
				r := paged(store, 4)
				all := settled(t, r, 13)
				must(t, r.Update(ctx, func(x *Index) error { x.Remove(all[12].ID); return nil }))
				if name == "sweep" { // of a page that nobody names
					_, err := r.writePage(ctx, all[:2], mustPage(t, all[:2]))
					must(t, err)
				}
				before := everything(t, r)
				hook, calls := storagetest.DieAt(n)
				dying := New(storagetest.Faulty(store, hook), Options{Newest: 4, Ahead: time.Hour})
				err := do(dying, all)
				if calls() < n {
					must(t, err)
					break
				}
				after := paged(store, 4)
				now := everything(t, after)
				if name == "sweep" {
					sameRecords(t, now, before)
				}
				after = New(store, Options{Newest: 4, Ahead: time.Hour})
				rep, err := after.Reconcile(ctx)
				must(t, err)
				if len(rep.Problems) > 0 {
					t.Fatalf("died at %d: %v", n, rep.Problems)
				}
				x := index(t, after)
				checkPaged(t, after, x)
				if got := pageKeys(t, store); len(got) != len(x.Pages) {
					t.Fatalf("died at %d: %d pages are stored, %d are named", n, len(got), len(x.Pages))
				}
				err = do(after, all)
				if name == "remove" && fault.HasReason(err, fault.NotFound) { // reconcile did the rest
					err = nil
				}
				must(t, err)
				if got := len(everything(t, after)); got < 11 || got > 13 {
					t.Fatalf("died at %d: %d records", n, got)
				}
			}
		})
	}
}

func mustPage(t testing.TB, backups []Backup) []byte {
	t.Helper()
	data, err := encodePage(backups)
	must(t, err)
	return data
}

// Writers race while records settle: none is lost, none stands twice, and no page that is named is removed.
func TestPagesRace(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := t.Context()
		const writers, updates = 6, 12
		var wg sync.WaitGroup
		for w := range writers {
			r := New(store, Options{Newest: 5, Ahead: time.Hour}) // whose sweeps wait for nothing
			wg.Go(func() {
				for i := range updates {
					b := record(fmt.Sprintf("%d-%d.dump", w, i))
					b.Status = Success
					b.Checksum = strings.Repeat("ab", 32)
					b.complete()
					if _, err := r.settle(ctx, b, nil); err != nil {
						t.Error(err)
					}
					if err := r.Update(ctx, func(x *Index) error { x.Upsert(b); return nil }); err != nil {
						t.Error(err)
					}
					if i%5 == w%5 {
						if err := r.sweepPages(ctx); err != nil {
							t.Error(err)
						}
						if err := r.Reading(ctx, func(v *View) error {
							for _, err := range v.Walk(ctx, nil) {
								if err != nil {
									return err
								}
							}
							return nil
						}); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		r := New(store, Options{Newest: 5, Ahead: time.Hour})
		if n := len(everything(t, r)); n != writers*updates {
			t.Errorf("%d records of %d", n, writers*updates)
		}
		checkPaged(t, r, index(t, r))
		must(t, r.sweepPages(ctx))
		if got, x := pageKeys(t, store), index(t, r); len(got) != len(x.Pages) {
			t.Errorf("%d pages are stored, %d are named", len(got), len(x.Pages))
		}
	})
}

// A writer who slept between writing a page and naming it cannot name it once it was swept.
func TestSleepingWriterNamesNoSweptPage(t *testing.T) {
	ctx := t.Context()
	store := storagetest.NewLocal(t)
	r := paged(store, 4)
	all := settled(t, r, 4)
	extra := record("late.dump")
	extra.Status, extra.Checksum = Success, strings.Repeat("ab", 32)
	swept := false
	sleepy := New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before put" && key == IndexKey && !swept {
			swept = true
			return New(store, Options{Newest: 4, Ahead: time.Hour}).sweepPages(ctx)
		}
		return nil
	}), Options{Newest: 4})
	must(t, sleepy.Update(ctx, func(x *Index) error {
		x.Upsert(extra)
		for i := range 3 {
			b := all[0]
			b.ID, b.Filepath, b.Filename = newID(), fmt.Sprintf("files/n%d", i), fmt.Sprintf("n%d", i)
			x.Upsert(b)
		}
		return nil
	}))
	if !swept {
		t.Fatal("nobody swept")
	}
	checkPaged(t, r, index(t, r))
	if everything(t, r); len(pageKeys(t, store)) != len(index(t, r).Pages) {
		t.Errorf("stored: %v", pageKeys(t, store))
	}
}

// Where a page is lost or damaged, reading goes on: single backups are found by their manifests, a list says that it is not whole.
// What concerns it puts it together again, and so does reconcile.
func TestLostPages(t *testing.T) {
	spoil := map[string]func(store storage.Store, key string) error{
		"removed": func(store storage.Store, key string) error { return store.Delete(context.Background(), key) },
		"changed": func(store storage.Store, key string) error {
			_, err := store.Put(context.Background(), key, []byte("not a page"), storage.PutOptions{})
			return err
		},
		"another": func(store storage.Store, key string) error {
			data, _, err := store.Get(context.Background(), pageKeysOf(store)[1])
			if err == nil {
				_, err = store.Put(context.Background(), key, data, storage.PutOptions{})
			}
			return err
		},
	}
	mend := map[string]func(r *Registry, id string) error{
		"reconcile": func(r *Registry, id string) error { _, err := r.Reconcile(context.Background()); return err },
		"validate": func(r *Registry, id string) error {
			_, err := r.SetVerification(context.Background(), id, Verification{OK: true, Level: LevelStream, At: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}, 0)
			return err
		},
		"rebuild": func(r *Registry, id string) error { _, err := r.Rebuild(context.Background()); return err },
	}
	for how, do := range spoil {
		for by, repair := range mend {
			t.Run(how+"/"+by, func(t *testing.T) {
				t.Parallel()
				store := storagetest.NewLocal(t)
				all := settled(t, paged(store, 4), 14)
				must(t, do(store, pageKeysOf(store)[0]))
				r := paged(store, 4)
				b, err := r.find(t.Context(), all[0].ID)
				must(t, err)
				if !equalJSON(*b, all[0]) {
					t.Errorf("found %+v", b)
				}
				v, err := r.Read(t.Context())
				must(t, err)
				seen, lost := 0, 0
				for _, err := range v.Walk(t.Context(), nil) {
					if IsLostPage(err) {
						lost++
					} else {
						must(t, err)
						seen++
					}
				}
				if lost != 1 || seen != 10 {
					t.Errorf("saw %d, and %d pages are lost", seen, lost)
				}
				must(t, repair(r, all[0].ID))
				sameRecords(t, everything(t, paged(store, 4)), all)
				checkPaged(t, r, index(t, r))
			})
		}
	}
}

func pageKeysOf(store storage.Store) (out []string) {
	for o, err := range store.List(context.Background(), storage.ListOptions{Prefix: PagesPrefix}) {
		if err != nil {
			panic(err)
		}
		out = append(out, o.Key)
	}
	return out
}

// A rebuild reads only the manifests that no page has, and the validations that are younger than the page.
func TestRebuildReadsPages(t *testing.T) {
	store := storagetest.NewLocal(t)
	r := paged(store, 10)
	all := settled(t, r, 44)
	must(t, store.Delete(t.Context(), IndexKey))
	manifests := 0
	counting := New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before get" && strings.HasPrefix(key, ManifestsPrefix) {
			manifests++
		}
		return nil
	}), Options{Newest: 10})
	sameRecords(t, everything(t, counting), all)
	if manifests > 15 || manifests < 10 {
		t.Errorf("%d manifests of %d were read", manifests, len(all))
	}
	checkPaged(t, counting, index(t, counting))
}

// Where no page is left, pages are written as the manifests are read, so that a million of them need not be in memory at once. What is
// recorded of them elsewhere goes with them, and who may not write reads all the same.
func TestRebuildWritesPages(t *testing.T) {
	store := storagetest.NewLocal(t)
	r := paged(store, 10)
	all := settled(t, r, 64)
	again := Verification{OK: true, Level: LevelFull, At: time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)}
	for _, i := range []int{3, 60} {
		_, err := r.SetVerification(t.Context(), all[i].ID, again, 0)
		must(t, err)
	}
	all = everything(t, r)
	lose := func() {
		must(t, store.Delete(t.Context(), IndexKey))
		for _, key := range pageKeysOf(store) {
			must(t, store.Delete(t.Context(), key))
		}
	}
	var mu sync.Mutex
	read, readable, most, pages := 0, true, 0, 0
	watched := New(storagetest.Faulty(store, func(op, key string) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case op == "before get" && strings.HasPrefix(key, ManifestsPrefix):
			read++
			most = max(most, read)
		case op == "before put" && !readable:
			return fault.New(fault.Permission, fault.AccessDenied, "", "nothing may be written")
		case op == "before put" && strings.HasPrefix(key, PagesPrefix):
			pages, read = pages+1, 0
		}
		return nil
	}), Options{Newest: 10})
	lose()
	sameRecords(t, everything(t, watched), all)
	checkPaged(t, watched, index(t, watched))
	if pages < 4 || most > 30 {
		t.Errorf("%d pages were written, and up to %d manifests of %d read before one", pages, most, len(all))
	}
	lose()
	readable = false
	x, err := watched.Load(t.Context())
	must(t, err)
	sameRecords(t, x.Backups, all)
}

// FuzzPage: whatever stands where a page is expected, it is refused or read, and what is read is in order and names nothing outside
// files/.
func FuzzPage(f *testing.F) {
	var some []Backup
	for i := range 3 {
		b := record(fmt.Sprintf("%d.dump", i))
		b.ID, b.Status = ulid.MustNew(uint64(i+1), ulid.DefaultEntropy()).String(), Success
		some = append(some, b)
	}
	data := mustPage(f, some)
	store := storagetest.NewLocal(f)
	p, err := New(store, Options{}).writePage(context.Background(), some, data)
	must(f, err)
	packed, _, err := store.Get(context.Background(), p.Key)
	must(f, err)
	f.Add(packed)
	f.Add(packed[:len(packed)/2])
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		backups, data, err := parsePage("registry/x", packed, nil)
		if err != nil {
			if !isDamaged(err) && !fault.HasReason(err, fault.NewerVersion) {
				t.Errorf("error is %v", err)
			}
			return
		}
		for i, b := range backups {
			if !canBe(b) || !inside(b.Filepath) || !ValidID(b.ID) || i > 0 && b.ID <= backups[i-1].ID || b.Status == InProgress {
				t.Errorf("accepted %+v", b)
			}
		}
		if q := describePage(backups, data); q.check() != nil {
			t.Errorf("%v", q.check())
		}
	})
}

// A search parses few records of a page, and misses none.
func TestSearchMissesNothing(t *testing.T) {
	store := storagetest.NewLocal(t)
	r := paged(store, 4)
	all := settled(t, r, 20)
	odd := all[1]
	odd.Database, odd.Labels = `a "quoted" ÄÖ\ <b>`, map[string]string{"x": "</script>"}
	must(t, r.update(t.Context(), []string{odd.ID}, func(x *Index) error { x.Upsert(odd); return nil }))
	for text, want := range map[string]int{"B0001": 10, "b00001": 1, all[3].ID: 1, strings.ToLower(all[3].ID[4:]): 1, `"quoted"`: 1, "äö": 1, `\`: 1, "<B>": 1, "no such": 0, "loja": 19} {
		fresh, got, parsed := paged(store, 4), 0, 0
		v, err := fresh.Read(t.Context())
		must(t, err)
		for b, err := range v.Search(t.Context(), text, nil) {
			must(t, err)
			parsed++
			if strings.Contains(strings.ToLower(b.Filepath+"\n"+b.Database+"\n"+b.ID), strings.ToLower(text)) {
				got++
			}
		}
		if got != want || text == "no such" && parsed > 5 {
			t.Errorf("%q: found %d of %d, and saw %d", text, got, want, parsed)
		}
	}
}
