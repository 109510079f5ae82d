package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cofre/pkg/fault"
)

// Leeway is how far the clocks of issuer and server may be apart.
const Leeway = 30 * time.Second

// maxToken bounds a token, in bytes: those with many groups have some kilobytes.
const maxToken = 16 << 10

// algorithms are the ones that are accepted, whatever a token or a provider says: signatures whose key nobody but the issuer
// has. "none" and the HS family, for which everybody's public key would do as the secret, are not among them.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512}

const signInAgain = "Sign in again, and send the new token."

// rules is what a token is held against.
type rules struct {
	issuer     string
	audiences  []string
	rolesClaim string
	now        func() time.Time
	// keys gives the keys that may have signed with this key id (empty: any) and algorithm.
	keys func(ctx context.Context, keyID, algorithm string) ([]jose.JSONWebKey, error)
}

// verify takes a token through all checks. Form, algorithm and issuer come before the signature, so that no key is asked for on
// behalf of a token that would be refused anyway.
func (r rules) verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, refuse(TokenInvalid, signInAgain, "the token is too large: %d bytes, of at most %d", len(token), maxToken)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	var odd *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &odd):
		return Identity{}, refuse(TokenAlgorithm, "Use a token that the identity provider signed with RS, PS or ES and 256, 384 or 512.", "the token is signed in a way that is not accepted: %.20q", string(odd.Got))
	case err != nil || len(signed.Signatures) != 1:
		return Identity{}, refuse(TokenInvalid, signInAgain, "this is not a JSON Web Token")
	}
	claims, err := decodeClaims(signed.UnsafePayloadWithoutVerification())
	if err != nil {
		return Identity{}, err
	}
	if issuer, _ := claims["iss"].(string); issuer != r.issuer {
		return Identity{}, refuse(TokenIssuer, "Sign in with the provider that this server trusts (BACKUP_OIDC_ISSUER).", "the token was issued by somebody else")
	}
	if err := r.checkSignature(ctx, signed); err != nil {
		return Identity{}, err
	}
	if err := r.checkClaims(claims); err != nil {
		return Identity{}, err
	}
	return FromClaims(claims, r.rolesClaim)
}

func decodeClaims(payload []byte) (map[string]any, error) {
	var claims map[string]any
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	if err := dec.Decode(&claims); err != nil || claims == nil || dec.More() {
		return nil, refuse(TokenInvalid, signInAgain, "the token holds no claims")
	}
	return claims, nil
}

func (r rules) checkSignature(ctx context.Context, signed *jose.JSONWebSignature) error {
	header := signed.Signatures[0].Header
	keys, err := r.keys(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if _, err := signed.Verify(k.Key); err == nil {
			return nil
		}
	}
	return refuse(TokenSignature, signInAgain, "the token's signature is not of the identity provider")
}

// checkClaims holds verified claims against audience and time.
func (r rules) checkClaims(claims map[string]any) error {
	if !r.forUs(claims) {
		return refuse(TokenAudience, "Sign in to cofre, not to another program of the same provider (BACKUP_OIDC_AUDIENCE).", "the token was issued for another program")
	}
	now := r.now()
	expires, ok := numericDate(claims["exp"])
	switch {
	case !ok:
		return refuse(TokenInvalid, signInAgain, "the token does not say when it expires")
	case !now.Before(expires.Add(Leeway)):
		return refuse(TokenExpired, signInAgain, "the token has expired")
	}
	for _, claim := range []string{"nbf", "iat"} {
		v, there := claims[claim]
		if !there {
			continue
		}
		from, ok := numericDate(v)
		if !ok {
			return refuse(TokenInvalid, signInAgain, "the token's %s is not a time", claim)
		}
		if now.Add(Leeway).Before(from) {
			return refuse(TokenNotYetValid, "Wait, or set the clocks: those of provider and server may differ by 30 seconds.", "the token is not valid yet")
		}
	}
	return nil
}

// forUs tells whether the audience is ours. Access tokens of Amazon Cognito have none; they name the program in client_id.
func (r rules) forUs(claims map[string]any) bool {
	aud, there := claims["aud"]
	if !there {
		client, _ := claims["client_id"].(string)
		use, _ := claims["token_use"].(string)
		return use == "access" && client != "" && slices.Contains(r.audiences, client)
	}
	if one, ok := aud.(string); ok {
		return slices.Contains(r.audiences, one)
	}
	list, _ := aud.([]any)
	return slices.ContainsFunc(list, func(a any) bool {
		s, ok := a.(string)
		return ok && slices.Contains(r.audiences, s)
	})
}

// unavailable says that the provider's keys could not be had: nobody's token is wrong.
func unavailable(err error, retry time.Duration) error {
	f := fault.Wrap(err, fault.FileSystem, fault.StorageUnreachable, "Try again shortly. If it goes on, the server's administrator should look whether it reaches BACKUP_OIDC_ISSUER.",
		"the identity provider's keys cannot be fetched, so no token can be verified")
	f.Transient, f.RetryAfter = true, max(retry, time.Second)
	if errors.Is(err, context.DeadlineExceeded) {
		f.Reason = fault.Timeout
	}
	return f
}
