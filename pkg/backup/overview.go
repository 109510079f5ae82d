package backup

import (
	"context"
	"errors"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Overview says how it stands with all backups; days are those of zone, nil is UTC. It costs one request to storage for the
// index, one for the list of sources and one for each source. One at a time is worked out, since that takes memory by the number of sources, of
// which somebody may have made up many.
func (s *Service) Overview(ctx context.Context, zone *time.Location) (overview.Overview, error) {
	select {
	case s.summing <- struct{}{}:
		defer func() { <-s.summing }()
	case <-ctx.Done():
		return overview.Overview{}, context.Cause(ctx)
	}
	records, unread, err := s.Registry.Sources(ctx)
	if err != nil {
		return overview.Overview{}, err
	}
	all, kept, err := s.said(ctx)
	if err != nil {
		return overview.Overview{}, err
	}
	rules := s.rulesOf(all, kept)
	if all, err = s.follow(ctx, all); err != nil {
		return overview.Overview{}, err
	}
	places, err := s.keptPlaces(ctx)
	if err != nil {
		return overview.Overview{}, err
	}
	s.alsoThere(&all, places)
	in := overview.Input{Refused: s.refused.all(), Unread: unread, Now: s.Now(), Zone: zone, Sources: records, Expected: s.expected(all), Untaken: untaken(all), MaxAge: all.Defaults.Age(), Vanished: vanished(all, records, s.Now()),
		Limits: overview.Limits{Bytes: s.Limits.MaxBackupBytes, Duration: s.Limits.MaxDuration}}
	var o overview.Overview
	err = s.Registry.Reading(ctx, func(v *registry.View) (err error) {
		if o, err = s.overviewOf(ctx, v, in, rules); err == nil {
			err = s.foresee(ctx, v, in, s.policyOf(v.Settings(), rules), &o)
		}
		return err
	})
	if err == nil {
		o.Followed = all.Followed
		s.lookForCopies(ctx, s.placesWith(places), all, &o)
	}
	return o, err
}

// overviewOf is what the records say. Pages that are older than the days of the figures need not be read; of the others what counts
// is kept, without what would take much memory.
func (s *Service) overviewOf(ctx context.Context, v *registry.View, in overview.Input, rules Rules) (overview.Overview, error) {
	in.Settings, in.LastCleanup = s.SettingsOf(v.Settings()), v.LastCleanup()
	in.SettingsOf = rules.settings(in.Settings)
	first := overview.FirstDay(in.Now, in.Zone)
	var recent []registry.Part
	for _, part := range v.Parts() {
		if p := part.Page; p != nil && len(recent) == 0 && p.To.Before(first) {
			sources, _, err := v.Sources(ctx, p)
			if registry.IsLostPage(err) {
				continue
			}
			if err != nil {
				return overview.Overview{}, err
			}
			in.Settled = append(in.Settled, sources...)
			continue
		}
		recent = append(recent, part)
	}
	var failed error
	in.Backups = func(yield func(registry.Backup) bool) {
		for _, part := range recent {
			backups := part.Backups
			if part.Page != nil {
				var err error
				if backups, err = v.Page(ctx, part.Page); err != nil && !registry.IsLostPage(err) {
					failed = err
					return
				}
			}
			for _, b := range backups {
				if !yield(b) {
					return
				}
			}
		}
	}
	o := overview.Of(in)
	return o, failed
}

// untaken are why sources that are kept in the bucket are not taken, by name.
func untaken(all source.List) map[string]error {
	why := map[string]error{}
	for _, t := range all.Troubles {
		why[t.Name] = t.Err
	}
	return why
}

// expected is what is wanted of each source.
func (s *Service) expected(all source.List) []overview.Expected {
	var out []overview.Expected
	for _, of := range all.Sources {
		e := overview.Expected{Source: of.Name, MaxAge: of.Age(), Proofs: of.ProveEvery(), Paused: of.Paused, MaxBytes: of.MaxBytes()}
		if s.Engine != nil {
			e.Database = s.Engine.Database(of)
		}
		if plan, ok, _ := of.Plan(); ok && !of.Paused { // refused at start where it is wrong
			e.Schedule = plan
		}
		if of.Name == all.Default && e.Proofs == 0 {
			e.ProofTimes = s.ProofTimes
		}
		out = append(out, e)
	}
	return out
}

// NoteSources makes sure that sources of which something is expected are on record, so that one that is never backed up
// is overdue some day. One that cannot be put there stops no other; again are those for which it is worth another try.
func (s *Service) NoteSources(ctx context.Context, names []string) (again []string, err error) {
	var errs []error
	for _, name := range names {
		rec, err := s.Registry.Source(ctx, name)
		if err == nil && rec.Version == 0 {
			err = s.Registry.NoteSource(ctx, name, s.Now())
		}
		if err != nil {
			errs = append(errs, err)
		}
		if err != nil && !fault.HasCode(err, fault.Validation) {
			again = append(again, name)
		}
	}
	return again, errors.Join(errs...)
}
