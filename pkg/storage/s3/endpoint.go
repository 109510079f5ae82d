package s3

import (
	"cmp"
	"net"
	"net/url"
	"os"
	"strings"

	"cofre/pkg/fault"
)

// checkEndpoint refuses a service's address that no request can be sent to, before one is. given is Config.Endpoint or what the
// SDK found in its own settings; nil is Amazon's.
func (c Config) checkEndpoint(given *string) error {
	if given == nil {
		return nil
	}
	raw, from := *given, "the storage endpoint"
	if c.Endpoint == "" {
		from = "the profile's endpoint_url"
		for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
			if os.Getenv(name) == raw {
				from = name
				break
			}
		}
	}
	refuse := func(right, what string) error {
		return fault.New(fault.Validation, fault.InvalidInput, "Write it as "+right+".", "%s %s", from, what)
	}
	const example = "https://host:port"
	u, err := url.Parse(raw)
	switch {
	case strings.ContainsAny(raw, " \t\n'\""):
		return refuse(example, "holds blanks or quotation marks")
	case !strings.Contains(raw, "://"):
		return refuse(withScheme(raw), "does not begin with https:// or http://")
	case err != nil:
		return refuse(example, "is not a usable URL")
	case u.User != nil:
		return refuse(example+"; keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "holds a user or a password")
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse(cmp.Or(prefixed("https://", u.Host), example), "does not begin with https:// or http://")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return refuse(example, "is not a usable URL")
	}
	if first, rest, _ := strings.Cut(strings.Trim(u.Path, "/"), "/"); first == c.Bucket && c.PathStyle == nil {
		u.Path = ""
		return refuse(u.String()+", and the bucket as BACKUP_DIRECTORY="+strings.TrimSuffix("s3://"+first+"/"+rest, "/"), "holds the name of the bucket")
	}
	return nil
}

func prefixed(scheme, host string) string {
	if host == "" {
		return ""
	}
	return scheme + host
}

// withScheme puts in front of an address what it most probably lacks.
func withScheme(raw string) string {
	address := raw
	for _, broken := range []string{"https:", "http:", "https//", "http//"} {
		address = strings.TrimPrefix(address, broken)
	}
	address = strings.TrimLeft(address, "/:")
	if address == "" || strings.ContainsAny(address, "@?#") {
		return "https://host:port"
	}
	name := strings.SplitN(address, "/", 2)[0]
	if host, port, err := net.SplitHostPort(name); err == nil && port != "443" || host == "localhost" || strings.HasPrefix(raw, "http:") {
		return "http://" + address + " (or https://)"
	}
	return "https://" + address
}
