package backup

import (
	"context"
	"time"

	"cofre/pkg/channel"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Channel is one way to tell people.
type Channel struct {
	channel.Settings
	standing
}

// Editable tells whether the channel is kept in the bucket.
func (c Channel) Editable() bool { return c.Origin.Kind == source.FromBucket }

// The secrets of a channel.
const (
	ChannelWhere = "where"
	ChannelKey   = "key"
)

// led tells whether the channel has an address.
func (c Channel) led() bool { return c.Where != (source.Connection{}) || c.Stored(ChannelWhere) }

// Signed tells whether the channel has a key.
func (c Channel) Signed() bool { return c.Key != (source.Connection{}) || c.Stored(ChannelKey) }

// keptChannel is what the bucket has of a channel.
type keptChannel struct {
	channel.Settings
	Made time.Time `json:"made"`
}

// Channels lists the channels of the file and of the bucket. One with Trouble tells nobody: it could not be read, is not this installation's, or
// stands in the file too.
func (s *Service) Channels(ctx context.Context) ([]Channel, error) {
	var all []Channel
	for _, c := range s.FileChannels {
		all = append(all, s.ofFile(c))
	}
	err := s.kept(ctx, registry.KeptChannel, func(at standing) {
		all = append(all, s.readChannel(at))
	}, func(name string, at standing) {
		all = append(all, Channel{channel.Settings{Name: name, Origin: source.Origin{Kind: source.FromBucket}}, at})
	})
	return all, err
}

// ofFile is a channel of the file. Where that lies in S3, it has cofre publish to what is named outside of it, and to nothing else.
func (s *Service) ofFile(c channel.Settings) Channel {
	return Channel{c, standing{Trouble: c.CheckNamed(s.KnownARNs)}}
}

// readChannel reads what is kept of a channel.
func (s *Service) readChannel(at standing) Channel {
	var k keptChannel
	at.Trouble = at.doc.Decode(&k)
	c := Channel{k.Settings, at}
	c.Name, c.Origin, c.Made = at.doc.Name, source.Origin{Kind: source.FromBucket}, k.Made
	if by := s.fileChannel(c.Name); by != nil {
		c.Trouble = shadowed(registry.KeptChannel, c.Name, by.Origin)
	} else if c.Trouble == nil {
		c.Trouble = c.Settings.CheckKept(c.led(), c.Signed(), s.KnownARNs)
	}
	return c
}

func (s *Service) fileChannel(name string) *channel.Settings {
	for i := range s.FileChannels {
		if sameName(s.FileChannels[i].Name, name) {
			return &s.FileChannels[i]
		}
	}
	return nil
}

// Channel returns the channel of this name; reason not_found where there is none.
func (s *Service) Channel(ctx context.Context, name string) (Channel, error) {
	if c := s.fileChannel(name); c != nil && c.Name == name {
		return s.ofFile(*c), nil
	}
	doc, err := s.Registry.Kept(ctx, registry.KeptChannel, name)
	switch {
	case fault.HasReason(err, fault.NotFound):
		return Channel{}, fault.New(fault.Validation, fault.NotFound, "See which there are: cofre channel list", "there is no channel %.60q", name)
	case fault.HasCode(err, fault.Validation):
		return Channel{channel.Settings{Name: name, Origin: source.Origin{Kind: source.FromBucket}}, standing{Trouble: err}}, nil
	case err != nil:
		return Channel{}, err
	}
	return s.readChannel(standing{doc: doc}), nil
}

// ChannelChange is what becomes of a channel. Without a version it is a new one. Where and Key that are both left out stay; a new Where replaces both.
type ChannelChange struct {
	Version    string
	Settings   channel.Settings
	Where, Key source.Given
}

// PrepareChannel says what a channel would be after a change, and keeps nothing.
func (s *Service) PrepareChannel(ctx context.Context, ch ChannelChange) (Channel, error) {
	set := ch.Settings
	set.Where, set.Key, set.Origin = source.Connection{}, source.Connection{}, source.Origin{Kind: source.FromBucket}
	if by := s.fileChannel(set.Name); by != nil {
		return Channel{}, notHere(registry.KeptChannel, by.Name, by.Origin)
	}
	if err := source.CheckKeptName("channel", set.Name); err != nil {
		return Channel{}, err
	}
	doc, err := s.begin(ctx, registry.KeptChannel, set.Name, ch.Version)
	if err != nil {
		return Channel{}, err
	}
	c := Channel{set, standing{doc: doc, Made: s.Now().UTC()}}
	nothing := source.Given{}
	if ch.Version != "" {
		old := s.readChannel(standing{doc: doc})
		switch c.Made = old.Made; {
		case ch.Where != nothing:
			c.doc = c.doc.WithSecret(ChannelKey, "")
		case set.Published(): // its topic or bus says where it leads
			c.doc = c.doc.WithSecret(ChannelKey, "").WithSecret(ChannelWhere, "")
		case old.Kind != set.Kind:
			return Channel{}, invalid("Give where again.", "where: of another kind, the channel's address leads somewhere else")
		default:
			c.Where, c.Key = old.Where, old.Key
		}
	} else if ch.Where == nothing && !set.Published() {
		return Channel{}, invalid("Give one of env, secret and value.", "where: it is not said where the channel leads")
	}
	for _, given := range []struct {
		purpose string
		from    source.Given
		to      *source.Connection
	}{{ChannelWhere, ch.Where, &c.Where}, {ChannelKey, ch.Key, &c.Key}} {
		if given.from == nothing {
			continue
		}
		if err := given.from.Check(given.purpose); err != nil {
			return Channel{}, err
		}
		c.doc, *given.to = put(c.doc, given.purpose, given.from)
	}
	if v := ch.Where.Value; v != "" && !set.Published() {
		if err := channel.CheckAddress(set.Kind, v); err != nil {
			return Channel{}, err
		}
	}
	if v := ch.Key.Value; v != "" {
		if err := channel.CheckKey(v); err != nil {
			return Channel{}, err
		}
	}
	return c, c.Settings.CheckKept(c.led(), c.Signed(), s.KnownARNs)
}

// KeepChannel makes a channel in the bucket, or changes one; by is who does.
func (s *Service) KeepChannel(ctx context.Context, ch ChannelChange, by string) (Channel, error) {
	c, err := s.PrepareChannel(ctx, ch)
	if err != nil {
		return c, err
	}
	if err := s.keep(ctx, c.doc, keptChannel{c.Settings, c.Made}, by); err != nil {
		return c, err
	}
	return s.Channel(ctx, c.Name)
}

// RemoveChannel removes a channel from the bucket, also one that cannot be read.
func (s *Service) RemoveChannel(ctx context.Context, name, by string) error {
	if c := s.fileChannel(name); c != nil && !s.isKept(ctx, registry.KeptChannel, name) {
		return notHere(registry.KeptChannel, c.Name, c.Origin)
	}
	return s.discard(ctx, registry.KeptChannel, name, by)
}

// isKept tells whether something of this name is in the bucket, whatever it is.
func (s *Service) isKept(ctx context.Context, kind registry.Kind, name string) bool {
	_, err := s.Registry.Kept(ctx, kind, name)
	return !fault.HasReason(err, fault.NotFound)
}

// CheckChannels says which channels tell nobody.
func CheckChannels(all []Channel) (checks []Check) {
	for _, c := range all {
		if c.Trouble != nil {
			f := fault.From(c.Trouble)
			checks = append(checks, Check{Name: "channel " + c.Name, Result: CheckWarning, Detail: "nobody can be told: " + f.Message, Hint: f.Hint})
		}
	}
	return checks
}
