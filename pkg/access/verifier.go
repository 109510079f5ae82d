package access

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"cofre/pkg/fault"
)

// Verifier verifies the tokens of one OpenID provider. It may be used by several goroutines.
type Verifier struct{ rules rules }

// NewVerifier makes one for the tokens that issuer (the URL exactly as it stands in them) issues for one of the audiences.
// It sends no request: the provider's keys are fetched when the first token comes, kept for an hour, and fetched again when a
// token names a key that is not among them, at most once in ten seconds. client nil is http.DefaultClient, now nil is time.Now.
func NewVerifier(issuer string, audiences []string, rolesClaim string, client *http.Client, now func() time.Time) (*Verifier, error) {
	if err := CheckURL(issuer); err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "For example: BACKUP_OIDC_ISSUER=https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE", "the issuer is not a usable address")
	}
	audiences = slices.DeleteFunc(slices.Clone(audiences), func(s string) bool { return s == "" })
	if len(audiences) == 0 {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Set BACKUP_OIDC_AUDIENCE to the id that cofre has at the identity provider.", "the audience of tokens is not set: tokens for any program would be accepted")
	}
	if rolesClaim == "" {
		rolesClaim = DefaultRolesClaim
	}
	if now == nil {
		now = time.Now
	}
	own := http.Client{}
	if client != nil {
		own = *client
	}
	if own.Transport == nil {
		own.Transport = http.DefaultTransport
	}
	own.Transport = bounded{own.Transport}
	own.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return errors.New("too many redirects")
		}
		return CheckURL(r.URL.String())
	}
	ring := &keyRing{issuer: issuer, client: &own, now: now}
	return &Verifier{rules{issuer: issuer, audiences: audiences, rolesClaim: rolesClaim, now: now, keys: ring.find}}, nil
}

// Verify gives whom a token stands for.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	return v.rules.verify(ctx, token)
}

// CheckURL tells what is wrong with the address of an OpenID provider. It wants https, since whoever answers in the provider's
// place decides who may come in. On this machine http will do.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("it cannot be read as a URL")
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("it must be like https://host/path")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("it must begin with https://")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
