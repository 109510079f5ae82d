package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"cofre/pkg/fault"
	"cofre/pkg/seal"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

func newSealKey(t testing.TB) *seal.Key {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	must(t, err)
	k, err := seal.New(id, id.Recipient())
	must(t, err)
	return k
}

func aKept(name, settings string) Kept {
	return Kept{Kind: KeptSource, Name: name, Settings: json.RawMessage(settings)}
}

// Settings are kept, changed by whoever saw them last, and removed; secrets lie there sealed, whatever the name.
func TestKept(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	stores(t, func(t *testing.T, store storage.Store) {
		key := newSealKey(t)
		r := New(store, Options{Key: key})
		for _, name := range []string{"shop", "../x", "a/b", "loja é", ".json", "%2F", "settings/shop"} {
			k, err := r.Keep(ctx, aKept(name, `{"schedule":"0 3 * * *"}`).WithSecret("url", "postgresql://u:hunter2@h/d"), now, "ana")
			must(t, err)
			data, _, err := store.Get(ctx, KeptKey(KeptSource, name))
			must(t, err)
			if strings.Contains(string(data), "hunter2") {
				t.Fatalf("%s holds the password", KeptKey(KeptSource, name))
			}
			got, err := New(store, Options{Key: key}).Kept(ctx, KeptSource, name)
			must(t, err)
			secret, err := got.Secret("url")
			must(t, err)
			var settings struct{ Schedule string }
			must(t, got.Decode(&settings))
			if secret != "postgresql://u:hunter2@h/d" || settings.Schedule != "0 3 * * *" || got.Changed.By != "ana" || got.Version != k.Version {
				t.Errorf("%q: %+v, %q", name, got, secret)
			}
			wantReason(t, got.Decode(&struct{}{}), fault.StructureDamaged)
			_, err = r.Keep(ctx, aKept(name, `{}`), now, "rui")
			wantReason(t, err, fault.AlreadyExists)
		}
		_, err := r.Keep(ctx, aKept("SHOP", `{}`), now, "rui")
		wantReason(t, err, fault.AlreadyExists)

		first, err := r.Kept(ctx, KeptSource, "shop")
		must(t, err)
		first.Settings = json.RawMessage(`{"paused":true}`)
		changed, err := r.Keep(ctx, first, now, "ana")
		must(t, err)
		_, err = r.Keep(ctx, first, now, "rui") // who saw the one before
		wantReason(t, err, fault.Precondition)
		if secret, err := changed.Secret("url"); err != nil || !strings.Contains(secret, "hunter2") {
			t.Errorf("a secret that nobody touched is %q, %v", secret, err)
		}
		all, unread, err := r.AllKept(ctx, KeptSource)
		must(t, err)
		if len(all) != 7 || len(unread) > 0 || string(all[5].Settings) == "" {
			t.Errorf("%+v, %v", all, unread)
		}
		must(t, r.Discard(ctx, KeptSource, "shop"))
		wantReason(t, r.Discard(ctx, KeptSource, "shop"), fault.NotFound)
		_, err = r.Keep(ctx, changed, now, "rui") // who did not see that it was removed
		if !fault.HasReason(err, fault.NotFound) && !fault.HasReason(err, fault.Precondition) {
			t.Errorf("a removed one is changed: %v", err)
		}
		if places, _, err := r.AllKept(ctx, KeptPlace); err != nil || len(places) > 0 {
			t.Errorf("%v, %v", places, err)
		}
	})
}

