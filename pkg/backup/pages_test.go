package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/source"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// pagesNow is when the tests of pages take place.
var pagesNow = time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)

// aged is a service over a place with backups of several weeks.
func aged(t *testing.T, newest int, limits backup.Limits, backups []backup.Backup) *backup.Service {
	t.Helper()
	store := storagetest.NewLocal(t)
	r := registry.New(store, registry.Options{Newest: newest})
	s := backup.New(backup.Config{Store: store, Registry: r, Now: func() time.Time { return pagesNow }, Limits: limits})
	for part := range slices.Chunk(backups, 9) {
		err := r.Update(t.Context(), func(x *registry.Index) error {
			for _, b := range part {
				x.Upsert(b)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range backups {
		data, err := json.Marshal(registry.Manifest{Version: 1, Backup: b})
		if err == nil {
			_, err = store.Put(t.Context(), registry.ManifestKey(b.ID), data, storage.PutOptions{})
		}
		if err == nil && b.Pin != nil {
			if data, err = json.Marshal(struct {
				Version int    `json:"version"`
				Backup  string `json:"backup"`
				*registry.Pin
			}{1, b.ID, b.Pin}); err == nil {
				_, err = store.Put(t.Context(), registry.PinKey(b.ID), data, storage.PutOptions{})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// drawn is n backups of three sources in weeks, good and bad.
func drawn(r *rand.Rand, n int) (out []backup.Backup) {
	at := pagesNow.Add(-time.Duration(n) * 13 * time.Hour)
	for i := range n {
		at = at.Add(time.Duration(1+r.IntN(24)) * time.Hour)
		b := backup.Backup{
			ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), CreatedAt: at, Filename: fmt.Sprintf("b%03d.dump", i), Status: registry.Success,
			Source: []string{"loja", "loja", "shop", ""}[r.IntN(4)], Database: "loja", Format: []string{"custom", "plain"}[r.IntN(2)], Content: []string{"all", "all", "schema"}[r.IntN(3)],
			Trigger: []string{"api", "schedule"}[r.IntN(2)], CreatedBy: []string{"ana", "rui"}[r.IntN(2)], Size: 20_000 + r.Int64N(100_000), Labels: map[string]string{"n": fmt.Sprint(i % 3)},
			Verification: &registry.Verification{OK: r.IntN(6) > 0, Level: registry.LevelStream, At: at}, Attempt: 1,
		}
		if r.IntN(6) == 0 {
			b.Verification.Level, b.Verification.Proof = []string{registry.LevelProven, registry.LevelProvenInPart}[r.IntN(2)], &registry.Proof{Rows: 1}
		}
		if !b.Verification.OK {
			b.Verification.Problems = []registry.Problem{{Reason: fault.ChecksumMismatch, Detail: "another one"}}
		}
		if r.IntN(5) == 0 {
			b.Status, b.Size, b.Verification = registry.Failed, 0, nil
			b.Error = &registry.Error{Code: []fault.Code{fault.DatabaseConnection, fault.Canceled}[r.IntN(2)], Message: "no"}
			if r.IntN(2) == 0 {
				b.Error.Reason = fault.CanceledByUser
			}
		}
		if i > 0 && b.Status == registry.Success && r.IntN(3) == 0 {
			b.Contents = &registry.Contents{Size: 1, SHA256: strings.Repeat("ab", 32), Compared: out[r.IntN(i)].ID, Lost: 1 + r.IntN(2)}
			for range r.IntN(3) {
				b.Contents.Warnings = append(b.Contents.Warnings, registry.RowsLost{Table: fmt.Sprint("t", r.IntN(4)), Before: 10, Percent: 100})
			}
		}
		if b.Status == registry.Success && r.IntN(9) == 0 {
			b.Pin = &registry.Pin{At: at, By: "ana", Reason: "audit"}
			if r.IntN(2) == 0 {
				// The registry removes what has ended by the clock on the wall: over long ago, or not in this test's lifetime.
				b.Pin.Until = pagesNow.AddDate([]int{0, 50}[r.IntN(2)], 0, -1-r.IntN(10))
			}
		}
		b.Filepath = registry.FilesPrefix + b.Filename
		b.Outcome = b.Ended()
		out = append(out, b)
	}
	return out
}

// drawnRetention holds something every other time.
func drawnRetention(t *testing.T, r *rand.Rand) (out backup.OwnRetention, some backup.Rules) {
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	keepers := func() *retention.Keepers {
		return &retention.Keepers{Last: r.IntN(3), Daily: r.IntN(9), Weekly: r.IntN(4), Monthly: r.IntN(3), WithinHours: r.IntN(2) * 72, Labels: [][]string{nil, {"n=1"}}[r.IntN(2)], Zone: zone}
	}
	if r.IntN(2) == 0 {
		days, number := r.IntN(15), r.IntN(4)
		out.Keep = keepers()
		some.Retention = map[string]backup.OwnRetention{"shop": {Keep: keepers(), Days: &days}, "none": {MaxBackups: &number}}
	}
	return out, some
}

// What people see and what a cleanup does is the same with pages as without.
func TestPagesChangeNothing(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			backups := drawn(r, 60+r.IntN(60))
			limits := backup.Limits{RetentionDays: []int{0, 20, 40}[r.IntN(3)], MaxBackups: r.IntN(6) * 3}
			paged, plain := aged(t, 8, limits, backups), aged(t, 0, limits, backups)
			all, some := drawnRetention(t, r)
			paged.Retention, plain.Retention = all, all
			rules := func([]source.Settings) backup.Rules { return some }
			paged.Rules, plain.Rules = rules, rules
			both := func(what string, do func(s *backup.Service) (any, error)) {
				t.Helper()
				a, aerr := do(paged)
				b, berr := do(plain)
				if fmt.Sprint(aerr) != fmt.Sprint(berr) {
					t.Fatalf("%s: with pages %v, without %v", what, aerr, berr)
				}
				x, _ := json.Marshal(a)
				y, _ := json.Marshal(b)
				if string(x) != string(y) {
					t.Fatalf("%s: with pages\n%s\nwithout\n%s", what, x, y)
				}
			}
			filters := []backup.ListOptions{{}, {Source: "shop"}, {Source: "nothing"}, {Status: registry.Failed}, {Outcome: registry.Canceled, Source: "loja"}, {Damaged: true}, {Damaged: true, Source: "loja"},
				{Problems: true}, {Problems: true, Source: "loja"}, {Problems: true, Status: registry.Success}, {Pinned: true}, {Pinned: true, Problems: true, Source: "shop"}, {Status: registry.Success, Damaged: true}, {Search: "B01"}, {Labels: []string{"n=1"}}, {Since: pagesNow.AddDate(0, 0, -25)}, {Until: pagesNow.AddDate(0, 0, -25), Source: "shop"}, {Database: "loja", Outcome: registry.Succeeded}}
			look := func() {
				t.Helper()
				for _, o := range filters {
					o.Fates = true
					both(fmt.Sprintf("%+v", o), func(s *backup.Service) (any, error) { return s.List(t.Context(), o) })
					for o.Limit = 7; ; {
						var next string
						both(fmt.Sprintf("page %+v", o), func(s *backup.Service) (any, error) {
							page, err := s.List(t.Context(), o)
							next = page.Next
							type row struct {
								backup.Backup
								Fate backup.Fate
							}
							var rows []row
							for _, b := range page.Backups {
								rows = append(rows, row{b, page.Fates[b.ID]})
							}
							return []any{rows, page.Total, page.Next}, err
						})
						if o.Cursor = next; next == "" {
							break
						}
					}
				}
				for _, ref := range []string{"latest", "latest:shop", "latest:x", backups[2].ID, backups[3].ID[:12], backups[4].Filename, backups[len(backups)-1].Filepath, "nothing.dump", "01ZZZZZZZZZ"} {
					both(ref, func(s *backup.Service) (any, error) {
						b, fate, err := s.Look(t.Context(), ref)
						return []any{b, fate}, err
					})
				}
				both("counts", func(s *backup.Service) (any, error) {
					v, err := s.Registry.Read(t.Context())
					if err != nil {
						return nil, err
					}
					return []any{v.Count(), v.Len(), v.LastScheduled("shop", pagesNow), v.LastScheduled("loja", pagesNow)}, nil
				})
				both("overview", func(s *backup.Service) (any, error) {
					o, err := s.Overview(t.Context(), time.FixedZone("x", 5*3600+2700))
					for i := range o.Sources {
						sizes := o.Sources[i].Sizes
						o.Sources[i].Sizes = sizes[max(0, len(sizes)-4):] // of older ones pages tell the newest few
					}
					return o, err
				})
			}
			look()
			for _, s := range []*backup.Service{paged, plain} {
				s.Limits.MaxTotalBytes = 900_000 + int64(seed)*100_000
			}
			both("forecast", func(s *backup.Service) (any, error) {
				rep, err := s.Cleanup(t.Context(), backup.CleanupOptions{DryRun: true, At: pagesNow.AddDate(0, 4, 0)})
				if err == nil && (len(rep.Forecast.Points) != 5 || len(rep.Forecast.Cadences) == 0 || rep.Forecast.Points[4].Backups == 0) {
					t.Errorf("foretold is %+v", rep.Forecast)
				}
				return rep, err
			})
			both("dry run", func(s *backup.Service) (any, error) {
				return s.Cleanup(t.Context(), backup.CleanupOptions{DryRun: true})
			})
			var removed []string
			both("cleanup", func(s *backup.Service) (any, error) {
				dry, err := s.Cleanup(t.Context(), backup.CleanupOptions{DryRun: true})
				if err != nil {
					return nil, err
				}
				rep, err := s.Cleanup(t.Context(), backup.CleanupOptions{})
				ids := func(items []backup.CleanupItem) (out []string) {
					for _, it := range items {
						out = append(out, it.Backup.ID)
					}
					slices.Sort(out)
					return out
				}
				if removed = ids(rep.Removed); !reflect.DeepEqual(removed, ids(dry.Removed)) || rep.FreedBytes != dry.FreedBytes {
					t.Errorf("a dry run says %v, what goes is %v", ids(dry.Removed), removed)
				}
				return []any{removed, rep.FreedBytes, rep.KeptCount, rep.Failures}, err
			})
			if len(removed) == 0 {
				t.Error("nothing was removed")
			}
			for _, s := range []*backup.Service{paged, plain} {
				s.Limits.MaxTotalBytes = 0
			}
			look()
			both("again", func(s *backup.Service) (any, error) {
				rep, err := s.Cleanup(t.Context(), backup.CleanupOptions{DryRun: true})
				return rep.RemovedCount, err
			})
		})
	}
}

// What users of the API keep in pages counts against their limits, and what all take against the quota.
func TestQuotasCountPages(t *testing.T) {
	backups := drawn(rand.New(rand.NewPCG(1, 1)), 80)
	kept, total := 0, int64(0)
	for _, b := range backups {
		if total += b.Size; b.CreatedBy == "ana" && b.Trigger == "api" && b.Status == registry.Success {
			kept++
		}
	}
	encrypt := false
	for _, c := range []struct {
		limits  backup.Limits
		refused bool
	}{
		{backup.Limits{MaxBackupsPerUser: kept}, true}, {backup.Limits{MaxBackupsPerUser: kept + 1}, false},
		{backup.Limits{MaxTotalBytes: total}, true}, {backup.Limits{MaxTotalBytes: total + 1}, false},
	} {
		s := aged(t, 8, c.limits, backups)
		_, err := s.Reserve(t.Context(), backup.Request{Trigger: backup.TriggerAPI, CreatedBy: "ana", Database: "loja", Source: "loja", Encrypt: &encrypt})
		if refused := err != nil; refused != c.refused {
			t.Errorf("%+v: %v", c.limits, err)
		}
	}
}

// A cleanup puts pages that are lost together again; until then a list says what is missing and shows the rest, and single backups are found.
func TestCleanupMendsLostPages(t *testing.T) {
	backups := drawn(rand.New(rand.NewPCG(4, 4)), 60)
	s := aged(t, 8, backup.Limits{}, backups)
	ids := func() (out []string) {
		t.Helper()
		list, err := s.List(t.Context(), backup.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list.Backups {
			out = append(out, b.ID)
		}
		return out
	}
	all, lost := ids(), 0
	for o, err := range s.Store.List(t.Context(), storage.ListOptions{Prefix: registry.PagesPrefix}) {
		if err != nil {
			t.Fatal(err)
		}
		if lost++; lost%2 == 0 {
			continue
		}
		if err := s.Store.Delete(t.Context(), o.Key); err != nil {
			t.Fatal(err)
		}
	}
	s.Registry = registry.New(s.Store, registry.Options{Newest: 8}) // which has read none of them
	if got := ids(); lost < 4 || len(got) == 0 || len(got) >= len(all) {
		t.Fatalf("%d pages, a list without half of them shows %d backups of %d", lost, len(got), len(all))
	}
	if b, err := s.Info(t.Context(), backups[0].ID); err != nil || b.ID != backups[0].ID {
		t.Errorf("one of a lost page: %+v, %v", b, err)
	}
	if _, err := s.Cleanup(t.Context(), backup.CleanupOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := ids(); !slices.Equal(got, all) {
		t.Errorf("after the cleanup a list shows %d backups of %d", len(got), len(all))
	}
}

// One overview at a time is worked out; who has gone does not wait for the turn.
func TestOverviewsTakeTurns(t *testing.T) {
	s := aged(t, 0, backup.Limits{}, nil)
	release := backup.HoldOverviews(s)
	gone, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Overview(gone, nil)
		ended <- err
	}()
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("who had gone got %v", err)
	}
	release()
	if _, err := s.Overview(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
