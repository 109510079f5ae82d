package backup

import (
	"context"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// Delete removes a backup, its object and its records, for whom by names.
func (s *Service) Delete(ctx context.Context, ref, by string) (Backup, error) {
	b, err := s.Info(ctx, ref)
	if err != nil {
		return b, err
	}
	b, err = s.Registry.Remove(storage.Freeing(ctx), b.ID, by)
	if err == nil {
		s.Log.Info("backup deleted", "backup_id", b.ID, "database", b.Database, "bytes", b.Size)
	}
	return b, err
}

// Last tells whether b is the only verified backup of its row: worth a second question before it goes.
func (s *Service) Last(ctx context.Context, b Backup) (bool, error) {
	if !b.Verified() {
		return false, nil
	}
	_, fate, err := s.Look(ctx, b.ID)
	return fate.OnlyVerified, err
}

// CleanupOptions choose what goes. Days replaces the setting (BACKUP_RETENTION_DAYS) when it is not nil; 0 is then taken by its word
// (everything that is not protected goes), while the setting's 0 keeps for ever. MaxBackups replaces BACKUP_MAX_BACKUPS_TO_KEEP;
// 0 is no limit, as there.
type CleanupOptions struct {
	Days       *int
	MaxBackups *int
	DryRun     bool
	// At, when it is set, has a dry run say what goes until then, if everything goes on as it does.
	At time.Time
	// As, when it is set, has a dry run go by these settings of a source that is kept, as if they were saved, and list its backups alone.
	As *source.Settings
	By string // who asked
}

// lists reports whether the report says what becomes of the backups of a source.
func (o CleanupOptions) lists(name string) bool {
	return o.As == nil || name == o.As.Name || strings.HasPrefix(name, o.As.Name+"/")
}

// CleanupReport says what a cleanup did, or would do, and why.
type CleanupReport struct {
	DryRun     bool            `json:"dryRun"`
	Removed    []CleanupItem   `json:"removed"`
	Kept       []CleanupItem   `json:"kept"`
	FreedBytes int64           `json:"freedBytes"`
	Leftovers  registry.Report `json:"leftovers"`
	// Databases were left by proofs that were killed, at targets, and dropped.
	Databases []string         `json:"databases,omitempty"`
	Policy    retention.Policy `json:"policy"`
	Failures  []CleanupFailure `json:"failures,omitempty"`
	// RemovedCount and KeptCount count all; the lists hold maxListed at the most.
	RemovedCount int `json:"removedCount"`
	KeptCount    int `json:"keptCount"`
	// BilledUntil is until when the bucket's own rule keeps versions of what is removed; zero where it has none.
	BilledUntil time.Time `json:"billedUntil,omitzero"`
	// Forecast is of a dry run for a day to come. Removed is what goes until then, then, and Kept is left out.
	Forecast *RetentionForecast `json:"forecast,omitempty"`
}

// maxListed bounds the lists of a cleanup's report.
const maxListed = 20_000

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
	rep, err := s.cleanup(ctx, o)
	if !o.DryRun {
		s.tellCleanup(rep, err)
	}
	return rep, err
}

