package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
	"cofre/pkg/storage"
	"cofre/pkg/storage/local"
	"cofre/pkg/storage/storagetest"
)

// lived gives a bucket with a past: three good backups, one of them found damaged since, a failed one, a removed
// one, a running one, settings and a cleanup. The index is as stored.
func lived(t testing.TB, store storage.Store) *Index {
	t.Helper()
	ctx := context.Background()
	r := New(store, Options{Defaults: Settings{MaxBackups: 7, RetentionDays: 30, DefaultDirectory: "prod"}})
	var made []Backup
	for _, name := range []string{"a.dump", "prod/b.dump", "c.sql.zst", "removed.dump"} {
		b, err := makeBackup(ctx, r, record(name), "content of "+name)
		must(t, err)
		made = append(made, b)
	}
	_, err := r.SetVerification(ctx, made[0].ID, Verification{OK: false, Level: LevelFull, At: made[0].CreatedAt,
		Problems: []Problem{{Reason: fault.ChecksumMismatch, Detail: "a bit flipped"}}}, 0)
	must(t, err)
	_, err = r.SetVerification(ctx, made[1].ID, Verification{OK: true, Level: LevelRestored, At: made[1].CreatedAt}, 12345)
	must(t, err)
	_, err = r.Remove(ctx, made[3].ID, "ana")
	must(t, err)
	l := begin(t, r, record("failed.dump"))
	_, err = l.Fail(ctx, l.Backup(), errLost)
	must(t, err)
	begin(t, r, record("running.dump"))
	must(t, r.MarkCleanup(ctx, time.Now()))
	x, err := r.Load(ctx)
	must(t, err)
	if len(x.Backups) != 5 || len(ids(x, Success)) != 3 || len(ids(x, InProgress)) != 1 {
		t.Fatalf("%s", show(x))
	}
	return x
}

// damages are what happens to files. keep tells that the settings can still be read.
var damages = []struct {
	name string
	keep bool
	do   func(data []byte) []byte
}{
	{"empty", false, func([]byte) []byte { return nil }},
	{"not JSON", false, func([]byte) []byte { return []byte("<html>503 Slow Down</html>") }},
	{"zeros", false, func(d []byte) []byte { return make([]byte, len(d)) }},
	{"truncated", true, func(d []byte) []byte { return d[:len(d)*2/3] }},
	{"last byte lost", true, func(d []byte) []byte { return bytes.TrimRight(d, "}\n") }},
	{"twice", true, func(d []byte) []byte { return append(d, d...) }},
	{"no version", false, func([]byte) []byte { return []byte(`{"backups":[]}`) }},
	{"version 0", false, func(d []byte) []byte { return bytes.Replace(d, []byte(`"version": 1`), []byte(`"version": 0`), 1) }},
	{"wrong type", true, func(d []byte) []byte { return bytes.Replace(d, []byte(`"size":`), []byte(`"size":"x`), 1) }},
	{"an array", false, func([]byte) []byte { return []byte(`[1,2]`) }},
	{"duplicate id", true, func(d []byte) []byte {
		i := bytes.Index(d, []byte(`  {"id"`))
		line := d[i : i+bytes.IndexByte(d[i:], '\n')]
		return bytes.Replace(d, line, append(append(bytes.Clone(line), '\n'), line...), 1)
	}},
	{"unknown status", true, func(d []byte) []byte { return bytes.Replace(d, []byte(`"success"`), []byte(`"fine"`), 1) }},
	{"path outside", true, func(d []byte) []byte {
		return bytes.ReplaceAll(d, []byte(`files/a.dump`), []byte(`files/../secret/a.dump`))
	}},
	{"absolute path", true, func(d []byte) []byte { return bytes.ReplaceAll(d, []byte(`files/a.dump`), []byte(`/etc/a.dump`)) }},
	{"file name with a path", true, func(d []byte) []byte {
		return bytes.Replace(d, []byte(`"filename":"a.dump"`), []byte(`"filename":"../../a.dump"`), 1)
	}},
	{"bad id", true, func(d []byte) []byte { return bytes.Replace(d, []byte(`{"id":"0`), []byte(`{"id":"/`), 1) }},
}

