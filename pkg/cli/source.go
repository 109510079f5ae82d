package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

const sourceLong = `A source is what is backed up: a name that stands for one database on one server. Retention, schedules and
overdue checks work by source. The name is BACKUP_SOURCE, or the database's own.

The first backup records which server it is: its system identifier and its address. From then on, another
server under the same name is refused, so that two databases of one name never push each other's backups
out.`

func (p *program) sourceCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "source", Short: "Manage sources", Long: sourceLong,
		Example: "  cofre source list\n  cofre source show shop\n  cofre source test shop\n  cofre source moved shop\n  cofre source adopt shop",
		Args:    func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(p.sourceListCommand(), p.sourceShowCommand(), p.sourceAddCommand(), p.sourceSetCommand(), p.sourcePauseCommand(true), p.sourcePauseCommand(false), p.sourceRemoveCommand(), p.sourceTestCommand(), p.sourceMovedCommand(), p.sourceAdoptCommand())
	for _, sub := range c.Commands() {
		sub.DisableFlagsInUseLine = true
	}
	return c
}

func (p *program) sourceListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List sources and their state",
		Long: `Lists the sources: the last good backup that holds everything, the next run, and what needs attention. Exit
code 0 even when something is wrong; "cofre doctor" fails then.`,
		Example: `  cofre source list
  cofre source list --json | jq -r '.sources[] | select(.state != "ok") | .name'`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.sourceList(cmd.Context()) },
	}
}

// sourceDoc is one source in source list --json.
type sourceDoc struct {
	Name      string             `json:"name"`
	Database  string             `json:"database"`
	Server    string             `json:"server,omitempty"`
	State     overview.State     `json:"state"`
	Findings  []overview.Finding `json:"findings"`
	Backups   int                `json:"backups"`
	Bytes     int64              `json:"bytes"`
	LastWhole *overview.Ref      `json:"lastWhole,omitempty"`
	LastGood  *overview.Ref      `json:"lastGood,omitempty"`
	// LastProven is nil where none ever was.
	LastProven *overview.ProofRef `json:"lastProven,omitempty"`
	NextDue    *time.Time         `json:"nextDue,omitempty"`
	Forecast   *overview.Forecast `json:"forecast,omitempty"`
	Coming     []overview.Stored  `json:"storageForecast,omitempty"`
	Overdue    bool               `json:"overdue"`
	// What follows is only there for a source that is backed up from here.
	Origin     *source.Origin     `json:"origin,omitempty"`
	Connection *source.Connection `json:"connection,omitempty"` // where its URL is to be had; empty: DATABASE_URL
	Schedule   string             `json:"schedule,omitempty"`
	Paused     bool               `json:"paused,omitempty"`
	Unknown    int                `json:"serverUnknown"`
}

func (p *program) sourceList(ctx context.Context) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	o, err := a.Service.Overview(ctx, time.Local)
	if err != nil {
		return err
	}
	all, err := a.Service.Sources(ctx)
	if err != nil {
		return err
	}
	docs := []sourceDoc{}
	for _, s := range o.Sources {
		d := sourceDoc{Name: s.Name, Database: s.Database, Server: s.Server, State: s.State, Findings: s.Findings, Backups: s.Backups, Bytes: s.Bytes,
			LastWhole: s.LastWhole, LastGood: s.LastGood, LastProven: s.LastProven, Forecast: s.Forecast, Coming: s.Coming, Overdue: s.Overdue, Unknown: s.ServerUnknown}
		if d.Findings == nil {
			d.Findings = []overview.Finding{}
		}
		if !s.NextDue.IsZero() {
			d.NextDue = &s.NextDue
		}
		if of, ok := all.Find(s.Name); ok {
			d.Origin, d.Connection, d.Schedule, d.Paused = &of.Origin, &of.Connection, s.Schedule, s.Paused
		}
		docs = append(docs, d)
	}
	return p.print(map[string]any{"state": o.State, "sources": docs}, func() error { return p.sourceTable(o, all) })
}

