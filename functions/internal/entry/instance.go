package entry

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/app"
	"cofre/pkg/registry"
	"cofre/pkg/secret"
	"cofre/pkg/workflow"
)

// version is cofre's own, set by the build.
var version = "dev"

// validateInline is the size in bytes up to which a backup is validated within a request: what a part of a processor reads and
// decompresses well within the gateway's 30 seconds.
const validateInline = 64 << 20

// readLife is how long a secret, or a configuration, that was read is relied on: either may be changed while a process lives on.
const readLife = 5 * time.Minute

// Instance is a wired function, for as long as its process lives.
type Instance struct {
	*app.App
	api      http.Handler
	workflow *workflow.Workflow // the one that this function starts; nil: backups are made here
	copies   *workflow.Workflow // the one that copies to second locations; nil: nobody here has that done
	log      *slog.Logger
	current  *atomic.Pointer[string]
	read     bool // the database's URL came out of a secret, or the configuration out of storage
	opened   time.Time
}

func (s *Instance) stale(now time.Time) bool { return s.read && now.Sub(s.opened) > readLife }

// open wires the parts as the environment says. It makes no request to the database, and none to storage unless BACKUP_CONFIG lies there.
func (d *door) open(ctx context.Context, environ []string) (*Instance, error) {
	log := d.log
	s := &Instance{log: log, current: &d.current, opened: time.Now()}
	var err error
	if environ, s.read, err = secret.Environment(ctx, environ); err != nil {
		return nil, err
	}
	config, err := app.Load(environ)
	if err != nil {
		return nil, err
	}
	s.read = s.read || config.FileURL != ""
	if s.App, err = app.Open(ctx, config, app.Options{Log: log, RemovesNothing: true, KeysElsewhere: true, OnlyTells: d.function.OnlyTells, Publisher: d.function.Publisher}); err != nil {
		return nil, err
	}
	authenticate, err := s.authenticator()
	if err != nil {
		return nil, err
	}
	options := app.APIOptions{
		Authenticate: authenticate, Launcher: noWorkflow{s.App}, Operations: d.function.Operations, Version: version, Log: log,
	}
	if config.Workflow != "" {
		if s.workflow, err = workflow.Open(ctx, config.Workflow); err != nil {
			return nil, err
		}
		options.Launcher, options.LaunchValidation, options.ValidateInline = s.workflow, s.launchValidation, validateInline
		options.LaunchRestore = func(ctx context.Context, x registry.Restore) error {
			return s.workflow.LaunchRestore(ctx, x.ID, x.Request())
		}
		options.LaunchProof = s.launchProof
	}
	if config.CopyWorkflow != "" {
		if s.copies, err = workflow.Open(ctx, config.CopyWorkflow); err != nil {
			return nil, err
		}
	}
	s.api, err = s.API(options)
	return s, err
}

// launchValidation tells the workflow the size, by which it chooses who validates.
func (s *Instance) launchValidation(ctx context.Context, id string) error {
	b, err := s.Service.Info(ctx, id)
	if err != nil {
		return err
	}
	return s.workflow.LaunchValidation(ctx, id, b.Size)
}

// invocation is the id of the event that is handled now.
func (s *Instance) invocation() string {
	if id := s.current.Load(); id != nil {
		return *id
	}
	return ""
}

// noWorkflow makes backups within the request, for want of a workflow. It is meant for "sam local": API Gateway does not
// wait as long as a large database takes.
type noWorkflow struct{ app *app.App }

// Launch implements api.Launcher. It ends early enough to abort the upload and to record that.
func (l noWorkflow) Launch(ctx context.Context, id string) error {
	ctx, cancel := within(ctx, time.Now())
	defer cancel()
	_, err := l.app.Service.Run(ctx, id, nil)
	return err
}

var _ api.Launcher = noWorkflow{}