// F9, I4, I9: whatever happened to registry.json, the same backups are there, the damaged one is kept aside,
// and nothing outside the layout is touched.
func TestDamagedIndexIsRebuilt(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		before := lived(t, store)
		good, _, err := store.Get(ctx, IndexKey)
		must(t, err)
		for _, d := range damages {
			t.Run(d.name, func(t *testing.T) {
				bad := d.do(bytes.Clone(good))
				if bytes.Equal(bad, good) {
					t.Fatal("no damage")
				}
				_, err := store.Put(ctx, IndexKey, bad, storage.PutOptions{})
				must(t, err)
				watched := storagetest.Faulty(store, func(op, key string) error {
					if strings.Contains(key, "..") || strings.Contains(key, "etc") || strings.HasPrefix(key, "/") {
						t.Errorf("%s %s", op, key)
					}
					return nil
				})
				x, err := New(watched, Options{}).Load(ctx)
				must(t, err)
				if !equalJSON(x.Backups, before.Backups) {
					t.Errorf("rebuilt:\n%s\nbefore:\n%s", show(x.Backups), show(before.Backups))
				}
				if d.keep && (!equalJSON(x.Settings, before.Settings) || !equalJSON(x.LastCleanup, before.LastCleanup)) {
					t.Errorf("settings are %+v, last cleanup %v", x.Settings, x.LastCleanup)
				}
				now, _, err := store.Get(ctx, IndexKey)
				must(t, err)
				if y, err := parseIndex(now); err != nil || !equalJSON(x, y) {
					t.Errorf("stored: %v %s", err, now)
				}
				wantAside(t, store, bad)
			})
		}
	})
}

func wantAside(t *testing.T, store storage.Store, bad []byte) {
	t.Helper()
	for o, err := range store.List(context.Background(), storage.ListOptions{Prefix: damagedPrefix}) {
		must(t, err)
		if kept, _, err := store.Get(context.Background(), o.Key); err == nil && bytes.Equal(kept, bad) {
			return
		}
	}
	t.Error("the damaged registry.json is not kept aside")
}

// The damage that deleting is; and a file put in order by hand.
func TestIndexDeletedOrSortedOtherwise(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		before := lived(t, store)
		must(t, store.Delete(ctx, IndexKey))
		x, err := New(store, Options{Defaults: Settings{MaxBackups: 3}}).Load(ctx)
		must(t, err)
		if !equalJSON(x.Backups, before.Backups) || x.Settings.MaxBackups != 3 {
			t.Errorf("rebuilt: %s", show(x))
		}
		y := &Index{Version: 1}
		for _, i := range []int{3, 0, 4, 1, 2} {
			y.Backups = append(y.Backups, x.Backups[i])
		}
		data, err := encode(y)
		must(t, err)
		_, err = store.Put(ctx, IndexKey, data, storage.PutOptions{})
		must(t, err)
		z, err := New(store, Options{}).Load(ctx)
		must(t, err)
		if !equalJSON(z.Backups, before.Backups) {
			t.Errorf("sorted: %s", show(z.Backups))
		}
		for o, err := range store.List(ctx, storage.ListOptions{Prefix: damagedPrefix}) {
			must(t, err)
			t.Errorf("%s: a missing or unsorted registry is no damage", o.Key)
		}
	})
}

