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

// CopyState says how it stands with the copy of a backup in one second location.
type CopyState struct {
	Place string      `json:"place"`
	There bool        `json:"there"`
	State CopyOutcome `json:"state"`
	// At is when it was copied, by that storage's clock; SHA256 is what was held against the record's on the way, and is that of its file.
	At     time.Time       `json:"at,omitzero"`
	SHA256 string          `json:"checksum,omitempty"`
	Error  *registry.Error `json:"error,omitempty"` // why that is not known
}

// CopyOutcome is what became of a copy.
type CopyOutcome string

// What may become of a copy.
const (
	CopyThere     CopyOutcome = "there"
	CopyRunning   CopyOutcome = "copying" // somebody makes it now
	CopyWaiting   CopyOutcome = "waiting" // it is made the next time that somebody copies
	CopyElsewhere CopyOutcome = "not_wanted"
	CopyOther     CopyOutcome = "other" // another backup lies there under its id
	CopyUnknown   CopyOutcome = "unknown"
)

const (
	// placeTime bounds what a second location is asked where it is not what the call is about.
	placeTime = 10 * time.Second
	// askedAgain is how long it holds that a copy is not there, or that a place did not answer.
	askedAgain = time.Minute
	// mostLacking is how many backups of a source are looked for to see since when copies lack.
	mostLacking = 10
)

// Copies asks all second locations at once whether they have a good backup.
func (s *Service) Copies(ctx context.Context, b *Backup) ([]CopyState, error) {
	places, err := s.Places(ctx)
	if err != nil || len(places) == 0 {
		return nil, err
	}
	sources, err := s.Sources(ctx)
	if err != nil {
		return nil, err
	}
	wanted := sources.Of(b.SourceName()).Copies
	out := make([]CopyState, len(places))
	var all sync.WaitGroup
	for i, p := range places {
		all.Go(func() { out[i] = s.copyState(ctx, p, b, slices.Contains(wanted, p.Name)) })
	}
	all.Wait()
	return out, nil
}

func (s *Service) copyState(ctx context.Context, p Place, b *Backup, wanted bool) CopyState {
	c := CopyState{Place: p.Name, State: CopyWaiting}
	found, err := s.copies.has(ctx, p, b.ID, s.Now)
	switch {
	case err != nil:
		c.State, c.Error = CopyUnknown, registry.ErrorOf(err)
	case found != nil && found.SHA256 != b.Checksum:
		c.State = CopyOther
	case found != nil:
		c.State, c.There, c.At, c.SHA256 = CopyThere, true, found.At, found.SHA256
	case s.copyRuns(ctx, p, b.ID):
		c.State = CopyRunning
	case !wanted:
		c.State = CopyElsewhere
	}
	return c
}

// copyRuns tells whether somebody copies a backup to a place right now. What cannot be found out is taken for a no.
func (s *Service) copyRuns(ctx context.Context, p Place, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, placeTime)
	defer cancel()
	_, records, err := p.Open(ctx)
	if err != nil {
		return false
	}
	runs, err := records.Copying(ctx, id)
	return err == nil && runs
}

// lookForCopies tells an overview how far the second locations are behind.
func (s *Service) lookForCopies(ctx context.Context, places []Place, sources source.List, o *overview.Overview) {
	var all sync.WaitGroup
	found := make([]map[string]overview.Copies, len(places))
	for i, p := range places {
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
	for i := range places {
		for name, c := range found[i] {
			o.NoteCopies(name, c)
		}
	}
}

// copiesOf says how far a place is behind with one source: its backups are looked for from the newest one on.
func (s *Service) copiesOf(ctx context.Context, p Place, src *overview.Source) overview.Copies {
	c := overview.Copies{Place: p.Name}
	for i := len(src.Sizes) - 1; i >= max(0, len(src.Sizes)-mostLacking); i-- {
		found, err := s.copies.has(ctx, p, src.Sizes[i].ID, s.Now)
		if err != nil {
			c.Unknown = registry.ErrorOf(err).Message
			return c
		}
		if found != nil {
			c.Last = &src.Sizes[i]
			return c
		}
		c.Lacking++
		c.Since = src.Sizes[i].At
	}
	return c
}

// copyCache remembers what second locations were found to have. It is safe for use by several goroutines.
type copyCache struct {
	mu   sync.Mutex
	have map[string]*registry.Copy // by place and id
	not  map[string]copyAnswer
	dead map[string]copyAnswer // by place
}

type copyAnswer struct {
	at  time.Time
	err error
}

// forget makes that a place is asked again for a backup, which was copied there.
func (c *copyCache) forget(place, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.not, place+"/"+id)
	delete(c.dead, place)
}

// has asks a place for a backup; nil is none. That it does not answer holds for all its backups, for a while.
func (c *copyCache) has(ctx context.Context, p Place, id string, clock func() time.Time) (*registry.Copy, error) {
	key := p.Name + "/" + id
	c.mu.Lock()
	if c.have == nil || len(c.have)+len(c.not) > 100_000 {
		c.have, c.not, c.dead = map[string]*registry.Copy{}, map[string]copyAnswer{}, map[string]copyAnswer{}
	}
	now := clock()
	recent := func(a copyAnswer, ok bool) bool { return ok && now.Sub(a.at) < askedAgain && !now.Before(a.at) }
	dead, known := c.dead[p.Name]
	lacks, missed := c.not[key]
	has := c.have[key]
	c.mu.Unlock()
	switch {
	case has != nil:
		return has, nil
	case recent(dead, known):
		return nil, dead.err
	case recent(lacks, missed):
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, placeTime)
	defer cancel()
	_, records, err := p.Open(ctx)
	var there *registry.Copy
	if err == nil {
		there, err = records.Has(ctx, id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.dead[p.Name] = copyAnswer{clock(), err}
	case there != nil:
		c.have[key] = there
		delete(c.not, key)
	default:
		c.not[key] = copyAnswer{at: clock()}
	}
	return there, err
}
