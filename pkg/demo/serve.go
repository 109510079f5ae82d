package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"time"

	"cofre/pkg/access"
	"cofre/pkg/api"
	"cofre/pkg/app"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/server"
	"cofre/web"
)

// serve starts the web UI and the API, in development mode, and sees that both answer.
func (d *demo) serve(ctx context.Context) error {
	return d.do("serving", func(*term.Bar) (string, error) {
		s, err := d.newServer()
		if err != nil {
			return "", err
		}
		whole := context.WithoutCancel(ctx) // requests end by themselves, also after Ctrl-C
		running, stop := context.WithCancel(whole)
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(running, whole) }()
		d.atEnd(func() error {
			stop()
			return <-ended
		})
		d.UI = s.URL() + "/"
		for _, path := range []string{"", "api/health"} {
			if err := answers(ctx, d.UI+path); err != nil {
				return "", fault.Wrap(err, fault.FileSystem, fault.StorageUnreachable, "This is a defect of cofre: please report it.", "the web UI does not answer")
			}
		}
		if d.Keep {
			d.UI += "#secret=" + s.SignIn.Secret
		}
		text := "the web UI and the API, health checked: " + d.UI
		if !d.Keep {
			text += "\nmake demo KEEP=1 (or cofre demo --keep) leaves it running"
		}
		return text, nil
	})
}

func (d *demo) newServer() (*server.Server, error) {
	issuer, err := access.NewDevelopment(nil)
	if err != nil {
		return nil, err
	}
	authenticate := api.Bearer(func(ctx context.Context, token string) (api.Caller, error) {
		i, err := issuer.Verify(ctx, token)
		return app.Caller(i), err
	})
	return server.New(server.Config{
		Service: d.app.Service, Audit: d.app.Audit, UI: web.Files(), Listen: "127.0.0.1:0", Grace: 10 * time.Second, MaxConcurrent: 2, Log: d.Log,
		SignIn: server.SignIn{Development: func(role string) (string, time.Time, error) { return issuer.Issue(access.Role(role), "") }, Secret: rand.Text()},
		Links:  d.app.Links, LinkBase: d.linkBase,
		NewAPI: func(doors server.Doors) (http.Handler, error) {
			return d.app.API(app.APIOptions{Authenticate: authenticate, Launcher: doors.Launcher, LaunchValidation: doors.LaunchValidation, LaunchRestore: doors.LaunchRestore, LaunchProof: doors.LaunchProof, Link: doors.Link, Log: d.Log})
		},
	})
}

// answers sees that an address answers with 200.
func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %.200s", url, resp.Status, body)
	}
	return err
}
