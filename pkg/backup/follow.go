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
	"cofre/pkg/quantity"
	"cofre/pkg/source"
)

// How long what a server said of its databases is taken for what is there, and how long it may take to say that.
const (
	followFor    = time.Minute
	followWithin = 15 * time.Second
	mostSeen     = 10_000 // databases of one server
)

// following remembers what servers said of their databases, by the source that follows them.
type following struct {
	mu   sync.Mutex
	said map[string]said
}

// forget makes that all servers are asked again. One that cannot be asked has what it had.
func (f *following) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, last := range f.said {
		last.at = time.Time{}
		f.said[key] = last
	}
}

type said struct {
	at   time.Time
	seen []source.Seen
	err  error
	ill  time.Time // since when it cannot be asked
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
	listed := map[string]bool{} // by name: is it one source, given that name by somebody?
	for _, of := range all.Sources {
		listed[of.Name] = len(of.Databases) == 0
	}
	out := all
	out.Sources, out.Followed = nil, nil
	for _, of := range all.Sources {
		i := slices.IndexFunc(parents, func(p source.Settings) bool { return p.Name == of.Name })
		if i < 0 {
			out.Sources = append(out.Sources, of)
			continue
		}
		f := source.Followed{Source: of.Name, Paused: of.Paused, At: answers[i].at, Err: answers[i].err, Since: answers[i].ill}
		seen := answers[i].seen
		f.Has = names(seen)
		if f.Err != nil && seen == nil { // not since this process began: what is on record is taken to be there
			known, err := s.known(ctx, f)
			if err != nil {
				return all, err
			}
			seen = known
		}
		children, left := of.Follow(seen, func(name string) (taken, meant bool) {
			meant, taken = listed[name]
			return taken, meant
		})
		f.LeftOut = left
		for _, child := range children { // the database x/y of main is main/x/y, and so is y of main/x
			listed[child.Name] = false
		}
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
	key := of.Name + "\x00" + of.Connection.Key()
	last := f.said[key]
	f.mu.Unlock()
	if now := s.Now(); !last.at.IsZero() && now.Sub(last.at).Abs() < followFor {
		return last
	}
	within, cancel := context.WithTimeout(ctx, followWithin)
	defer cancel()
	seen, err := s.Engine.Seen(within, of)
	if err == nil && len(seen) > mostSeen { // which of them are missing nobody could tell
		err = fault.New(fault.Validation, fault.LimitReached, "Name its databases as sources of their own, or follow them by a role that may connect to fewer.", "it has more than %d databases", mostSeen)
	}
	if err != nil {
		seen = last.seen
	}
	answer := said{at: s.Now(), seen: slices.Clone(seen), err: err}
	if err != nil {
		if answer.ill = last.ill; answer.ill.IsZero() {
			answer.ill = answer.at
		}
	}
	if ctx.Err() != nil { // that says nothing of the server
		return answer
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.said == nil {
		f.said = map[string]said{}
	}
	f.said[key] = answer
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

func names(seen []source.Seen) []string {
	out := make([]string, len(seen))
	for i, db := range seen {
		out[i] = db.Name
	}
	slices.Sort(out)
	return out
}

// vanished are the sources on record whose server was asked, and has their database no more, and since when that is known. Of a server that cannot be asked
// what is on record holds.
func vanished(all source.List, records []source.Record, now time.Time) map[string]time.Time {
	gone := map[string]time.Time{}
	for _, rec := range records {
		if _, there := all.Find(rec.Name); there {
			continue
		}
		owned, there := false, false
		for _, f := range all.Followed {
			if !f.Owns(rec.Name) {
				continue
			}
			owned = true
			_, has := slices.BinarySearch(f.Has, strings.TrimPrefix(rec.Name, f.Of(""))) // it may be there, and match no pattern any more
			there = there || has && f.Err == nil || f.Err != nil && rec.Vanished.IsZero()
		}
		switch {
		case !owned || there:
		case rec.Vanished.IsZero():
			gone[rec.Name] = now
		default:
			gone[rec.Name] = rec.Vanished
		}
	}
	return gone
}

// NoteVanished puts on record which databases are gone from servers that are followed, and which came back. What a server said a moment ago is no reason:
// whoever asked it later may have put on record what is so now.
func (s *Service) NoteVanished(ctx context.Context, all source.List) error {
	if len(all.Followed) == 0 {
		return nil
	}
	now := s.Now().UTC().Truncate(time.Second)
	if change, err := s.toNote(ctx, all, now); err != nil || len(change) == 0 {
		return err
	}
	s.following.forget()
	all, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	change, err := s.toNote(ctx, all, now)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(change)) {
		since := change[name]
		if _, err := s.Registry.ChangeSource(ctx, name, now, func(r source.Record) (source.Record, error) {
			if since.IsZero() || r.Vanished.IsZero() { // that it is gone is news once: the first who found it says when
				r.Vanished = since
			}
			return r, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// toNote is what is to be put on record, by source: since when its database is gone; zero where it came back.
func (s *Service) toNote(ctx context.Context, all source.List, now time.Time) (map[string]time.Time, error) {
	records, _, err := s.Registry.Sources(ctx)
	if err != nil {
		return nil, err
	}
	change := map[string]time.Time{}
	gone := vanished(all, records, now)
	for _, rec := range records {
		since, is := gone[rec.Name]
		asked := slices.ContainsFunc(all.Followed, func(f source.Followed) bool { return f.Owns(rec.Name) && f.Err == nil })
		if is == rec.Vanished.IsZero() && (is || asked) {
			change[rec.Name] = since
		}
	}
	return change, nil
}

// CheckFollowed says how it stands with the servers whose databases are followed.
func CheckFollowed(all source.List) (checks []Check) {
	for _, f := range all.Followed {
		n := 0
		for _, of := range all.Sources {
			if of.Database != "" && f.Of(of.Database) == of.Name {
				n++
			}
		}
		c := Check{Name: "databases of source " + f.Source, Source: f.Source, Result: CheckOK, Detail: fmt.Sprintf("%s, each a source of its own", quantity.Plural(n, "database"))}
		if n == 0 && !f.Paused {
			c.Result, c.Detail, c.Hint = CheckWarning, "no database of its server is backed up", "Look at the patterns in its databases."
		}
		if len(f.LeftOut) > 0 {
			why := map[string][]string{}
			for _, l := range f.LeftOut {
				why[l.Why] = append(why[l.Why], l.Database)
				if l.Conflict {
					c.Result, c.Hint = CheckWarning, "Rename what cannot be backed up by its name, name it as a source of its own, or leave it out by a pattern behind a !."
				}
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
