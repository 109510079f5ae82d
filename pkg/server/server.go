// Package server is cofre's own host: the API, the web UI, backups by schedule and metrics in one process.
//
// # What it answers
//
//	/api/...       the API, see [cofre/pkg/api]
//	/              the web UI, with a strict content security policy
//	/config.json   what the UI has to know before anybody has signed in: how to sign in
//	/dev/token     in development mode only, to this machine only: a token for a role
//	/store/...     downloads by presigned links, from the store of a local directory
//	/metrics       for Prometheus; to this machine, or to whoever has the metrics token
//	/healthz       200 while the process serves; /api/health looks at storage and database
//
// # Long work
//
// Backups that the API or the schedule ask for are made here, BACKUP_MAX_CONCURRENT at once, and as many restores beside them. When the server is told
// to stop, it takes no more requests and lets them end, for a time of grace. Then, or when it is told a second time, they are
// stopped: backups are recorded as CanceledError, with nothing left in storage, restores as interrupted. What a killed server leaves behind is
// settled by the next one, by another one over the same place, or by any cleanup; its scheduled backups are made once more.
//
// # Who may connect
//
// It listens on loopback by default. Other addresses need TLS, or a proxy in front that has it, and an identity provider:
// a server that hands tokens to everybody, or takes them in the clear, is refused.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/metrics"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Config is what a server is made of.
type Config struct {
	Service *backup.Service
	Audit   api.Auditor
	// NewAPI makes the API over what the server gives it.
	NewAPI func(Doors) (http.Handler, error)
	// Links serves download links to a local directory. Nil where there is none.
	Links http.Handler
	// LinkBase is what these links begin with, before Link puts this server's address in its place.
	LinkBase string
	UI       fs.FS // built web UI, index.html at its root; nil serves none
	SignIn   SignIn
	Metrics  *metrics.Recorder

	Listen string // host:port; port 0 chooses one
	// CertFile and KeyFile are PEM files; with them the server speaks TLS. They are read again when they change.
	CertFile, KeyFile string
	// BehindProxy: a proxy in front speaks TLS and names the caller in X-Forwarded-For.
	BehindProxy bool
	// MetricsToken opens /metrics to whoever sends it as a bearer token; "" opens it to this machine alone.
	MetricsToken string
	// Grace is how long running backups and requests may go on once the server is told to stop.
	Grace time.Duration

	MaxConnections  int           // default 1000
	MaxConcurrent   int           // backups, restores and validations at once, of each
	CleanupSchedule api.Schedule  // nil is none
	ProofTimeout    time.Duration // of a proof; default 6 hours
	// KeepRestoreEvery is how often a restore that waits for a slot says so; default backup.KeepRestoreEvery.
	KeepRestoreEvery time.Duration
	// TrimAudit removes expired audit records; it is called after each scheduled cleanup. May be nil.
	TrimAudit func(context.Context) error
	// TellPeople tells people what happened; with notice it looks how it stands with everything. It is called beside all work, and when Woken
	// receives. May be nil.
	TellPeople func(ctx context.Context, notice bool) error
	Woken      <-chan struct{}

	Log *slog.Logger
	// Now and After are the clock that the server does its work by, at its times: time.Now and time.After, unless set.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// Doors is what a server gives to its API; see the fields of the same names in api.Config.
type Doors struct {
	Launcher         api.Launcher
	LaunchValidation func(ctx context.Context, id string) error
	LaunchRestore    func(ctx context.Context, x registry.Restore) error
	LaunchProof      func(ctx context.Context, id, by string) error
	Link             func(r *http.Request, link string) string
}

// Server serves. Make it with [New], then call [Server.Serve] once.
type Server struct {
	Config
	listener  net.Listener
	http      *http.Server
	launcher  *launcher
	scheduler *scheduler
	tls       *certificate
	sources   *sources
	crowd     *crowd
	waits     waits // for new backups, to copy them
}

// Timeouts of a connection. Answers may take long: a cleanup removes many objects, and a validation reads a backup.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = time.Minute
	writeTimeout  = 15 * time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10 // a token may have 16 KiB
)

// New wires a server and opens its address, so that Addr is known. What is not safe is refused here.
func New(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = metrics.New("")
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Server{Config: c, sources: newSources(c.SignIn), crowd: newCrowd(cmp.Or(c.MaxConnections, maxConnections))}
	s.Service.Ended = s.ended
	s.launcher = newLauncher(s.Service, c.MaxConcurrent, c.Log)
	s.launcher.proved = s.proved
	s.launcher.proofTime = cmp.Or(c.ProofTimeout, proofTimeout)
	s.launcher.keepEvery = cmp.Or(c.KeepRestoreEvery, backup.KeepRestoreEvery)
	handler, err := c.NewAPI(Doors{s.launcher, s.launcher.LaunchValidation, s.launcher.LaunchRestore, s.launcher.LaunchProof, s.Link})
	if err != nil {
		return nil, err
	}
	s.scheduler = s.newScheduler()
	ui, err := newFiles(c.UI)
	if err != nil {
		return nil, fmt.Errorf("read the web UI: %w", err)
	}
	s.http = &http.Server{
		Handler: s.crowd.handler(s.routes(s.counted(handler), ui)), ConnContext: s.crowd.enter, ConnState: s.crowd.leave, HTTP2: limits2,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	return s, s.open()
}

// open opens the address.
func (s *Server) open() error {
	if s.CertFile != "" {
		var err error
		if s.tls, err = newCertificate(s.CertFile, s.KeyFile, s.Log); err != nil {
			return err
		}
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.tls.get}
	}
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, "Choose another address with --listen, such as 127.0.0.1:8081; port 0 picks a free one.", "cannot listen on %s", s.Listen)
	}
	s.listener = l
	return nil
}

