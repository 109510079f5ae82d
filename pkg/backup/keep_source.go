package backup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// KeptSource is a source as it is kept in the bucket.
type KeptSource struct {
	source.Settings // as written, nothing defaulted; where it cannot be read, its name alone
	standing
	Reached Reached // where a stored URL leads
}

// KeptSource returns a source that is kept in the bucket.
func (s *Service) KeptSource(ctx context.Context, name string) (KeptSource, error) {
	kept := KeptSource{Settings: source.Settings{Name: name, Origin: source.Origin{Kind: source.FromBucket}}}
	doc, err := s.Registry.Kept(ctx, registry.KeptSource, name)
	switch {
	case fault.HasReason(err, fault.NotFound):
		return kept, noSource(name)
	case fault.HasCode(err, fault.Validation):
		kept.Trouble = err
		return kept, nil
	case err != nil:
		return kept, err
	}
	kept.doc = doc
	kept.Settings, kept.Trouble = keptSettings(doc)
	if by := s.configured(name); by != nil {
		kept.Trouble = shadowed(registry.KeptSource, by.Name, by.Origin)
	}
	if url, err := doc.Secret(secretURL); err != nil {
		kept.Trouble = err
	} else if url != "" && s.Engine != nil {
		if _, kept.Reached, err = s.Engine.Complete(url, ""); err != nil {
			kept.Trouble = err
		}
	}
	return kept, nil
}

func noSource(name string) error {
	return fault.New(fault.Validation, fault.NotFound, "List the sources there are with: cofre source list", "no source %.80q is kept here", name)
}

// SourceChange is what becomes of a source. Without a version it is a new one. Connection and Ping that are left out stay; NoPing takes the ping away.
// A URL without a password has that of the one before, where it leads to the same server.
type SourceChange struct {
	Version    string
	Settings   source.Settings
	Connection source.Given // its Value is a URL
	Ping       source.Given // its Value is an address
	NoPing     bool
}

// prepareSource checks a change, and says what a source would be after it.
func (s *Service) prepareSource(ctx context.Context, ch SourceChange) (doc registry.Kept, err error) {
	of, nothing := ch.Settings, source.Given{}
	if by := s.configured(of.Name); by != nil {
		return doc, notHere(registry.KeptSource, by.Name, by.Origin)
	}
	if err := source.CheckKeptName("source", of.Name); err != nil {
		return doc, err
	}
	if doc, err = s.begin(ctx, registry.KeptSource, of.Name, ch.Version); err != nil {
		return doc, err
	}
	of.Connection, of.Ping = source.Connection{}, nil
	if ch.Version != "" {
		old, err := keptSettings(doc)
		if err != nil && (ch.Connection == nothing || old.Name != of.Name) {
			return doc, err
		}
		of.Connection, of.Ping = old.Connection, old.Ping
	}
	if ch.Connection != nothing {
		if err := ch.Connection.Check("connection"); err != nil {
			return doc, err
		}
		if ch.Connection.Value != "" {
			if ch.Connection.Value, err = s.completed(doc, ch.Connection.Value); err != nil {
				return doc, err
			}
		}
		doc, of.Connection = put(doc, secretURL, ch.Connection)
	}
	if ch.NoPing || ch.Ping != nothing {
		of.Ping, doc = nil, doc.WithSecret(secretPing, "")
	}
	if ch.Ping != nothing {
		if err := ch.Ping.Check("ping"); err != nil {
			return doc, err
		}
		if v := ch.Ping.Value; v != "" && s.CheckPing != nil {
			if err := s.CheckPing(v); err != nil {
				return doc, err
			}
		}
		of.Ping = &source.Ping{}
		doc, of.Ping.Connection = put(doc, secretPing, ch.Ping)
	}
	if of.Ping != nil && doc.Has(secretPing) { // said by that it is there
		of.Ping = nil
	}
	if err := of.Check(); err != nil { // what no JSON can say, too
		return doc, err
	}
	if doc.Settings, err = json.Marshal(of); err != nil {
		return doc, fmt.Errorf("the settings of source %q: %w", of.Name, err)
	}
	if _, err := keptSettings(doc); err != nil { // as they will be read
		return doc, err
	}
	return doc, s.knownPlaces(ctx, of)
}

// completed is a URL as it is to be kept, with the password of the one that is kept where it has none.
func (s *Service) completed(doc registry.Kept, url string) (string, error) {
	if s.Engine == nil {
		return "", invalid("Do that where backups are made.", "connections cannot be looked at here")
	}
	before, err := doc.Secret(secretURL)
	if err != nil { // of another key: nothing of it can be used
		before = ""
	}
	whole, _, err := s.Engine.Complete(url, before)
	return whole, err
}

// knownPlaces refuses copies to places that are not there.
func (s *Service) knownPlaces(ctx context.Context, of source.Settings) error {
	if len(of.Copies) == 0 {
		return nil
	}
	places, err := s.Places(ctx)
	if err != nil {
		return err
	}
	for _, name := range of.Copies {
		if !slices.ContainsFunc(places, func(p Place) bool { return p.Name == name }) {
			return invalid("List the locations there are with: cofre place list", "copies: there is no location %.80q", name)
		}
	}
	return nil
}

// KeepSource makes a source in the bucket, or changes one; by is who does.
func (s *Service) KeepSource(ctx context.Context, ch SourceChange, by string) (KeptSource, error) {
	doc, err := s.prepareSource(ctx, ch)
	if err != nil {
		return KeptSource{}, err
	}
	if err := s.keep(ctx, doc, doc.Settings, by); err != nil {
		return KeptSource{}, err
	}
	s.look()
	return s.KeptSource(ctx, doc.Name)
}

// RemoveSource keeps a source no longer, also one that cannot be read, and returns how many good backups of it stay. One that is running goes on.
func (s *Service) RemoveSource(ctx context.Context, name, by string) (backups int, err error) {
	if of := s.configured(name); of != nil && !s.isKept(ctx, registry.KeptSource, name) {
		return 0, notHere(registry.KeptSource, of.Name, of.Origin)
	}
	if err := s.discard(ctx, registry.KeptSource, name, by); err != nil {
		if fault.HasReason(err, fault.NotFound) {
			err = noSource(name)
		}
		return 0, err
	}
	s.look()
	if err := s.Registry.ForgetSource(ctx, name); err != nil {
		s.Log.Warn("what was known of a source that is removed stays", "source", name, "error", err.Error())
	}
	list, err := s.List(ctx, ListOptions{Source: name, Status: registry.Success, Limit: 1})
	return list.Total, err
}

// TrySource is TestSource of settings before they are kept; of one that is kept, as it would be after the change.
func (s *Service) TrySource(ctx context.Context, ch SourceChange) (SourceLook, error) {
	look := SourceLook{Source: ch.Settings.Name}
	if s.Engine == nil {
		return look, invalid("Set DATABASE_URL.", "no database is configured here")
	}
	doc, err := s.prepareSource(ctx, ch)
	if err != nil {
		return look, err
	}
	of, err := keptSettings(doc)
	if err != nil {
		return look, err
	}
	if stored := of.Connection.Stored; stored != nil {
		stored.Version = rand.Text() // no session of another state is taken
	}
	of = of.Or(s.Configured.Defaults)
	if err := s.checkSource(ctx, of); err != nil {
		return look, err
	}
	return s.lookAt(ctx, of)
}
