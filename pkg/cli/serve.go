package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/access"
	"cofre/pkg/api"
	"cofre/pkg/app"
	"cofre/pkg/fault"
	"cofre/pkg/metrics"
	"cofre/pkg/namedfile"
	"cofre/pkg/publish"
	"cofre/pkg/schedule"
	"cofre/pkg/server"
	"cofre/pkg/source"
	"cofre/web"
)

const serveLong = `Serves the web UI and the API (/api), runs backups on BACKUP_SCHEDULE, removes expired ones on
BACKUP_CLEANUP_SCHEDULE, and exposes metrics for Prometheus (/metrics; to this machine only, without
--metrics-token). A backup missed while the server was down runs once at start.

People sign in with the OpenID provider of BACKUP_OIDC_ISSUER. Without one it runs in development mode:
anyone who has the secret that it prints has full access, and only this machine can connect. Listening on
any other address requires an OpenID provider, and TLS or a proxy in front that has it.

Ctrl-C or SIGTERM stops it: no more requests are accepted, and running backups may finish. A second one, or
the end of the grace period, stops them cleanly (exit code 130); a third one quits immediately.`

const serveExamples = `  cofre serve                                         http://127.0.0.1:8080, development mode
  BACKUP_SCHEDULE='0 2 * * *' cofre serve
  cofre serve --listen :8443 --tls-cert cert.pem --tls-key key.pem
  cofre serve --listen 10.0.0.5:8080 --behind-proxy`

// serveOptions are the options of serve.
type serveOptions struct {
	listen, cert, key, metricsToken string
	behindProxy                     bool
	grace                           time.Duration
}

func (p *program) serveCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use: "serve [options]", Short: "Serve the web UI and API, and run scheduled backups", Long: serveLong, Example: serveExamples,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.grace < 0 {
				return usage("Use a duration such as 5m; 0 stops backups immediately.", "invalid grace period %s", o.grace)
			}
			return p.serve(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on, host:port; port 0 picks a free one")
	f.StringVar(&o.cert, "tls-cert", "", "serve TLS with the certificate in the PEM `FILE`, followed by its chain; reloaded when it changes")
	f.StringVar(&o.key, "tls-key", "", "PEM `FILE` with the certificate's key")
	f.BoolVar(&o.behindProxy, "behind-proxy", false, "a proxy in front terminates TLS and adds the caller to X-Forwarded-For; nobody else can connect")
	f.StringVar(&o.metricsToken, "metrics-token", "", "show /metrics to whoever sends the bearer token in `FILE`, wherever from")
	f.DurationVar(&o.grace, "grace", 5*time.Minute, "how long running backups may go on when it is told to stop: `TIME` such as 90s or 1h")
	return c
}

func (p *program) serve(ctx context.Context, o serveOptions) error {
	abort, release := p.secondSignal()
	defer release()
	asJSON := p.json || !p.screen.Live
	p.log = p.serverLog(asJSON)
	c, err := p.config(ctx)
	if err != nil {
		return err
	}
	sources := c.Sources()
	conf, authenticate, err := p.serverConfig(c, o)
	if err != nil {
		return err
	}
	if err := conf.Check(); err != nil { // before a store is started
		return err
	}
	a, err := app.Open(ctx, c, app.Options{Log: p.log, LinkBase: server.LinkBase, Publisher: new(publish.AWS)})
	if err != nil {
		return err
	}
	if len(sources.Sources) == 0 { // but for those that are kept in the backup directory
		if sources, err = a.Service.Sources(ctx); err != nil {
			return err
		}
	}
	// A server that can keep a source's password begins with nothing: the first source is added in the web UI.
	if len(sources.Sources)+len(sources.Followed)+len(sources.Troubles) == 0 && c.ServerKey == "" {
		return usage("For example: export DATABASE_URL=postgresql://user@host:5432/shop. Or set BACKUP_SERVER_KEY, and add the sources in the web UI.", "DATABASE_URL is not set (which database to back up)")
	}
	conf.Service, conf.Audit = a.Service, a.Audit
	conf.TrimAudit = func(ctx context.Context) error {
		_, err := a.TrimAudit(ctx)
		return err
	}
	conf.TellPeople = a.TellPeople
	conf.Woken = a.Outbox.Woken()
	conf.Links, conf.LinkBase = a.Links, server.LinkBase
	conf.NewAPI = func(d server.Doors) (http.Handler, error) {
		return a.API(app.APIOptions{Authenticate: authenticate, Launcher: d.Launcher, LaunchValidation: d.LaunchValidation, LaunchRestore: d.LaunchRestore, LaunchProof: d.LaunchProof, Link: d.Link, Version: p.build().Version, Log: p.log})
	}
	s, err := server.New(conf)
	if err != nil {
		return err
	}
	if err := p.announce(s, c, sources, asJSON); err != nil {
		s.Close()
		return err
	}
	err = s.Serve(ctx, abort)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	a.WaitPings(last)
	cancel()
	if err != nil {
		if p.json {
			return told{err} // the document on standard output is the announcement
		}
		return err
	}
	return nil
}

