package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/place"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// Place is a second location of backups: a whole one, with records of its own, which needs nothing of the first.
type Place struct {
	Name string
	// Where says where it is, without secrets.
	Where        string
	Origin       source.Origin
	StorageClass string // of the objects there; "" is the bucket's own
	// Open opens it. It is asked for once at most.
	Open     func(context.Context) (storage.Store, *registry.Registry, error)
	Settings place.Settings
	standing
}

// Local tells whether the place is a directory.
func (p Place) Local() bool { return !strings.Contains(p.Where, "://") }

// Places lists the second locations, of the environment, the file and the bucket. One that is the first place itself cannot be opened.
func (s *Service) Places(ctx context.Context) ([]Place, error) {
	kept, err := s.keptPlaces(ctx)
	if err != nil {
		return nil, err
	}
	return s.placesWith(kept), nil
}

// placesWith are the configured places and those that are kept in the bucket.
func (s *Service) placesWith(kept []Place) []Place {
	all := slices.Concat(s.CopyPlaces, slices.DeleteFunc(slices.Clone(kept), func(p Place) bool { return s.configuredPlace(p.Name) != nil }))
	for i, p := range all {
		all[i].Open = func(ctx context.Context) (storage.Store, *registry.Registry, error) {
			store, records, err := p.Open(ctx)
			if err == nil && s.isFirst(ctx, p, store) {
				err = fault.New(fault.Validation, fault.InvalidInput, "Name another directory or bucket, on another disk or at another provider.",
					"the second location %s is the first one under another name: nothing there is a copy", p.Name)
			}
			return store, records, err
		}
	}
	return all
}

// isFirst tells whether a second location is the first one: by a link, or by another name of its service. The two have one index then, from the same
// moment, and what somebody begins to send to the one is seen in the other. What cannot be found out is taken for a no.
func (s *Service) isFirst(ctx context.Context, p Place, second storage.Store) bool {
	name := p.Name + "\x00" + p.Where
	if _, apart := s.apart.Load(name); apart {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, placeTime)
	defer cancel()
	ours, err := s.Store.Head(ctx, registry.IndexKey)
	if err != nil {
		return false
	}
	theirs, err := second.Head(ctx, registry.IndexKey)
	first := false
	if err == nil && ours.Size == theirs.Size && ours.ETag == theirs.ETag && ours.LastModified.Equal(theirs.LastModified) {
		err = tryUpload(ctx, second, func(key string) error {
			seen, err := s.Store.PendingUploads(ctx, key)
			first = len(seen) > 0
			return err
		})
	}
	if !first && (err == nil || storage.IsNotFound(err)) {
		s.apart.Store(name, true)
	}
	return first
}

// Place returns the place with a name; reason not_found where there is none.
func (s *Service) Place(ctx context.Context, name string) (Place, error) {
	all, err := s.Places(ctx)
	if err != nil {
		return Place{}, err
	}
	var names []string
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	hint := "No second location is configured: name one under places in cofre.yaml, set BACKUP_COPIES, or keep one with: cofre place add"
	if len(names) > 0 {
		hint = "There are: " + strings.Join(first(names, 20), ", ") + "."
	}
	return Place{}, fault.New(fault.Validation, fault.NotFound, hint, "there is no location %.80q", name)
}

// PlaceState says how it stands with a second location.
type PlaceState struct {
	Place
	Sources []PlaceSource // that are copied there
	Waiting int           // good backups that it does not have, as far as was looked
	Late    int           // sources with which it is behind for longer than a copy may take
	Unknown int           // sources of which that is not known
	LastAt  time.Time     // when the newest backup was made that it has; zero where it has none
	Trouble string        // why it cannot be used; "" where it can, as far as is known
}

// PlaceSource says how far a place is behind with one source.
type PlaceSource struct {
	Name string
	overview.Copies
}

// PlaceStates says how it stands with each second location.
func (s *Service) PlaceStates(ctx context.Context) ([]PlaceState, error) {
	places, err := s.allPlaces(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]PlaceState, len(places))
	if len(places) == 0 {
		return out, nil
	}
	o, err := s.Overview(ctx, nil)
	if err != nil {
		return nil, err
	}
	for i, p := range places {
		out[i].Place = p
		if p.Trouble != nil {
			out[i].Trouble = fault.From(p.Trouble).Message
		}
		for n := range o.Sources {
			for _, c := range o.Sources[n].Copies {
				if c.Place == p.Name && p.Trouble == nil {
					out[i].add(o.Sources[n].Name, c, o.At)
				}
			}
		}
	}
	return out, nil
}

