package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cofre/pkg/backup"
	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/place"
	"cofre/pkg/registry"
	"cofre/pkg/secret"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// setCopies takes the second locations, separated by commas, each written as BACKUP_DIRECTORY is.
func setCopies(c *Config, v string) error {
	c.Copies = nil
	for _, part := range commas(v) {
		var one Config
		if err := setDirectory(&one, part); err != nil {
			return err
		}
		c.Copies = append(c.Copies, one.Directory)
	}
	return nil
}

// storageClasses are what S3 has for objects that are read at once or nearly, and for archives.
var storageClasses = []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY", "EXPRESS_ONEZONE"}

func setStorageClass(c *Config, v string) error {
	if len(v) > 40 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return fmt.Errorf("%.40q is no storage class; S3 has %s", v, strings.Join(storageClasses, ", "))
	}
	c.StorageClass = v // services have others of their own
	return nil
}

// secondPlaces are those of the file and of BACKUP_COPIES, which are called by their directories, each as a configuration of its own.
func (c Config) secondPlaces() (names []string, all []Config, err error) {
	if c.second.Directory != "" {
		return nil, nil, nil // it is one itself, and nothing is copied on
	}
	add := func(name, dir string, p configfile.Place) error {
		if slices.Contains(names, name) {
			return nil // in both
		}
		one := c
		if err := setDirectory(&one, dir); err != nil {
			return fault.New(fault.Validation, fault.InvalidInput, "Write it as BACKUP_DIRECTORY is written.", "the directory of location %q: %s", name, err)
		}
		// Another service may have a bucket of the same name: what is at an endpoint of its own is held against the first place when it is opened.
		if elsewhere := p.Endpoint != "" && p.Endpoint != c.getenv("AWS_ENDPOINT_URL_S3"); !elsewhere && (within(one.Directory, c.Directory) || within(c.Directory, one.Directory)) {
			return fault.New(fault.Validation, fault.InvalidInput, "Name another directory or bucket, on another disk or at another provider.",
				"the second location %s is the first one, or one lies in the other", name)
		}
		one.Copies, one.File.Places, one.StorageClass, one.second = nil, nil, p.StorageClass, p
		names, all = append(names, name), append(all, one)
		return nil
	}
	for _, p := range c.File.Places {
		if err := add(p.Name, p.Directory, p); err != nil {
			return nil, nil, err
		}
	}
	for _, dir := range c.Copies {
		if err := add(dir, dir, configfile.Place{Directory: dir}); err != nil {
			return nil, nil, err
		}
	}
	for _, s := range c.File.Sources {
		for _, name := range s.Copies {
			if !slices.Contains(names, name) {
				return nil, nil, fault.New(fault.Validation, fault.InvalidInput, "Name it under places, or in BACKUP_COPIES.", "%s: the source %q is to be copied to the location %q, which does not stand there", s.Origin, s.Name, name)
			}
		}
	}
	return names, all, nil
}

// copyPlaces are the second locations; each is opened when it is first needed.
func (c Config) copyPlaces(o Options) ([]backup.Place, error) {
	names, places, err := c.secondPlaces()
	var all []backup.Place
	for i, one := range places {
		all = append(all, one.copyPlace(names[i], o))
	}
	return all, err
}

// CopyNames are the names of the second locations.
func (c Config) CopyNames() []string {
	names, _, _ := c.secondPlaces() // refused when the first place is opened
	return names
}

// At is the configuration with a second location as its directory.
func (c Config) At(name string) (Config, error) {
	names, places, err := c.secondPlaces()
	if err != nil {
		return c, err
	}
	if i := slices.Index(names, name); i >= 0 {
		return places[i], nil
	}
	hint := "Name it under places in cofre.yaml, or in BACKUP_COPIES."
	if len(names) > 0 {
		hint = "There are: " + strings.Join(names, ", ") + "."
	}
	return c, fault.New(fault.Validation, fault.NotFound, hint, "there is no second location %.200q", name)
}

// within reports whether a place is another one, or lies in it.
func within(dir, other string) bool {
	return strings.HasPrefix(strings.TrimRight(dir, "/")+"/", strings.TrimRight(other, "/")+"/")
}