// serverConfig reads what the options and the environment say of the server.
func (p *program) serverConfig(c app.Config, o serveOptions) (server.Config, api.Authenticator, error) {
	conf := server.Config{
		UI: web.Files(), Listen: o.listen, CertFile: o.cert, KeyFile: o.key, BehindProxy: o.behindProxy, Grace: o.grace, MaxConcurrent: c.MaxConcurrent, ProofTimeout: c.ProofTimeout,
		Metrics: metrics.New(p.build().Version), Log: p.log,
	}
	if c.AutoCleanup && c.CleanupSchedule != "" {
		parsed, err := schedule.Parse(c.CleanupSchedule)
		if err != nil {
			return conf, nil, err
		}
		conf.CleanupSchedule = parsed
	}
	if o.metricsToken != "" {
		token, err := namedfile.Read(o.metricsToken, 4096)
		if conf.MetricsToken = strings.TrimSpace(string(token)); err != nil || len(conf.MetricsToken) < 16 {
			return conf, nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Make one with: openssl rand -hex 32", "%s holds no token of 16 characters or more", o.metricsToken)
		}
	}
	authenticate, err := signIn(c, &conf.SignIn)
	return conf, authenticate, err
}

// signIn says how people sign in, and verifies their tokens.
func signIn(c app.Config, s *server.SignIn) (api.Authenticator, error) {
	var verify func(context.Context, string) (access.Identity, error)
	if c.Issuer != "" {
		v, err := access.NewVerifier(c.Issuer, c.Audience, c.RolesClaim, nil, nil)
		if err != nil {
			return nil, err
		}
		verify = v.Verify
		s.Issuer, s.ClientID = c.Issuer, cmp.Or(c.ClientID, c.Audience[0])
	} else {
		d, err := access.NewDevelopment(nil)
		if err != nil {
			return nil, err
		}
		verify = d.Verify
		s.Development, s.Secret = func(role string) (string, time.Time, error) { return d.Issue(access.Role(role), "") }, rand.Text()
	}
	return api.Bearer(func(ctx context.Context, token string) (api.Caller, error) {
		i, err := verify(ctx, token)
		if err != nil {
			return api.Caller{}, err
		}
		return app.Caller(i), nil
	}), nil
}

// announcement is the document of serve --json, printed when it listens.
type announcement struct {
	URL      string `json:"url"`
	SignIn   string `json:"signIn"`           // oidc or development
	Secret   string `json:"secret,omitempty"` // of development mode: what /dev/token asks for
	Issuer   string `json:"issuer,omitempty"`
	Schedule string `json:"schedule,omitempty"`
	Sources  int    `json:"sources"`
}

// scheduleText says what is backed up by schedule.
func scheduleText(all source.List) string {
	planned, paused, text := 0, 0, ""
	for _, of := range all.Sources {
		plan, ok, _ := of.Plan()
		if of.Paused {
			paused++
		} else if ok {
			planned++
			text = plan.String()
		}
	}
	switch {
	case planned == 0 && paused == 0:
		return "no backups by schedule: BACKUP_SCHEDULE is not set"
	case len(all.Sources) == 1 && planned == 1:
		return "backups by schedule: " + text
	case paused > 0:
		return fmt.Sprintf("backups by schedule: of %d of %d sources; %d paused", planned, len(all.Sources), paused)
	}
	return fmt.Sprintf("backups by schedule: of %d of %d sources", planned, len(all.Sources))
}

// announce says where the server is, and who may come in.
func (p *program) announce(s *server.Server, c app.Config, sources source.List, asJSON bool) error {
	doc := announcement{URL: s.URL(), SignIn: "oidc", Issuer: c.Issuer, Schedule: c.Schedule, Sources: len(sources.Sources)}
	if c.Issuer == "" {
		doc.SignIn, doc.Secret = "development", s.SignIn.Secret
	}
	if asJSON {
		p.log.Info("serving", "url", doc.URL, "sign_in", doc.SignIn, "issuer", doc.Issuer, "schedule", doc.Schedule, "sources", doc.Sources)
		if c.Issuer == "" && !p.json {
			p.log.Warn("nobody can sign in: the secret of development mode is shown on a terminal, or by serve --json, and never in a log; BACKUP_OIDC_ISSUER names who signs people in")
		}
	} else {
		p.note("cofre is listening on %s", p.screen.Bold(signInURL(doc.URL, doc.Secret)))
		if c.Issuer == "" {
			p.note("%s whoever has this address may do everything, until the server ends; BACKUP_OIDC_ISSUER names who signs people in", p.screen.Yellow("development mode:"))
		} else {
			p.note("people sign in at %s", c.Issuer)
		}
		p.note("%s", scheduleText(sources))
	}
	if !p.json {
		return nil
	}
	return p.print(doc, nil)
}

// signInURL carries the secret of development mode in the fragment, which browsers send to nobody.
func signInURL(url, secret string) string {
	if secret == "" {
		return url
	}
	return url + "/#secret=" + secret
}

// serverLog is a log that goes on for months: JSON for machines, lines with their time for people.
func (p *program) serverLog(asJSON bool) *slog.Logger {
	least := slog.LevelInfo
	switch {
	case p.verbose:
		least = slog.LevelDebug
	case p.quiet:
		least = slog.LevelWarn
	}
	if asJSON {
		return slog.New(slog.NewJSONHandler(p.screen, &slog.HandlerOptions{Level: least, ReplaceAttr: fault.Attr}))
	}
	h := p.lines(least)
	h.details = true
	return slog.New(h)
}
