package backup

import (
	"context"
	"time"

	"cofre/pkg/overview"
)

// Overview says how it stands with all backups; days are those of zone, nil is UTC. It costs one request to storage for the
// index, one for the list of sources and one for each source.
func (s *Service) Overview(ctx context.Context, zone *time.Location) (overview.Overview, error) {
	x, err := s.Registry.Load(ctx)
	if err != nil {
		return overview.Overview{}, err
	}
	records, err := s.Registry.Sources(ctx)
	if err != nil {
		return overview.Overview{}, err
	}
	refused := map[string]error{}
	if err := s.refused.Load(); err != nil {
		refused[s.SourceName()] = *err
	}
	return overview.Of(overview.Input{
		Refused: refused,
		Now:     s.Now(), Zone: zone, Backups: x.Backups, Sources: records, Expected: s.expected(), MaxAge: s.MaxAge, Settings: s.SettingsOf(x), LastCleanup: x.LastCleanup,
	}), nil
}

// expected adds the configured database, of which a backup is wanted even where nobody says how often.
func (s *Service) expected() []overview.Expected {
	name := s.SourceName()
	for _, e := range s.Expected {
		if e.Source == name {
			return s.Expected
		}
	}
	if name == "" {
		return s.Expected
	}
	return append([]overview.Expected{{Source: name, Database: s.Engine.Database(), MaxAge: s.MaxAge}}, s.Expected...)
}

// NoteSources makes sure that each source of which something is expected is on record, so that one that is never backed up
// is overdue some day.
func (s *Service) NoteSources(ctx context.Context) error {
	for _, e := range s.expected() {
		rec, err := s.Registry.Source(ctx, e.Source)
		if err == nil && rec.Version == 0 {
			err = s.Registry.NoteSource(ctx, e.Source, s.Now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
