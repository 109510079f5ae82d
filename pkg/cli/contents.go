package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
)

const contentsLong = `Shows what a backup contains: its tables with rows and sizes, as counted and hashed while the backup was
created, the largest first. With TABLE it shows everything about one; part of its name is enough if no other
table matches.

SIZE is before compression, STORED is in the backup's file. The hash does not depend on the order of rows:
same hash, same rows. For an encrypted backup it needs BACKUP_SERVER_KEY, or the key of the backups.`

const contentsExamples = `  cofre contents latest
  cofre contents 01JH5W0R8ZB3M7K2Q4X9T6V1NA --sort rows --limit 20
  cofre contents latest sales.orders
  cofre contents latest --json | jq -r '.tables[] | [.schema, .name, .rows] | @tsv'`

// contentsDoc is the document of contents --json.
type contentsDoc struct {
	ID           string                 `json:"id"`
	Source       string                 `json:"source"`
	Database     string                 `json:"database"`
	At           time.Time              `json:"at"`
	Totals       contents.Totals        `json:"totals"`
	Tables       []*contents.Table      `json:"tables"`
	Sequences    []contents.Sequence    `json:"sequences"`
	LargeObjects *contents.LargeObjects `json:"largeObjects,omitempty"`
	Definitions  int                    `json:"definitions"` // how many objects' definitions were hashed
	Compared     string                 `json:"compared,omitempty"`
	Warnings     []contents.Warning     `json:"warnings"`
}

func (p *program) contentsCommand() *cobra.Command {
	var by string
	var limit int
	c := &cobra.Command{
		Use: "contents ID [TABLE] [options]", Short: "Show what a backup contains", Long: contentsLong, Example: contentsExamples,
		Args: arguments(1, 2, "a backup's id, and a table's name"), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o := contents.Order(by); o != contents.BySize && o != contents.ByRows && o != contents.ByName {
				return fault.New(fault.Validation, fault.InvalidInput, "Use size, rows or name.", "tables cannot be sorted by %.40q", by)
			}
			if len(args) == 2 {
				return p.contentsOfTable(cmd.Context(), args[0], args[1])
			}
			return p.contents(cmd.Context(), args[0], contents.Order(by), limit)
		},
	}
	c.Flags().StringVar(&by, "sort", string(contents.BySize), "`ORDER`: size, rows or name")
	c.Flags().IntVar(&limit, "limit", 0, "at most `N` tables; 0 is all")
	return c
}

// readContents opens the service and reads what a backup contains.
func (p *program) readContents(ctx context.Context, ref string) (backup.Backup, *contents.Contents, error) {
	a, err := p.open(ctx)
	if err != nil {
		return backup.Backup{}, nil, err
	}
	return a.Service.Contents(ctx, ref)
}

func (p *program) contents(ctx context.Context, ref string, by contents.Order, limit int) error {
	b, c, err := p.readContents(ctx, ref)
	if err != nil {
		return err
	}
	tables := c.Select("", by)
	if limit > 0 {
		tables = tables[:min(limit, len(tables))]
	}
	doc := contentsDoc{ID: b.ID, Source: b.SourceName(), Database: b.Database, At: c.At, Totals: c.Totals(), Tables: tables, Sequences: c.Sequences, LargeObjects: c.LargeObjects,
		Definitions: len(c.Definitions), Compared: c.Compared, Warnings: c.Warnings}
	if doc.Tables == nil {
		doc.Tables = []*contents.Table{}
	}
	if doc.Sequences == nil {
		doc.Sequences = []contents.Sequence{}
	}
	if doc.Warnings == nil {
		doc.Warnings = []contents.Warning{}
	}
	return p.print(doc, func() error { return p.contentsTable(c, tables) })
}

