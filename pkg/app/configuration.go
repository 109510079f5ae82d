package app

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/source"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// readFile reads cofre.yaml where BACKUP_CONFIG names an object of S3, as on AWS. Whoever can write to a bucket must not choose which variables
// or files of this process are taken for a connection: what stands in such a file leads to secrets alone, whose names begin with
// BACKUP_SECRET_PREFIX, and nothing in it leads to this machine. The same is asked of a file of this machine where that variable is set: it is on its
// way there.
func (c *Config) readFile(ctx context.Context) error {
	if c.FileURL == "" {
		if c.SecretPrefix != "" && c.FileName != "" {
			return c.onlySecrets(c.FileName).Err()
		}
		return nil
	}
	const hint = "BACKUP_CONFIG names the file cofre.yaml, such as s3://bucket/config/cofre.yaml."
	place, err := s3.ParseURL(c.FileURL)
	if err != nil {
		return err
	}
	folder, name := path.Split(place.Prefix)
	if name == "" {
		return fault.New(fault.Validation, fault.InvalidInput, hint, "BACKUP_CONFIG names a bucket, and no object in it")
	}
	place.Prefix = folder
	store, err := s3.Open(ctx, place)
	if err != nil {
		return err
	}
	data, object, err := store.Get(storage.Within(ctx, configfile.MaxSize), name)
	switch {
	case storage.IsNotFound(err):
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, hint, "%s is not there", c.FileURL)
	case err != nil:
		return err
	}
	c.FileChanged = object.LastModified
	if c.File, err = configfile.Parse(c.FileURL, data); err != nil {
		return err
	}
	return c.onlySecrets(c.FileURL).Err()
}

// CheckFile lists all that is wrong with the file: loaded is what [Load] said. The error is what keeps it from being looked at.
func (c *Config) CheckFile(ctx context.Context, loaded error) (*configfile.Problems, error) {
	err := loaded
	if err == nil {
		err = c.readFile(ctx)
	}
	var all *configfile.Problems
	if err != nil && !errors.As(err, &all) {
		return nil, err
	}
	if all == nil {
		return &configfile.Problems{File: c.FileName}, nil
	}
	if c.FileURL != "" || c.SecretPrefix != "" { // of what could be read: a file with other problems was not looked at in this way
		for _, more := range c.onlySecrets(c.FileName).List {
			if !slices.ContainsFunc(all.List, func(p configfile.Problem) bool { return p.Line == more.Line && p.Message == more.Message }) {
				all.Put(more.Line, more.Key, more.Error)
			}
		}
	}
	return all, nil
}

// The folders below BACKUP_SECRET_PREFIX, each of which other roles may read. Targets are anywhere below it.
const (
	secretsOfSources  = "sources/"
	secretsOfChannels = "channels/"
)

// onlySecrets lists what a file that lies in S3 may not say.
func (c *Config) onlySecrets(where string) *configfile.Problems {
	all := &configfile.Problems{File: where}
	for i, s := range c.File.Sources {
		key := fmt.Sprintf("sources.%d", i)
		c.onlySecret(all, s.Origin.Line, key+".connection", fmt.Sprintf("the connection of source %q", s.Name), s.Connection, secretsOfSources)
		if s.Checks != "" {
			all.Put(s.Origin.Line, key+".checks", fault.New(fault.Validation, fault.InvalidInput, "Name checks in a file of a machine that makes proofs.",
				"source %q names a file of checks, and there is none beside a file that lies in S3", s.Name))
		}
		if p := s.Ping; p != nil {
			what := fmt.Sprintf("the ping of source %q", s.Name)
			c.onlySecret(all, s.Origin.Line, key+".ping", what, p.Connection, secretsOfSources)
			notLocal(all, s.Origin.Line, key+".ping.allowLocal", what, p.AllowLocal)
		}
	}
	for i, t := range c.File.Targets {
		if slices.ContainsFunc(c.File.Sources, func(s source.Settings) bool { return s.Origin.Line == t.Line }) {
			continue // that source's own server, which was looked at
		}
		c.onlySecret(all, t.Line, fmt.Sprintf("targets.%d.connection", i), fmt.Sprintf("the connection of target %q", t.Name), t.Connection, "")
	}
	if len(c.File.Places) > 0 {
		all.Put(c.File.Places[0].Origin.Line, "places", fault.New(fault.Validation, fault.InvalidInput, "Name locations in a file of the machine that copies.", "a file that lies in S3 names no second locations"))
	}
	for i, ch := range c.File.Channels {
		key := fmt.Sprintf("channels.%d", i)
		if !ch.Published() { // whose topic or bus has to be named elsewhere
			c.onlySecret(all, ch.Origin.Line, key+".where", fmt.Sprintf("where channel %q leads to", ch.Name), ch.Where, secretsOfChannels)
		}
		if ch.Key != (configfile.Connection{}) {
			c.onlySecret(all, ch.Origin.Line, key+".key", fmt.Sprintf("the key of channel %q", ch.Name), ch.Key, secretsOfChannels)
		}
		notLocal(all, ch.Origin.Line, key+".allowLocal", fmt.Sprintf("channel %q", ch.Name), ch.AllowLocal)
	}
	return all
}

// onlySecret refuses a reference that is no secret of a folder below BACKUP_SECRET_PREFIX: nobody could read another one.
func (c *Config) onlySecret(all *configfile.Problems, line int, key, what string, of configfile.Connection, folder string) {
	if of.Secret == "" {
		all.Put(line, key, fault.New(fault.Validation, fault.InvalidInput, "Keep it in AWS Secrets Manager, and name the secret's ARN under secret.",
			"%s is no secret: a file that lies in S3 takes neither env nor file", what))
		return
	}
	prefix := c.SecretPrefix + folder
	if _, name, _ := strings.Cut(of.Secret, ":secret:"); c.SecretPrefix != "" && !strings.HasPrefix(name, prefix) {
		all.Put(line, key, fault.New(fault.Validation, fault.InvalidInput, "Make a secret whose name begins with "+prefix+" (aws secretsmanager create-secret --name "+prefix+"...), and name that one's ARN.",
			"%s is a secret whose name does not begin with %s: nobody may read it here", what, prefix))
	}
}

func notLocal(all *configfile.Problems, line int, key, what string, allows bool) {
	if allows {
		all.Put(line, key, fault.New(fault.Validation, fault.InvalidInput, "Leave allowLocal out.", "%s allows local addresses, which a file that lies in S3 cannot: credentials are to be had there", what))
	}
}
