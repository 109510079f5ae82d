package app

import (
	"context"
	"log/slog"
	"net/http"

	"cofre/pkg/access"
	"cofre/pkg/api"
	"cofre/pkg/registry"
)

// APIOptions is what a door adds to the API.
type APIOptions struct {
	Authenticate api.Authenticator
	Launcher     api.Launcher
	// LaunchValidation, see api.Config.
	LaunchValidation func(ctx context.Context, id string) error
	LaunchRestore    func(ctx context.Context, x registry.Restore) error // see api.Config
	LaunchProof      func(ctx context.Context, id, by string) error      // see api.Config
	ValidateInline   int64                                               // see api.Config
	Link             func(r *http.Request, link string) string           // see api.Config
	Operations       []string                                            // see api.Config
	Version          string                                              // cofre's own
	Log              *slog.Logger
}

// API gives the HTTP API over the service: one handler for every door.
func (a *App) API(o APIOptions) (*api.API, error) {
	c := a.config
	conf := api.Config{
		Service: a.Service, Launcher: o.Launcher, Authenticate: o.Authenticate, Audit: a.Audit, Limiter: a.Allowance, LaunchValidation: o.LaunchValidation,
		LaunchRestore: o.LaunchRestore, LaunchProof: o.LaunchProof, ValidateInline: o.ValidateInline,
		Limits: api.MoreLimits{
			MaxRequestsPerMinute: c.MaxRequestsPerMinute, AuditLogRetentionDays: c.AuditRetentionDays,
			AutoCleanupEnabled: c.AutoCleanup, CleanupSchedule: c.CleanupSchedule,
		},
		People: a, Link: o.Link, Operations: o.Operations, Version: o.Version, Log: o.Log,
	}
	return api.New(conf)
}

// Config is what the app was opened with.
func (a *App) Config() Config { return a.config }

// Caller is an identity as the API knows it.
func Caller(i access.Identity) api.Caller {
	return api.Caller{Subject: i.Subject, Name: i.Name, Role: string(i.Role), May: i.Role.May}
}

// FromGateway reads whom a token stands for that API Gateway has verified.
func (a *App) FromGateway(claims map[string]string, token string) (api.Caller, error) {
	i, err := access.FromGateway(claims, token, a.config.RolesClaim)
	return Caller(i), err
}
