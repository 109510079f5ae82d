package api

import (
	"context"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
)

// channels lists who is told of what happens.
func (a *API) channels(ctx context.Context, c *call) (answer, error) {
	out := contract.ListChannelsResponse{Channels: []contract.Channel{}, SecretsKept: a.Service.Registry.KeepsSecrets()}
	var err error
	if out.Channels, err = a.People.Channels(ctx); err != nil {
		return answer{}, err
	}
	return ok(out), nil
}

// testChannel sends a test message. That it could not be sent is an answer, too.
func (a *API) testChannel(ctx context.Context, c *call) (answer, error) {
	name := c.values.Path("name")
	c.note("channel", name)
	said, err := a.People.TestChannel(ctx, name, c.caller.Name)
	if fault.HasReason(err, fault.NotFound) {
		return answer{}, err
	}
	return a.tested(c, func() (string, error) { return said, err })
}

// events lists what people were told.
func (a *API) events(ctx context.Context, c *call) (answer, error) {
	var p contract.ListEventsParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	out, err := a.People.Events(ctx, p.Cursor, p.Limit)
	if err != nil {
		return answer{}, err
	}
	return ok(out), nil
}
