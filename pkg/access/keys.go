package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// How keys are kept. A provider publishes a new key well before it signs with it, so a key that is not known yet is fetched
// when the first token with it comes; keys that it took back are forgotten after keysLife.
const (
	keysLife  = time.Hour        // then they are fetched again
	keysStale = 24 * time.Hour   // so long they are used when that fails
	fetchGap  = 10 * time.Second // at least so long between two fetches: nobody can make us flood the provider
	fetchTime = 5 * time.Second
	maxAnswer = 1 << 20 // bytes of a provider's answer
	maxKeys   = 100
	minRSA    = 2048 / 8 // bytes
)

// keyRing holds the keys of one provider. They are fetched when they are needed first, so that the server starts without it.
type keyRing struct {
	issuer string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when keys were
	tried   time.Time // when the last fetch began
	failed  error     // of the last fetch
	flight  chan struct{}
}

// find gives the keys that may have signed with this id and algorithm; none when the provider has no such key.
func (r *keyRing) find(ctx context.Context, id, algorithm string) ([]jose.JSONWebKey, error) {
	for {
		r.mu.Lock()
		now := r.now()
		age := now.Sub(r.fetched)
		found := matching(r.keys, id, algorithm)
		usable := !r.fetched.IsZero() && age < keysStale && len(found) > 0
		wait := fetchGap - now.Sub(r.tried)
		if r.tried.IsZero() || wait > fetchGap { // never, or the clock was set back
			wait = 0
		}
		switch {
		case usable && age < keysLife, usable && wait > 0:
			r.mu.Unlock()
			return found, nil
		case r.flight != nil:
			flight := r.flight
			r.mu.Unlock()
			select {
			case <-flight:
				continue
			case <-ctx.Done():
				return nil, unavailable(context.Cause(ctx), time.Second)
			}
		case wait > 0:
			failed := r.failed
			r.mu.Unlock()
			if failed != nil {
				return nil, unavailable(failed, wait)
			}
			return nil, nil
		}
		r.flight, r.tried = make(chan struct{}), now
		r.mu.Unlock()
		r.refresh(ctx)
	}
}

// refresh fetches the keys, for all who wait for them: so it goes on when its own caller leaves.
func (r *keyRing) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer cancel()
	keys, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed = err; err == nil {
		r.keys, r.fetched = keys, r.now()
	}
	close(r.flight)
	r.flight = nil
}

// fetch asks the provider where its keys are, and for them.
func (r *keyRing) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, r.client), r.issuer)
	if err != nil {
		return nil, fmt.Errorf("discover the provider: %w", err)
	}
	var doc struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&doc); err != nil {
		return nil, fmt.Errorf("discover the provider: %w", err)
	}
	if err := CheckURL(doc.Keys); err != nil {
		return nil, fmt.Errorf("discover the provider: jwks_uri: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, doc.Keys, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch the keys: %w", err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the keys: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the keys: status %d: %w", resp.StatusCode, errors.Join(err, errNoKeys))
	}
	return parseKeys(body)
}

var errNoKeys = errors.New("no keys")

// parseKeys reads a JSON Web Key Set (RFC 7517). Keys that are not for signatures of ours are left out, whatever they are.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range doc.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil || !k.Valid() || (k.Use != "" && k.Use != "sig") || len(keys) == maxKeys {
			continue
		}
		switch pub := k.Key.(type) {
		case *rsa.PublicKey:
			if pub.Size() >= minRSA {
				keys = append(keys, k)
			}
		case *ecdsa.PublicKey:
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read the keys: %w", errNoKeys)
	}
	return keys, nil
}

// matching gives the keys with this id, or all without one, that can have made such a signature.
func matching(keys []jose.JSONWebKey, id, algorithm string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, k := range keys {
		_, isRSA := k.Key.(*rsa.PublicKey)
		if (id == "" || k.KeyID == id) && (k.Algorithm == "" || k.Algorithm == algorithm) && isRSA == (algorithm[0] != 'E') {
			out = append(out, k)
		}
	}
	return out
}

// bounded reads no more of an answer than maxAnswer.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}
