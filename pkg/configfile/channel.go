package configfile

import (
	"context"
	"fmt"
	"net/mail"
	"path"
)

// Channel is one way to tell people.
type Channel struct {
	Name  string     `yaml:"name"`
	Kind  string     `yaml:"kind"`
	Where Connection `yaml:"where"` // its address, which is a secret
	Key   Connection `yaml:"key"`   // of webhook: signs messages; nothing where it is left out
	Chat  string     `yaml:"chat"`  // of telegram
	From  string     `yaml:"from"`  // of email
	To    []string   `yaml:"to"`    // of email

	Events   []string `yaml:"events"`   // none: all
	Sources  []string `yaml:"sources"`  // names and patterns; none: all
	Severity string   `yaml:"severity"` // the least; "" is warning
	Language string   `yaml:"language"` // "" is the environment's
	Digest   string   `yaml:"digest"`   // daily or weekly; "" is none
	// AllowLocal lets it lead to loopback and link-local addresses, and go without TLS.
	AllowLocal bool `yaml:"allowLocal"`
	Line       int  `yaml:"-"` // in the file, from 1
}

// Read returns what a reference of the channel leads to. Errors name the variable, the file or the secret, never what is in it.
func (c Channel) Read(ctx context.Context, from Connection, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	of := fmt.Sprintf("channel %q", c.Name)
	if from.Secret == "" {
		return from.read(of, "address", "https://hooks.slack.com/services/...", getenv)
	}
	text, err := secret(ctx, from.Secret)
	if err != nil {
		return "", fmt.Errorf("%s: %w", of, err)
	}
	return text, nil
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
