package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/registry"
)

// figureDays is the span of the figures that go by time.
const figureDays = 30

// summary gives the figures that matter, all from one read of the registry.
func (a *API) summary(ctx context.Context, c *call) (answer, error) {
	var p contract.GetMetricsSummaryParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	x, err := a.Service.Registry.Load(ctx)
	if err != nil {
		return answer{}, err
	}
	s := summarize(a.Now().UTC(), x.Backups, p.Database, a.plan(x))
	s.StorageLimitBytes = a.Service.Limits.MaxTotalBytes
	if x.LastCleanup != nil {
		s.LastCleanup = *x.LastCleanup
	}
	return ok(s), nil
}

// summarize is pure: the clock and the records are its arguments. Backups dated in the future count as made today. With
// a database, what goes by time is of its backups alone.
func summarize(now time.Time, backups []registry.Backup, database string, plan plan) contract.MetricsSummary {
	s := contract.MetricsSummary{At: now.Truncate(time.Second), Days: figureDays}
	today := now.Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, 1-figureDays)
	for d := range figureDays {
		s.Trend = append(s.Trend, contract.DaySummary{Date: first.AddDate(0, 0, d).Format(time.DateOnly)})
	}
	var duration, bytes int64
	failures, databases := map[contract.ErrorCode]int{}, map[string]*contract.DatabaseSummary{}
	for i := range backups {
		b := &backups[i]
		s.StorageUsedBytes += b.Size
		countDatabase(databases, b, now)
		if database != "" && b.Database != database {
			continue
		}
		if b.Damaged() {
			s.Damaged++
		}
		if b.Status == registry.InProgress {
			s.Running++
		}
		day := int(min(b.CreatedAt.UTC().Truncate(24*time.Hour).Sub(first)/(24*time.Hour), figureDays-1))
		if b.CreatedAt.Before(first) {
			continue
		}
		s.Total++
		switch b.Status {
		case registry.InProgress:
			s.Trend[day].Running++
		case registry.Success:
			s.Succeeded++
			s.Trend[day].Succeeded++
			s.Trend[day].Bytes += b.Size
			if b.Damaged() {
				s.Trend[day].Damaged++
			}
			duration += b.Duration
			bytes += b.Size
		case registry.Failed:
			s.Failed++
			s.Trend[day].Failed++
			if b.Error != nil {
				failures[contract.ErrorCode(b.Error.Code)]++
			}
		}
	}
	if n := s.Succeeded; n > 0 {
		s.AverageDuration, s.AverageSizeBytes = duration/int64(n), bytes/int64(n)
	}
	if ended := s.Succeeded + s.Failed; ended > 0 {
		rate := float64(s.Succeeded) / float64(ended)
		s.SuccessRate = &rate
	}
	s.Errors = []contract.ErrorCount{}
	for code, n := range failures {
		s.Errors = append(s.Errors, contract.ErrorCount{Code: code, Count: n})
	}
	slices.SortFunc(s.Errors, func(a, b contract.ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	s.Databases = []contract.DatabaseSummary{}
	for _, name := range slices.Sorted(maps.Keys(databases)) {
		s.Databases = append(s.Databases, *databases[name])
	}
	if plan.Schedule != nil {
		expect(&s, now, backups, database, plan)
	}
	return s
}

// countDatabase adds a backup to its database's figures. The last success is the last one to rely on: one that was
// found damaged since does not count.
func countDatabase(all map[string]*contract.DatabaseSummary, b *registry.Backup, now time.Time) {
	if b.Database == "" { // failed before anybody knew its database
		return
	}
	d := all[b.Database]
	if d == nil {
		d = &contract.DatabaseSummary{Database: b.Database}
		all[b.Database] = d
	}
	switch {
	case b.Status == registry.Failed && b.CreatedAt.After(d.LastFailureAt):
		d.LastFailureAt = b.CreatedAt
	case b.Status == registry.Success:
		d.Backups++
		d.Bytes += b.Size
		if b.Verified() && b.CreatedAt.After(d.LastSuccessAt) {
			d.LastSuccessID, d.LastSuccessAt = b.ID, b.CreatedAt
			age := max(0, int64(now.Sub(b.CreatedAt)/time.Second))
			d.LastSuccessAge = &age
		}
	}
}
