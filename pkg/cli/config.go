package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/cli/term"
)

const configLong = `What cofre looks after is said by environment variables and, where BACKUP_CONFIG names one, by a file
cofre.yaml: sources, servers to restore to, channels, what is kept.`

func (p *program) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Check and show what cofre.yaml and the environment say", Long: configLong,
		Example: "  cofre config check cofre.yaml\n  cofre config show\n  cofre config schema > cofre.schema.json",
		Args:    func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "check [FILE]", Short: "Look whether a file fits",
		Long: `Reads a file, that of BACKUP_CONFIG unless another is named, and says what is wrong in which line. Connects
to nothing. A connection that cannot be had on this machine is a note: the file may be another machine's.`,
		Example: "  cofre config check\n  cofre config check cofre.yaml && git commit cofre.yaml",
		Args:    arguments(0, 1, "a file"),
		RunE:    p.configCheck,
	}, &cobra.Command{
		Use: "show", Short: "Show what holds, where it stands, and what is a default",
		Long: `Shows each source with all that holds for it, in which line of the file it stands, and which values are
defaults; servers to restore to; channels. No secret is shown: only where it is to be had.`,
		Example: "  cofre config show\n  cofre config show --json | jq '.sources[] | {name, schedule, origin}'",
		Args:    arguments(0, 0, ""),
		RunE:    p.configShow,
	}, &cobra.Command{
		Use: "schema", Short: "Print the JSON schema of cofre.yaml, for editors",
		Long: `Prints the JSON schema of cofre.yaml. Editors that know YAML's language server take it from the file's
first line:
  # yaml-language-server: $schema=cofre.schema.json`,
		Example: "  cofre config schema > cofre.schema.json",
		Args:    arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := p.stdout.Write(app.ConfigSchema())
			return err
		},
	})
	for _, sub := range c.Commands() {
		sub.DisableFlagsInUseLine = true
	}
	return c
}

// checkedConfig is the document of config check --json.
type checkedConfig struct {
	OK      bool       `json:"ok"`
	File    string     `json:"file"`
	Sources int        `json:"sources"`
	Targets int        `json:"targets"`
	Notes   []app.Note `json:"notes"`
}

func (p *program) configCheck(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		p.environ = append(p.environ, "BACKUP_CONFIG="+args[0])
	}
	if p.getenv("BACKUP_CONFIG") == "" {
		return usage("Name it: cofre config check cofre.yaml", "BACKUP_CONFIG is not set, and no file was named")
	}
	c, shown, err := p.shownConfig(cmd)
	if err != nil {
		return err
	}
	doc := checkedConfig{OK: true, File: shown.File, Sources: len(c.File.Sources), Targets: len(shown.Targets), Notes: c.Unreachable(cmd.Context())}
	return p.print(doc, func() error {
		for _, n := range doc.Notes {
			p.note("%s %s, line %d: not on this machine: %s", p.screen.Yellow(p.screen.Sign("!", "note")), doc.File, n.Line, term.Clean(n.Message))
		}
		return p.printf("%s %s fits: %s, %s to restore to\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(doc.File), term.Plural(doc.Sources, "source"), term.Plural(doc.Targets, "server"))
	})
}

func (p *program) shownConfig(cmd *cobra.Command) (app.Config, app.Shown, error) {
	c, err := p.config(cmd.Context())
	if err != nil {
		return c, app.Shown{}, err
	}
	shown, err := c.Show(cmd.Context())
	return c, shown, err
}

func (p *program) configShow(cmd *cobra.Command, _ []string) error {
	_, shown, err := p.shownConfig(cmd)
	if err != nil {
		return err
	}
	return p.print(shown, func() error {
		if len(shown.Sources)+len(shown.Targets)+len(shown.Channels) == 0 {
			p.note("No source: DATABASE_URL is not set, and BACKUP_CONFIG names no file with sources.")
			return nil
		}
		for _, s := range shown.Sources {
			if err := p.showSource(s, s.Name == shown.Default); err != nil {
				return err
			}
		}
		for _, t := range shown.Targets {
			if err := p.printf("target %s  %s\n  connection: %s; allows: %s\n", p.out.Bold(term.Clean(t.Name)), p.out.Dim(term.Clean(t.Origin.String())), term.Clean(t.Connection.String()), strings.Join(t.Allow, ", ")); err != nil {
				return err
			}
		}
		for _, ch := range shown.Channels {
			if err := p.printf("channel %s  %s\n  %s, to %s\n", p.out.Bold(term.Clean(ch.Name)), p.out.Dim(term.Clean(ch.Origin.String())), ch.Kind, term.Clean(ch.Where.String())); err != nil {
				return err
			}
		}
		return nil
	})
}

// showSource prints what holds for a source.
func (p *program) showSource(s app.ShownSource, meant bool) error {
	name := "source " + p.out.Bold(term.Clean(s.Name))
	if meant {
		name += " (meant where nobody says which)"
	}
	if err := p.printf("%s  %s\n", name, p.out.Dim(term.Clean(s.Origin.String()))); err != nil {
		return err
	}
	var t term.Pairs
	add := func(key, value string) {
		if value == "" {
			return
		}
		if slices.Contains(s.Defaults, key) {
			value += " " + p.out.Dim("(default)")
		}
		t.Add("  "+key, value)
	}
	add("connection", term.Clean(s.Connection.String()))
	add("databases", term.Clean(strings.Join(s.Databases, " ")))
	add("schedule", s.Schedule)
	add("zone", s.Zone)
	if s.Paused {
		add("paused", "true")
	}
	add("maxAge", s.MaxAge)
	add("proofs", s.Proofs)
	add("format", s.Format)
	if s.Jobs > 0 {
		add("jobs", fmt.Sprint(s.Jobs))
	}
	add("rows", s.Rows)
	add("restore", strings.Join(s.Restore, ", "))
	if percent := s.Thresholds.RowsLostPercent; percent != nil {
		add("thresholds.rowsLostPercent", fmt.Sprint(*percent))
	}
	if least := s.Thresholds.RowsLostMinimum; least > 0 {
		add("thresholds.rowsLostMinimum", fmt.Sprint(least))
	}
	var tags []string
	for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
		tags = append(tags, term.Clean(k+"="+s.Tags[k]))
	}
	add("tags", strings.Join(tags, ", "))
	return t.Write(p.stdout, p.out)
}
