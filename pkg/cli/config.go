package cli

import (
	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

const configLong = `cofre is configured by environment variables and, where BACKUP_CONFIG names one, by a file cofre.yaml:
sources, servers to restore to, channels, retention.`

func (p *program) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Check and show the configuration", Long: configLong,
		Example: "  cofre config check cofre.yaml\n  cofre config show\n  cofre config schema > cofre.schema.json",
		Args:    func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "check [FILE]", Short: "Check a configuration file",
		Long: `Reads a file, by default that of BACKUP_CONFIG, and lists everything wrong in it, each with its line and what
to do. It connects to nothing. A connection that is not available on this machine is only a note: the file
may be for another machine.`,
		Example: "  cofre config check\n  cofre config check cofre.yaml && git commit cofre.yaml\n  cofre config check --json cofre.yaml | jq -r '.problems[] | \"\\(.line): \\(.message)\"'",
		Args:    arguments(0, 1, "a file"),
		RunE:    p.configCheck,
	}, &cobra.Command{
		Use: "show", Short: "Show the effective settings, and where each comes from",
		Long: `Shows every setting in effect for each source, the line of the file it comes from, and which values are
defaults; also servers to restore to, locations and channels. No secret is shown, only where it is found.`,
		Example: "  cofre config show\n  cofre config show --json | jq '.sources[] | {name, schedule, origin}'",
		Args:    arguments(0, 0, ""),
		RunE:    p.configShow,
	}, &cobra.Command{
		Use: "schema", Short: "Print the JSON schema of cofre.yaml, for editors",
		Long: `Prints the JSON schema of cofre.yaml. Editors with the YAML language server find it through the first line
of the file:
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
	OK       bool            `json:"ok"`
	File     string          `json:"file"`
	Sources  int             `json:"sources"`
	Targets  int             `json:"targets"`
	Notes    []app.Note      `json:"notes"`
	Problems []configProblem `json:"problems"`
	Count    int             `json:"problemCount"` // also of those that are too many to be listed
	Error    *registry.Error `json:"error,omitempty"`
}

// configProblem is one thing that is wrong with the file. Line is 0 of the file as a whole.
type configProblem struct {
	Line    int    `json:"line"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

func (p *program) configCheck(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		p.environ = append(p.environ, "BACKUP_CONFIG="+args[0])
	}
	if p.getenv("BACKUP_CONFIG") == "" {
		return usage("Name it: cofre config check cofre.yaml", "BACKUP_CONFIG is not set, and no file was named")
	}
	c, err := p.config(cmd.Context())
	problems, err := c.CheckFile(cmd.Context(), err)
	if err != nil {
		return err
	}
	doc := checkedConfig{OK: problems.Count == 0, File: c.FileName, Sources: len(c.File.Sources), Targets: len(c.File.Targets), Notes: []app.Note{}, Problems: []configProblem{}, Count: problems.Count}
	if !doc.OK {
		return p.configProblems(doc, problems)
	}
	doc.Notes = c.Unreachable(cmd.Context())
	return p.print(doc, func() error {
		for _, n := range doc.Notes {
			p.note("%s %s, line %d: not on this machine: %s", p.screen.Yellow(p.screen.Sign("!", "note")), doc.File, n.Line, term.Clean(n.Message))
		}
		return p.printf("%s %s fits: %s, %s to restore to\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(doc.File), term.Plural(doc.Sources, "source"), term.Plural(doc.Targets, "server"))
	})
}

// configProblems tells all that is wrong with a file.
func (p *program) configProblems(doc checkedConfig, all app.Problems) error {
	for _, one := range all.List {
		doc.Problems = append(doc.Problems, configProblem{one.Line, one.Key, one.Message, one.Hint})
		if !p.json {
			p.complain(one.Told(doc.File))
		}
	}
	if p.json {
		doc.Error = recordOf(all)
		if err := p.print(doc, nil); err != nil {
			return err
		}
		return told{all}
	}
	p.note("%s: %s", term.Clean(doc.File), term.Plural(all.Count, "problem"))
	if all.Count > len(all.List) {
		p.note("only the first %d are shown", len(all.List))
	}
	return silent{all}
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
	c, shown, err := p.shownConfig(cmd)
	if err != nil {
		return err
	}
	return p.print(shown, func() error {
		if len(shown.Sources)+len(shown.Targets)+len(shown.Places)+len(shown.Channels) == 0 {
			p.note("No source: DATABASE_URL is not set, and BACKUP_CONFIG names no file with sources.")
			return nil
		}
		for _, s := range shown.Sources {
			if err := p.settingsShown("source", s.Name, s.Origin.String(), s.Name == shown.Default, c.Sources().Values(s.Settings)); err != nil {
				return err
			}
		}
		if shown.Retention != nil {
			if err := p.settingsShown("retention", "", shown.File, false, source.Flat(shown.Retention)); err != nil {
				return err
			}
		}
		for _, t := range shown.Targets {
			if err := p.settingsShown("target", t.Name, t.Origin.String(), false, source.Flat(t.Said())); err != nil {
				return err
			}
		}
		for _, of := range shown.Places {
			if err := p.settingsShown("place", of.Name, of.Origin.String(), false, source.Flat(of.Place)); err != nil {
				return err
			}
		}
		for _, ch := range shown.Channels {
			if err := p.settingsShown("channel", ch.Name, ch.Origin.String(), false, source.Flat(ch.Channel)); err != nil {
				return err
			}
		}
		return nil
	})
}
