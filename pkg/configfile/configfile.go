// Package configfile reads cofre.yaml, which BACKUP_CONFIG names: what cofre looks after, for those who keep that in a file.
//
//	sources:
//	  - name: shop
//	    connection:
//	      env: SHOP_URL             # or file: /run/secrets/shop-url
//	    maxAge: 26h
//	targets:
//	  - name: staging
//	    connection:
//	      file: /run/secrets/staging-url
//	    allow: [new]
//	channels:
//	  - name: team
//	    kind: slack
//	    where:
//	      env: SLACK_URL
//
// The file is held against a JSON schema ([Schema]), which editors can use too. It never holds a connection URL itself, so
// that it can lie in git.
package configfile

import (
	"context"
	_ "embed" // the schema
	"fmt"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
	"cofre/pkg/source"
)

// Schema is the JSON schema of the file (draft 2020-12).
//
//go:embed cofre.schema.json
var Schema []byte

// File is what the file says.
type File struct {
	Sources []source.Settings `json:"sources"`
	// Retention is what is kept of all sources for which nothing else is said; nil where the file says nothing of it.
	Retention *source.Retention `json:"retention"`
	// RetentionLines are where its keys stand.
	RetentionLines map[string]int `json:"-"`
	Targets        []Target       `json:"targets"`
	// Places are second locations, where copies go.
	Places []Place `json:"places"`
	// Channels are how people are told of what happens.
	Channels []Channel `json:"channels"`
}

// Connection says where a secret text is to be had.
type Connection = source.Connection

// URL returns the connection URL that a reference of a source or a target leads to; of names whose it is, in errors. It is never empty: that
// would be whatever the environment leads to. secret reads the one that the secret with an ARN holds. Errors name the variable, the file or the
// secret, never what is in it.
func URL(ctx context.Context, c Connection, of string, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	return read(ctx, c, of, "connection", "postgresql://user@host:5432/shop", getenv, secret)
}

// read returns what a reference leads to, which is what of names has as its what.
func read(ctx context.Context, c Connection, of, what, example string, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (string, error) {
	if c.Stored != nil {
		text, err := c.Stored.Open()
		if err != nil {
			return "", fmt.Errorf("%s: its %s: %w", of, what, err)
		}
		return text, nil
	}
	if name := c.Env; name != "" {
		if v := strings.TrimSpace(getenv(name)); v != "" {
			return v, nil
		}
		return "", fault.New(fault.Validation, fault.InvalidInput, "For example: export "+name+"="+example,
			"%s has its %s in the variable %s, which is not set", of, what, name)
	}
	if c.Secret != "" {
		text, err := secret(ctx, c.Secret)
		if err != nil {
			return "", fmt.Errorf("%s: %w", of, err)
		}
		return text, nil
	}
	hint := "Let it hold the " + what + ", such as " + example + ", readable by this user."
	data, err := namedfile.Read(c.File, MaxSize)
	if err != nil {
		return "", fault.Wrap(err, fault.Validation, fault.InvalidInput, hint, "the %s of %s cannot be read", what, of)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fault.New(fault.Validation, fault.InvalidInput, hint, "%s has its %s in the file %.200q, which is empty", of, what, c.File)
	}
	return text, nil
}

// MaxSize bounds the file, and each file that it names, in bytes.
const MaxSize = 1 << 20

// Read reads the file, and the files of checks that it names. What is wrong with them is a ValidationError, with all [Problems] in its chain; what is
// returned beside it is what fits.
func Read(name string) (File, error) {
	data, err := namedfile.Read(name, MaxSize)
	if err != nil {
		return File{}, fault.Wrap(err, fault.Validation, fault.InvalidInput, "BACKUP_CONFIG names the file cofre.yaml.", "the configuration cannot be read")
	}
	f, all := parse(name, data)
	f.readChecks(name, all)
	return f, all.Err()
}