func (p *program) contentsTable(c *contents.Contents, tables []*contents.Table) error {
	t := &term.Table{Columns: []term.Column{
		{Title: "TABLE", Shrink: 20}, {Title: "KIND", Drop: 2, Words: true}, {Title: "ROWS", Right: true}, {Title: "SIZE", Right: true}, {Title: "STORED", Right: true, Drop: 3},
		{Title: "SHARE", Right: true, Drop: 4}, {Title: "HASH", Drop: 1},
	}}
	totals := c.Totals()
	for _, x := range tables {
		cells := []term.Cell{{Text: x.Label()}, {Text: x.Kind}, {Text: "-"}, {Text: "-"}, {Text: "-"}, {Text: "-"}, {Text: "-"}}
		if x.Data {
			cells[2].Text, cells[3].Text, cells[6].Text = term.Count(x.Rows), term.Bytes(x.Bytes), x.Hash.String()
			if x.Stored > 0 {
				cells[4].Text = term.Bytes(x.Stored)
			}
			if totals.Bytes > 0 {
				cells[5].Text = fmt.Sprintf("%.1f %%", float64(x.Bytes)*100/float64(totals.Bytes))
			}
		}
		t.Add(cells...)
	}
	if err := t.Write(p.stdout, p.out); err != nil {
		return err
	}
	sums := []string{term.Plural(totals.Tables, "table") + " with " + term.Plural(int(totals.Rows), "row"), term.Bytes(totals.Bytes) + " before compression"}
	if l := c.LargeObjects; l != nil {
		sums = append(sums, term.Plural(int(l.Count), "large object")+" ("+term.Bytes(l.Bytes)+")")
	}
	if n := len(c.Sequences); n > 0 {
		sums = append(sums, term.Plural(n, "sequence"))
	}
	p.note("%s", strings.Join(sums, ", "))
	for _, w := range c.Warnings {
		p.note("  %s", p.screen.Yellow(term.Clean(lostRows(w.Label(), w.Before, w.After, w.Percent(), w.Dropped))))
	}
	return nil
}

// lostRows says that a table lost rows since the backup before.
func lostRows(table string, before, after int64, percent int, dropped bool) string {
	if dropped {
		return fmt.Sprintf("%s is gone; it had %s", table, term.Plural(int(before), "row"))
	}
	return fmt.Sprintf("%s lost %d %% of its rows: %s, before that %s", table, percent, term.Count(after), term.Count(before))
}

func (p *program) contentsOfTable(ctx context.Context, ref, name string) error {
	_, c, err := p.readContents(ctx, ref)
	if err != nil {
		return err
	}
	found, err := oneTable(c, name)
	if err != nil {
		return err
	}
	return p.print(found, func() error {
		var t term.Pairs
		t.Add("table", found.Label())
		t.Add("kind", found.Kind)
		if found.RootName != "" {
			t.Add("restored through", contents.Qualified(found.RootSchema, found.RootName))
		}
		if !found.Data {
			t.Add("rows", "none in the backup")
			return t.Write(p.stdout, p.out)
		}
		t.Add("rows", term.Count(found.Rows))
		t.Add("size", term.Bytes(found.Bytes)+" before compression")
		if found.Stored > 0 {
			t.Add("stored", fmt.Sprintf("%s, from byte %d of the archive", term.Bytes(found.Stored), found.Offset))
		}
		t.Add("hash", found.Hash.String()+" ("+string(found.HashKind)+")")
		t.Add("read until", term.Moment(found.ReadAt))
		return t.Write(p.stdout, p.out)
	})
}

// oneTable finds the table of a name: schema.name as SQL has it, the name alone, or a part of one.
func oneTable(c *contents.Contents, name string) (*contents.Table, error) {
	for _, is := range []func(*contents.Table) bool{
		func(t *contents.Table) bool { return t.Label() == name || t.Schema+"."+t.Name == name },
		func(t *contents.Table) bool { return t.Name == name },
		func(t *contents.Table) bool { return strings.Contains(t.Schema+"."+t.Name, name) },
	} {
		var found []*contents.Table
		for _, t := range c.Select("", contents.ByName) {
			if is(t) {
				found = append(found, t)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			var labels []string
			for _, t := range found[:min(5, len(found))] {
				labels = append(labels, t.Label())
			}
			return nil, fault.New(fault.Validation, fault.InvalidInput, "Write more of it: "+strings.Join(labels, ", ")+".", "%s match %.80q", term.Plural(len(found), "table"), name)
		}
	}
	return nil, fault.New(fault.Validation, fault.NotFound, "List them with: cofre contents "+c.ID, "the backup has no table %.80q", name)
}
