package backup

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
)

// What is thought through to say when the storage is full: so many backups of today and to come, and not more often than so.
const (
	mostForeseen   = 20_000
	foreseenFor    = 10 * time.Minute
	foreseenPoints = 12 // a month apart
	foreseenWeeks  = 5  // before them, a week apart
)

// foreseen is the last forecast of the stored bytes, and what it was made of.
type foreseen struct {
	mu      sync.Mutex
	backups int
	stored  int64
	policy  retention.Policy
	at      time.Time
	all     *overview.StorageForecast
	sources map[string][]overview.Stored
}

// foresee adds to an overview where the stored bytes lead. That of a registry that did not change is not worked out anew each time. What is too much to
// be thought through is left out.
func (s *Service) foresee(ctx context.Context, v *registry.View, in overview.Input, policy retention.Policy, o *overview.Overview) error {
	if v.Len() > mostForeseen || v.Settings().Lost {
		return nil
	}
	policy.MaxTotalBytes = 0 // what is removed for want of room is what this is to foretell
	f := &s.foreseen
	f.mu.Lock()
	defer f.mu.Unlock()
	stored := v.Count().Bytes
	if f.backups != v.Len() || f.stored != stored || !reflect.DeepEqual(f.policy, policy) || !in.Now.Before(f.at.Add(foreseenFor)) || in.Now.Before(f.at) {
		all, sources, err := s.storageForecast(ctx, v, in, o, policy, stored)
		if err != nil {
			return err
		}
		f.backups, f.stored, f.policy, f.at, f.all, f.sources = v.Len(), stored, policy, in.Now, all, sources
	}
	o.Storage = f.all
	for i := range o.Sources {
		o.Sources[i].Coming = f.sources[o.Sources[i].Name]
	}
	return nil
}

func (s *Service) storageForecast(ctx context.Context, v *registry.View, in overview.Input, o *overview.Overview, policy retention.Policy, stored int64) (*overview.StorageForecast, map[string][]overview.Stored, error) {
	now := in.Now
	k, err := newKeeping(ctx, now, v.Parts(), policy, v)
	if err != nil {
		return nil, nil, err
	}
	all, err := k.everything(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	times := foreseenTimes(now)
	var coming []retention.Item
	for _, c := range cadences(all, now, in.Expected) {
		more, ok := c.until(now, times[len(times)-1], max(0, mostForeseen-len(all)-len(coming)))
		if !ok { // as far ahead as can be thought through
			for len(times) > 0 && (len(more) == 0 || times[len(times)-1].After(more[len(more)-1])) {
				times = times[:len(times)-1]
			}
			if len(times) == 0 {
				return nil, nil, nil
			}
		}
		var trend *overview.Forecast
		if src := o.Source(c.Source); src != nil {
			trend = src.Forecast
		}
		for _, it := range k.coming(c, more) {
			it.Size = trend.Grown(it.Size, now, it.CreatedAt)
			coming = append(coming, it)
		}
	}
	var points []overview.Stored
	sources := map[string][]overview.Stored{}
	for _, p := range retention.Forecast(times, k.items(slices.Values(all)), coming, policy) {
		points = append(points, overview.Stored{At: p.At, Bytes: p.Bytes})
		for name, bytes := range p.Sources {
			sources[name] = append(sources[name], overview.Stored{At: p.At, Bytes: bytes})
		}
	}
	limit, disk := s.Limits.MaxTotalBytes, false
	if s.FreeSpace != nil {
		if free, _, err := s.FreeSpace(); err == nil && (limit <= 0 || stored+free < limit) {
			limit, disk = stored+free, true
		}
	}
	return overview.NewStorageForecast(now, stored, points, limit, disk), sources, nil
}

// storageHint says what to do before the storage is full. Retention can be tried out before anything is removed.
func storageHint(f *overview.StorageForecast) string {
	if f.Disk {
		return "Free space on the backup disk, or keep fewer backups: cofre cleanup --plan --at shows what that leaves."
	}
	return "Raise BACKUP_MAX_STORAGE_SIZE_GB, or keep fewer backups: cofre cleanup --plan --at shows what that leaves."
}

// StorageFull says when the storage will be full, and what to do before, where that is so soon that somebody should know.
func StorageFull(o overview.Overview) (text, hint string, soon bool) {
	text = o.Storage.Describe(o.At)
	if text == "" {
		return "", "", false
	}
	return text, storageHint(o.Storage), true
}

// foreseenTimes are weeks, and then months.
func foreseenTimes(now time.Time) (out []time.Time) {
	now = now.UTC().Truncate(time.Second)
	for i := 1; i <= foreseenWeeks; i++ {
		out = append(out, now.AddDate(0, 0, 7*i))
	}
	for i := 2; i <= foreseenPoints; i++ {
		out = append(out, now.AddDate(0, 0, 30*i))
	}
	return out
}
