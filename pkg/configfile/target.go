package configfile

import (
	"context"
	"fmt"
	"slices"
)

// What a target may allow.
const (
	AllowNew     = "new"     // restores into databases that are made for them
	AllowReplace = "replace" // restores that replace what a database holds
	AllowPart    = "part"    // restores of tables and schemas into databases that are there, beside what they hold
	AllowProof   = "proof"   // proofs, each in a database of its own that is dropped at its end
)

// Target is a server into which the API may restore. Its connection's database is of no account: a request names one.
type Target struct {
	Name       string     `yaml:"name"`
	Connection Connection `yaml:"connection"`
	Allow      []string   `yaml:"allow"` // nil, where the file does not say, allows new databases alone
	Line       int        `yaml:"-"`     // in the file, from 1
}

// Allows reports whether something may be done there.
func (t Target) Allows(what string) bool {
	if t.Allow == nil {
		return what == AllowNew
	}
	return slices.Contains(t.Allow, what)
}

// URL returns the connection URL. secret reads the one that the secret with an ARN holds. Errors name the variable, the file or the
// secret, never what is in it.
func (t Target) URL(ctx context.Context, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	of := fmt.Sprintf("target %q", t.Name)
	if t.Connection.Secret == "" {
		return t.Connection.url(of, "postgres", getenv)
	}
	url, err := secret(ctx, t.Connection.Secret)
	if err != nil {
		return "", fmt.Errorf("%s: %w", of, err)
	}
	return url, nil
}

// Target returns the target of this name, or nil.
func (f File) Target(name string) *Target {
	for i := range f.Targets {
		if f.Targets[i].Name == name {
			return &f.Targets[i]
		}
	}
	return nil
}
