package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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
	var req Request
	if err := json.Unmarshal(raw, &req); err != nil {
		return Estimate{}, fmt.Errorf("read the request of %s: %w", id, err)
	}
	if s.Engine == nil {
		return Estimate{}, fault.New(fault.Validation, fault.InvalidInput, "Set DATABASE_URL.", "no database is configured here")
	}
	src, err := s.Engine.Inspect(ctx, req.Database, req.Selection)
	if err != nil {
		return Estimate{}, err
	}
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
	x, err := s.Registry.Load(ctx)
	if err != nil {
		return nil
	}
	row := b.Row()
	for i := len(x.Backups) - 1; i >= 0; i-- {
		p := &x.Backups[i]
		if p.Status == registry.Success && p.Row() == row && p.Format == b.Format && p.Encryption == b.Encryption {
			return p
		}
	}
	return nil
}
