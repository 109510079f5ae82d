package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/metrics"
	"cofre/pkg/registry"
)

const runLong = `Runs a backup queued by the API, in a workflow or container. Exits as "cofre create" would. Started a second
time for the same backup, it does nothing and says so with exit code 2, so a duplicate delivery is harmless.
Copies are made separately: cofre copy.

With --restore the ID is that of a restore requested through the API: it goes into the target that it names,
which is defined in the file of BACKUP_CONFIG. --asked says what was requested, as the API handed it to the
workflow: if the record says something else by now, nothing is done.

With --proof it tests the restore of the backup as BACKUP_PROOF_ORDER says, a link that the workflow gives to
the container: it needs no credentials, and records nothing itself. Elsewhere use cofre prove.`

const runExamples = `  cofre run 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre run 01JH5W0R8ZB3M7K2Q4X9T6V1NA --json
  cofre run 01JH5W2C5D6E7F8G9H0J1K2M3N --restore`

func (p *program) runCommand() *cobra.Command {
	var restore, proof bool
	var asked string
	c := &cobra.Command{
		Use: "run ID [--restore] [--asked DIGEST] | --proof", Short: "Run a backup queued by the API", Long: runLong, Example: runExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(anyBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case proof && (restore || asked != ""):
				return usage("Use only one of them.", "--proof cannot be used together with --restore or --asked")
			case proof:
				return p.makeOrdered(cmd.Context(), args[0])
			case restore:
				return p.makeRestore(cmd.Context(), args[0], asked)
			case asked != "":
				return usage("Add --restore, or leave it out.", "--asked is for restores")
			}
			return p.make(cmd, args[0])
		},
	}
	c.Flags().BoolVar(&restore, "restore", false, "ID is that of a restore")
	c.Flags().BoolVar(&proof, "proof", false, "prove the backup ID, as BACKUP_PROOF_ORDER says")
	c.Flags().StringVar(&asked, "asked", "", "with --restore: the `DIGEST` of what was asked for")
	return c
}

func (p *program) make(cmd *cobra.Command, id string) error {
	a, err := p.open(cmd.Context())
	if err != nil {
		return err
	}
	bar := p.bar(backup.PhaseConnecting)
	b, err := a.Service.Run(cmd.Context(), id, func(pr backup.Progress) { bar.Set(stateOf(pr)) })
	bar.Close()
	p.acted(cmd.Context(), a, "run", id, err, nil)
	if b.ID != "" && p.getenv("AWS_EXECUTION_ENV") == "AWS_ECS_FARGATE" { // CloudWatch finds metrics in the log
		if merr := metrics.EMF(p.screen, a.Config().MetricsNamespace, time.Now(), metrics.Ended(b, err)); merr != nil {
			p.log.Warn("metrics not written", "error", merr.Error())
		}
	}
	return p.made(cmd, a, b, err)
}

// ranRestore is the document of run --restore --json: what whoever asked for the restore sees of its record.
type ranRestore struct {
	ID         string                `json:"id"`
	Backup     string                `json:"backup"`
	Target     string                `json:"target"`
	Database   string                `json:"database"`
	Mode       string                `json:"mode"`
	State      registry.RestoreState `json:"state"`
	HalfFilled bool                  `json:"halfFilled,omitempty"`
	Restored   *registry.Restored    `json:"restored,omitempty"`
	Error      *registry.Error       `json:"error,omitempty"`
}

// makeRestore makes a reserved restore. Its record says how far it is, and how it ended.
func (p *program) makeRestore(ctx context.Context, id, asked string) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	bar := p.bar("restoring")
	run := func() (registry.Restore, error) { return a.Service.RunRestore(ctx, id) }
	if asked != "" {
		run = func() (registry.Restore, error) { return a.Service.RunRestoreRequest(ctx, id, asked) }
	}
	x, err := run()
	bar.Close()
	p.acted(ctx, a, "run", id, err, map[string]string{"what": "restore"})
	if err != nil && ctx.Err() != nil {
		err = stopped(ctx, err)
	}
	if err != nil && (x.ID == "" || !p.json) {
		return err
	}
	perr := p.print(ranRestore{x.ID, x.Backup, x.Target, x.Database, x.Mode, x.State, x.HalfFilled, x.Restored, recordOf(err)}, func() error {
		return p.printf("restored %s into database %s of target %s\n", x.Backup, term.Clean(x.Database), term.Clean(x.Target))
	})
	if err == nil || perr != nil {
		return perr
	}
	return told{err}
}
