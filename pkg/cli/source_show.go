package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/source"
)

func (p *program) sourceShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show all that holds of a source, and how it stands with it",
		Long: `Shows every setting in effect for a source and where each value comes from (a line of cofre.yaml, a variable,
the backup directory, or a default), its next three runs, and its last good backup, restore test and copies.
No secret is shown, only where its connection is found.`,
		Example: `  cofre source show shop
  cofre source show shop --json | jq '.settings[] | select(.from.kind != "default") | {key, value}'`,
		Args: arguments(1, 1, "a source's name"), ValidArgsFunction: p.completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			shown, err := a.Service.ShowSource(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.print(shownDoc(shown), func() error { return p.sourceShown(shown) })
		},
	}
}

// shownSourceDoc is the document of source show --json.
type shownSourceDoc struct {
	Name       string             `json:"name"`
	Origin     source.Origin      `json:"origin"`
	Default    bool               `json:"default"` // it is meant where nobody says which
	Settings   []source.Value     `json:"settings"`
	Zone       string             `json:"zone"`
	NextRuns   []time.Time        `json:"nextRuns"`
	State      overview.State     `json:"state,omitempty"`
	Findings   []overview.Finding `json:"findings"`
	LastGood   *overview.Ref      `json:"lastGood,omitempty"` // that holds everything
	LastProven *overview.ProofRef `json:"lastProven,omitempty"`
	ProofDue   *time.Time         `json:"proofDue,omitempty"`
	Copies     []shownCopyDoc     `json:"copies"`
	Trouble    string             `json:"trouble,omitempty"`
}

// shownCopyDoc is what a second location has of the source.
type shownCopyDoc struct {
	Place   string        `json:"place"`
	Last    *overview.Ref `json:"last,omitempty"`
	Lacking int           `json:"lacking"`
	Unknown string        `json:"unknown,omitempty"`
}

func shownDoc(of backup.ShownSource) shownSourceDoc {
	d := shownSourceDoc{Name: of.Name, Origin: of.Origin, Default: of.Default, Settings: append([]source.Value{}, of.Values...), Zone: of.Zone.String(), NextRuns: append([]time.Time{}, of.NextRuns...),
		Findings: []overview.Finding{}, Copies: []shownCopyDoc{}}
	if of.Trouble != nil {
		d.Trouble = fault.From(of.Trouble).Message
	}
	s := of.Standing
	if s == nil {
		return d
	}
	d.State, d.LastGood, d.LastProven, d.Findings = s.State, s.LastWhole, s.LastProven, append(d.Findings, s.Findings...)
	if !s.ProofDue.IsZero() {
		d.ProofDue = &s.ProofDue
	}
	for _, c := range s.Copies {
		d.Copies = append(d.Copies, shownCopyDoc{c.Place, c.Last, c.Lacking, c.Unknown})
	}
	return d
}

// sourceShown prints what holds of a source, and how it stands with it.
func (p *program) sourceShown(of backup.ShownSource) error {
	if err := p.settingsShown("source", of.Name, of.Origin.String(), of.Default, of.Values); err != nil {
		return err
	}
	if of.Trouble != nil {
		p.complain(of.Trouble)
	}
	var t term.Pairs
	for i, at := range of.NextRuns {
		key := ""
		if i == 0 {
			key = "next runs"
		}
		t.Add(key, at.In(of.Zone).Format("2006-01-02 15:04 -07:00")+" "+of.Zone.String())
	}
	if len(of.NextRuns) == 0 {
		t.Add("next runs", "none by a schedule")
	}
	if s := of.Standing; s != nil {
		addStanding(&t, *s)
	} else {
		t.Add("last good", "none")
	}
	return t.Write(p.stdout, p.out)
}

func addStanding(t *term.Pairs, s overview.Source) {
	last, proof := "none", "never"
	if s.LastWhole != nil {
		last = term.Time(s.LastWhole.At) + "  " + s.LastWhole.ID
	}
	if s.LastProven != nil {
		proof = term.Time(s.LastProven.Proof) + "  " + s.LastProven.ID
		if s.LastProven.InPart {
			proof += " in part"
		}
	}
	t.Add("last good", last)
	t.Add("proven", proof)
	if !s.ProofDue.IsZero() {
		t.Add("proof due", term.Time(s.ProofDue))
	}
	for _, c := range s.Copies {
		text := "all that were looked for"
		switch {
		case c.Unknown != "":
			text = "not known: " + c.Unknown
		case c.Lacking > 0:
			text = fmt.Sprintf("%s not there yet", term.Plural(c.Lacking, "backup"))
		}
		t.Add("copies at "+term.Clean(c.Place), text)
	}
	for _, f := range s.Findings {
		t.Add("look at", term.OwnTimes(term.Clean(f.Text)))
		t.Add("", term.Clean(f.Hint))
		if command := nextCommand(f.Hint, overview.Next{Step: f.Step, Source: s.Name, Backup: f.Backup}); command != "" && f.Step != overview.StepSource {
			t.Add("", command)
		}
	}
}

// settingsShown prints what holds of something, each value with where it comes from.
func (p *program) settingsShown(what, name, origin string, meant bool, values []source.Value) error {
	if err := p.printf("%s %s  %s\n", what, p.out.Bold(term.Clean(name)), p.out.Dim(term.Clean(origin))); err != nil {
		return err
	}
	if meant {
		if err := p.printf("  meant where nobody says which\n"); err != nil {
			return err
		}
	}
	var t term.Pairs
	for _, v := range values {
		text := term.Clean(v.Text())
		if v.From.Kind != "" {
			text += "  (" + p.out.Say(term.Clean(v.From.String())) + ")"
		}
		if v.Key != "name" && v.Text() != "" {
			t.Add(v.Key, text)
		}
	}
	return t.Write(p.stdout, p.out)
}

// completeSources suggests all sources.
func (p *program) completeSources(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return p.sourceNames(cmd, args, func(source.Settings) bool { return true })
}

// sourceNames suggests the sources that are wanted, for one argument.
func (p *program) sourceNames(cmd *cobra.Command, args []string, wanted func(source.Settings) bool) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	var out []cobra.Completion
	if a, err := p.open(ctx); err == nil && len(args) == 0 {
		all, _ := a.Service.Sources(ctx)
		for _, of := range all.Sources {
			if wanted(of) {
				out = append(out, of.Name)
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
