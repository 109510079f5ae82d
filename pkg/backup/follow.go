package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
)

// How long what a server said of its databases is taken for what is there, and how long it may take to say that.
const (
	followFor    = time.Minute
	followWithin = 15 * time.Second
)

// following remembers what servers said of their databases, by the source that follows them.
type following struct {
	mu   sync.Mutex
	said map[string]said
}

type said struct {
	at   time.Time
	seen []source.Seen
	err  error
}

// follow puts the databases of a server into the place of each source that follows them.
func (s *Service) follow(ctx context.Context, all source.List) (source.List, error) {
	var parents []source.Settings
	for _, of := range all.Sources {
		if len(of.Databases) > 0 {
			parents = append(parents, of)
		}
	}
	if len(parents) == 0 || s.Engine == nil {
		return all, nil
	}
	answers := make([]said, len(parents))
	var asked sync.WaitGroup
	for i, of := range parents {
		asked.Go(func() { answers[i] = s.ask(ctx, of) })
	}
	asked.Wait()
	if ctx.Err() != nil {
		return all, context.Cause(ctx)
	}
	listed := map[string]bool{}
	for _, of := range all.Sources {
		listed[of.Name] = true
	}
	out := all
	out.Sources, out.Followed = nil, nil
	for _, of := range all.Sources {
		i := slices.IndexFunc(parents, func(p source.Settings) bool { return p.Name == of.Name })
		if i < 0 {
			out.Sources = append(out.Sources, of)
			continue
		}
		f := source.Followed{Source: of.Name, At: answers[i].at, Err: answers[i].err}
		seen := answers[i].seen
		if f.Err != nil && seen == nil { // not since this process began: what is on record is taken to be there
			known, err := s.known(ctx, f)
			if err != nil {
				return all, err
			}
			seen = known
		}
		children, left := of.Follow(seen, func(name string) bool { return listed[name] })
		f.LeftOut = left
		out.Sources, out.Followed = append(out.Sources, children...), append(out.Followed, f)
		if all.Default == of.Name {
			out.Default = ""
		}
	}
	return out, nil
}

// ask asks a server for its databases, unless it was asked a moment ago.
func (s *Service) ask(ctx context.Context, of source.Settings) said {
	f := &s.following
	f.mu.Lock()
	last := f.said[of.Name]
	f.mu.Unlock()
	if now := time.Now(); !last.at.IsZero() && now.Sub(last.at) < followFor {
		return last
	}
	within, cancel := context.WithTimeout(ctx, followWithin)
	defer cancel()
	seen, err := s.Engine.Seen(within, of)
	if err != nil {
		seen = last.seen
	}
	answer := said{time.Now(), slices.Clone(seen), err}
	if ctx.Err() != nil { // that says nothing of the server
		return answer
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.said == nil {
		f.said = map[string]said{}
	}
	f.said[of.Name] = answer
	return answer
}

// known are the databases of a followed source that are on record, and were there when they were last looked for.
func (s *Service) known(ctx context.Context, f source.Followed) ([]source.Seen, error) {
	records, _, err := s.Registry.Sources(ctx)
	if err != nil {
		return nil, err
	}
	var seen []source.Seen
	for _, rec := range records {
		if f.Owns(rec.Name) && rec.Vanished.IsZero() {
			seen = append(seen, source.Seen{Name: strings.TrimPrefix(rec.Name, f.Of(""))})
		}
	}
	return seen, nil
}

// vanished are the sources on record whose server was asked, and has their database no more, and since when that is known.
func vanished(all source.List, records []source.Record, now time.Time) map[string]time.Time {
	gone := map[string]time.Time{}
	for _, rec := range records {
		if _, there := all.Find(rec.Name); there {
			continue
		}
		for _, f := range all.Followed {
			if f.Owns(rec.Name) && f.Err == nil && !slices.ContainsFunc(f.LeftOut, func(l source.LeftOut) bool { return f.Of(l.Database) == rec.Name }) {
				if gone[rec.Name] = rec.Vanished; rec.Vanished.IsZero() {
					gone[rec.Name] = now
				}
			}
		}
	}
	return gone
}

// NoteVanished puts on record which databases are gone from servers that are followed, and which came back.
func (s *Service) NoteVanished(ctx context.Context, all source.List) error {
	if len(all.Followed) == 0 {
		return nil
	}
	records, _, err := s.Registry.Sources(ctx)
	if err != nil {
		return err
	}
	now := s.Now().UTC().Truncate(time.Second)
	gone := vanished(all, records, now)
	for _, rec := range records {
		since, is := gone[rec.Name]
		if is != rec.Vanished.IsZero() || !is && !slices.ContainsFunc(all.Followed, func(f source.Followed) bool { return f.Owns(rec.Name) && f.Err == nil }) {
			continue
		}
		if _, err := s.Registry.ChangeSource(ctx, rec.Name, now, func(r source.Record) (source.Record, error) {
			r.Vanished = since
			return r, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// CheckFollowed says how it stands with the servers whose databases are followed.
func CheckFollowed(all source.List) (checks []Check) {
	for _, f := range all.Followed {
		n := 0
		for _, of := range all.Sources {
			if f.Owns(of.Name) {
				n++
			}
		}
		c := Check{Name: "databases of source " + f.Source, Result: CheckOK, Detail: fmt.Sprintf("%s, each a source of its own", plural(n, "database"))}
		if len(f.LeftOut) > 0 {
			why := map[string][]string{}
			for _, l := range f.LeftOut {
				why[l.Why] = append(why[l.Why], l.Database)
			}
			var parts []string
			for _, w := range slices.Sorted(maps.Keys(why)) {
				parts = append(parts, strings.Join(first(why[w], 10), ", ")+" ("+w+")")
			}
			c.Detail += "; left out: " + strings.Join(parts, ", ")
		}
		if f.Err != nil {
			why := fault.From(f.Err)
			c.Result, c.Hint = CheckWarning, why.Hint
			c.Detail = "the server cannot be asked which databases it has; those that it had are taken to be there: " + why.Message
		}
		checks = append(checks, c)
	}
	return checks
}
