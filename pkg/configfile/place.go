package configfile

import (
	"context"
	"fmt"
)

// Place is a second place of backups, where copies go.
type Place struct {
	Name      string `json:"name"`
	Directory string `json:"directory"` // s3://bucket/prefix, or a path
	Endpoint  string `json:"endpoint"`  // of a service other than the first place's
	Region    string `json:"region"`
	// AccessKey and SecretKey are the credentials there; nothing where they are the environment's.
	AccessKey    Connection `json:"accessKey"`
	SecretKey    Connection `json:"secretKey"`
	StorageClass string     `json:"storageClass"`
	Line         int        `json:"-"` // in the file, from 1
}

// Keys returns the credentials, "" where they are the environment's. Errors name the variable or the file, never what is in it.
func (p Place) Keys(ctx context.Context, getenv func(string) string) (access, secret string, err error) {
	if p.AccessKey == (Connection{}) {
		return "", "", nil
	}
	of := fmt.Sprintf("place %q", p.Name)
	if access, err = read(ctx, p.AccessKey, of, "access key", "AKIAIOSFODNN7EXAMPLE", getenv, nil); err == nil {
		secret, err = read(ctx, p.SecretKey, of, "secret key", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", getenv, nil)
	}
	return access, secret, err
}

// check says what does not fit together, which the schema cannot; "" where all does.
func (p Place) check() string {
	if (p.AccessKey == Connection{}) != (p.SecretKey == Connection{}) {
		return "accessKey and secretKey belong together"
	}
	return ""
}

// Place returns the place of this name, or nil.
func (f File) Place(name string) *Place {
	for i := range f.Places {
		if f.Places[i].Name == name {
			return &f.Places[i]
		}
	}
	return nil
}
