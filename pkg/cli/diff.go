package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
)

const diffLong = `Compares what two backups contain: tables that were added, removed, grew, shrank, or have other rows;
sequences, large objects, and definitions that changed. With one ID, the backup is compared with the one
before it, of the same source and kind. Only what was counted when they were created is read, so large
backups take no longer.

With --live a backup is compared with its database as it is now. The database is read once, as for a backup,
and nothing is stored. It is that of DATABASE_URL, or of the backup's source in the file of BACKUP_CONFIG.

Definitions are compared between backups of one major version of PostgreSQL and pg_dump. Rows that were
hashed in different ways (text and binary) are compared by their number. What was not compared is listed.`

const diffExamples = `  cofre diff latest                                    since the backup before
  cofre diff 01JH5W0R8ZB3M7K2Q4X9T6V1NA latest
  cofre diff latest --live                             since it was made
  cofre diff latest --exit-code || echo something changed
  cofre diff latest --json | jq '.tables[] | select(.change == "shrank")'`

// diffDoc is the document of diff --json.
type diffDoc struct {
	Before diffed `json:"before"`
	After  diffed `json:"after"`
	Equal  bool   `json:"equal"` // as far as it could be compared; see notes
	*contents.Diff
}

// diffed is one side: a backup, or the database as it was then, which has no id.
type diffed struct {
	ID       string    `json:"id,omitempty"`
	At       time.Time `json:"at"`
	Database string    `json:"database,omitempty"` // with --live
}

func (p *program) diffCommand() *cobra.Command {
	var exit, live bool
	c := &cobra.Command{
		Use: "diff [BEFORE] ID [options]", Short: "Compare what two backups contain", Long: diffLong, Example: diffExamples,
		Args: arguments(1, 2, "the ids of one or two backups"), ValidArgsFunction: p.completeIDs(storedBackup, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before := ""
			if len(args) == 2 {
				before = args[0]
			}
			if live && before != "" {
				return usage("Name the backup to compare the database with.", "--live compares one backup, and there are two")
			}
			return p.diff(cmd.Context(), before, args[len(args)-1], live, exit)
		},
	}
	c.Flags().BoolVar(&live, "live", false, "compare the backup with its database as it is now")
	c.Flags().BoolVar(&exit, "exit-code", false, fmt.Sprintf("exit with %d when they differ", exitDiffer))
	return c
}

func (p *program) diff(ctx context.Context, before, after string, live, exit bool) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	var d backup.Difference
	if live {
		d, err = p.diffLive(ctx, a, after)
	} else {
		d, err = a.Service.Diff(ctx, before, after)
	}
	if err != nil {
		return err
	}
	doc := diffDoc{Before: diffed{ID: d.Before.ID, At: d.Before.CreatedAt}, After: diffed{ID: d.After.ID, At: d.After.CreatedAt}, Equal: d.Equal(), Diff: d.Diff}
	if live {
		doc.After.Database = d.After.Database
	}
	if err := p.print(doc, func() error { return p.differences(d) }); err != nil {
		return err
	}
	if exit && !d.Equal() {
		return silent{fault.New(fault.Validation, fault.ContentsDiffer, "See what with: cofre diff", "they differ")}
	}
	return nil
}

// diffLive compares a backup with its database, which the file of BACKUP_CONFIG may have.
func (p *program) diffLive(ctx context.Context, a *app.App, ref string) (backup.Difference, error) {
	b, err := a.Service.Info(ctx, ref)
	if err != nil {
		return backup.Difference{}, err
	}
	bar := p.bar(backup.PhaseConnecting)
	defer bar.Close()
	return a.Service.DiffLive(ctx, b.ID, func(pr backup.Progress) { bar.Set(stateOf(pr)) })
}

func (p *program) differences(d backup.Difference) error {
	after := d.After.ID
	if after == "" {
		after = "the database " + term.Clean(d.After.Database)
	}
	p.note("from %s (%s) to %s (%s)", d.Before.ID, term.Time(d.Before.CreatedAt), after, term.Time(d.After.CreatedAt))
	if len(d.Tables) > 0 || d.LargeObjects != nil {
		if err := p.tableDifferences(d.Diff); err != nil {
			return err
		}
	}
	if len(d.Definitions) > 0 {
		t := &term.Table{Columns: []term.Column{{Title: "CHANGE"}, {Title: "DEFINITION OF"}, {Title: "NAME", Shrink: 20}}}
		for _, x := range d.Definitions {
			name := x.Name // constraints, triggers and comments have more than a name there
			if x.Schema != "" {
				name = x.Schema + "." + x.Name
			}
			t.Add(changeCell(x.Change, p.out), term.Cell{Text: strings.ToLower(x.Kind)}, term.Cell{Text: name})
		}
		if err := t.Write(p.stdout, p.out); err != nil {
			return err
		}
	}
	sums := []string{term.Plural(d.SameTables, "table") + " with the same rows"}
	if d.SameTables == 1 {
		sums[0] = "1 table with the same rows"
	}
	if n := len(d.Sequences); n > 0 {
		sums = append(sums, term.Plural(n, "sequence")+" with another value")
	}
	if d.Equal() {
		sums = append(sums, "nothing differs")
	}
	p.note("%s", strings.Join(sums, ", "))
	for _, n := range d.Notes {
		p.note("  note: %s", term.Clean(n))
	}
	return nil
}

func (p *program) tableDifferences(d *contents.Diff) error {
	t := &term.Table{Columns: []term.Column{
		{Title: "CHANGE"}, {Title: "TABLE", Shrink: 20}, {Title: "ROWS BEFORE", Right: true}, {Title: "ROWS AFTER", Right: true}, {Title: "ROWS", Right: true}, {Title: "SIZE", Right: true, Drop: 1},
	}}
	for i := range d.Tables {
		x := &d.Tables[i]
		name := x.Label()
		if x.Root {
			name += " (all partitions)"
		}
		t.Add(changeRow(x.Change, name, x.Before, x.After, p.out)...)
	}
	if l := d.LargeObjects; l != nil {
		t.Add(changeRow(l.Change, "(large objects)", &l.Before, &l.After, p.out)...)
	}
	return t.Write(p.stdout, p.out)
}

func changeRow(c contents.Change, name string, before, after *contents.Counts, l term.Look) []term.Cell {
	count := func(x *contents.Counts) term.Cell {
		if x == nil {
			return term.Cell{Text: "-"}
		}
		return term.Cell{Text: term.Count(x.Rows)}
	}
	row := []term.Cell{changeCell(c, l), {Text: name}, count(before), count(after), {Text: "-"}, {Text: "-"}}
	if before != nil && after != nil {
		row[4].Text, row[5].Text = signed(after.Rows-before.Rows, term.Count), signed(after.Bytes-before.Bytes, term.Bytes)
		if lost := before.Rows - after.Rows; lost > 0 {
			row[4].Text = fmt.Sprintf("-%d %%", lost*100/before.Rows)
		}
	}
	return row
}

// signed gives a difference with its sign, 0 without.
func signed(n int64, text func(int64) string) string {
	switch {
	case n < 0:
		return "-" + text(-n)
	case n > 0:
		return "+" + text(n)
	}
	return "0"
}

func changeCell(c contents.Change, l term.Look) term.Cell {
	cell := term.Cell{Text: string(c)}
	switch c {
	case contents.Went, contents.Shrank:
		cell.Paint = l.Red
	case contents.Came, contents.Grew:
		cell.Paint = l.Green
	case contents.Changed, contents.Unknown:
		cell.Paint = l.Yellow
	}
	return cell
}
