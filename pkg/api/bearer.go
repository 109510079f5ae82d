package api

import (
	"context"
	"net/http"
	"strings"

	"cofre/pkg/fault"
)

// Reasons of a PermissionError that an [Authenticator] gives.
const (
	tokenMissing fault.Reason = "token_missing"
	tokenInvalid fault.Reason = "token_invalid"
	// NotAllowed: the token is good, and its role may not, or it has none.
	NotAllowed fault.Reason = "not_allowed"
)

// NoToken is the fault of a request without credentials.
func NoToken() error {
	return fixed(fault.Permission, tokenMissing, "Sign in, and send the header Authorization: Bearer TOKEN.", "missing token")
}

// Bearer authenticates by the Authorization header (RFC 6750), where no gateway has done so before. verify verifies a
// token and gives whom it stands for.
func Bearer(verify func(ctx context.Context, token string) (Caller, error)) Authenticator {
	return bearer(verify)
}

type bearer func(ctx context.Context, token string) (Caller, error)

// maxToken bounds a token, in bytes: tokens with many groups have some kilobytes.
const maxToken = 16 << 10

// Authenticate implements Authenticator.
func (verify bearer) Authenticate(r *http.Request) (Caller, error) {
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return Caller{}, NoToken()
	}
	scheme, token, found := strings.Cut(given[0], " ")
	token = strings.TrimSpace(token)
	if len(given) > 1 || !found || !strings.EqualFold(scheme, "bearer") || token == "" || len(token) > maxToken {
		return Caller{}, fixed(fault.Permission, tokenInvalid, "Send one header Authorization: Bearer TOKEN.", "the header Authorization holds no usable token")
	}
	return verify(r.Context(), token)
}
