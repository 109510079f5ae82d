// Package address tells which network addresses are this machine's own or its link's, and keeps connections from them. Where somebody else than
// whoever runs cofre says where it is to connect to, those would lead to what trusts this machine: services on loopback, and the metadata
// services of clouds, which hand credentials out.
//
// The address is looked at when the connection is made, behind the resolution of names, so that a name cannot mean one address when it is checked
// and another one when it is used.
package address

import (
	"context"
	"net/netip"
	"strings"
	"syscall"
)

// metadata are addresses, besides link-local ones, by which clouds hand credentials out.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS, over IPv6
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle Cloud
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud, over IPv6
}

// this is "this network", which Linux takes for loopback.
var this = netip.MustParsePrefix("0.0.0.0/8")

// embedded are the prefixes behind which an IPv6 address carries one of IPv4, and where.
var embedded = []struct {
	prefix netip.Prefix
	at     int
}{{netip.MustParsePrefix("64:ff9b::/96"), 12}, {netip.MustParsePrefix("2002::/16"), 2}, {netip.MustParsePrefix("::/96"), 12}, {netip.MustParsePrefix("::ffff:0:0:0/96"), 12}}

// plain is an address without what it is wrapped in. ::1 and :: stay what they are.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() || a.IsUnspecified() {
		return a
	}
	for _, e := range embedded {
		if a.Is6() && e.prefix.Contains(a) {
			b := a.As16()
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4]))
		}
	}
	return a
}

// Link tells whether an address is one of the link's: link-local, multicast, or a metadata service's.
func Link(a netip.Addr) bool {
	a = plain(a)
	if a.IsLinkLocalUnicast() || a.IsMulticast() {
		return true
	}
	for _, p := range metadata {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Local tells whether an address is this machine's own, or one of the link's.
func Local(a netip.Addr) bool {
	p := plain(a)
	return p.IsLoopback() || p.IsUnspecified() || this.Contains(p) || Link(a)
}

// Refuse makes the ControlContext of a [net.Dialer] that makes no connection to addresses of a kind: its error is then err.
func Refuse(kind func(netip.Addr) bool, err error) func(ctx context.Context, network, address string, c syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if to, perr := netip.ParseAddrPort(address); perr != nil || kind(to.Addr()) {
			return err
		}
		return nil
	}
}

// Named tells whether the name of a host says by itself that it is this machine, or on its link. What a name resolves to is looked at when a connection is made.
func Named(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && Local(a)
}
