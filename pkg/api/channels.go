package api

import (
	"context"
	"net/http"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/fault"
	"cofre/pkg/source"
)

// given is a secret of a request.
func given(s contract.SecretInput) source.Given {
	return source.Given{Connection: source.Connection{Env: s.Env, Secret: s.Secret}, Value: s.Value}
}

// secretOf says where a secret is to be had. What it is stands in no answer.
func secretOf(c source.Connection, stored bool) contract.Secret {
	switch {
	case stored:
		return contract.Secret{Kind: contract.SecretKindStored}
	case c.Env != "":
		return contract.Secret{Kind: contract.SecretKindEnv, Reference: c.Env}
	case c.File != "":
		return contract.Secret{Kind: contract.SecretKindFile, Reference: c.File}
	case c.Secret != "":
		return contract.Secret{Kind: contract.SecretKindSecret, Reference: c.Secret}
	}
	return contract.Secret{Kind: contract.SecretKindEnvironment}
}

// refusal is why settings count for nothing, for people; "" where they do.
func refusal(err error) string {
	if err == nil {
		return ""
	}
	f := fault.From(err)
	if hint := hintOf(f.Hint); hint != "" {
		return f.Message + ". " + hint
	}
	return f.Message
}

func channelSettings(s contract.ChannelSettings) channel.Settings {
	return channel.Settings{Name: s.Name, Kind: string(s.Kind), Events: s.Events, Sources: s.Sources, Severity: string(s.Severity), Language: string(s.Language), Digest: string(s.Digest), Chat: s.Chat, From: s.From, To: s.To, Topic: s.Topic, Bus: s.Bus}
}

func channelDetails(ch backup.Channel) contract.ChannelDetails {
	d := contract.ChannelDetails{Name: ch.Name, Origin: Origin(ch.Origin), Editable: ch.Editable(), Trouble: refusal(ch.Trouble), Version: ch.Version(), AllowLocal: ch.AllowLocal}
	if at := ch.Changed(); !at.At.IsZero() {
		d.Changed = contract.Changed{At: at.At, By: at.By}
	}
	if ch.Kind == "" { // it cannot be read
		return d
	}
	d.Settings = contract.ChannelSettings{
		Name: ch.Name, Kind: contract.ChannelSettingsKind(ch.Kind), Events: ch.Events, Sources: ch.Sources, Severity: contract.Severity(ch.Severity), Language: contract.ChannelSettingsLanguage(ch.Language),
		Digest: contract.ChannelSettingsDigest(ch.Digest), Chat: ch.Chat, From: ch.From, To: ch.To, Topic: ch.Topic, Bus: ch.Bus,
	}
	if !ch.Published() {
		d.Where = secretOf(ch.Where, ch.Stored(backup.ChannelWhere))
	}
	if ch.Signed() {
		d.Key = secretOf(ch.Key, ch.Stored(backup.ChannelKey))
	}
	return d
}

// channel shows one channel.
func (a *API) channel(ctx context.Context, c *call) (answer, error) {
	name := c.values.Path("name")
	c.note("channel", name)
	ch, err := a.Service.Channel(ctx, name)
	if err != nil {
		return answer{}, err
	}
	return ok(channelDetails(ch)), nil
}

// createChannel keeps a new channel.
func (a *API) createChannel(ctx context.Context, c *call) (answer, error) {
	var body contract.CreateChannelRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	c.note("channel", body.Settings.Name)
	ch, err := a.People.KeepChannel(ctx, backup.ChannelChange{Settings: channelSettings(body.Settings), Where: given(body.Where), Key: given(body.Key)}, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: channelDetails(ch)}, nil
}

// putChannel changes a channel.
func (a *API) putChannel(ctx context.Context, c *call) (answer, error) {
	var body contract.PutChannelRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	name := c.values.Path("name")
	c.note("channel", name)
	if err := sameName("channel", name, body.Settings.Name); err != nil {
		return answer{}, err
	}
	ch, err := a.People.KeepChannel(ctx, backup.ChannelChange{Version: body.Version, Settings: channelSettings(body.Settings), Where: given(body.Where), Key: given(body.Key)}, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return ok(channelDetails(ch)), nil
}

// sameName refuses a change of a name: under another one it is another thing.
func sameName(what, path, body string) error {
	if path == body {
		return nil
	}
	return fault.New(fault.Validation, fault.InvalidInput, "Make a new one, and remove this one.", "the name of a %s does not change", what)
}

// deleteChannel keeps a channel no longer.
func (a *API) deleteChannel(ctx context.Context, c *call) (answer, error) {
	name := c.values.Path("name")
	c.note("channel", name)
	waiting, err := a.People.RemoveChannel(ctx, name, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return ok(contract.DeleteChannelResponse{Name: name, Waiting: waiting}), nil
}

// tryChannel sends a test message over a channel as it would be. That it could not be sent is an answer, too.
func (a *API) tryChannel(ctx context.Context, c *call) (answer, error) {
	var body contract.TryChannelRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	c.note("channel", body.Settings.Name)
	change := backup.ChannelChange{Settings: channelSettings(body.Settings), Where: given(body.Where), Key: given(body.Key)}
	if body.Name != "" {
		if err := sameName("channel", body.Name, body.Settings.Name); err != nil {
			return answer{}, err
		}
		now, err := a.Service.Channel(ctx, body.Name)
		if err == nil {
			err = now.Unread()
		}
		if err != nil {
			return answer{}, err
		}
		change.Version = now.Version()
	}
	ch, err := a.Service.PrepareChannel(ctx, change)
	if err != nil {
		return answer{}, err
	}
	return a.tested(c, func() (string, error) { return a.People.TryChannel(ctx, ch, c.caller.Name) })
}

// tested is the answer to a test.
func (a *API) tested(c *call, send func() (string, error)) (answer, error) {
	said, err := send()
	if err != nil {
		c.note("sent", "false")
		return ok(contract.TestChannelResponse{Answer: fault.From(err).Message}), nil
	}
	return ok(contract.TestChannelResponse{Sent: true, Answer: said}), nil
}
