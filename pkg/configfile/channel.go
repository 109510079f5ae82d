package configfile

import (
	"context"
	"fmt"

	"cofre/pkg/channel"
	"cofre/pkg/source"
)

// Channel is one way to tell people.
type Channel = channel.Settings

// Address returns what a reference of a channel leads to. Errors name the variable, the file or the secret, never what is in it.
func Address(ctx context.Context, c Channel, from Connection, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	return read(ctx, from, fmt.Sprintf("channel %q", c.Name), "address", "https://hooks.slack.com/services/...", getenv, secret)
}

// PingAddress returns where the pings of a source go.
func PingAddress(ctx context.Context, of source.Settings, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	return read(ctx, of.Ping.Connection, fmt.Sprintf("the ping of source %q", of.Name), "address", "https://hc-ping.com/...", getenv, secret)
}
