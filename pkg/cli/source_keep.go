package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/source"
)

const sourceAddLong = `Adds a source, kept in the backup directory beside the backups: every cofre that works on it backs the source
up on its schedule, without a restart. Its connection URL is prompted for, or read from standard input, and
stored encrypted to BACKUP_SERVER_KEY. Without that key, use --env or --secret to say where it is found. It
must name one host: no file, socket or service, and no link-local address. If cofre.yaml or the environment
has a source of the same name, that one is used.`

const sourceAddExamples = `  cofre source add shop --schedule "30 2 * * *" --zone Europe/Lisbon <shop-url.txt
  cofre source add wiki --env COFRE_WIKI_URL --max-age 26h
  cofre source add main --databases "*" --databases "!test_*" --proofs weekly
  cofre source add ledger --retention days=30,keepMonthly=12 --object-lock governance=30`

const sourceSetExamples = `  cofre source set shop --schedule "0 4 * * *" --max-size-gb 40
  cofre source set shop --url <new-url.txt`

// sourceFlags are the options of source add and set.
type sourceFlags struct {
	set        source.Settings
	from, ping given
	anew       bool
	pings      bool // whose address is read
	noPing     bool
	// As they were typed; see said.
	retention, lock  string
	tags             []string
	percent, minimum int
}

func (f *sourceFlags) add(c *cobra.Command, changing bool) {
	o := c.Flags()
	if changing {
		o.BoolVar(&f.anew, "url", false, "read a new URL from standard input, or ask for it; without a password it keeps that of its server")
	}
	o.StringVar(&f.set.Schedule, "schedule", "", "when it is backed up: a `CRON` expression, or never (default: BACKUP_SCHEDULE)")
	o.StringVar(&f.set.Zone, "zone", "", "time `ZONE` of its schedule: Europe/Lisbon")
	o.StringSliceVar((*[]string)(&f.set.Databases), "databases", nil, "follow the databases of its server that match the `PATTERN`; may be repeated")
	o.StringVar(&f.set.MaxAge, "max-age", "", "how old its last good backup may be: `AGE` such as 26h or 7d")
	o.StringVar(&f.set.Proofs, "proofs", "", "how `OFTEN` it is proven: daily, weekly, monthly or never")
	o.StringVar(&f.set.ProofTimeout, "proof-timeout", "", "how long a proof of it may take: `TIME` such as 90m")
	o.StringVar(&f.set.Format, "format", "", "`FORMAT` of its backups: custom or plain")
	o.IntVar(&f.set.Jobs, "jobs", 0, "read its rows over `N` connections")
	o.StringVar(&f.set.Rows, "rows", "", "how rows are written: `KIND` text or binary")
	o.Float64Var(&f.set.MaxSizeGB, "max-size-gb", 0, "one of its backups may take `N` gigabytes where it is stored")
	o.StringSliceVar(&f.set.Copies, "copy", nil, "copy its backups to the location `NAME`; may be repeated")
	o.StringArrayVar(&f.tags, "tag", nil, "label of each of its backups: `KEY=VALUE`; may be repeated")
	o.StringVar(&f.retention, "retention", "", "what is kept of it, in the `WORDS` of cofre.yaml: days=30,keepDaily=7,keepWithin=36h")
	o.StringVar(&f.lock, "object-lock", "", "lock its new backups: `MODE=DAYS`, governance=30 or COMPLIANCE=30 (nobody can lift it); or none")
	o.IntVar(&f.percent, "rows-lost-percent", 0, "warn of a table that lost `N` percent of its rows; 0 warns of none")
	o.IntVar(&f.minimum, "rows-lost-minimum", 0, "but only if it had `N` rows")
	o.BoolVar(&f.pings, "ping", false, "ping a service that watches jobs: read its address behind the URL, or ask for it")
	o.StringVar(&f.ping.env, "ping-env", "", "the address of pings is in the environment variable `COFRE_NAME`")
	o.StringVar(&f.ping.secret, "ping-secret", "", "the address of pings is in the secret with this `ARN`")
	if changing {
		o.BoolVar(&f.noPing, "no-ping", false, "ping nobody any more")
	}
	o.StringVar(&f.from.env, "env", "", "its URL is in the environment variable `COFRE_NAME`")
	o.StringVar(&f.from.secret, "secret", "", "its URL is in the secret with this `ARN`")
}

