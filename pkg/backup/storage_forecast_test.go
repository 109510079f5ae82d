package backup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/backup"
	"cofre/pkg/event"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/source"
)

// Two weeks of nights at 100 MB each: the storage is full when as many nights are kept as it has room for, and never where retention keeps fewer; by a
// quota or by the disk, and with pages as without.
func TestStorageForecast(t *testing.T) {
	const night = 100_000_000
	var backups []backup.Backup
	for i := range 14 {
		at := pagesNow.Add(-time.Duration(14-i)*24*time.Hour + time.Hour)
		backups = append(backups, backup.Backup{ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), CreatedAt: at, Filename: fmt.Sprintf("n%02d.dump", i), Filepath: fmt.Sprintf("files/n%02d.dump", i),
			Status: registry.Success, Source: "loja", Database: "loja", Format: "custom", Content: "all", Trigger: "schedule", Size: night, Attempt: 1,
			Verification: &registry.Verification{OK: true, Level: registry.LevelStream, At: at}})
		backups[i].Outcome = backups[i].Ended()
	}
	for name, c := range map[string]struct {
		limits backup.Limits
		free   int64
		days   int // until it is full; 0 is never
		disk   bool
	}{
		"a quota":              {limits: backup.Limits{MaxTotalBytes: 25 * night, RetentionDays: 30}, days: 11},
		"enough":               {limits: backup.Limits{MaxTotalBytes: 35 * night, RetentionDays: 30}},
		"fewer kept":           {limits: backup.Limits{MaxTotalBytes: 25 * night, RetentionDays: 14}},
		"a disk":               {limits: backup.Limits{MaxTotalBytes: 60 * night}, free: 10 * night, days: 10, disk: true},
		"a quota below a disk": {limits: backup.Limits{MaxTotalBytes: 20 * night}, free: 10 * night, days: 6},
		"no limit":             {limits: backup.Limits{}},
		"full":                 {limits: backup.Limits{MaxTotalBytes: 14 * night}, days: -1},
	} {
		for _, newest := range []int{100, 4} {
			s := aged(t, newest, c.limits, backups)
			if c.free > 0 {
				s.FreeSpace = func() (int64, int64, error) { return c.free, 1 << 40, nil }
			}
			o, err := s.Overview(t.Context(), nil)
			if err != nil || o.Storage == nil {
				t.Fatalf("%s: %+v, %v", name, o.Storage, err)
			}
			days := o.Storage.Full.Sub(pagesNow).Hours() / 24
			switch full := !o.Storage.Full.IsZero(); {
			case full != (c.days != 0), c.days > 0 && (days < float64(c.days)-1.5 || days > float64(c.days)+1.5), c.days < 0 && days != 0, o.Storage.Disk != c.disk:
				t.Errorf("%s, newest %d: full at %s (in %.1f days), disk %t; want %d days", name, newest, o.Storage.Full, days, o.Storage.Disk, c.days)
			}
			held, _ := s.Conditions(o)
			told := slices.ContainsFunc(held, func(h event.Condition) bool {
				return h.Kind == event.QuotaNear && strings.Contains(h.Detail, o.Storage.Full.Format(time.DateOnly))
			})
			if told != (c.days != 0) {
				t.Errorf("%s: people are told %+v", name, held)
			}
			if loja := o.Source("loja"); len(loja.Coming) != len(o.Storage.Points) || loja.Coming[0] != o.Storage.Points[0] {
				t.Errorf("%s: the source's own forecast is %+v", name, loja.Coming)
			}
		}
	}
}

// What was worked out is told again while nothing changed, although a policy's time zone is another value at each look; and not once a backup came.
func TestStorageForecastIsKept(t *testing.T) {
	at := pagesNow.Add(-24 * time.Hour)
	b := backup.Backup{ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), CreatedAt: at, Filename: "a.dump", Filepath: "files/a.dump", Status: registry.Success, Source: "loja", Database: "loja",
		Format: "custom", Content: "all", Trigger: "schedule", Size: 100_000, Attempt: 1, Verification: &registry.Verification{OK: true, Level: registry.LevelStream, At: at}}
	b.Outcome = b.Ended()
	s := aged(t, 100, backup.Limits{}, []backup.Backup{b})
	s.Rules = func([]source.Settings) backup.Rules {
		zone, err := time.LoadLocation("America/Sao_Paulo")
		if err != nil {
			t.Fatal(err)
		}
		return backup.Rules{Retention: map[string]backup.OwnRetention{"loja": {Keep: &retention.Keepers{Daily: 7, Zone: zone}}}}
	}
	look := func() *overview.StorageForecast {
		t.Helper()
		o, err := s.Overview(t.Context(), nil)
		if err != nil || o.Storage == nil {
			t.Fatalf("%+v, %v", o.Storage, err)
		}
		return o.Storage
	}
	first := look()
	if look() != first {
		t.Error("it was worked out again")
	}
	b.ID, b.Filename, b.Filepath = ulid.MustNew(ulid.Timestamp(at)+1, ulid.DefaultEntropy()).String(), "b.dump", "files/b.dump"
	if err := s.Registry.Update(t.Context(), func(x *registry.Index) error { x.Upsert(b); return nil }); err != nil {
		t.Fatal(err)
	}
	if look() == first {
		t.Error("another backup changed nothing")
	}
}
