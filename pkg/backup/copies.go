package backup

import (
	"context"
	"slices"
	"sync"
	"time"

	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// CopyState says whether a backup has a copy in a second place.
type CopyState struct {
	Place string          `json:"place"`
	There bool            `json:"there"`
	Error *registry.Error `json:"error,omitempty"` // why that is not known
}

const (
	// placeTime bounds what a second place is asked where it is not what the call is about.
	placeTime = 10 * time.Second
	// askedAgain is how long it holds that a copy is not there, or that a place did not answer.
	askedAgain = time.Minute
	// mostLacking is how many backups of a source are looked for to see since when copies lack.
	mostLacking = 10
)

// Copies asks all second places at once whether they have a backup.
func (s *Service) Copies(ctx context.Context, id string) []CopyState {
	out := make([]CopyState, len(s.CopyPlaces))
	var all sync.WaitGroup
	for i, p := range s.CopyPlaces {
		all.Go(func() {
			there, err := s.copies.has(ctx, p, id, s.Now)
			out[i] = CopyState{Place: p.Name, There: there, Error: registry.ErrorOf(err)}
		})
	}
	all.Wait()
	return out
}

// lookForCopies tells an overview how far the second places are behind.
func (s *Service) lookForCopies(ctx context.Context, sources source.List, o *overview.Overview) {
	var all sync.WaitGroup
	found := make([]map[string]overview.Copies, len(s.CopyPlaces))
	for i, p := range s.CopyPlaces {
		found[i] = map[string]overview.Copies{}
		all.Go(func() {
			for n := range o.Sources {
				if src := &o.Sources[n]; src.Configured && src.LastWhole != nil && slices.Contains(sources.Of(src.Name).Copies, p.Name) {
					found[i][src.Name] = s.copiesOf(ctx, p, src)
				}
			}
		})
	}
	all.Wait()
	for i := range s.CopyPlaces {
		for name, c := range found[i] {
			o.NoteCopies(name, c)
		}
	}
}

// copiesOf says how far a place is behind with one source: its backups are looked for from the newest one on.
func (s *Service) copiesOf(ctx context.Context, p Place, src *overview.Source) overview.Copies {
	c := overview.Copies{Place: p.Name}
	for i := len(src.Sizes) - 1; i >= max(0, len(src.Sizes)-mostLacking); i-- {
		there, err := s.copies.has(ctx, p, src.Sizes[i].ID, s.Now)
		if err != nil {
			c.Unknown = registry.ErrorOf(err).Message
			return c
		}
		if there {
			c.Last = &src.Sizes[i]
			return c
		}
		c.Lacking++
		c.Since = src.Sizes[i].At
	}
	return c
}

// copyCache remembers what second places were found to have. It is safe for use by several goroutines.
type copyCache struct {
	mu   sync.Mutex
	have map[string]bool // by place and id
	not  map[string]copyAnswer
	dead map[string]copyAnswer // by place
}

type copyAnswer struct {
	at  time.Time
	err error
}

// has asks a place whether it has a backup. That it does not answer holds for all its backups, for a while.
func (c *copyCache) has(ctx context.Context, p Place, id string, clock func() time.Time) (bool, error) {
	key := p.Name + "/" + id
	c.mu.Lock()
	if c.have == nil || len(c.have)+len(c.not) > 100_000 {
		c.have, c.not, c.dead = map[string]bool{}, map[string]copyAnswer{}, map[string]copyAnswer{}
	}
	now := clock()
	recent := func(a copyAnswer, ok bool) bool { return ok && now.Sub(a.at) < askedAgain && !now.Before(a.at) }
	dead, known := c.dead[p.Name]
	lacks, missed := c.not[key]
	has := c.have[key]
	c.mu.Unlock()
	switch {
	case has:
		return true, nil
	case recent(dead, known):
		return false, dead.err
	case recent(lacks, missed):
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, placeTime)
	defer cancel()
	_, records, err := p.Open(ctx)
	there := false
	if err == nil {
		there, err = records.Has(ctx, id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.dead[p.Name] = copyAnswer{clock(), err}
	case there:
		c.have[key] = true
		delete(c.not, key)
	default:
		c.not[key] = copyAnswer{at: clock()}
	}
	return there, err
}