// Whoever may write to the bucket makes nothing of it: not a document of their own, not one of another name or kind, not a secret of another one, not
// another word in one. The others are taken all the same.
func TestKeptForged(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	store, key := storagetest.NewLocal(t), newSealKey(t)
	r := New(store, Options{Key: key})
	for _, name := range []string{"good", "victim", "rich"} {
		_, err := r.Keep(ctx, aKept(name, `{"jobs":1}`).WithSecret("url", "postgresql://"+name), now, "ana")
		must(t, err)
	}
	read := func(name string) []byte {
		data, _, err := store.Get(ctx, KeptKey(KeptSource, name))
		must(t, err)
		return data
	}
	var rich, victim keptDoc
	must(t, json.Unmarshal(read("rich"), &rich))
	must(t, json.Unmarshal(read("victim"), &victim))
	plain, err := New(storagetest.NewLocal(t), Options{}).Keep(ctx, aKept("planted", `{}`), now, "eve")
	must(t, err)
	planted, err := encode(keptDoc{1, KeptSource, "planted", plain.Settings, nil, plain.Changed, ""})
	must(t, err)
	swapped := victim
	swapped.Secrets = rich.Secrets
	resealed := swapped // what only a holder of the key could do: the secret still says whose it is
	signed, err := resealed.signed()
	must(t, err)
	resealed.MAC = key.MAC(signed)
	for what, c := range map[string]struct {
		name   string
		data   any
		reason fault.Reason
	}{
		"planted":        {"planted", planted, fault.Forged},
		"another's name": {"victim", read("rich"), fault.StructureDamaged},
		"one word":       {"victim", bytes.Replace(read("victim"), []byte(`"jobs": 1`), []byte(`"jobs": 2`), 1), fault.Forged},
		"its secret":     {"victim", swapped, fault.Forged},
		"unknown key":    {"victim", bytes.Replace(read("victim"), []byte(`"kind"`), []byte(`"evil": 1, "kind"`), 1), fault.StructureDamaged},
		"too long":       {"victim", append(bytes.TrimSpace(read("victim")), bytes.Repeat([]byte(" "), maxKept)...), fault.StructureDamaged},
		"two of them":    {"victim", append(read("victim"), read("victim")...), fault.StructureDamaged},
		"no JSON":        {"victim", []byte("hello"), fault.StructureDamaged},
		"newer":          {"victim", []byte(`{"version":9}`), fault.NewerVersion},
	} {
		data, raw := c.data.([]byte)
		if !raw {
			data, err = encode(c.data)
			must(t, err)
		}
		_, err := store.Put(ctx, KeptKey(KeptSource, c.name), data, storage.PutOptions{})
		must(t, err)
		all, unread, err := r.AllKept(ctx, KeptSource)
		must(t, err)
		if !fault.HasReason(unread[c.name], c.reason) || len(all) < 2 || all[0].Name != "good" {
			t.Errorf("%s: %v, %v", what, unread, all)
		}
		must(t, store.Delete(ctx, KeptKey(KeptSource, "planted")))
	}
	data, err := encode(resealed)
	must(t, err)
	_, err = store.Put(ctx, KeptKey(KeptSource, "victim"), data, storage.PutOptions{})
	must(t, err)
	k, err := r.Kept(ctx, KeptSource, "victim")
	must(t, err)
	if got, err := k.Secret("url"); !fault.HasReason(err, fault.Forged) {
		t.Errorf("a secret of another name opens: %q, %v", got, err)
	}
	_, err = store.Put(ctx, "configuration/sources/a b.json", []byte("{}"), storage.PutOptions{})
	must(t, err)
	if _, unread, err := r.AllKept(ctx, KeptSource); err != nil || !isDamaged(unread["configuration/sources/a b.json"]) {
		t.Errorf("%v, %v", unread, err)
	}

	// Without the key nothing of it is taken, no secret is kept, and only what has none is read.
	bare := New(store, Options{})
	_, unread, err := bare.AllKept(ctx, KeptSource)
	must(t, err)
	if !fault.HasReason(unread["good"], fault.IdentityMissing) || bare.KeepsSecrets() {
		t.Errorf("%v", unread)
	}
	_, err = bare.Keep(ctx, aKept("new", `{}`).WithSecret("url", "x"), now, "ana")
	wantReason(t, err, fault.IdentityMissing)
	_, err = bare.Keep(ctx, aKept("new", `{}`), now, "ana")
	must(t, err)
	if _, err = bare.Kept(ctx, KeptSource, "new"); err != nil {
		t.Error(err)
	}
	_, err = r.Kept(ctx, KeptSource, "new") // made before there was a key
	wantReason(t, err, fault.Forged)
	must(t, r.Discard(ctx, KeptSource, "new"))
}

