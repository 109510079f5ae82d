// Package demo is the tour of cofre: a throwaway PostgreSQL with a sample shop in it, backups of it in a local
// directory, their validation, a restore into a second database, the comparison of
// the two table by table, a download through a presigned link, and the web UI.
//
// Everything lies in temporary folders, listens on loopback only, and is gone at the end, also after a failure
// or Ctrl-C. What a killed demo left is swept by the next one.
package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"cofre/internal/pgserver"
	"cofre/internal/process"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// Names of the two databases.
const (
	source = "loja"
	copyOf = "loja_restored"
)

// Options says how to give the demo.
type Options struct {
	Rows    int  // about how many the sample gets; 0 means DefaultRows
	Keep    bool // leave everything running until ctx ends
	Environ []string
	Out     io.Writer // gets the story
	Look    term.Look // of Out
	Screen  *term.Screen
	Bars    term.Mode
	Log     *slog.Logger
	Program string // how to call cofre in examples
	// Table writes a table of backups to Out.
	Table func([]backup.Backup) error
}

// Step is one thing that was shown.
type Step struct {
	Text     string `json:"text"`
	Duration int64  `json:"duration"` // milliseconds
}

// Report is what happened, for programs.
type Report struct {
	OK         bool           `json:"ok"`
	Steps      []Step         `json:"steps"`
	Backup     *backup.Backup `json:"backup,omitempty"`
	Compared   int64          `json:"rows"`       // compared
	Tables     int            `json:"tables"`     // compared
	Different  []string       `json:"different"`  // between source and restored
	Downloaded string         `json:"downloaded"` // SHA-256 of what came through the link
	UI         string         `json:"ui"`         // where the web UI was, or is while it is kept
	Duration   int64          `json:"duration"`   // milliseconds
}

// demo is one run.
type demo struct {
	Options
	Report
	dir      *process.Dir
	server   *pgserver.Server
	app      *app.App
	backups  string // the backup directory
	linkBase string // what download links begin with
	link     backup.Link
	closing  []func() error
	started  time.Time
	original postgres.Fingerprint
}

// Run gives the demo. It returns an error when any step fails, a difference between source and copy included,
// or when something could not be cleaned up.
func Run(ctx context.Context, o Options) (r Report, err error) {
	if o.Rows == 0 {
		o.Rows = DefaultRows
	}
	if o.Rows < minRows || o.Rows > maxRows {
		return r, fault.New(fault.Validation, fault.InvalidInput, fmt.Sprintf("Use a number from %d to %d.", minRows, maxRows), "a sample database of %d rows is not possible", o.Rows)
	}
	d := &demo{Options: o, started: time.Now(), Report: Report{Steps: []Step{}, Different: []string{}}}
	defer func() {
		if cerr := d.close(); err == nil && cerr != nil {
			err = fmt.Errorf("clean up after the demo: %w", cerr)
		}
		d.Duration = time.Since(d.started).Milliseconds()
		d.OK = err == nil
		r = d.Report
	}()
	for _, f := range []func(context.Context) error{
		d.startPostgres, d.fillSample, d.openStore, d.firstBackup, d.secondBackup, d.list, d.validate, d.restore, d.compare, d.download, d.serve,
	} {
		if err := f(ctx); err != nil {
			return r, err
		}
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
	}
	if o.Keep {
		d.invite()
		<-ctx.Done()
	}
	return r, nil
}

// say writes a line of the story.
func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Out, format+"\n", args...) }

// do runs one step behind a progress bar and tells it with its time. f gives the text.
func (d *demo) do(phase string, f func(bar *term.Bar) (string, error)) error {
	start := time.Now()
	bar := d.Screen.Bar(d.Bars, phase)
	text, err := f(bar)
	bar.Close()
	if err != nil {
		return err
	}
	took := time.Since(start)
	d.Steps = append(d.Steps, Step{text, took.Milliseconds()})
	lines := strings.Split(text, "\n")
	d.say("%s %s  %s", d.Look.Green(d.Look.Sign("✓", "ok")), d.Look.Dim(fmt.Sprintf("%8s", term.Duration(took))), lines[0])
	for _, l := range lines[1:] {
		d.say("%*s%s", 12, "", l)
	}
	return nil
}

// atEnd has something closed at the end, last opened first.
func (d *demo) atEnd(f func() error) { d.closing = append(d.closing, f) }

func (d *demo) close() error {
	if len(d.closing) == 0 {
		return nil
	}
	start := time.Now()
	var first error
	for i := len(d.closing) - 1; i >= 0; i-- {
		if err := d.closing[i](); err != nil && first == nil {
			first = err
		}
	}
	if first == nil {
		d.say("%s %s  cleaned up: nothing is running and nothing is left", d.Look.Green(d.Look.Sign("✓", "ok")), d.Look.Dim(fmt.Sprintf("%8s", term.Duration(time.Since(start)))))
	}
	return first
}

