package backup

import (
	"context"
	"reflect"
	"slices"
	"time"

	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
)

// Fate is what becomes of one backup by the settings as they are now.
type Fate struct {
	Remove  bool // by the next cleanup
	Reasons []retention.Reason
	// ExpiresAt is when it becomes too old; zero where age removes nothing. A protected one stays all the same.
	ExpiresAt time.Time
	// OnlyVerified tells that it is the only verified backup of its row.
	OnlyVerified bool
	// PreviousSize is the stored size in bytes of the successful backup of the same row and format before it;
	// 0 when there is none.
	PreviousSize int64
	// Shrunk tells that it is suspiciously small beside that one.
	Shrunk bool
}

// fates is what becomes of the backups of one view, as it was worked out at one moment.
type fates struct {
	view *registry.View
	at   time.Time
	*keeping
	done map[int]map[string]Fate // by part
}

const (
	// fatesAge is for how long what was worked out is told again. A backup comes of age within it at the most.
	fatesAge = time.Minute
	// keptFates is for how many parts it is kept.
	keptFates = 3
)

// fates tells what becomes of backups, by id, and of others beside them. Nobody may change the map. Where there are pages the limit
// of all bytes together is left out, which only the oldest come up against.
func (s *Service) fates(ctx context.Context, v *registry.View, ids ...string) (map[string]Fate, error) {
	policy, err := s.policy(ctx, v.Settings())
	if err != nil {
		return nil, err
	}
	now := s.Now()
	s.working.Lock() // many who list at once need it worked out once
	defer s.working.Unlock()
	f := s.worked
	if f.view != v || !reflect.DeepEqual(f.policy, policy) || now.Before(f.at) || now.Sub(f.at) >= fatesAge {
		k, err := newKeeping(ctx, now, v.Parts(), policy, v)
		if err != nil {
			return nil, err
		}
		f = fates{v, now, k, map[int]map[string]Fate{}}
		s.worked = f
	}
	wanted := map[int]bool{}
	for _, id := range ids {
		wanted[f.partOf(id)] = true
	}
	all := map[string]Fate{}
	for i := range wanted {
		done := f.done[i]
		if done == nil {
			var err error
			if done, err = f.of(ctx, i); err != nil {
				return nil, err
			}
			if len(f.done) >= keptFates {
				clear(f.done)
			}
			f.done[i] = done
		}
		if len(wanted) == 1 {
			return done, nil
		}
		for _, id := range ids {
			if fate, ok := done[id]; ok {
				all[id] = fate
			}
		}
	}
	return all, nil
}

// partOf returns which part a backup is in.
func (f *fates) partOf(id string) int {
	last := len(f.parts) - 1
	for i := range f.parts[:last] {
		if p := f.parts[i].Page; p.First <= id && id <= p.Last {
			if slices.ContainsFunc(f.parts[last].Backups, func(b Backup) bool { return b.ID == id }) {
				return last
			}
			return i
		}
	}
	return last
}

// of works out what becomes of the backups of one part.
func (f *fates) of(ctx context.Context, part int) (map[string]Fate, error) {
	backups := f.parts[part].Backups
	if p := f.parts[part].Page; p != nil {
		var err error
		if backups, err = f.view.Page(ctx, p); err != nil {
			return nil, err
		}
	}
	verified := map[string]int{}
	for _, facts := range f.facts {
		for row, is := range facts {
			verified[row] += is.Verified
		}
	}
	all := make(map[string]Fate, len(backups))
	for _, d := range f.decide(part, backups) {
		all[d.Item.ID] = Fate{Remove: d.Remove, Reasons: d.Reasons}
	}
	type kind struct {
		row    registry.Row
		format string
	}
	before := map[kind]int64{}
	for _, older := range f.parts[:part] {
		sources, _, err := f.view.Sources(ctx, older.Page)
		if err != nil {
			return nil, err
		}
		for _, t := range sources {
			for _, r := range t.Rows {
				for format, size := range r.Formats {
					before[kind{r.Row(t.Source), format}] = size
				}
			}
		}
	}
	for i := range backups { // the oldest first
		b := &backups[i]
		fate := all[b.ID]
		row := b.Row()
		k := kind{row, b.Format}
		fate.OnlyVerified = b.Verified() && verified[f.row(row).key] == 1
		fate.PreviousSize = before[k]
		fate.Shrunk = b.Status == registry.Success && overview.HasShrunk(fate.PreviousSize, b.Size)
		if days := f.policy.Of(row.Source).KeepDays; days > 0 && days <= 36500 && b.Status != registry.InProgress {
			fate.ExpiresAt = b.CreatedAt.Add(time.Duration(days) * 24 * time.Hour)
		}
		if b.Status == registry.Success {
			before[k] = b.Size
		}
		all[b.ID] = fate
	}
	return all, nil
}