// copyPlace is the place that a configuration's Directory names.
func (c Config) copyPlace(name string, o Options) backup.Place {
	var (
		once    sync.Mutex
		store   storage.Store
		records *registry.Registry
	)
	return backup.Place{Name: name, Where: c.Directory, Origin: c.second.Origin, StorageClass: c.StorageClass, Settings: c.second, Open: func(ctx context.Context) (storage.Store, *registry.Registry, error) {
		once.Lock()
		defer once.Unlock()
		if store != nil {
			return store, records, nil
		}
		var a App
		if err := a.openStore(ctx, c, Options{Log: o.Log}); err != nil {
			return nil, nil, err
		}
		store, records = a.Store, registry.New(a.Store, registry.Options{Log: o.Log})
		return store, records, nil
	}}
}

// place says where the backup directory is in S3, and how it is to be reached.
func (c Config) place(ctx context.Context, o Options) (s3.Config, error) {
	at, err := s3.ParseURL(c.Directory)
	if err != nil {
		return at, err
	}
	at.PartSize, at.Concurrency, at.EqualParts, at.Logger = int64(c.PartSizeMB)<<20, c.UploadConcurrency, c.EqualParts, o.Log
	at.StorageClass, at.Endpoint, at.Region = c.StorageClass, c.second.Endpoint, c.second.Region
	at.Elsewhere = c.secondElsewhere
	access, key, err := c.secondKeys(ctx)
	if access != "" {
		at.Credentials = &s3.Credentials{AccessKeyID: access, SecretAccessKey: key}
	}
	return at, err
}

// secondKeys are the credentials of a second location, "" where they are the environment's.
func (c Config) secondKeys(ctx context.Context) (access, key string, err error) {
	if c.secondKey != nil {
		if access, err = c.secondKey(backup.PlaceAccessKey); err == nil {
			key, err = c.secondKey(backup.PlaceSecretKey)
		}
		if access != "" || err != nil {
			return access, key, err
		}
	}
	access, key, err = configfile.Keys(ctx, c.second, c.getenv, secret.Key)
	if err == nil && access != "" && c.secondKey != nil {
		err = place.CheckAccessKey(c.second.Name, access)
	}
	return access, key, err
}

// knownEndpoint tells whether the environment or the file names a service.
func (c Config) knownEndpoint(endpoint string) bool {
	host := place.HostOf(endpoint)
	known := []string{c.getenv("AWS_ENDPOINT_URL_S3"), c.getenv("AWS_ENDPOINT_URL")}
	for _, p := range c.File.Places {
		known = append(known, p.Endpoint)
	}
	return host != "" && slices.ContainsFunc(known, func(e string) bool { return place.HostOf(e) == host })
}

// keptConfig is a configuration whose directory is a place that is kept in the bucket.
func (c Config) keptConfig(p place.Settings, secret func(purpose string) (string, error)) (Config, error) {
	one := c
	if err := setDirectory(&one, p.Directory); err != nil {
		return c, fault.New(fault.Validation, fault.InvalidInput, "Use s3://bucket/prefix.", "the directory of location %q: %s", p.Name, err)
	}
	if (p.Endpoint == "" || place.HostOf(p.Endpoint) == place.HostOf(c.getenv("AWS_ENDPOINT_URL_S3"))) && (within(one.Directory, c.Directory) || within(c.Directory, one.Directory)) {
		return c, fault.New(fault.Validation, fault.InvalidInput, "Name another directory or bucket, on another disk or at another provider.", "the second location %s is the first one, or one lies in the other", p.Name)
	}
	one.Copies, one.File.Places, one.StorageClass, one.second = nil, nil, p.StorageClass, p
	one.secondKey, one.secondElsewhere = secret, p.Endpoint != "" && !c.knownEndpoint(p.Endpoint)
	return one, nil
}

// openKept says how places are opened that are kept in the bucket.
func (c Config) openKept(o Options) func(place.Settings, func(string) (string, error)) (func(context.Context) (storage.Store, *registry.Registry, error), error) {
	return func(p place.Settings, secret func(string) (string, error)) (func(context.Context) (storage.Store, *registry.Registry, error), error) {
		one, err := c.keptConfig(p, secret)
		return one.copyPlace(p.Name, o).Open, err
	}
}

// At is the configuration with a second location as its directory, also one that is kept in the bucket.
func (a *App) At(ctx context.Context, name string) (Config, error) {
	if slices.Contains(a.config.CopyNames(), name) {
		return a.config.At(name)
	}
	p, err := a.Service.Place(ctx, name)
	if err == nil {
		err = p.Trouble
	}
	if err != nil {
		return a.config, err
	}
	return a.config.keptConfig(p.Settings, p.Secret)
}