// F9: a newer version is refused by every operation and left as it is, byte for byte, also when the rest of it
// is damaged.
func TestNewerIndexIsRefused(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	good, _, err := store.Get(ctx, IndexKey)
	must(t, err)
	newer := bytes.Replace(good, []byte(`"version": 1`), []byte(`"version": 3`), 1)
	other := []byte(`{"schema":{"a":[1,{"b":2}]},"version":3,"backups":{"by":"id"}}`)
	for _, data := range [][]byte{newer, newer[:len(newer)/2], newer[:20], other} {
		_, err := store.Put(ctx, IndexKey, data, storage.PutOptions{})
		must(t, err)
		before := keys(t, store)
		r := later(store)
		try := map[string]func() error{
			"load":        func() error { _, err := r.Load(ctx); return err },
			"rebuild":     func() error { _, err := r.Rebuild(ctx); return err },
			"update":      func() error { return r.Update(ctx, func(x *Index) error { x.Remove(b.ID); return nil }) },
			"mark":        func() error { return r.MarkCleanup(ctx, b.CreatedAt) },
			"remove":      func() error { _, err := r.Remove(ctx, b.ID, "ana"); return err },
			"verify":      func() error { _, err := r.SetVerification(ctx, b.ID, Verification{}, 0); return err },
			"reserve":     func() error { _, err := r.Reserve(ctx, record("b.dump"), nil, time.Minute, agree); return err },
			"reconcile":   func() error { _, err := r.Reconcile(ctx); return err },
			"whole again": func() error { _, err := makeBackup(ctx, r, record("c.dump"), "x"); return err },
		}
		for name, f := range try {
			err := f()
			if !fault.HasReason(err, fault.NewerVersion) {
				t.Errorf("%s: %v", name, err)
			}
		}
		now, _, err := store.Get(ctx, IndexKey)
		must(t, err)
		if !bytes.Equal(now, data) {
			t.Errorf("changed to %s", now)
		}
		if after := keys(t, store); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("keys were\n%v and are\n%v", before, after)
		}
	}
}

func keys(t testing.TB, store storage.Store) []string {
	t.Helper()
	var out []string
	for o, err := range store.List(context.Background(), storage.ListOptions{}) {
		must(t, err)
		out = append(out, o.Key)
	}
	return out
}

// A manifest or intent of a newer version stops a rebuild: it must not lose what it cannot read.
func TestNewerManifestStopsRebuild(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	for _, key := range []string{ManifestKey(b.ID), IntentKey(b.ID)} {
		old, _, gerr := store.Get(ctx, key)
		_, err := store.Put(ctx, key, []byte(`{"version":2,"what":"ever"}`), storage.PutOptions{})
		must(t, err)
		must(t, store.Delete(ctx, IndexKey))
		_, err = New(store, Options{}).Load(ctx)
		wantReason(t, err, fault.NewerVersion)
		absent(t, store, IndexKey)
		if gerr == nil {
			_, err = store.Put(ctx, key, old, storage.PutOptions{})
		} else {
			err = store.Delete(ctx, key)
		}
		must(t, err)
	}
	_, err = New(store, Options{}).Load(ctx)
	must(t, err)
	checkWorld(t, store)
}

// I4: with the manifests gone too, the tags are enough for what matters.
func TestRebuildFromTags(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		before := lived(t, store)
		for _, key := range keys(t, store) {
			if strings.HasPrefix(key, ManifestsPrefix) || key == IndexKey {
				must(t, store.Delete(ctx, key))
			}
		}
		_, err := store.Put(ctx, "files/stranger.dump", []byte("not ours"), storage.PutOptions{})
		must(t, err)
		x, err := New(store, Options{}).Load(ctx)
		must(t, err)
		want := *before
		want.Backups = nil
		for _, b := range before.Backups {
			if b.Status == Failed {
				continue // it had no object
			}
			if b.Status == Success {
				b.Labels, b.Stored = nil, nil // tags do not hold these, nor parentheses
				b.DatabaseVersion = tagValue(b.DatabaseVersion)
				if b.Verification.Level == LevelStream {
					b.Verification = nil
				}
			}
			want.Backups = append(want.Backups, b)
		}
		if !equalJSON(x.Backups, want.Backups) {
			t.Errorf("rebuilt:\n%s\nwant:\n%s", show(x.Backups), show(want.Backups))
		}
	})
}

