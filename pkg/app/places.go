package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// setCopies takes the second places, separated by commas, each written as BACKUP_DIRECTORY is.
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

// copyPlaces are the second places; each is opened when it is first needed.
func (c Config) copyPlaces(o Options) ([]backup.Place, error) {
	var all []backup.Place
	for _, dir := range c.Copies {
		if within(dir, c.Directory) || within(c.Directory, dir) {
			return nil, fault.New(fault.Validation, fault.InvalidInput, "Name another directory or bucket, on another disk or at another provider.",
				"the second place %s is the first one, or one lies in the other", dir)
		}
		one := c
		one.Directory, one.StorageClass = dir, ""
		all = append(all, one.copyPlace(dir, o))
	}
	return all, nil
}

// CopyNames are the names of the second places.
func (c Config) CopyNames() []string { return c.Copies }

// At is the configuration with a second place as its directory.
func (c Config) At(name string) (Config, error) {
	if i := slices.Index(c.Copies, name); i >= 0 {
		c.Directory, c.Copies, c.StorageClass = c.Copies[i], nil, ""
		return c, nil
	}
	hint := "BACKUP_COPIES names none."
	if len(c.Copies) > 0 {
		hint = "There are: " + strings.Join(c.Copies, ", ") + "."
	}
	return c, fault.New(fault.Validation, fault.NotFound, hint, "there is no second place %.200q", name)
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
	return backup.Place{Name: name, Where: c.Directory, Open: func(ctx context.Context) (storage.Store, *registry.Registry, error) {
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
func (c Config) place(o Options) (s3.Config, error) {
	place, err := s3.ParseURL(c.Directory)
	place.PartSize, place.Concurrency, place.EqualParts, place.Logger = int64(c.PartSizeMB)<<20, c.UploadConcurrency, c.EqualParts, o.Log
	place.StorageClass = c.StorageClass
	return place, err
}
