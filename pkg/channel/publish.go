package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
)

// Message is an event as a topic or a bus gets it.
type Message struct {
	ID, Kind, Source, Severity string // of the event; Source may be empty
	At                         time.Time
	Title                      string // one line, in the channel's language
	Text                       string // all of it
	JSON                       []byte // what a webhook would get
}

// Publisher tells topics and buses, with the credentials that this process has. Its errors are faults with a reason: of one that may pass
// channel_failed, of a message that is refused message_refused.
type Publisher interface {
	// Publish sends a message and returns what was answered.
	Publish(ctx context.Context, kind, destination string, m Message) (answer string, err error)
	// Look says why nothing that is published there would arrive; nil also where nobody may ask.
	Look(ctx context.Context, kind, destination string) error
}

// publish tells a topic or a bus. A test looks whether it is there first: a bus that is not takes everything, and drops it.
func (c *Channel) publish(ctx context.Context, e event.Event) (answer string, err error) {
	if e.Kind == event.Test {
		err = c.look(ctx)
	} else {
		err = c.able()
	}
	if err != nil {
		return "", err
	}
	text := e.Say(c.Language, c.Zone)
	data, err := json.Marshal(message{e, text.Title, text.String(), c.Place})
	if err != nil {
		return "", fmt.Errorf("encode a message: %w", err)
	}
	text.Lines = c.lines(text)
	m := Message{ID: e.ID, Kind: string(e.Kind), Source: e.Source, Severity: string(e.Severity), At: e.At, Title: "[cofre] " + oneLine(text.Title), Text: text.String(), JSON: data}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err = c.Publisher.Publish(ctx, c.Kind, c.Destination, m)
	return answer, c.named(err)
}

// look says why nothing that is published would arrive.
func (c *Channel) look(ctx context.Context) error {
	if err := c.able(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return c.named(c.Publisher.Look(ctx, c.Kind, c.Destination))
}

// able refuses where nothing is published; others may.
func (c *Channel) able() error {
	if c.Publisher != nil {
		return nil
	}
	return fault.New(fault.Validation, fault.AddressUnknown, "It is told by what looks at all backups: the server, or on AWS the functions for figures and cleanups.", "channel %s: nothing is published here", c.Config.Name)
}

// named says whose error it is.
func (c *Channel) named(err error) error {
	if err == nil {
		return nil
	}
	f := *fault.From(err)
	f.Message = fmt.Sprintf("channel %s: %s", c.Config.Name, f.Message)
	return &f
}
