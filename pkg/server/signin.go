package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
)

// SignIn says how people sign in: with an OpenID provider, or in development mode.
type SignIn struct {
	Issuer   string // of the OpenID provider
	ClientID string // the web UI's
	// Development makes a token for a role; nil where there is an issuer.
	Development func(role string) (token string, expires time.Time, err error)
	// Secret is what whoever asks for such a token has to know, made anew at each start. Where a request comes from does not say
	// who sent it: a proxy on this machine need not tell that there is somebody behind it.
	Secret string
}

// config answers what the UI has to know.
func (c SignIn) config(w http.ResponseWriter) {
	auth := map[string]string{"mode": "development"}
	if c.Development == nil {
		auth = map[string]string{"mode": "oidc", "issuer": c.Issuer, "clientId": c.ClientID, "scope": "openid"}
	}
	sendJSON(w, http.StatusOK, map[string]any{"api": "", "auth": auth})
}

func sendJSON(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(doc)
}

// token answers POST /dev/token: to whoever knows the secret, to this machine alone, and to no page of another site. A page cannot send JSON to
// another origin without asking first, which is never allowed here; and the browser says where it comes from.
func (c SignIn) token(w http.ResponseWriter, r *http.Request, local bool) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		refused(w, http.StatusMethodNotAllowed, "only POST works here")
		return
	case !local:
		refused(w, http.StatusForbidden, "tokens are given to this machine only")
		return
	case foreign(r):
		refused(w, http.StatusForbidden, "tokens are not given to pages of other sites")
		return
	case err != nil || media != "application/json":
		refused(w, http.StatusUnsupportedMediaType, "send the header Content-Type: application/json")
		return
	}
	ask, err := readWish(r.Body)
	if err != nil {
		refused(w, http.StatusBadRequest, `send {"role": "ADMIN", "secret": "..."}`)
		return
	}
	if asked, own := sha256.Sum256([]byte(ask.Secret)), sha256.Sum256([]byte(c.Secret)); c.Secret == "" || subtle.ConstantTimeCompare(asked[:], own[:]) != 1 {
		refused(w, http.StatusForbidden, "send the secret that the server printed at its start")
		return
	}
	token, expires, err := c.Development(ask.Role)
	if err != nil {
		refused(w, http.StatusUnprocessableEntity, fault.From(err).Message)
		return
	}
	sendJSON(w, http.StatusOK, map[string]any{"token": token, "expiresAt": expires.UTC().Format(time.RFC3339), "role": ask.Role})
}

// wish is what somebody asks for who signs in for development.
type wish struct {
	Role   string `json:"role"`
	Secret string `json:"secret"`
}

func readWish(r io.Reader) (ask wish, err error) {
	d := json.NewDecoder(io.LimitReader(r, 4<<10))
	d.DisallowUnknownFields()
	err = d.Decode(&ask)
	return ask, err
}

// foreign tells whether a browser sent a request for a page of another origin. Programs say nothing of the kind.
func foreign(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return origin != scheme+"://"+r.Host
}

// sources are the origins that the UI may connect to besides its own: the issuer's, and where the issuer says that
// tokens are fetched, which may be another one (Amazon Cognito's is).
type sources struct {
	issuer string
	header atomic.Pointer[string]
}

func newSources(c SignIn) *sources {
	s := &sources{}
	if c.Development == nil {
		s.issuer = c.Issuer
	}
	s.allow(s.issuer)
	return s
}

// allow sets the policy. It lets scripts, styles, images and fonts of our own files in, and nothing that is inline.
func (s *sources) allow(urls ...string) {
	connect := []string{"'self'"}
	for _, u := range urls {
		if o := origin(u); o != "" && !slices.Contains(connect, o) {
			connect = append(connect, o)
		}
	}
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src " +
		strings.Join(connect, " ") + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'"
	s.header.Store(&policy)
}

func (s *sources) policy() string { return *s.header.Load() }

// origin gives the origin of an https URL, or of an http one on this machine; "" for what is neither.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())) || strings.ContainsAny(u.Host, " ;,'\"") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// discover asks the issuer where tokens are fetched (OpenID Connect Discovery 1.0), until it has answered.
func (s *sources) discover(ctx context.Context, log *slog.Logger) {
	if s.issuer == "" {
		return
	}
	for wait := time.Second; ; wait = min(2*wait, 5*time.Minute) {
		endpoint, err := tokenEndpoint(ctx, s.issuer)
		if err == nil {
			s.allow(s.issuer, endpoint)
			return
		}
		if ctx.Err() != nil {
			return
		}
		log.Warn("the identity provider cannot be asked; trying again", "issuer", s.issuer, "error", err.Error(), "again_ms", wait.Milliseconds())
		if pause.For(ctx, wait) != nil {
			return
		}
	}
}

func tokenEndpoint(ctx context.Context, issuer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s", req.URL.Redacted(), resp.Status)
	}
	endpoint, err := readDiscovery(resp.Body)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", req.URL.Redacted(), err)
	}
	return endpoint, nil
}

func readDiscovery(r io.Reader) (tokenEndpoint string, err error) {
	var doc struct {
		TokenEndpoint string `json:"token_endpoint"`
	}
	err = json.NewDecoder(io.LimitReader(r, 256<<10)).Decode(&doc)
	return doc.TokenEndpoint, err
}
