package api

import (
	"context"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
)

// NoChannel is the answer where no channels are configured.
func NoChannel() error {
	return fault.New(fault.Validation, fault.NotFound, "Name channels in cofre.yaml, the file that BACKUP_CONFIG leads to.", "there is no channel: cofre.yaml names none")
}

// channels lists who is told of what happens.
func (a *API) channels(ctx context.Context, c *call) (answer, error) {
	out := contract.ListChannelsResponse{Channels: []contract.Channel{}}
	if a.People == nil {
		return ok(out), nil
	}
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
	if a.People == nil {
		return answer{}, NoChannel()
	}
	said, err := a.People.TestChannel(ctx, name, c.caller.Name)
	switch {
	case fault.HasReason(err, fault.NotFound):
		return answer{}, err
	case err != nil:
		c.note("sent", "false")
		return ok(contract.TestChannelResponse{Answer: fault.From(err).Message}), nil
	}
	return ok(contract.TestChannelResponse{Sent: true, Answer: said}), nil
}

// events lists what people were told.
func (a *API) events(ctx context.Context, c *call) (answer, error) {
	var p contract.ListEventsParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	if a.People == nil {
		return ok(contract.ListEventsResponse{Events: []contract.Event{}}), nil
	}
	out, err := a.People.Events(ctx, p.Cursor, p.Limit)
	if err != nil {
		return answer{}, err
	}
	return ok(out), nil
}
