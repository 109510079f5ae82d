package backup

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// minPrefix is how much of an id at least stands for the whole.
const minPrefix = 8

// latestRef stands for the newest verified whole backup, of one source: latest, or latest:SOURCE.
const latestRef = "latest"

// LatestProvable gives a reference to the newest verified whole backup of each source that can be proven, by name. Whether there is one shows
// when it is looked up.
func (s *Service) LatestProvable(ctx context.Context) ([]string, error) {
	o, err := s.Overview(ctx, time.UTC)
	if err != nil {
		return nil, err
	}
	var refs []string
	for i := range o.Sources {
		ref := latestRef + ":" + o.Sources[i].Name
		if p := o.Sources[i].LastProvable; p != nil && p.ID != o.Sources[i].LastWhole.ID {
			ref = p.ID
		}
		refs = append(refs, ref)
	}
	if refs == nil {
		return nil, fault.New(fault.Validation, fault.NotFound, "Create the first backup.", "no source yet, and no backup")
	}
	return refs, nil
}

// find returns the backup that a reference means: an id, a unique beginning of one, "latest" or "latest:SOURCE", or a
// file's path or name as List shows it.
func (s *Service) find(ctx context.Context, v *registry.View, ref string) (Backup, error) {
	if name, ok := strings.CutPrefix(ref, latestRef+":"); ok {
		return s.latest(ctx, v, name)
	}
	if ref == latestRef {
		return s.latest(ctx, v, "")
	}
	if id := strings.ToUpper(ref); registry.ValidID(id) {
		b, ok, err := v.Find(ctx, id)
		if err == nil && !ok {
			err = unknown(ref)
		}
		return b, err
	}
	b, err := s.named(ctx, v, ref)
	if b != nil || err != nil {
		return deref(b), err
	}
	return begins(ctx, v, ref)
}

func deref(b *Backup) Backup {
	if b == nil {
		return Backup{}
	}
	return *b
}

// named finds a backup by its file. A failed one has given its name free, so a successful one of the same name wins; then
// the newest.
func (s *Service) named(ctx context.Context, v *registry.View, ref string) (found *Backup, err error) {
	noName := !strings.Contains(ref, ".") // the beginning of an id: files have an extension
	for b, err := range v.Search(ctx, path.Base(ref), func(*registry.Page) bool { return noName }) {
		if registry.IsLostPage(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if ref != b.Filepath && ref != b.Filename && ref != s.Location(b.Filepath) {
			continue
		}
		if b.Status != registry.Failed {
			return &b, nil
		}
		if found == nil {
			found = &b
		}
	}
	return found, nil
}

// begins finds the one backup whose id begins so.
func begins(ctx context.Context, v *registry.View, ref string) (Backup, error) {
	prefix := strings.ToUpper(ref)
	if prefix == "" || len(prefix) >= 26 {
		return Backup{}, unknown(ref)
	}
	var hits []string
	var found Backup
	outside := func(p *registry.Page) bool {
		return p.Last < prefix || p.First > prefix && !strings.HasPrefix(p.First, prefix)
	}
	for b, err := range v.Walk(ctx, outside) {
		if err != nil {
			return Backup{}, err
		}
		if strings.HasPrefix(b.ID, prefix) {
			found, hits = b, append(hits, b.ID)
		}
		if len(hits) > 0 && len(prefix) < minPrefix {
			break
		}
	}
	if len(hits) > 0 && len(prefix) < minPrefix {
		return Backup{}, invalid(fmt.Sprintf("Write %d characters of it or more, such as %s.", minPrefix, hits[0][:minPrefix]), "%q is too short for the beginning of an id", ref)
	}
	switch len(hits) {
	case 0:
		return Backup{}, unknown(ref)
	case 1:
		return found, nil
	}
	slices.Sort(hits)
	return Backup{}, invalid("Write more of it: "+strings.Join(first(hits, 5), ", ")+".", "%d backups have ids that begin with %s", len(hits), prefix)
}

// latest finds the newest verified whole backup of a source. With "" it is the configured one, or the only one there is.
func (s *Service) latest(ctx context.Context, v *registry.View, name string) (Backup, error) {
	sources, err := s.tallies(ctx, v)
	if err != nil {
		return Backup{}, err
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(sources)), func(n string) bool { return n == "" })
	if name == "" {
		if name, err = s.SourceName(ctx); err != nil {
			return Backup{}, err
		}
		if !slices.Contains(names, name) && len(names) == 1 {
			name = names[0]
		}
		if name == "" && len(names) > 1 {
			return Backup{}, invalid("Say which: latest:"+strings.Join(first(names, 10), ", latest:")+".", "there are backups of %d sources", len(names))
		}
	}
	t := sources[name]
	switch {
	case t.LastWhole != nil:
		b, ok, err := v.Find(ctx, t.LastWhole.ID)
		if err == nil && !ok {
			err = unknown(t.LastWhole.ID)
		}
		return b, err
	case t.LastGood != nil:
		part, _, err := v.Find(ctx, t.LastGood.ID)
		if err != nil {
			return Backup{}, err
		}
		return Backup{}, fault.New(fault.Validation, fault.NotFound, "Only parts of it were backed up; name one by its id, such as "+part.ID+" ("+DescribePart(part)+").",
			"there is no verified whole backup of source %.80q", name)
	case len(names) > 0 && !slices.Contains(names, name):
		return Backup{}, fault.New(fault.Validation, fault.NotFound, "There are backups of: "+strings.Join(first(names, 10), ", ")+".", "there is no backup of a source %.80q", name)
	}
	return Backup{}, fault.New(fault.Validation, fault.NotFound, "List the backups there are with: cofre list", "there is no verified backup to choose as the latest")
}

// tallies sums all backups up, by source. What is dated in the future only counts.
func (s *Service) tallies(ctx context.Context, v *registry.View) (map[string]registry.Tally, error) {
	all := map[string]registry.Tally{}
	now := s.Now()
	note := func(b *Backup) {
		t := all[b.SourceName()]
		if b.CreatedAt.After(now) {
			t.NoteFuture(b)
		} else {
			t.Note(b)
		}
		all[b.SourceName()] = t
	}
	for _, part := range v.Parts() {
		backups := part.Backups
		if p := part.Page; p != nil && !p.To.After(now) {
			sources, _, err := v.Sources(ctx, p)
			if err != nil {
				return nil, err
			}
			for _, more := range sources {
				t := all[more.Source]
				t.Add(more)
				all[more.Source] = t
			}
			continue
		} else if p != nil {
			var err error
			if backups, err = v.Page(ctx, p); err != nil {
				return nil, err
			}
		}
		for i := range backups {
			note(&backups[i])
		}
	}
	return all, nil
}

func unknown(ref string) error {
	return fault.New(fault.Validation, fault.NotFound, "List the backups there are with: cofre list", "there is no backup %.60q", ref)
}
