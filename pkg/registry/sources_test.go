package registry

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// Names of databases may hold anything, and each has a key of its own that leads back to it.
func TestSourceKeys(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"shop", "Shop", "a/b", "a%2Fb", "..", ".", ".hidden", "a.b", "größe", "O'Brien", "a b", "x:y", strings.Repeat("ä", 31), "-", "%"} {
		key := SourceKey(name)
		if other, taken := seen[key]; taken {
			t.Errorf("%q and %q share %s", name, other, key)
		}
		seen[key] = name
		if got := sourceOf(key); got != name {
			t.Errorf("%s leads to %q, want %q", key, got, name)
		}
		rest := strings.TrimPrefix(key, SourcesPrefix)
		if strings.Contains(rest, "/") || strings.HasPrefix(rest, ".") || len(rest) > 250 {
			t.Errorf("%q is kept as %s", name, key)
		}
	}
	for _, key := range []string{"sources/a/b.json", "sources/.json", "sources/%zz.json", "sources/%61.json", "sources/a.txt", "manifests/a.json"} {
		if name := sourceOf(key); name != "" {
			t.Errorf("%s leads to %q", key, name)
		}
	}
}

func TestSourceTags(t *testing.T) {
	for _, name := range []string{"shop", "a=b", "a%3Db", "größe ü", strings.Repeat("ä", 31), "x\ty"} {
		got := unescapeTag(escapeTag(name))
		if want := name; source.CheckName(name) == nil && got != want || len(escapeTag(name)) > 256 {
			t.Errorf("%q comes back as %q", name, got)
		}
	}
	b := record("a.dump")
	b.Source, b.Selection = "loja=1", &Selection{Tables: []string{"orders"}}
	b.Status, b.Checksum = Success, strings.Repeat("a", 64)
	back, err := fromTags(b.Filepath, 1, Tags(b))
	must(t, err)
	if back.Source != b.Source || back.Whole() || back.Row().Whole() {
		t.Errorf("from its tags it is %+v", back)
	}
	if len(Tags(b)) > 10 {
		t.Errorf("S3 takes ten tags: %v", Tags(b))
	}
}

// Writers that learn at the same time lose nothing of each other.
func TestChangeSourceTogether(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := New(store, Options{}).ChangeSource(ctx, "shop", time.Now(), func(rec source.Record) (source.Record, error) {
					return rec.Admit(source.Server{SystemIdentifier: "7", Host: "db", Port: "5432", Database: "shop", Configured: []string{"db:5432", "db:" + string(rune('a'+i))}}, time.Now())
				})
				must(t, err)
			})
		}
		wg.Wait()
		rec, err := New(store, Options{}).Source(ctx, "shop")
		must(t, err)
		if len(rec.Addresses) != 9 || rec.SystemIdentifier != "7" || rec.FirstSeen.IsZero() {
			t.Errorf("it is %+v", rec)
		}
	})
}

// What a source adopted is its own, also after the index was lost; manifests stay as they are.
func TestAdopt(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		r := New(store, Options{})
		old, err := makeBackup(ctx, r, record("old.dump"), "old")
		must(t, err)
		manifest, _, err := store.Get(ctx, ManifestKey(old.ID))
		must(t, err)
		if row := old.Row(); !row.Unknown || row.Source != "loja" {
			t.Errorf("its row is %+v", row)
		}
		if _, err := r.Adopt(ctx, "nobody", time.Now()); !fault.HasReason(err, fault.NotFound) {
			t.Errorf("adopting nothing: %v", err)
		}
		_, err = r.ChangeSource(ctx, "loja-prod", time.Now(), func(rec source.Record) (source.Record, error) {
			return rec.Admit(source.Server{Host: "db", Port: "5432", Database: "loja"}, time.Now())
		})
		must(t, err)
		n, err := r.Adopt(ctx, "loja-prod", time.Now())
		if err != nil || n != 1 {
			t.Fatalf("adopted %d: %v", n, err)
		}
		check := func(x *Index) {
			t.Helper()
			if b := x.Find(old.ID); b == nil || b.Source != "loja-prod" || b.Row().Unknown {
				t.Errorf("it is %+v", b)
			}
		}
		x, err := r.Load(ctx)
		must(t, err)
		check(x)
		must(t, store.Delete(ctx, IndexKey))
		x, err = New(store, Options{}).Load(ctx)
		must(t, err)
		check(x)
		if now, _, err := store.Get(ctx, ManifestKey(old.ID)); err != nil || string(now) != string(manifest) {
			t.Error("the manifest was rewritten")
		}
	})
}

// The best proof of each kind stays, and what was found wrong is taken back only by a later look that is as close.
func TestVerifications(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 28, 2, minute, 0, 0, time.UTC) }
	see := func(minute int, level string, ok bool) Verification {
		return Verification{OK: ok, Level: level, At: at(minute)}
	}
	for name, c := range map[string]struct {
		seen    []Verification
		level   string
		ok      bool
		entries int
	}{
		"restored, then read back":            {[]Verification{see(1, LevelStream, true), see(2, LevelRestored, true), see(3, LevelFull, true)}, LevelRestored, true, 3},
		"restored, then hashed without a key": {[]Verification{see(1, LevelRestored, true), see(2, LevelChecksum, true)}, LevelRestored, true, 2},
		"damaged after it was restored":       {[]Verification{see(1, LevelRestored, true), see(2, LevelFull, false)}, LevelFull, false, 2},
		"damaged, then hashed":                {[]Verification{see(1, LevelFull, false), see(2, LevelChecksum, true)}, LevelFull, false, 2},
		"damaged, mended and read back":       {[]Verification{see(1, LevelFull, false), see(2, LevelFull, true)}, LevelFull, true, 1},
		"damaged, then restored":              {[]Verification{see(1, LevelFull, false), see(2, LevelRestored, true)}, LevelRestored, true, 1},
		"the newest of a level":               {[]Verification{see(1, LevelFull, true), see(9, LevelFull, true), see(5, LevelFull, true)}, LevelFull, true, 1},
		"a level from the future":             {[]Verification{see(1, LevelFull, true), see(2, "magic", true)}, LevelFull, true, 2},
	} {
		b := Backup{Status: Success}
		for _, v := range c.seen {
			b.addVerifications(v)
		}
		if b.Verification == nil || b.Verification.Level != c.level || b.Verification.OK != c.ok || len(b.Proofs()) != c.entries || b.Damaged() == c.ok {
			t.Errorf("%s: %+v of %+v", name, b.Verification, b.Proofs())
		}
	}
}