// secrets reads the URL, where it is wanted, and the address of pings, unless they are named elsewhere.
func (f *sourceFlags) secrets(ctx context.Context, p *program, url bool) (from, ping source.Given, err error) {
	if f.noPing && (f.pings || !f.ping.none()) {
		return from, ping, usage("Use one of them.", "--no-ping and an address of pings cannot be used together")
	}
	from, ping = f.from.named(), f.ping.named()
	var prompts []string
	var into []*source.Given
	if url && f.from.none() {
		prompts, into = append(prompts, "connection URL of the source"), append(into, &from)
	}
	if f.pings && f.ping.none() {
		prompts, into = append(prompts, "address of pings"), append(into, &ping)
	}
	if len(prompts) == 0 {
		return from, ping, nil
	}
	got, err := p.secrets(ctx, prompts...)
	for i := range got {
		into[i].Value = got[i]
	}
	return from, ping, err
}

// said puts what the options say into settings: those that were given.
func (f *sourceFlags) said(given func(option string) bool, set *source.Settings) error {
	for option, put := range map[string]func(){
		"schedule": func() { set.Schedule = f.set.Schedule }, "zone": func() { set.Zone = f.set.Zone }, "databases": func() { set.Databases = f.set.Databases }, "max-age": func() { set.MaxAge = f.set.MaxAge },
		"proofs": func() { set.Proofs = f.set.Proofs }, "proof-timeout": func() { set.ProofTimeout = f.set.ProofTimeout }, "format": func() { set.Format = f.set.Format }, "jobs": func() { set.Jobs = f.set.Jobs },
		"rows": func() { set.Rows = f.set.Rows }, "max-size-gb": func() { set.MaxSizeGB = f.set.MaxSizeGB }, "copy": func() { set.Copies = named(f.set.Copies) },
		"rows-lost-percent": func() { set.Thresholds.RowsLostPercent = &f.percent }, "rows-lost-minimum": func() { set.Thresholds.RowsLostMinimum = int64(f.minimum) },
	} {
		if given(option) {
			put()
		}
	}
	var err error
	if given("tag") {
		set.Tags, err = tagsOf(f.tags)
	}
	if given("retention") && err == nil {
		set.Retention, err = source.ParseRetention(f.retention)
	}
	if given("object-lock") && err == nil {
		set.ObjectLock, err = source.ParseObjectLock(f.lock)
	}
	return err
}

