package configfile

import (
	"context"
	"fmt"

	"cofre/pkg/place"
)

// Place is a second location of backups, where copies go.
type Place = place.Settings

// Keys returns the credentials of a place, "" where they are the environment's. Errors name the variable, the file or the secret, never what is in it.
func Keys(ctx context.Context, p Place, getenv func(string) string, secret func(ctx context.Context, arn string) (string, error)) (access, key string, err error) {
	if p.AccessKey == (Connection{}) {
		return "", "", nil
	}
	of := fmt.Sprintf("location %q", p.Name)
	if access, err = read(ctx, p.AccessKey, of, "access key", "AKIAIOSFODNN7EXAMPLE", getenv, secret); err == nil {
		key, err = read(ctx, p.SecretKey, of, "secret key", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", getenv, secret)
	}
	return access, key, err
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
