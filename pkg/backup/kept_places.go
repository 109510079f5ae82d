package backup

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/place"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// The secrets of a place.
const (
	PlaceAccessKey = "accessKey"
	PlaceSecretKey = "secretKey"
)

// Editable tells whether the place is kept in the bucket.
func (p Place) Editable() bool { return p.Origin.Kind == source.FromBucket }

// WithKeys tells whether the place has credentials of its own.
func (p Place) WithKeys() bool {
	return p.Settings.AccessKey != (source.Connection{}) || p.Stored(PlaceAccessKey)
}

// keptPlace is what the bucket has of a place.
type keptPlace struct {
	place.Settings
	Made time.Time `json:"made"`
}

// placeCache has kept places as they were opened, by name, for as long as they are not changed. It is safe for use by several goroutines.
type placeCache struct {
	mu  sync.Mutex
	all map[string]Place
}

// keptPlaces are the places in the bucket. One with Trouble cannot be opened: it could not be read, is not this installation's, or stands elsewhere too.
func (s *Service) keptPlaces(ctx context.Context) ([]Place, error) {
	var all []Place
	err := s.kept(ctx, registry.KeptPlace, func(at standing) {
		all = append(all, s.readPlace(at))
	}, func(name string, at standing) {
		all = append(all, troubled(Place{Name: name, Origin: source.Origin{Kind: source.FromBucket}, Settings: place.Settings{Name: name}, standing: at}))
	})
	if fault.HasCode(err, fault.Permission) { // whoever may not read them copies nothing there
		s.Log.Debug("the locations in the bucket cannot be read here", "error", err.Error())
		return nil, nil
	}
	return all, err
}

// readPlace reads what is kept of a place. While it is not changed it is the same one, which is opened once.
func (s *Service) readPlace(at standing) Place {
	s.opened.mu.Lock()
	defer s.opened.mu.Unlock()
	old, known := s.opened.all[at.doc.Name]
	if known && at.doc.Version != "" && old.Version() == at.doc.Version {
		return old
	}
	var k keptPlace
	at.Trouble = at.doc.Decode(&k)
	at.Made, k.Settings.Name, k.Settings.Origin = k.Made, at.doc.Name, source.Origin{Kind: source.FromBucket}
	p := s.placeOf(k.Settings, at)
	if s.opened.all == nil {
		s.opened.all = map[string]Place{}
	}
	s.opened.all[p.Name] = p
	return p
}

// placeOf makes the place of settings that are kept, or are to be.
func (s *Service) placeOf(set place.Settings, at standing) Place {
	p := Place{Name: set.Name, Where: set.Directory, Origin: set.Origin, StorageClass: set.StorageClass, Settings: set, standing: at}
	if by := s.configuredPlace(set.Name); by != nil {
		p.Trouble = shadowed(registry.KeptPlace, set.Name, by.Origin)
	}
	if p.Trouble == nil && !s.Registry.KeepsSecrets() {
		p.Trouble = fault.New(fault.Validation, fault.IdentityMissing, "Set BACKUP_SERVER_KEY to a key of age-keygen (on AWS ServerKeySecretArn, a parameter of the stack), or name the location in cofre.yaml.",
			"a location is taken from the bucket only where BACKUP_SERVER_KEY vouches for it: whoever may write there could have all backups copied to a location of theirs")
	}
	if p.Trouble == nil {
		p.Trouble = set.CheckKept(p.WithKeys(), s.knownEndpoint)
	}
	if p.Trouble == nil {
		p.Open, p.Trouble = s.OpenPlace(set, p.Secret)
	}
	return troubled(p)
}

