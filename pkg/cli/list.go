package cli

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
)

const listLong = `Lists backups, newest first. Filters are combined with AND.

SOURCE is where the backup comes from; a question mark after it means that its server is unknown. HOLDS is
shown when a backup is partial. VERIFIED is how each was last verified: at creation, checksum, full (read
back), restored or proven. Its dots are the steps: stored, verified at creation, read back, restored, proven;
a half dot is in part. WARNING is shown when a backup is half the size of the one before, or tables lost rows
since. "cofre info ID" shows the details of one.`

const listExamples = `  cofre list
  cofre list --source shop --since 7d
  cofre list --status failed                       what went wrong lately
  cofre list --problems                            what needs attention
  cofre list --label reason=upgrade
  cofre list -q --status success | xargs -n 1 cofre validate
  cofre list --json --limit 1 | jq -r '.backups[0].filepath'`

// listOptions are the options of list that are not those of backup.ListOptions as they are.
type listOptions struct{ status, since, until string }

func (p *program) listCommand() *cobra.Command {
	var o backup.ListOptions
	var raw listOptions
	c := &cobra.Command{
		Use: "list [options]", Aliases: []string{"ls"}, Short: "List backups, newest first", Long: listLong, Example: listExamples,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := raw.fill(&o, time.Now()); err != nil {
				return err
			}
			return p.list(cmd, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.Source, "source", "", "only backups of the source `NAME`")
	f.StringVar(&o.Database, "database", "", "only backups of databases called `NAME`")
	f.StringVar(&raw.status, "status", "", "only `STATUS`: success, failed or in_progress")
	f.StringVar((*string)(&o.Outcome), "outcome", "", "only those that ended as `OUTCOME`: succeeded, failed, canceled or interrupted")
	f.StringVar(&raw.since, "since", "", "created at or after `TIME`: 2025-01-09, \"2025-01-09 14:30\", or an age: 36h, 7d")
	f.StringVar(&raw.until, "until", "", "created before `TIME`")
	f.StringArrayVar(&o.Labels, "label", nil, "only those with the label `KEY` or KEY=VALUE; repeatable: with all of them")
	f.StringVar(&o.Search, "search", "", "`TEXT` in the file path, the source, the database or the id")
	f.BoolVar(&o.Damaged, "damaged", false, "only damaged ones")
	f.BoolVar(&o.Problems, "problems", false, "only those that failed, died, are damaged, or in which tables lost rows")
	f.BoolVar(&o.Pinned, "pinned", false, "only those that a pin keeps")
	f.IntVar(&o.Limit, "limit", 10_000, "at most `N` backups; 0 is all")
	f.StringVar(&o.Cursor, "cursor", "", "next page: the cursor `NEXT` that the page before printed")
	fixedValues(c, "status", string(registry.Success), string(registry.Failed), string(registry.InProgress))
	fixedValues(c, "outcome", string(registry.Succeeded), string(registry.FailedToEnd), string(registry.Canceled), string(registry.Interrupted))
	return c
}

func (raw listOptions) fill(o *backup.ListOptions, now time.Time) (err error) {
	o.Status = registry.Status(raw.status)
	if o.Since, err = parseTime("since", raw.since, now); err != nil {
		return err
	}
	o.Until, err = parseTime("until", raw.until, now)
	return err
}

// parseTime reads a moment: a day or a minute in local time, RFC 3339, or a length of time before now.
func parseTime(option, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usage("Use 2025-01-09, \"2025-01-09 14:30\", 2025-01-09T14:30:00Z, or an age: 36h, 7d.", "--%s %.60q is not a time", option, s)
}

func (p *program) list(cmd *cobra.Command, o backup.ListOptions) error {
	a, err := p.open(cmd.Context())
	if err != nil {
		return err
	}
	o.Fates = !p.json && !p.quiet
	page, err := a.Service.List(cmd.Context(), o)
	if err != nil {
		return err
	}
	if !p.json {
		return p.listPage(a, o, page)
	}
	for i, b := range page.Backups {
		page.Backups[i] = located(a, b)
	}
	return p.print(page, nil)
}

func (p *program) listPage(a *app.App, o backup.ListOptions, page backup.List) error {
	if p.quiet {
		for _, b := range page.Backups {
			if err := p.printf("%s\n", b.ID); err != nil {
				return err
			}
		}
		return nil
	}
	if len(page.Backups) == 0 {
		return p.listEmpty(a, o, page)
	}
	if err := p.backupTable(page.Backups, page.Fates).Write(p.stdout, p.out); err != nil {
		return err
	}
	count := term.Plural(page.Total, "backup")
	if len(page.Backups) < page.Total {
		count = term.Count(int64(len(page.Backups))) + " of " + count
	}
	p.note("%s", p.screen.Dim(count+", in "+a.Service.Location(strings.TrimSuffix(registry.FilesPrefix, "/"))))
	if page.Next != "" {
		p.note("%s", p.screen.Dim("next page: the same command with --cursor "+page.Next))
	}
	return nil
}

// listEmpty says why there is nothing, and what to do.
func (p *program) listEmpty(a *app.App, o backup.ListOptions, page backup.List) error {
	plain := backup.ListOptions{Limit: o.Limit, Fates: o.Fates}
	switch {
	case o.Cursor != "" && page.Total > 0:
		p.note("No more backups.")
	case !reflect.DeepEqual(o, plain):
		p.note("No matching backups. List all with: cofre list")
	default:
		p.note("No backups in %s yet. Create the first with: cofre create", term.Clean(a.Store.Describe()))
	}
	return nil
}

// backupTable is the table of list and demo.
func (p *program) backupTable(backups []backup.Backup, fates map[string]backup.Fate) *term.Table {
	// A column that would say the same of all is left out.
	parts := slices.ContainsFunc(backups, func(b backup.Backup) bool { return !b.Whole() })
	warned := slices.ContainsFunc(backups, func(b backup.Backup) bool { return warningText(b, fates[b.ID]) != "" })
	t := &term.Table{Columns: []term.Column{
		{Title: "ID"}, {Title: "STATUS"}, {Title: "SOURCE", Shrink: 10}, {Title: "FILE", Shrink: 20, Drop: 3},
		{Title: "CREATED", Drop: 4}, {Title: "DURATION", Right: true, Drop: 1}, {Title: "SIZE", Right: true}, {Title: "VERIFIED", Drop: 2},
	}}
	if parts {
		t.Columns = slices.Insert(t.Columns, 3, term.Column{Title: "HOLDS", Shrink: 6})
	}
	if warned {
		t.Columns = append(t.Columns, term.Column{Title: "WARNING", Shrink: 12})
	}
	for _, b := range backups {
		size := term.Cell{Text: term.Bytes(b.Size)}
		if b.Size == 0 {
			size = term.Cell{Text: "-", Paint: p.out.Dim}
		}
		verified := verifiedWord(b, p.out)
		verified.Text += ladder(b, p.out)
		status := statusWord(b, p.out)
		if b.Pin.Holds(time.Now()) {
			status.Text += p.out.Say(", pinned")
		}
		if b.ObjectLock.Holds(time.Now()) {
			status.Text += p.out.Say(", locked")
		}
		cells := []term.Cell{{Text: b.ID}, status, sourceCell(b, p.out), {Text: shortPath(b)},
			{Text: term.Time(b.CreatedAt)}, {Text: durationText(b)}, size, verified}
		if parts {
			cells = slices.Insert(cells, 3, holdsCell(b, p.out))
		}
		if warned {
			cells = append(cells, term.Cell{Text: warningText(b, fates[b.ID]), Paint: p.out.Yellow})
		}
		t.Add(cells...)
	}
	return t
}