// named are the places that were named; nil where that is none: copied nowhere is something else.
func named(places []string) (names []string) {
	for _, name := range places {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// tagsOf reads tags as they were typed; an empty one says nothing.
func tagsOf(typed []string) (map[string]string, error) {
	tags := map[string]string{}
	for _, tag := range typed {
		k, v, ok := strings.Cut(tag, "=")
		switch {
		case tag == "":
		case !ok || k == "":
			return nil, usage("Write it as --tag key=value.", "%.60q is not a tag", tag)
		default:
			tags[k] = v
		}
	}
	return tags, nil
}

func (p *program) sourceAddCommand() *cobra.Command {
	var f sourceFlags
	c := &cobra.Command{
		Use: "add NAME [options]", Short: "Add a source, kept in the backup directory", Long: sourceAddLong, Example: sourceAddExamples,
		Args: arguments(1, 1, "a source's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			set := source.Settings{Name: args[0]}
			if err := source.CheckKeptName("source", set.Name); err != nil { // before anybody is asked for a secret
				return err
			}
			if err := f.said(cmd.Flags().Changed, &set); err != nil {
				return err
			}
			from, ping, err := f.secrets(cmd.Context(), p, true)
			if err != nil {
				return err
			}
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			return p.keepSource(cmd.Context(), a, "source_create", backup.SourceChange{Settings: set, Connection: from, Ping: ping})
		},
	}
	f.add(c, false)
	return c
}

func (p *program) sourceSetCommand() *cobra.Command {
	var f sourceFlags
	c := &cobra.Command{
		Use: "set NAME [options]", Short: "Change a source that is kept in the backup directory",
		Long: `Changes the given options of a source added by "cofre source add"; everything else stays as it is, its
connection too unless --url, --env or --secret replaces it. What is in cofre.yaml is changed there. An empty
value resets an option: --zone "".`,
		Example: sourceSetExamples, Args: arguments(1, 1, "a source's name"), ValidArgsFunction: p.completeKeptSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.said(cmd.Flags().Changed, &source.Settings{}); err != nil {
				return err
			}
			from, ping, err := f.secrets(cmd.Context(), p, f.anew)
			if err != nil {
				return err
			}
			return p.changeSource(cmd.Context(), args[0], backup.SourceChange{Connection: from, Ping: ping, NoPing: f.noPing}, func(set *source.Settings) error {
				return f.said(cmd.Flags().Changed, set)
			})
		},
	}
	f.add(c, true)
	return c
}

// sourcePauseCommand is pause, or resume.
func (p *program) sourcePauseCommand(pause bool) *cobra.Command {
	c := &cobra.Command{
		Use: "pause NAME", Short: "Pause backups of a source",
		Long: `Pauses a source that is kept in the backup directory: it is backed up only when someone asks for it, and is
not overdue meanwhile.`,
		Example: `  cofre source pause shop`,
		Args:    arguments(1, 1, "a source's name"), ValidArgsFunction: p.completeKeptSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changeSource(cmd.Context(), args[0], backup.SourceChange{}, func(set *source.Settings) error {
				set.Paused = pause
				return nil
			})
		},
	}
	if !pause {
		c.Use, c.Short, c.Long, c.Example = "resume NAME", "Resume backups of a paused source", `Resumes backups of a source that is kept in the backup directory.`, `  cofre source resume shop`
	}
	return c
}

// changeSource changes the settings of a source that is kept.
func (p *program) changeSource(ctx context.Context, name string, ch backup.SourceChange, change func(*source.Settings) error) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	now, err := a.Service.KeptSource(ctx, name)
	if err != nil {
		return err
	}
	if now.Version() == "" {
		return now.Trouble
	}
	if err := change(&now.Settings); err != nil {
		return err
	}
	ch.Version, ch.Settings = now.Version(), now.Settings
	return p.keepSource(ctx, a, "source_change", ch)
}

// keepSource makes or changes a source, and records it.
func (p *program) keepSource(ctx context.Context, a *app.App, action string, change backup.SourceChange) error {
	of, err := a.Service.KeepSource(ctx, change, actor())
	p.acted(ctx, a, action, "", err, map[string]string{"source": change.Settings.Name})
	if err != nil {
		return err
	}
	return p.print(map[string]any{"source": of.Name, "version": of.Version(), "paused": of.Paused}, func() error {
		if of.Paused {
			return p.printf("%s source %s is paused; go on with it: cofre source resume %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(of.Name), source.Quote(of.Name))
		}
		return p.printf("%s source %s is kept; try it: cofre source test %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(of.Name), source.Quote(of.Name))
	})
}

func (p *program) sourceRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Aliases: []string{"rm"}, Short: "Remove a source",
		Long: `Removes a source from the backup directory, together with its connection URL. Its backups are not deleted,
and one that is running continues.`,
		Example: `  cofre source remove shop`,
		Args:    arguments(1, 1, "a source's name"), ValidArgsFunction: p.completeKeptSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			n, err := a.Service.RemoveSource(cmd.Context(), args[0], actor())
			p.acted(cmd.Context(), a, "source_remove", "", err, map[string]string{"source": args[0]})
			if err != nil {
				return err
			}
			return p.print(map[string]any{"source": args[0], "backups": n}, func() error {
				return p.printf("%s source %s is removed; %s of it stay\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(args[0]), term.Plural(n, "good backup"))
			})
		},
	}
}

// completeKeptSources suggests the sources that are kept in the backup directory.
func (p *program) completeKeptSources(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return p.sourceNames(cmd, args, func(of source.Settings) bool { return of.Origin.Kind == source.FromBucket && of.Database == "" })
}
