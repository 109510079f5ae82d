package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/api/contract"
	"cofre/pkg/app"
	"cofre/pkg/audit"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

const auditLong = `Shows who did what, or verifies that this record is intact. Every API operation, and every command that
changes something or hands out data, leaves a record in the backup directory, chained to the one before by
its hash.`

const auditExamples = `  cofre audit list --since 7d
  cofre audit list --outcome denied
  cofre audit verify`

const auditListLong = `Lists audit records, newest first. Filters are combined with AND. ACTOR is the subject of the caller's
token, or local: and the user who ran a command.`

const auditListExamples = `  cofre audit list
  cofre audit list --since 24h --outcome denied     denied requests
  cofre audit list --since 7d --without-reads       what was changed, and what data was handed out
  cofre audit list --action download --json | jq -r '.records[] | [.at, .actor, .resource] | @tsv'`

const auditVerifyLong = `Reads every audit record and checks the chain: no record changed, missing or inserted, at either end.
Records that BACKUP_AUDIT_LOG_RETENTION_DAYS removed are accounted for by a record of their removal.

A broken chain exits with code 6 and says at which record, and what that means. Keep the printed hash
somewhere else: someone who can write to the storage could compute a new chain, but not one with the same
hash.`

const auditVerifyExamples = `  cofre audit verify
  cofre audit verify --json | jq -r .lastHash`

func (p *program) auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "audit", Short: "Show and verify the audit trail", Long: auditLong, Example: auditExamples, SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, sub := range []*cobra.Command{p.auditListCommand(), p.auditVerifyCommand()} {
		sub.DisableFlagsInUseLine = true
		c.AddCommand(sub)
	}
	return c
}

func (p *program) auditListCommand() *cobra.Command {
	var q contract.ListAuditParams
	var outcome, since, until string
	c := &cobra.Command{
		Use: "list [options]", Aliases: []string{"ls"}, Short: "List audit records, newest first", Long: auditListLong, Example: auditListExamples,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			q.Outcome = contract.AuditOutcome(outcome)
			if outcome != "" && !q.Outcome.Valid() {
				return usage("Use allowed, denied or failed.", "%.40q is not an outcome", outcome)
			}
			if q.Limit < 1 {
				return usage("Use 1 or more.", "a list cannot have %d records", q.Limit)
			}
			now := time.Now()
			if q.Since, err = parseTime("since", since, now); err != nil {
				return err
			}
			if q.Until, err = parseTime("until", until, now); err != nil {
				return err
			}
			return p.auditList(cmd.Context(), q)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&q.Actor, "actor", "", "only what `SUBJECT` did, such as local:root")
	f.StringVar(&q.Action, "action", "", "only `ACTION`, such as create, download or delete")
	f.StringVar(&outcome, "outcome", "", "only `OUTCOME`: allowed, denied or failed")
	f.StringVar(&q.Resource, "backup", "", "only records about the backup with this `ID`")
	f.BoolVar(&q.WithoutReads, "without-reads", false, "leave out what was only looked at: it changed nothing and handed out no data")
	f.StringVar(&since, "since", "", "at or after `TIME`: 2025-01-09, \"2025-01-09 14:30\", or an age: 36h, 7d")
	f.StringVar(&until, "until", "", "before `TIME`")
	f.IntVar(&q.Limit, "limit", 50, "at most `N` records")
	f.StringVar(&q.Cursor, "cursor", "", "next page: the cursor `NEXT` that the page before printed")
	fixedValues(c, "outcome", string(contract.AuditOutcomeAllowed), string(contract.AuditOutcomeDenied), string(contract.AuditOutcomeFailed))
	fixedValues(c, "action", "audit_trim", "cancel", "cleanup", "create", "delete", "download", "list", "restore", "rows", "run", "settings_write", "validate")
	if err := c.RegisterFlagCompletionFunc("backup", p.completeIDs(anyBackup, 1)); err != nil {
		panic(err) // no such option: a mistake in this package
	}
	return c
}

func (p *program) auditList(ctx context.Context, q contract.ListAuditParams) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	page, err := readTrail(ctx, a, q)
	if err != nil {
		return err
	}
	return p.print(page, func() error {
		if len(page.Records) == 0 {
			p.note("No matching audit records.")
			return nil
		}
		if err := p.auditTable(page.Records).Write(p.stdout, p.out); err != nil {
			return err
		}
		if page.Next != "" {
			p.note("%s", p.screen.Dim("next page: the same command with --cursor "+page.Next))
		}
		return nil
	})
}