func (p *program) sourceTable(o overview.Overview, all source.List) error {
	if len(o.Sources) == 0 {
		p.note("No source yet. Create the first backup with: cofre create")
		return nil
	}
	t := &term.Table{Columns: []term.Column{
		{Title: "SOURCE", Shrink: 10}, {Title: "STATE", Words: true}, {Title: "ORIGIN", Shrink: 12, Drop: 8}, {Title: "CONNECTION", Shrink: 12, Drop: 7}, {Title: "SERVER", Shrink: 12, Drop: 1}, {Title: "BACKUPS", Right: true, Drop: 2},
		{Title: "LAST GOOD", Drop: 4}, {Title: "PROVEN", Words: true, Drop: 5}, {Title: "SCHEDULE", Shrink: 12, Drop: 6}, {Title: "NEXT", Drop: 3}, {Title: "WHAT TO LOOK AT", Shrink: 20},
	}}
	for _, s := range o.Sources {
		last, proof, next := "-", "never", "-"
		if s.LastWhole != nil {
			last = term.Time(s.LastWhole.At)
		}
		if s.LastProven != nil {
			proof = term.Time(s.LastProven.Proof)
			if s.LastProven.InPart {
				proof += " in part"
			}
		}
		if !s.NextDue.IsZero() {
			next = term.Time(s.NextDue)
		}
		origin, connection, when := "-", "-", "-"
		if of, ok := all.Find(s.Name); ok {
			origin, connection = of.Origin.String(), of.Connection.String()
			if plan, planned, _ := of.Plan(); planned {
				when = plan.Words()
			}
			if of.Paused {
				when = "paused"
			}
		}
		var texts []string
		for _, f := range s.Findings {
			texts = append(texts, term.OwnTimes(f.Text))
		}
		if s.ServerUnknown > 0 {
			texts = append(texts, fmt.Sprintf("%s of an unknown server (cofre source adopt %s)", term.Plural(s.ServerUnknown, "backup"), source.Quote(s.Name)))
		}
		t.Add(term.Cell{Text: s.Name}, stateCell(s.State, p.out), term.Cell{Text: origin}, term.Cell{Text: connection}, term.Cell{Text: s.Server}, term.Cell{Text: fmt.Sprint(s.Backups)},
			term.Cell{Text: last}, term.Cell{Text: proof}, term.Cell{Text: when}, term.Cell{Text: next}, term.Cell{Text: strings.Join(texts, "; ")})
	}
	return t.Write(p.stdout, p.out)
}

func stateCell(s overview.State, l term.Look) term.Cell {
	switch s {
	case overview.OK:
		return term.Cell{Text: "ok", Paint: l.Green}
	case overview.Warning:
		return term.Cell{Text: "warning", Paint: l.Yellow}
	}
	return term.Cell{Text: string(s), Paint: l.Red}
}

func (p *program) sourceMovedCommand() *cobra.Command {
	var database string
	c := &cobra.Command{
		Use: "moved NAME", Short: "Record that a source has moved to where DATABASE_URL points",
		Long: `Records that a source has moved to the server that DATABASE_URL points to: after a failover, to a new
cluster, or to a clone that replaces it. It connects, and records the new server. A promoted standby or a
clone of the same cluster adds its address; another cluster replaces the old one.

A restore by cofre into a database of the source's name is recorded by itself: the first backup from there
is the move.`,
		Example: `  DATABASE_URL=postgresql://backup@new-primary/shop cofre source moved shop`,
		Args:    arguments(1, 1, "a source's name"), ValidArgsFunction: p.completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withSource(cmd.Context(), sourceMoved, args[0], func(ctx context.Context, s sourceService) (any, string, error) {
				rec, err := s.MoveSource(ctx, args[0], database, "local:"+userName())
				return rec, movedText(rec), err
			})
		},
	}
	c.Flags().StringVar(&database, "database", "", "back up database `NAME` on the same server instead")
	return c
}

// movedText names both places, so that a slip in DATABASE_URL shows.
func movedText(rec source.Record) string {
	at := func(i source.Identity) string {
		return fmt.Sprintf("database %q at %s", i.Database, strings.Join(i.Addresses, ", "))
	}
	text := "source " + rec.Name + " is now " + at(rec.Identity)
	if n := len(rec.Moves); n > 0 {
		text += "; it was " + at(rec.Moves[n-1].From)
	}
	return text
}

