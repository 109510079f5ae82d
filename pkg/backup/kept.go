package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// standing is what is known of where settings stand: in the environment, in a file, or in the bucket, where they can be changed.
type standing struct {
	Made    time.Time // of the bucket's: when it was made
	Trouble error     // why it counts for nothing; of its settings only the name may be known then
	doc     registry.Kept
}

// Unread is why settings cannot be read, and so not be changed; nil where they can.
func (s standing) Unread() error {
	if s.doc.Version == "" {
		return s.Trouble
	}
	return nil
}

// Version names the state of settings that are kept in the bucket, for the next change; "" elsewhere.
func (s standing) Version() string { return s.doc.Version }

// Changed says who changed settings in the bucket last.
func (s standing) Changed() registry.Change { return s.doc.Changed }

// Stored tells whether a secret itself is kept for this purpose, and not where it is to be had.
func (s standing) Stored(purpose string) bool { return s.doc.Has(purpose) }

// Secret opens a secret that is stored; "" where none is for this purpose.
func (s standing) Secret(purpose string) (string, error) { return s.doc.Secret(purpose) }

// kept reads all settings of a kind. each takes one that is in order so far, and says what is wrong with it; none takes why one is not taken.
func (s *Service) kept(ctx context.Context, kind registry.Kind, each func(standing), none func(name string, s standing)) error {
	if s.Registry == nil || s.NothingKept { // a service without a place keeps nothing
		return nil
	}
	docs, unread, err := s.Registry.AllKept(ctx, kind)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		each(standing{doc: doc})
	}
	for _, name := range slices.Sorted(maps.Keys(unread)) {
		none(name, standing{Trouble: unread[name]})
	}
	return nil
}

// shadowed is why what is kept in the bucket counts for nothing where its name stands elsewhere.
func shadowed(kind registry.Kind, name string, by source.Origin) error {
	return fault.New(fault.Validation, fault.AlreadyExists, "Remove one of the two, or give it another name.", "the %s %q stands elsewhere too, and that one counts: %s", kind, name, by)
}

// notHere refuses to change what stands elsewhere.
func notHere(kind registry.Kind, name string, by source.Origin) error {
	return fault.New(fault.Validation, fault.AlreadyExists, "Change it there, or choose another name.", "the %s %q does not stand here: %s", kind, name, by)
}

// begin is the document that a change is made to: a new one, or the one that is there, as somebody saw it.
func (s *Service) begin(ctx context.Context, kind registry.Kind, name, version string) (registry.Kept, error) {
	if version == "" {
		return registry.Kept{Kind: kind, Name: name}, nil
	}
	doc, err := s.Registry.Kept(ctx, kind, name)
	if err == nil && doc.Version != version {
		err = fault.New(fault.Validation, fault.Precondition, "Look at it again, and change that.", "the %s %q was changed by somebody else meanwhile", kind, name)
	}
	return doc, err
}

// keep writes settings, and tells of it.
func (s *Service) keep(ctx context.Context, doc registry.Kept, settings any, by string) error {
	data, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode the settings of %s %q: %w", doc.Kind, doc.Name, err)
	}
	verb := "changed"
	if doc.Version == "" {
		verb = "made"
	}
	doc.Settings = data
	if _, err = s.Registry.Keep(ctx, doc, s.Now(), by); err == nil {
		s.toldChanged(doc.Kind, doc.Name, verb, by)
	}
	return err
}

// discard removes settings, and tells of it.
func (s *Service) discard(ctx context.Context, kind registry.Kind, name, by string) error {
	err := s.Registry.Discard(ctx, kind, name)
	if err == nil {
		s.toldChanged(kind, name, "removed", by)
	}
	return err
}

func (s *Service) toldChanged(kind registry.Kind, name, verb, by string) {
	s.tell(event.Event{Kind: event.SettingsChanged, By: by, Detail: fmt.Sprintf("%s %q %s", kind, name, verb)})
}

// put puts a secret that was given into a document, or notes where it is to be had.
func put(doc registry.Kept, purpose string, g source.Given) (registry.Kept, source.Connection) {
	return doc.WithSecret(purpose, g.Value), g.Connection
}

// sameName tells whether two names are taken for one.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
