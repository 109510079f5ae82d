// Package place says what is wanted of a second location of backups, alike in the file and in the bucket. Pure.
package place

import (
	"net"
	"net/url"
	"strings"

	"cofre/pkg/address"
	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/source"
)

// Settings are what is wanted of one second location, in the words of cofre.yaml.
type Settings struct {
	Name      string `json:"name"`
	Directory string `json:"directory"`          // s3://bucket/prefix, or a path
	Endpoint  string `json:"endpoint,omitempty"` // of a service other than the first location's
	Region    string `json:"region,omitempty"`
	// AccessKey and SecretKey are where the credentials there are to be had; nothing where they are the environment's.
	AccessKey    source.Connection `json:"accessKey,omitzero"`
	SecretKey    source.Connection `json:"secretKey,omitzero"`
	StorageClass string            `json:"storageClass,omitempty"`
	// Origin is where that stands; the zero value is the environment.
	Origin source.Origin `json:"-"`
}

// Check says what does not fit together; "" where all does.
func (s Settings) Check() string {
	if (s.AccessKey == source.Connection{}) != (s.SecretKey == source.Connection{}) {
		return "accessKey and secretKey belong together"
	}
	return ""
}

var (
	regions = lazyregexp.New(`^[a-z0-9-]{1,63}$`)
	classes = lazyregexp.New(`^[A-Z0-9_]{1,40}$`)
)

// CheckKept refuses what may not stand in the bucket: a directory of this machine, and a service that trusts it, but for those that the environment or the
// file name already (known). withKeys tells that there are credentials of its own.
func (s Settings) CheckKept(withKeys bool, known func(endpoint string) bool) error {
	bad := func(hint, text string) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, "%s", text)
	}
	if err := source.CheckKeptName("location", s.Name); err != nil {
		return err
	}
	for what, c := range map[string]source.Connection{"accessKey": s.AccessKey, "secretKey": s.SecretKey} {
		if err := c.CheckKept(what); err != nil {
			return err
		}
	}
	switch {
	case !strings.HasPrefix(s.Directory, "s3://"):
		return bad("Use s3://bucket/prefix. A directory is named in cofre.yaml, on the machine that it is of.", "directory: a location that is kept in the bucket is in S3, not a path")
	case len(s.Directory) > 1024:
		return bad("Use s3://bucket/prefix.", "directory: it is too long")
	case s.Region != "" && !regions().MatchString(s.Region):
		return bad("For example: eu-central-1", "region: it is no region")
	case s.StorageClass != "" && !classes().MatchString(s.StorageClass):
		return bad("For example: STANDARD_IA", "storageClass: it is no storage class")
	case s.Endpoint == "":
		return nil
	}
	u, err := url.Parse(s.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" || len(s.Endpoint) > 900:
		return bad("For example: https://s3.example.com", "endpoint: it is no URL of a service")
	case known(s.Endpoint):
		return nil
	case !withKeys:
		return bad("Give accessKey and secretKey.", "endpoint: a service other than the first location's needs credentials of its own")
	case address.Named(u.Hostname()):
		return fault.New(fault.Validation, fault.PlaceForbidden, "Name it in cofre.yaml, on the machine that it is of.", "endpoint: it leads to this machine or its network link")
	}
	return nil
}

var accessKeys = lazyregexp.New(`^[A-Za-z0-9._-]{3,128}$`)

// CheckAccessKey refuses what is no ID of an access key. It is sent in clear, in the header of each request: whoever says where a place is must not have the URL
// of a database sent there by naming the variable or the secret that holds it. It never repeats it.
func CheckAccessKey(name, key string) error {
	if accessKeys().MatchString(key) {
		return nil
	}
	return fault.New(fault.Validation, fault.InvalidInput, "Look at what its accessKey leads to.", "the access key of location %q is none: it has 3 to 128 letters, digits, dots, dashes and underscores", name)
}

// HostOf is the host and port of a service's URL, in one form; "" where it is none.
func HostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
