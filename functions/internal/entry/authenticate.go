package entry

import (
	"context"
	"log/slog"
	"net/http"

	"cofre/pkg/access"
	"cofre/pkg/api"
	"cofre/pkg/api/gateway"
	"cofre/pkg/app"
	"cofre/pkg/fault"
)

// authenticator reads whom the gateway's claims stand for. Where the gateway has no authorizer, because anybody may ask
// (health), there are none: then a token that comes all the same is verified here, if the function knows whose tokens to
// take, so that an administrator is told more than a stranger.
func (s *Instance) authenticator() (api.Authenticator, error) {
	claims := gateway.Authenticator(s.FromGateway)
	c := s.Config()
	if c.Issuer == "" {
		return claims, nil
	}
	v, err := access.NewVerifier(c.Issuer, c.Audience, c.RolesClaim, nil, nil)
	if err != nil {
		return nil, err
	}
	return eitherOf{s.log, claims, api.Bearer(func(ctx context.Context, token string) (api.Caller, error) {
		i, err := v.Verify(ctx, token)
		return app.Caller(i), err
	})}, nil
}

type eitherOf struct {
	log           *slog.Logger
	claims, token api.Authenticator
}

// Authenticate implements api.Authenticator.
func (e eitherOf) Authenticate(r *http.Request) (api.Caller, error) {
	if gateway.HasClaims(r) {
		return e.claims.Authenticate(r)
	}
	c, err := e.token.Authenticate(r)
	if err != nil && !fault.HasCode(err, fault.Permission) {
		// The provider cannot be reached, as from a network without a way out: then everybody is a stranger here.
		e.log.Warn("token not verified", "error", err.Error())
		return c, api.NoToken()
	}
	return c, err
}
