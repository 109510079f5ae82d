package app

import (
	"context"
	"path"

	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// readFile reads cofre.yaml where BACKUP_CONFIG names an object of S3, as on AWS. Whoever can write to a bucket must not choose which variables
// or files of this process are taken for a connection: such a file names targets and channels alone, what leads to them are secrets, and no channel leads to this machine.
func (c *Config) readFile(ctx context.Context) error {
	if c.FileURL == "" {
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
	data, _, err := store.Get(storage.Within(ctx, configfile.MaxSize), name)
	switch {
	case storage.IsNotFound(err):
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, hint, "%s is not there", c.FileURL)
	case err != nil:
		return err
	}
	if c.File, err = configfile.Parse(c.FileURL, data); err != nil {
		return err
	}
	return onlyTargets(c.FileURL, c.File)
}

// onlyTargets refuses what a file that lies in S3 may not say.
func onlyTargets(where string, f configfile.File) error {
	if len(f.Sources) > 0 {
		return fault.New(fault.Validation, fault.InvalidInput, "Name sources in a file of the machine that makes their backups; on AWS each stack has one, the parameter DatabaseSecretArn.",
			"%s, line %d: a file that lies in S3 names targets alone, and this one names sources; neither what they say nor the checks of their proofs is taken from there", where, f.Sources[0].Origin.Line)
	}
	for _, t := range f.Targets {
		if t.Connection.Secret == "" {
			return fault.New(fault.Validation, fault.InvalidInput, "Keep its connection in AWS Secrets Manager, and name the secret's ARN under secret.",
				"%s, line %d: the connection of target %q is no secret: a file that lies in S3 takes neither env nor file", where, t.Line, t.Name)
		}
	}
	if len(f.Places) > 0 {
		return fault.New(fault.Validation, fault.InvalidInput, "Name places in a file of the machine that copies.", "%s, line %d: a file that lies in S3 names no second places", where, f.Places[0].Line)
	}
	for _, ch := range f.Channels {
		if ch.Where.Secret == "" || ch.Key != (configfile.Connection{}) && ch.Key.Secret == "" {
			return fault.New(fault.Validation, fault.InvalidInput, "Keep its address in AWS Secrets Manager, and name the secret's ARN under secret.",
				"%s, line %d: where channel %q leads to is no secret: a file that lies in S3 takes neither env nor file", where, ch.Line, ch.Name)
		}
		if ch.AllowLocal {
			return fault.New(fault.Validation, fault.InvalidInput, "Leave allowLocal out.", "%s, line %d: channel %q allows local addresses, which a file that lies in S3 cannot: credentials are to be had there", where, ch.Line, ch.Name)
		}
	}
	return nil
}
