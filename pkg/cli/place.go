package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/source"
)

const placeLong = `Second locations hold copies of backups: another disk, or another provider's bucket. They are defined in
BACKUP_COPIES or in the file that BACKUP_CONFIG names, or kept beside the backups (cofre place add). cofre
copy brings what a location lacks.`

func (p *program) placeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "place", Short: "Manage second locations, where copies go", Long: placeLong,
		Example: "  cofre place list\n  cofre place test elsewhere",
		Args:    func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(p.placeListCommand(), p.placeAddCommand(), p.placeSetCommand(), p.placeTestCommand(), p.placeRemoveCommand())
	for _, sub := range c.Commands() {
		sub.DisableFlagsInUseLine = true
	}
	return c
}

func (p *program) placeListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List second locations, and how far each is behind",
		Long: `Lists the second locations: where each is, where that is defined, which sources are copied there, and how many
of their last good backups are still missing there.`,
		Example: `  cofre place list
  cofre place list --json | jq -r '.places[] | select(.late > 0) | .name'`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.placeList(cmd.Context()) },
	}
}

// placeDoc is a second location in place list --json.
type placeDoc struct {
	Name         string        `json:"name"`
	Where        string        `json:"where"`
	Origin       source.Origin `json:"origin"`
	StorageClass string        `json:"storageClass,omitempty"`
	Sources      []string      `json:"sources"`
	Waiting      int           `json:"waiting"`
	Late         int           `json:"late"`
	Unknown      int           `json:"unknown"`
	LastAt       time.Time     `json:"lastAt,omitzero"`
	Trouble      string        `json:"trouble,omitempty"`
}

func placeDocOf(s backup.PlaceState) placeDoc {
	d := placeDoc{s.Name, s.Where, s.Origin, s.StorageClass, []string{}, s.Waiting, s.Late, s.Unknown, s.LastAt, s.Trouble}
	for _, of := range s.Sources {
		d.Sources = append(d.Sources, of.Name)
	}
	return d
}

func (p *program) placeList(ctx context.Context) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	states, err := a.Service.PlaceStates(ctx)
	if err != nil {
		return err
	}
	all := []placeDoc{}
	for _, s := range states {
		all = append(all, placeDocOf(s))
	}
	return p.print(map[string]any{"places": all}, func() error { return p.placeTable(all) })
}

func (p *program) placeTable(all []placeDoc) error {
	if len(all) == 0 {
		p.note("No second location yet. For example: export BACKUP_COPIES=/mnt/second, or BACKUP_COPIES=s3://other-bucket/prefix")
		return nil
	}
	t := &term.Table{Columns: []term.Column{
		{Title: "PLACE", Shrink: 12}, {Title: "WHERE", Shrink: 16, Drop: 2}, {Title: "SAID IN", Shrink: 10, Drop: 4}, {Title: "SOURCES", Shrink: 10, Drop: 3}, {Title: "WAITING", Right: true}, {Title: "NEWEST COPY OF", Drop: 1}, {Title: "STATE", Words: true, Shrink: 20},
	}}
	for _, d := range all {
		last, state, paint := "-", "ok", p.out.Green
		if !d.LastAt.IsZero() {
			last = term.Time(d.LastAt)
		}
		switch {
		case d.Trouble != "":
			state, paint = d.Trouble, p.out.Red
		case d.Late > 0:
			state, paint = fmt.Sprintf("late with %s", term.Plural(d.Late, "source")), p.out.Yellow
		case d.Waiting > 0:
			state = "copies are being made"
		}
		t.Add(term.Cell{Text: d.Name}, term.Cell{Text: d.Where}, term.Cell{Text: d.Origin.String()}, term.Cell{Text: strings.Join(d.Sources, ", ")}, term.Cell{Text: fmt.Sprint(d.Waiting)},
			term.Cell{Text: last}, term.Cell{Text: state, Paint: paint})
	}
	return t.Write(p.stdout, p.out)
}

func (p *program) placeTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test NAME", Short: "Check whether copies can be made there",
		Long: `Checks whether a second location answers, can be listed, and can be written to, how many backups it has, and
what is unsafe about it. Nothing is left there. Exit code 5 or 7 when copies cannot be made.`,
		Example: `  cofre place test elsewhere
  cofre place test elsewhere --json | jq .ok`,
		Args: arguments(1, 1, "a location's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error { return p.placeTest(cmd.Context(), args[0]) },
	}
}

func (p *program) placeTest(ctx context.Context, name string) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	place, err := a.Service.Place(ctx, name)
	if err != nil {
		return err
	}
	return p.diagnosis(backup.Diagnosed(backup.CheckPlace(ctx, place)))
}