// Two verifications that end at the same time are both kept, also over a rebuild.
func TestVerifiedTogether(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "a")
		must(t, err)
		var wg sync.WaitGroup
		for _, level := range []string{LevelChecksum, LevelFull, LevelRestored} {
			wg.Go(func() {
				_, err := New(store, Options{}).SetVerification(ctx, b.ID, Verification{OK: true, Level: level, At: time.Now().UTC()}, 0)
				must(t, err)
			})
		}
		wg.Wait()
		for range 2 {
			x, err := New(store, Options{}).Load(ctx)
			must(t, err)
			if got := x.Find(b.ID); len(got.Proofs()) != 4 || got.Verification.Level != LevelRestored {
				t.Errorf("kept are %+v", got.Proofs())
			}
			must(t, store.Delete(ctx, IndexKey))
		}
	})
}

// One record that this version cannot read hides no other, is named, and says the way out.
func TestUnreadableSources(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, reg := t.Context(), New(store, Options{})
		for _, name := range []string{"good", "newer", "broken", "other"} {
			must(t, reg.NoteSource(ctx, name, time.Now()))
		}
		for name, body := range map[string]string{"newer": `{"version":99,"name":"newer"}`, "broken": `{`, "other": `{"version":1,"name":"another"}`} {
			_, err := store.Put(ctx, SourceKey(name), []byte(body), storage.PutOptions{})
			must(t, err)
		}
		records, unread, err := reg.Sources(ctx)
		must(t, err)
		if len(records) != 1 || records[0].Name != "good" || len(unread) != 3 || !fault.HasReason(unread["newer"], fault.NewerVersion) {
			t.Errorf("%+v, %v", records, unread)
		}
		for _, name := range []string{"broken", "other"} {
			f := fault.From(unread[name])
			if f == nil || f.Reason != fault.StructureDamaged || !strings.Contains(f.Message, "sources/"+name+".json") || !strings.Contains(f.Hint, "Delete that object") {
				t.Fatalf("%s: %+v", name, f)
			}
			must(t, store.Delete(ctx, SourceKey(name))) // the way out
			must(t, reg.NoteSource(ctx, name, time.Now()))
		}
		if _, err := New(store, Options{}).Load(ctx); !fault.HasReason(err, fault.NewerVersion) {
			t.Errorf("an index made anew without the newer record: %v", err)
		}
	})
}

// Two names that differ by case only are one on some file systems: the second is refused before it is on record.
func TestSourcesDifferByMoreThanCase(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, reg := t.Context(), New(store, Options{})
		must(t, reg.NoteSource(ctx, "Shop", time.Now()))
		for _, name := range []string{"shop", "SHOP"} {
			_, err := reg.Source(ctx, name)
			for _, err := range []error{err, reg.NoteSource(ctx, name, time.Now())} {
				if !fault.HasReason(err, fault.ServerChanged) || !strings.Contains(err.Error(), `"Shop"`) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		for _, name := range []string{"Shop", "shop2", "größe"} {
			must(t, reg.NoteSource(ctx, name, time.Now()))
		}
		// As a file system that takes both for one answers.
		body, _, err := store.Get(ctx, SourceKey("Shop"))
		must(t, err)
		_, err = store.Put(ctx, SourceKey("shop"), body, storage.PutOptions{})
		must(t, err)
		if _, err := reg.Source(ctx, "shop"); !fault.HasReason(err, fault.ServerChanged) {
			t.Errorf("another one's record: %v", err)
		}
	})
}

func TestOutcomes(t *testing.T) {
	for want, b := range map[Outcome]Backup{
		Succeeded:   {Status: Success},
		"":          {Status: InProgress},
		FailedToEnd: {Status: Failed, Error: &Error{Code: fault.DatabaseConnection}},
		Canceled:    {Status: Failed, Error: &Error{Code: fault.Canceled, Reason: fault.CanceledByUser}},
		Interrupted: {Status: Failed, Error: &Error{Code: fault.Canceled}},
	} {
		if got := b.Ended(); got != want {
			t.Errorf("%+v ended as %q, want %q", b, got, want)
		}
	}
	if dead := (Backup{Status: Failed, Error: &Error{Code: fault.BackupCreation, Reason: fault.RunLost}}); dead.Ended() != Interrupted {
		t.Errorf("a dead run ended as %q", dead.Ended())
	}
}

func FuzzSource(f *testing.F) {
	f.Add("sources/shop.json")
	f.Add("sources/%2E%2E.json")
	f.Fuzz(func(t *testing.T, key string) {
		if name := sourceOf(key); name != "" && SourceKey(name) != key {
			t.Errorf("%q leads to %q", key, name)
		}
	})
}
