package configfile

import (
	"context"
	"fmt"
	"net/mail"
	"path"
)

// Channel is one way to tell people.
type Channel struct {
	Name  string     `json:"name"`
	Kind  string     `json:"kind"`
	Where Connection `json:"where"` // its address, which is a secret
	Key   Connection `json:"key"`   // of webhook: signs messages; nothing where it is left out
	Chat  string     `json:"chat"`  // of telegram
	From  string     `json:"from"`  // of email
	To    []string   `json:"to"`    // of email

	Events   []string `json:"events"`   // none: all
	Sources  []string `json:"sources"`  // names and patterns; none: all
	Severity string   `json:"severity"` // the least; "" is warning
	Language string   `json:"language"` // "" is the environment's
	Digest   string   `json:"digest"`   // daily or weekly; "" is none
	// AllowLocal lets it lead to loopback and link-local addresses, and go without TLS.
	AllowLocal bool `json:"allowLocal"`
	Line       int  `json:"-"` // in the file, from 1
}

// Read returns what a reference of the channel leads to. Errors name the variable, the file or the secret, never what is in it.
func (c Channel) Read(ctx context.Context, from Connection, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	return read(ctx, from, fmt.Sprintf("channel %q", c.Name), "address", "https://hooks.slack.com/services/...", getenv, secret)
}

// check says what does not fit together, which the schema cannot; "" where all does.
func (c Channel) check() string {
	switch {
	case c.Kind == "telegram" && c.Chat == "":
		return "telegram needs a chat, such as \"-1001234567890\""
	case c.Kind != "telegram" && c.Chat != "":
		return "chat is for telegram alone"
	case c.Kind == "email" && (c.From == "" || len(c.To) == 0):
		return "email needs from and to"
	case c.Kind != "email" && (c.From != "" || len(c.To) > 0):
		return "from and to are for email alone"
	case c.Kind != "webhook" && c.Key != (Connection{}):
		return "key is for webhook alone"
	}
	for _, address := range append(c.To[:len(c.To):len(c.To)], c.From) {
		if a, err := mail.ParseAddress(address); address != "" && (err != nil || a.Address != address) {
			return fmt.Sprintf("%.80q is no e-mail address, such as ana@example.com", address)
		}
	}
	for _, pattern := range c.Sources {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Sprintf("%.80q is no pattern, such as shop-*", pattern)
		}
	}
	return ""
}

// Ping is where a service that watches jobs hears of each backup of a source.
type Ping struct {
	Connection      // its address, which is a secret
	AllowLocal bool `json:"allowLocal"`
}

// whole tells whether it says in one way where its address is to be had.
func (p Ping) whole() bool {
	n := 0
	for _, s := range []string{p.Env, p.File, p.Secret} {
		if s != "" {
			n++
		}
	}
	return n == 1
}

// Address returns where the pings of the source of this name go.
func (p Ping) Address(ctx context.Context, source string, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	return read(ctx, p.Connection, fmt.Sprintf("the ping of source %q", source), "address", "https://hc-ping.com/...", getenv, secret)
}
