package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// Figures that cannot be make a record a damaged one that counts in no sum; everything else goes on, and is rebuilt.
func TestRecordsThatCannotBe(t *testing.T) {
	far := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	forgeries := map[string]func(b *Backup){
		"size below 0":                    func(b *Backup) { b.Size = -5 },
		"size of 2^62":                    func(b *Backup) { b.Size = 1 << 62 },
		"size before compression below 0": func(b *Backup) { b.UncompressedSize = -1 },
		"duration of 2^62":                func(b *Backup) { b.Duration = 1 << 62 },
		"duration below 0":                func(b *Backup) { b.Duration = -1 },
		"a source with a long name":       func(b *Backup) { b.Source = strings.Repeat("x", 64) },
		"a source that draws":             func(b *Backup) { b.Source = "a\x1b[2J" },
		"a database with a long name":     func(b *Backup) { b.Database = strings.Repeat("x", 257) },
		"made in 2999":                    func(b *Backup) { b.CreatedAt = far },
		"made in 9999":                    func(b *Backup) { b.CreatedAt = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) },
		"made in year 0":                  func(b *Backup) { b.CreatedAt = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) },
		"made in 1600":                    func(b *Backup) { b.CreatedAt = time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC) },
		"validated in 2999":               func(b *Backup) { b.Verification = &Verification{OK: true, Level: LevelRestored, At: far} },
		"no problems":                     func(b *Backup) { b.Verification = &Verification{Level: LevelFull, At: b.CreatedAt} },
		"no problems, no date":            func(b *Backup) { b.Verification = &Verification{} },
	}
	stores(t, func(t *testing.T, store storage.Store) {
		ctx := context.Background()
		r := New(store, Options{})
		good, err := makeBackup(ctx, r, record("good.dump"), "content")
		must(t, err)
		names := map[string]string{}
		for name, forge := range forgeries {
			b, err := makeBackup(ctx, r, record(newID()+".dump"), "content")
			must(t, err)
			m, err := r.manifest(ctx, b.ID)
			must(t, err)
			forge(&m.Backup)
			_, err = r.putJSON(ctx, ManifestKey(b.ID), m, storage.Condition{})
			must(t, err)
			names[b.ID] = name
		}
		large, err := makeBackup(ctx, r, record("large.dump"), "content")
		must(t, err)
		putLarge(t, store, ManifestKey(large.ID))
		x, err := r.Rebuild(ctx)
		must(t, err)
		for range 2 { // as it was rebuilt, and as it is read
			if len(x.Backups) != len(forgeries)+2 {
				t.Fatalf("%d backups", len(x.Backups))
			}
			if b := x.Find(good.ID); b.Damaged() || b.Size != 7 {
				t.Errorf("the good one is %+v", b)
			}
			if b := x.Find(large.ID); b == nil || b.Size != 7 {
				t.Errorf("the one with the large manifest, from its tags, is %+v", b)
			}
			for id, name := range names {
				b := x.Find(id)
				if !b.Damaged() || b.Verification.Problem().Detail == "" || len(b.Verification.Problems) == 0 {
					t.Errorf("%s: not shown as damaged: %+v", name, b.Verification)
				}
				for _, days := range []int{-36500, 36500} { // until when it is kept is told, too
					if _, err := b.CreatedAt.AddDate(0, 0, days).MarshalJSON(); err != nil && !b.CreatedAt.IsZero() {
						t.Errorf("%s: %v", name, err)
					}
				}
				if b.Size < 0 || b.Size > 7 || b.Duration < 0 || b.Duration > 60_000 || b.UncompressedSize < 0 {
					t.Errorf("%s: counts as %d bytes, %d ms", name, b.Size, b.Duration)
				}
			}
			x, err = r.Load(ctx)
			must(t, err)
		}
		// A validation takes back what a validation said, and nothing that the record says.
		for id, name := range names {
			b, err := r.SetVerification(ctx, id, Verification{OK: true, Level: LevelRestored, At: time.Now().UTC()}, 0)
			must(t, err)
			if ofRecord := !strings.HasPrefix(name, "no ") && !strings.HasPrefix(name, "valid"); b.Damaged() != ofRecord {
				t.Errorf("%s: after a good validation it is %+v", name, b.Verification)
			}
		}
	})
}

