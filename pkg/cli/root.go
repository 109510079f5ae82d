package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cofre/pkg/spelling"
)

// Groups of commands in the help.
const (
	groupBackups = "backups"
	groupCare    = "care"
	groupMore    = "more"
)

const rootLong = `cofre backs up a PostgreSQL database to S3-compatible storage or a local directory, verifies what it
stored and restores it. Each backup is one standard file for pg_restore or psql.

Two environment variables are needed:
  BACKUP_DIRECTORY   where backups are stored: /srv/backups, or s3://bucket/prefix
  DATABASE_URL       the database: postgresql://user@host:5432/shop (or libpq's PG* variables)
Passwords may also be in PGPASSWORD or ~/.pgpass. "cofre doctor" says what is missing.`

const rootExamples = `  cofre doctor                                   check the setup
  cofre create                                   create a backup, verified while it is written
  cofre list                                     list backups
  cofre restore 01JH5W0R... --to postgresql://localhost/shop_new --create`

// root builds the tree of commands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use: "cofre", Short: "Back up PostgreSQL, verify it, restore it", Long: rootLong, Example: rootExamples,
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2, Version: p.build().Version,
		Args:              func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.prepare(cmd) },
	}
	root.AddGroup(
		&cobra.Group{ID: groupBackups, Title: "Backups:"},
		&cobra.Group{ID: groupCare, Title: "Maintenance:"},
		&cobra.Group{ID: groupMore, Title: "Other:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			c.DisableFlagsInUseLine = true
			root.AddCommand(c)
		}
	}
	add(groupBackups, p.createCommand(), p.runCommand(), p.listCommand(), p.infoCommand(), p.contentsCommand(), p.diffCommand(), p.rowsCommand(), p.statusCommand(), p.restoreCommand(), p.switchCommand(), p.downloadCommand(), p.urlCommand())
	add(groupCare, p.validateCommand(), p.proveCommand(), p.copyCommand(), p.placeCommand(), p.doctorCommand(), p.cleanupCommand(), p.deleteCommand(), p.pinCommand(), p.unpinCommand(), p.sourceCommand(), p.configCommand(), p.channelCommand(), p.auditCommand())
	add(groupMore, p.serveCommand(), p.demoCommand(), p.versionCommand())
	root.SetHelpCommandGroupID(groupMore)
	root.SetCompletionCommandGroupID(groupMore)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Short = "Print completion for bash, zsh, fish or PowerShell"
		case "help":
			c.Short = "Show the help of a command"
		}
	}
	global := root.PersistentFlags()
	global.BoolVar(&p.json, "json", false, "print the result as one JSON document")
	global.BoolVarP(&p.verbose, "verbose", "v", false, "print every step, with pg_dump's messages")
	global.BoolVarP(&p.quiet, "quiet", "q", false, "no progress, no notes; create and list print only IDs")
	global.BoolVar(&p.noProgress, "no-progress", false, "no progress bar")
	global.BoolVar(&p.utc, "utc", false, "show and read times in UTC instead of this machine's zone")
	global.StringVar(&p.place, "place", "", "work on the second location of this `NAME` instead of BACKUP_DIRECTORY (cofre copy)")
	global.BoolP("help", "h", false, "show this help")
	root.MarkFlagsMutuallyExclusive("verbose", "quiet")
	root.MarkFlagsMutuallyExclusive("json", "quiet")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(p.usageText)
	p.sayHelp(root)
	return root
}

// prepare runs before every command.
func (p *program) prepare(cmd *cobra.Command) error {
	p.log = p.newLog()
	if p.utc {
		time.Local = time.UTC // for the whole process: it shows one zone
	}
	return contradictions(cmd)
}

// see is the hint of most errors in arguments.
func see(cmd *cobra.Command) string { return "See: " + cmd.CommandPath() + " --help" }

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := see(cmd)
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "Did you mean: " + cmd.CommandPath() + " " + strings.Join(near, ", ") + "? " + hint
	}
	return usage(hint, "unknown command %.60q", args[0])
}

// flagError says what is wrong with an option.
func flagError(cmd *cobra.Command, err error) error {
	var missing *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &missing):
		return usage(see(cmd), "option %s needs a value", flagName(missing.GetSpecifiedName()))
	case errors.As(err, &unknown):
		hint := see(cmd)
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			hint = "Did you mean " + near + "? " + hint
		}
		return usage(hint, "unknown option %s", flagName(unknown.GetSpecifiedName()))
	case errors.As(err, &invalid):
		kind := map[string]string{"int": "a whole number", "duration": "a duration, such as 15m or 24h", "bool": "true or false"}[invalid.GetFlag().Value.Type()]
		if _, ok := invalid.GetFlag().Value.(*cleanFlag); ok {
			kind = "cascade, its only value"
		}
		if kind == "" {
			kind = "a " + invalid.GetFlag().Value.Type()
		}
		return usage(see(cmd), "%.60q is not %s, which --%s needs", invalid.GetValue(), kind, invalid.GetFlag().Name)
	}
	return usage(see(cmd), "%s", err)
}

func flagName(s string) string {
	if len(s) == 1 {
		return "-" + s
	}
	return fmt.Sprintf("--%.60s", s)
}

// nearestFlag finds the option that a misspelt one was meant to be, "" when none is near.
func nearestFlag(cmd *cobra.Command, name string) string {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := spelling.Nearest(name, known); near != "" {
		return "--" + near
	}
	return ""
}

// contradictions refuses options that exclude each other, in words.
func contradictions(cmd *cobra.Command) error {
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		for _, group := range f.Annotations["cobra_annotation_mutually_exclusive"] {
			for _, other := range strings.Fields(group) {
				if err == nil && other > f.Name && f.Changed && cmd.Flags().Changed(other) {
					err = usage("Use only one of them.", "--%s and --%s cannot be used together", f.Name, other)
				}
			}
		}
	})
	return err
}

// arguments checks how many arguments there are. what names one: "a backup's id".
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage(see(cmd), "%s needs %s", cmd.CommandPath(), what)
		case most >= 0 && len(args) > most && most == 0:
			return usage(see(cmd), "%s takes no arguments, and got %.60q", cmd.CommandPath(), args[0])
		case most >= 0 && len(args) > most:
			return usage(see(cmd), "%s takes only %s, and got %.60q too", cmd.CommandPath(), what, args[most])
		}
		return nil
	}
}
