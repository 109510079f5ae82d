package access

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cofre/pkg/fault"
)

func raw(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// TestTokens takes every way in which a token can be wrong to a verifier with a real provider.
func TestTokens(t *testing.T) {
	c := newClock()
	p := newProvider(t, true)
	p.add(t, "ec-1", ecKey(t, elliptic.P256()), jose.ES256)
	v := p.verifier(t, c)
	sign := func(changes map[string]any) string { return p.sign(t, "rsa-1", p.good(c, changes)) }
	at := func(d time.Duration) int64 { return c.now().Add(d).Unix() }
	good := sign(nil)
	payload, _ := json.Marshal(p.good(c, nil))
	public, err := x509.MarshalPKIXPublicKey(&rsaKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asSecret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")

	for name, token := range map[string]string{
		"RS256":             good,
		"ES256":             p.sign(t, "ec-1", p.good(c, nil)),
		"several audiences": sign(map[string]any{"aud": []string{"x", "cofre"}}),
		"as Cognito":        sign(map[string]any{"aud": nil, "client_id": "cofre", "token_use": "access"}),
		"clocks apart":      sign(map[string]any{"nbf": at(20 * time.Second), "iat": at(20 * time.Second), "exp": at(-20 * time.Second)}),
		"no nbf, no iat":    sign(map[string]any{"nbf": nil, "iat": nil}),
		"no key id":         signWith(t, jose.RS256, rsaKey(t), "", p.good(c, nil)),
	} {
		if id, err := v.Verify(t.Context(), token); err != nil || id.Subject != "7f3c" || id.Name != "Ana" || id.Role != Admin || id.ExpiresAt.IsZero() {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}

	for name, bad := range map[string]struct {
		token  string
		reason fault.Reason
	}{
		"none":                     {"", TokenInvalid},
		"garbage":                  {"a.b.c", TokenInvalid},
		"no dots":                  {"garbage", TokenInvalid},
		"binary":                   {"\x00\xff.\x01.", TokenInvalid},
		"huge":                     {good + strings.Repeat("x", maxToken), TokenInvalid},
		"as a JSON document":       {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, TokenInvalid},
		"claims are a list":        {signWith(t, jose.RS256, rsaKey(t), "rsa-1", nil), TokenInvalid},
		"alg none":                 {raw(`{"alg":"none"}`) + "." + raw(string(payload)) + ".", TokenAlgorithm},
		"alg none, with signature": {raw(`{"alg":"none","kid":"rsa-1"}`) + "." + parts[1] + "." + parts[2], TokenAlgorithm},
		"alg nOnE":                 {raw(`{"alg":"nOnE"}`) + "." + parts[1] + "." + parts[2], TokenAlgorithm},
		"HS256 with the RSA key":   {signWith(t, jose.HS256, asSecret, "rsa-1", p.good(c, nil)), TokenAlgorithm},
		"HS256 with its DER":       {signWith(t, jose.HS256, public, "rsa-1", p.good(c, nil)), TokenAlgorithm},
		"expired":                  {sign(map[string]any{"exp": at(-31 * time.Second)}), TokenExpired},
		"expires never":            {sign(map[string]any{"exp": nil}), TokenInvalid},
		"expires as text":          {sign(map[string]any{"exp": "soon"}), TokenInvalid},
		"expires at infinity":      {sign(map[string]any{"exp": json.Number("1e308")}), TokenInvalid},
		"not yet valid":            {sign(map[string]any{"nbf": at(2 * time.Minute)}), TokenNotYetValid},
		"nbf is text":              {sign(map[string]any{"nbf": "soon"}), TokenInvalid},
		"issued in the future":     {sign(map[string]any{"iat": at(2 * time.Minute)}), TokenNotYetValid},
		"wrong issuer":             {sign(map[string]any{"iss": "https://evil.example"}), TokenIssuer},
		"issuer with a slash":      {sign(map[string]any{"iss": p.issuer + "/"}), TokenIssuer},
		"no issuer":                {sign(map[string]any{"iss": nil}), TokenIssuer},
		"wrong audience":           {sign(map[string]any{"aud": "shop"}), TokenAudience},
		"no audience":              {sign(map[string]any{"aud": nil}), TokenAudience},
		"empty audience":           {sign(map[string]any{"aud": ""}), TokenAudience},
		"audience and client":      {sign(map[string]any{"aud": "shop", "client_id": "cofre", "token_use": "access"}), TokenAudience},
		"client of an id token":    {sign(map[string]any{"aud": nil, "client_id": "cofre", "token_use": "id"}), TokenAudience},
		"a stranger's key":         {signWith(t, jose.RS256, stranger, "rsa-1", p.good(c, nil)), TokenSignature},
		"an unknown key":           {signWith(t, jose.RS256, stranger, "rsa-9", p.good(c, nil)), TokenSignature},
		"changed claims":           {parts[0] + "." + raw(strings.Replace(string(payload), "ADMIN", "SUPERADMIN", 1)) + "." + parts[2], TokenSignature},
		"no signature":             {parts[0] + "." + parts[1] + ".", TokenSignature},
		"another algorithm's key":  {signWith(t, jose.PS256, rsaKey(t), "rsa-1", p.good(c, nil)), TokenSignature},
		"no role":                  {sign(map[string]any{"cognito:groups": nil}), NotAllowed},
		"role in lower case":       {sign(map[string]any{"cognito:groups": []string{"admin"}}), NotAllowed},
		"two roles":                {sign(map[string]any{"cognito:groups": []string{"ADMIN", "USUARIO"}}), NotAllowed},
		"no subject":               {sign(map[string]any{"sub": nil}), TokenInvalid},
	} {
		id, err := v.Verify(t.Context(), bad.token)
		f := fault.From(err)
		if err == nil || f.Code != fault.Permission || f.Reason != bad.reason || f.Hint == "" || f.Message == "" || id != (Identity{}) {
			t.Errorf("%s: %+v, %v; want %s", name, id, err, bad.reason)
		} else if len(bad.token) > 20 && strings.Contains(err.Error()+f.Hint, bad.token[:20]) {
			t.Errorf("%s: the error holds the token: %v", name, err)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	c := newClock()
	p := newProvider(t, true)
	for _, alg := range algorithms {
		curve := map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()}[alg]
		if curve != nil {
			p.add(t, string(alg), ecKey(t, curve), alg)
		} else {
			p.add(t, string(alg), rsaKey(t), alg)
		}
	}
	p.extra = []any{map[string]any{"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}, map[string]any{"kty": "new"}, "nonsense", map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "tiny"}}
	v := p.verifier(t, c)
	for _, alg := range algorithms {
		mustVerify(t, v, p.sign(t, string(alg), p.good(c, nil)))
	}
}

// TestRotation guards against a key that is used at once after it was made, one that was taken back, and against a flood of
// tokens with made-up key ids, which must not become a flood of requests to the provider.
func TestRotation(t *testing.T) {
	c := newClock()
	p := newProvider(t, true)
	v := p.verifier(t, c)
	mustVerify(t, v, p.sign(t, "rsa-1", p.good(c, nil)))

	c.add(time.Minute)
	p.add(t, "rsa-2", rsaKey(t), jose.RS256)
	mustVerify(t, v, p.sign(t, "rsa-2", p.good(c, nil)))
	if n := p.fetches.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
	c.add(fetchGap)
	before := p.fetches.Load()
	var g sync.WaitGroup
	for i := range 200 {
		g.Go(func() {
			token := signWith(t, jose.RS256, rsaKey(t), "made-up-"+string(rune('a'+i%26)), p.good(c, nil))
			if _, err := v.Verify(context.Background(), token); !fault.HasReason(err, TokenSignature) {
				t.Errorf("%v", err)
			}
		})
	}
	g.Wait()
	if n := p.fetches.Load() - before; n != 1 {
		t.Errorf("a flood of unknown keys fetched the keys %d times", n)
	}

	old := p.good(c, map[string]any{"exp": c.now().Add(24 * time.Hour).Unix()})
	token := p.sign(t, "rsa-1", old)
	p.remove("rsa-1")
	mustVerify(t, v, token)
	c.add(keysLife + time.Second)
	if _, err := v.Verify(t.Context(), token); !fault.HasReason(err, TokenSignature) {
		t.Errorf("a key that was taken back: %v", err)
	}
}

// TestProviderAway: a server starts without its provider, says so to callers, and recovers by itself. With keys that it has it
// goes on for a day.
func TestProviderAway(t *testing.T) {
	c := newClock()
	p := newProvider(t, true)
	v := p.verifier(t, c)
	sick := func(f func(http.ResponseWriter, *http.Request) bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sick = f
	}
	away := func(token string) {
		t.Helper()
		_, err := v.Verify(t.Context(), token)
		f := fault.From(err)
		if err == nil || f.Code != fault.FileSystem || !f.Transient || f.RetryAfter < time.Second || f.RetryAfter > fetchGap || f.Hint == "" {
			t.Fatalf("%v (retry after %s)", err, f.RetryAfter)
		}
	}
	for name, f := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"errors":  func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true },
		"no keys": func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Path == "/keys" },
		"other issuer": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"issuer":"https://x"}`))
			return true
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write(make([]byte, 3*maxAnswer))
			return true
		},
		"unsafe keys": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"issuer":"` + p.issuer + `","jwks_uri":"http://192.0.2.1/keys"}`))
			return true
		},
		"unsafe detour": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://192.0.2.1/", 302)
			return true
		},
	} {
		sick(f)
		c.add(fetchGap)
		t.Log(name)
		away(p.sign(t, "rsa-1", p.good(c, nil)))
		if _, err := v.Verify(t.Context(), p.sign(t, "rsa-1", p.good(c, map[string]any{"iss": "x"}))); !fault.HasReason(err, TokenIssuer) {
			t.Errorf("%s: a token that is wrong without any key: %v", name, err)
		}
	}
	sick(nil)
	away(p.sign(t, "rsa-1", p.good(c, nil))) // too soon after the last try
	c.add(fetchGap)
	mustVerify(t, v, p.sign(t, "rsa-1", p.good(c, nil)))

	p.CloseClientConnections()
	p.Listener.Close()
	c.add(2 * time.Hour)
	mustVerify(t, v, p.sign(t, "rsa-1", p.good(c, nil)))
	away(signWith(t, jose.RS256, rsaKey(t), "rsa-7", p.good(c, nil))) // perhaps a new key: nobody can say
	c.add(23 * time.Hour)
	away(p.sign(t, "rsa-1", p.good(c, nil)))
}