// putLarge writes an object that is too large to be read at once.
func putLarge(t *testing.T, store storage.Store, key string) {
	t.Helper()
	must(t, store.Delete(t.Context(), key))
	storagetest.PutLarge(t, store, key, "")
}

// A lease is bounded whatever the intent says.
func TestLeaseThatCannotBe(t *testing.T) {
	for _, ms := range []int64{-1 << 63, -1 << 62, 1 << 62, 1<<63 - 1} {
		in := Intent{LeaseMS: ms}
		now := time.Now()
		if in.expired(now, now) != (ms < 0) || !in.expired(now, now.AddDate(1, 0, 0)) {
			t.Errorf("lease of %d ms", ms)
		}
	}
}

// FuzzSmallRecords: verifications, sources, settings, cancellations and allowances.
func FuzzSmallRecords(f *testing.F) {
	for _, s := range []string{
		`{}`, `null`, `[]`, `{"verification":{"ok":false}}`, `{"verifications":[{"ok":true,"at":"2999-01-01T00:00:00Z"},{}],"uncompressedSize":-1}`,
		`{"version":1,"name":"loja","moves":[{}]}`, `{"version":9,"name":"loja"}`, `{"version":1,"settings":{"maxBackups":-1}}`,
		`{"by":"ana"}`, `{"grants":[{"at":"2026-01-01T00:00:00Z","n":9223372036854775807},{"n":-1}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var mark verified
		if decode("x", data, &mark) == nil {
			b := record("a.dump")
			b.Status = Success
			applyVerified(&b, mark)
			if b.Verified() && b.Verification.At.Year() > lastYear || b.Damaged() && len(b.Verification.Problems) == 0 || b.UncompressedSize < 0 {
				t.Errorf("accepted %+v", b.Verification)
			}
			if _, err := json.Marshal(b.bounded()); err != nil {
				t.Error(err)
			}
		}
		_, serr := parseSource("loja", data)
		_, cerr := parseSettingsCopy(data)
		for _, err := range []error{serr, cerr} {
			if err != nil && !isDamaged(err) && !fault.HasReason(err, fault.NewerVersion) && !fault.HasReason(err, fault.ServerChanged) { // the name in other letters
				t.Errorf("error is %v", err)
			}
		}
		if c := parseCancellation(data); c.By == "" || c.Cause() == nil {
			t.Errorf("accepted %+v", c)
		}
		doc := parseAllowed(data)
		if free, wait := doc.settle(time.Now(), 300); free > 300 || wait < 0 {
			t.Errorf("%d are free, in %s", free, wait)
		}
	})
}

// Whatever dates a record has, it can be listed in any time zone.
func TestDatesThatNobodyCanWrite(t *testing.T) {
	for _, date := range []string{"9999-12-31T23:59:59-23:00", "0000-01-01T00:00:00+23:00"} {
		at, err := time.Parse(time.RFC3339, date)
		must(t, err)
		b := record("a.dump")
		b.Status, b.CreatedAt, b.Pin = Success, at, &Pin{At: at, Until: at, Reason: "x"}
		b.Verification = &Verification{OK: true, Level: LevelStream, At: at}
		for range 2 { // as it is read again
			must(t, checkRecord(&b))
			for what, at := range map[string]time.Time{"createdAt": b.CreatedAt, "pin": b.Pin.At, "until": b.Pin.Until, "verification": b.Verification.At} {
				if _, err := json.Marshal(at.UTC()); err != nil {
					t.Errorf("%s, %s: %v", date, what, err)
				}
			}
		}
		if !b.Damaged() || len(b.Verification.Problems) != 1 {
			t.Errorf("%s: %+v", date, b.Verification)
		}
		p, err := parsePin(b.ID, fmt.Appendf(nil, `{"version":1,"backup":%q,"at":%q,"until":%[2]q,"reason":"x"}`, b.ID, date))
		must(t, err)
		if _, err := json.Marshal([]time.Time{p.At.UTC(), p.Until.UTC()}); err != nil {
			t.Errorf("%s, the pin: %v", date, err)
		}
	}
}
