package channel

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/pause"
)

// Ping tells a service that watches jobs (Healthchecks and what is like it) of the backups of one source: it expects a ping with each good one, and raises
// the alarm when none comes, even when no cofre is left to tell anything.
//
//	POST URL/start?rid=UUID    a backup begins
//	POST URL?rid=UUID          it is good; the body says size and duration
//	POST URL/fail?rid=UUID     it failed; the body says why
type Ping struct {
	Source     string
	Where      func(context.Context) (string, error)
	AllowLocal bool
}

// CheckPing refuses what is no address of pings that may be kept by whoever does not run cofre.
func CheckPing(where string) error {
	_, err := New(Config{Name: "ping"}).address(where, "https")
	return secretsOf(where).hidden(err)
}

// Tries of a ping, and what is between them. A good backup that nobody heard of is an alarm in vain.
const (
	pingTries = 3
	pingPause = time.Second
)

// Started tells that the backup with this id begins.
func (p Ping) Started(ctx context.Context, id string) error { return p.send(ctx, "start", id, "") }

// Ended tells how it ended: a BackupEnded, or a BackupFailed.
func (p Ping) Ended(ctx context.Context, e event.Event) error {
	action := ""
	if e.Kind == event.BackupFailed {
		action = "fail"
	}
	return p.send(ctx, action, e.Resource, e.Say(event.English, nil).String())
}

func (p Ping) send(ctx context.Context, action, id, body string) error {
	c := New(Config{Name: "ping of " + p.Source, AllowLocal: p.AllowLocal})
	where, err := p.Where(ctx)
	if err != nil {
		return c.unread("address", err)
	}
	for try := 1; ; try++ {
		err := p.once(ctx, c, where, action, id, body)
		if err == nil || !fault.HasReason(err, fault.ChannelFailed) || try == pingTries || pause.For(ctx, pingPause) != nil {
			return secretsOf(where).hidden(err)
		}
	}
}

func (p Ping) once(ctx context.Context, c *Channel, where, action, id, body string) error {
	u, err := c.address(where, "https", "http")
	if err != nil {
		return err
	}
	if action != "" {
		u = u.JoinPath(action)
	}
	if run, err := ulid.ParseStrict(id); err == nil { // the same 128 bits, written as they want them
		q := u.Query()
		q.Set("rid", fmt.Sprintf("%x-%x-%x-%x-%x", run[:4], run[4:6], run[6:8], run[8:10], run[10:]))
		u.RawQuery = q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(body))
	if err != nil {
		return c.failed("its address is not usable")
	}
	req.Header.Set("User-Agent", "cofre")
	resp, err := c.client.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.failed("it answered HTTP %d", resp.StatusCode)
	}
	return nil
}