// One bad object among the records hides no other, and leads nowhere outside the layout.
func TestBadRecordsArePassedOver(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	before := lived(t, store)
	evil := record("x.dump")
	evil.Status, evil.Filepath = Success, "files/../../x.dump"
	evilIn := Intent{Version: 1, Kind: kindCreate, Backup: evil, Runner: "x", UploadID: "y"}
	other := before.Backups[0]
	for key, v := range map[string]any{
		ManifestKey(evil.ID):          Manifest{Version: 1, Backup: evil},
		IntentKey(evil.ID):            evilIn,
		ManifestKey(newID()):          Manifest{Version: 1, Backup: other}, // another backup's
		ManifestKey(newID()):          "text",
		VerificationKey(newID()):      []int{1},
		VerificationKey(other.ID):     "text",
		"manifests/not-an-id.json":    Manifest{Version: 1, Backup: other},
		"intents/sub/" + other.ID:     evilIn,
		"files/x.dump":                "unknown object",
		"status/readme.txt":           "hello",
		"manifests/" + other.ID + "x": "",
	} {
		data, err := encode(v)
		must(t, err)
		_, err = store.Put(ctx, key, data, storage.PutOptions{})
		must(t, err)
	}
	must(t, store.Delete(ctx, IndexKey))
	watched := storagetest.Faulty(store, func(op, key string) error {
		if strings.Contains(key, "..") {
			t.Errorf("%s %s", op, key)
		}
		return nil
	})
	x, err := New(watched, Options{Log: testLog(t)}).Load(ctx)
	must(t, err)
	if got := *x.Find(other.ID); got.Verification == nil || got.Verification.Level != LevelStream {
		t.Errorf("%+v", got.Verification) // its verification is the damaged one
	}
	x.Find(other.ID).Verification, x.Find(other.ID).Verifications = other.Verification, other.Verifications
	if !equalJSON(x.Backups, before.Backups) {
		t.Errorf("%s", show(x.Backups))
	}
	r := New(watched, Options{Ahead: time.Hour, Log: testLog(t)})
	rep, err := r.Reconcile(ctx)
	must(t, err)
	if len(rep.Problems) != 3 || len(rep.Failed) != 1 {
		t.Errorf("%s", show(rep))
	}
	if _, err := store.Head(ctx, "files/x.dump"); err != nil {
		t.Error("an unknown object was touched")
	}
}

// A file edited in the local directory has no ETag, or an old one. It is read, and replaced by the next update.
func TestIndexEditedByHand(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	store := storagetest.OpenLocal(t, local.Config{Directory: dir, Volatile: true})
	r := New(store, Options{})
	b, err := makeBackup(ctx, r, record("a.dump"), "content")
	must(t, err)
	file := filepath.Join(dir, IndexKey)
	for _, inPlace := range []bool{true, false} {
		data, err := os.ReadFile(file)
		must(t, err)
		data = bytes.Replace(data, []byte(`"maxBackups":0`), []byte(`"maxBackups":5`), 1)
		if !inPlace {
			must(t, os.Remove(file))
		}
		must(t, os.WriteFile(file, data, 0o600))
		x, err := r.Load(ctx)
		must(t, err)
		if x.Settings.MaxBackups != 5 {
			t.Errorf("in place %v: %s", inPlace, show(x))
		}
		must(t, r.Update(ctx, func(x *Index) error { x.Settings.MaxBackups = 0; return nil }))
		_, err = makeBackup(ctx, r, record(fmt.Sprint(inPlace, ".dump")), "content")
		must(t, err)
		checkWorld(t, store)
	}
	_, err = r.Remove(ctx, b.ID, "ana")
	must(t, err)
	checkWorld(t, store)
}

// reading gives a store whose answers to Get of registry.json pass through f.
type reading struct {
	storage.Store
	f func([]byte, storage.Object) ([]byte, storage.Object)
}

func (s reading) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	data, o, err := s.Store.Get(ctx, key)
	if err == nil && key == IndexKey {
		data, o = s.f(data, o)
	}
	return data, o, err
}

