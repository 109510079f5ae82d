package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

const statusLong = `Shows the progress of a backup, also one run by another process. A percentage is shown only if an earlier
backup of the same kind allows an honest estimate.

--watch waits until the backup ends, and then exits as "cofre create" would have.`

const statusExamples = `  cofre status 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre status 01JH5W0R8ZB3M7K2Q4X9T6V1NA --watch
  cofre list -q --status in_progress | xargs -n 1 cofre status`

// watchEvery is how often --watch looks. A running backup publishes its progress every 3 seconds.
const watchEvery = time.Second

func (p *program) statusCommand() *cobra.Command {
	watch := false
	c := &cobra.Command{
		Use: "status ID [options]", Short: "Show a backup's progress", Long: statusLong, Example: statusExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(anyBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			return p.status(cmd.Context(), a, args[0], watch)
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "follow it until it has ended")
	return c
}

func (p *program) status(ctx context.Context, a *app.App, ref string, watch bool) error {
	r, err := a.Service.Status(ctx, ref)
	if err == nil && watch && r.Backup.Status == registry.InProgress {
		r, err = p.follow(ctx, a, r)
	}
	if err != nil {
		return err
	}
	r.Backup = located(a, r.Backup)
	failed := watch && r.Backup.Status == registry.Failed
	doc := struct {
		backup.StatusReport
		Error *registry.Error `json:"error,omitempty"`
	}{StatusReport: r}
	if failed {
		doc.Error = r.Backup.Error
	}
	if err := p.print(doc, func() error { return p.statusText(r) }); err != nil || !failed {
		return err
	}
	return told{outcome(r.Backup)}
}

// follow looks until the backup has ended.
func (p *program) follow(ctx context.Context, a *app.App, r backup.StatusReport) (backup.StatusReport, error) {
	bar := p.bar(r.Message)
	defer bar.Close()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for r.Backup.Status == registry.InProgress {
		st := term.State{Phase: "waiting", Note: r.Message}
		if r.Detail != nil {
			st = stateOf(*r.Detail)
		}
		bar.Set(st)
		select {
		case <-ctx.Done():
			return r, context.Cause(ctx)
		case <-tick.C:
		}
		var err error
		if r, err = a.Service.Status(ctx, r.ID); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (p *program) statusText(r backup.StatusReport) error {
	s := statusWord(r.Backup, p.out)
	line := r.Message
	if d := r.Detail; d != nil {
		if d.Percent != nil {
			line += fmt.Sprintf(", %d %%", *d.Percent)
		}
		line += ", " + term.Bytes(d.DumpBytes) + " dumped, " + term.Bytes(d.SentBytes) + " stored"
		if d.Rate > 0 {
			line += ", " + term.Bytes(int64(d.Rate)) + "/s"
		}
		if d.Engine != "" {
			line += ", read " + readText(d.Engine, d.EngineReason, d.Jobs)
		}
		if d.Pieces > 0 {
			line += fmt.Sprintf(", %d of %d pieces", d.Written, d.Pieces)
		}
		line += ", " + term.Clock(d.UpdatedAt.Sub(d.StartedAt)) + " elapsed"
	}
	if r.Backup.Status == registry.Success {
		line = fmt.Sprintf("%s in %s, %s", term.Bytes(r.Backup.Size), durationText(r.Backup), verifiedLong(r.Backup))
	}
	return p.printf("%s  %s  %s\n", r.ID, s.Paint(s.Text), term.Clean(line))
}

// outcome is the error of a failed backup, made anew from its record.
func outcome(b backup.Backup) error {
	if b.Error == nil {
		return fault.New(fault.BackupCreation, "", "See: cofre info "+b.ID, "backup %s failed", b.ID)
	}
	return &fault.Error{Code: b.Error.Code, Reason: b.Error.Reason, Message: b.Error.Message, Hint: b.Error.Hint, Attempts: b.Error.Attempts}
}
