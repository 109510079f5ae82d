package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// provider is an OpenID provider on loopback, with real keys.
type provider struct {
	*httptest.Server
	issuer  string
	fetches atomic.Int32 // of the keys

	mu    sync.Mutex
	keys  map[string]jose.JSONWebKey // private, by their ids
	extra []any                      // more in the key set
	sick  func(http.ResponseWriter, *http.Request) bool
}

// newProvider makes one that does not answer yet where up is false; see start.
func newProvider(t *testing.T, up bool) *provider {
	t.Helper()
	p := &provider{keys: map[string]jose.JSONWebKey{}}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.issuer = "http://" + p.Listener.Addr().String()
	t.Cleanup(p.Close)
	p.add(t, "rsa-1", rsaKey(t), jose.RS256)
	if up {
		p.Start()
	}
	return p
}

func (p *provider) add(t *testing.T, id string, key crypto.Signer, alg jose.SignatureAlgorithm) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[id] = jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(alg), Use: "sig"}
}

func (p *provider) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, id)
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sick != nil && p.sick(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.issuer, "jwks_uri": p.issuer + "/keys"})
	case "/keys":
		p.fetches.Add(1)
		set := append([]any{}, p.extra...)
		for _, k := range p.keys {
			set = append(set, k.Public())
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": set})
	default:
		http.NotFound(w, r)
	}
}

// sign makes a token of claims with one of the provider's keys.
func (p *provider) sign(t *testing.T, keyID string, claims map[string]any) string {
	t.Helper()
	p.mu.Lock()
	key := p.keys[keyID]
	p.mu.Unlock()
	return signWith(t, jose.SignatureAlgorithm(key.Algorithm), key.Key, keyID, claims)
}

func signWith(t *testing.T, alg jose.SignatureAlgorithm, key any, keyID string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var sharedRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := sharedRSA()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ecKey(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// good are the claims of a token that is accepted, with changes; a nil value takes a claim out.
func (p *provider) good(c *clock, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": p.issuer, "aud": "cofre", "sub": "7f3c", "name": "Ana", "cognito:groups": []string{"ADMIN", "staff"},
		"iat": c.now().Unix(), "nbf": c.now().Unix(), "exp": c.now().Add(time.Hour).Unix(),
	}
	for k, v := range changes {
		claims[k] = v
		if v == nil {
			delete(claims, k)
		}
	}
	return claims
}

func (p *provider) verifier(t *testing.T, c *clock) *Verifier {
	t.Helper()
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	v, err := NewVerifier(p.issuer, []string{"other", "cofre"}, "", &http.Client{Transport: transport}, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustVerify(t *testing.T, v interface {
	Verify(context.Context, string) (Identity, error)
}, token string) Identity {
	t.Helper()
	id, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// listen serves at an address that was closed.
func listen(t *testing.T, p *provider, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(p.serve)}}
	p.Start()
	t.Cleanup(p.Close)
}
