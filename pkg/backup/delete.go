package backup

import (
	"context"
	"slices"
	"strconv"
	"time"

	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/storage"
)

// Delete removes a backup: its object and its records.
func (s *Service) Delete(ctx context.Context, ref string) (Backup, error) {
	b, err := s.Info(ctx, ref)
	if err != nil {
		return b, err
	}
	b, err = s.Registry.Remove(storage.Freeing(ctx), b.ID)
	if err == nil {
		s.Log.Info("backup deleted", "backup_id", b.ID, "database", b.Database, "bytes", b.Size)
	}
	return b, err
}

// Last tells whether b is the only verified backup of its row: worth a second question before it goes.
func (s *Service) Last(ctx context.Context, b Backup) (bool, error) {
	x, err := s.Registry.Load(ctx)
	if err != nil || !b.Verified() {
		return false, err
	}
	return !slices.ContainsFunc(x.Backups, func(o Backup) bool { return o.ID != b.ID && o.Row() == b.Row() && o.Verified() }), nil
}

// CleanupOptions choose what goes. Days replaces the setting (BACKUP_RETENTION_DAYS) when it is not nil; 0 is then taken by its word
// (everything that is not protected goes), while the setting's 0 keeps for ever.
type CleanupOptions struct {
	Days   *int
	DryRun bool
}

// CleanupReport says what a cleanup did, or would do, and why.
type CleanupReport struct {
	DryRun     bool             `json:"dryRun"`
	Removed    []CleanupItem    `json:"removed"`
	Kept       []CleanupItem    `json:"kept"`
	FreedBytes int64            `json:"freedBytes"`
	Leftovers  registry.Report  `json:"leftovers"`
	Policy     retention.Policy `json:"policy"`
	Failures   []CleanupFailure `json:"failures,omitempty"`
}

// CleanupItem is one backup with the reasons for its fate.
type CleanupItem struct {
	Backup  Backup             `json:"backup"`
	Reasons []retention.Reason `json:"reasons"`
}

// CleanupFailure is a backup that should have gone and could not be removed.
type CleanupFailure struct {
	ID    string          `json:"id"`
	Error *registry.Error `json:"error"`
}

// Cleanup ends what dead runs left, then applies retention. A dry run lists exactly what a real one removes, and
// changes nothing. Both are refused (settings_lost) while it is not known which settings were saved.
func (s *Service) Cleanup(ctx context.Context, o CleanupOptions) (CleanupReport, error) {
	if o.Days != nil {
		if *o.Days < 0 || *o.Days > 36500 {
			return CleanupReport{}, invalid("Use a number of days from 0 (everything but what is protected) to 36500.", "%d is not a number of days to keep", *o.Days)
		}
	}
	ctx = storage.Freeing(ctx)
	rep := CleanupReport{DryRun: o.DryRun, Removed: []CleanupItem{}, Kept: []CleanupItem{}}
	if !o.DryRun {
		var err error
		if rep.Leftovers, err = s.Registry.Reconcile(ctx); err != nil {
			return rep, err
		}
		// What cannot be forgotten now is of no harm, and goes the next time.
		if n, err := s.Registry.ForgetAllowances(ctx); err != nil {
			s.Log.Warn("counters of idle users were not removed", "error", err.Error())
		} else if n > 0 {
			s.Log.Info("counters of idle users removed", "count", n)
		}
	}
	now := s.Now()
	if err := s.plan(ctx, now, o.Days, &rep); err != nil || o.DryRun {
		return rep, err
	}
	err := s.removePlanned(ctx, now, &rep)
	if m, ok := s.Store.(storage.Maintainer); ok && err == nil {
		if err := m.Maintain(ctx); err != nil { // of no harm, and done the next time
			s.Log.Warn("the backup directory was not tidied up", "error", err.Error())
		}
	}
	return rep, err
}

// removePlanned removes what the plan says. The registry may have changed since: each batch is decided again where it leaves the
// index. What a canceled cleanup leaves goes the next time.
func (s *Service) removePlanned(ctx context.Context, now time.Time, rep *CleanupReport) error {
	planned := map[string]CleanupItem{}
	var ids []string
	for _, it := range rep.Removed {
		planned[it.Backup.ID] = it
		ids = append(ids, it.Backup.ID)
	}
	rep.Removed = []CleanupItem{}
	err := s.Registry.RemoveAll(ctx, ids, func(x *registry.Index) map[string]bool { return goes(now, x, rep.Policy) }, func(m registry.Removal) {
		it := planned[m.Backup.ID]
		switch {
		case m.Gone:
			rep.Removed = append(rep.Removed, it)
			rep.FreedBytes += it.Backup.Size
		case m.Err != nil && ctx.Err() == nil:
			rep.Failures = append(rep.Failures, CleanupFailure{m.Backup.ID, registry.ErrorOf(m.Err)})
		}
	})
	if err != nil {
		return err
	}
	return s.Registry.MarkCleanup(ctx, now)
}

// plan fills the report with what would go and what stays.
func (s *Service) plan(ctx context.Context, now time.Time, days *int, rep *CleanupReport) error {
	x, err := s.Registry.Load(ctx)
	if err != nil {
		return err
	}
	if err := x.CheckSettings(); err != nil {
		return err
	}
	rep.Policy = s.policy(x)
	if days != nil {
		rep.Policy.KeepDays, rep.Policy.AnyAge = *days, true
	}
	for _, d := range retention.Decide(now, items(x), rep.Policy) {
		b := x.Find(d.Item.ID)
		it := CleanupItem{Backup: *b, Reasons: d.Reasons}
		if !d.Remove {
			rep.Kept = append(rep.Kept, it)
			continue
		}
		rep.Removed = append(rep.Removed, it)
		if rep.DryRun {
			rep.FreedBytes += b.Size
		}
	}
	return nil
}

// goes gives the ids of what a policy removes.
func goes(now time.Time, x *registry.Index, p retention.Policy) map[string]bool {
	out := map[string]bool{}
	for _, d := range retention.Decide(now, items(x), p) {
		if d.Remove {
			out[d.Item.ID] = true
		}
	}
	return out
}

func items(x *registry.Index) []retention.Item {
	out := make([]retention.Item, len(x.Backups))
	type named struct{ key, name string }
	rows := map[registry.Row]named{}
	for i := range x.Backups {
		b := &x.Backups[i]
		row := b.Row()
		names, known := rows[row]
		if !known {
			names = named{strconv.Itoa(len(rows)), DescribeRow(row)}
			rows[row] = names
		}
		out[i] = retention.Item{ID: b.ID, Row: names.key, RowName: names.name, CreatedAt: b.CreatedAt, Status: retention.Status(b.Status), Verified: b.Verified(), Size: b.Size}
	}
	return out
}