// Reads in the middle of another process's writes, on a service that does not replace objects in one step,
// must not be taken for damage.
func TestTornReadIsNoDamage(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewMinIO(t) // its ETags are MD5 sums
	b, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	before := keys(t, store)
	var n atomic.Int64
	growing := reading{store, func(d []byte, o storage.Object) ([]byte, storage.Object) {
		if i := int(n.Add(1)); i < 12 {
			return d[:len(d)*i/12], o
		}
		return d, o
	}}
	x, err := New(growing, Options{}).Load(ctx)
	must(t, err)
	if x.Find(b.ID) == nil {
		t.Error("lost")
	}
	// Old bytes with the ETag of the new ones would make the next update overwrite what it has not read.
	n.Store(0)
	old, _, err := store.Get(ctx, IndexKey)
	must(t, err)
	must(t, New(store, Options{}).MarkCleanup(ctx, time.Now()))
	mixed := reading{store, func(d []byte, o storage.Object) ([]byte, storage.Object) {
		if n.Add(1) == 1 {
			return old, o
		}
		return d, o
	}}
	must(t, New(mixed, Options{}).Update(ctx, func(x *Index) error {
		if x.LastCleanup == nil {
			t.Error("an old state was taken for the present one")
		}
		x.Settings.MaxBackups++
		return nil
	}))
	if after := keys(t, store); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("keys were\n%v and are\n%v", before, after)
	}
}

// foreignETags is a service that encrypts with keys of its own: its ETags have the form of MD5 sums and are none.
type foreignETags struct{ storage.Store }

func flip(etag string) string {
	raw, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil {
		return etag
	}
	for i := range raw {
		raw[i] ^= 0xff
	}
	return `"` + hex.EncodeToString(raw) + `"`
}

func (s foreignETags) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	data, o, err := s.Store.Get(ctx, key)
	o.ETag = flip(o.ETag)
	return data, o, err
}

func (s foreignETags) Head(ctx context.Context, key string) (storage.Object, error) {
	o, err := s.Store.Head(ctx, key)
	o.ETag = flip(o.ETag)
	return o, err
}

func (s foreignETags) Put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	if o.Condition.IfMatch != "" {
		o.Condition.IfMatch = flip(o.Condition.IfMatch)
	}
	out, err := s.Store.Put(ctx, key, body, o)
	out.ETag = flip(out.ETag)
	return out, err
}

func TestETagsThatAreNoMD5(t *testing.T) {
	ctx := context.Background()
	plain := storagetest.NewMinIO(t)
	store := foreignETags{plain}
	_, err := makeBackup(ctx, New(store, Options{}), record("a.dump"), "content")
	must(t, err)
	write(t, foreignETags{storagetest.NewMinIO(t)}, 8, 5, nil)
	gets := 0
	r := New(storagetest.Faulty(store, func(op, key string) error {
		if op == "before get" {
			gets++
		}
		return nil
	}), Options{})
	for range 5 {
		_, err := r.load(ctx)
		must(t, err)
	}
	if gets != 6 { // one more, to be sure
		t.Errorf("%d requests for 5 loads", gets)
	}
	for _, key := range keys(t, plain) {
		if strings.HasPrefix(key, damagedPrefix) {
			t.Errorf("taken for damaged: %s", key)
		}
	}
	checkWorld(t, plain)
}

// Credentials that may only read still list what a rebuild finds.
func TestRebuildWithoutWriting(t *testing.T) {
	ctx := context.Background()
	store := storagetest.NewLocal(t)
	before := lived(t, store)
	denied := fault.New(fault.Permission, fault.AccessDenied, "", "no")
	readOnly := storagetest.Faulty(store, func(op, key string) error {
		switch op {
		case "before put", "before delete", "before set-tags":
			return denied
		}
		return nil
	})
	for _, damage := range []func() error{
		func() error { return store.Delete(ctx, IndexKey) },
		func() error { _, err := store.Put(ctx, IndexKey, []byte("?"), storage.PutOptions{}); return err },
	} {
		must(t, damage())
		x, err := New(readOnly, Options{}).Load(ctx)
		must(t, err)
		if !equalJSON(x.Backups, before.Backups) {
			t.Errorf("%s", show(x.Backups))
		}
		if err := New(readOnly, Options{}).MarkCleanup(ctx, time.Now()); !errors.Is(err, denied) {
			t.Errorf("update: %v", err)
		}
	}
	// Listing an empty place writes nothing.
	x, err := New(storagetest.Faulty(storagetest.NewLocal(t), func(op, key string) error {
		if op == "before put" {
			t.Error("wrote", key)
		}
		return nil
	}), Options{}).Load(ctx)
	must(t, err)
	if len(x.Backups) != 0 {
		t.Errorf("%+v", x)
	}
}