func (p *program) sourceAdoptCommand() *cobra.Command {
	return &cobra.Command{
		Use: "adopt NAME", Short: "Assign backups from before sources were known to a source",
		Long: `Backups created before cofre knew sources record only the name of their database. They are counted
separately, with a limit and a newest good one of their own. When you know that they are of this source's
server, adopt them: from then on they count together with its others. This cannot be undone.`,
		Example: `  cofre source adopt shop`,
		Args:    arguments(1, 1, "a source's name"), ValidArgsFunction: p.completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withSource(cmd.Context(), sourceAdopted, args[0], func(ctx context.Context, s sourceService) (any, string, error) {
				n, err := s.AdoptSource(ctx, args[0])
				return map[string]any{"source": args[0], "adopted": n}, fmt.Sprintf("%s adopted by source %s", term.Plural(n, "backup"), args[0]), err
			})
		},
	}
}

func (p *program) sourceTestCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "test NAME... | --all", Short: "Connect to a source, and check whether it can be backed up",
		Long: `Connects to sources and shows which server and database each is, how large, and as what it is known. It fails
where a backup would: no connection, a role that cannot read everything, no suitable pg_dump, or another
server than the source is known as. Nothing is created or changed.`,
		Example: "  cofre source test shop\n  cofre source test --all --json | jq -r '.results[] | select(.error) | .source'",
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return arguments(0, 0, "")(cmd, args)
			}
			return arguments(1, -1, "a source's name, or --all")(cmd, args)
		},
		ValidArgsFunction: p.completeSources,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.sourceTest(cmd.Context(), args, all) },
	}
	c.Flags().BoolVar(&all, "all", false, "each source")
	return c
}

// lookedAt is one source in source test --json.
type lookedAt struct {
	Source string             `json:"source"`
	Found  *backup.SourceLook `json:"found,omitempty"`
	Error  *registry.Error    `json:"error,omitempty"`
}

func (p *program) sourceTest(ctx context.Context, names []string, all bool) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	if all {
		list, err := a.Service.Sources(ctx)
		if err != nil {
			return err
		}
		names = list.Names()
		for _, f := range list.Unanswered() {
			names = append(names, f.Source)
		}
		for _, t := range list.Untaken() {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return usage("Name sources in cofre.yaml, the file that BACKUP_CONFIG leads to; or set DATABASE_URL.", "there is no source to connect to")
	}
	doc := struct {
		Results []lookedAt `json:"results"`
	}{[]lookedAt{}}
	ends := several{p: p, of: len(names)}
	for _, name := range names {
		look, err := a.Service.TestSource(ctx, name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		one := lookedAt{Source: name}
		if err != nil {
			one.Error = recordOf(err)
		} else {
			one.Found = &look
			if !p.json {
				err = p.sourceFound(look)
			}
		}
		doc.Results = append(doc.Results, one)
		if err != nil {
			f := *fault.From(err)
			f.Message = "source " + name + ": " + f.Message
			err = &f
		}
		ends.ended(err)
	}
	return ends.end(doc)
}

func (p *program) sourceFound(look backup.SourceLook) error {
	if err := p.printf("%s source %s can be backed up\n", p.out.Green(p.out.Sign("✓", "ok:")), p.out.Bold(term.Clean(look.Source))); err != nil {
		return err
	}
	var t term.Pairs
	t.Add("  database", term.Clean(look.Database)+", "+term.Bytes(look.Size)+" on its disk")
	server := term.Clean(look.Server.Address()) + ", PostgreSQL " + term.Clean(look.Version)
	if look.Server.SystemIdentifier != "" {
		server += ", system identifier " + term.Clean(look.Server.SystemIdentifier)
	}
	if look.Server.InRecovery {
		server += ", a standby"
	}
	t.Add("  server", server)
	t.Add("  pg_dump", term.Clean(look.PgDump))
	for _, r := range look.Remarks {
		t.Add("  note", term.Clean(r))
	}
	return t.Write(p.stdout, p.out)
}

// sourceService is what the commands of source change.
type sourceService interface {
	MoveSource(ctx context.Context, name, database, by string) (source.Record, error)
	AdoptSource(ctx context.Context, name string) (int, error)
}

// Actions in the audit trail.
const (
	sourceMoved   = "source_moved"
	sourceAdopted = "source_adopted"
)

// withSource changes a source, records that, and tells what became of it.
func (p *program) withSource(ctx context.Context, action, name string, do func(context.Context, sourceService) (any, string, error)) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	doc, text, err := do(ctx, a.Service)
	p.acted(ctx, a, action, "", err, map[string]string{"source": name})
	if err != nil {
		return err
	}
	return p.print(doc, func() error { return p.printf("%s %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(text)) })
}
