// Package cli is the command line: a thin door into [cofre/pkg/backup.Service]. It holds no rules of its own.
//
// # The contract with other programs
//
// Standard output carries results, standard error everything meant for the person watching: progress, notes,
// warnings, errors. With --json standard output holds exactly one JSON document, and nothing else ever:
//
//	serve                   {"url", "signIn", ...}, when it listens; logs are JSON too, on standard error
//	create, info, delete    the backup's metadata object: id, filepath, checksum, size, ...
//	list                    {"backups": [...], "total": N, "next": "cursor of the next page"}
//	status                  {"id", "status", "progress", "message", "detail", "backup"}
//	validate                {"valid": bool, "results": [...]}, one result per argument, in their order
//	rows                    {"id", "schema", "table", "columns", "rows": [[text or null]], "more": bool, "cut": N}, as the API gives them
//	download                {"file", "backup"}
//	url                     {"id", "url", "filename", "size", "checksum", "expiresAt"}
//	restore                 {"backup", "target", "duration"}
//	cleanup                 {"dryRun", "removed", "kept", "freedBytes", "leftovers", "policy", "failures"}
//	channel list            {"channels": [...]}, without where they lead to
//	channel test            {"channel", "answer"}
//	audit list              {"records": [...], "next": "cursor of the next page"}, records as the API gives them
//	audit verify            {"ok": bool, "count", "first", "last", "lastHash", "trimmed", "breaks": [{"kind", "sequence", "to", "message"}]}
//	create --all            {"succeeded": N, "failed": N, "sources": [{"source", "backup", "error"}], "paused": [names]}
//	source show             {"name", "origin", "settings": [{"key", "value", "from"}], "zone", "nextRuns", "lastGood", "lastProven", "copies", "findings"}
//	source test             {"results": [{"source", "found", "error"}]}
//	config check            {"ok": bool, "file", "sources": N, "targets": N, "notes": [{"line", "message"}],
//	                        "problems": [{"line", "key", "message", "hint"}], "problemCount": N}; what fits has none of these
//	config show             {"file", "variables", "default", "sources", "retention", "targets", "places", "channels"}
//	doctor                  {"ok": bool, "checks": [...]}
//	version                 {"version", "commit", "go", "platform"}
//
// A failure adds, or is, {"error": {"code", "reason", "message", "hint", "detail", "attempts"}}. filepath is the
// full location everywhere: an absolute file name, or s3://bucket/prefix/key. Sizes are bytes, durations
// milliseconds, times RFC 3339 in UTC. Fields may be added, none is renamed or removed.
//
// Exit codes are in the table exitCodes and in the help of every command.
package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"cofre/pkg/app"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/publish"
	"cofre/pkg/secret"
)

// program is one call of the command line.
type program struct {
	place   string // --place
	version string
	environ []string
	stdin   *os.File
	stdout  io.Writer
	out     term.Look    // of stdout
	screen  *term.Screen // stderr

	json, quiet, verbose, noProgress, utc bool
	log                                   *slog.Logger
	opened                                []*app.App                              // by this command, which tells people at its end
	insist                                atomic.Pointer[context.CancelCauseFunc] // called by the second signal, see secondSignal
}

// Main runs the command line of this process and gives its exit code. version is the one it was built as, or "".
func Main(version string) int {
	p := &program{
		version: version, environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout,
		out:    term.LookOf(os.Stdout, os.Getenv),
		screen: term.NewScreen(os.Stderr, term.LookOf(os.Stderr, os.Getenv)),
	}
	ctx, release := p.untilSignal(context.Background())
	defer release()
	return p.run(ctx, os.Args[1:])
}

// run runs one command and reports its error.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.screen)
	p.json = wantsJSON(args) // for errors in the arguments themselves
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = stopped(ctx, err)
	}
	code := p.report(err)
	p.tellPeople(ctx, err)
	return code
}

func wantsJSON(args []string) bool {
	for _, a := range args {
		switch a {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	return false
}

// getenv reads the environment that the program was given.
func (p *program) getenv(name string) string {
	for i := len(p.environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(p.environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// config reads the environment. DATABASE_URL may name a secret, as it does in a container on AWS.
func (p *program) config(ctx context.Context) (app.Config, error) {
	environ, _, err := secret.Environment(ctx, p.environ)
	if err != nil {
		return app.Config{}, err
	}
	c, err := app.Load(environ)
	if err != nil || p.place == "" {
		return c, err
	}
	at, err := c.At(p.place)
	if fault.HasReason(err, fault.NotFound) { // one that is kept in the first place
		if first, ferr := app.Open(ctx, c, app.Options{Log: p.log}); ferr == nil {
			if kept, kerr := first.At(ctx, p.place); !fault.HasReason(kerr, fault.NotFound) {
				return kept, kerr
			}
		}
	}
	return at, err
}

// open wires the service from the environment. The caller closes the app.
func (p *program) open(ctx context.Context) (*app.App, error) { return p.openWithLinks(ctx, "") }

// openWithLinks is open with download links to a local directory, which are served below base.
func (p *program) openWithLinks(ctx context.Context, base string) (*app.App, error) {
	c, err := p.config(ctx)
	if err != nil {
		return nil, err
	}
	return p.keep(app.Open(ctx, c, app.Options{Log: p.log, LinkBase: base, Publisher: new(publish.AWS)}))
}

// keep notes an app, for tellPeople.
func (p *program) keep(a *app.App, err error) (*app.App, error) {
	if err == nil {
		p.opened = append(p.opened, a)
	}
	return a, err
}

// bar starts showing the progress of something that may take long.
func (p *program) bar(phase string) *term.Bar {
	mode := term.Off
	switch {
	case p.quiet || p.noProgress:
	case p.screen.Live:
		mode = term.Drawn
	case p.verbose:
		mode = term.Lines
	}
	return p.screen.Bar(mode, phase)
}
