package registry

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// meager is an environment that keeps less than what is saved below.
var meager = Options{Defaults: Settings{MaxBackups: 1, RetentionDays: 1, DefaultDirectory: "env"}}

var generous = Settings{MaxBackups: 90, RetentionDays: 365, DefaultDirectory: "prod"}

func wantSaved(t testing.TB, s, want Settings) {
	t.Helper()
	if s.SavedAt == nil || s.Lost || s.MaxBackups != want.MaxBackups || s.RetentionDays != want.RetentionDays || s.DefaultDirectory != want.DefaultDirectory {
		t.Errorf("settings are %+v, want %+v", s, want)
	}
}

func anyway(*Index) error { return nil }

func save(t testing.TB, r *Registry, s Settings) {
	t.Helper()
	_, err := r.SaveSettings(context.Background(), s, time.Now(), anyway)
	must(t, err)
}

// readIndex reads registry.json as it is.
func readIndex(t testing.TB, store storage.Store) *Index {
	t.Helper()
	data, _, err := store.Get(context.Background(), IndexKey)
	must(t, err)
	x, err := parseIndex(data)
	must(t, err)
	return x
}

// I4: saved settings outlive registry.json, whatever the environment says of them.
func TestSettingsOutliveTheIndex(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		lived(t, store)
		save(t, New(store, meager), generous)
		good, _, err := store.Get(ctx, IndexKey)
		must(t, err)
		for _, d := range damages {
			_, err := store.Put(ctx, IndexKey, d.do([]byte(string(good))), storage.PutOptions{})
			must(t, err)
			x, err := New(store, meager).Load(ctx)
			must(t, err)
			wantSaved(t, x.Settings, generous)
		}
		must(t, store.Delete(ctx, IndexKey))
		x, err := New(store, meager).Load(ctx)
		must(t, err)
		wantSaved(t, x.Settings, generous)
		wantSaved(t, readIndex(t, store).Settings, generous)

		// The copy says it better than a damaged index that can still be read.
		bad := strings.Replace(string(good), `"retentionDays":365`, `"retentionDays":3`, 1)
		_, err = store.Put(ctx, IndexKey, []byte(bad[:len(bad)*2/3]), storage.PutOptions{})
		must(t, err)
		x, err = New(store, meager).Load(ctx)
		must(t, err)
		wantSaved(t, x.Settings, generous)
	})
}

// What cannot be believed is not taken for the settings: nothing is removed then, and saving them again mends it.
func TestDamagedSettings(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	lived(t, store)
	for _, bad := range []string{"", "<html>", "[1]", `{"version":1,"settings":{"maxBackups":`, `{"settings":{}}`, `{"version":1,"settings":{"retentionDays":-1}}`,
		`{"version":1,"settings":{"retentionDays":1,"savedAt":"2026-11-01T00:00:00Z"},"saving":"X"}`} {
		save(t, New(store, Options{}), generous)
		_, err := store.Put(ctx, SettingsKey, []byte(bad), storage.PutOptions{})
		must(t, err)
		must(t, store.Delete(ctx, IndexKey))
		r := New(store, meager)
		for range 2 { // as rebuilt, and as stored
			x, err := r.Load(ctx)
			must(t, err)
			wantReason(t, x.CheckSettings(), fault.SettingsLost)
			if s := x.Settings; s.MaxBackups != 0 || s.RetentionDays != 0 || s.DefaultDirectory != "env" {
				t.Errorf("%q: settings are %+v", bad, s)
			}
		}
		rep, err := r.Reconcile(ctx)
		must(t, err)
		if now, _, err := store.Get(ctx, SettingsKey); err != nil || string(now) != bad || len(rep.Problems) > 0 {
			t.Errorf("%q became %q, %v, %v", bad, now, err, rep)
		}
		save(t, r, generous)
		must(t, store.Delete(ctx, IndexKey))
		x, err := r.Load(ctx)
		must(t, err)
		must(t, x.CheckSettings())
		wantSaved(t, x.Settings, generous)
	}
	// While the index is there, a damaged copy is only mended.
	_, err := store.Put(ctx, SettingsKey, []byte("{"), storage.PutOptions{})
	must(t, err)
	_, err = New(store, meager).Reconcile(ctx)
	must(t, err)
	c, _, err := New(store, meager).readSettingsCopy(ctx)
	must(t, err)
	wantSaved(t, c.Settings, generous)
	// A newer one is refused and stays.
	_, err = store.Put(ctx, SettingsKey, []byte(`{"version":2}`), storage.PutOptions{})
	must(t, err)
	must(t, store.Delete(ctx, IndexKey))
	_, err = New(store, meager).Load(ctx)
	wantReason(t, err, fault.NewerVersion)
	absent(t, store, IndexKey)
}

