package server

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"unicode"
)

// Whatever stands in the headers, the caller's address is an address, and nobody becomes local by them.
func FuzzForwarded(f *testing.F) {
	for _, header := range []string{"203.0.113.7", "10.0.0.1, [2001:db8::2]:443", "127.0.0.1", "::1%eth0", ",", "unknown"} {
		f.Add(header, "gzip;q=0.5, br")
	}
	s := &Server{}
	f.Fuzz(func(t *testing.T, header, accept string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Forwarded-For", header)
		r.Header.Set("Accept-Encoding", accept)
		got := forwarded(r)
		host, _, err := net.SplitHostPort(got.RemoteAddr)
		if err != nil {
			t.Fatalf("%q gives %q: %v", header, got.RemoteAddr, err)
		}
		if _, err := netip.ParseAddr(host); err != nil {
			t.Fatalf("%q gives %q: %v", header, host, err)
		}
		r.RemoteAddr = "127.0.0.1:1"
		if header != "" && s.local(r) {
			t.Fatalf("%q is taken for this machine", header)
		}
		acceptsGzip(r)
	})
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br, gzip": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip ;q=0.1": true, "gzip;q=1.0": true, "x-gzip": false, "br": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := acceptsGzip(r); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

// FuzzSignIn: whatever an identity provider says of itself, the pages' policy stays one, on one line; and whatever is sent to
// /dev/token, it is a wish or refused.
func FuzzSignIn(f *testing.F) {
	for _, s := range []string{`{"token_endpoint":"https://id.example/token"}`, `{"token_endpoint":"https://x; script-src *"}`, `{"token_endpoint":"https://[::1]:1/"}`, `{"role":"ADMIN","secret":"x"}`, `null`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if ask, err := readWish(bytes.NewReader(data)); err == nil && len(ask.Role)+len(ask.Secret) > 16<<10 {
			t.Errorf("accepted %d bytes", len(ask.Role)+len(ask.Secret))
		}
		endpoint, err := readDiscovery(bytes.NewReader(data))
		if err != nil {
			return
		}
		s := newSources(SignIn{Issuer: "https://id.example"})
		s.allow(s.issuer, endpoint)
		p := s.policy()
		if strings.Count(p, ";") != 9 || strings.ContainsFunc(p, unicode.IsControl) || strings.Count(p, " ") > 26 {
			t.Errorf("%q makes the policy %q", endpoint, p)
		}
	})
}