// TestStartsWithoutProvider: nothing listens at first.
func TestStartsWithoutProvider(t *testing.T) {
	c := newClock()
	p := newProvider(t, false)
	addr := p.Listener.Addr().String()
	p.Listener.Close()
	v := p.verifier(t, c)
	token := p.sign(t, "rsa-1", p.good(c, nil))
	if _, err := v.Verify(t.Context(), token); !fault.HasCode(err, fault.FileSystem) {
		t.Fatalf("%v", err)
	}
	listen(t, p, addr)
	c.add(fetchGap)
	mustVerify(t, v, token)
}

// TestHangingProvider: whoever gives up waiting is told that it was not the token.
func TestHangingProvider(t *testing.T) {
	c := newClock()
	p := newProvider(t, true)
	release := make(chan struct{})
	p.sick = func(http.ResponseWriter, *http.Request) bool { <-release; return false }
	v := p.verifier(t, c)
	token := p.sign(t, "rsa-1", p.good(c, nil))
	done := make(chan error)
	go func() { _, err := v.Verify(context.Background(), token); done <- err }()
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := v.Verify(ctx, token)
	if f := fault.From(err); err == nil || f.Code != fault.FileSystem || f.Reason != fault.Timeout {
		t.Errorf("%v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		issuer    string
		audiences []string
	}{
		"no issuer":      {"", []string{"a"}},
		"no encryption":  {"http://issuer.example", []string{"a"}},
		"with user":      {"https://me:secret@issuer.example", []string{"a"}},
		"a file":         {"file:///etc/passwd", []string{"a"}},
		"no audience":    {"https://issuer.example", nil},
		"empty audience": {"https://issuer.example", []string{""}},
	} {
		_, err := NewVerifier(c.issuer, c.audiences, "", nil, nil)
		if f := fault.From(err); err == nil || f.Code != fault.Validation || f.Hint == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDevelopment(t *testing.T) {
	c := newClock()
	d, err := NewDevelopment(c.now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewDevelopment(c.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range Roles() {
		token, expires, err := d.Issue(role, "Ana")
		if err != nil || !expires.Equal(c.now().Add(8*time.Hour)) {
			t.Fatalf("%s, %v", expires, err)
		}
		if id := mustVerify(t, d, token); id.Role != role || id.Name != "Ana" || id.Subject != "development:Ana" || !id.ExpiresAt.Equal(expires) {
			t.Errorf("%+v", id)
		}
		if _, err := other.Verify(t.Context(), token); !fault.HasReason(err, TokenSignature) {
			t.Errorf("the token of another process: %v", err)
		}
	}
	token, _, _ := d.Issue(Admin, "")
	c.add(8*time.Hour + Leeway)
	if _, err := d.Verify(t.Context(), token); !fault.HasReason(err, TokenExpired) {
		t.Errorf("%v", err)
	}
	if _, _, err := d.Issue("admin", ""); !fault.HasCode(err, fault.Validation) {
		t.Errorf("%v", err)
	}
}

func FuzzToken(f *testing.F) {
	c := newClock()
	d, err := NewDevelopment(c.now)
	if err != nil {
		f.Fatal(err)
	}
	token, _, _ := d.Issue(Admin, "Ana")
	f.Add(token)
	f.Add(raw(`{"alg":"none"}`) + "." + raw(`{"iss":"cofre-development"}`) + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := d.Verify(t.Context(), s)
		if err == nil && id.Subject != "development:Ana" || err != nil && !fault.HasCode(err, fault.Permission) {
			t.Errorf("%+v, %v", id, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err == nil && len(keys) == 0 {
			t.Error("no keys, and no error")
		}
		for _, k := range keys {
			if !k.IsPublic() {
				t.Errorf("a private key: %T", k.Key)
			}
		}
	})
}
