package address

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// What an address is wrapped in does not make it another one.
func TestLocal(t *testing.T) {
	const elsewhere, own, link = 0, 1, 2
	for a, want := range map[string]int{
		"127.0.0.1": own, "127.8.8.8": own, "::1": own, "::ffff:127.0.0.1": own, "0.0.0.0": own, "0.1.2.3": own, "::": own, "2002:7f00:1::": own, "::7f00:1": own, "64:ff9b::7f00:1": own,
		"169.254.169.254": link, "169.254.170.2": link, "fe80::1": link, "fe80::1%eth0": link, "::ffff:169.254.169.254": link, "64:ff9b::a9fe:a9fe": link, "2002:a9fe:a9fe::": link, "::a9fe:a9fe": link,
		"224.0.0.1": link, "ff02::1": link, "fd00:ec2::254": link, "100.100.100.200": link, "::ffff:100.100.100.200": link, "192.0.0.192": link, "168.63.129.16": link, "fd20:ce::254": link, "::ffff:0:a9fe:a9fe": link, "::ffff:0:7f00:1": own,
		"10.0.0.1": elsewhere, "192.168.1.1": elsewhere, "203.0.113.9": elsewhere, "2001:db8::1": elsewhere, "fd12::1": elsewhere, "64:ff9b::cb00:7109": elsewhere,
	} {
		addr := netip.MustParseAddr(a)
		if got := Local(addr); got != (want != elsewhere) {
			t.Errorf("%s: local %v", a, got)
		}
		if got := Link(addr); got != (want == link) {
			t.Errorf("%s: of the link %v", a, got)
		}
	}
}

// A connection is refused before it is made, by whatever name it is asked for.
func TestRefuse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	no := errors.New("no")
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", ""} {
		d := net.Dialer{ControlContext: Refuse(Local, no)}
		if c, err := d.Dial("tcp", net.JoinHostPort(host, port)); !errors.Is(err, no) {
			t.Errorf("%q: %v %v", host, c, err)
		}
	}
	d := net.Dialer{ControlContext: Refuse(Link, no)}
	c, err := d.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
