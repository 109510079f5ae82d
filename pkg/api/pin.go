package api

import (
	"context"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
)

// pin keeps a backup from being removed.
func (a *API) pin(ctx context.Context, c *call) (answer, error) {
	var body contract.PinRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	until := "forever"
	if !body.Until.IsZero() {
		until = body.Until.UTC().Format(time.RFC3339)
	}
	c.note("until", until)
	c.note("reason", body.Reason)
	b, err := a.Service.Pin(ctx, c.resource, backup.PinOptions{Until: body.Until, Reason: body.Reason, By: c.caller.Subject})
	if err != nil {
		return answer{}, err
	}
	return ok(metadata(b)), nil
}

// unpin takes a backup's pin off.
func (a *API) unpin(ctx context.Context, c *call) (answer, error) {
	b, err := a.Service.Unpin(ctx, c.resource)
	if err != nil {
		return answer{}, err
	}
	return ok(metadata(b)), nil
}
