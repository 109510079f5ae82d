package access

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cofre/pkg/fault"
)

const (
	developmentIssuer = "cofre-development"
	developmentLife   = 8 * time.Hour
	developmentClaim  = "roles"
)

// Development issues tokens by itself, to whoever asks it: for a server on loopback that has no identity provider. Its key is
// made with it and never leaves the process, so its tokens end with the process.
type Development struct {
	rules  rules
	signer jose.Signer
}

// NewDevelopment makes one with a new key. now nil is time.Now.
func NewDevelopment(now func() time.Time) (*Development, error) {
	if now == nil {
		now = time.Now
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("make a signer: %w", err)
	}
	own := []jose.JSONWebKey{{Key: &key.PublicKey, Algorithm: string(jose.ES256)}}
	return &Development{signer: signer, rules: rules{
		issuer: developmentIssuer, audiences: []string{developmentIssuer}, rolesClaim: developmentClaim, now: now,
		keys: func(_ context.Context, id, algorithm string) ([]jose.JSONWebKey, error) {
			return matching(own, id, algorithm), nil
		},
	}}, nil
}

// Issue gives a token for a role, and when it ends: in 8 hours. name is for people; it may be empty.
func (d *Development) Issue(role Role, name string) (token string, expires time.Time, err error) {
	if !role.Known() {
		return "", time.Time{}, fault.New(fault.Validation, fault.InvalidInput, "Use SUPERADMIN, ADMIN, SUPERVISOR or USUARIO.", "%.20q is not a role", string(role))
	}
	now := d.rules.now().Truncate(time.Second)
	expires = now.Add(developmentLife).UTC()
	claims, err := json.Marshal(map[string]any{
		"iss": developmentIssuer, "aud": developmentIssuer, "sub": "development:" + cmp.Or(name, string(role)), "name": name,
		developmentClaim: []string{string(role)}, "iat": now.Unix(), "nbf": now.Unix(), "exp": expires.Unix(),
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("encode claims: %w", err)
	}
	signed, err := d.signer.Sign(claims)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign a token: %w", err)
	}
	token, err = signed.CompactSerialize()
	return token, expires, err
}

// Verify gives whom a token of Issue stands for.
func (d *Development) Verify(ctx context.Context, token string) (Identity, error) {
	return d.rules.verify(ctx, token)
}