// URL is where the server is reached.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Serve serves until ctx ends, then stops with grace; when abort ends meanwhile, without. It returns nil when everything
// ended by itself, and a CanceledError when a backup had to be stopped.
func (s *Server) Serve(ctx, abort context.Context) error {
	beside, stopBeside := context.WithCancel(ctx)
	defer stopBeside()
	var work sync.WaitGroup
	defer work.Wait() // behind stopBeside
	defer stopBeside()
	work.Go(func() { s.expect(beside) })
	work.Go(func() { s.settle(beside) })
	work.Go(func() { s.scheduler.run(beside) })
	work.Go(func() { s.proofs(beside) })
	work.Go(func() { s.copies(beside) })
	work.Go(func() { s.tell(beside) })
	work.Go(func() { s.sources.discover(beside, s.Log) })
	failed := make(chan error, 1)
	go func() { failed <- s.listen() }()
	select {
	case err := <-failed:
		grace, cancel := context.WithTimeout(abort, s.Grace)
		defer cancel()
		return errors.Join(fmt.Errorf("serve on %s: %w", s.Listen, err), s.launcher.stop(grace, abort))
	case <-ctx.Done():
	}
	stopBeside()
	err := s.stop(abort)
	s.tellLast()
	return err
}

// expectEvery is how often it is looked whether sources have come.
const expectEvery = time.Minute

// expect puts on record what this server is to back up, so that a source that never gets a backup is overdue some day. At the start, and
// whenever a backup is due, it looks at the source: whose backups there are already must not hide that this server's database is another one.
func (s *Server) expect(ctx context.Context) {
	looked := map[string]time.Time{}
	var come []string // that are not on record yet
	for {
		all, err := s.Service.Sources(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("what is to be backed up could not be told", "error", err.Error())
		}
		var look []source.Settings
		now := s.Now()
		for _, of := range all.Sources {
			last, known := looked[of.Name]
			plan, planned, _ := of.Plan()
			if !known {
				come = append(come, of.Name)
				s.Metrics.Expect(of.Name, s.Service.Engine.Database(of))
			}
			if !of.Paused && (!known || planned && !plan.Next(last).After(now)) {
				look = append(look, of)
			}
			if !known || len(look) > 0 && look[len(look)-1].Name == of.Name {
				looked[of.Name] = now
			}
		}
		if err := s.Service.NoteVanished(ctx, all); err != nil && ctx.Err() == nil {
			s.Log.Warn("databases that are gone were not put on record", "error", err.Error())
		}
		if come, err = s.Service.NoteSources(ctx, come); err != nil && ctx.Err() == nil {
			s.Log.Warn("the sources were not put on record", "error", err.Error())
		}
		for name, err := range s.Service.CheckSources(ctx, look) {
			if fault.HasReason(err, fault.ServerChanged) {
				s.Log.Error("a source is not backed up: its database here is another one", "source", name, "error", err.Error())
			}
		}
		if s.pause(ctx, expectEvery) != nil {
			return
		}
	}
}

func (s *Server) listen() error {
	if s.tls != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// pause waits for d, by the server's clock. When ctx ends before, or has ended, it returns the cause.
func (s *Server) pause(ctx context.Context, d time.Duration) error {
	s.wait(ctx, d, nil)
	return context.Cause(ctx)
}

// wait is pause that nudge cuts short; it is false when ctx has ended.
func (s *Server) wait(ctx context.Context, d time.Duration, nudge <-chan struct{}) bool {
	if ctx.Err() == nil && d > 0 {
		select {
		case <-ctx.Done():
		case <-s.After(d):
		case <-nudge:
		}
	}
	return ctx.Err() == nil
}

// Close gives the address back, for a server that was never served.
func (s *Server) Close() error { return s.listener.Close() }

// stop ends requests and backups: both have the grace, at the same time.
func (s *Server) stop(abort context.Context) error {
	grace, cancel := context.WithTimeout(abort, s.Grace)
	defer cancel()
	backups, restores := s.launcher.running()
	s.Log.Info("stopping", "running", backups, "restores", restores, "grace_ms", s.Grace.Milliseconds())
	var requests sync.WaitGroup
	requests.Go(func() {
		if err := s.http.Shutdown(grace); err != nil {
			s.Log.Warn("requests were cut off", "error", err.Error())
			s.http.Close()
		}
	})
	err := s.launcher.stop(grace, abort)
	requests.Wait()
	s.Log.Info("stopped")
	return err
}

// settleEvery is how often the remains of dead processes are looked for, at the start at once.
const settleEvery = time.Minute

// settle ends what dead processes left, former ones and others over the same place: when the leases of their runs are over, and when what they
// reserved and never began has waited for too long.
func (s *Server) settle(ctx context.Context) {
	for first := true; ; first = false {
		if v, err := s.Service.Registry.Read(ctx); first || err == nil && v.Count().Running > 0 {
			s.settleBackups(ctx)
		}
		if err := s.Service.SettleRestores(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("the restores of a former process were not looked for", "error", err.Error())
		}
		if s.pause(ctx, settleEvery) != nil {
			return
		}
	}
}

func (s *Server) settleBackups(ctx context.Context) {
	rep, err := s.Service.Registry.Reconcile(ctx)
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("what a former process left was not looked for", "error", err.Error())
	}
	for _, id := range rep.Failed {
		s.Log.Warn("another process did not finish this backup: recorded as failed", "backup_id", id)
	}
	for _, id := range rep.Completed {
		s.Log.Info("another process had finished this backup: recorded", "backup_id", id)
	}
	for _, problem := range rep.Problems {
		s.Log.Warn("not settled; it is tried again", "problem", problem)
	}
}

var errStopping = errors.New("the server is stopping")
