package backup

import (
	"slices"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// minPrefix is how much of an id at least stands for the whole.
const minPrefix = 8

// latestRef stands for the newest verified whole backup, of one source: latest, or latest:SOURCE.
const latestRef = "latest"

// find returns the backup that a reference means: an id, a unique beginning of one, "latest" or "latest:SOURCE", or a
// file's path or name as List shows it.
func (s *Service) find(x *registry.Index, ref string) (Backup, error) {
	if name, ok := strings.CutPrefix(ref, latestRef+":"); ok {
		return s.latest(x, name)
	}
	if ref == latestRef {
		return s.latest(x, "")
	}
	if id := strings.ToUpper(ref); registry.ValidID(id) {
		if b := x.Find(id); b != nil {
			return *b, nil
		}
		return Backup{}, unknown(ref)
	}
	if b := s.named(x, ref); b != nil {
		return *b, nil
	}
	return begins(x, ref)
}

// named finds a backup by its file. A failed one has given its name free, so a successful one of the same name wins; then
// the newest.
func (s *Service) named(x *registry.Index, ref string) (found *registry.Backup) {
	for i := range x.Backups {
		b := &x.Backups[i]
		if (ref == b.Filepath || ref == b.Filename || ref == s.Location(b.Filepath)) && (found == nil || found.Status == registry.Failed || b.Status != registry.Failed) {
			found = b
		}
	}
	return found
}

// begins finds the one backup whose id begins so.
func begins(x *registry.Index, ref string) (Backup, error) {
	prefix := strings.ToUpper(ref)
	if len(prefix) < minPrefix || len(prefix) >= 26 {
		return Backup{}, unknown(ref)
	}
	var hits []string
	var found *registry.Backup
	for i := range x.Backups {
		if b := &x.Backups[i]; strings.HasPrefix(b.ID, prefix) {
			found, hits = b, append(hits, b.ID)
		}
	}
	switch len(hits) {
	case 0:
		return Backup{}, unknown(ref)
	case 1:
		return *found, nil
	}
	return Backup{}, invalid("Write more of it: "+strings.Join(first(hits, 5), ", ")+".", "%d backups have ids that begin with %s", len(hits), prefix)
}

// latest finds the newest verified whole backup of a source. With "" it is the configured one, or the only one there is.
func (s *Service) latest(x *registry.Index, name string) (Backup, error) {
	var names []string
	for i := range x.Backups {
		if n := x.Backups[i].SourceName(); n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	if name == "" {
		name = s.SourceName()
		if !slices.Contains(names, name) && len(names) == 1 {
			name = names[0]
		}
		if name == "" && len(names) > 1 {
			return Backup{}, invalid("Say which: latest:"+strings.Join(first(names, 10), ", latest:")+".", "there are backups of %d sources", len(names))
		}
	}
	var found, part *registry.Backup
	for i := range x.Backups {
		b := &x.Backups[i]
		if b.SourceName() != name || !b.Verified() || b.CreatedAt.After(s.Now()) {
			continue
		}
		into := &part
		if b.Whole() {
			into = &found
		}
		if *into == nil || !b.CreatedAt.Before((*into).CreatedAt) {
			*into = b
		}
	}
	switch {
	case found != nil:
		return *found, nil
	case part != nil:
		return Backup{}, fault.New(fault.Validation, fault.NotFound, "Only parts of it were backed up; name one by its id, such as "+part.ID+" ("+DescribePart(*part)+").",
			"there is no verified whole backup of source %.80q", name)
	case len(names) > 0 && !slices.Contains(names, name):
		return Backup{}, fault.New(fault.Validation, fault.NotFound, "There are backups of: "+strings.Join(first(names, 10), ", ")+".", "there is no backup of a source %.80q", name)
	}
	return Backup{}, fault.New(fault.Validation, fault.NotFound, "List the backups there are with: cofre list", "there is no verified backup to choose as the latest")
}

func unknown(ref string) error {
	return fault.New(fault.Validation, fault.NotFound, "List the backups there are with: cofre list", "there is no backup %.60q", ref)
}
