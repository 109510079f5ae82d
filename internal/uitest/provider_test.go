package uitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// client is the UI's name at the provider.
const client = "cofre-ui"

// provider is an OpenID provider on loopback that holds a public client to the code flow with PKCE. Its sign-in page is
// one link. The first token lives for some seconds, so that its end can be seen.
type provider struct {
	*httptest.Server
	issuer  string
	signer  jose.Signer
	keys    jose.JSONWebKeySet
	granted atomic.Int32

	mu    sync.Mutex
	codes map[string]url.Values // the request of each code; used once
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: string(jose.ES256), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{signer: signer, keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, p.keys) })
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /logout", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("post_logout_redirect_uri"), http.StatusFound)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	p.Server = httptest.NewServer(mux)
	p.issuer = p.URL
	t.Cleanup(p.Close)
	return p
}

func send(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, map[string]any{
		"issuer": p.issuer, "jwks_uri": p.issuer + "/keys", "authorization_endpoint": p.issuer + "/authorize", "token_endpoint": p.issuer + "/token",
		"end_session_endpoint": p.issuer + "/logout", "response_types_supported": []string{"code"}, "code_challenge_methods_supported": []string{"S256"},
	})
}

// authorize shows a page whose link leads back with a code. Its query says role=USUARIO for another role than ADMIN.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != client || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.issuer}}.Encode()
	fmt.Fprintf(w, `<!doctype html><title>provider</title><a id="in" href="%s">Sign in as Ana</a>`, html.EscapeString(back.String()))
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	q := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if q == nil || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != q.Get("redirect_uri") ||
		r.PostFormValue("client_id") != client || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") {
		send(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	now, life := time.Now(), time.Hour
	if p.granted.Add(1) == 1 {
		life = 8 * time.Second
	}
	claims := map[string]any{
		"iss": p.issuer, "sub": "ana-1", "aud": client, "iat": now.Unix(), "exp": now.Add(life).Unix(), "name": "Ana Souza",
		"cognito:groups": []string{"ADMIN"}, "nonce": q.Get("nonce"),
	}
	token, err := p.sign(claims)
	if err != nil {
		send(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	send(w, http.StatusOK, map[string]any{"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": int(life.Seconds())})
}

func (p *provider) sign(claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := p.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
