// Package channel sends events to people: to a webhook, Slack, Discord, Telegram, Teams, ntfy, or by e-mail; and to topics and buses of AWS, by
// a [Publisher].
//
// # Where it may lead
//
// The address that a name resolves to is looked at when a connection is made, not before, so that a name cannot mean one address when it is
// checked and another one when it is used. Loopback and link-local addresses, the metadata services of clouds among them, are refused unless the
// channel allows local ones; so is anything but TLS. Redirects are not followed. Proxies of the environment are not used: behind one, nobody
// could tell where a name leads. A receiver has 10 seconds to answer, and of its answer 4 KiB are read; a mail
// server has 20 seconds, and may say 256 KiB in all.
//
// # Secrets
//
// Addresses of channels are secrets: who knows that of Slack can write there. They are read when a message is sent, stand in no error and no answer,
// and what a receiver answers is searched for them.
//
// # Signed webhooks
//
// A webhook with a key gets the headers of Standard Webhooks (standardwebhooks.com): webhook-id, webhook-timestamp (seconds), and
// webhook-signature, which is "v1," and the base64 of the HMAC-SHA256 of "<id>.<timestamp>.<body>". A key that begins with whsec_ is base64 behind
// that; any other is taken as it is.
package channel

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
)

// The kinds of channels.
const (
	Webhook     = "webhook"
	Slack       = "slack" // also Mattermost, Rocket.Chat and whatever takes Slack's messages
	Discord     = "discord"
	Telegram    = "telegram"
	Teams       = "teams"
	Ntfy        = "ntfy"
	Email       = "email"
	SNS         = "sns"
	EventBridge = "eventbridge"
)

// Config is what a channel is made of.
type Config struct {
	Name string
	Kind string
	// Where gives the address: a URL; of telegram a bot's token. Key gives the key that signs webhooks; nil signs nothing.
	Where func(context.Context) (string, error)
	Key   func(context.Context) (string, error)
	Chat  string   // of telegram
	From  string   // of email
	To    []string // of email
	// Destination is the topic of sns, or the bus of eventbridge; Publisher tells it. Where there is none, others tell it.
	Destination string
	Publisher   Publisher

	Filter     event.Filter
	Language   event.Language
	Zone       *time.Location
	AllowLocal bool
	Made       time.Time // when it was made; zero where that is not known
	Place      string    // the backup directory, so that people know which cofre it is

	TLS *tls.Config // nil is the system's; for tests
	Now func() time.Time
}

// Channel sends to one place. It is safe for use by several goroutines.
type Channel struct {
	Config
	client *http.Client
}

// New makes a channel. It does no input or output.
func New(c Config) *Channel {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Channel{Config: c, client: client(c.AllowLocal, c.TLS)}
}

// Name implements outbox.Channel.
func (c *Channel) Name() string { return c.Config.Name }

// Made implements outbox.Channel.
func (c *Channel) Made() time.Time { return c.Config.Made }

// Takes implements outbox.Channel.
func (c *Channel) Takes(e event.Event) bool { return c.Filter.Takes(e) }

// Readable tells whether its secrets can be had; of AWS's whether what is published arrives, as far as can be known without publishing anything.
func (c *Channel) Readable(ctx context.Context) error {
	if published(c.Kind) {
		return c.look(ctx)
	}
	if _, err := c.Where(ctx); err != nil {
		return err
	}
	if c.Key != nil {
		if _, err := c.Key(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Send implements outbox.Channel.
func (c *Channel) Send(ctx context.Context, e event.Event) (answer string, err error) {
	if published(c.Kind) {
		return c.publish(ctx, e)
	}
	where, err := c.Where(ctx)
	if err != nil {
		return "", c.unread("address", err)
	}
	key := ""
	if c.Key != nil {
		if key, err = c.Key(ctx); err != nil {
			return "", c.unread("key", err)
		}
	}
	secret := secretsOf(where, key)
	if c.Kind == Email {
		answer, err = c.mail(ctx, where, secret, e)
	} else {
		answer, err = c.post(ctx, where, key, secret, e)
	}
	return answer, secret.hidden(err)
}

// unread is the error of a secret that cannot be had.
func (c *Channel) unread(what string, err error) error {
	f := fault.From(err)
	return fault.Wrap(err, f.Code, fault.AddressUnknown, f.Hint, "channel %s: its %s is not known: %s", c.Config.Name, what, f.Message)
}

// failed is the error of a channel that has to be tried again.
func (c *Channel) failed(format string, args ...any) *fault.Error {
	f := fault.New(fault.FileSystem, fault.ChannelFailed, "Look whether its address is right and its receiver answers.",
		"channel %s: "+format, append([]any{c.Config.Name}, args...)...)
	f.Transient = true
	return f
}

const (
	answerTime = 10 * time.Second
	maxAnswer  = 4 << 10
)

// post sends a message over HTTP.
func (c *Channel) post(ctx context.Context, where, key string, secret secrets, e event.Event) (string, error) {
	req, err := c.request(ctx, where, key, e)
	if err != nil {
		return "", err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return "", c.unreachable(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	said := secret.quote(string(body))
	if said != "" {
		said = ": " + said
	}
	said = fmt.Sprintf("HTTP %d%s", resp.StatusCode, said)
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return "", c.failed("it is redirected (HTTP %d), which is not followed", resp.StatusCode)
	case slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, resp.StatusCode):
		return "", fault.New(fault.Validation, fault.MessageRefused, "Look at what the receiver says of the message.", "channel %s refused a message: %s", c.Config.Name, said)
	case resp.StatusCode >= 300 || resp.StatusCode < 200:
		f := c.failed("it answered %s", said)
		f.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
		return "", f
	case err != nil:
		return "", c.failed("its answer broke off")
	}
	return said, nil
}

// retryAfter reads a number of seconds; dates are not taken.
func retryAfter(v string) time.Duration {
	n := 0
	if _, err := fmt.Sscanf(v, "%d", &n); err != nil || n < 0 || n > 86400 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// printable is a text in one line.
func printable(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool { return r <= ' ' || r >= 0x7f && r < 0xa0 }), " ")
}