func (s *Service) cleanup(ctx context.Context, o CleanupOptions) (CleanupReport, error) {
	if o.Days != nil {
		if *o.Days < 0 || *o.Days > 36500 {
			return CleanupReport{}, invalid("Use a number of days from 0 (everything but what is protected) to 36500.", "%d is not a number of days to keep", *o.Days)
		}
	}
	if o.MaxBackups != nil && (*o.MaxBackups < 0 || *o.MaxBackups > 1_000_000) {
		return CleanupReport{}, invalid("Use a number from 0 (no limit) to 1000000.", "%d is not a number of backups to keep", *o.MaxBackups)
	}
	if !o.At.IsZero() && !o.DryRun {
		return CleanupReport{}, invalid("Ask for a dry run.", "nothing can be removed at a day to come")
	}
	if o.As != nil && !o.DryRun {
		return CleanupReport{}, invalid("Ask for a dry run.", "nothing can be removed by settings that are not saved")
	}
	ctx = storage.Freeing(ctx)
	rep := CleanupReport{DryRun: o.DryRun, Removed: []CleanupItem{}, Kept: []CleanupItem{}}
	if !o.DryRun {
		if err := s.checkClock(ctx); err != nil {
			return rep, err
		}
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
	if !o.DryRun {
		if err := s.SettleRestores(ctx); err != nil {
			s.Log.Warn("restores of dead processes were not looked for", "error", err.Error())
		}
		var err error
		if rep.Databases, err = s.sweepProofs(ctx); err != nil {
			s.Log.Warn("what killed proofs left at targets was not dropped", "error", err.Error())
		}
	}
	now := s.Now()
	err := s.Registry.Reading(ctx, func(v *registry.View) error { return s.retain(ctx, v, now, o, &rep) })
	if err == nil && rep.RemovedCount > 0 {
		rep.BilledUntil = s.billedUntil(ctx, rep.Removed)
	}
	if err == nil && !o.DryRun {
		err = s.Registry.MarkCleanup(ctx, now)
	}
	if err != nil || o.DryRun {
		return rep, err
	}
	s.forgetRestores(ctx, now, rep.Policy)
	if m, ok := s.Store.(storage.Maintainer); ok && err == nil {
		if err := m.Maintain(ctx); err != nil { // of no harm, and done the next time
			s.Log.Warn("the backup directory was not tidied up", "error", err.Error())
		}
	}
	return rep, err
}

// mostSkew is how far this machine's clock and the storage's may be apart where ages decide what is removed: a mistaken time zone is no harm.
const mostSkew = 48 * time.Hour

// checkClock refuses to go by a clock that is wrong: one that is a year ahead makes old what is young, and ends pins. A directory on this machine has
// no other one.
func (s *Service) checkClock(ctx context.Context) error {
	skew, err := s.Registry.Skew(ctx)
	if err == nil && skew.Abs() > mostSkew {
		which := "ahead of"
		if skew < 0 {
			which = "behind"
		}
		err = fault.New(fault.FileSystem, fault.StorageFailed, "Set the clock of this machine, or look at that of the storage. Nothing was removed.",
			"this machine's clock is %s %s that of the storage (it says %s)", quantity.Duration(skew.Abs()), which, time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	}
	return err
}

// forgetRestores removes the records of restores that are as old as backups that go, and those beyond the newest that are kept.
func (s *Service) forgetRestores(ctx context.Context, now time.Time, p retention.Policy) {
	var oldest time.Time
	if p.KeepDays > 0 || p.AnyAge {
		oldest = now.Add(-time.Duration(p.KeepDays) * 24 * time.Hour)
	}
	if n, err := s.Registry.ForgetRestores(ctx, oldest); err != nil {
		s.Log.Warn("records of old restores were not removed", "error", err.Error())
	} else if n > 0 {
		s.Log.Info("records of old restores removed", "count", n)
	}
}

// retain applies retention part by part, the oldest first.
func (s *Service) retain(ctx context.Context, v *registry.View, now time.Time, o CleanupOptions, rep *CleanupReport) error {
	if err := v.CheckSettings(); err != nil {
		return err
	}
	policy, err := s.policyAs(ctx, v.Settings(), o.As)
	if err != nil {
		return err
	}
	rep.Policy = asked(policy, o.Days, o.MaxBackups)
	rep.Removed, rep.Kept, rep.RemovedCount, rep.KeptCount, rep.FreedBytes = []CleanupItem{}, []CleanupItem{}, 0, 0, 0
	k, err := newKeeping(ctx, now, v.Parts(), rep.Policy, v)
	if err == nil {
		err = k.size(ctx, v)
	}
	if err != nil {
		return err
	}
	if !o.At.IsZero() {
		return s.forecast(ctx, v, k, now, o.At, rep)
	}
	var going []goingPart
	for i, part := range k.parts {
		backups := part.Backups
		if part.Page != nil {
			if backups, err = v.Page(ctx, part.Page); err != nil {
				return err
			}
		}
		g := goingPart{oversize: map[string]bool{}}
		records := byID(backups)
		for _, d := range k.decide(i, backups) {
			it := CleanupItem{Backup: *records[d.Item.ID], Reasons: d.Reasons}
			if !o.lists(it.Backup.SourceName()) {
				continue
			}
			if !d.Remove {
				rep.keep(it)
				continue
			}
			g.ids = append(g.ids, d.Item.ID)
			if d.Reasons[len(d.Reasons)-1].Code == retention.RemoveOverSize {
				g.oversize[d.Item.ID] = true
			}
			if rep.DryRun {
				rep.remove(it)
			}
		}
		slices.Sort(g.ids)
		going = append(going, g)
	}
	if rep.DryRun {
		return nil
	}
	for _, g := range going {
		if err := s.removePlanned(ctx, now, g, o.By, rep); err != nil {
			return err
		}
	}
	return nil
}

// goingPart is what goes of one part, by id, and what of it goes because all backups together are too large.
type goingPart struct {
	ids      []string
	oversize map[string]bool
}

func byID(backups []Backup) map[string]*Backup {
	all := make(map[string]*Backup, len(backups))
	for i := range backups {
		all[backups[i].ID] = &backups[i]
	}
	return all
}

func (rep *CleanupReport) keep(it CleanupItem) {
	if rep.KeptCount++; len(rep.Kept) < maxListed {
		rep.Kept = append(rep.Kept, it)
	}
}

func (rep *CleanupReport) remove(it CleanupItem) {
	rep.FreedBytes += it.Backup.Size
	if rep.RemovedCount++; len(rep.Removed) < maxListed {
		rep.Removed = append(rep.Removed, it)
	}
}

// removePlanned removes what the plan says of one part. The registry may have changed since: each batch is decided again where it
// leaves the index. What a canceled cleanup leaves goes the next time.
func (s *Service) removePlanned(ctx context.Context, now time.Time, g goingPart, by string, rep *CleanupReport) error {
	reasons := map[string][]retention.Reason{}
	goes := func(x *registry.Index) map[string]bool {
		decided := s.goes(ctx, now, x, rep.Policy, g.oversize)
		out := make(map[string]bool, len(decided))
		for id, d := range decided {
			out[id], reasons[id] = true, d.Reasons
		}
		return out
	}
	return s.Registry.RemoveAll(ctx, g.ids, by, goes, func(m registry.Removal) {
		switch {
		case m.Gone:
			rep.remove(CleanupItem{Backup: m.Backup, Reasons: reasons[m.Backup.ID]})
		case m.Err != nil && ctx.Err() == nil:
			rep.Failures = append(rep.Failures, CleanupFailure{m.Backup.ID, registry.ErrorOf(m.Err)})
		}
	})
}

// goes returns what a policy removes of those parts of an index whose records are there. planned is what goes because all backups
// together are too large, which is not worked out anew: it goes as long as they still are.
func (s *Service) goes(ctx context.Context, now time.Time, x *registry.Index, p retention.Policy, planned map[string]bool) map[string]retention.Decision {
	out := map[string]retention.Decision{}
	k, err := newKeeping(ctx, now, x.Parts(), p, s.Registry.ViewOf(x))
	if err != nil {
		return out // nothing goes that is not known to go
	}
	left := k.total
	for i, part := range k.parts {
		if part.Backups == nil {
			continue
		}
		for _, d := range k.decide(i, part.Backups) {
			if (d.Removable() || d.Held()) && planned[d.Item.ID] && left > p.MaxTotalBytes {
				d = retention.Oversize(d, left, p.MaxTotalBytes)
			}
			if d.Remove {
				out[d.Item.ID] = d
				left -= d.Item.Size
			}
		}
	}
	return out
}
