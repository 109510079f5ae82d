package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"cofre/pkg/fault"
)

// forbidden are ranges that a channel leads to only where it allows local ones: besides loopback and link-local addresses those by which clouds
// hand credentials out.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS, over IPv6
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle Cloud
	netip.MustParsePrefix("0.0.0.0/8"),
}

// embedded are the prefixes behind which an IPv6 address carries one of IPv4, and where.
var embedded = []struct {
	prefix netip.Prefix
	at     int
}{{netip.MustParsePrefix("64:ff9b::/96"), 12}, {netip.MustParsePrefix("2002::/16"), 2}, {netip.MustParsePrefix("::/96"), 12}}

// local tells whether an address is this machine's own, or one of the link's.
func local(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() || a.IsMulticast() || a.IsUnspecified() {
		return true
	}
	for _, p := range forbidden {
		if p.Contains(a) {
			return true
		}
	}
	for _, e := range embedded {
		if a.Is6() && e.prefix.Contains(a) {
			b := a.As16()
			return local(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	return false
}

var errLocal = errors.New("it leads to an address of this machine or link, which only channels with allowLocal: true may")

// dialer makes connections to whatever is not local.
func dialer(allowLocal bool) *net.Dialer {
	d := &net.Dialer{Timeout: answerTime}
	if !allowLocal {
		d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || local(to.Addr()) {
				return errLocal
			}
			return nil
		}
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
