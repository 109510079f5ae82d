package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"cofre/pkg/address"
	"cofre/pkg/fault"
)

var errLocal = errors.New("it leads to an address of this machine or link, which only channels with allowLocal: true may")

// dialer makes connections to whatever is not local.
func dialer(allowLocal bool) *net.Dialer {
	d := &net.Dialer{Timeout: answerTime}
	if !allowLocal {
		d.ControlContext = address.Refuse(address.Local, errLocal)
	}
	return d
}

func client(allowLocal bool, conf *tls.Config) *http.Client {
	return &http.Client{
		Timeout: answerTime,
		Transport: &http.Transport{
			DialContext: dialer(allowLocal).DialContext, TLSClientConfig: conf, TLSHandshakeTimeout: answerTime, ResponseHeaderTimeout: answerTime,
			MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// address reads a URL. Errors do not repeat it.
func (c *Channel) address(where string, schemes ...string) (*url.URL, error) {
	bad := func(what string) error {
		return fault.New(fault.Validation, fault.InvalidInput, "Look at what its where leads to.", "channel %s: its address %s", c.Config.Name, what)
	}
	u, err := url.Parse(where)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, bad("is no URL")
	case u.Scheme != schemes[0] && !(contains(schemes, u.Scheme)):
		return nil, bad("does not begin with " + schemes[0] + "://")
	case u.Scheme == "http" && !c.AllowLocal:
		return nil, bad("is not encrypted: https:// is wanted, unless allowLocal: true says that it is a receiver nearby")
	}
	return u, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// unreachable says why nobody answered, without the address, which is a secret; its host is none.
func (c *Channel) unreachable(err error) error {
	if errors.Is(err, errLocal) {
		return fault.New(fault.Validation, fault.PlaceForbidden, "Give the channel an address elsewhere, or say allowLocal: true in cofre.yaml.", "channel %s: %v", c.Config.Name, errLocal)
	}
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &dns):
		return c.failed("the host %s is not known", dns.Name)
	case errors.As(err, &cert):
		return c.failed("its certificate is not trusted: %v", cert.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return c.failed("the connection is refused")
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return c.failed("no answer in time")
	case errors.As(err, &op):
		return c.failed("%v", op.Err)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return c.failed("%s", strings.TrimSpace(err.Error()))
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
