package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

const cleanupLong = `Removes backups older than DAYS (default: BACKUP_RETENTION_DAYS), and those beyond
BACKUP_MAX_BACKUPS_TO_KEEP and BACKUP_MAX_STORAGE_SIZE_GB. DAYS 0 removes everything that is not protected;
BACKUP_RETENTION_DAYS=0 keeps backups forever. Leftovers of interrupted runs are cleaned up first.

Always kept: the newest verified backup of each source, and of each kind of part; what is running; and the
backup before a newest one that is half its size or less. Also kept is what BACKUP_KEEP (daily=7,weekly=5)
or cofre.yaml holds, and what someone pinned (cofre pin). --dry-run lists exactly what would be removed, and
why, and changes nothing. Audit records older than BACKUP_AUDIT_LOG_RETENTION_DAYS are removed too.`

const cleanupExamples = `  cofre cleanup 30 --dry-run
  cofre cleanup 30
  cofre cleanup --max-backups 14 --dry-run
  cofre cleanup --plan --at 2027-06-01      what will be left then, month by month
  cofre cleanup                    as BACKUP_RETENTION_DAYS says (30 by default)`

func (p *program) cleanupCommand() *cobra.Command {
	var o backup.CleanupOptions
	var keep int
	var at string
	var plan bool
	c := &cobra.Command{
		Use: "cleanup [DAYS] [options]", Short: "Remove old backups and leftovers", Long: cleanupLong, Example: cleanupExamples,
		Args: arguments(0, 1, "a number of days"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				n, err := strconv.Atoi(args[0])
				if err != nil {
					return usage("For example: cofre cleanup 30", "%.60q is not a number of days", args[0])
				}
				o.Days = &n
			}
			if cmd.Flags().Changed("max-backups") {
				o.MaxBackups = &keep
			}
			o.DryRun = o.DryRun || plan
			if at != "" {
				if !o.DryRun {
					return usage("Nothing is removed ahead of time: cofre cleanup --plan --at "+at, "--at needs --plan")
				}
				var err error
				if o.At, err = parseAhead("at", at, time.Now(), 0); err != nil {
					return err
				}
			}
			return p.cleanup(cmd.Context(), o)
		},
	}
	c.Flags().IntVar(&keep, "max-backups", 0, "keep the newest `N` of each source and kind (default BACKUP_MAX_BACKUPS_TO_KEEP; 0 is no limit)")
	c.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "list what would be removed, and change nothing")
	c.Flags().BoolVar(&plan, "plan", false, "the same as --dry-run")
	c.Flags().StringVar(&at, "at", "", "with --plan: what goes until this `DATE`, if backups are made as they are now, and how many are left")
	return c
}

// cleanupDoc is the document of cleanup --json.
type cleanupDoc struct {
	backup.CleanupReport
	Error *registry.Error `json:"error,omitempty"`
}

func (p *program) cleanup(ctx context.Context, o backup.CleanupOptions) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	bar := p.bar("cleaning up")
	o.By = actor()
	rep, err := a.Service.Cleanup(ctx, o)
	bar.Close()
	if !o.DryRun {
		p.cleaned(ctx, a, rep, err)
	}
	if err != nil {
		return err
	}
	for _, items := range [][]backup.CleanupItem{rep.Removed, rep.Kept} {
		for i := range items {
			items[i].Backup = located(a, items[i].Backup)
		}
	}
	failed := notRemoved(rep)
	doc := cleanupDoc{CleanupReport: rep, Error: recordOf(failed)}
	if err := p.print(doc, func() error { return p.cleanupText(rep) }); err != nil {
		return err
	}
	if failed != nil {
		return told{failed}
	}
	return nil
}

// notRemoved makes an error of backups that should have gone.
func notRemoved(rep backup.CleanupReport) error {
	if len(rep.Failures) == 0 {
		return nil
	}
	f := rep.Failures[0]
	return &fault.Error{Code: f.Error.Code, Reason: f.Error.Reason, Hint: f.Error.Hint,
		Message: fmt.Sprintf("%s could not be removed; the first, %s: %s", term.Plural(len(rep.Failures), "backup"), f.ID, f.Error.Message)}
}

func (p *program) cleanupText(rep backup.CleanupReport) error {
	p.leftovers(rep.Leftovers)
	for _, d := range rep.Databases {
		p.note("%s was left by a proof that was killed: dropped", term.Clean(d))
	}
	table := func(items []backup.CleanupItem) error {
		t := &term.Table{Columns: []term.Column{{Title: "ID"}, {Title: "SOURCE", Shrink: 10}, {Title: "CREATED", Drop: 1}, {Title: "SIZE", Right: true}, {Title: "REASON", Shrink: 30}}}
		for _, it := range items {
			t.Add(term.Cell{Text: it.Backup.ID}, sourceCell(it.Backup, p.out), term.Cell{Text: term.Time(it.Backup.CreatedAt)},
				term.Cell{Text: term.Bytes(it.Backup.Size)}, term.Cell{Text: reasons(it)})
		}
		return t.Write(p.stdout, p.out)
	}
	if rep.Forecast != nil {
		return p.forecast(rep, table)
	}
	if rep.RemovedCount > 0 {
		if err := table(rep.Removed); err != nil {
			return err
		}
	}
	if (rep.DryRun || p.verbose) && rep.KeptCount > 0 {
		if err := p.printf("%s\n", p.out.Dim("kept:")); err != nil {
			return err
		}
		if err := table(rep.Kept); err != nil {
			return err
		}
	}
	if !rep.BilledUntil.IsZero() {
		p.note("the bucket locks what it holds: versions of what is removed stay, and are billed, until %s at the latest", term.Moment(rep.BilledUntil))
	}
	verb := "removed"
	if rep.DryRun {
		verb = "would be removed"
	}
	return p.printf("%s %s%s, %d kept\n", term.Plural(rep.RemovedCount, "backup"), verb, freed(rep.FreedBytes), rep.KeptCount)
}

func reasons(it backup.CleanupItem) string {
	var texts []string
	for _, r := range it.Reasons {
		texts = append(texts, term.OwnTimes(r.Text))
	}
	return strings.Join(texts, "; ")
}

// leftovers tells what killed runs had left.
func (p *program) leftovers(r registry.Report) {
	for _, part := range []struct {
		ids  []string
		what string
	}{
		{r.Failed, "its process died: marked failed, leftovers removed"},
		{r.Completed, "had finished but was not recorded: recorded"},
		{r.Removed, "its removal was interrupted: completed"},
	} {
		for _, id := range part.ids {
			p.note("%s: %s", id, part.what)
		}
	}
	for _, problem := range r.Problems {
		p.note("%s %s", p.screen.Yellow("not cleaned up yet, will retry at the next cleanup:"), term.Clean(problem))
	}
}