// allPlaces are Places, and those in the bucket that count for nothing because their names stand elsewhere.
func (s *Service) allPlaces(ctx context.Context) ([]Place, error) {
	all, err := s.Places(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := s.keptPlaces(ctx)
	for _, p := range kept {
		if s.configuredPlace(p.Name) != nil {
			all = append(all, p)
		}
	}
	return all, err
}

func (s *Service) knownEndpoint(endpoint string) bool {
	return s.KnownEndpoint != nil && s.KnownEndpoint(endpoint)
}

// troubled is a place that cannot be opened where something is wrong with it.
func troubled(p Place) Place {
	if err := p.Trouble; err != nil {
		p.Open = func(context.Context) (storage.Store, *registry.Registry, error) { return nil, nil, err }
	}
	return p
}

// configuredPlace is the place of the environment or of the file whose name is taken for this one.
func (s *Service) configuredPlace(name string) *Place {
	for i := range s.CopyPlaces {
		if sameName(s.CopyPlaces[i].Name, name) {
			return &s.CopyPlaces[i]
		}
	}
	return nil
}

// alsoThere makes places that are kept in the bucket places of all sources that do not say where they are copied. One that cannot be read is among them: that
// nothing is copied there any more has to be told of each source.
func (s *Service) alsoThere(all *source.List, kept []Place) {
	var names []string
	for _, p := range kept {
		if s.configuredPlace(p.Name) == nil {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	add := func(of *source.Settings) {
		if saysCopies(*of) {
			return
		}
		if !slices.Contains(of.Defaulted, "copies") {
			of.Defaulted = append(slices.Clone(of.Defaulted), "copies")
		}
		of.Copies = slices.Concat(of.Copies, names)
	}
	all.Sources = slices.Clone(all.Sources)
	for i := range all.Sources {
		add(&all.Sources[i])
	}
	all.Defaults.Copies = slices.Concat(all.Defaults.Copies, names)
}

// saysCopies tells whether a source says where it is copied.
func saysCopies(of source.Settings) bool {
	return of.Copies != nil && !slices.Contains(of.Defaulted, "copies")
}

// PlaceChange is what becomes of a place. Without a version it is a new one. Keys that are both left out stay, where the place stays at its service.
type PlaceChange struct {
	Version              string
	Settings             place.Settings
	AccessKey, SecretKey source.Given
}

// PreparePlace says what a place would be after a change, and keeps nothing.
func (s *Service) PreparePlace(ctx context.Context, ch PlaceChange) (Place, error) {
	set := ch.Settings
	set.AccessKey, set.SecretKey, set.Origin = source.Connection{}, source.Connection{}, source.Origin{Kind: source.FromBucket}
	if err := source.CheckKeptName("location", set.Name); err != nil {
		return Place{}, err
	}
	if by := s.configuredPlace(set.Name); by != nil {
		return Place{}, notHere(registry.KeptPlace, by.Name, by.Origin)
	}
	doc, err := s.begin(ctx, registry.KeptPlace, set.Name, ch.Version)
	if err != nil {
		return Place{}, err
	}
	at := standing{doc: doc, Made: s.Now().UTC()}
	nothing := source.Given{}
	switch given := ch.AccessKey != nothing; {
	case given != (ch.SecretKey != nothing):
		return Place{}, invalid("Give both, or neither.", "accessKey and secretKey belong together")
	case given:
		for _, g := range []struct {
			purpose string
			from    source.Given
			to      *source.Connection
		}{{PlaceAccessKey, ch.AccessKey, &set.AccessKey}, {PlaceSecretKey, ch.SecretKey, &set.SecretKey}} {
			if err := g.from.Check(g.purpose); err != nil {
				return Place{}, err
			}
			if g.purpose == PlaceAccessKey && g.from.Value != "" {
				if err := place.CheckAccessKey(set.Name, g.from.Value); err != nil {
					return Place{}, err
				}
			}
			at.doc, *g.to = put(at.doc, g.purpose, g.from)
		}
	}
	if ch.Version != "" {
		old := s.readPlace(standing{doc: doc})
		at.Made = old.Made
		if ch.AccessKey == nothing && old.WithKeys() {
			if place.HostOf(old.Settings.Endpoint) != place.HostOf(set.Endpoint) {
				return Place{}, invalid("Give accessKey and secretKey again.", "endpoint: the credentials of this location were given for another service")
			}
			set.AccessKey, set.SecretKey = old.Settings.AccessKey, old.Settings.SecretKey
		}
	}
	p := s.placeOf(set, at)
	return p, p.Trouble
}

// KeepPlace makes a place in the bucket, or changes one; by is who does.
func (s *Service) KeepPlace(ctx context.Context, ch PlaceChange, by string) (Place, error) {
	p, err := s.PreparePlace(ctx, ch)
	if err != nil {
		return p, err
	}
	if err := s.keep(ctx, p.doc, keptPlace{p.Settings, p.Made}, by); err != nil {
		return p, err
	}
	s.apart.Clear()
	return s.Place(ctx, p.Name)
}

// RemovePlace removes a place from the bucket, also one that cannot be read. What was copied there stays. One that a source names is refused: its
// backups would have one place less without anybody having said so.
func (s *Service) RemovePlace(ctx context.Context, name, by string) (Place, error) {
	if p := s.configuredPlace(name); p != nil && !s.isKept(ctx, registry.KeptPlace, name) {
		return Place{}, notHere(registry.KeptPlace, p.Name, p.Origin)
	}
	p := Place{Name: name}
	places, err := s.keptPlaces(ctx)
	if err != nil {
		return p, err
	}
	if i := slices.IndexFunc(places, func(p Place) bool { return p.Name == name }); i >= 0 {
		p = places[i]
	}
	sources, err := s.Sources(ctx)
	if err != nil {
		return p, err
	}
	var naming []string
	for _, of := range sources.Sources {
		if saysCopies(of) && slices.Contains(of.Copies, name) {
			naming = append(naming, of.Name)
		}
	}
	if len(naming) > 0 && s.configuredPlace(name) == nil {
		return p, fault.New(fault.Validation, fault.Protected, "Take it out of their copies first.", "the location %q is named by %s", name, strings.Join(first(naming, 10), ", "))
	}
	return p, s.discard(ctx, registry.KeptPlace, name, by)
}