func (d *demo) startPostgres(ctx context.Context) error {
	return d.do("starting", func(bar *term.Bar) (string, error) {
		bin, err := findPostgres(d.getenv)
		if err != nil {
			return "", err
		}
		bar.Set(term.State{Phase: "starting", Note: "PostgreSQL from " + bin})
		if d.server, err = pgserver.Start(ctx, pgserver.Options{BinDir: bin}); err != nil {
			return "", fault.Wrap(err, fault.BackupCreation, fault.ClientMissing, "Point COFRE_DEMO_POSTGRES to the bin folder of another PostgreSQL, or run: make setup",
				"the demo's PostgreSQL in %s did not start", bin)
		}
		d.atEnd(d.server.Stop)
		t, err := d.target("postgres")
		if err != nil {
			return "", err
		}
		if err := postgres.CreateDatabase(ctx, t, source, postgres.Locale{}); err != nil {
			return "", err
		}
		s, err := postgres.Inspect(ctx, t, postgres.Selection{})
		return fmt.Sprintf("a throwaway PostgreSQL %s on %s", s.Version, d.server.Addr()), err
	})
}

func (d *demo) fillSample(ctx context.Context) error {
	return d.do("filling", func(bar *term.Bar) (string, error) {
		t, err := d.target(source)
		if err != nil {
			return "", err
		}
		steps := sampleSteps(d.Rows)
		err = fill(ctx, t, steps, func(name string, done int) {
			bar.Set(term.State{Phase: "filling", Note: fmt.Sprintf("step %d of %d: %s", done+1, len(steps)+1, name)})
		})
		if err != nil {
			return "", err
		}
		rows, err := countRows(ctx, t)
		if err != nil {
			return "", err
		}
		s, err := postgres.Inspect(ctx, t, postgres.Selection{})
		return fmt.Sprintf("a sample database, the shop %q: 4 schemas, %d tables, about %s rows, %s\n"+
			"foreign keys, jsonb, bytea, partitions, %d large objects, views, row security, quoted names",
			source, s.Tables, term.Count(rows/1000*1000), term.Bytes(s.Size), s.LargeObjects), err
	})
}

func (d *demo) openStore(ctx context.Context) error {
	return d.do("opening", func(*term.Bar) (string, error) {
		dir, err := process.NewDir("demo")
		if err != nil {
			return "", err
		}
		d.dir = dir
		d.atEnd(dir.Remove)
		d.backups = filepath.Join(dir.Path, "backups")
		c, err := app.Load(d.environment())
		if err != nil {
			return "", err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		d.linkBase = "http://" + listener.Addr().String()
		if d.app, err = app.Open(ctx, c, app.Options{Log: d.Log, LinkBase: d.linkBase}); err != nil {
			listener.Close()
			return "", err
		}
		d.serveLinks(listener)
		return "a directory: " + d.backups, nil
	})
}

// environment is what cofre sees: nothing of the user's databases and buckets.
func (d *demo) environment() []string {
	var env []string
	for _, kv := range d.Environ {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name == "PGDUMP_PATH":
		case name == "PATH": // the server brings its pg_dump along
			kv = name + "=" + value + string(filepath.ListSeparator) + d.server.BinDir
		case strings.HasPrefix(name, "PG"), strings.HasPrefix(name, "BACKUP_"), strings.HasPrefix(name, "AWS_"), name == "DATABASE_URL":
			continue
		}
		env = append(env, kv)
	}
	return append(env, "BACKUP_DIRECTORY="+d.backups, "DATABASE_URL="+d.server.URL(source))
}

func (d *demo) target(database string) (postgres.Target, error) {
	return postgres.ParseTarget(d.server.URL(database), func(string) string { return "" })
}

func (d *demo) getenv(name string) string {
	for _, kv := range d.Environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// invite tells how to go on by oneself.
func (d *demo) invite() {
	var b strings.Builder
	l := d.Look
	fmt.Fprintf(&b, "\n%s\n\n  the web UI: %s (sign in as any role)\n\nOr copy these lines into another terminal:\n\n", l.Bold("Everything is still running, until Ctrl-C."), l.Bold(d.UI))
	for _, line := range []string{
		"export DATABASE_URL=" + d.server.URL(source),
		"export BACKUP_DIRECTORY=" + d.backups,
		"",
		d.Program + " list",
		d.Program + " info " + d.Backup.ID,
		d.Program + " create --name my-first-backup",
		d.Program + " restore my-first-backup.dump --create --to " + postgresURL(d.server, "loja_mine"),
		d.Program + " doctor",
		"curl -fo /tmp/" + d.link.Filename + " '" + d.link.URL + "'",
	} {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "\nThe link works until %s.", term.Moment(d.link.ExpiresAt))
	d.say("%s", b.String())
}

// postgresURL is a URL of the server that leaves the scheme's parts readable.
func postgresURL(s *pgserver.Server, database string) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(pgserver.Superuser, s.Password), Host: s.Addr(), Path: database}
	return u.String()
}