func (p *PlaceState) add(name string, c overview.Copies, now time.Time) {
	p.Sources = append(p.Sources, PlaceSource{name, c})
	if c.Unknown != "" {
		p.Unknown, p.Trouble = p.Unknown+1, c.Unknown
		return
	}
	p.Waiting += c.Lacking
	if c.Late(now) {
		p.Late++
	}
	if c.Last != nil && c.Last.At.After(p.LastAt) {
		p.LastAt = c.Last.At
	}
}

// checkPlaceTime bounds a look at one second location.
const checkPlaceTime = 30 * time.Second

// placeName is what a check of a second location is called.
func placeName(p Place) string { return "location " + p.Name }

// CheckPlace looks whether copies can be made in a second location: whether it answers, can be listed and written to, and what is unsafe about it.
// Nothing is left there, and nothing has to be deleted for that.
func CheckPlace(ctx context.Context, p Place) []Check {
	ctx, cancel := context.WithTimeout(ctx, checkPlaceTime)
	defer cancel()
	name := placeName(p)
	store, records, err := p.Open(ctx)
	if err != nil {
		return []Check{Failing(name, err)}
	}
	for _, err := range store.List(ctx, storage.ListOptions{Prefix: registry.FilesPrefix}) {
		if err != nil {
			return []Check{Failing(name, err)}
		}
		break
	}
	if err := tryUpload(ctx, store, nil); err != nil {
		return []Check{Failing(name, err)}
	}
	v, err := records.Read(ctx)
	if err != nil {
		return []Check{Failing(name, err)}
	}
	n := v.Count()
	c := Check{Name: name, Result: CheckOK, Detail: fmt.Sprintf("%s: can be listed and written to; %s (%s)", store.Describe(), quantity.Plural(n.Verified, "good backup"), quantity.Bytes(n.Bytes))}
	switch last := v.LastCleanup(); {
	case n.Succeeded+n.Failed == 0:
	case last.IsZero():
		c.Detail += "; nothing was ever cleaned up there, so that all copies stay"
	default:
		c.Detail += "; cleaned up last on " + last.UTC().Format("2006-01-02")
	}
	checks := []Check{c}
	if n.Damaged > 0 {
		checks = append(checks, Check{Name: name, Result: CheckWarning, Detail: quantity.Plural(n.Damaged, "damaged backup"), Hint: "See which they are: cofre list --damaged --place " + source.Quote(p.Name)})
	}
	if adviser, ok := store.(storage.Adviser); ok {
		for _, a := range adviser.Advice(ctx) {
			checks = append(checks, Check{Name: name + ": access", Result: CheckWarning, Detail: a.Message, Hint: a.Hint})
		}
	}
	return checks
}

// tryUpload begins to send an object where copies go, calls meanwhile, where it is set, and gives it up.
func tryUpload(ctx context.Context, store storage.Store, meanwhile func(key string) error) error {
	key := registry.FilesPrefix + "probe-" + rand.Text()
	up, err := store.StartUpload(ctx, key, storage.UploadOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return err
	}
	if meanwhile != nil {
		err = meanwhile(key)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), placeTime)
	defer cancel()
	return errors.Join(err, up.Abort(end))
}

// checkPlaces looks at all second locations at once.
func (s *Service) checkPlaces(ctx context.Context) []Check {
	places, err := s.allPlaces(ctx)
	if err != nil {
		return []Check{Failing("locations", err)}
	}
	found := make([][]Check, len(places))
	var looks sync.WaitGroup
	for i, p := range places {
		looks.Go(func() { found[i] = CheckPlace(ctx, p) })
	}
	looks.Wait()
	var all []Check
	for _, checks := range found {
		for _, c := range checks {
			if c.Result == CheckFailed { // backups are made all the same
				c.Result = CheckWarning
			}
			all = append(all, c)
		}
	}
	return all
}