// Many processes find the same damage at once.
func TestRebuildTogether(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		before := lived(t, store)
		_, err := store.Put(ctx, IndexKey, []byte("{}"), storage.PutOptions{})
		must(t, err)
		errs := make(chan error)
		for range 12 {
			go func() {
				b := record("x.dump")
				b.Status, b.Filename, b.Filepath = Failed, b.ID, FilesPrefix+b.ID
				errs <- New(store, Options{}).Update(ctx, func(x *Index) error { x.Upsert(b); return nil })
			}()
		}
		for range 12 {
			must(t, <-errs)
		}
		x, err := New(store, Options{}).Load(ctx)
		must(t, err)
		aside := 0
		for _, key := range keys(t, store) {
			if strings.HasPrefix(key, damagedPrefix) {
				aside++
			}
		}
		if len(x.Backups) != len(before.Backups)+12 || aside != 1 {
			t.Errorf("%d backups, %d kept aside", len(x.Backups), aside)
		}
	})
}

// An index that is too large to be read at once is damaged like any other: it ends no command, and what stands in front of the
// backups is kept.
func TestIndexTooLargeToRead(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		before := lived(t, store)
		good, _, err := store.Get(t.Context(), IndexKey)
		must(t, err)
		for name, load := range map[string]func(*Registry) (*Index, error){
			"load": func(r *Registry) (*Index, error) { return r.Load(t.Context()) }, "rebuild": func(r *Registry) (*Index, error) { return r.Rebuild(t.Context()) },
		} {
			must(t, store.Delete(t.Context(), IndexKey))
			storagetest.PutLarge(t, store, IndexKey, string(good))
			x, err := load(New(store, Options{}))
			must(t, err)
			if !equalJSON(x.Backups, before.Backups) || !equalJSON(x.Settings, before.Settings) {
				t.Errorf("%s:\n%s\nbefore:\n%s", name, show(x), show(before))
			}
			if now, _, err := store.Get(t.Context(), IndexKey); err != nil || len(now) > 1<<20 {
				t.Errorf("%s: %d bytes, %v", name, len(now), err)
			}
		}
		must(t, store.Delete(t.Context(), IndexKey))
		storagetest.PutLarge(t, store, IndexKey, strings.Replace(string(good), `"version": 1`, `"version": 3`, 1))
		_, err = New(store, Options{}).Load(t.Context())
		wantReason(t, err, fault.NewerVersion)
	})
}

// What is wrong with an object may be as long as the object. What is said of it is not.
func TestDamageIsToldInFewWords(t *testing.T) {
	store, long := storagetest.NewLocal(t), strings.Repeat("9", 1<<20)
	var log bytes.Buffer
	_, err := store.Put(t.Context(), IndexKey, []byte(`{"version":1,"settings":{"maxBackups":`+long+`},"backups":[]}`), storage.PutOptions{})
	must(t, err)
	r := New(store, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	_, err = r.Load(t.Context())
	if must(t, err); log.Len() == 0 || log.Len() > 2*fault.MaxText {
		t.Errorf("%d bytes are logged", log.Len())
	}
	id := record("x.dump").ID
	for key, body := range map[string]string{
		ManifestKey(id): `{"version":1,"backup":{"size":` + long + `}}`, IntentKey(id): `{"leaseMs":` + long + `}`, RemovalKey(id): `{"leaseMs":` + long + `}`, SourceKey("x"): `{"name":"x","firstSeen":"` + long + `"}`,
	} {
		for _, v := range []any{&Manifest{}, &Intent{}, &source.Record{}} {
			if err := decode(key, []byte(body), v); err != nil && len(err.Error()) > 2*fault.MaxText {
				t.Errorf("%s as %T: %d bytes", key, v, len(err.Error()))
			}
		}
	}
}