// readTrail gives as many records as were asked for, where the trail gives fewer at a time.
func readTrail(ctx context.Context, a *app.App, q contract.ListAuditParams) (contract.ListAuditResponse, error) {
	all := contract.ListAuditResponse{Records: []contract.AuditRecord{}}
	for want := q.Limit; ; {
		q.Limit = want - len(all.Records)
		page, err := a.Audit.List(ctx, q)
		if err != nil {
			return all, err
		}
		all.Records, all.Next = append(all.Records, page.Records...), page.Next
		if page.Next == "" || len(all.Records) >= want {
			return all, nil
		}
		q.Cursor = page.Next
	}
}

func (p *program) auditTable(records []contract.AuditRecord) *term.Table {
	t := &term.Table{Columns: []term.Column{
		{Title: "AT"}, {Title: "ACTOR", Shrink: 12}, {Title: "ACTION"}, {Title: "OUTCOME"}, {Title: "BACKUP", Drop: 2}, {Title: "SOURCE", Shrink: 9, Drop: 3}, {Title: "WHY", Drop: 1},
	}}
	for _, r := range records {
		paint := map[contract.AuditOutcome]term.Paint{contract.AuditOutcomeAllowed: p.out.Green, contract.AuditOutcomeDenied: p.out.Red}[r.Outcome]
		if paint == nil {
			paint = p.out.Yellow
		}
		why := r.Reason
		if why == "" {
			why = r.Code
		}
		t.Add(term.Cell{Text: term.Time(r.At)}, term.Cell{Text: r.Actor}, term.Cell{Text: r.Action}, term.Cell{Text: string(r.Outcome), Paint: paint},
			term.Cell{Text: r.Resource}, term.Cell{Text: r.Source}, term.Cell{Text: why})
	}
	return t
}

func (p *program) auditVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Verify that no audit record was changed or removed", Long: auditVerifyLong, Example: auditVerifyExamples,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.auditVerify(cmd.Context()) },
	}
}

// auditDoc is the document of audit verify --json.
type auditDoc struct {
	audit.Report
	Error *registry.Error `json:"error,omitempty"`
}

func (p *program) auditVerify(ctx context.Context) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	rep, err := a.Audit.Verify(ctx)
	if err != nil {
		return err
	}
	var broken error
	if !rep.OK {
		broken = fault.New(fault.Validation, fault.StructureDamaged,
			"Find out who could write to the storage, and since when. With versioning or object lock the older versions under audit/ still hold what was there.",
			"audit trail broken in %s", term.Plural(len(rep.Breaks)+rep.MoreBreaks, "place"))
	}
	if err := p.print(auditDoc{rep, recordOf(broken)}, func() error { return p.auditText(rep) }); err != nil {
		return err
	}
	if broken != nil {
		return told{broken}
	}
	return nil
}

func (p *program) auditText(rep audit.Report) error {
	for _, b := range rep.Breaks {
		if err := p.printf("%s %s: %s\n", p.out.Red(p.out.Sign("✗", "broken:")), b.Kind, term.Clean(b.Message)); err != nil {
			return err
		}
	}
	if rep.MoreBreaks > 0 {
		if err := p.printf("  and %s more\n", term.Count(int64(rep.MoreBreaks))); err != nil {
			return err
		}
	}
	if rep.Count == 0 {
		return p.printf("no audit records\n")
	}
	what := fmt.Sprintf("%s, number %d to %d, from %s to %s", term.Plural(int(rep.Count), "audit record"), rep.First, rep.Last, term.Time(rep.FirstAt), term.Time(rep.LastAt))
	if rep.OK {
		what = p.out.Green(p.out.Sign("✓", "ok:")) + " " + what + ": chain intact"
	}
	if err := p.printf("%s\n", what); err != nil {
		return err
	}
	if rep.Trimmed > 0 {
		p.note("records up to %d were removed by retention, as a record says", rep.Trimmed)
	}
	return p.printf("  hash of the newest: %s\n", rep.LastHash)
}