// A copy that a rebuild believes is never older than what the index said, wherever a save died; and the next
// Reconcile mends it.
func TestDeathAtEveryStepOfASave(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		_, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
		save(t, New(store, Options{}), generous)
		lost := 0
		dying(t, store, func(n int, r *Registry) error {
			next := generous
			next.RetentionDays = 1000 + n
			_, err := r.SaveSettings(ctx, next, time.Now(), anyway)
			return err
		}, func(n int, where string) {
			said := readIndex(t, store).Settings
			whole, _, err := store.Get(ctx, IndexKey)
			must(t, err)
			must(t, store.Delete(ctx, IndexKey))
			x, err := New(store, meager).Load(ctx)
			must(t, err)
			if x.Settings.Lost {
				lost++
			} else if !sameSettings(x.Settings, said) {
				t.Errorf("death at %q: the index said %+v, rebuilt %+v", where, said, x.Settings)
			}
			_, err = store.Put(ctx, IndexKey, whole, storage.PutOptions{})
			must(t, err)
			_, err = later(store).Reconcile(ctx)
			must(t, err)
			checkWorld(t, store)
			c, _, err := New(store, meager).readSettingsCopy(ctx)
			if err != nil || c.Saving != "" || !sameSettings(c.Settings, said) {
				t.Errorf("death at %q: the copy is %+v, %v; the index says %+v", where, c, err, said)
			}
		})
		if lost == 0 {
			t.Error("no death left a mark")
		}
	})
}

// Somebody mends the copy while a save is between its mark and the index: the save begins anew, and dies behind the
// index. The mended copy, which is older, is not believed.
func TestMendDuringASave(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	_, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	save(t, New(store, Options{}), Settings{RetentionDays: 1})
	mended, dead, puts := false, false, 0
	r := New(storagetest.Faulty(store, func(op, key string) error {
		switch {
		case dead:
			return storagetest.ErrDied
		case op == "before put" && key == IndexKey && !mended:
			mended = true
			_, err := New(store, Options{}).Reconcile(ctx)
			must(t, err)
		case op == "after put" && key == IndexKey:
			if puts++; puts == 2 { // the first one was refused
				dead = true
				return storagetest.ErrDied
			}
		}
		return nil
	}), Options{})
	if _, err := r.SaveSettings(ctx, generous, time.Now(), anyway); err == nil || !dead {
		t.Fatalf("it did not die: %v", err)
	}
	wantSaved(t, readIndex(t, store).Settings, generous)
	must(t, store.Delete(ctx, IndexKey))
	x, err := New(store, meager).Load(ctx)
	must(t, err)
	wantReason(t, x.CheckSettings(), fault.SettingsLost)
}

// Whoever saves last, index and copy say the same.
func TestSavesTogether(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		_, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
		must(t, err)
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				if _, err := New(store, Options{}).SaveSettings(ctx, Settings{RetentionDays: i + 1}, time.Now(), anyway); err != nil {
					t.Error(err)
				}
				if _, err := New(store, Options{}).Reconcile(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		c, _, err := New(store, Options{}).readSettingsCopy(ctx)
		must(t, err)
		if said := readIndex(t, store).Settings; c.Saving != "" || !sameSettings(c.Settings, said) {
			t.Errorf("the copy is %+v, the index says %+v", c, said)
		}
	})
}

// Of writers who saw the same settings one wins, and the others are told so; a save whose answer was lost is no other's.
func TestSavesOfWhatWasSeen(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		save(t, New(store, Options{}), generous)
		seen := readIndex(t, store).Settings.Version()
		changed := errors.New("changed")
		var all sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			all.Go(func() {
				lost := false
				r := New(storagetest.Faulty(store, func(op, key string) error {
					if op == "after put" && key == IndexKey && !lost {
						lost = true
						return errLost
					}
					return nil
				}), Options{})
				_, errs[i] = r.SaveSettings(ctx, Settings{RetentionDays: i + 1}, time.Now(), func(x *Index) error {
					if x.Settings.Version() != seen {
						return changed
					}
					return nil
				})
			})
		}
		all.Wait()
		said := readIndex(t, store).Settings
		for i, err := range errs {
			if won := said.RetentionDays == i+1; won && err != nil || !won && !errors.Is(err, changed) {
				t.Errorf("writer %d, of %+v: %v", i, said, err)
			}
		}
		if c, _, err := New(store, Options{}).readSettingsCopy(ctx); err != nil || c.Saving != "" || !sameSettings(c.Settings, said) {
			t.Errorf("the copy is %+v, %v; the index says %+v", c, err, said)
		}
	})
}

// Settings that were saved before there was a copy get one; making and listing backups never asks for it.
func TestSettingsCopyIsMadeLater(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	asked := 0
	r := New(storagetest.Faulty(store, func(op, key string) error {
		if key == SettingsKey {
			asked++
		}
		return nil
	}), Options{})
	_, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	at := time.Now().UTC()
	must(t, r.Update(ctx, func(x *Index) error { x.Settings = generous; x.Settings.SavedAt = &at; return nil }))
	_, err = makeBackup(ctx, r, record("b.dump"), "content")
	must(t, err)
	_, err = r.Load(ctx)
	must(t, err)
	if asked > 0 {
		t.Errorf("%d requests for %s", asked, SettingsKey)
	}
	_, err = r.Reconcile(ctx)
	must(t, err)
	must(t, store.Delete(ctx, IndexKey))
	x, err := New(store, meager).Load(ctx)
	must(t, err)
	wantSaved(t, x.Settings, generous)
}
