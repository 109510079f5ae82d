package backup

import (
	"cmp"
	"context"
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Estimate is how much work a reserved backup is likely to be, for whoever chooses the machine that does it.
type Estimate struct {
	ID string `json:"id"`
	// Bytes that the database takes on its server's disk, indexes included.
	Bytes int64 `json:"estimatedBytes"`
	// Duration of the last successful backup of the same kind, in milliseconds; 0 when there is none.
	Duration int64 `json:"lastDuration,omitempty"`
}

// Estimate asks the database for its size, and the registry how long the last backup of this kind took. The backup must
// be waiting for its start.
func (s *Service) Estimate(ctx context.Context, id string) (Estimate, error) {
	b, raw, err := s.Registry.Waiting(ctx, id)
	if err != nil {
		return Estimate{}, err
	}
	req, err := s.requested(ctx, b, raw)
	if err != nil {
		return Estimate{}, err
	}
	if s.Engine == nil {
		return Estimate{}, fault.New(fault.Validation, fault.InvalidInput, "Set DATABASE_URL.", "no database is configured here")
	}
	from, err := s.sourceOf(ctx, req)
	if err != nil {
		return Estimate{}, err
	}
	session, err := s.Engine.Open(ctx, from, req.Selection)
	if err != nil {
		return Estimate{}, err
	}
	defer session.Close()
	src := session.Source()
	e := Estimate{ID: id, Bytes: src.Size}
	b.Source, b.Database = cmp.Or(b.Source, src.Database), src.Database
	if last := s.lastLike(ctx, b); last != nil {
		e.Duration = last.Duration
	}
	return e, nil
}

// Fits tells whether the work is likely to be done within a time, with room to spare: half of it must do for what the
// last backup took, or for the size at a careful rate.
func (e Estimate) Fits(within time.Duration) bool {
	half := within / 2
	if e.Duration > 0 && time.Duration(e.Duration)*time.Millisecond > half {
		return false
	}
	return e.Bytes <= int64(half.Seconds())*carefulRate
}

// carefulRate is how many bytes of a database on its server's disk one pg_dump gets through in a second on a small
// machine, at the least: docs/benchmarks.md has twice as much.
const carefulRate = 25 << 20

// lastLike finds the last successful backup that was made the same way, nil when there is none.
func (s *Service) lastLike(ctx context.Context, b Backup) *registry.Backup {
	v, err := s.Registry.Read(ctx)
	if err != nil {
		return nil
	}
	row := b.Row()
	for p, err := range v.Walk(ctx, func(p *registry.Page) bool { return withoutRow(p, row) }) {
		if err != nil {
			return nil
		}
		if p.Status == registry.Success && p.Row() == row && p.Format == b.Format && p.Encryption == b.Encryption {
			return &p
		}
	}
	return nil
}

// withoutRow reports whether a page has no successful backup of a row for sure.
func withoutRow(p *registry.Page, row registry.Row) bool {
	return !p.Untold && !slices.ContainsFunc(p.Sources, func(t registry.Tally) bool {
		return slices.ContainsFunc(t.Rows, func(r registry.RowTally) bool { return r.Succeeded > 0 && r.Row(t.Source) == row })
	})
}