// There are 500 of a kind at most, whoever puts more there is told of, and of two who make one at once only one does.
func TestKeptBounds(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	store, key := storagetest.NewLocal(t), newSealKey(t)
	r := New(store, Options{Key: key})
	var wg sync.WaitGroup
	made := make([]error, 4)
	for i := range made {
		wg.Go(func() {
			_, made[i] = New(store, Options{Key: key}).Keep(ctx, aKept("s000", fmt.Sprintf(`{"jobs":%d}`, i)), now, "ana")
		})
	}
	wg.Wait()
	won := 0
	for _, err := range made {
		if err == nil {
			won++
		} else {
			wantReason(t, err, fault.AlreadyExists)
		}
	}
	if won != 1 {
		t.Errorf("%d of 4 made it", won)
	}
	doc, _, err := store.Get(ctx, KeptKey(KeptSource, "s000"))
	must(t, err)
	for i := 1; i < maxKeptOf; i++ {
		_, err := store.Put(ctx, KeptKey(KeptSource, fmt.Sprintf("s%03d", i)), doc, storage.PutOptions{})
		must(t, err)
	}
	_, err = r.Keep(ctx, aKept("s999", `{}`), now, "ana")
	wantReason(t, err, fault.LimitReached)
	_, err = store.Put(ctx, KeptKey(KeptSource, "s999"), doc, storage.PutOptions{})
	must(t, err)
	all, unread, err := r.AllKept(ctx, KeptSource)
	must(t, err)
	if len(all) != 1 || len(unread) != maxKeptOf || !fault.HasReason(unread["s999"], fault.LimitReached) {
		t.Errorf("%d, %d, %v", len(all), len(unread), unread["s999"])
	}
	_, err = r.Keep(ctx, aKept("long", `{"x":"`+strings.Repeat("x", maxKept)+`"}`), now, "ana")
	if err == nil {
		t.Error("a long one is kept")
	}
}

// FuzzKept: no document makes the reader fail in another way than it says, and none is taken that the key did not make.
func FuzzKept(f *testing.F) {
	key := newSealKey(f)
	r := New(nil, Options{Key: key})
	doc := keptDoc{Version: 1, Kind: KeptSource, Name: "shop", Settings: json.RawMessage(`{"jobs":1}`), Changed: Change{At: time.Unix(0, 0).UTC(), By: "ana"}}
	must(f, r.sealKept(aKept("shop", "").WithSecret("url", "secret"), &doc))
	good, err := encode(doc)
	must(f, err)
	f.Add("shop", good)
	f.Add("wiki", good)
	f.Add("shop", bytes.Replace(good, []byte("1}"), []byte("2}"), 1))
	f.Add("shop", []byte(`{"version":1,"kind":"source","name":"shop","settings":{},"changed":{"at":"2026-01-01T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if k, err := parseKept(key, KeptSource, name, data); err == nil {
			var settings struct{ Jobs int }
			if err := k.Decode(&settings); name != "shop" || err != nil || settings.Jobs != 1 {
				t.Errorf("taken: %+v", k)
			}
		} else if !isDamaged(err) && !fault.HasReason(err, fault.NewerVersion) && !fault.HasReason(err, fault.Forged) {
			t.Error(err)
		}
		if k, err := parseKept(nil, KeptSource, name, data); err == nil && (k.Name != name || len(k.secrets) > 0) {
			t.Errorf("taken without a key: %+v", k)
		}
	})
}
